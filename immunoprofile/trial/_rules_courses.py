"""doses.csv and events.csv: columns, ids, dates and grades."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from immunoprofile.trial._rules_subjects import note_reversed
from immunoprofile.trial._values import CellError, day, number, yes_no

if TYPE_CHECKING:
    from collections.abc import Mapping

    from immunoprofile.trial._reading import Reading

DOSES = ("subject", "drug", "start", "dose", "unit", "end", "per_day", "every_days", "route", "kind")
DOSES_NEEDED = ("subject", "drug", "start", "dose", "unit")
KINDS = ("study_drug", "glucocorticoid", "immunosuppressant", "other")
EVENTS = ("subject", "term", "start", "end", "grade", "serious", "related")


def read_doses(reading: Reading, *, subjects: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Read the rows of doses.csv; faults go to the reading's problems."""
    if not reading.find_columns(DOSES, required=DOSES_NEEDED):
        return []
    rows = []
    for row, cells in reading.sheet.rows:
        record = _subject(reading, row, cells, subjects=subjects)
        for name in ("drug", "unit"):
            record[name] = reading.required(row, cells, name)
        _dates(reading, record, cells)
        reading.required(row, cells, "dose")
        for name in ("dose", "per_day", "every_days"):
            record[name] = reading.value(row, cells, column=name, parse=partial(_amount, reading))
        record["route"] = reading.cell(cells, "route") or None
        kind = reading.cell(cells, "kind")
        record["kind"] = (
            reading.known(row, "kind", kind, names=KINDS, code="unknown_kind", noun="kind") or None
        )
        rows.append(record)
    return rows


def read_events(reading: Reading, *, subjects: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Read the rows of events.csv; faults go to the reading's problems."""
    if not reading.find_columns(EVENTS, required=("subject", "term", "start")):
        return []
    rows = []
    for row, cells in reading.sheet.rows:
        record = _subject(reading, row, cells, subjects=subjects)
        record["term"] = reading.required(row, cells, "term")
        _dates(reading, record, cells)
        record["grade"] = reading.value(row, cells, column="grade", parse=_grade)
        for name in ("serious", "related"):
            record[name] = reading.value(row, cells, column=name, parse=yes_no)
        rows.append(record)
    return rows


def _subject(
    reading: Reading, row: int, cells: tuple[str, ...], *, subjects: Mapping[str, Any] | None
) -> dict[str, Any]:
    subject = reading.required(row, cells, "subject")
    if subjects is not None:
        subject = reading.known(
            row, "subject", subject, names=subjects, code="unknown_subject", noun="subject"
        )
    return {"row": row, "subject": subject}


def _dates(reading: Reading, record: dict[str, Any], cells: tuple[str, ...]) -> None:
    dates = partial(day, date_format=reading.date_format)
    reading.required(record["row"], cells, "start")
    for name in ("start", "end"):
        record[name] = reading.value(record["row"], cells, column=name, parse=dates)
    note_reversed(reading, record, (("start", "end"),))


def _amount(reading: Reading, text: str) -> float:
    value = number(text, decimal=reading.decimal)
    if value < 0:
        raise CellError("out_of_range", "below 0", expected="0 or more")
    return value


def _grade(text: str) -> int:
    value = number(text)
    if value not in (1, 2, 3, 4, 5):
        raise CellError("out_of_range", "outside 1 to 5", expected="a grade from 1 to 5")
    return int(value)
