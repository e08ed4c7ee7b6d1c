"""The table of codes is whole: every code that the package raises has a row, and a row has words."""

from __future__ import annotations

import re
from pathlib import Path

from immunoprofile.core import CODES, codes_table, explain

ROOT = Path(__file__).resolve().parents[2]


def test_every_row_has_a_level_and_words():
    for row in CODES.values():
        assert row.level in ("info", "warning", "error")
        assert all([row.meaning, row.done, row.to_do]), row.code


def test_no_code_stands_twice():
    from immunoprofile.core.codes import _PARTS

    codes = [row.code for part in _PARTS for row in part]
    assert sorted(codes) == sorted(set(codes))


def test_every_code_that_is_raised_has_a_row():
    raised = set()
    pattern = re.compile(
        r"(?<!Type)(?<!Value)(?<!Key)(?<!Validation)Error\(\s*\n?\s*\"([A-Za-z0-9_-]+)\"\s*,"
    )
    for path in (ROOT / "immunoprofile").rglob("*.py"):
        raised |= set(pattern.findall(path.read_text(encoding="utf-8")))
    assert raised - set(CODES) == set()


def test_the_table_shows_what_explain_gives():
    table = codes_table()
    assert list(table.columns) == ["code", "level", "meaning", "done", "to_do"]
    assert explain(table["code"][0]).meaning == table["meaning"][0]
