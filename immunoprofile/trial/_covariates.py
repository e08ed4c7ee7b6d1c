"""Covariates of subjects: the columns that [analysis] names, numbers as numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from immunoprofile.trial._values import parts_of

if TYPE_CHECKING:
    from collections.abc import Sequence

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

    def age(row: dict[str, object]) -> float:
        stated, born = row.get("age_years"), row.get("birth_year")
        if pd.notna(stated):  # type: ignore[call-overload]
            return float(stated)  # type: ignore[arg-type]
        for name in ("first_dose", "randomised"):
            when = row.get(name)
            if pd.notna(when) and pd.notna(born):  # type: ignore[call-overload]
                return parts_of(str(when))[0].year - float(born)  # type: ignore[arg-type]
        return float("nan")

    return pd.Series([age(row) for row in subjects.to_dict("records")], dtype="float64")
