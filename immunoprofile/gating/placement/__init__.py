"""placement: pure functions of histograms that say where a cut lies, one method a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from immunoprofile.gating.placement._contract import Components, Cut, Region
from immunoprofile.gating.placement._doubt import bootstrap_cuts, bootstrap_regions
from immunoprofile.gating.placement._params import check_params
from immunoprofile.gating.placement.diagonal import diagonal
from immunoprofile.gating.placement.fixed import fixed
from immunoprofile.gating.placement.open import open_gate
from immunoprofile.gating.placement.per_sample import per_sample_treg
from immunoprofile.gating.placement.quantile import quantile
from immunoprofile.gating.placement.ratio_band import ratio_band
from immunoprofile.gating.placement.rectangle_valley import rectangle_valley
from immunoprofile.gating.placement.tail import tail
from immunoprofile.gating.placement.valley import valley

if TYPE_CHECKING:
    from immunoprofile.gating.placement._contract import Method

METHODS: dict[str, Method] = {
    "diagonal": diagonal,
    "fixed": fixed,
    "open": open_gate,
    "quantile": quantile,
    "ratio_band": ratio_band,
    "rectangle_valley": rectangle_valley,
    "tail": tail,
    "valley": valley,
}

__all__ = [
    "METHODS",
    "Components",
    "Cut",
    "Region",
    "bootstrap_cuts",
    "bootstrap_regions",
    "check_params",
    "per_sample_treg",
]
