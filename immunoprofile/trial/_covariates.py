"""Covariates of subjects: the columns that [analysis] names, numbers as numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from immunoprofile.trial._values import parts_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd


def covariates_of(subjects: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Give subject and the named columns; a column whose every cell is a number becomes one."""
    import pandas as pd

    out = subjects[["subject"]].astype("string").reset_index(drop=True)
    for name in names:
        if name == "age_years":
            out[name] = _ages(subjects).to_numpy()
        elif name in subjects.columns:
            values = subjects[name].reset_index(drop=True)
            numbers = pd.to_numeric(values, errors="coerce")
            whole = bool((numbers.notna() | values.isna()).all()) and bool(numbers.notna().any())
            out[name] = numbers.astype("float64") if whole else values.astype("string")
    return out


def _ages(subjects: pd.DataFrame) -> pd.Series:
    import pandas as pd

    rows: list[Any] = subjects.to_dict("records")
    return pd.Series([_age(row) for row in rows], dtype="float64")


def _age(row: Mapping[str, Any]) -> float:
    stated, born = row.get("age_years"), row.get("birth_year")
    if stated is not None and stated == stated:  # noqa: PLR0124 - not NaN
        return float(stated)
    dates = [row.get(name) for name in ("first_dose", "randomised")]
    when = next((date for date in dates if isinstance(date, str)), None)
    if when is None or born is None or born != born:  # noqa: PLR0124 - NaN
        return float("nan")
    return parts_of(when)[0].year - float(born)
