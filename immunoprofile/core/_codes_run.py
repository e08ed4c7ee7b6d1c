"""Codes of the table, part: run."""

from __future__ import annotations

from immunoprofile.core._code import Code

RUN_CODES: tuple[Code, ...] = ()
