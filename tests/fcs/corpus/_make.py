"""The whole corpus of one master seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _error, _harmless, _large, _legal_data, _legal_text, _warn_combined, _warn_data, _warn_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._case import Case

MODULES = (_legal_data, _legal_text, _harmless, _warn_text, _warn_data, _warn_combined, _error)


def corpus(seed: int, *, large: bool = False) -> Iterator[Case]:
    """Make every case of one master seed, one after the other; ``large`` adds files of several megabytes."""
    for module in (*MODULES, _large) if large else MODULES:
        for entry in module.ENTRIES:
            yield from entry.cases(seed)
