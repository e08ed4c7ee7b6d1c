"""The shipped tables: markers with their other names and roles, and the words that stand around a marker."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Literal

from immunoprofile.panel._keys import has_separated_suffix, key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

Role = Literal["hygiene", "lineage", "phenotype", "treatment_responsive", "function", "other"]
ROLES: tuple[Role, ...] = ("hygiene", "lineage", "phenotype", "treatment_responsive", "function", "other")
WORD_KINDS = ("dye", "harmless", "viable", "stain", "dump", "isotype", "nothing", "clone")
_NUMBERED = re.compile(r"(?:cd[0-9]{1,3}(?:[a-hj-lprs]|ra|rb|rc|ro|ab|bc)?|il[0-9]{1,2}[a-f]?)")
"""CD and interleukin numbers that no table lists: a marker of its own."""
_SUFFIX = re.compile(r"(cd|il)([0-9]+)(.*)")


@dataclass(
    frozen=True, slots=True, eq=False
)  # by identity: tables are made once and key the cache of names read
class Names:
    """Names of markers by key.

    Attributes
    ----------
    markers : mapping of str to str
        Key to canonical name.
    separated : frozenset of str
        Keys that may be spelled with letters parted from a number.
    """

    markers: Mapping[str, str]
    separated: frozenset[str]

    def find(self, name_key: str) -> str | None:
        """Give the canonical name; CD and interleukin numbers of no table are markers of their own."""
        found = self.markers.get(name_key)
        if found is None and _NUMBERED.fullmatch(name_key):
            return _spelled(name_key)
        return found

    def keys_of(self, marker: str) -> list[str]:
        """Give the keys of a marker: its own and its other names."""
        own = key(marker)
        return [own, *(k for k, name in self.markers.items() if name == marker and k != own)]


def _spelled(name_key: str) -> str:
    match = _SUFFIX.fullmatch(name_key)
    family, number, suffix = match.groups() if match else ("", name_key, "")
    capital = (
        suffix.upper() if suffix in ("l", "p", "r", "ra", "rb", "rc", "ro") or family == "il" else suffix
    )
    return f"{family.upper()}{'-' if family == 'il' else ''}{number}{capital}"


def _rows(name: str) -> list[dict[str, str]]:
    text = resources.files("immunoprofile.panel").joinpath(f"data/{name}").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@lru_cache(maxsize=1)
def _marker_rows() -> tuple[tuple[str, tuple[str, ...], Role], ...]:
    return tuple(
        (row["marker"], tuple(filter(None, row["equivalents"].split(";"))), _role(row["role"]))
        for row in _rows("markers.csv")
    )


def _role(text: str) -> Role:
    return next(role for role in ROLES if role == text)


@lru_cache(maxsize=256)
def names(extra: tuple[tuple[str, tuple[str, ...]], ...] = ()) -> Names:
    """Give the shipped names, and those that a panel adds: (marker, aliases) pairs.

    What a panel declares goes before the shipped table.
    """
    shipped = [(marker, other) for marker, other, _ in _marker_rows()]
    table: dict[str, str] = {}
    separated: set[str] = set()
    for marker, aliases in (*shipped, *extra):
        for spelled in (marker, *aliases):
            table[key(spelled)] = marker
            if has_separated_suffix(spelled):
                separated.add(key(spelled))
    return Names(markers=table, separated=frozenset(separated))


@lru_cache(maxsize=1)
def words() -> Mapping[str, str]:
    """Give the kind of each word that stands around markers, by key."""
    found: dict[str, str] = {}
    for row in _rows("words.csv"):
        for word in row["words"].split(";"):
            found.setdefault(key(word), row["kind"])
    return found


def canonical_marker(name: str) -> str:
    """Give the canonical name of a marker; a name that no table knows is a marker of its own.

    Examples
    --------
    >>> canonical_marker("IL2RA"), canonical_marker("TNF"), canonical_marker("Va2")
    ('CD25', 'TNFa', 'Va2')
    """
    trimmed = name.strip()
    return names().find(key(trimmed)) or trimmed


def known_names() -> Iterable[str]:
    """Give every canonical name of the shipped table."""
    return (marker for marker, _, _ in _marker_rows())


def marker_role(marker: str) -> Role:
    """Give the shipped role: ``treatment_responsive`` where a drug may move it; ``other`` if unknown."""
    canonical = canonical_marker(marker)
    if canonical == "Viability":
        return "hygiene"
    return next((role for name, _, role in _marker_rows() if name == canonical), "other")


def marker_table() -> pd.DataFrame:
    """Give the shipped table of markers: marker, equivalents (joined by ``;``), role."""
    import pandas as pd

    rows = [(marker, ";".join(other), role) for marker, other, role in _marker_rows()]
    return pd.DataFrame(rows, columns=["marker", "equivalents", "role"], dtype="string")
