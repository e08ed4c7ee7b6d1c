"""First guess of the Treg gate: a slanted valley in CD25 x CD127, with a floor in CD25."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from immunoprofile.gating.placement._density import (
    curve_of_density,
    quantile_position,
    ridge,
)
from immunoprofile.gating.placement.tail import flank

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

BEYOND = 0.003
"""Least share beyond the slanted valley."""
PROMINENCE = 0.01
"""Treg are about 4 % of CD4 T cells: peaks at 2 % of the highest would hide them."""
FLOOR_DEPTH = 0.5
FLOOR_PEAK = 0.15
FLOOR_FLANK = 0.1
FLOOR_LEAST = 1.0
"""Robust SD above the median of the bulk: cells below are not CD25hi, whatever the valleys."""
ALIKE = 0.05
"""Seeds whose shares differ by less than this, relative, are one."""
PROJECTED_STEP = 0.02
"""Bin of the slanted axis, in robust SD."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Robust center and spread of the Tconv bulk on both axes, in bins.

    Attributes
    ----------
    center, spread : tuple of float
    """

    center: tuple[float, float]
    spread: tuple[float, float]

    def scaled(self, position: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
        """Turn positions in bins into robust units."""
        return (position - self.center[axis]) / self.spread[axis]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """The half-plane cos(theta) x' - sin(theta) y' >= cut with x' >= floor, in robust units.

    Attributes
    ----------
    theta : float
        Radians.
    cut, floor, depth, share : float
    """

    theta: float
    cut: float
    floor: float
    depth: float
    share: float

    def contains(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Say which points, in robust units, lie inside."""
        return (math.cos(self.theta) * x - math.sin(self.theta) * y >= self.cut) & (x >= self.floor)


LAST_RESORT = Seed(theta=math.pi / 2, cut=2.5, floor=1.5, depth=math.nan, share=math.nan)
"""Where to start a mixture if no seed leads to one: well below the bulk in CD127, well above in CD25."""


def scale_of(density: NDArray[np.float64]) -> Scale | None:
    """Give the robust scale of the bulk, or None where an axis has no spread.

    Notes
    -----
    x: median, and the median distance of what lies below it (the bulk's dim side, free of Treg). y: median of
    what exceeds the lowest fifth, and the median distance of what lies above it.
    """
    x, y = density.sum(axis=1), density.sum(axis=0)
    middle_x, quarter = quantile_position(x, 0.5), quantile_position(x, 0.25)
    middle_y, upper = quantile_position(y, 0.6), quantile_position(y, 0.8)
    spread = (1.4826 * (middle_x - quarter), 1.4826 * (upper - middle_y))
    return Scale(center=(middle_x, middle_y), spread=spread) if min(spread) > 0 else None


def find_seeds(
    density: NDArray[np.float64], scale: Scale, n_effective: float, *, angles: Sequence[float]
) -> list[Seed]:
    """Find slanted valleys right of the bulk and the floor beyond each, the deepest first.

    Parameters
    ----------
    density : ndarray, shape (bins_x, bins_y)
    scale : Scale
    n_effective : float
    angles : sequence of float
        Degrees.

    Returns
    -------
    list of Seed
        Of seeds that hold nearly the same share, the deepest.
    """
    i, j = np.nonzero(density)
    mass = density[i, j]
    x, y = scale.scaled(i.astype(np.float64), 0), scale.scaled(j.astype(np.float64), 1)
    found = []
    for angle in angles:
        theta = math.radians(angle)
        t = math.cos(theta) * x - math.sin(theta) * y
        valley = _slanted_valley(t, mass, n_effective)
        if valley is None:
            continue
        beyond = t >= valley[0]
        floor = max(_floor(x[beyond], mass[beyond], n_effective), FLOOR_LEAST)
        share = float(mass[beyond & (x >= floor)].sum() / mass.sum())
        found.append(Seed(theta=theta, cut=valley[0], floor=floor, depth=valley[1], share=share))
    return _distinct(sorted(found, key=lambda seed: -seed.depth))


def _distinct(seeds: list[Seed]) -> list[Seed]:
    kept: list[Seed] = []
    for seed in seeds:
        if seed.share > 0 and all(abs(seed.share - other.share) > ALIKE * other.share for other in kept):
            kept.append(seed)
    return kept


def _projected(t: NDArray[np.float64], mass: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """Histogram of weighted points, each split between its two nearest bins; origin and masses."""
    low = float(t.min()) - 20 * PROJECTED_STEP
    position = (t - low) / PROJECTED_STEP
    left = np.floor(position).astype(np.int64)
    part = position - left
    size = int(left.max()) + 22
    line = np.bincount(left, mass * (1 - part), minlength=size).astype(np.float64)
    line += np.bincount(left + 1, mass * part, minlength=size)
    return low, line


def _slanted_valley(
    t: NDArray[np.float64], mass: NDArray[np.float64], n_effective: float
) -> tuple[float, float] | None:
    """Give cut and depth of the deepest valley right of the main peak with enough beyond it."""
    low, line = _projected(t, mass)
    curve, _ = curve_of_density(line, n_effective)
    found = ridge(curve, prominence=PROMINENCE)
    total = float(line.sum())
    best: tuple[float, float] | None = None
    for i in range(found.main, len(found.valleys)):
        at = found.valleys[i][0]
        beyond = float(line[math.ceil(at) :].sum())
        if beyond >= BEYOND * total and (best is None or found.depth(i) > best[1]):
            best = (low + at * PROJECTED_STEP, found.depth(i))
    return best


def _floor(x: NDArray[np.float64], mass: NDArray[np.float64], n_effective: float) -> float:
    """Give the first deep valley going left from the largest-x peak, else the foot of the leftmost peak."""
    low, line = _projected(x, mass)
    curve, _ = curve_of_density(line, max(n_effective * float(mass.sum()), 1.0))
    found = ridge(curve, prominence=PROMINENCE)
    highest = max(height for _, height in found.peaks)
    tall = [i for i, (_, height) in enumerate(found.peaks) if height >= FLOOR_PEAK * highest]
    for left, right in zip(tall[-2::-1], tall[:0:-1], strict=False):
        between = min(range(left, right), key=lambda i: found.valleys[i][1])
        lower = min(found.peaks[left][1], found.peaks[right][1])
        if 1 - found.valleys[between][1] / lower >= FLOOR_DEPTH:
            return low + found.valleys[between][0] * PROJECTED_STEP
    foot = flank(curve, found.peaks[tall[0]], FLOOR_FLANK, side=-1, width=0.0)
    return float(x.min()) if math.isnan(foot) else low + foot * PROJECTED_STEP
