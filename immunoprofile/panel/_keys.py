"""Keys of names: how spellings are compared. ``HLA-DR`` and ``HLA DR`` have one; no prefix matches.

A name is cut where letters meet digits. Case and separators are dropped, but two numbers side by side stay
apart (``NK1.1`` is ``nk1.1``), so that ``CD1-03`` cannot become ``CD103``.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_GREEK = str.maketrans(
    "\u03b1\u03b2\u03b3\u03b4\u03b5\u03b6\u03ba\u03bb\u03bc\u03c4\u2122\u00ae", "abgdezklut  "
)  # alpha to zeta, kappa, lambda, mu, tau; trade mark, registered
LONGEST = 200
"""Most characters of a name that are read."""
_CHUNK = re.compile(r"[A-Za-z]+|[0-9]+")
_SEPARATED_SUFFIX = re.compile(r"[0-9][^A-Za-z0-9]+[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A run of letters or of digits.

    Attributes
    ----------
    text : str
        Lower case.
    before : str
        Separators between it and the chunk before.
    first : bool
        Whether a token starts here.
    """

    text: str
    before: str
    first: bool

    @property
    def is_number(self) -> bool:
        """Whether it is digits."""
        return self.text.isdigit()


def plain(text: str) -> str:
    """Give the name with Greek letters as Latin ones, trade marks and control characters as blanks.

    What is longer than any name of a channel is cut: reading costs the square of its words.
    """
    shown = unicodedata.normalize("NFKC", text[:LONGEST].translate(_GREEK)).translate(_GREEK)[:LONGEST]
    return " ".join("".join(char if char.isprintable() else " " for char in shown).split())


def chunks(text: str) -> list[Chunk]:
    """Cut a plain name into chunks."""
    found: list[Chunk] = []
    end = 0
    for match in _CHUNK.finditer(text):
        before = text[end : match.start()]
        found.append(Chunk(text=match.group().casefold(), before=before, first=bool(before) or not found))
        end = match.end()
    return found


def joined(parts: list[Chunk]) -> str:
    """Give the key of a run of chunks."""
    out = ""
    for part in parts:
        out += ("." if out[-1:].isdigit() and part.is_number else "") + part.text
    return out


def key(name: str) -> str:
    """Give the key of a name.

    Examples
    --------
    >>> key("HLA-DR"), key("NK1/1"), key("CD45RA")
    ('hladr', 'nk1.1', 'cd45ra')
    """
    return joined(chunks(plain(name)))


def has_separated_suffix(name: str) -> bool:
    """Tell whether a name is spelled with letters that a separator parts from a number, as ``CD8 B``."""
    return bool(_SEPARATED_SUFFIX.search(plain(name)))
