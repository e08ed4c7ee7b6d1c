"""Method ``tail``: where the flank of a peak has fallen to a share of the peak's height."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from immunoprofile.gating.placement._contract import nothing
from immunoprofile.gating.placement._cut import finished, number, small, word
from immunoprofile.gating.placement._density import (
    PROMINENCE,
    curve_of,
    ridge,
    robust_window,
    smooth,
    smooth_rows,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from immunoprofile.gating._histograms import Pool
    from immunoprofile.gating.placement._contract import Cut

ALPHA = 0.05
SIDES = ("left", "right")


def tail(pool: Pool, params: Mapping[str, object], window: tuple[float, float] | None) -> Cut:
    """Cut beyond the largest peak, where the density has fallen to a share of it.

    Parameters
    ----------
    pool : Pool
        1-D.
    params : mapping
        ``alpha`` (.05): share of the peak's height; ``side``: ``right`` (default) or ``left`` of the peak;
        ``bandwidth`` (1).
    window : tuple of float or None
        Robust units.

    Returns
    -------
    Cut
        `at` nan and ``AT_WINDOW_EDGE`` where the share is not reached inside the window.

    Notes
    -----
    The threshold is a share of the peak, not an absolute slope: it does not change with scale or event
    number. The kernel widens a peak of SD s to sqrt(s^2 + h^2); the distance from the peak is narrowed
    again by what that does to a Gaussian flank.
    """
    found = _reference(pool, params, window)
    if found is None:
        return nothing("tail", "NO_VALLEY", *small(pool))
    curve, width, peak = found
    within = robust_window(pool.density, pool.grids[0], window)
    at = flank(curve, peak, number(params, "alpha", ALPHA), side=_side(params), width=width)
    if not within[0] <= at <= within[1]:
        return nothing("tail", "AT_WINDOW_EDGE", *small(pool))
    return finished(pool, (at, math.nan), method="tail", window=window)


def tail_rows(
    pool: Pool,
    params: Mapping[str, object],
    window: tuple[float, float] | None,
    *,
    densities: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Place the cut on replicates of a pool, positions in bins, beside the peak that is the pool's."""
    found = _reference(pool, params, window)
    if found is None:
        return np.full(len(densities), np.nan)
    _, width, peak = found
    alpha, side = number(params, "alpha", ALPHA), _side(params)
    rows = smooth_rows(densities, width)
    return np.array([flank(row, top_near(row, peak[0]), alpha, side=side, width=width) for row in rows])


def _side(params: Mapping[str, object]) -> int:
    return 1 if word(params, "side", "right") == "right" else -1


def _reference(
    pool: Pool, params: Mapping[str, object], window: tuple[float, float] | None
) -> tuple[NDArray[np.float64], float, tuple[float, float]] | None:
    """Give curve, kernel width and the largest peak; the kernel is that of the peak where this is finer."""
    curve, width = curve_of(pool, factor=number(params, "bandwidth", 1.0))
    found = ridge(curve, prominence=PROMINENCE, within=robust_window(pool.density, pool.grids[0], window))
    if not found.peaks:
        return None
    main = found.peaks[found.main]
    finer = peak_width(curve, main, width) * 0.9 * max(pool.n_effective, 1.0) ** -0.2
    if finer < width:
        width = max(finer, 1.0)
        curve = smooth(pool.density, width)
    return curve, width, top_near(curve, main[0])


def peak_width(curve: NDArray[np.float64], peak: tuple[float, float], width: float) -> float:
    """Give the SD of a peak from its narrower half at half height, the kernel taken off."""
    reach = [abs(flank(curve, peak, 0.5, side=side, width=width) - peak[0]) for side in (-1, 1)]
    known = [one for one in reach if not math.isnan(one)]
    return min(known) / math.sqrt(2 * math.log(2)) if known else math.inf


def top_near(curve: NDArray[np.float64], position: float) -> tuple[float, float]:
    """Climb from a position to the top of its peak; position and height."""
    i = round(position)
    while 0 < i < curve.size - 1 and max(curve[i - 1], curve[i + 1]) > curve[i]:
        i += 1 if curve[i + 1] > curve[i - 1] else -1
    return float(i), float(curve[i])


def flank(
    curve: NDArray[np.float64], peak: tuple[float, float], alpha: float, *, side: int, width: float
) -> float:
    """Give the first position beyond a peak at which the curve has fallen to `alpha` of it; nan if nowhere.

    Parameters
    ----------
    curve : ndarray, shape (bins,)
    peak : tuple of float
        Position and height.
    alpha : float
    side : int
        1: to the right; -1: to the left.
    width : float
        SD of the kernel, taken off the flank; 0: the curve as it stands.
    """
    position, height = peak
    start = math.floor(position) if side > 0 else math.ceil(position)
    along = curve[start::side] if side > 0 else curve[start::-1]
    level = alpha * height
    low = np.flatnonzero(along <= level)
    if low.size == 0 or low[0] == 0:
        return math.nan
    i = int(low[0])
    step = (along[i - 1] - level) / (along[i - 1] - along[i])
    distance = abs(start + side * (i - 1 + step) - position)
    spread = distance / math.sqrt(-2 * math.log(alpha))
    return float(position + side * distance * math.sqrt(max(1 - (width / spread) ** 2, 0.25)))
