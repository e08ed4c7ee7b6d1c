"""Errors of relating features to response."""

from __future__ import annotations

from immunoprofile.core import ModelError


class LeakageError(ModelError):
    """A feature that is not known before the response that it is related to."""
