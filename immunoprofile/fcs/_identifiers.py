"""What may name a person in a file, and the search for it in what is kept.

Terms are the values of every keyword that is left out (4 characters and more), the stem of the file's name,
and the words of keywords that hold names of people. They are searched twice: in the texts that are kept, and
in the bytes of the finished file.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from immunoprofile.fcs._header import HEADER_BYTES
from immunoprofile.fcs._numbers import BLANKS
from immunoprofile.fcs._spillover import KEYWORDS as SPILLOVER_KEYWORDS
from immunoprofile.fcs._tokens import tokenize
from immunoprofile.fcs._write_text import OURS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from immunoprofile.fcs._sample import Sample

SHORTEST = 4
"""Characters of the shortest value that is searched for."""
_SHORTEST_STEM = 2
_SHORTEST_IN_DATA = 8
"""Bytes of the shortest term that is searched for among events: fewer occur by chance in numbers."""
_LONG_NUMBER = 7
"""Digits from which a number may be one of a person; shorter ones are settings of the instrument."""
_PEOPLE = ("$SRC", "$OP", "$EXP", "$LAST_MODIFIER")
_NUMERIC = re.compile(r"[0-9.,+\-eE \t]+", re.ASCII)
_PLAIN = re.compile(r"[0-9.,+\-eE \t]*|[A-Za-z]", re.ASCII)
_TECHNICAL = re.compile(
    r"(?:[FSB]SC|FS|SS|FL ?[0-9]+|TIME|WIDTH|EVENTS?)"
    r"(?:[- ](?:A|H|W|AREA|HEIGHT|WIDTH|LIN|LOG|INT|PEAK|TOF))?(?:,[0-9]+)?"
    r"|TRUE|FALSE|NONE|NULL|LINEAR|LOGARITHMIC|LOGICLE|AREA|HEIGHT|PEAK|INTEGRAL",
    re.ASCII | re.IGNORECASE,
)
"""Values that are words of an instrument, whatever keyword holds them."""
_LASER = re.compile(r"LASER[0-9]+(?:NAME|COLOU?R)", re.ASCII)
_COLOR = re.compile(r"(?:(?:DEEP |YELLOW[- ])?(?:UV|VIOLET|BLUE|GREEN|YELLOW|ORANGE|RED))", re.ASCII | re.I)
_STRUCTURAL_TEXT = re.compile(r"\$P[0-9]+[NS]", re.ASCII)
_WRITTEN = re.compile(r"\$P([0-9]+)(?:B|R|E|N|S|DATATYPE)", re.ASCII)
_CHUNK = 2**22
_HASH_BITS = 20
_HASH = np.uint32(2_654_435_761)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What must not stand in the new file.

    Attributes
    ----------
    parts : tuple of str
        Folded; found anywhere in a text.
    words : tuple of str
        Folded; found as whole words.
    raw : tuple of str
        The parts as they were written, for the search in bytes.
    """

    parts: tuple[str, ...]
    words: tuple[str, ...]
    raw: tuple[str, ...]


def folded(text: str) -> str:
    """Give a text as it is compared: composed, without case."""
    return unicodedata.normalize("NFC", text).casefold()


def terms_of(sample: Sample, stem: str, *, kept: Mapping[str, str], allowed: Callable[[str], bool]) -> Terms:
    """Collect the terms of one data set.

    Parameters
    ----------
    sample : Sample
    stem : str
        Of the file's name.
    kept : mapping
        Keywords that stay.
    allowed : callable
        Whether the user has looked at a keyword and lets it pass.
    """
    parts: dict[str, None] = {}
    words: dict[str, None] = {}
    for keyword, value in _dropped(sample, kept):
        text = value.strip(BLANKS)
        if allowed(keyword) or _TECHNICAL.fullmatch(text):
            continue
        if len(text) >= SHORTEST and not (_LASER.fullmatch(keyword) and _COLOR.fullmatch(text)):
            parts[text] = None
        if keyword in _PEOPLE:
            words |= dict.fromkeys(re.findall(rf"[^\W\d_]{{{SHORTEST},}}", folded(text)))
    if len(stem) >= SHORTEST:
        parts[stem] = None
    elif len(stem) >= _SHORTEST_STEM:
        words[folded(stem)] = None
    return Terms(parts=tuple({folded(part): None for part in parts}), words=tuple(words), raw=tuple(parts))


