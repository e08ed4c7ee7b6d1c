"""Codes of the table, part: interchange."""

from __future__ import annotations

from immunoprofile.core._code import Code

INTERCHANGE_CODES: tuple[Code, ...] = ()
