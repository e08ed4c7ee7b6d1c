"""Codes of the table, part: study."""

from __future__ import annotations

from immunoprofile.core._code import Code

STUDY_CODES: tuple[Code, ...] = ()
