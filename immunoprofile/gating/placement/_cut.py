"""Shared parts of the 1-D methods: parameters, the window, and the flags that any cut may need."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from immunoprofile.gating.placement._contract import MINIMUM_EVENTS, Cut
from immunoprofile.gating.placement._density import robust_window

if TYPE_CHECKING:
    from collections.abc import Mapping

    from immunoprofile.gating._histograms import Pool

EDGE = 0.02
"""A cut within this share of the window's edges is flagged."""


def number(params: Mapping[str, object], name: str, default: float) -> float:
    """Give a numeric parameter or its default."""
    value = params.get(name, default)
    return float(value) if isinstance(value, int | float) else default


def word(params: Mapping[str, object], name: str, default: str) -> str:
    """Give a parameter that is a word, or its default."""
    value = params.get(name, default)
    return value if isinstance(value, str) else default


def small(pool: Pool) -> tuple[str, ...]:
    """Flag a pool of fewer than 200 events."""
    return ("FEW_EVENTS",) if pool.n_events < MINIMUM_EVENTS else ()


def finished(
    pool: Pool,
    positions: tuple[float, float],
    *,
    method: str,
    window: tuple[float, float] | None,
    depth: float = math.nan,
    flags: tuple[str, ...] = (),
) -> Cut:
    """Turn positions in bins into a cut and add the flags that any cut may need.

    Parameters
    ----------
    pool : Pool
    positions : tuple of float
        The cut and its upper limit (nan for a single cut), in bins.
    method : str
    window : tuple of float or None
        In robust units.
    depth : float
    flags : tuple of str
        Found so far.

    Notes
    -----
    ``AT_WINDOW_EDGE`` within 2 % of an edge of the window or outside it; ``FEW_EVENTS`` below 200 events,
    or where less than one event lies on a side: no cut makes all or nothing without a word.
    """
    grid = pool.grids[0]
    at, upper = (float(grid.at(position)) for position in positions)
    found = {*flags, *small(pool)}
    low, high = robust_window(pool.density, grid, window)
    margin = EDGE * (high - low)
    given = [position for position in positions if not math.isnan(position)]
    if any(not low + margin <= position <= high - margin for position in given):
        found.add("AT_WINDOW_EDGE")
    if len(given) == 1 and pool.n_events * _rarer_side(pool, given[0]) < 1:
        found.add("FEW_EVENTS")
    return Cut(at=at, upper=upper, depth=depth, method=method, flags=tuple(sorted(found)))


def _rarer_side(pool: Pool, position: float) -> float:
    """Give the share that is surely on the rarer side: of the bins beyond the one that holds the cut."""
    low, high = math.ceil(position - 0.5), math.floor(position + 0.5) + 1
    return float(min(pool.density[: max(low, 0)].sum(), pool.density[max(high, 0) :].sum()))
