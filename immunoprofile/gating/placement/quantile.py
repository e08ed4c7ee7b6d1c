"""Method ``quantile``: a quantile of the parent; legal as a fallback only."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from immunoprofile.gating.placement._contract import nothing
from immunoprofile.gating.placement._cut import finished, number
from immunoprofile.gating.placement._density import quantile_position

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from immunoprofile.gating._histograms import Pool
    from immunoprofile.gating.placement._contract import Cut

LEVEL = 0.99


def quantile(pool: Pool, params: Mapping[str, object], window: tuple[float, float] | None) -> Cut:
    """Cut at a quantile of the parent.

    Parameters
    ----------
    pool : Pool
        1-D.
    params : mapping
        ``q`` (.99).
    window : tuple of float or None
        Robust units.
    """
    if pool.n_events == 0:
        return nothing("quantile", "FEW_EVENTS")
    position = quantile_position(pool.density, number(params, "q", LEVEL))
    return finished(pool, (position, math.nan), method="quantile", window=window)


def quantile_rows(
    pool: Pool,
    params: Mapping[str, object],
    window: tuple[float, float] | None,
    *,
    densities: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Place the cut on replicates of a pool, positions in bins."""
    del pool, window
    return np.array([quantile_position(row, number(params, "q", LEVEL)) for row in densities])
