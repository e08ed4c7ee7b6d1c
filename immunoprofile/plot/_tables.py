"""What pictures ask of tables, and the table behind a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.core import look_up

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd
    from matplotlib.axes import Axes

_SLOT = "_immunoprofile_table"
_STEMS = ("percent", "median_intensity", "count", "ratio", "cells_per_ul")


def frame_of(value: Any) -> pd.DataFrame:
    """Give the table of a result, or the table itself."""
    import pandas as pd

    if isinstance(value, pd.DataFrame):
        return value
    table = value.table
    found: pd.DataFrame = table() if callable(table) else table
    return found


def need(frame: pd.DataFrame, *columns: str) -> None:
    """Check that a table has the columns of a picture.

    Raises
    ------
    UnknownNameError
        ``unknown_name``, with the nearest columns.
    """
    for column in columns:
        look_up(column, [str(name) for name in frame.columns], what="column")


def keep(ax: Axes, table: pd.DataFrame) -> Axes:
    """Put the table behind a picture where :func:`data` finds it."""
    setattr(ax, _SLOT, table.reset_index(drop=True))
    return ax


def data(ax: Axes) -> pd.DataFrame:
    """Give the table behind a picture that a function of this room drew.

    Parameters
    ----------
    ax : Axes

    Returns
    -------
    DataFrame
        Its own copy.

    Raises
    ------
    UnknownNameError
        ``unknown_name`` for an Axes that holds no picture of ours.
    """
    from immunoprofile.core import UnknownNameError

    table: pd.DataFrame | None = getattr(ax, _SLOT, None)
    if table is None:
        raise UnknownNameError(
            "unknown_name", "no table behind this Axes", hint="give an Axes that immunoprofile.plot drew"
        )
    return table.copy()


def with_feature(frame: pd.DataFrame) -> pd.DataFrame:
    """Add the feature's name to rows of a profile: ``<population>_<statistic>_<denominator or marker>``."""
    if "feature" in frame.columns:
        return frame
    need(frame, "population", "statistic")
    blank = frame["population"].astype("string").str.slice(0, 0)
    last = blank
    for column in ("marker", "denominator"):
        if column in frame.columns:
            text = frame[column].astype("string").fillna("")
            last = last.where(last != "", text)
    name = frame["population"].astype("string") + "_" + frame["statistic"].astype("string")
    return frame.assign(feature=name + last.map(lambda end: f"_{end}" if end else ""))


def rows_for(frame: pd.DataFrame, feature: str, *, rule: str | None = "held") -> pd.DataFrame:
    """Give the rows of one feature, under one rule of gating where there are several."""
    named = with_feature(frame)
    look_up(feature, sorted(set(named["feature"].dropna())), what="feature")
    rows = named[named["feature"] == feature]
    if rule is not None and "rule" in rows.columns:
        rows = rows[rows["rule"].isna() | (rows["rule"] == rule)]
    return rows


def unique(values: Iterable[Any]) -> list[Any]:
    """Give values without repeats in the order of their first appearance; missing ones left out."""
    return list(dict.fromkeys(value for value in values if value == value and value is not None))  # noqa: PLR0124


def order_of(values: Any) -> list[str]:
    """Give the order of a column: its categories, else first appearance."""
    categories = getattr(getattr(values, "cat", None), "categories", None)
    found = unique(values.dropna())
    return [str(c) for c in categories if c in found] if categories is not None else [str(v) for v in found]


def numbers(values: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Give a column as floats, missing as nan."""
    import pandas as pd

    return np.asarray(
        pd.to_numeric(values, errors="coerce").astype("Float64").to_numpy(float, na_value=np.nan)
    )


def name_of(feature: str, names: Mapping[str, str] | None = None) -> str:
    """Give a feature's name as people read it.

    Examples
    --------
    >>> name_of("treg_percent_cd4_t")
    'treg, % of cd4 t'
    >>> name_of("ccl2")
    'ccl2'
    """
    if names and feature in names:
        return names[feature]
    for stem in _STEMS:
        head, found, tail = feature.partition(f"_{stem}")
        if found and head:
            what = {"percent": "% of", "median_intensity": "median", "cells_per_ul": "cells/\u00b5l"}
            words = f"{what.get(stem, stem)} {tail.strip('_')}".strip()
            return f"{head}, {words}".replace("_", " ")
    return feature.replace("_", " ")


def number_text(value: float) -> str:
    """Write a number as a reader wants it: three figures, never an exponent for common sizes."""
    if not np.isfinite(value):
        return "\u2013"
    size = abs(value)
    decimals = 0 if size >= 100 else 1 if size >= 10 else 2
    return f"{value:,.{decimals}f}".replace("-", "\u2212")


def p_text(value: float) -> str:
    """Write a p or q value: ``<0.001``, else three decimals, two from 0.1 on."""
    if not np.isfinite(value):
        return "\u2013"
    if value < 0.001:
        return "<0.001"
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def interval_text(middle: float, lower: float, upper: float) -> str:
    """Write an estimate with its interval."""
    if not np.isfinite(middle):
        return "\u2013"
    return f"{number_text(middle)} [{number_text(lower)}, {number_text(upper)}]"
