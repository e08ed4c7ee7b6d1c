"""Method ``open``: everything passes, and is said to; legal as a fallback only."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from immunoprofile.gating.placement._contract import Cut
from immunoprofile.gating.placement._cut import small

if TYPE_CHECKING:
    from collections.abc import Mapping

    from immunoprofile.gating._histograms import Pool


def open_gate(pool: Pool, params: Mapping[str, object], window: tuple[float, float] | None) -> Cut:
    """Let everything pass: a band without limits, flagged ``FALLBACK``.

    Parameters
    ----------
    pool, params, window
        As for any method; there is nothing to declare.
    """
    del params, window
    flags = tuple(sorted({"FALLBACK", *small(pool)}))
    return Cut(at=-math.inf, upper=math.inf, depth=math.nan, method="open", flags=flags)
