"""samples.csv: one row a file; every id known, every file found inside the study folder."""

from __future__ import annotations

import os
import re
from functools import partial
from typing import TYPE_CHECKING, Any

from immunoprofile.trial._problems import Problem
from immunoprofile.trial._rules_subjects import note_repeats, note_reversed
from immunoprofile.trial._values import CellError, day, number
from immunoprofile.trial._visits import target_of, window_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from immunoprofile.trial._files import Files
    from immunoprofile.trial._reading import Reading
    from immunoprofile.trial._schema import StudyDesign

DATES = ("collected", "received", "acquired")
TEXTS = ("batch", "instrument", "lot")
CONTROLS = ("none", "unstained", "unstimulated", "bridge", "compensation")
FMO = re.compile(r"fmo:\S.*", re.IGNORECASE)
COLUMNS = ("file", "subject", "visit", "site", "tube", "control", *DATES, *TEXTS, "expected_events", "sample")


def read_samples(
    reading: Reading,
    design: StudyDesign,
    *,
    files: Files,
    subjects: Mapping[str, Mapping[str, Any]] | None,
    sites: Sequence[str],
) -> list[dict[str, Any]]:
    """Read the rows of samples.csv; faults go to the reading's problems.

    Parameters
    ----------
    reading : Reading
    design : StudyDesign
    files : Files
        Files of the study folder.
    subjects : mapping or None
        Rows of subjects.csv by subject, where there is one.
    sites : sequence of str
        Declared sites; empty: any.
    """
    if not reading.find_columns(COLUMNS, required=_required(design, subjects, sites)):
        return []
    rows = [
        _row(reading, design, row=row, cells=cells, subjects=subjects, sites=sites)
        for row, cells in reading.sheet.rows
    ]
    for record in rows:
        _find_file(reading, record, files)
    _listed_twice(reading, rows)
    note_repeats(reading, rows, key=("subject", "visit", "tube", "control"), what="this subject and visit")
    _unlisted(reading, rows, files)
    return rows


def _required(design: StudyDesign, subjects: Mapping[str, Any] | None, sites: Sequence[str]) -> list[str]:
    required = ["subject", "visit"]
    elsewhere = len(sites) == 1 or any(row.get("site") for row in (subjects or {}).values())
    if not design.profiles:  # populations gated elsewhere need neither file nor site
        required.append("file")
        required += [] if elsewhere else ["site"]
    if len(design.tubes) > 1:
        required.append("tube")
    return required


def _row(
    reading: Reading,
    design: StudyDesign,
    *,
    row: int,
    cells: tuple[str, ...],
    subjects: Mapping[str, Mapping[str, Any]] | None,
    sites: Sequence[str],
) -> dict[str, Any]:
    record: dict[str, Any] = {"row": row}
    for name in ("subject", "visit"):
        record[name] = reading.required(row, cells, name)
    record["file"] = reading.required(row, cells, "file") if "file" in reading.columns else ""
    _ids(reading, design, record, cells=cells, subjects=subjects)
    record["site"] = _site(reading, record, cells, subjects=subjects, sites=sites)
    record["tube"] = _tube(reading, design, record, cells=cells)
    record["control"] = reading.value(row, cells, column="control", parse=_control) or "none"
    dates = partial(day, date_format=reading.date_format)
    for name in DATES:
        record[name] = reading.value(row, cells, column=name, parse=dates)
    for name in TEXTS:
        record[name] = reading.cell(cells, name) or None
    record["expected_events"] = reading.value(
        row, cells, column="expected_events", parse=partial(_count, reading)
    )
    record["own_sample"] = reading.cell(cells, "sample") or None
    note_reversed(
        reading, record, (("collected", "received"), ("collected", "acquired"), ("received", "acquired"))
    )
    _window(reading, design, record, subjects=subjects)
    return record


def _ids(
    reading: Reading,
    design: StudyDesign,
    record: dict[str, Any],
    *,
    cells: tuple[str, ...],
    subjects: Mapping[str, Mapping[str, Any]] | None,
) -> None:
    if subjects is not None:
        record["subject"] = reading.known(
            record["row"],
            "subject",
            record["subject"],
            names=subjects,
            code="unknown_subject",
            noun="subject",
        )
    visits = [visit.id for visit in design.visits]
    if visits:
        record["visit"] = reading.known(
            record["row"], "visit", record["visit"], names=visits, code="unknown_visit", noun="visit"
        )


def _site(
    reading: Reading,
    record: dict[str, Any],
    cells: tuple[str, ...],
    *,
    subjects: Mapping[str, Mapping[str, Any]] | None,
    sites: Sequence[str],
) -> str:
    row = record["row"]
    if "site" in reading.columns:
        site = reading.required(row, cells, "site")
    else:
        site = str((subjects or {}).get(record["subject"], {}).get("site") or "")
        site = site or (sites[0] if len(sites) == 1 else "")
    if sites:
        site = reading.known(row, "site", site, names=sites, code="unknown_site", noun="site")
    return site


