"""How an event is laid out: type, width, place, mask of each column, and the order of bytes.

A column is whole bytes. Widths that are not a multiple of 8 bits are taken as fields of whole bytes, and the
caller must then see that DATA has exactly the size that this asks for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from immunoprofile.fcs._numbers import BLANKS, real_number, too_long, whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from immunoprofile.core import FcsError
    from immunoprofile.fcs._file import FcsLimits
    from immunoprofile.fcs._issues import Findings

Kind = Literal["I", "F", "D"]
FLOAT_BITS = {"F": 32, "D": 64}
MAX_BITS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A column within an event.

    Attributes
    ----------
    offset, size : int
        Bytes from the start of the event, and bytes.
    kind : str
        ``I`` unsigned integer, ``F`` 32-bit float, ``D`` 64-bit float.
    bits : int
        Bits that count: fewer than ``8 * size`` where ``$PnR`` masks the rest.
    """

    offset: int
    size: int
    kind: Kind
    bits: int

    @property
    def masked(self) -> bool:
        """Whether bits above the range are to be taken away."""
        return self.kind == "I" and self.bits < 8 * self.size

    @property
    def exact_in_float32(self) -> bool:
        """Whether float32 holds every stored value."""
        return self.kind == "F" or (self.kind == "I" and self.bits <= 24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """An event.

    Attributes
    ----------
    fields : tuple of Field
    stride : int
        Bytes of an event.
    significance : tuple of int
        For the bytes of a word as stored: 0 = least. Meaningful only where `order` is ``mixed``.
    order : str
        ``little``, ``big`` or ``mixed``.
    dtype : numpy.dtype or None
        The one type of all columns, where numpy has it.
    """

    fields: tuple[Field, ...]
    stride: int
    significance: tuple[int, ...]
    order: Literal["little", "big", "mixed"]
    dtype: np.dtype[np.generic] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Widths:
    """Layout and what it rests on: keywords whose width must be proved by the size of DATA."""

    layout: Layout
    padded: tuple[str, ...]
    float_widths: tuple[str, ...]


def required(keywords: Mapping[str, str], keyword: str, findings: Findings) -> str:
    """Give the value of a keyword without which DATA cannot be read."""
    if keyword in keywords:
        return keywords[keyword]
    raise findings.error(
        "keyword-missing",
        f"the file has no {keyword}",
        keyword=keyword,
        hint="DATA cannot be read without it; export the file again from its source",
    )


def count_parameters(keywords: Mapping[str, str], findings: Findings, limits: FcsLimits) -> int:
    """Read ``$PAR``."""
    count = counted(required(keywords, "$PAR", findings), "$PAR", findings, limits=limits)
    if not count:
        raise bad_value("$PAR", keywords["$PAR"], "a whole number above 0", findings=findings)
    if count > limits.parameters:
        raise findings.error(
            "limit",
            f"$PAR is {count}, the limit is {limits.parameters}",
            keyword="$PAR",
            hint="raise it by limits=FcsLimits(parameters=...)",
        )
    return count


def counted(text: str, keyword: str, findings: Findings, *, limits: FcsLimits) -> int | None:
    """Read a whole number; one of more digits than the limit is refused as such."""
    if too_long(text, limits.digits):
        raise findings.error(
            "limit",
            f"{keyword} has more than {limits.digits} digits",
            keyword=keyword,
            hint="raise it by limits=FcsLimits(digits=...)",
        )
    return whole_number(text, limits.digits)


def bad_value(keyword: str, text: str, expected: str, *, findings: Findings) -> FcsError:
    """Build the error of a value that is not what it must be."""
    shown = text if len(text) <= 40 else f"{text[:40]}..."
    return findings.error(
        "keyword-value",
        f"{keyword} is {shown!r}",
        keyword=keyword,
        hint=f"{expected} is expected",
    )


def check_mode(keywords: Mapping[str, str], version: str, findings: Findings) -> None:
    """See that the file holds list-mode events."""
    mode = keywords.get("$MODE")
    if mode is None:
        if version < "3.2":
            findings.warn("mode-missing", "no $MODE; read as list mode", keyword="$MODE")
        return
    if mode.strip(BLANKS).upper() != "L":
        histograms = mode.strip(BLANKS).upper() in {"C", "U"}
        raise findings.error(
            "mode-unsupported",
            f"$MODE is {mode[:20]!r}: "
            + ("the file holds histograms, not events" if histograms else "no mode of the standard"),
            keyword="$MODE",
            hint="export list-mode data ($MODE L)",
        )


def data_kind(keywords: Mapping[str, str], keyword: str, findings: Findings) -> Kind:
    """Read a type keyword, ``$DATATYPE`` or ``$PnDATATYPE``."""
    text = required(keywords, keyword, findings)
    kind = text.strip(BLANKS).upper()
    if kind not in {"I", "F", "D"}:
        what = "text (ASCII) data" if kind == "A" else "no known type"
        raise findings.error(
            "datatype-unsupported",
            f"{keyword} is {text[:20]!r}, {what}",
            keyword=keyword,
            hint="I (unsigned integer), F (32-bit float) or D (64-bit float) can be read",
        )
    return cast("Kind", kind)


def read_widths(
    keywords: Mapping[str, str], count: int, *, version: str, findings: Findings, limits: FcsLimits
) -> Widths:
    """Read type, width and range of every column, and the order of bytes."""
    default = data_kind(keywords, "$DATATYPE", findings)
    fields: list[Field] = []
    padded: list[str] = []
    float_widths: list[str] = []
    stride = 0
    for number in range(1, count + 1):
        own = f"$P{number}DATATYPE"
        kind = data_kind(keywords, own, findings) if own in keywords else default
        if version < "3.2" and kind != default:
            raise _own_type_too_early(own, kind, default, version=version, findings=findings)
        keyword = f"$P{number}B"
        written = _written_bits(keywords, keyword, findings, limits=limits)
        if kind == "I":
            size = -(-written // 8)
            if written % 8:
                padded.append(keyword)
        else:
            size = FLOAT_BITS[kind] // 8
            if written != FLOAT_BITS[kind]:
                float_widths.append(keyword)
        bits = _range_bits(keywords, number, findings) if kind == "I" else 8 * size
        fields.append(Field(offset=stride, size=size, kind=kind, bits=min(bits, 8 * size)))
        stride += size
    layout = _with_order(keywords, tuple(fields), findings=findings)
    return Widths(layout=layout, padded=tuple(padded), float_widths=tuple(float_widths))


def _own_type_too_early(
    keyword: str, kind: Kind, default: Kind, *, version: str, findings: Findings
) -> FcsError:
    """Build the error of a column that has two types: the standard of the file knows one only."""
    return findings.error(
        "keyword-conflict",
        f"{keyword} is {kind}, $DATATYPE is {default}, and FCS {version} knows no type of a single column",
        keyword=keyword,
        hint="export the file as FCS 3.2, or with one type for all columns",
    )


def _written_bits(keywords: Mapping[str, str], keyword: str, findings: Findings, *, limits: FcsLimits) -> int:
    text = required(keywords, keyword, findings)
    bits = counted(text, keyword, findings, limits=limits)
    if not bits:
        raise bad_value(keyword, text, "a number of bits above 0", findings=findings)
    if bits > MAX_BITS:
        raise findings.error(
            "width-unsupported",
            f"{keyword} is {bits} bits",
            keyword=keyword,
            hint=f"columns of at most {MAX_BITS} bits can be read",
        )
    return bits


def _range_bits(keywords: Mapping[str, str], number: int, findings: Findings) -> int:
    """Bits that hold the values 0 to R - 1: the mask of the standard."""
    keyword = f"$P{number}R"
    text = required(keywords, keyword, findings)
    whole = whole_number(text)
    real = real_number(text)
    top = whole if whole is not None else math.ceil(real) if real is not None else 0
    if top <= 0:
        raise bad_value(keyword, text, "a number above 0", findings=findings)
    return (top - 1).bit_length()


def _with_order(keywords: Mapping[str, str], fields: tuple[Field, ...], *, findings: Findings) -> Layout:
    text = required(keywords, "$BYTEORD", findings)
    positions = [whole_number(part) for part in text.split(",")]
    ranks = [rank for rank in positions if rank is not None]
    if len(ranks) != len(positions) or sorted(ranks) != list(range(1, len(ranks) + 1)) or len(ranks) > 8:
        raise _bad_order(text, "is no order of bytes", findings)
    order: Literal["little", "big", "mixed"] = "mixed"
    if ranks == sorted(ranks):
        order = "little"
    elif ranks == sorted(ranks, reverse=True):
        order = "big"
    widest = max(field.size for field in fields)
    unfit = any(field.size != len(ranks) for field in fields)
    if (order == "mixed" and unfit) or (len(ranks) == 1 and widest > 1):
        raise _bad_order(text, f"does not fit columns of {widest} bytes", findings)
    if len(ranks) == 2 and widest > 2:
        findings.warn("byteord-short", f"$BYTEORD {text} was read as {order}-endian", keyword="$BYTEORD")
    return Layout(
        fields=fields,
        stride=sum(field.size for field in fields),
        significance=tuple(rank - 1 for rank in ranks),
        order=order,
        dtype=_common_dtype(fields, order),
    )


def _bad_order(text: str, what: str, findings: Findings) -> FcsError:
    return findings.error(
        "byteord",
        f"$BYTEORD {text[:40]!r} {what}",
        keyword="$BYTEORD",
        hint="1,2,3,4 (little-endian) or 4,3,2,1 (big-endian) is expected",
    )


def _common_dtype(fields: tuple[Field, ...], order: str) -> np.dtype[np.generic] | None:
    shapes = {(field.kind == "I", field.size) for field in fields}
    if len(shapes) != 1 or order == "mixed":
        return None
    integer, size = shapes.pop()
    if size not in {1, 2, 4, 8}:
        return None
    return np.dtype(f"{'<' if order == 'little' else '>'}{'u' if integer else 'f'}{size}")
