"""longitudinal: does treatment move a feature - analysis of covariance by visit, many features at once."""

from immunoprofile.longitudinal._ancova import AncovaFit, ancova
from immunoprofile.longitudinal._errors import ConstantResponseError, DesignError
from immunoprofile.longitudinal._families import adjust_p

__all__ = ["AncovaFit", "ConstantResponseError", "DesignError", "adjust_p", "ancova"]
