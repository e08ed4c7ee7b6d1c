"""Tidy tables: documented columns, explicit types, sorted rows; read and written without loss."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from immunoprofile.core.files import write_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

Dtype = Literal["string", "Int64", "float64", "boolean"]
CONTROL_STARTS = ("\t", "\r", "\n")
FORMULA_SIGNS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Signs that make a spreadsheet run a text cell (OWASP ASVS 1.2.10), and their full-width forms."""
FORMULA_STARTS = (*FORMULA_SIGNS, *CONTROL_STARTS)
_NUMBER = re.compile(r"[+-](?:[0-9]{1,400}(?:\.[0-9]{1,400})?(?:e[+-]?[0-9]{1,3})?|inf)", re.IGNORECASE)


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

    CSV is UTF-8 with line feeds, floats that round-trip, ``inf`` and ``-inf``, and empty cells for missing
    values. A text cell that a spreadsheet would run as a formula gets a leading ``'``; Parquet holds the true
    text.

    Parameters
    ----------
    frame : DataFrame
        A tidy table.
    path : path
        Name without suffix.
    """
    base = Path(path)
    made = table_files(frame, base.name, parquet=parquet)
    return [write_bytes(base.with_name(name), content) for name, content in made]


def table_files(frame: pd.DataFrame, name: str, *, parquet: bool = True) -> Iterator[tuple[str, bytes]]:
    """Give names and contents of the files of a table, as :func:`write_table` writes them."""
    yield f"{name}.csv", _csv_bytes(frame)
    if parquet:
        yield f"{name}.parquet", _parquet_bytes(frame)


def _csv_bytes(frame: pd.DataFrame) -> bytes:
    safe = frame.copy()
    for name in safe.columns:
        if safe[name].dtype == "string" or safe[name].dtype == object:
            safe[name] = safe[name].map(disarm, na_action="ignore")
    text: str = safe.to_csv(index=False, lineterminator="\r\n", quoting=csv.QUOTE_MINIMAL)
    return with_line_feeds(text).encode("utf-8")


def with_line_feeds(text: str) -> str:
    """Give CSV text that was written with CR LF as line ends with line feeds as such.

    A writer quotes only those line ends of a cell that are its own: one told to end lines by a line feed
    alone would let a cell with a carriage return begin a new row.
    """
    parts = text.split('"')
    parts[::2] = [outside.replace("\r\n", "\n") for outside in parts[::2]]
    return '"'.join(parts)


def _parquet_bytes(frame: pd.DataFrame) -> bytes:
    bare = frame.copy(deep=False)
    bare.attrs = {}  # they would be written into the file
    buffer = io.BytesIO()
    bare.to_parquet(buffer, index=False, engine="pyarrow", compression="zstd")
    return buffer.getvalue()


def disarm(cell: object) -> object:
    """Give a cell as a spreadsheet may see it: text that it would run gets a leading ``'``."""
    return "'" + cell if isinstance(cell, str) and _runs(cell.lstrip("'")) else cell


def rearm(cell: str) -> str:
    """Give the true text of a cell that :func:`disarm` made."""
    return cell[1:] if cell.startswith("'") and _runs(cell.lstrip("'")) else cell


def _runs(cell: str) -> bool:
    """Tell whether a spreadsheet may run a cell: it skips blanks, and what cannot be seen, before a formula.

    A number is no formula.
    """
    if cell.startswith(CONTROL_STARTS):
        return True
    if _NUMBER.fullmatch(cell):
        return False
    seen = next((char for char in cell if not char.isspace() and char.isprintable()), "")
    return seen in FORMULA_SIGNS and seen != ""


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
            frame[name] = frame[name].map(rearm, na_action="ignore").astype("string")
        elif dtype == "boolean":
            frame[name] = frame[name].map({"True": True, "False": False}).astype("boolean")
        elif dtype == "float64":  # pandas' own parser of text may miss the last digit
            values = [float(text) for text in frame[name].fillna("nan")]
            frame[name] = pd.Series(values, index=frame.index, dtype="float64")
        else:
            frame[name] = _typed(frame[name], dtype)
    return frame
