"""Smooth curves from histograms, their peaks and valleys; all lengths in bins, whatever the scale.

References
----------
Silverman 1986, Density Estimation for Statistics and Data Analysis, eq. 3.31 (width of the kernel).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from immunoprofile.gating._histograms import Grid, Pool

PROMINENCE = 0.02
"""Topographic prominence of a peak, as a share of the highest."""
REACH = 5.0
"""Kernels end at this many SD."""
NOISE = 1e-12
"""Below this share of the highest value, a curve is empty (rounding of the convolution)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ridge:
    """Peaks of a curve and the valleys between neighbors, left to right.

    Attributes
    ----------
    peaks : list of (position, height)
    valleys : list of (position, height)
        ``valleys[i]`` lies between ``peaks[i]`` and ``peaks[i + 1]``.
    """

    peaks: list[tuple[float, float]]
    valleys: list[tuple[float, float]]

    @property
    def main(self) -> int:
        """Index of the highest peak, the leftmost of equals."""
        heights = [height for _, height in self.peaks]
        return heights.index(max(heights))

    def depth(self, valley: int) -> float:
        """Give 1 - valley / lower of its two peaks."""
        lower = min(self.peaks[valley][1], self.peaks[valley + 1][1])
        return 1 - self.valleys[valley][1] / lower


def quantile_position(density: NDArray[np.float64], share: float) -> float:
    """Give the position, in bins, below which a share of the mass lies; linear inside a bin."""
    cumulative = np.concatenate([[0.0], np.cumsum(density)])
    return float(np.interp(share * cumulative[-1], cumulative, np.arange(cumulative.size))) - 0.5


def share_below(density: NDArray[np.float64], position: float) -> float:
    """Give the share of the mass below a position in bins."""
    cumulative = np.concatenate([[0.0], np.cumsum(density)])
    return float(np.interp(position + 0.5, np.arange(cumulative.size), cumulative) / (cumulative[-1] or 1.0))


def kernel_width(density: NDArray[np.float64], n_effective: float, *, factor: float = 1.0) -> float:
    """Give the SD of the kernel in bins.

    Notes
    -----
    h = factor x 0.9 x min(sd, IQR / 1.349) x n^(-1/5); never below a bin, nor below .6 of the mean distance
    of occupied bins in the middle half: integer data on a finer grid are a comb.
    """
    position = np.arange(density.size)
    total = float(density.sum()) or 1.0
    mean = float(density @ position) / total
    sd = math.sqrt(float(density @ (position - mean) ** 2) / total)
    low, high = quantile_position(density, 0.25), quantile_position(density, 0.75)
    spread = min(sd, (high - low) / 1.349) or sd
    middle = density[max(math.floor(low), 0) : math.ceil(high) + 1]
    comb = middle.size / max(int(np.count_nonzero(middle)), 1)
    return float(max(factor * 0.9 * spread * max(n_effective, 1.0) ** -0.2, 1.0, 0.6 * comb))


def _kernel(width: float) -> NDArray[np.float64]:
    reach = math.ceil(REACH * width)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    return np.asarray(weights / weights.sum())


