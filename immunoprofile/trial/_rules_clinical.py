"""clinical.csv, long or wide: every value a number on its scale, every enzyme with its upper limit."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from immunoprofile.trial._measures import SCALE_LIMITS, Rule, one_spelling, rules_of
from immunoprofile.trial._problems import Problem
from immunoprofile.trial._rules_subjects import note_repeats
from immunoprofile.trial._values import CellError, day, number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from immunoprofile.trial._reading import Reading
    from immunoprofile.trial._schema import StudyDesign

COLUMNS = ("subject", "visit", "measure", "value", "date", "unit", "scale", "uln", "lln")
WIDE = ("subject", "visit", "date")
LIKERT_RECORDS, LIKERT_SUBJECTS = 20, 5
"""Records, or subjects where there are fewer records, from which whole numbers 0-4 on a VAS are suspected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cells:
    """Where the parts of one value stand: our column names."""

    row: int
    value: str
    uln: str
    unit: str


def read_clinical(
    reading: Reading,
    design: StudyDesign,
    *,
    subjects: Mapping[str, Any] | None,
) -> list[dict[str, Any]]:
    """Read the rows of clinical.csv; faults go to the reading's problems."""
    rules = rules_of(design)
    visits = {visit.id: None for visit in design.visits}
    records = (_wide if reading.spec.layout == "wide" else _long)(reading, rules)
    rows = []
    for record in records:
        if subjects is not None:
            record["subject"] = reading.known(
                record["row"],
                "subject",
                record["subject"],
                names=subjects,
                code="unknown_subject",
                noun="subject",
            )
        if visits:
            record["visit"] = reading.known(
                record["row"],
                "visit",
                record["visit"],
                names=visits,
                code="unknown_visit",
                noun="visit",
            )
        rows.append(record)
    wide = reading.spec.layout == "wide"
    key = ("subject", "visit", "measure")
    note_repeats(
        reading, rows, key=key, what="this subject and visit" if wide else "this measure of the visit"
    )
    _mixed_units(reading, rows)
    _suspected_scales(reading, rows, rules)
    return rows


def _long(reading: Reading, rules: Mapping[str, Rule]) -> Iterator[dict[str, Any]]:
    if not reading.find_columns(COLUMNS, required=["subject", "visit", "measure", "value"]):
        return
    dates = partial(day, date_format=reading.date_format)
    for row, cells in reading.sheet.rows:
        name = reading.required(row, cells, "measure")
        name = reading.known(row, "measure", name, names=rules, code="unknown_measure", noun="measure")
        record: dict[str, Any] = {
            "row": row,
            "subject": reading.required(row, cells, "subject"),
            "visit": reading.required(row, cells, "visit"),
            "measure": name,
            "date": reading.value(row, cells, column="date", parse=dates),
        }
        scale = reading.cell(cells, "scale")
        places = _Cells(row=row, value="value", uln="uln", unit="unit")
        record |= _values(reading, cells, rules.get(name), places=places, scale=scale)
        yield record


def _wide(reading: Reading, rules: Mapping[str, Rule]) -> Iterator[dict[str, Any]]:
    spec = reading.spec
    named = dict(spec.measures) or {name: name for name in rules if name in reading.sheet.header}
    places = {f"value of {name}": column for name, column in named.items()}
    places |= {f"uln of {name}": column for name, column in spec.uln.items()}
    at = {title: position for position, title in reversed(list(enumerate(reading.sheet.header)))}
    ready = reading.find_columns(WIDE, required=["subject", "visit"], used=set(places.values()))
    for name, column in places.items():
        if column in at:
            reading.columns[name], reading.titles[name] = at[column], column
        else:
            reading.note(
                1,
                column,
                code="column_missing",
                what="mapped in study.toml, and not there",
                expected=f"a column {column}",
                hint=f"columns: {', '.join(reading.sheet.header[:20])}",
                scope="study",
            )
    if not ready:
        return
    dates = partial(day, date_format=reading.date_format)
    for row, cells in reading.sheet.rows:
        shared = {
            "row": row,
            "subject": reading.required(row, cells, "subject"),
            "visit": reading.required(row, cells, "visit"),
            "date": reading.value(row, cells, column="date", parse=dates),
        }
        for name in named:
            if f"value of {name}" in reading.columns:
                where = _Cells(row=row, value=f"value of {name}", uln=f"uln of {name}", unit="#unit")
                unit = spec.units.get(name, "")
                values = _values(reading, cells, rules[name], places=where, scale="", unit=unit)
                yield {**shared, "measure": name, **values}


def _values(
    reading: Reading,
    cells: tuple[str, ...],
    rule: Rule | None,
    *,
    places: _Cells,
    scale: str,
    unit: str | None = None,
) -> dict[str, Any]:
    """Read value, unit, scale and limits of one record."""
    row = places.row
    plain = partial(number, decimal=reading.decimal)
    unit = reading.cell(cells, places.unit) if unit is None else unit
    out: dict[str, Any] = {"value": None, "unit": one_spelling(unit) or None, "censored": None}
    out["lln"] = reading.value(row, cells, column="lln", parse=plain)
    out["uln"] = reading.value(row, cells, column=places.uln, parse=partial(_positive, plain))
    if rule is None:
        return out
    _check_unit(reading, row, rule, unit=unit)
    out["scale"] = _scale(reading, row, rule, scale=scale, unit=unit) or None
    limits = _limits(rule, out["scale"] or "")
    censored: list[str] = []
    parse = partial(_measured, plain=plain, rule=rule, limits=limits, censored=censored)
    out["value"] = reading.value(row, cells, column=places.value, parse=parse)
    out["censored"] = censored[0] if censored else None
    if out["uln"] is None and rule.uln is not None:
        out["uln"] = rule.uln
    if (
        rule.is_enzyme
        and out["value"] is not None
        and out["uln"] is None
        and not reading.cell(cells, places.uln)
    ):
        reading.note(
            row,
            places.uln,
            code="uln_missing",
            what=f"{rule.name} has no upper limit of normal",
            found="",
            expected="the laboratory's limit, in the unit of the value",
            hint=f"a column uln, or uln = ... in [measures.{rule.name}]",
        )
    return out


