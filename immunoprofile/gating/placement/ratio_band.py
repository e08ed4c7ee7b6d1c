"""Method ``ratio_band``: single cells by the logarithm of area over height."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from immunoprofile.gating.placement._contract import nothing
from immunoprofile.gating.placement._cut import finished, number, small
from immunoprofile.gating.placement._density import (
    curve_of,
    quantile_position,
    ridge,
    ridges,
    robust_window,
    share_below,
    smooth_rows,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from immunoprofile.gating._histograms import Pool
    from immunoprofile.gating.placement._contract import Cut
    from immunoprofile.gating.placement._density import Ridge

ABOVE = 3.5
BELOW = 5.0
VALLEY_DEPTH = 0.2
"""Depth from which a valley right of the mode limits the band."""
KEPT = 0.6
DOUBLETS = 0.3


def ratio_band(pool: Pool, params: Mapping[str, object], window: tuple[float, float] | None) -> Cut:
    """Cut a band around the ratio of single cells.

    Parameters
    ----------
    pool : Pool
        1-D, of ln(A/H) of events whose scatter is in its central deciles.
    params : mapping
        ``above`` (3.5), ``below`` (5): robust SDs from the mode; ``bandwidth`` (1).
    window : tuple of float or None
        Robust units.

    Returns
    -------
    Cut
        A band; `at` nan where less than 60 % would be kept; ``DOUBLETS_MANY`` where more than 30 % would go.

    Notes
    -----
    m = mode of r; s = 1.4826 median(m - r : r < m); kept: m - 5 s <= r <= min(valley right of m, m + 3.5 s).
    """
    curve, _ = curve_of(pool, factor=number(params, "bandwidth", 1.0))
    found = ridge(curve, within=robust_window(pool.density, pool.grids[0], window))
    if not found.peaks:
        return nothing("ratio_band", "NO_VALLEY", *small(pool))
    limits, depth = band(
        pool.density, found, (number(params, "below", BELOW), number(params, "above", ABOVE))
    )
    kept = share_below(pool.density, limits[1]) - share_below(pool.density, limits[0])
    if kept < KEPT:
        return nothing("ratio_band", "DOUBLETS_MANY", *small(pool))
    flags = ("DOUBLETS_MANY",) if 1 - kept > DOUBLETS else ()
    return finished(pool, limits, method="ratio_band", window=window, depth=depth, flags=flags)


def band(
    density: NDArray[np.float64], found: Ridge, reach: tuple[float, float]
) -> tuple[tuple[float, float], float]:
    """Give the limits of the band, in bins, and the depth of the valley that limits it (nan: none does)."""
    mode = found.peaks[found.main][0]
    inside = density.copy()
    edge = math.floor(mode + 0.5)
    inside[edge:] = 0.0
    if edge < density.size:
        inside[edge] = density[edge] * (mode + 0.5 - edge)
    spread = max(1.4826 * (mode - quantile_position(inside, 0.5)), 1e-9)
    low, high, depth = mode - reach[0] * spread, mode + reach[1] * spread, math.nan
    for i in range(found.main, len(found.valleys)):
        if found.depth(i) >= VALLEY_DEPTH:
            if found.valleys[i][0] < high:
                high, depth = found.valleys[i][0], found.depth(i)
            break
    return (low, high), depth


def ratio_band_rows(
    pool: Pool,
    params: Mapping[str, object],
    window: tuple[float, float] | None,
    *,
    densities: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Place the band on replicates of a pool; its upper limit, positions in bins."""
    _, width = curve_of(pool, factor=number(params, "bandwidth", 1.0))
    within = robust_window(pool.density, pool.grids[0], window)
    reach = (number(params, "below", BELOW), number(params, "above", ABOVE))
    limits = np.full(len(densities), np.nan)
    for i, found in enumerate(ridges(smooth_rows(densities, width), within=within)):
        if found.peaks:
            limits[i] = band(densities[i], found, reach)[0][1]
    return limits
