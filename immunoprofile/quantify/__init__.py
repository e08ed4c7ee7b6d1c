"""quantify: from gated samples to numbers - one tidy profile of a study, and change from baseline."""

from immunoprofile.quantify._change import Change
from immunoprofile.quantify._columns import CHANGE_COLUMNS, DESIGN_KEYS, POPULATION_COLUMNS, feature_names
from immunoprofile.quantify._profile import ImmuneProfile, Visit
from immunoprofile.quantify._rows import RATIOS, rows_of
from immunoprofile.quantify._scales import SCALES, choose_scale

__all__ = [
    "CHANGE_COLUMNS",
    "DESIGN_KEYS",
    "POPULATION_COLUMNS",
    "RATIOS",
    "SCALES",
    "Change",
    "ImmuneProfile",
    "Visit",
    "choose_scale",
    "feature_names",
    "rows_of",
]
