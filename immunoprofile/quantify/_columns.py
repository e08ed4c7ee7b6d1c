"""Columns of the tables of numbers, and the names of features."""

from __future__ import annotations

from typing import TYPE_CHECKING

from immunoprofile.core import Column

if TYPE_CHECKING:
    import pandas as pd

POPULATION_COLUMNS = (
    Column(name="specimen", dtype="string", meaning="one draw of one subject (random id in a blinded study)"),
    Column(name="sample", dtype="string", meaning="one FCS file of the specimen (random id where blinded)"),
    Column(name="tube", dtype="string", meaning="tube of the study"),
    Column(name="strategy", dtype="string", meaning="id of the gating strategy"),
    Column(name="population", dtype="string", meaning="population id; the first one of a ratio"),
    Column(name="statistic", dtype="string", meaning="count, percent, median_intensity, ratio, cells_per_ul"),
    Column(name="marker", dtype="string", meaning="marker of an intensity, else empty"),
    Column(
        name="denominator", dtype="string", meaning="population that a percent or ratio is of, else empty"
    ),
    Column(name="rule", dtype="string", meaning="held, anchored, per_sample, deconvolved"),
    Column(name="value", dtype="float64", meaning="events; 0-100; compensated linear units; ratio"),
    Column(name="count", dtype="Int64", meaning="events of the population"),
    Column(name="denominator_count", dtype="Int64", meaning="events of the denominator"),
    Column(name="lower", dtype="float64", meaning="95 % interval, counting alone"),
    Column(name="upper", dtype="float64", meaning="95 % interval, counting alone"),
    Column(name="cut_se", dtype="float64", meaning="what the place of the cut adds, unit of value"),
    Column(name="flags", dtype="string", meaning="codes joined by ;, empty where clean"),
)
DESIGN_COLUMNS = (
    Column(name="subject", dtype="string", meaning="subject"),
    Column(name="visit", dtype="string", meaning="visit id"),
    Column(name="site", dtype="string", meaning="site"),
)
DESIGN_KEYS = ("subject", "visit", "site", "batch")
"""Columns that are the design's own; a declared covariate of such a name adds nothing."""
CHANGE_COLUMNS = (
    *DESIGN_COLUMNS,
    Column(name="batch", dtype="string", meaning="batch of the later specimen"),
    Column(name="feature", dtype="string", meaning="<population>_<statistic>_<denominator or marker>"),
    Column(name="rule", dtype="string", meaning="held, anchored, per_sample, deconvolved"),
    Column(name="scale", dtype="string", meaning="log_ratio, logit, difference"),
    Column(name="baseline", dtype="float64", meaning="value at baseline, its own unit"),
    Column(name="value", dtype="float64", meaning="value at the visit, its own unit"),
    Column(name="change", dtype="float64", meaning="change from baseline on the scale"),
    Column(name="cut_se", dtype="float64", meaning="what the place of the cuts adds, on the scale"),
    Column(name="flags", dtype="string", meaning="codes joined by ;, empty where clean"),
)
TEXTS = tuple(column.name for column in POPULATION_COLUMNS if column.dtype == "string")


def feature_names(table: pd.DataFrame) -> pd.Series:
    """Name the feature of each row: ``<population>_<statistic>_<denominator or marker>``.

    A feature that several tubes measure is told apart by ``@<tube>``.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"population": ["treg"], "statistic": ["percent"], "marker": [""],
    ...                      "denominator": ["cd4_t"], "tube": [""]})
    >>> feature_names(rows).tolist()
    ['treg_percent_cd4_t']
    """
    text = {
        name: table[name].astype("string").fillna("")
        for name in ("population", "statistic", "marker", "denominator", "tube")
    }
    last = text["marker"].where(text["marker"] != "", text["denominator"])
    names = text["population"] + "_" + text["statistic"] + ("_" + last).where(last != "", "")
    tubes = text["tube"].groupby(names).transform("nunique")
    return names.where(tubes <= 1, names + "@" + text["tube"]).rename("feature")
