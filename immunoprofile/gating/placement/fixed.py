"""Method ``fixed``: a declared value."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from immunoprofile.gating.placement._cut import finished, number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from immunoprofile.gating._histograms import Pool
    from immunoprofile.gating.placement._contract import Cut


def fixed(pool: Pool, params: Mapping[str, object], window: tuple[float, float] | None) -> Cut:
    """Cut at the declared value.

    Parameters
    ----------
    pool : Pool
        1-D; only looked at for flags.
    params : mapping
        ``value``, in transformed units.
    window : tuple of float or None
        Robust units; a value outside is flagged ``AT_WINDOW_EDGE``.
    """
    position = pool.grids[0].position(number(params, "value", math.nan))
    return finished(pool, (position, math.nan), method="fixed", window=window)
