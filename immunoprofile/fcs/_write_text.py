"""TEXT of a written file: which keywords, in which form, between which delimiters."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.core import FcsError
from immunoprofile.fcs._arrays import check_labels, check_names
from immunoprofile.fcs._header import HEADER_BYTES
from immunoprofile.fcs._numbers import BLANKS, real_number, whole_number
from immunoprofile.fcs._spillover import KEYWORDS as SPILLOVER_KEYWORDS
from immunoprofile.fcs._spillover import Spillover, spillover_text
from immunoprofile.fcs._tokens import tokenize, valid_delimiter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    from immunoprofile.fcs._sample import Sample

ALIGN = 64
"""DATA begins at a multiple of this, so that a map of it is aligned."""
LAST_HEADER_OFFSET = 99_999_999
DEFAULT_RANGE = 262_144
_DIGITS = 12
_FIRST_DELIMITERS = "\x0c\x1e|/"
_DELIMITERS = _FIRST_DELIMITERS + "".join(
    char
    for char in map(chr, range(1, 127))
    if valid_delimiter(char) and char not in _FIRST_DELIMITERS + BLANKS
)
OURS = re.compile(
    r"\$(?:(?:BEGIN|END)(?:DATA|STEXT|ANALYSIS)|BYTEORD|DATATYPE|MODE|NEXTDATA|PAR|TOT|UNICODE"
    r"|P[0-9]+(?:B|R|E|N|S|G|DATATYPE))|FCSVERSION",
    re.ASCII,
)
"""Keywords that the writer sets itself, or that would no longer be true."""
_NUMBERED = re.compile(r"(\$?P)([1-9][0-9]{0,5})([A-Z].*)", re.DOTALL | re.ASCII)
_BY_NUMBER = re.compile(r"\$(?:COMP|DFC[0-9]+TO[0-9]+|GATING|R[0-9]+[IW])", re.ASCII)
"""Keywords that speak of channels by their numbers, within their values or of all of them together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How the events are written.

    Attributes
    ----------
    version : str
        ``3.1`` or ``3.2``.
    wide : ndarray of bool, shape (n_channels,)
        Columns of 64 bits, the others have 32.
    top : ndarray of float64, shape (n_channels,)
        Largest finite value of each column.
    count : int
        Number of events.
    """

    version: str
    wide: NDArray[np.bool_]
    top: NDArray[np.float64]
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """What TEXT is to say beside the form of the events; None where it was not given."""

    detectors: Sequence[str]
    labels: Sequence[str | None] | None
    ranges: ArrayLike | None
    spillover: Spillover | None
    keywords: Mapping[str, str]


def keywords_of(sample: Sample) -> dict[str, str]:
    """Give the keywords of a sample; those of its channels under their new numbers, no others'.

    Left out: what the writer sets itself, spillover (written from its value), and, where channels were
    chosen, keywords that speak of all channels by number.
    """
    whole = sample.positions == tuple(range(len(sample.positions))) and (
        whole_number(sample.keywords.get("$PAR", "")) in {len(sample.positions), None}
    )
    number = {str(place + 1): str(i + 1) for i, place in enumerate(sample.positions)}
    out = {}
    for keyword, value in sample.keywords.items():
        match = None if whole else _NUMBERED.fullmatch(keyword)
        if OURS.fullmatch(keyword) or keyword in SPILLOVER_KEYWORDS:
            continue
        if not whole and _BY_NUMBER.fullmatch(keyword):
            continue
        if match is None:
            out[keyword] = value
        elif match[2] in number:
            out[f"{match[1]}{number[match[2]]}{match[3]}"] = value
    return out


def folded_keywords(keywords: Mapping[Any, Any] | None, path: Path) -> dict[str, str]:
    """Bring keywords that were given into upper case, each once.

    Raises
    ------
    FcsError
        ``write-values``.
    TypeError
    """
    out: dict[str, str] = {}
    for keyword, value in (keywords or {}).items():
        if not isinstance(keyword, str) or not isinstance(value, str):
            raise TypeError(f"keywords and their values are texts; {keyword!r} is {type(value).__name__}")
        key = keyword.strip(BLANKS).upper()
        if not key:
            raise FcsError(path, "write-values", problem="a keyword is empty", hint="name it or leave it out")
        if out.setdefault(key, value) != value:
            raise FcsError(
                path,
                "write-values",
                keyword=key,
                problem="the keyword stands twice with different values",
                hint="keywords do not differ by case: keep one of them",
            )
    step = out.get("$TIMESTEP", "")
    if step.strip(BLANKS) and not (real_number(step) or 0) > 0:
        raise FcsError(
            path,
            "write-values",
            keyword="$TIMESTEP",
            problem="$TIMESTEP is no number above 0",
            hint="give seconds per unit of Time, or leave it out",
        )
    return out


def pairs_of(form: Form, wording: Wording, path: Path) -> list[tuple[str, str]]:
    """All keywords but the offsets, in the order in which they are written."""
    channels = len(form.wide)
    names = check_names(wording.detectors, channels, path)
    keywords = dict(wording.keywords)
    given = wording.labels
    if given is None:
        given = [keywords.get(f"$P{i + 1}S") for i in range(channels)]
    labels = check_labels(given, channels, path)
    default = "D" if form.wide.all() else "F"
    out: dict[str, str] = {
        "$BYTEORD": "1,2,3,4", "$DATATYPE": default, "$MODE": "L", "$NEXTDATA": "0",
        "$PAR": str(channels), "$TOT": str(form.count),
    }  # fmt: skip
    upper = _ranges(form.top, wording.ranges, path)
    for i, name in enumerate(names):
        kind = "D" if form.wide[i] else "F"
        out |= {
            f"$P{i + 1}N": name,
            f"$P{i + 1}B": "64" if form.wide[i] else "32",
            f"$P{i + 1}E": "0,0",
            f"$P{i + 1}R": upper[i],
        }
        if kind != default:
            out[f"$P{i + 1}DATATYPE"] = kind
        if labels[i].strip(BLANKS):
            out[f"$P{i + 1}S"] = labels[i]
    spillover = wording.spillover or _spillover_in(keywords, path)
    if spillover is not None:
        _check_spillover(spillover, names, path)
        out["$SPILLOVER"] = spillover_text(spillover)
    if form.version == "3.2" and not keywords.get("$CYT", "").strip(BLANKS):
        out["$CYT"] = "unknown"  # must be there in 3.2
    for keyword, value in keywords.items():
        if value and not OURS.fullmatch(keyword) and keyword not in SPILLOVER_KEYWORDS:
            out.setdefault(keyword, value)
    return list(out.items())


def _spillover_in(keywords: Mapping[str, str], path: Path) -> Spillover | None:
    """Read a spillover that was given as a keyword."""
    keyword = next((name for name in SPILLOVER_KEYWORDS if keywords.get(name, "").strip(BLANKS)), None)
    if keyword is None:
        return None
    cells = [cell.strip() for cell in keywords[keyword].split(",")]
    count = whole_number(cells[0]) or 0
    numbers = [real_number(cell) for cell in cells[1 + count :]]
    if not count or len(numbers) != count * count or None in numbers:
        raise FcsError(
            path,
            "write-values",
            keyword=keyword,
            problem=f"{keyword} is not n names and n x n numbers",
            hint="give spillover=(detectors, matrix), or leave the keyword out",
        )
    matrix = np.array(numbers, dtype=np.float64).reshape(count, count)
    return Spillover(detectors=tuple(cells[1 : 1 + count]), matrix=matrix)


def as_spillover(given: object, path: Path) -> Spillover | None:
    """Take a `Spillover`, or a pair of detectors and matrix."""
    if given is None or isinstance(given, Spillover):
        return given
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        raise TypeError("spillover is a Spillover, or a pair of detectors and matrix")
    try:
        matrix = np.array(given[1], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise FcsError(path, "write-values", problem="the spillover matrix is no array of numbers") from error
    return Spillover(detectors=tuple(given[0]), matrix=matrix)


def _check_spillover(spillover: Spillover, names: Sequence[str], path: Path) -> None:
    dyes = spillover.detectors
    if not all(isinstance(dye, str) for dye in dyes):
        raise TypeError("detector names are texts")
    if spillover.matrix.shape != (len(dyes),) * 2 or not dyes or not np.isfinite(spillover.matrix).all():
        raise FcsError(path, "write-values", problem="the spillover matrix is not n x n finite numbers")
    known = {name.strip() for name in names}
    by_number = all(1 <= (whole_number(dye) or 0) <= len(names) for dye in dyes)
    if any("," in dye for dye in dyes) or (by_number and not known & {dye.strip() for dye in dyes}):
        raise FcsError(
            path,
            "write-names",
            keyword="$SPILLOVER",
            problem="a spillover name has a comma, or is the number of a channel",
            hint="name the detectors as the channels are named",
        )


def _ranges(top: NDArray[np.float64], ranges: ArrayLike | None, path: Path) -> list[str]:
    """Whole numbers, each above the largest value of its column."""
    channels = len(top)
    given = np.full(channels, np.nan) if ranges is None else np.array(ranges, dtype=np.float64)
    if given.shape != (channels,):
        raise FcsError(path, "write-values", problem=f"ranges have shape {given.shape}, not ({channels},)")
    out = []
    for value, highest in zip(given.tolist(), top.tolist(), strict=True):
        upper = math.ceil(value) if math.isfinite(value) and value > 0 else DEFAULT_RANGE
        if math.isfinite(highest):
            upper = max(upper, math.ceil(highest) + 1)
        out.append(str(upper))
    return out


# -- bytes ---------------------------------------------------------------------------------------------------


def head_of(pairs: list[tuple[str, str]], size: int, *, version: str, path: Path) -> bytes:
    """HEADER, TEXT and the padding before DATA of `size` bytes."""
    length = len(_text(pairs, (0, 0), path))  # offsets are of fixed width: the length does not hang on them
    last = HEADER_BYTES + length - 1
    if last > LAST_HEADER_OFFSET:
        raise FcsError(
            path,
            "write-values",
            problem=f"keywords and values take {length} bytes, the HEADER of FCS ends at 99,999,999",
            hint="shorten or leave out the longest keyword",
        )
    begin = -(-(last + 1) // ALIGN) * ALIGN if size else 0
    end = begin + size - 1 if size else 0
    in_header = (begin, end) if end <= LAST_HEADER_OFFSET else (0, 0)
    fields = (HEADER_BYTES, last, *in_header, 0, 0)
    header = f"FCS{version}    " + "".join(f"{offset:>8d}" for offset in fields)
    padding = b" " * (begin - last - 1 if size else 0)
    return header.encode("ascii") + _text(pairs, (begin, end), path) + padding


def _text(pairs: list[tuple[str, str]], data: tuple[int, int], path: Path) -> bytes:
    begin, end = data
    zero = "0" * _DIGITS
    offsets = {
        "$BEGINANALYSIS": zero, "$ENDANALYSIS": zero, "$BEGINSTEXT": zero, "$ENDSTEXT": zero,
        "$BEGINDATA": f"{begin:0{_DIGITS}d}", "$ENDDATA": f"{end:0{_DIGITS}d}",
    }  # fmt: skip
    return _encoded([*offsets.items(), *pairs], path)


def _encoded(pairs: Iterable[tuple[str, str]], path: Path) -> bytes:
    """TEXT with a delimiter that stands in no keyword or value; escaped only where every one is taken."""
    flat = [text for pair in pairs for text in pair]
    used = set().union(*flat)
    free = [char for char in _DELIMITERS if char not in used]
    for delimiter in free or _DELIMITERS:
        text = delimiter + "".join(token.replace(delimiter, delimiter * 2) + delimiter for token in flat)
        try:
            raw = text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise FcsError(
                path, "write-values", problem="a keyword or value cannot be written as UTF-8"
            ) from error
        reading = tokenize(raw.decode("latin-1"))
        if reading is None or reading.repairs:
            continue
        if [token.encode("latin-1").decode("utf-8") for token in reading.tokens] == flat:
            return raw
    raise FcsError(
        path,
        "write-values",
        problem="keywords and values leave no character that could stand between them",
        hint="shorten or leave out the keyword that holds every punctuation mark",
    )
