"""Errors of models: what about the rows forbids the fit."""

from __future__ import annotations

from immunoprofile.core import ModelError


class DesignError(ModelError):
    """The rows, or the formula, do not make a design."""


class UnknownLevelError(DesignError, KeyError):
    """A reference that is no level of its factor."""


class ConstantResponseError(ModelError):
    """The response does not vary."""
