"""Every code of this room has its row, and every row is a code that the room can give."""

from __future__ import annotations

import re
from pathlib import Path

import immunoprofile.trial
from immunoprofile.core import CODES
from immunoprofile.core._codes_study import STUDY_CODES

SOURCE = "\n".join(
    path.read_text(encoding="utf-8")
    for path in sorted(Path(immunoprofile.trial.__file__).parent.rglob("*.py"))
)
CALLS = "code=|code = |CellError\\(|StudyError\\(|BlindedError\\(|_fault\\(|_unknown\\(|_problem\\("
RAISED = re.compile(rf'(?:{CALLS})\s*"([a-z_]+)"')


def test_every_row_of_the_table_can_be_given():
    assert [
        row.code for row in STUDY_CODES if f'"{row.code}' not in SOURCE and f";{row.code}" not in SOURCE
    ] == []


def test_every_code_that_is_given_has_a_row():
    assert sorted(set(RAISED.findall(SOURCE)) - set(CODES)) == []
