"""Method ``valley``: the lowest place between two neighboring peaks, with its depth.

The kernel density says which peaks there are and how deep the valley is. Where a valley is nearly empty,
its lowest place there is an accident of a few events; a mixture of the two peaks finds it much more
closely, and is believed as long as it stays on the valley's floor.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from immunoprofile.gating.placement._contract import nothing
from immunoprofile.gating.placement._cut import finished, number, small, word
from immunoprofile.gating.placement._density import (
    PROMINENCE,
    Ridge,
    curve_of,
    ridge,
    ridges,
    robust_window,
    share_below,
    smooth,
    smooth_rows,
)
from immunoprofile.gating.placement._pair import Pair, fit_pair, grouped, lowest_between, lowest_rows, steps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from immunoprofile.gating._histograms import Pool
    from immunoprofile.gating.placement._contract import Cut

CHOICES = ("deepest", "left_of_main", "right_of_main", "after_lowest")
ACCEPT = 0.5
WEAK = 0.2
SHARE = 0.05
FLOOR = 0.05
"""The mixture may move the cut to where the valley is at most this much less deep."""
REPLICATE_STEPS = 8
RARE_PROMINENCE = 0.005
RARE_DEPTH = 0.9
RARE_EVENTS = 20
"""Where no peak stands out, a lower one counts if a nearly empty valley parts these events from the rest."""


def valley(pool: Pool, params: Mapping[str, object], window: tuple[float, float] | None) -> Cut:
    """Cut in the deepest, or in a declared, valley.

    Parameters
    ----------
    pool : Pool
        1-D.
    params : mapping
        ``choose``: ``deepest`` (default), ``left_of_main``, ``right_of_main`` (of the highest peak), or
        ``after_lowest`` (of the lowest peak that holds at least ``share``, .05, between its minima);
        ``below``: least distance in z between the cut and the main peak to its right;
        ``bandwidth`` (1), ``prominence`` (.02), ``accept`` (.5), ``weak`` (.2).
    window : tuple of float or None
        Robust units; peaks outside it do not count.

    Returns
    -------
    Cut
        ``SHALLOW_VALLEY`` with a depth below `accept`; ``NO_VALLEY`` and `at` nan below `weak`.
    """
    curve, _ = curve_of(pool, factor=number(params, "bandwidth", 1.0))
    found, chosen = peaks_and_valley(curve, pool, params=params, window=window)
    if chosen is None:
        return nothing("valley", "NO_VALLEY", *small(pool))
    depth = found.depth(chosen)
    if depth < number(params, "weak", WEAK):
        return nothing("valley", "NO_VALLEY", *small(pool))
    at = refined(pool, curve, found, chosen=chosen)
    flags = ("SHALLOW_VALLEY",) if depth < number(params, "accept", ACCEPT) else ()
    return finished(pool, (at, math.nan), method="valley", window=window, depth=depth, flags=flags)


def peaks_and_valley(
    curve: NDArray[np.float64],
    pool: Pool,
    *,
    params: Mapping[str, object],
    window: tuple[float, float] | None,
) -> tuple[Ridge, int | None]:
    """Give the peaks of the pool and the declared valley; None where there is none."""
    within, step = robust_window(pool.density, pool.grids[0], window), pool.grids[0].step
    found = ridge(curve, prominence=number(params, "prominence", PROMINENCE), within=within)
    chosen = choose_valley(found, pool.density, params, step=step)
    if chosen is None and "prominence" not in params:
        found = ridge(curve, prominence=RARE_PROMINENCE, within=within)
        chosen = _rare(found, choose_valley(found, pool.density, params, step=step), pool)
    return found, chosen


def choose_valley(
    found: Ridge, density: NDArray[np.float64], params: Mapping[str, object], *, step: float
) -> int | None:
    """Give the index of the declared valley, or None where there is none."""
    choose = word(params, "choose", "deepest")
    if not found.valleys:
        return None
    if choose == "after_lowest":
        return _after_lowest(found, density, number(params, "share", SHARE))
    allowed = range(len(found.valleys))
    if choose == "left_of_main":
        highest = found.peaks[found.main][0] - number(params, "below", 0.0) / step
        allowed = range(sum(1 for at, _ in found.valleys[: found.main] if at <= highest))
    elif choose == "right_of_main":
        allowed = range(found.main, len(found.valleys))
    return max(allowed, key=lambda i: (found.depth(i), -i), default=None)


def _rare(found: Ridge, chosen: int | None, pool: Pool) -> int | None:
    """Keep a valley beside a low peak only if it is nearly empty and parts enough events from the rest."""
    if chosen is None or found.depth(chosen) < RARE_DEPTH:
        return None
    below = share_below(pool.density, found.valleys[chosen][0])
    return chosen if min(below, 1 - below) * pool.n_events >= RARE_EVENTS else None


def _after_lowest(found: Ridge, density: NDArray[np.float64], share: float) -> int | None:
    """Give the valley after the leftmost peak that holds enough between the minima beside it."""
    bounds = [0, *(math.floor(at) + 1 for at, _ in found.valleys), density.size]
    total = density.sum()
    for i in range(len(found.valleys)):
        if density[bounds[i] : bounds[i + 1]].sum() >= share * total:
            return i
    return None


def refined(pool: Pool, curve: NDArray[np.float64], found: Ridge, *, chosen: int) -> float:
    """Give the lowest place of the fitted pair if it lies on the valley's floor, else that of the curve."""
    pair = floor_pair(pool, curve, found, chosen=chosen)
    if pair is None:
        return found.valleys[chosen][0]
    return lowest_between(pair, found.peaks[chosen][0], found.peaks[chosen + 1][0])


