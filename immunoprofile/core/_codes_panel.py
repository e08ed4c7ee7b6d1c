"""Codes of the table, part: panel."""

from __future__ import annotations

from immunoprofile.core._code import Code

PANEL_CODES: tuple[Code, ...] = ()
