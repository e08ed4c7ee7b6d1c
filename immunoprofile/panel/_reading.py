"""Read a channel's name: which marker it tells, if it tells exactly one.

Dyes, clones, isotopes, laser bands and pulses are known words around a marker. A word that is not known
could be a second specificity, so it is never skipped in silence: the name is then proposed, not assigned.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Literal

from immunoprofile.panel._keys import Chunk, chunks, joined, key, plain
from immunoprofile.panel._tables import Names, words

Kind = Literal["marker", "ambiguous", "viability", "unknown", "dye", "none"]

_BAND = re.compile(
    r"[\[(]?\b\d{3}[/_-]\d{2,3}\b(?:\s*LP|\s*BP)?[\])]?(?:[@-]\d{3}(?:/[A-Z]|\s?nm)?)?"  # 530/30@488/B
    r"|\b\d{3}(?:/\d{3})?\s?nm\b|\b\d{3}LP\b|\(\d{3}\)"
)
_PULSE = re.compile(r"(?<=[\w)\]])(?:\s*[-_ ]\s*(?:A|H|W|T|Area|Height|Width))$")
_BRACKETS = re.compile(r"\[[^\[\]]*\]")
_ELEMENTS = (
    "Y|Sr|Rh|Pd|Ag|Cd|In|Sn|Sb|Te|Xe|I|Cs|Ba|La|Ce|Pr|Nd|Sm|Eu|Gd|Tb|Dy|Ho|Er|Tm|Yb|Lu|Hf|Ir|Os|Pt|Au|Hg|"
    "Tl|Pb|Bi"
)
_ISOTOPE = re.compile(
    rf"(?<![A-Za-z0-9])(?:\d{{2,3}}(?:{_ELEMENTS})|(?:{_ELEMENTS})\d{{2,3}}|\((?:{_ELEMENTS})\d{{2,3}}\))"
    r"(?:Di|Dd)?(?![A-Za-z0-9])"
)
_CD_ISOTOPES = frozenset({"106", "108", "110", "111", "112", "113", "114", "116"})
_MASSES = frozenset(
    {89, 103, 115, 127, 131, 209, *range(102, 117), *range(138, 177), *range(188, 199)}
)  # masses that mass cytometers read; 123 (of CD123) is none of them
_DYE = re.compile(
    r"(?:bv|buv|bb|br|rb|rr|ry|ruv|sb|sbuv|sbv|af|ax|ap|alexa|alexafluor|cf|dl|dy|dylight|ef|e|efluor|atto|qd|qdot|v|uv|"
    r"b|y|yg|r|g|u|ir|a|ko|kro|vio|viobright|pb|fire|dazzle|"
    r"brilliant(?:violet|blue|ultraviolet|uv)|spark(?:blue|violet|yg|nir|red|plus\w*)|real(?:blue|yellow|red|violet)|"
    r"nova(?:fluor)?(?:blue|yellow|red)|nf[bryu]|superbright|starbright\w*|vioblue|viogreen|"
    r"pe|pefire|pedazzle|pevio|peef|pee|pecf|peaf|pealexafluor|pealexa|percp|percpef|percpe|percpvio|pcpef|pcpe|"
    r"apcfire|apcr|apca|apcaf|apcax|apce|apcef|apcvio|apcalexa|apcalexafluor|apcfirea?|texasred)[0-9]{3,4}"
)
_SHORT_DETECTOR = re.compile(r"(?:b|v|r|u|uv|y|yg|g|bl|vl|rl|yl|fl|ul|nl)[0-9]{1,2}")
_FREE_NUMBER = re.compile(r"[0-9]{5,8}")
_CATALOG = re.compile(r"ahs[0-9]+")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a name tells.

    Attributes
    ----------
    kind : str
        ``marker`` (exactly one), ``ambiguous`` (more than one, or one beside something unknown),
        ``viability``, ``dye`` (nothing but dyes and detector words), ``unknown`` (words of no table),
        ``none`` (empty, or a word that says that there is no marker).
    markers : tuple of str
        Canonical names found, in order.
    spelled : tuple of str
        Keys as they stood there.
    reason : str
        Why a name is not assigned.
    alone : bool
        The whole name is the marker's.
    """

    kind: Kind
    markers: tuple[str, ...] = ()
    spelled: tuple[str, ...] = ()
    reason: str = ""
    alone: bool = False


@dataclass(slots=True)
class _Found:
    """Parts of a name, sorted by what they are."""

    markers: list[str] = field(default_factory=list)
    spelled: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    stray: list[str] = field(default_factory=list)


@lru_cache(maxsize=65536)
def read_name(text: str, table: Names) -> Reading:
    """Read a label or a detector name.

    Parameters
    ----------
    text : str
    table : Names
        Names of markers, of the shipped table and of the panel.
    """
    name = plain(text)
    if not name:
        return Reading(kind="none")
    whole = table.markers.get(key(name))
    if whole is not None:
        return Reading(kind="marker", markers=(whole,), spelled=(key(name),), alone=True)
    found = _sorted(chunks(_bare(name, table)), table)
    return _judged(found, name)


