"""The writer: FCS 3.1, little-endian floats, whole or absent.

Values are linear already, so there is no gain and no amplification to be applied a second time. HEADER and
TEXT agree, no value is empty, and a file is written beside its place and then moved there.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.core import FcsError, atomic_path
from immunoprofile.fcs._arrays import check_labels, check_names, float_events
from immunoprofile.fcs._header import HEADER_BYTES
from immunoprofile.fcs._numbers import BLANKS
from immunoprofile.fcs._sample import Sample
from immunoprofile.fcs._spillover import KEYWORDS as SPILLOVER_KEYWORDS
from immunoprofile.fcs._spillover import Spillover, spillover_text
from immunoprofile.fcs._text import tokenize, valid_delimiter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

_ALIGN = 64
"""DATA begins at a multiple of this, so that a map of it is aligned."""
_LAST_HEADER_OFFSET = 99_999_999
_DIGITS = 12
_BLOCK_BYTES = 2**23
_FIRST_DELIMITERS = "\x0c\x1e|/"
_DELIMITERS = _FIRST_DELIMITERS + "".join(
    char
    for char in map(chr, range(1, 127))
    if valid_delimiter(char) and char not in _FIRST_DELIMITERS + BLANKS
)
_OURS = re.compile(
    r"\$(?:(?:BEGIN|END)(?:DATA|STEXT|ANALYSIS)|BYTEORD|DATATYPE|MODE|NEXTDATA|PAR|TOT|UNICODE"
    r"|P[0-9]+(?:B|R|E|N|S|G|DATATYPE))|FCSVERSION"
)
"""Keywords that the writer sets itself, or that would no longer be true."""
_NUMBERED = re.compile(r"(\$?P)([0-9]{1,6})([A-Z].*)", re.DOTALL)


def write_fcs(  # noqa: PLR0913 - one parameter a part of the file
    path: str | Path,
    events: ArrayLike | Sample,
    detectors: Sequence[str] | None = None,
    *,
    labels: Sequence[str | None] | None = None,
    ranges: ArrayLike | None = None,
    spillover: Spillover | None = None,
    keywords: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write an FCS 3.1 file.

    Parameters
    ----------
    path : str or Path
    events : array-like, shape (n_events, n_channels), or Sample
        Linear values. ``$DATATYPE`` is F; D where a value is not exact in 32 bits.
    detectors : sequence of str, optional
        ``$PnN``; those of the sample by default.
    labels : sequence of str, optional
        ``$PnS``; empty or None where there is none.
    ranges : array-like, shape (n_channels,), optional
        ``$PnR``; 262144 by default; raised above the largest value.
    spillover : Spillover, optional
        ``$SPILLOVER``.
    keywords : mapping of str to str, optional
        Further keywords. Those that describe DATA are the writer's own; empty values are left out.
    overwrite : bool
        Whether a file that exists is replaced.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    FcsError
        ``write-exists``, ``write-names``, ``write-values``, ``io``. The target is then as it was.
    """
    target = Path(path)
    extra = dict(keywords or {})
    if isinstance(events, Sample):
        sample = events
        _refuse_stored(sample, target)
        detectors = sample.detectors if detectors is None else detectors
        labels = sample.labels if labels is None else labels
        ranges = sample.ranges if ranges is None else ranges
        spillover = sample.spillover if spillover is None else spillover
        extra = {**_renumbered(sample), **extra}
        events = sample.events
    if detectors is None:
        raise TypeError("detectors are needed, unless a Sample is written")
    table = float_events(events, target)
    names = check_names(detectors, table.shape[1], target)
    texts = check_labels(labels, table.shape[1], target)
    _refuse_existing(target, overwrite=overwrite)
    pairs = _pairs(
        table, names, labels=texts, ranges=ranges, spillover=spillover, keywords=extra, path=target
    )
    _write(target, table, pairs)
    return target


def _refuse_stored(sample: Sample, target: Path) -> None:
    table = sample._table  # of the same room
    raw = sample.scale == "stored" and (
        sample.integer_log.any() or any(f"$P{i + 1}G" in sample.keywords for i in sample.positions)
    )
    if raw or table is None:
        raise FcsError(
            target,
            "write-values",
            problem="the sample holds stored numbers, not linear ones"
            if raw
            else "the sample holds no events",
            hint='read it with scale="linear" and with its events',
        )
    if sample.path is not None and target.exists() and sample.path.exists() and target.samefile(sample.path):
        raise FcsError(
            target, "write-exists", problem="source and target are the same file", hint="name another file"
        )


def _renumbered(sample: Sample) -> dict[str, str]:
    """Give the keywords of a sample; those of its channels under their new numbers, no others'."""
    number = {str(place + 1): str(i + 1) for i, place in enumerate(sample.positions)}
    out = {}
    for keyword, value in sample.keywords.items():
        match = _NUMBERED.fullmatch(keyword)
        if match is None:
            out[keyword] = value
        elif match[2].lstrip("0") in number:
            out[f"{match[1]}{number[match[2].lstrip('0')]}{match[3]}"] = value
    return {keyword: value for keyword, value in out.items() if keyword not in SPILLOVER_KEYWORDS}


def _refuse_existing(target: Path, *, overwrite: bool) -> None:
    try:
        is_folder, is_there = target.is_dir(), target.exists() or target.is_symlink()
    except (OSError, ValueError) as error:
        raise FcsError(target, "io", problem=f"the system refuses: {error}") from error
    if is_folder or (is_there and not overwrite):
        hint = "the path is a folder" if is_folder else "overwrite=True replaces it"
        raise FcsError(target, "write-exists", problem="the path is taken", hint=hint)


