"""longitudinal: does treatment move a feature - analysis of covariance by visit, many features at once."""

from immunoprofile.longitudinal._ancova import AncovaFit, ancova
from immunoprofile.longitudinal._effects import EFFECT_COLUMNS, EffectTable
from immunoprofile.longitudinal._errors import ConstantResponseError, DesignError
from immunoprofile.longitudinal._families import adjust_p
from immunoprofile.longitudinal._screen import screen

__all__ = [
    "EFFECT_COLUMNS",
    "AncovaFit",
    "ConstantResponseError",
    "DesignError",
    "EffectTable",
    "adjust_p",
    "ancova",
    "screen",
]
