"""Arms of a study that is not blinded, from a table that study.toml names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from immunoprofile.trial._problems import Problem, Problems
from immunoprofile.trial._reading import Reading
from immunoprofile.trial._schema import TableSpec
from immunoprofile.trial._sheet import read_sheet

if TYPE_CHECKING:
    from immunoprofile.trial._schema import StudyDesign


def read_open_arms(design: StudyDesign, root: Path) -> tuple[dict[str, str] | None, list[Problem]]:
    """Read ``[open_arms]``; never while the study is blinded.

    Returns
    -------
    arms : dict of str to str, or None
        Subject to arm; None where none are declared.
    problems : list of Problem
    """
    declared = design.open_arms
    if declared is None or design.blinded:
        return None, []
    problems = Problems()
    table = Path(declared.file).name
    if not (root / declared.file).is_file():
        missing = Problem(code="table_missing", table=table, what="there is no such table", scope="study")
        return None, [missing]
    sheet, faults = read_sheet(root / declared.file, table=table)
    problems.extend(faults)
    if sheet is None:
        return None, problems.items
    spec = TableSpec(file=declared.file, columns=declared.columns, values=declared.values)
    silent = Problems()  # the other columns of the table are no concern of the arms
    reading = Reading(sheet=sheet, spec=spec, problems=silent)
    ready = reading.find_columns(("subject", "arm"), required=("subject", "arm"))
    problems.extend(p for p in silent.items if p.level != "info")
    if not ready:
        return None, problems.items
    arms = _arms(reading, design, problems)
    return (None if problems.errors else arms), problems.items


def _arms(reading: Reading, design: StudyDesign, problems: Problems) -> dict[str, str]:
    known = {arm.id for arm in design.arms}
    found: dict[str, str] = {}
    for row, cells in reading.sheet.rows:
        subject, arm = reading.cell(cells, "subject"), reading.cell(cells, "arm")
        if not subject or not arm:
            continue
        if known and arm not in known:
            problems.add(
                Problem(
                    code="key_unknown_arm",
                    table=reading.table,
                    row=row,
                    column=reading.titles["arm"],
                    found=arm,
                    expected=f"one of {', '.join(sorted(known))}",
                    what="no such arm",
                    scope="study",
                )
            )
        elif found.setdefault(subject, arm) != arm:
            problems.add(
                Problem(
                    code="key_duplicate",
                    table=reading.table,
                    row=row,
                    column=reading.titles["subject"],
                    found=subject,
                    what="this subject has two arms",
                    scope="study",
                )
            )
    return found
