"""Where DATA is, and how many events it holds.

HEADER and TEXT both say it, and real files contradict themselves both ways. A place is taken if it fits
(inside the file, on no other segment, of the length that ``$TOT`` asks for); where two fit, the bytes before
them decide; where nothing decides, the file is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from immunoprofile.fcs._header import HEADER_BYTES, Header, Span
from immunoprofile.fcs._layout import Widths, bad_value, counted
from immunoprofile.fcs._numbers import BLANKS, whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from immunoprofile.core import FcsError
    from immunoprofile.fcs._file import FcsLimits, InputFile
    from immunoprofile.fcs._issues import Findings

_PADDING = b"\0 \r\n"
_CHUNK = 2**20
_LAST_HEADER_OFFSET = 99_999_999


class Place(NamedTuple):
    """A place for DATA and who names it."""

    source: str
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """Where the events are.

    Attributes
    ----------
    begin : int
        First byte, counted from the data set's own first byte.
    count : int
        Number of events.
    end : int
        Last byte that DATA claims (as written, one too many taken away).
    """

    begin: int
    count: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """The facts that the search rests on.

    Attributes
    ----------
    file : InputFile
    header : Header
    keywords : mapping of str to str
    widths : Widths
    supplemental : Span or None
        Supplemental TEXT.
    total : int or None
        ``$TOT``.
    following : int or None
        Byte of the file at which the next data set begins: this one ends before it.
    """

    file: InputFile
    header: Header
    keywords: Mapping[str, str]
    widths: Widths
    supplemental: Span | None
    total: int | None
    following: int | None = None

    @property
    def findings(self) -> Findings:
        """Notes of the reading."""
        return self.file.findings

    @property
    def stride(self) -> int:
        """Bytes of an event."""
        return self.widths.layout.stride

    @property
    def size(self) -> int:
        """Bytes of the data set: from its first byte to the next data set, or to the end of the file."""
        return (self.file.size if self.following is None else self.following) - self.header.base

    @property
    def needed(self) -> int | None:
        """Bytes that ``$TOT`` events take."""
        return None if self.total is None else self.total * self.stride

    def absolute(self, offset: int) -> int:
        """Byte of the file, of a byte of the data set."""
        return self.header.base + offset


def locate_data(search: Search) -> Events:
    """Find DATA and count its events."""
    header = search.header
    if search.total == 0:
        return Events(begin=header.text.end + 1, count=0, end=header.text.end)
    return _count(search, _choose(search, _header_place(search), _text_place(search)))


def total_events(
    keywords: Mapping[str, str], version: str, findings: Findings, *, limits: FcsLimits
) -> int | None:
    """Read ``$TOT``; None where the file has none."""
    text = keywords.get("$TOT")
    if text is None:
        if version >= "3.0":
            findings.warn("tot-missing", "no $TOT; events counted from the size of DATA", keyword="$TOT")
        return None
    total = counted(text, "$TOT", findings, limits=limits)
    if total is None:
        raise bad_value("$TOT", text, "a whole number, 0 or more,", findings=findings)
    return total


# -- places --------------------------------------------------------------------------------------------------


def _header_place(search: Search) -> Place | None:
    pair = search.header.data
    if pair.state == "invalid":
        search.findings.warn(
            "header-field-invalid",
            "the HEADER's offsets of DATA are no numbers; those of TEXT were taken",
            offset=search.absolute(26),
        )
    return Place("HEADER", pair.span) if pair.state == "given" else None


def _text_place(search: Search) -> Place | None:
    texts = [search.keywords.get(name) for name in ("$BEGINDATA", "$ENDDATA")]
    if all(text is None or not text.strip(BLANKS) for text in texts):
        return None
    begin, end = (whole_number(text or "") for text in texts)
    if begin is None or end is None:
        search.findings.warn(
            "begindata-invalid",
            "$BEGINDATA and $ENDDATA are no whole numbers; the HEADER's offsets were taken",
            keyword="$BEGINDATA",
        )
        return None
    return None if begin == 0 or end == 0 else Place("TEXT", Span(begin, end))


def _choose(search: Search, header: Place | None, text: Place | None) -> Place:
    if header is None and text is None:
        raise search.findings.error(
            "data-offsets",
            "neither HEADER nor TEXT says where DATA is",
            keyword="$BEGINDATA",
            offset=search.absolute(26),
            hint="export the file again from its source",
        )
    if header is None or text is None:
        return _only(search, header, text)
    if header.span == text.span:
        return header
    return _of_two(search, header, text)


def _only(search: Search, header: Place | None, text: Place | None) -> Place:
    if header is None:
        if search.header.data.state == "blank":
            search.findings.warn(
                "header-blank-offsets",
                "the HEADER leaves the offsets of DATA blank; those of TEXT were taken",
                offset=search.absolute(26),
            )
        return text or Place("TEXT", Span(0, 0))
    reported = any(issue.code == "begindata-invalid" for issue in search.findings.issues)
    if search.header.version >= "3.0" and not reported:
        search.findings.warn(
            "begindata-missing",
            "$BEGINDATA and $ENDDATA are not given; the HEADER's offsets were taken",
            keyword="$BEGINDATA",
        )
    return header


def _of_two(search: Search, header: Place, text: Place) -> Place:
    fits_header, fits_text = _fits(search, header.span), _fits(search, text.span)
    if header.span.end >= _LAST_HEADER_OFFSET and header.span.end >= search.size and fits_text:
        search.findings.warn(
            "header-99999999",
            "the HEADER's end of DATA is a placeholder; the offsets of TEXT were taken",
            offset=search.absolute(34),
        )
        return text
    if fits_header and fits_text:
        return _of_two_that_fit(search, header, text)
    if not fits_header and not fits_text:
        _check_proof(search, exact=False)
        raise search.findings.error(
            "data-offset-conflict",
            f"{_figures(search, header, text)}; neither fits",
            keyword="$BEGINDATA",
            offset=search.absolute(26),
            hint="the file is cut short or damaged; copy it again, or export it again from its source",
        )
    chosen = header if fits_header else text
    search.findings.warn(
        "data-offset-conflict",
        f"{_figures(search, header, text)}; only {chosen.source} fits and was taken",
        keyword="$BEGINDATA",
        offset=search.absolute(chosen.span.begin),
    )
    return chosen


def _of_two_that_fit(search: Search, header: Place, text: Place) -> Place:
    figures = _figures(search, header, text)
    if header.span.begin == text.span.begin:
        search.findings.warn("data-end-conflict", f"{figures}; the shorter was taken", keyword="$ENDDATA")
        return min(header, text, key=lambda place: place.span.end)
    padded = [place for place in (header, text) if _only_padding_before(search, place.span.begin)]
    if len(padded) == 1:
        search.findings.warn(
            "data-offset-conflict",
            f"{figures}; only padding stands before that of {padded[0].source}, which was taken",
            keyword="$BEGINDATA",
            offset=search.absolute(padded[0].span.begin),
        )
        return padded[0]
    if search.findings.mode != "force":
        raise search.findings.error(
            "data-offset-ambiguous",
            f"{figures}; both fit",
            keyword="$BEGINDATA",
            offset=search.absolute(26),
            hint='export the file again from its source; mode="force" takes the HEADER',
        )
    search.findings.warn(
        "data-offset-ambiguous",
        f"{figures}; both fit, the HEADER was taken as forced",
        keyword="$BEGINDATA",
    )
    return header


def _figures(search: Search, header: Place, text: Place) -> str:
    needed = "an unknown number of" if search.needed is None else f"{search.needed}"
    return (
        f"HEADER says DATA is at {header.span.begin}-{header.span.end}, "
        f"TEXT says {text.span.begin}-{text.span.end}; "
        f"$TOT events take {needed} bytes, the data set has {search.size}"
    )


def _fits(search: Search, span: Span) -> bool:
    """Whether a place has the right length, in the file and on no byte of HEADER or TEXT."""
    needed = search.needed
    if needed is not None and span.length not in {needed, needed + 1}:
        return False
    if span.length < 1 or span.end > search.size:  # the end may be one past the file
        return False
    read = _read_span(search, span)
    inside = read.begin >= HEADER_BYTES and read.end < search.size
    return inside and not read.overlaps(search.header.text)


def _read_span(search: Search, span: Span) -> Span:
    """Give the bytes of a place that would be read."""
    length = span.length if search.needed is None else min(search.needed, span.length)
    last = span.begin + max(length, 1) - 1
    return Span(span.begin, min(last, search.size - 1) if search.needed is None else last)


def _only_padding_before(search: Search, begin: int) -> bool:
    header = search.header
    spans = [header.text, *header.others]
    if search.supplemental is not None:
        spans.append(search.supplemental)
    if header.analysis.state == "given":
        spans.append(header.analysis.span)
    ends = [HEADER_BYTES - 1, *(span.end for span in spans)]
    position = max(end for end in ends if end < begin) + 1
    while position < begin:
        count = min(_CHUNK, begin - position)
        if search.file.read(search.absolute(position), count).strip(_PADDING):
            return False
        position += count
    return True


# -- events --------------------------------------------------------------------------------------------------


def _count(search: Search, place: Place) -> Events:
    span, findings = place.span, search.findings
    if not HEADER_BYTES <= span.begin < search.size or _read_span(search, span).overlaps(search.header.text):
        raise findings.error(
            "data-bounds",
            f"{place.source} puts DATA at {span.begin}-{span.end}, outside the set of {search.size} bytes "
            "or on another segment",
            offset=search.absolute(span.begin),
            hint="the file is cut short or damaged; copy it again from its source",
        )
    available = max(min(span.length, search.size - span.begin), 0)
    needed = search.needed
    _check_proof(search, exact=needed is not None and span.length in {needed, needed + 1})
    if needed is None:
        return _found(search, span, available // search.stride)
    if needed > available:
        _note_truncated(search, span, available)
        return _found(search, span, available // search.stride)
    _note_length(search, span, span.length - needed)
    return _found(search, span, needed // search.stride)


def _found(search: Search, span: Span, count: int) -> Events:
    exact = span.begin + count * search.stride - 1
    end = exact if span.end == exact + 1 else min(max(span.end, exact), search.size - 1)
    return Events(begin=span.begin, count=count, end=end)


def _note_length(search: Search, span: Span, surplus: int) -> None:
    if surplus == 1:
        search.findings.warn(
            "data-end-off-by-one",
            "DATA ends one byte too far; the last byte was left out",
            keyword="$ENDDATA",
            offset=search.absolute(span.end),
        )
    elif surplus > 1:
        search.findings.warn(
            "data-surplus",
            f"DATA has {surplus} bytes more than {search.total} events take; $TOT was followed",
            keyword="$TOT",
            offset=search.absolute(span.end - surplus + 1),
        )


def _note_truncated(search: Search, span: Span, available: int) -> None:
    whole = available // search.stride
    problem = (
        f"$TOT promises {search.total} events of {search.stride} bytes, "
        f"DATA has {available} bytes: {whole} whole events"
    )
    if search.findings.mode != "force":
        raise search.findings.error(
            "data-truncated",
            problem,
            keyword="$TOT",
            offset=search.absolute(span.begin),
            hint=f'copy the file again from its source; mode="force" reads the {whole} whole events',
        )
    search.findings.warn("data-truncated", f"{problem} were read as forced", keyword="$TOT")


def _check_proof(search: Search, *, exact: bool) -> None:
    """Believe odd widths only if DATA has exactly the size that whole bytes ask for."""
    widths, findings = search.widths, search.findings
    odd = widths.padded or widths.float_widths
    if odd and not exact:
        raise _unproved(search, odd[0])
    if widths.padded:
        findings.warn(
            "width-padded",
            f"{len(widths.padded)} columns are no whole bytes wide and were read as padded to whole bytes",
            keyword=widths.padded[0],
        )
    if widths.float_widths:
        findings.warn(
            "float-width",
            f"{len(widths.float_widths)} columns give another width than their type, which was followed",
            keyword=widths.float_widths[0],
        )


def _unproved(search: Search, keyword: str) -> FcsError:
    return search.findings.error(
        "width-unsupported",
        f"{keyword} is {search.keywords[keyword].strip(BLANKS)} bits, "
        "and DATA does not have the size of whole-byte columns",
        keyword=keyword,
        hint="export the file with columns of whole bytes ($PnB 8, 16 or 32; 32 for floats)",
    )