def _dropped(sample: Sample, kept: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Keywords that are left out, with their values; those that the writer makes anew are none."""
    spillover = next((name for name in SPILLOVER_KEYWORDS if sample.keywords.get(name, "").strip()), None)
    for keyword, value in sample.keywords.items():
        if keyword in kept or (keyword == spillover and sample.spillover is not None):
            continue
        channel = _WRITTEN.fullmatch(keyword)
        lies_within = channel is None or 0 < int(channel[1][:9]) <= sample.n_channels
        plain = _STRUCTURAL_TEXT.fullmatch(keyword) or _PLAIN.fullmatch(value.strip(BLANKS))
        if OURS.fullmatch(keyword) and lies_within and plain:
            continue
        yield keyword, value
    yield from sample.analysis.items()


def holds(text: str, terms: Terms) -> bool:
    """Whether a text holds a term."""
    where = folded(text)
    if any(part in where for part in terms.parts):
        return True
    return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", where) for word in terms.words)


def holds_in_value(value: str, terms: Terms) -> bool:
    """Whether the value of a keyword holds a term; a number does only if it is a long one."""
    text = value.strip(BLANKS)
    if not _NUMERIC.fullmatch(text):
        return holds(text, terms)
    return any(part in text for part in terms.parts if len(part) >= _LONG_NUMBER and part.isdigit())


# -- the finished bytes --------------------------------------------------------------------------------------


def found_in_file(path: Path, terms: Terms, *, skip: Callable[[str], bool]) -> str | None:
    """Search the bytes of a finished file in UTF-8, Latin-1 and UTF-16 of both orders.

    Parameters
    ----------
    path : Path
        A file that the writer made.
    terms : Terms
    skip : callable
        Whether the user lets a keyword pass.

    Returns
    -------
    str or None
        The keyword (or ``DATA``) in which a term stands.
    """
    patterns = _patterns(terms.raw)
    with path.open("rb") as stream:
        header = stream.read(HEADER_BYTES)
        text = stream.read(int(header[18:26]) - HEADER_BYTES + 1)
        reading = tokenize(text.decode("latin-1"))
        tokens = () if reading is None else reading.tokens
        for keyword, value in zip(tokens[::2], tokens[1::2], strict=True):
            plain = OURS.fullmatch(keyword) and not _STRUCTURAL_TEXT.fullmatch(keyword)
            if plain or skip(keyword) or _is_plain_number(keyword, value):
                continue
            content = _searched(keyword, value).encode("latin-1")
            if any(pattern in content for pattern in patterns):
                return keyword
        long = [pattern for pattern in patterns if len(pattern) >= _SHORTEST_IN_DATA]
        chunks = iter(lambda: stream.read(_CHUNK), b"")
        return "DATA" if long and _any_in(chunks, long) else None


def _searched(keyword: str, value: str) -> str:
    """Give what of a value is text: of a spillover the names, for its numbers the writer made."""
    if keyword != "$SPILLOVER":
        return value
    count, *cells = value.split(",")
    return ",".join(cells[: int(count)])


def _is_plain_number(keyword: str, value: str) -> bool:
    return not _STRUCTURAL_TEXT.fullmatch(keyword) and bool(_NUMERIC.fullmatch(value))


def _patterns(texts: Iterable[str]) -> list[bytes]:
    out: dict[bytes, None] = {}
    for text in texts:
        for form in (text, text.lower(), text.upper()):
            for encoding in ("utf-8", "latin-1", "utf-16-le", "utf-16-be"):
                try:
                    out[form.encode(encoding)] = None
                except UnicodeEncodeError:  # no such character in Latin-1, or half a pair
                    continue
    return list(out)


def _any_in(chunks: Iterator[bytes], patterns: list[bytes]) -> bool:
    """Whether a pattern (8 bytes or more) stands in the bytes; all of them are looked for in one pass."""
    longest = max(map(len, patterns))
    first = np.array([int.from_bytes(p[:4], "little") for p in patterns], dtype=np.uint32)
    likely = np.zeros(1 << _HASH_BITS, dtype=bool)
    likely[_hashed(first)] = True
    begins = np.unique(np.array([int.from_bytes(p[:8], "little") for p in patterns], dtype=np.uint64))
    rest = b""
    for chunk in chunks:
        block = rest + chunk
        if _in_block(block, patterns, likely=likely, begins=begins):
            return True
        rest = block[-(longest - 1) :]
    return False


def _hashed(words: NDArray[np.uint32]) -> NDArray[np.uint32]:
    return (words * _HASH) >> np.uint32(32 - _HASH_BITS)


def _in_block(
    block: bytes, patterns: list[bytes], *, likely: NDArray[np.bool_], begins: NDArray[np.uint64]
) -> bool:
    content = np.frombuffer(block, dtype=np.uint8)
    for shift in range(4):
        count = (len(block) - shift) // 4
        words = np.frombuffer(block, dtype="<u4", count=max(count, 0), offset=shift if count > 0 else 0)
        places = 4 * np.flatnonzero(likely[_hashed(words)]) + shift
        places = places[places + 8 <= len(block)]
        if not places.size:
            continue
        eight = np.ascontiguousarray(content[places[:, None] + np.arange(8)]).view("<u8")[:, 0]
        for place in places[np.isin(eight, begins)].tolist():
            if any(block.startswith(pattern, place) for pattern in patterns):
                return True
    return False
