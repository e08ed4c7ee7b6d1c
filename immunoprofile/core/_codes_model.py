"""Codes of the table, part: model."""

from __future__ import annotations

from immunoprofile.core._code import Code

MODEL_CODES: tuple[Code, ...] = ()
