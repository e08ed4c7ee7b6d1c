"""Transforms as tables of cubic polynomials, for whatever transform, with the error measured.

A cell is the exponent and the first five bits of the fraction of ``|x| + shift``: 32 cells an octave, found
without a search, fine near 0 and coarse far away, as display scales are. The error decides nothing: who lies
nearer to an edge than four times the measured error is settled by the exact transform.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from immunoprofile.gating._program import CELL_BITS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from immunoprofile.transform import Transform

FARTHEST = 2.0**33
"""Largest linear value of a table; what lies beyond is settled by the exact transform."""
NEAREST = 2.0**-40
"""Smallest value of a table without 0, as a share of its largest."""
_NODES = 0.5 - 0.5 * np.cos(np.pi * (np.arange(4) + 0.5) / 4)  # Chebyshev nodes of [0, 1]
_POWERS = np.linalg.inv(np.vander(_NODES, increasing=True)).T
_CHECKS = np.linspace(0.02, 0.98, 10)
_SAFETY = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A transform on a range of linear values.

    Attributes
    ----------
    shift : float
        Width of the zone around 0 in which the transform is nearly linear.
    right, left : tuple of int
        Bits of the first cell, and number of cells, on either side of 0; the right side's cells come first.
    cells : ndarray, shape (n_cells, 4)
        Coefficients, lowest power first, of the place within the cell (0 to 1).
    doubt : float
        Bound of the error in transformed units.
    """

    shift: float
    right: tuple[int, int]
    left: tuple[int, int]
    cells: NDArray[np.float64]
    doubt: float


def make_table(transform: Transform, low: float, high: float) -> Table:
    """Build, or find, the table of a transform that covers the linear values from `low` to `high`."""
    low, high = max(low, -FARTHEST), min(high, FARTHEST)
    if low > 0:
        low = max(low, high * NEAREST)
    elif high < 0:
        high = min(high, low * NEAREST)
    return _table(
        cast("Any", transform), _rounded_down(low), -_rounded_down(-high)
    )  # rounded: gates share tables


def _rounded_down(value: float) -> float:
    """Move a value down to a power of two, or minus one."""
    if value == 0:
        return 0.0
    fraction, exponent = math.frexp(value)
    exact = abs(fraction) == 0.5
    return math.copysign(2.0 ** (exponent - 1 if value > 0 or exact else exponent), value)


@lru_cache(maxsize=256)
def _table(transform: Transform, low: float, high: float) -> Table:
    shift = _linear_zone(transform, low, high)
    right = _cells_between(max(low, 0.0) + shift, high + shift) if high > 0 else (0, 0)
    left = _cells_between(max(-high, 0.0) + shift, -low + shift) if low < 0 else (0, 0)
    sides = [_side(transform, *cells, shift=shift, sign=sign) for cells, sign in ((right, 1.0), (left, -1.0))]
    coefficients = np.concatenate([side[0] for side in sides])
    error = max(side[1] for side in sides)
    scale = float(np.nanmax(np.abs(coefficients[:, 0]), initial=1.0))
    return Table(
        shift=shift, right=right, left=left, cells=coefficients, doubt=_SAFETY * error + 1e-12 * scale
    )


def _linear_zone(transform: Transform, low: float, high: float) -> float:
    """Give the value around which the scale turns from linear to logarithmic; 0 where the range is without 0.

    There ``z = k log x`` far out meets ``z = slope x`` near 0: the shift is k / slope.
    """
    if low > 0 or high < 0:
        return 0.0
    far = max(-low, high, 1.0)
    step = 1e-9 * far
    points = transform.apply(np.array([-step, step, far, 2 * far]))
    if not np.isfinite(points).all() or points[1] <= points[0]:
        return 1e-3 * far
    slope, growth = (points[1] - points[0]) / (2 * step), (points[3] - points[2]) / math.log(2)
    return float(min(max(growth / slope, 1e-9 * far), far))


def _cells_between(first: float, last: float) -> tuple[int, int]:
    bits = np.array([first, last]).view(np.int64) >> CELL_BITS
    return int(bits[0]), int(bits[1] - bits[0] + 1)


def _side(
    transform: Transform, base: int, count: int, *, shift: float, sign: float
) -> tuple[NDArray[np.float64], float]:
    """Fit the cells of one side of 0; give them with their largest error; one without a fit holds nan."""
    edges = ((np.arange(base, base + count + 1, dtype=np.int64)) << CELL_BITS).view(np.float64)
    start, width = edges[:-1, None], np.diff(edges)[:, None]
    with np.errstate(all="ignore"):
        fitted = transform.apply(sign * (start + width * _NODES - shift)) @ _POWERS
        true = transform.apply(sign * (start + width * _CHECKS - shift))
        error = np.abs(fitted @ np.vander(_CHECKS, 4, increasing=True).T - true)
    fitted[~np.isfinite(error).all(axis=1)] = np.nan
    return fitted, float(np.max(error, initial=0.0, where=np.isfinite(error)))
