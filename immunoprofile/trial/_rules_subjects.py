"""subjects.csv: one row a subject; who there is, when they were randomised, first dosed and withdrawn."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from immunoprofile.trial._values import CellError, day, number, yes_no

if TYPE_CHECKING:
    from collections.abc import Sequence

    from immunoprofile.trial._reading import Reading
    from immunoprofile.trial._schema import StudyDesign

DATES = ("randomised", "first_dose", "withdrawn")
NUMBERS = {"age_years": (0.0, 120.0), "birth_year": (1900.0, 2100.0), "weight_kg": (1.0, 400.0)}
TEXTS = ("site", "sex", "withdrawal_reason", "randomisation")
ORDER = (("randomised", "first_dose"), ("first_dose", "withdrawn"), ("randomised", "withdrawn"))
"""Pairs of dates of which the second is never earlier."""


def read_subjects(reading: Reading, design: StudyDesign, *, sites: Sequence[str]) -> list[dict[str, Any]]:
    """Read the rows of subjects.csv; faults go to the reading's problems."""
    known = ["subject", *TEXTS, *DATES, *NUMBERS, "healthy"]
    code = design.blinding.code
    if code not in known:
        known.append(code)
    wanted = [*design.strata.columns, *(c for c in design.analysis.covariates if c not in known)]
    extra = [name for name in dict.fromkeys(wanted) if name not in known and name in reading.sheet.header]
    if not reading.find_columns([*known, *extra], required=["subject"]):
        return []
    dates = partial(day, date_format=reading.date_format)
    rows = []
    for row, cells in reading.sheet.rows:
        record: dict[str, Any] = {"row": row, "subject": reading.required(row, cells, "subject")}
        for name in TEXTS:
            record[name] = reading.cell(cells, name) or None
        if code not in record:
            record[code] = reading.cell(cells, code) or None
        if sites and record["site"]:
            record["site"] = reading.known(
                row, "site", record["site"], names=sites, code="unknown_site", noun="site"
            )
        for name in DATES:
            record[name] = reading.value(row, cells, column=name, parse=dates)
        for name, limits in NUMBERS.items():
            record[name] = _number(reading, row, cells, column=name, limits=limits)
        record["healthy"] = reading.value(row, cells, column="healthy", parse=yes_no)
        for name in extra:
            record[name] = reading.cell(cells, name) or None
        _reversed(reading, record)
        rows.append(record)
    note_repeats(reading, rows, key=("subject",), what="this subject")
    _declared_columns(reading, design)
    return rows


def _number(
    reading: Reading, row: int, cells: tuple[str, ...], *, column: str, limits: tuple[float, float]
) -> float | None:
    def parse(text: str) -> float:
        value = number(text, decimal=reading.decimal)
        if not limits[0] <= value <= limits[1]:
            raise CellError("out_of_range", f"outside {limits[0]:g} to {limits[1]:g}")
        return value

    found: float | None = reading.value(row, cells, column=column, parse=parse)
    return found


def _reversed(reading: Reading, record: dict[str, Any]) -> None:
    note_reversed(reading, record, ORDER)


def note_reversed(reading: Reading, record: dict[str, Any], pairs: Sequence[tuple[str, str]]) -> None:
    """Note dates of which the second lies before the first."""
    for first, second in pairs:
        early, late = record.get(first), record.get(second)
        if early and late and late[: min(len(early), len(late))] < early[: min(len(early), len(late))]:
            reading.note(
                record["row"],
                second,
                code="date_reversed",
                what=f"earlier than {first}",
                found=late,
                expected=f"{early} or later",
            )


def note_repeats(reading: Reading, rows: Sequence[dict[str, Any]], *, key: Sequence[str], what: str) -> None:
    """Note rows of one key: where they agree in everything the first is kept, else none can be trusted."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for record in rows:
        name = tuple(record.get(column) for column in key)
        if all(name[: 1 if len(key) == 1 else 2]):
            groups.setdefault(name, []).append(record)
    for group in groups.values():
        if len(group) < 2:
            continue
        bare = [{k: v for k, v in record.items() if k not in ("row", "#cells")} for record in group]
        agree = all(other == bare[0] for other in bare[1:])
        for record in group[1:] if agree else group:
            others = ", ".join(str(other["row"]) for other in group if other is not record)
            reading.note(
                record["row"],
                key[-1] if key[-1] in reading.columns else key[0],
                code="duplicate_row",
                what=f"{what} stands in row {others} too",
                expected="one row",
                hint="the rows agree: the first is kept" if agree else "the rows differ: keep the right one",
            )


def _declared_columns(reading: Reading, design: StudyDesign) -> None:
    """Note strata that no column has."""
    for name in design.strata.columns:
        if name not in reading.columns:
            reading.note(
                1,
                name,
                code="column_missing",
                what="declared in [strata] of study.toml, and not there",
                expected=f"a column {name}",
                scope="study",
            )
