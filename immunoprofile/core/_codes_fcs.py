"""Codes of the table, part: fcs."""

from __future__ import annotations

from immunoprofile.core._code import Code

FCS_CODES: tuple[Code, ...] = ()