def _tube(reading: Reading, design: StudyDesign, record: dict[str, Any], *, cells: tuple[str, ...]) -> str:
    declared = [tube.id for tube in design.tubes]
    tube = reading.cell(cells, "tube")
    if not tube and len(declared) == 1:
        return declared[0]
    if not tube and len(declared) > 1 and "tube" in reading.columns:
        expected = f"one of {', '.join(declared)}"
        reading.note(
            record["row"],
            "tube",
            code="value_missing",
            what="this cell is empty",
            found="",
            expected=expected,
        )
    if declared and tube:
        return reading.known(record["row"], "tube", tube, names=declared, code="unknown_tube", noun="tube")
    return tube


def _control(text: str) -> str:
    folded = text.strip().casefold()
    if folded in CONTROLS or folded == "full":
        return "none" if folded == "full" else folded
    if FMO.fullmatch(text.strip()):
        return "fmo:" + text.strip()[4:].strip()
    raise CellError(
        "unknown_control", "no such control", expected=f"one of {', '.join(CONTROLS)}, fmo:<marker>"
    )


def _count(reading: Reading, text: str) -> int:
    value = number(text, decimal=reading.decimal)
    if value < 0 or value != int(value):
        raise CellError("number_invalid", "not a count of events", expected="a whole number, 0 or more")
    return int(value)


def _window(
    reading: Reading,
    design: StudyDesign,
    record: dict[str, Any],
    *,
    subjects: Mapping[str, Mapping[str, Any]] | None,
) -> None:
    """Warn where a tube was collected outside the window of its visit."""
    from immunoprofile.trial._values import parts_of
    from immunoprofile.trial._visits import study_day

    first = (subjects or {}).get(record["subject"], {}).get("first_dose")
    visit = next((v for v in design.visits if v.id == record["visit"]), None)
    window = window_of(visit) if visit is not None else None
    if not first or not record["collected"] or visit is None or window is None:
        return
    found = study_day(parts_of(record["collected"])[0], parts_of(first)[0])
    if not window[0] <= target_of(found) <= window[1]:
        days = [offset + 1 if offset >= 0 else offset for offset in window]
        reading.note(
            record["row"],
            "collected",
            code="visit_window",
            what=f"study day {found} is outside the window of {visit.id} (day {days[0]} to {days[1]})",
            level="warning",
            found=record["collected"],
        )


def _find_file(reading: Reading, record: dict[str, Any], files: Files) -> None:
    record["path"] = None
    name = record["file"]
    if not name:
        return
    found = files.find(name)
    record["path"] = found.path
    if found.code == "path_outside":
        hint = "a path below the study folder, or below a folder of [study] roots"
        reading.note(
            record["row"], "file", code="path_outside", what="leaves the study folder", found=name, hint=hint
        )
    elif found.code:
        reading.note(
            record["row"],
            "file",
            code=found.code,
            what="there is no such file",
            found=name,
            nearest=found.nearest,
            expected="a file below the study folder",
            hint="write folders with /" if "\\" in name else "",
        )
    elif found.meant:
        reading.note_name(record["row"], name, found.meant, column="file")
        record["file"] = found.meant


def _listed_twice(reading: Reading, rows: Sequence[dict[str, Any]]) -> None:
    """Note a file that two rows list: of one specimen the first row is kept, of two specimens none."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for record in rows:
        if record["path"] is not None:
            groups.setdefault(str(record["path"]), []).append(record)
    for group in groups.values():
        if len(group) < 2:
            continue
        one = len({(record["subject"], record["visit"]) for record in group}) == 1
        alike = one and len({(record["tube"], record["control"]) for record in group}) == 1
        for record in group[1:] if alike else group:
            others = ", ".join(str(other["row"]) for other in group if other is not record)
            code = "duplicate_file" if one else "same_content_two_specimens"
            what = f"row {others} lists this file too" + ("" if one else ", for another specimen")
            reading.note(
                record["row"], "file", code=code, what=what, found=record["file"], expected="one row a file"
            )


def _unlisted(reading: Reading, rows: Sequence[dict[str, Any]], files: Files) -> None:
    if "file" not in reading.columns:
        return
    taken = {record["path"] for record in rows}
    real = {str(path) for path in taken}
    for name, path in files.listing().items():
        if path not in taken and os.path.realpath(path) not in real:
            reading.problems.add(
                Problem(
                    level="warning",
                    code="file_unlisted",
                    table=reading.table,
                    column=reading.titles["file"],
                    found=name,
                    what="no row lists this file",
                )
            )
