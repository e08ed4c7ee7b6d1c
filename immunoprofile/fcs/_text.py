"""TEXT, primary and supplemental: tokens to a mapping of keywords, with what had to be repaired."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from immunoprofile.fcs._header import HEADER_BYTES, Span
from immunoprofile.fcs._issues import listing
from immunoprofile.fcs._numbers import BLANKS, whole_number
from immunoprofile.fcs._tokens import STRUCTURAL, Tokens, decode, tokenize, valid_delimiter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from immunoprofile.fcs._file import FcsLimits, InputFile
    from immunoprofile.fcs._header import Header
    from immunoprofile.fcs._issues import Findings
    from immunoprofile.fcs._tokens import Pairs

_REPAIRS = {
    "text-empty-value": "values are empty; each delimiter was read as a separator, nothing as escaped",
    "text-no-final-delimiter": "it does not end in its delimiter; the last value was read to the end",
    "text-odd-tokens": "the last keyword has no value and was dropped",
    "text-end-off-by-one": "it ends one byte too far; the last byte was left out",
}


def read_text(file: InputFile, header: Header, limits: FcsLimits) -> tuple[dict[str, str], Header]:
    """Read primary TEXT: keywords (upper case) with values (as written), and the HEADER with its true end."""
    findings = file.findings
    begin = header.base + header.text.begin
    if header.base + header.text.end >= file.size:
        raise findings.error(
            "text-bounds",
            f"TEXT should end at byte {header.base + header.text.end}, the file has {file.size} bytes",
            offset=begin,
            hint="the file is cut short; copy it again from its source",
        )
    check_length(header.text.length, "TEXT", findings=findings, limits=limits)
    raw = file.read(begin, header.text.length)
    _check_number(raw, "TEXT", findings=findings, limits=limits)
    tokens = split_segment(raw)
    if tokens is None:
        raise findings.error(
            "text-parse",
            "TEXT cannot be split into keywords and values",
            offset=begin,
            hint=f"its first byte, {raw[:1]!r}, should be the delimiter that stands between all of them",
        )
    note_repairs(tokens, begin + len(raw) - 1, findings, segment="TEXT")
    pairs = decode(tokens, header.version)
    note_characters(pairs, findings, version=header.version)
    keywords: dict[str, str] = {}
    merge(keywords, pairs.pairs, findings, structural=True)
    if "text-end-off-by-one" in tokens.repairs:  # the byte too many may be the first of DATA
        header = _one_less(header)
    elif _ends_in_data(raw, header, keywords):
        note_repairs(_ONE_TOO_MANY, begin + len(raw) - 1, findings, segment="TEXT")
        header = _one_less(header)
    return keywords, header


_ONE_TOO_MANY = Tokens(tokens=(), repairs=("text-end-off-by-one",))


def _one_less(header: Header) -> Header:
    return replace(header, text=Span(header.text.begin, header.text.end - 1))


def _ends_in_data(raw: bytes, header: Header, keywords: Mapping[str, str]) -> bool:
    """Whether TEXT ends in a blank byte that is the first of DATA: such a byte is not seen by the tokens."""
    if raw[-2:-1] != raw[:1] or raw[-1:] == raw[:1]:
        return False
    begins = {whole_number(keywords.get("$BEGINDATA", ""))}
    if header.data.state == "given":
        begins.add(header.data.span.begin)
    return header.text.end in begins


def check_length(length: int, what: str, *, findings: Findings, limits: FcsLimits) -> None:
    """Refuse a segment that is longer than the limit, before it is read."""
    if length > limits.text_bytes:
        raise findings.error(
            "limit",
            f"{what} has {length} bytes, the limit is {limits.text_bytes}",
            hint="raise it by limits=FcsLimits(text_bytes=...)",
        )


def too_many_keywords(raw: bytes, limits: FcsLimits) -> bool:
    """Whether a segment has more delimiters than the keywords that are allowed can have."""
    return raw.count(raw[:1]) > 2 * limits.keywords + 1


def _check_number(raw: bytes, what: str, *, findings: Findings, limits: FcsLimits) -> None:
    if too_many_keywords(raw, limits):
        raise findings.error(
            "limit",
            f"{what} has more than {limits.keywords} keywords, the limit",
            hint="raise it by limits=FcsLimits(keywords=...)",
        )


def split_segment(raw: bytes) -> Tokens | None:
    """Split a segment that begins with its delimiter; None where it does not, or no reading is plausible."""
    if len(raw) < 2 or not valid_delimiter(chr(raw[0])):
        return None
    return tokenize(raw.decode("latin-1"))


def note_repairs(tokens: Tokens, end: int, findings: Findings, *, segment: str) -> None:
    """Note what had to be repaired in a segment that ends at byte `end`."""
    for code in tokens.repairs:
        keyword = tokens.dropped or None if code == "text-odd-tokens" else None
        findings.warn(code, f"{segment}: {_REPAIRS[code]}", keyword=keyword, offset=end)
    if tokens.doubled:  # the standard's reading; it may change a name where the keyword is the standard's own
        findings.graded(
            "text-no-final-delimiter",
            f"{segment} ends in a doubled delimiter, which stands for itself: the last value ends in it",
            warn=tokens.doubled.startswith("$"),
            keyword=tokens.doubled,
        )


def note_characters(pairs: Pairs, findings: Findings, *, version: str) -> None:
    """Note texts that are not in the encoding of the standard."""
    if pairs.foreign:
        findings.graded(
            "text-not-utf8",
            f"{len(pairs.foreign)} texts are not UTF-8 and were read as Latin-1",
            warn=version >= "3.1",
            keyword=pairs.foreign[0],
        )
    if pairs.two_byte:
        findings.info(
            "text-not-utf8",
            f"read as two-byte characters, as $UNICODE says: {listing(pairs.two_byte)}",
            keyword="$UNICODE",
        )
    if pairs.undecided:
        findings.warn(
            "text-not-utf8",
            "$UNICODE names texts whose order of bytes cannot be told; they were left as they are: "
            f"{listing(pairs.undecided)}",
            keyword="$UNICODE",
        )


def merge(
    keywords: dict[str, str], pairs: Iterable[tuple[str, str]], findings: Findings, *, structural: bool
) -> None:
    """Add pairs; the first value of a keyword stays. Structural keywords may not contradict themselves."""
    same: list[str] = []
    other: list[str] = []
    for keyword, value in pairs:
        if keyword not in keywords:
            keywords[keyword] = value
            continue
        if keywords[keyword].strip(BLANKS) == value.strip(BLANKS):
            same.append(keyword)
        elif structural and STRUCTURAL.fullmatch(keyword):
            raise findings.error(
                "keyword-conflict",
                f"{keyword} stands twice with different values",
                keyword=keyword,
                hint="the events cannot be read with certainty; export the file again from its source",
            )
        else:
            other.append(keyword)
    if same:
        findings.info("keyword-duplicate", f"twice, equal: {listing(same)}", keyword=same[0])
    if other:
        findings.warn(
            "keyword-duplicate", f"twice, the first value was kept: {listing(other)}", keyword=other[0]
        )


# -- supplemental TEXT ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplement:
    """Supplemental TEXT before it is believed: it may prove to lie on DATA.

    Attributes
    ----------
    span : Span
    tokens : Tokens or None
        None where it cannot be split.
    pairs : Pairs or None
    """

    span: Span
    tokens: Tokens | None
    pairs: Pairs | None

    def below(self, keywords: Mapping[str, str]) -> dict[str, str]:
        """Give `keywords` and, where they are silent, those of supplemental TEXT."""
        pairs = self.pairs.pairs if self.pairs is not None else ()
        return {**dict(reversed(pairs)), **keywords}


def read_supplement(
    file: InputFile, header: Header, keywords: Mapping[str, str], *, limits: FcsLimits
) -> Supplement | None:
    """Read supplemental TEXT, or None where there is none; places that cannot be are noted."""
    span = _supplemental_span(file, header, keywords)
    if span is None:
        return None
    check_length(span.length, "supplemental TEXT", findings=file.findings, limits=limits)
    raw = file.read(header.base + span.begin, span.length)
    _check_number(raw, "supplemental TEXT", findings=file.findings, limits=limits)
    same = raw[:1] == file.read(header.base + header.text.begin, 1)
    tokens = split_segment(raw) if same else None
    return Supplement(
        span=span, tokens=tokens, pairs=None if tokens is None else decode(tokens, header.version)
    )


def _supplemental_span(file: InputFile, header: Header, keywords: Mapping[str, str]) -> Span | None:
    if header.version < "3.0":
        return None
    begin, end = offsets(keywords, "$BEGINSTEXT", "$ENDSTEXT")
    if begin == 0 or end == 0:
        return None
    if begin == header.text.begin and end in (header.text.end, header.text.end + 1):  # Accuri
        return None
    if begin is None or end is None or not _in_bounds(Span(begin, end), file, header):
        file.findings.warn(
            "stext-bounds",
            "supplemental TEXT lies outside the file or on other segments and was not read",
            keyword="$BEGINSTEXT",
        )
        return None
    return Span(begin, end)


def offsets(keywords: Mapping[str, str], first: str, second: str) -> tuple[int | None, int | None]:
    """Read a pair of offsets; 0 where it is not given or blank, None where it is no number."""
    texts = (keywords.get(name, "").strip(BLANKS) or "0" for name in (first, second))
    begin, end = (whole_number(text) for text in texts)
    return begin, end


def _in_bounds(span: Span, file: InputFile, header: Header) -> bool:
    if span.begin < HEADER_BYTES or span.end <= span.begin or header.base + span.end >= file.size:
        return False
    return not span.overlaps(header.text)


def add_supplement(
    keywords: dict[str, str], supplement: Supplement, *, header: Header, data: Span, findings: Findings
) -> None:
    """Take supplemental TEXT over, unless it lies on DATA; it never replaces a value of primary TEXT."""
    tokens, pairs = supplement.tokens, supplement.pairs
    if data.length > 0 and supplement.span.overlaps(data):
        _check_nothing_hangs_on(pairs, keywords, findings)
        findings.warn(
            "stext-bounds", "supplemental TEXT lies on DATA and was not read", keyword="$BEGINSTEXT"
        )
        return
    begin = header.base + supplement.span.begin
    if tokens is None or pairs is None:
        findings.warn(
            "stext-parse",
            "supplemental TEXT cannot be split into keywords and values and was not read",
            keyword="$BEGINSTEXT",
            offset=begin,
        )
        return
    note_repairs(tokens, begin + supplement.span.length - 1, findings, segment="supplemental TEXT")
    note_characters(pairs, findings, version=header.version)
    own: dict[str, str] = {}
    merge(own, pairs.pairs, findings, structural=True)
    merge(keywords, own.items(), findings, structural=False)


def _check_nothing_hangs_on(pairs: Pairs | None, keywords: Mapping[str, str], findings: Findings) -> None:
    """Refuse the file if DATA was laid out by keywords that prove to be events themselves."""
    for keyword, _ in pairs.pairs if pairs is not None else ():
        if STRUCTURAL.fullmatch(keyword) and keyword not in keywords:
            raise findings.error(
                "keyword-conflict",
                f"{keyword} stands in supplemental TEXT alone, which lies on DATA",
                keyword=keyword,
                hint="the events cannot be read with certainty; export the file again from its source",
            )
