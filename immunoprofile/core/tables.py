"""Tidy tables: documented columns, explicit types, sorted rows; read and written without loss."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from immunoprofile.core.files import atomic_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

Dtype = Literal["string", "Int64", "float64", "boolean"]
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""First characters that make a spreadsheet run a text cell (OWASP ASVS 1.2.10)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a public table.

    Attributes
    ----------
    name : str
    dtype : str
        ``string``, ``Int64``, ``float64`` or ``boolean``.
    meaning : str
        One phrase, with the unit.
    """

    name: str
    dtype: Dtype
    meaning: str


def tidy(frame: pd.DataFrame, columns: Sequence[Column], *, key: Sequence[str] = ()) -> pd.DataFrame:
    """Bring a frame into the public form: the columns in order (absent ones missing), typed, sorted by `key`.

    Columns that are not declared are dropped. The sort is stable, missing last.
    """
    import pandas as pd

    out = {}
    for column in columns:
        if column.name in frame.columns:
            out[column.name] = _typed(frame[column.name], column.dtype)
        else:
            out[column.name] = pd.Series(
                pd.NA if column.dtype != "float64" else float("nan"), index=frame.index, dtype=column.dtype
            )
    table = pd.DataFrame(out, columns=[column.name for column in columns], index=frame.index)
    if len(key):
        table = table.sort_values(list(key), kind="stable", na_position="last")
    return table.reset_index(drop=True)


def _typed(values: pd.Series, dtype: Dtype) -> pd.Series:
    import pandas as pd

    if dtype == "float64":
        return pd.to_numeric(values, errors="raise").astype("float64")
    if dtype == "string":
        return values.astype("string")
    return values.astype(dtype)


def write_table(frame: pd.DataFrame, path: str | Path, *, parquet: bool = True) -> list[Path]:
    """Write ``path.csv`` and ``path.parquet``, each atomically, the same bytes for the same frame.

    CSV is UTF-8 with line feeds, floats that round-trip and empty cells for missing values. A text cell that
    a spreadsheet would run as a formula gets a leading ``'``; Parquet holds the true text.

    Parameters
    ----------
    frame : DataFrame
        A tidy table.
    path : path
        Name without suffix.
    """
    base = Path(path)
    safe = frame.copy()
    for name in safe.columns:
        if safe[name].dtype == "string" or safe[name].dtype == object:
            safe[name] = safe[name].map(_disarm, na_action="ignore")
    written = [base.with_name(base.name + ".csv")]
    with atomic_path(written[0]) as temporary:
        safe.to_csv(temporary, index=False, lineterminator="\n", encoding="utf-8", quoting=csv.QUOTE_MINIMAL)
    if parquet:
        written.append(base.with_name(base.name + ".parquet"))
        with atomic_path(written[1]) as temporary:
            frame.to_parquet(temporary, index=False, engine="pyarrow", compression="zstd")
    return written


def _disarm(cell: object) -> object:
    if isinstance(cell, str) and (cell.startswith(FORMULA_STARTS) or _quoted_formula(cell)):
        return "'" + cell
    return cell


def _quoted_formula(cell: str) -> bool:
    return cell.startswith("'") and cell.lstrip("'").startswith(FORMULA_STARTS)


def read_table(path: str | Path, columns: Sequence[Column] | Mapping[str, Dtype]) -> pd.DataFrame:
    """Read a table that :func:`write_table` wrote as CSV, with its types and its true text."""
    import pandas as pd

    dtypes = (
        dict(columns) if isinstance(columns, Mapping) else {column.name: column.dtype for column in columns}
    )
    frame = pd.read_csv(Path(path), dtype="string", keep_default_na=False, na_values=[""], encoding="utf-8")
    for name in frame.columns:
        dtype = dtypes.get(name, "string")
        if dtype == "string":
            frame[name] = frame[name].map(_rearm, na_action="ignore").astype("string")
        elif dtype == "boolean":
            frame[name] = frame[name].map({"True": True, "False": False}).astype("boolean")
        else:
            frame[name] = _typed(frame[name], dtype)
    return frame


def _rearm(cell: str) -> str:
    bare = cell.lstrip("'")
    return cell[1:] if cell.startswith("'") and bare.startswith(FORMULA_STARTS) else cell