# -- TEXT ----------------------------------------------------------------------------------------------------


def _pairs(
    table: NDArray[Any],
    names: Sequence[str],
    *,
    labels: Sequence[str],
    ranges: ArrayLike | None,
    spillover: Spillover | None,
    keywords: Mapping[str, str],
    path: Path,
) -> list[tuple[str, str]]:
    """All keywords but the offsets of DATA, in the order in which they are written."""
    count, channels = table.shape
    bits = 8 * table.dtype.itemsize
    out: dict[str, str] = {
        "$BYTEORD": "1,2,3,4",
        "$DATATYPE": "F" if bits == 32 else "D",
        "$MODE": "L",
        "$NEXTDATA": "0",
        "$PAR": str(channels),
        "$TOT": str(count),
    }
    upper = _ranges(table, ranges, path)
    for i, name in enumerate(names):
        out |= {f"$P{i + 1}N": name, f"$P{i + 1}B": str(bits), f"$P{i + 1}E": "0,0", f"$P{i + 1}R": upper[i]}
        if labels[i].strip():
            out[f"$P{i + 1}S"] = labels[i]
    if spillover is not None:
        _check_spillover(spillover, path)
        out["$SPILLOVER"] = spillover_text(spillover)
    for keyword, value in keywords.items():
        _add_keyword(out, keyword, value, path=path)
    return list(out.items())


def _add_keyword(out: dict[str, str], keyword: object, value: object, *, path: Path) -> None:
    if not isinstance(keyword, str) or not isinstance(value, str):
        raise TypeError(f"keywords and their values are texts; {keyword!r} is {type(value).__name__}")
    key = keyword.strip(BLANKS).upper()
    if not key:
        raise FcsError(path, "write-values", problem="a keyword is empty", hint="name it or leave it out")
    if value.strip(BLANKS) and not _OURS.fullmatch(key):
        out.setdefault(key, value)


def _ranges(table: NDArray[Any], ranges: ArrayLike | None, path: Path) -> list[str]:
    channels = table.shape[1]
    given = np.full(channels, np.nan) if ranges is None else np.array(ranges, dtype=np.float64)
    if given.shape != (channels,):
        raise FcsError(path, "write-values", problem=f"ranges have shape {given.shape}, not ({channels},)")
    out = []
    for i in range(channels):
        finite = table[:, i][np.isfinite(table[:, i])]
        top = float(finite.max()) if finite.size else 0.0
        upper = float(given[i]) if np.isfinite(given[i]) and given[i] > 0 else 262144.0
        if top >= upper:
            upper = min(top + 1, 1e18)
        out.append(str(math.ceil(upper)) if upper <= 1e18 else "1000000000000000000")
    return out


def _check_spillover(spillover: Spillover, path: Path) -> None:
    check_names(spillover.detectors, len(spillover.matrix), path)
    if spillover.matrix.shape != (len(spillover.detectors),) * 2 or not np.isfinite(spillover.matrix).all():
        raise FcsError(path, "write-values", problem="the spillover matrix is not n x n finite numbers")


def _encoded(pairs: Iterable[tuple[str, str]], path: Path) -> bytes:
    """TEXT with a delimiter that stands in no keyword or value; escaped only where every one is taken."""
    flat = [text for pair in pairs for text in pair]
    used = set("".join(flat))
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


def _with_offsets(pairs: list[tuple[str, str]], size: int, path: Path) -> tuple[bytes, int, int]:
    """TEXT with the true offsets of DATA, whose first and last byte come with it."""

    def text(begin: int, end: int) -> bytes:
        zero = "0" * _DIGITS
        offsets = {
            "$BEGINANALYSIS": zero, "$ENDANALYSIS": zero, "$BEGINSTEXT": zero, "$ENDSTEXT": zero,
            "$BEGINDATA": f"{begin:0{_DIGITS}d}", "$ENDDATA": f"{end:0{_DIGITS}d}",
        }  # fmt: skip
        return _encoded([*offsets.items(), *pairs], path)

    length = len(text(0, 0))  # offsets are of fixed width: the length of TEXT does not hang on them
    begin = -(-(HEADER_BYTES + length) // _ALIGN) * _ALIGN
    end = begin + size - 1 if size else begin
    return (text(begin, end) if size else text(0, 0)), (begin if size else 0), (end if size else 0)


# -- bytes ---------------------------------------------------------------------------------------------------


def _write(target: Path, table: NDArray[Any], pairs: list[tuple[str, str]]) -> None:
    text, begin, end = _with_offsets(pairs, table.nbytes, target)
    last = HEADER_BYTES + len(text) - 1
    if last > _LAST_HEADER_OFFSET:
        raise FcsError(target, "write-values", problem="keywords and values take more than 99,999,999 bytes")
    in_header = (begin, end) if end <= _LAST_HEADER_OFFSET else (0, 0)
    header = "FCS3.1    " + "".join(f"{offset:>8d}" for offset in (HEADER_BYTES, last, *in_header, 0, 0))
    try:
        with atomic_path(target) as temporary, temporary.open("wb") as stream:
            stream.write(header.encode("ascii"))
            stream.write(text)
            if table.size:
                stream.write(b" " * (begin - last - 1))
                for block in _blocks(table):
                    stream.write(block)
            stream.write(b"00000000")  # no checksum
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FcsError(target, "io", problem=f"the system refuses: {reason}") from error


def _blocks(table: NDArray[Any]) -> Iterable[bytes]:
    little = table.dtype.newbyteorder("<")
    step = max(1, _BLOCK_BYTES // (table.shape[1] * table.dtype.itemsize))
    for start in range(0, len(table), step):
        yield table[start : start + step].astype(little, copy=False).tobytes()
