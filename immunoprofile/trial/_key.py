"""The key of arms: opened at unblinding alone, judged as a whole, told to nobody but the caller.

What a key holds never enters a message, and no frame of a raised error holds it: the key is read in a
function that has returned before anything is raised.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from immunoprofile.trial._problems import Problem, Problems, normalised, spellings, suggestion
from immunoprofile.trial._sheet import read_sheet

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from immunoprofile.trial._schema import Arm
    from immunoprofile.trial._sheet import Sheet


def read_key(
    path: Path,
    *,
    arms: Sequence[Arm],
    subjects: Collection[str],
    needed: Collection[str],
    codes: Mapping[str, str],
    closed: bool,
) -> tuple[dict[str, str], Problems]:
    """Read the key.

    Parameters
    ----------
    path : Path
    arms : sequence of Arm
    subjects, needed : collection of str
        Subjects of the study, and those of them that must have an arm.
    codes : mapping of str to str
        Randomisation code to subject.
    closed : bool
        Whether `subjects` lists everybody, so that another name is an error.

    Returns
    -------
    arms : dict of str to str
        Subject to arm id; empty where there are problems.
    problems : Problems
        ``key_unreadable``, ``column_missing``, ``key_duplicate``, ``key_unknown_arm``, ``key_incomplete``,
        ``unknown_subject``.
    """
    problems = Problems()
    sheet, faults = read_sheet(path, table=path.name)
    problems.extend(faults)
    if sheet is None or problems.errors:
        return {}, problems
    columns = _columns(sheet, problems)
    if columns is None:
        return {}, problems
    who, arm, by_code = columns
    found: dict[str, str] = {}
    spelled = spellings([known.id for known in arms])
    names = [cells[who].strip() for _, cells in sheet.rows]
    for name, count in Counter(name for name in names if name).items():
        if count > 1:
            rows = [row for (row, _), other in zip(sheet.rows, names, strict=True) if other == name]
            _note_repeat(problems, sheet, rows, column=sheet.header[who])
    for (row, cells), name in zip(sheet.rows, names, strict=True):
        subject = codes.get(name, "") if by_code else name
        arm_id = normalised(cells[arm], spelled)
        if arm_id is None:
            _note_arm(problems, sheet, row, column=sheet.header[arm])
        if subject not in subjects:
            _note_subject(
                problems,
                sheet,
                row,
                name=name,
                column=sheet.header[who],
                known=codes if by_code else subjects,
                closed=closed,
            )
        elif arm_id is not None:
            found[subject] = arm_id
    named = {codes.get(name, "") if by_code else name for name in names}
    _note_missing(problems, sheet, sorted(set(needed) - named))
    return ({} if problems.errors else found), problems


def _columns(sheet: Sheet, problems: Problems) -> tuple[int, int, bool] | None:
    spelled = spellings(sheet.header)
    at = {name: position for position, name in enumerate(sheet.header)}
    who = next(
        (normalised(name, spelled) for name in ("subject", "randomisation") if normalised(name, spelled)),
        None,
    )
    arm = normalised("arm", spelled)
    for wanted, found in (("subject or randomisation", who), ("arm", arm)):
        if found is None:
            problems.add(
                Problem(
                    code="column_missing",
                    table=sheet.table,
                    row=1,
                    column=wanted,
                    what="there is no such column",
                    expected=f"a column {wanted}",
                    scope="study",
                )
            )
    if who is None or arm is None:
        return None
    return at[who], at[arm], who.strip().casefold() == "randomisation"


def _note_repeat(problems: Problems, sheet: Sheet, rows: Sequence[int], *, column: str) -> None:
    for row in rows[1:]:
        problems.add(
            Problem(
                code="key_duplicate",
                table=sheet.table,
                row=row,
                column=column,
                what=f"row {rows[0]} names the same one",
                expected="one row a subject",
                scope="study",
            )
        )


def _note_arm(problems: Problems, sheet: Sheet, row: int, *, column: str) -> None:
    # once and without its row: the rows of one wrong id would be the members of one arm
    del row
    if any(known.code == "key_unknown_arm" for known in problems.errors):
        return
    problems.add(
        Problem(
            code="key_unknown_arm",
            table=sheet.table,
            column=column,
            what="the key holds an id that is no arm of study.toml",
            expected="an id of [[arms]]",
            scope="study",
        )
    )


def _note_subject(
    problems: Problems,
    sheet: Sheet,
    row: int,
    *,
    name: str,
    column: str,
    known: Collection[str],
    closed: bool,
) -> None:
    problems.add(
        Problem(
            level="error" if closed or not name else "warning",
            code="unknown_subject" if name else "value_missing",
            table=sheet.table,
            row=row,
            column=column,
            found=name,
            nearest=suggestion(name, known, {}) if name else "",
            what="no such subject in the study" if name else "this cell is empty",
            scope="study",
        )
    )


def _note_missing(problems: Problems, sheet: Sheet, missing: Sequence[str]) -> None:
    for subject in missing:
        problems.add(
            Problem(
                code="key_incomplete",
                table=sheet.table,
                column="subject",
                found=subject,
                what="this subject has no row",
                expected="a row for every subject",
                scope="study",
            )
        )
