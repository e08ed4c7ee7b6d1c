"""Histograms on grids that the transform fixes, and pools of them: all that a placement method ever sees.

The one idea: the share of each bin is rounded to a whole multiple of 2^-40 before units are added. Such
sums are exact in double precision, so a pool does not depend on the order, names, chunks or workers of its
units, to the bit.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import ArrayLike, NDArray

SHARE_UNIT = 2.0**40
"""Shares are whole multiples of 1/SHARE_UNIT: 8,192 units add without rounding."""
EFFECTIVE_CAP = 50_000
"""Largest effective number of events: more of them do not narrow the kernel any further."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Bins of equal width on one axis.

    Attributes
    ----------
    low, high : float
        Outer edges, in transformed units.
    bins : int
    """

    low: float
    high: float
    bins: int

    @property
    def step(self) -> float:
        """Width of a bin."""
        return (self.high - self.low) / self.bins

    @property
    def edges(self) -> NDArray[np.float64]:
        """Edges of the bins, shape (bins + 1,)."""
        return self.at(np.arange(self.bins + 1) - 0.5)

    @property
    def centers(self) -> NDArray[np.float64]:
        """Middles of the bins, shape (bins,)."""
        return self.at(np.arange(self.bins, dtype=np.float64))

    def at(self, position: ArrayLike) -> NDArray[np.float64]:
        """Give the value at a position in bins; 0 is the middle of the first bin."""
        return self.low + (np.asarray(position, dtype=np.float64) + 0.5) * self.step

    def position(self, value: float) -> float:
        """Give the position, in bins, of a value: the inverse of :meth:`at`."""
        return (value - self.low) / self.step - 0.5

    def index(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """Give the bin of each value; values outside fall into the end bins. Values must not be nan."""
        bins = np.floor((values - self.low) / self.step)
        return np.clip(bins, 0, self.bins - 1).astype(np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Histogram:
    """Counts of one unit's events on one or two axes.

    Attributes
    ----------
    grids : tuple of Grid
    counts : ndarray of int, shape (bins,) or (bins_x, bins_y)
    n : int
        Events counted; events with a nan coordinate are not among them.
    """

    grids: tuple[Grid, ...]
    counts: NDArray[np.int64]
    n: int

    def __post_init__(self) -> None:
        counts = np.ascontiguousarray(self.counts, dtype=np.int64)
        counts = counts.copy() if counts is self.counts and counts.flags.writeable else counts
        counts.flags.writeable = False
        object.__setattr__(self, "counts", counts)

    def __add__(self, other: Histogram) -> Histogram:
        if self.grids != other.grids:
            raise TypeError("histograms on different grids do not add: move one with regrid()")
        return Histogram(grids=self.grids, counts=self.counts + other.counts, n=self.n + other.n)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Histogram)
            and self.grids == other.grids
            and np.array_equal(self.counts, other.counts)
        )

    def __hash__(self) -> int:
        return hash(self.digest())

    def digest(self) -> bytes:
        """Hash grids and counts: the order of units in a pool, independent of their names."""
        spelled = repr([(grid.low, grid.high, grid.bins) for grid in self.grids]).encode()
        return hashlib.sha256(spelled + self.counts.astype("<i8").tobytes()).digest()

    def shares(self) -> NDArray[np.float64]:
        """Give the share of each bin in multiples of 2^-40, shape of `counts`."""
        shares: NDArray[np.float64] = np.rint(self.counts * (SHARE_UNIT / max(self.n, 1)))
        return shares


def histogram(values: NDArray[np.float64], grids: Sequence[Grid]) -> Histogram:
    """Count events on a grid.

    Parameters
    ----------
    values : ndarray, shape (n_events,) or (n_events, n_axes)
        Transformed values; events with a nan are dropped, values outside the grid fall into the end bins.
    grids : sequence of Grid
        One or two axes.

    Returns
    -------
    Histogram

    Examples
    --------
    >>> histogram(np.array([0.1, 0.2, 0.9, 7.0, np.nan]), [Grid(low=0.0, high=1.0, bins=2)]).counts.tolist()
    [2, 2]
    """
    columns = np.asarray(values, dtype=np.float64).reshape(len(values), len(grids))
    good = ~np.isnan(columns).any(axis=1)
    columns = columns if good.all() else columns[good]
    cell = np.zeros(len(columns), dtype=np.int64)
    for axis, grid in enumerate(grids):
        cell = cell * grid.bins + grid.index(columns[:, axis])
    shape = tuple(grid.bins for grid in grids)
    counts = np.bincount(cell, minlength=math.prod(shape)).reshape(shape)
    return Histogram(grids=tuple(grids), counts=counts, n=len(columns))


def regrid(source: Histogram, grids: Sequence[Grid]) -> Histogram:
    """Move the counts of a histogram, bin middle by bin middle, onto other grids."""
    counts = source.counts
    for axis, (old, new) in enumerate(zip(source.grids, grids, strict=True)):
        moved = np.zeros((*counts.shape[:axis], new.bins, *counts.shape[axis + 1 :]), dtype=np.int64)
        np.add.at(np.moveaxis(moved, axis, 0), new.index(old.centers), np.moveaxis(counts, axis, 0))
        counts = moved
    return Histogram(grids=tuple(grids), counts=counts, n=source.n)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pool:
    """Units added with equal weight.

    Attributes
    ----------
    grids : tuple of Grid
    density : ndarray of float, shape (bins,) or (bins_x, bins_y)
        Share of each bin; sums to 1 (to 0 where there is no event).
    units : tuple of Histogram
        Those that hold events, in the order of their digests.
    n_units, n_events : int
    n_effective : float
        Harmonic-mean events per unit x units, at most 50,000.
    """

    grids: tuple[Grid, ...]
    density: NDArray[np.float64]
    units: tuple[Histogram, ...]
    n_units: int
    n_events: int
    n_effective: float

    def weighted(self, weights: NDArray[np.int64]) -> NDArray[np.float64]:
        """Give the densities of pools in which each unit is taken a number of times.

        Parameters
        ----------
        weights : ndarray of int, shape (n_replicates, n_units)
            Times that each unit is taken, in the order of `units`; no row of zeros.

        Returns
        -------
        ndarray, shape (n_replicates, ...)
            Each of the shape of `density`.
        """
        shares = np.stack([unit.shares().ravel() for unit in self.units])
        sums = np.asarray(weights, dtype=np.float64) @ shares  # whole numbers below 2^53: exact in any order
        sums /= sums.sum(axis=1, keepdims=True)
        return sums.reshape(len(sums), *self.density.shape)

    def digest(self) -> bytes:
        """Give the bytes of the pooled histogram, hashed; for seeds."""
        digest = hashlib.sha256(self.density.astype("<f8").tobytes())
        for unit in self.units:
            digest.update(unit.digest())
        return digest.digest()


def pool(histograms: Iterable[Histogram]) -> Pool:
    """Add units with equal weight, independent of their order to the bit.

    Parameters
    ----------
    histograms : iterable of Histogram
        Units without events are left out. Units on different grids are moved to one that spans them all.

    Returns
    -------
    Pool

    Raises
    ------
    TypeError
        If there is no histogram at all: not even a grid is known.
    """
    given = list(histograms)
    if not given:
        raise TypeError("a pool needs at least one histogram")
    grids = _common(given)
    moved = [one if one.grids == grids else regrid(one, grids) for one in given if one.n > 0]
    units = tuple(sorted(moved, key=Histogram.digest))
    total = np.zeros(tuple(grid.bins for grid in grids))
    for unit in units:
        total += unit.shares()
    density = total / (total.sum() or 1.0)
    density.flags.writeable = False
    return Pool(
        grids=grids,
        density=density,
        units=units,
        n_units=len(units),
        n_events=sum(unit.n for unit in units),
        n_effective=_effective(units),
    )


def _effective(units: tuple[Histogram, ...]) -> float:
    if not units:
        return 0.0
    harmonic = len(units) / math.fsum(1 / unit.n for unit in units)
    return min(harmonic * len(units), float(EFFECTIVE_CAP))


def _common(histograms: Sequence[Histogram]) -> tuple[Grid, ...]:
    """Give the grids that span those of all units, at the finest step among them."""
    if all(one.grids == histograms[0].grids for one in histograms):
        return histograms[0].grids
    spans = []
    for axis in range(len(histograms[0].grids)):
        grids = [one.grids[axis] for one in histograms]
        bins = max(grid.bins for grid in grids)
        spans.append(Grid(low=min(g.low for g in grids), high=max(g.high for g in grids), bins=bins))
    return tuple(spans)