def floor_pair(pool: Pool, curve: NDArray[np.float64], found: Ridge, *, chosen: int) -> Pair | None:
    """Fit the two peaks beside a valley; None if the lowest place of the fit is not on the valley's floor.

    The floor is looked at with the kernel of the whole and with one fit for the narrower of the two peaks.
    """
    pair = fit_pair(pool.density, pair_bounds(pool.density, found, chosen), split=found.valleys[chosen][0])
    if pair is None:
        return None
    peaks = (found.peaks[chosen][0], found.peaks[chosen + 1][0])
    better = lowest_between(pair, *peaks)
    width = max(0.9 * float(pair.sds.min()) * pool.n_effective**-0.2, 1.0)
    curves = (curve, smooth(pool.density, width))
    return pair if any(_on_floor(one, better, peaks) for one in curves) else None


def pair_bounds(density: NDArray[np.float64], found: Ridge, chosen: int) -> tuple[int, int]:
    """Give the bins of the two peaks beside a valley: up to the minima that are their outer neighbors."""
    valleys = found.valleys
    occupied = np.flatnonzero(density[1:-1]) + 1  # what lies outside the grid was put into its end bins
    low = math.ceil(valleys[chosen - 1][0]) if chosen > 0 else int(occupied[0])
    high = math.floor(valleys[chosen + 1][0]) if chosen + 1 < len(valleys) else int(occupied[-1])
    return low, high


def _on_floor(curve: NDArray[np.float64], place: float, peaks: tuple[float, float]) -> bool:
    if not peaks[0] < place < peaks[1]:
        return False
    inside = curve[round(peaks[0]) : round(peaks[1]) + 1]
    allowed = float(inside.min()) + FLOOR * min(float(inside[0]), float(inside[-1]))
    return float(np.interp(place, np.arange(curve.size), curve)) <= allowed


def valley_rows(
    pool: Pool,
    params: Mapping[str, object],
    window: tuple[float, float] | None,
    *,
    densities: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Place the cut on replicates of a pool, positions in bins; nan where a replicate has no valley.

    Peaks and valley are found anew in each replicate, with the pool's kernel. Where the pool's cut came
    from a fitted pair, so does a replicate's, by a few steps from the pool's fit, as long as its valley is
    the same one.
    """
    curve, width = curve_of(pool, factor=number(params, "bandwidth", 1.0))
    found, chosen = peaks_and_valley(curve, pool, params=params, window=window)
    prominence = number(params, "prominence", PROMINENCE)
    if chosen is None:
        return np.full(len(densities), np.nan)
    prominence = min(prominence, RARE_PROMINENCE) if _is_low(found, prominence) else prominence
    within, step = robust_window(pool.density, pool.grids[0], window), pool.grids[0].step
    cuts = np.full(len(densities), np.nan)
    for i, mine in enumerate(ridges(smooth_rows(densities, width), prominence=prominence, within=within)):
        which = choose_valley(mine, densities[i], params, step=step)
        if which is not None and mine.depth(which) >= number(params, "weak", WEAK):
            cuts[i] = mine.valleys[which][0]
    pair = floor_pair(pool, curve, found, chosen=chosen)
    if pair is None:
        return cuts
    left, right = found.peaks[chosen][0], found.peaks[chosen + 1][0]
    place, mass = grouped(densities, pair_bounds(pool.density, found, chosen))
    moved = steps(pair, place, mass, count=REPLICATE_STEPS)
    if moved is None:
        return cuts
    same = (cuts > left) & (cuts < right)
    return np.where(same, lowest_rows(moved, left, right), cuts)


def _is_low(found: Ridge, prominence: float) -> bool:
    """Say whether the pool's valley was found only by letting lower peaks count."""
    heights = sorted(height for _, height in found.peaks)
    return heights[0] < prominence * heights[-1]