def smooth(density: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """Convolve a curve with a Gaussian of an SD of `width` bins; empty beyond the ends."""
    kernel = _kernel(width)
    reach = kernel.size // 2
    return _clean(np.convolve(density, kernel, mode="full")[reach : reach + density.size])


def smooth_rows(densities: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """Smooth each row as :func:`smooth` does, all at once."""
    from scipy.fft import irfft, next_fast_len, rfft

    kernel = _kernel(width)
    reach, bins = kernel.size // 2, densities.shape[1]
    size = next_fast_len(bins + kernel.size, real=True)
    product = rfft(densities, size, axis=1)
    product *= rfft(kernel, size)
    return _clean(irfft(product, size, axis=1)[:, reach : reach + bins])


def _clean(curves: NDArray[np.float64]) -> NDArray[np.float64]:
    floor = NOISE * curves.max(axis=-1, keepdims=True, initial=0.0)
    return np.where(curves > floor, curves, 0.0)


def curve_of_density(
    density: NDArray[np.float64], n_effective: float, *, factor: float = 1.0
) -> tuple[NDArray[np.float64], float]:
    """Give the smoothed density and the width used, in bins."""
    width = kernel_width(density, n_effective, factor=factor)
    return smooth(density, width), width


def curve_of(pool: Pool, *, factor: float = 1.0) -> tuple[NDArray[np.float64], float]:
    """Give the smoothed density of a 1-D pool and the width used, in bins."""
    return curve_of_density(pool.density, pool.n_effective, factor=factor)


def ridge(
    curve: NDArray[np.float64], *, prominence: float = PROMINENCE, within: tuple[float, float] | None = None
) -> Ridge:
    """Find the peaks that stand out and the valleys between them.

    Parameters
    ----------
    curve : ndarray, shape (bins,)
    prominence : float
        Least topographic prominence, as a share of the highest value.
    within : tuple of float or None
        Positions in bins between which peaks count.
    """
    return ridges(curve[None], prominence=prominence, within=within)[0]


def ridges(
    curves: NDArray[np.float64], *, prominence: float = PROMINENCE, within: tuple[float, float] | None = None
) -> list[Ridge]:
    """Find the peaks of each row, as :func:`ridge` does."""
    found = []
    for curve, extremes in zip(curves, _extremes(curves), strict=True):
        place, height = extremes if within is None else _inside(*extremes, within=within)
        if place:
            _merge(place, height, prominence * max(height))
        points = [(_vertex(curve, at), value) for at, value in zip(place, height, strict=True)]
        found.append(Ridge(peaks=points[0::2], valleys=points[1::2]))
    return found


def _extremes(curves: NDArray[np.float64]) -> list[tuple[list[float], list[float]]]:
    """List, for each row, peaks and the valleys between them by turns; the middle of a plateau."""
    slope = np.sign(np.diff(curves, axis=1, prepend=0.0, append=0.0)).astype(np.int8)
    row, edge = np.nonzero(slope)  # edges of bins at which a curve rises or falls
    steep = slope[row, edge]
    # A turn lies between two such edges: in one bin, or in the plateau between them.
    turning = np.flatnonzero((steep[1:] != steep[:-1]) & (row[1:] == row[:-1]))
    first, last = edge[turning], edge[turning + 1] - 1
    bounds = np.searchsorted(row[turning], np.arange(len(curves) + 1)).tolist()
    place, height = ((first + last) / 2).tolist(), curves[row[turning], first].tolist()
    return [(place[a:b], height[a:b]) for a, b in pairwise(bounds)]


def _inside(
    place: list[float], height: list[float], *, within: tuple[float, float]
) -> tuple[list[float], list[float]]:
    """Keep the peaks inside a window, with the lowest valley between neighbors that stay."""
    kept = [i for i in range(0, len(place), 2) if within[0] <= place[i] <= within[1]]
    return (place[kept[0] : kept[-1] + 1], height[kept[0] : kept[-1] + 1]) if kept else ([], [])


def _merge(place: list[float], height: list[float], least: float) -> None:
    """Take out the peaks whose prominence is below `least`, each with the higher of the valleys beside it.

    The smallest step of the alternating list is always the prominence of one of its two ends, and taking
    both out leaves the prominences of all others as they are.
    """
    while len(place) > 1:
        steps = [abs(height[i] - height[i + 1]) for i in range(len(height) - 1)]
        smallest = min(range(len(steps)), key=steps.__getitem__)
        if steps[smallest] >= least:
            return
        del place[smallest : smallest + 2]
        del height[smallest : smallest + 2]


def _vertex(curve: NDArray[np.float64], at: float) -> float:
    """Refine an extreme by the parabola through its neighbors."""
    i = int(at)
    if i != at or not 0 < i < curve.size - 1:
        return at
    left, middle, right = curve[i - 1 : i + 2].tolist()
    bend = left - 2 * middle + right
    return at if bend == 0 else at + min(max(0.5 * (left - right) / bend, -0.5), 0.5)


def robust_window(
    density: NDArray[np.float64], grid: Grid, window: tuple[float, float] | None
) -> tuple[float, float]:
    """Translate a window in robust units, (z - median) / IQR, into positions in bins.

    Parameters
    ----------
    density : ndarray, shape (bins,)
    grid : Grid
        Of the density; without a window, its ends.
    window : tuple of float or None
    """
    if window is None:
        return -0.5, grid.bins - 0.5
    median = quantile_position(density, 0.5)
    spread = quantile_position(density, 0.75) - quantile_position(density, 0.25)
    return median + window[0] * spread, median + window[1] * spread