def _positive(plain: Any, text: str) -> float:
    value = float(plain(text))
    if value <= 0:
        raise CellError("uln_invalid", "a ULN is above 0", expected="a number above 0")
    return value


def _measured(
    text: str, *, plain: Any, rule: Rule, limits: tuple[float, float], censored: list[str]
) -> float:
    cell = text.strip()
    if rule.censored and cell[:1] in ("<", ">"):
        censored.append("left" if cell[0] == "<" else "right")
        cell = cell[1:].lstrip("=").strip()
    value = float(plain(cell))
    if rule.muscle_maximum is not None and value > rule.muscle_maximum:
        hint = "bilateral scores go to 150, unilateral to 80"
        what = f"above the declared maximum {rule.muscle_maximum:g}"
        raise CellError("mmt_above_max", what, expected=f"0 to {rule.muscle_maximum:g}", hint=hint)
    if not limits[0] <= value <= limits[1]:
        hint = "millimetres?" if limits == (0.0, 10.0) and 10 < value <= 100 else ""
        expected = f"{limits[0]:g} to {limits[1]:g}"
        what = f"outside {expected}" + (f"; {hint}" if hint else "")
        raise CellError("out_of_range", what, expected=expected, hint=hint)
    return value


def _check_unit(reading: Reading, row: int, rule: Rule, *, unit: str) -> None:
    if not unit or not rule.units or unit in rule.units:
        return
    reading.known(row, "unit", unit, names=rule.units, code="unknown_unit", noun=f"unit of {rule.name}")


def _scale(reading: Reading, row: int, rule: Rule, *, scale: str, unit: str) -> str:
    """Give the scale of a record: its own, else the one its unit tells, else the declared or usual one."""
    if scale:
        return reading.known(
            row, "scale", scale, names=tuple(SCALE_LIMITS), code="unknown_scale", noun="scale"
        )
    if rule.scale in ("vas_cm", "vas_mm") and unit in ("cm", "mm"):
        told = f"vas_{unit}"
        if rule.scale_declared and told != rule.scale:
            what = f"{rule.name} is declared as {rule.scale}"
            reading.note(
                row,
                "unit",
                code="unit_mixed",
                what=what,
                found=unit,
                expected=rule.scale.removeprefix("vas_"),
            )
        return told
    return rule.scale


def _limits(rule: Rule, scale: str) -> tuple[float, float]:
    if scale in SCALE_LIMITS and scale != rule.scale:
        return SCALE_LIMITS[scale]
    return rule.lower, rule.upper


def _mixed_units(reading: Reading, rows: Sequence[dict[str, Any]]) -> None:
    """Note values of one subject and measure in more than one unit; the commonest is taken as meant."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for record in rows:
        if record["value"] is not None and record["unit"] and record["measure"]:
            groups.setdefault((record["subject"], record["measure"]), []).append(record)
    for group in groups.values():
        counts = Counter(record["unit"] for record in group)
        if len(counts) == 1 or set(counts) == {"cm", "mm"}:
            continue
        most = max(counts.values())
        usual = [unit for unit, count in counts.items() if count == most]
        for record in group:
            if len(usual) > 1 or record["unit"] != usual[0]:
                others = sorted(set(counts) - {record["unit"]})
                what = f"other records of this subject and measure have {', '.join(others)}"
                reading.note(
                    record["row"],
                    "unit",
                    code="unit_mixed",
                    what=what,
                    found=record["unit"],
                    expected="one unit",
                )


def _suspected_scales(reading: Reading, rows: Sequence[dict[str, Any]], rules: Mapping[str, Rule]) -> None:
    """Note a VAS that holds only whole numbers from 0 to 4: probably a Likert score."""
    for name, rule in rules.items():
        if rule.scale not in ("vas_cm", "vas_mm") or rule.scale_declared:
            continue
        found = [r for r in rows if r["measure"] == name and r["value"] is not None]
        values = {record["value"] for record in found}
        likely = bool(values) and max(values) > 0 and values <= {0.0, 1.0, 2.0, 3.0, 4.0}
        enough = len(found) >= LIKERT_RECORDS or len({r["subject"] for r in found}) >= LIKERT_SUBJECTS
        if likely and enough:
            reading.problems.add(
                Problem(
                    code="scale_suspected",
                    table=reading.table,
                    column=reading.titles.get("value", reading.titles.get(f"value of {name}", "value")),
                    found=name,
                    expected="a visual analogue scale of 0 to 10 cm",
                    what=f"{len(found)} values, all whole numbers from 0 to 4: a Likert score?",
                    hint=f'declare it: [measures.{name}] scale = "likert_0_4" or "vas_cm"',
                    scope="study",
                )
            )