def _bare(name: str, table: Names) -> str:
    """Take away what stands around the words: pulse, bands, isotopes, clones in brackets."""
    kept = _PULSE.sub("", name) or name
    kept = re.sub(r"^(?:FJ)?Comp-", "", kept, flags=re.IGNORECASE)
    kept = _BAND.sub(" ", kept)
    kept = _ISOTOPE.sub(_isotope, kept)
    return _BRACKETS.sub(lambda match: match.group() if table.find(key(match.group())) else " ", kept)


def _isotope(match: re.Match[str]) -> str:
    """Drop an isotope; ``CD112`` in capitals is a marker, and only real masses of cadmium are cadmium."""
    text = match.group()
    cadmium = re.match(r"\(?Cd(\d+)", text)
    return text if cadmium and cadmium.group(1) not in _CD_ISOTOPES else " "


def _sorted(parts: list[Chunk], table: Names) -> _Found:
    """Go through the chunks from the left, the longest known run first."""
    found = _Found()
    start = 0
    while start < len(parts):
        end = next(
            (e for e in range(len(parts), start, -1) if _take(parts, (start, e), table=table, found=found)),
            None,
        )
        if end is None:
            _leave(parts[start], found)
            end = start + 1
        start = end
    return found


def _take(parts: list[Chunk], span: tuple[int, int], *, table: Names, found: _Found) -> bool:
    """Take a run of chunks if it is a name or a word that is known."""
    start, end = span
    run = parts[start:end]
    ends_inside = end < len(parts) and not parts[end].first
    if ends_inside and any(part.first for part in run[1:]):
        return False  # a run over several tokens ends with a token
    if ends_inside and parts[end].is_number == run[-1].is_number:
        return False
    run_key = joined(run)
    marker = table.find(run_key)
    if marker is not None and _spelled_so(run, run_key, table):
        found.markers.append(marker)
        found.spelled.append(run_key)
        return True
    kind = _word_kind(run_key)
    if kind is not None:
        found.kinds.append(kind)
        return True
    return False


def _spelled_so(run: list[Chunk], run_key: str, table: Names) -> bool:
    """Refuse letters that a separator parts from a number (``CD8 H``), unless a table spells them so."""
    parted = any(after.first and before.is_number and not after.is_number for before, after in pairwise(run))
    return not parted or run_key in table.separated


def _word_kind(run_key: str) -> str | None:
    kind = words().get(run_key)
    if kind is None and (_DYE.fullmatch(run_key) or _SHORT_DETECTOR.fullmatch(run_key)):
        return "dye"
    if kind is None and _CATALOG.fullmatch(run_key):
        return "harmless"
    return kind


def _leave(part: Chunk, found: _Found) -> None:
    """Keep what is not known, but for masses and dates of a lot."""
    if part.is_number and "/" not in part.before:
        if int(part.text) in _MASSES and len(found.markers) > 0:
            return
        if _FREE_NUMBER.fullmatch(part.text):
            return
    found.stray.append(part.text)


def _judged(found: _Found, name: str) -> Reading:
    markers = tuple(dict.fromkeys(found.markers))
    spelled = tuple(found.spelled)
    kinds = set(found.kinds)
    if not markers:
        return Reading(kind=_without_marker(kinds, found.stray), reason=_reason(found.stray))
    if len(markers) > 1:
        return Reading(
            kind="ambiguous", markers=markers, spelled=spelled, reason=f"names {' and '.join(markers)}"
        )
    mixed = kinds & {"viable", "stain", "dump", "isotype", "nothing"}
    if mixed:
        return Reading(
            kind="ambiguous", markers=markers, spelled=spelled, reason=f"{markers[0]} beside {name!r}"
        )
    if found.stray:
        return Reading(kind="ambiguous", markers=markers, spelled=spelled, reason=_reason(found.stray))
    return Reading(kind="marker", markers=markers, spelled=spelled, alone=False)


def _without_marker(kinds: set[str], stray: list[str]) -> Kind:
    if kinds & {"dump"}:
        return "ambiguous"
    if kinds & {"viable", "stain"}:
        return "viability"
    if stray:
        return "unknown"
    return "dye" if kinds <= {"dye", "harmless"} else "none"


def _reason(stray: list[str]) -> str:
    return f"{' '.join(stray)!r} is not known" if stray else ""


def is_viability_product(text: str, table: Names) -> bool:
    """Tell whether a detector is named after a reagent that only shows dead cells (``Zombie NIR-A``)."""
    found = _sorted(chunks(_bare(plain(text), table)), table)
    return "viable" in found.kinds and not found.markers
