"""The rule ``per_sample`` of the Treg gate: today's practice, to compare with, never the primary cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

from immunoprofile.gating._histograms import pool
from immunoprofile.gating.placement.rectangle_valley import two_cuts

if TYPE_CHECKING:
    from immunoprofile.gating._histograms import Histogram
    from immunoprofile.gating.placement._contract import Region


def per_sample_treg(sample: Histogram) -> Region:
    """Place the Treg gate on one sample: CD127 valley, then CD25 valley among CD127lo; tails for want of one.

    Parameters
    ----------
    sample : Histogram
        2-D, CD25 (x) by CD127 (y) of one sample's CD4 T cells.

    Returns
    -------
    Region
        Not found, with ``FEW_EVENTS``, below 200 CD127lo cells.
    """
    return two_cuts(pool([sample]), ("high", "low"), None, method="per_sample")
