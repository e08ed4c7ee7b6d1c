"""Codes of the table, part: gating."""

from __future__ import annotations

from immunoprofile.core._code import Code

GATING_CODES: tuple[Code, ...] = ()
