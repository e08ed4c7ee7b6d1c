"""Flags: facts about a number that stay with the number, as a ``;``-joined sorted list of codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def join_flags(*groups: Iterable[str] | str | None) -> str:
    """Join codes, or texts of joined codes, into one sorted text without repeats.

    Examples
    --------
    >>> join_flags(["SHALLOW_VALLEY", "FEW_EVENTS"], "FEW_EVENTS;FALLBACK")
    'FALLBACK;FEW_EVENTS;SHALLOW_VALLEY'
    """
    found: set[str] = set()
    for group in groups:
        if isinstance(group, str):
            found.update(group.split(";"))
        elif group is not None:
            for code in group:
                found.update(code.split(";"))
    return ";".join(sorted(found - {""}))


def split_flags(text: str | None) -> tuple[str, ...]:
    """Split a flags text into its codes."""
    return tuple(code for code in (text or "").split(";") if code)
