"""ANALYSIS: results that the acquisition software added, keywords by the rules of TEXT.

Nothing in DATA hangs on it, so that whatever is wrong with it is noted and costs no event.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from immunoprofile.fcs._header import HEADER_BYTES, Header, Span
from immunoprofile.fcs._numbers import BLANKS
from immunoprofile.fcs._text import (
    merge,
    note_characters,
    note_repairs,
    offsets,
    split_segment,
    too_many_keywords,
)
from immunoprofile.fcs._tokens import decode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from immunoprofile.fcs._file import FcsLimits, InputFile

_CODE = "analysis-bounds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What the ANALYSIS segment says.

    Attributes
    ----------
    keywords : dict of str to str
        Empty where there is none, or it cannot be read.
    end : int
        Last byte that it claims, 0 where it claims none.
    """

    keywords: dict[str, str] = field(default_factory=dict)
    end: int = 0


def read_analysis(
    file: InputFile, header: Header, keywords: Mapping[str, str], *, data: Span, limits: FcsLimits
) -> Analysis:
    """Find and read ANALYSIS."""
    span = _place(file, header, keywords)
    if span is None:
        return Analysis()
    if span.overlaps(header.text) or (data.length > 0 and span.overlaps(data)):
        _note(file, "lies on another segment and was not read", header.base + span.begin)
        return Analysis(end=span.end)
    if span.length > limits.text_bytes:
        _note(
            file,
            f"has {span.length} bytes, more than the limit of {limits.text_bytes}, and was not read; "
            "limits=FcsLimits(text_bytes=...) raises it",
            header.base + span.begin,
        )
        return Analysis(end=span.end)
    return Analysis(keywords=_read(file, header, span, limits=limits), end=span.end)


def _place(file: InputFile, header: Header, keywords: Mapping[str, str]) -> Span | None:
    """Give the place that HEADER or TEXT names, or None; what is outside the file is noted."""
    named: list[Span] = []
    odd = header.analysis.state == "invalid"
    if header.analysis.state == "given":
        named.append(header.analysis.span)
    if header.version >= "3.0":
        begin, end = offsets(keywords, "$BEGINANALYSIS", "$ENDANALYSIS")
        odd = odd or begin is None or end is None
        if begin and end and Span(begin, end) not in named:
            named.append(Span(begin, end))
    inside = [s for s in named if HEADER_BYTES <= s.begin <= s.end < file.size - header.base]
    if len(inside) > 1:
        _note(file, "has two places by HEADER and TEXT and was not read", header.base + inside[0].begin)
        return None
    if odd or len(inside) < len(named):
        what = "that lies inside was read" if inside else "it is not needed"
        _note(file, f"lies outside the file by HEADER or TEXT; {what}", None)
    return inside[0] if inside else None


def _read(file: InputFile, header: Header, span: Span, *, limits: FcsLimits) -> dict[str, str]:
    raw = file.read(header.base + span.begin, span.length)
    if not raw.strip(BLANKS.encode()):
        return {}
    tokens = None if too_many_keywords(raw, limits) else split_segment(raw)
    if tokens is None:
        _note(file, "cannot be split into keywords and values and was not read", header.base + span.begin)
        return {}
    note_repairs(tokens, header.base + span.end, file.findings, segment="ANALYSIS")
    pairs = decode(tokens, header.version)
    note_characters(pairs, file.findings, version=header.version)
    keywords: dict[str, str] = {}
    merge(keywords, pairs.pairs, file.findings, structural=False)
    return keywords


def _note(file: InputFile, what: str, offset: int | None) -> None:
    file.findings.warn(_CODE, f"ANALYSIS {what}", keyword="$BEGINANALYSIS", offset=offset)
