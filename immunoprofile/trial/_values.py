"""Cells to values: numbers, dates, yes and no; what is not certain is a problem, never a guess."""

from __future__ import annotations

import re
from datetime import date, datetime

NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?")
SLASHED = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-](\d{2}|\d{4})")
YES = {"yes": True, "y": True, "true": True, "1": True, "no": False, "n": False, "false": False, "0": False}


class CellError(ValueError):
    """A cell that is not what its column needs: code, fault, what would be right, hint."""

    def __init__(self, code: str, what: str, *, expected: str = "", hint: str = "") -> None:
        self.code, self.what, self.expected, self.hint = code, what, expected, hint
        super().__init__(what)


def number(text: str, *, decimal: str = ".") -> float:
    """Read a number.

    Raises
    ------
    CellError
        ``decimal_comma``, ``number_invalid``.
    """
    cell = text.strip()
    if decimal == ",":
        if "." in cell:
            hint = 'decimal = "," is declared in study.toml'
            raise CellError(
                "number_invalid", "not a number", expected="a number with decimal comma", hint=hint
            )
        cell = cell.replace(",", ".", 1)
    elif DECIMAL_COMMA.fullmatch(cell):
        hint = 'declare decimal = "," for this table in study.toml, or write a decimal point'
        raise CellError("decimal_comma", "a decimal comma", expected=cell.replace(",", "."), hint=hint)
    if not NUMBER.fullmatch(cell):
        raise CellError("number_invalid", "not a number", expected="a number, or an empty cell for not done")
    value = float(cell)
    if value in (float("inf"), float("-inf")):
        raise CellError("number_invalid", "not a finite number", expected="a number")
    return value


def day(text: str, *, date_format: str | None = None) -> str:
    """Read a date, or a date with a time, and give it in ISO form.

    Raises
    ------
    CellError
        ``date_invalid``, ``date_ambiguous``.
    """
    cell = text.strip()
    try:
        if date_format is not None:
            return _iso(datetime.strptime(cell, date_format))
        if ISO_DATE.fullmatch(cell):
            return (
                _iso(datetime.fromisoformat(cell)) if len(cell) > 10 else date.fromisoformat(cell).isoformat()
            )
    except ValueError:
        expected = f"a date as {date_format}" if date_format else "YYYY-MM-DD"
        raise CellError("date_invalid", "no such date", expected=expected) from None
    hint = 'declare date_format = "%d/%m/%Y" (or as it is) for this table in study.toml'
    slashed = SLASHED.fullmatch(cell)
    if slashed and int(slashed[1]) <= 12 and int(slashed[2]) <= 12:
        raise CellError("date_ambiguous", "day or month first?", expected="YYYY-MM-DD", hint=hint)
    raise CellError("date_invalid", "not an ISO date", expected="YYYY-MM-DD", hint=hint if slashed else "")


def _iso(moment: datetime) -> str:
    if moment.time() == datetime.min.time():
        return moment.date().isoformat()
    return moment.replace(tzinfo=None, microsecond=0).isoformat()


def yes_no(text: str) -> bool:
    """Read yes or no.

    Raises
    ------
    CellError
        ``value_unknown``.
    """
    found = YES.get(text.strip().casefold())
    if found is None:
        raise CellError("value_unknown", "neither yes nor no", expected="yes or no")
    return found


def parts_of(iso: str) -> tuple[date, datetime | None]:
    """Split an ISO text into its date and, where it has a time, its moment.

    Examples
    --------
    >>> parts_of("2024-03-01")
    (datetime.date(2024, 3, 1), None)
    """
    moment = datetime.fromisoformat(iso)
    return moment.date(), moment if len(iso) > 10 else None
