"""HEADER of a data set: version and the places of its segments (ends inclusive)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from immunoprofile.core import FcsError
    from immunoprofile.fcs._file import InputFile
    from immunoprofile.fcs._issues import Findings

VERSIONS = ("2.0", "3.0", "3.1", "3.2")
HEADER_BYTES = 58
_FIELD = re.compile(rb"[ \0]*([0-9]*)[ \0]*")
_SIGNATURES = (
    (b"PK\x03\x04", "a ZIP archive (ACS, XLSX, workspace)", "unpack it first"),
    (b"\x89PNG", "a PNG picture", ""),
    (b"\xff\xd8\xff", "a JPEG picture", ""),
    (b"%PDF", "a PDF document", ""),
    (b"\x1f\x8b", "a gzip archive", "unpack it first"),
    (b"\x89HDF", "an HDF5 file", ""),
    (b"II*\0", "a TIFF picture", ""),
    (b"MM\0*", "a TIFF picture", ""),
    (b"<", "an XML or HTML document", "a workspace names FCS files, it does not hold their events"),
)


class Span(NamedTuple):
    """A stretch of bytes, both ends inclusive."""

    begin: int
    end: int

    @property
    def length(self) -> int:
        """Number of bytes."""
        return self.end - self.begin + 1

    def overlaps(self, other: Span) -> bool:
        """Whether a byte is in both."""
        return self.begin <= other.end and other.begin <= self.end


class Pair(NamedTuple):
    """Two offsets as the HEADER gives them: ``given``, ``zero``, ``blank`` or ``invalid``."""

    state: Literal["given", "zero", "blank", "invalid"]
    span: Span = Span(0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The HEADER of one data set.

    Attributes
    ----------
    version : str
        ``2.0``, ``3.0``, ``3.1`` or ``3.2``.
    base : int
        Byte of the file at which the data set begins.
    text : Span
        Primary TEXT.
    data, analysis : Pair
        As written.
    others : tuple of Span
        Vendor segments.
    """

    version: str
    base: int
    text: Span
    data: Pair
    analysis: Pair
    others: tuple[Span, ...]


def read_header(file: InputFile, base: int) -> Header:
    """Read the HEADER of the data set that begins at byte `base`."""
    findings = file.findings
    start = file.read(base, min(512, file.size - base))
    if not start.startswith(b"FCS"):
        raise _not_fcs(start, base, findings)
    version = start[3:6].decode("latin-1")
    if version not in VERSIONS:
        raise findings.error(
            "version-unsupported",
            f"the file says FCS{version}",
            offset=base + 3,
            hint=f"versions that can be read: {', '.join(VERSIONS)}",
        )
    if len(start) < HEADER_BYTES:
        raise findings.error(
            "header-truncated",
            f"the file ends after {len(start)} bytes, inside its HEADER of {HEADER_BYTES}",
            offset=file.size,
            hint="copy the file again from its source",
        )
    text = _text_span(start, base, findings)
    return Header(
        version=version,
        base=base,
        text=text,
        data=_pair(start[26:42]),
        analysis=_pair(start[42:58]),
        others=_others(start[HEADER_BYTES : text.begin]),
    )


def _text_span(start: bytes, base: int, findings: Findings) -> Span:
    pair = _pair(start[10:26])
    begin, end = pair.span
    if pair.state != "given" or begin < HEADER_BYTES or end <= begin:
        written = start[10:26].decode("latin-1")
        raise findings.error(
            "header-offsets",
            f"the HEADER gives no place for TEXT: {written!r}",
            offset=base + 10,
            hint="two whole numbers are expected, the first of them 58 or more; the file is damaged",
        )
    return pair.span


def _field(raw: bytes) -> int | None:
    match = _FIELD.fullmatch(raw)
    if match is None:
        return None
    return int(match[1]) if match[1] else -1


def _pair(raw: bytes) -> Pair:
    begin, end = _field(raw[:8]), _field(raw[8:])
    if begin is None or end is None:
        return Pair("invalid")
    if begin == -1 and end == -1:
        return Pair("blank")
    if max(begin, end) == 0:  # 0 beside a blank field gives no place either
        return Pair("zero")
    if begin == -1 or end == -1:
        return Pair("invalid")
    if begin == 0 or end == 0:
        return Pair("zero")
    return Pair("given", Span(begin, end))


def _others(raw: bytes) -> tuple[Span, ...]:
    pairs = (_pair(raw[i : i + 16]) for i in range(0, len(raw) - 15, 16))
    return tuple(pair.span for pair in pairs if pair.state == "given" and pair.span.end >= pair.span.begin)


def _not_fcs(start: bytes, base: int, findings: Findings) -> FcsError:
    if not start:
        return findings.error("not-fcs", "the file is empty", hint="copy the file again from its source")
    looks, hint = "", "an FCS file begins with the letters FCS"
    for signature, kind, advice in _SIGNATURES:
        if start.lstrip(b"\xef\xbb\xbf \r\n").startswith(signature):
            looks, hint = f"; it looks like {kind}", advice or hint
            break
    else:
        if start.isascii() and (b"," in start or b"\t" in start):
            looks, hint = "; it looks like a text table (CSV)", "export the events as FCS from the instrument"
    return findings.error("not-fcs", f"the file does not begin with FCS{looks}", offset=base, hint=hint)
