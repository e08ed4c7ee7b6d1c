"""TEXT: bytes to keywords.

A delimiter ends a token, a doubled one stands for itself. Some writers leave values empty instead, so that
the doubled delimiter means "nothing here". The standard reading is taken where it is plausible, else the
empty-value reading, else the text is refused: a label lost in silence is worse than an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from immunoprofile.fcs._header import HEADER_BYTES, Span
from immunoprofile.fcs._issues import listing
from immunoprofile.fcs._numbers import BLANKS, whole_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from immunoprofile.fcs._file import FcsLimits, InputFile
    from immunoprofile.fcs._header import Header
    from immunoprofile.fcs._issues import Findings

_LITERAL = "\uffff"
"""Stands for an escaped delimiter while tokens are split; no byte decodes to it in Latin-1."""
_SWALLOWED = re.compile(_LITERAL + r"(?:\$[A-Za-z0-9]+|P[0-9]+[A-Za-z])\Z")
"""End of a value that has eaten the next keyword."""
STRUCTURAL = re.compile(
    r"\$(?:PAR|TOT|DATATYPE|BYTEORD|MODE|BEGINDATA|ENDDATA|NEXTDATA|P[0-9]+(?:B|R|E|N|DATATYPE))", re.ASCII
)
"""Keywords on which the meaning of DATA hangs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Tokens of a TEXT segment and the repairs that they needed."""

    tokens: tuple[str, ...]
    repairs: tuple[str, ...]
    dropped: str = ""


def valid_delimiter(char: str) -> bool:
    """Whether a character may delimit TEXT: ASCII 1-126, no letter, digit or space."""
    return 1 <= ord(char) <= 126 and not char.isalnum() and char != " "


def tokenize(text: str) -> Reading | None:
    """Split a TEXT segment (Latin-1 characters, delimiter first); None where no reading is plausible.

    Examples
    --------
    >>> tokenize("/$P1N/a//b/$P1S/CD4/").tokens
    ('$P1N', 'a/b', '$P1S', 'CD4')
    >>> tokenize("/$P1S//$P1N/FL1/").repairs
    ('text-empty-value',)
    """
    delimiter = text[0]
    blanks = BLANKS.replace(delimiter, "")
    trimmed = text.rstrip(blanks)
    if trimmed.endswith(delimiter):
        return _even(trimmed, ()) or _odd(trimmed, ())
    if trimmed == text and text[-2] == delimiter:  # a last byte too many, or a last value of one character
        cut = _even(text[:-1], ("text-end-off-by-one",))
        if cut is not None:
            return cut
    repairs = ("text-no-final-delimiter",)
    return _even(trimmed, repairs) or _odd(trimmed, repairs)


def _standard(text: str) -> list[str]:
    tokens = text[1:].replace(text[0] * 2, _LITERAL).split(text[0])
    return tokens[:-1] if tokens[-1] == "" else tokens


def _empty_values(text: str) -> list[str]:
    tokens = text[1:].split(text[0])
    return tokens[:-1] if tokens[-1] == "" else tokens


def _plausible(tokens: list[str]) -> bool:
    if not tokens or len(tokens) % 2:
        return False
    if any(_LITERAL in keyword or not keyword.strip(BLANKS) for keyword in tokens[::2]):
        return False
    return not any(_LITERAL in value and _SWALLOWED.search(value) for value in tokens[1::2])


def _even(text: str, repairs: tuple[str, ...]) -> Reading | None:
    tokens = _standard(text)
    if _plausible(tokens):
        return Reading(tokens=_restored(tokens, text[0]), repairs=repairs)
    tokens = _empty_values(text)
    if _plausible(tokens):
        return Reading(tokens=tuple(tokens), repairs=(*repairs, "text-empty-value"))
    return None


def _odd(text: str, repairs: tuple[str, ...]) -> Reading | None:
    for split, more in ((_standard, ()), (_empty_values, ("text-empty-value",))):
        tokens = split(text)
        last = tokens[-1].strip(BLANKS).upper() if tokens else ""
        if len(tokens) % 2 and _plausible(tokens[:-1]) and not STRUCTURAL.fullmatch(last):
            return Reading(
                tokens=_restored(tokens[:-1], text[0]),
                repairs=(*repairs, *more, "text-odd-tokens"),
                dropped=last,
            )
    return None


def _restored(tokens: list[str], delimiter: str) -> tuple[str, ...]:
    return tuple(token.replace(_LITERAL, delimiter) for token in tokens)


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
    _check_length(header.text.length, "TEXT", findings=findings, limits=limits)
    raw = file.read(begin, header.text.length)
    reading = tokenize(raw.decode("latin-1")) if valid_delimiter(chr(raw[0])) else None
    if reading is None:
        raise findings.error(
            "text-parse",
            "TEXT cannot be split into keywords and values",
            offset=begin,
            hint=f"its first byte, {raw[:1]!r}, should be the delimiter that stands between all of them",
        )
    _note_repairs(reading, begin + len(raw) - 1, findings)
    keywords: dict[str, str] = {}
    _merge(
        keywords,
        _pairs(reading, header.version, findings=findings, ascii_only=raw.isascii()),
        findings,
        primary=True,
    )
    if "text-end-off-by-one" in reading.repairs:  # the byte too many may be the first of DATA
        header = replace(header, text=Span(header.text.begin, header.text.end - 1))
    return keywords, header


def _check_length(length: int, what: str, *, findings: Findings, limits: FcsLimits) -> None:
    if length > limits.text_bytes:
        raise findings.error(
            "limit",
            f"{what} has {length} bytes, the limit is {limits.text_bytes}",
            hint="raise it by limits=FcsLimits(text_bytes=...)",
        )


_REPAIRS = {
    "text-empty-value": "values are empty; each delimiter was read as a separator, nothing as escaped",
    "text-no-final-delimiter": "TEXT does not end in its delimiter; the last value was read to the end",
    "text-odd-tokens": "the last keyword has no value and was dropped",
    "text-end-off-by-one": "TEXT ends one byte too far; the last byte was left out",
}


def _note_repairs(reading: Reading, end: int, findings: Findings) -> None:
    for code in reading.repairs:
        keyword = reading.dropped if code == "text-odd-tokens" else None
        findings.warn(code, _REPAIRS[code], keyword=keyword, offset=end)


def _pairs(
    reading: Reading, version: str, *, findings: Findings, ascii_only: bool
) -> Iterator[tuple[str, str]]:
    texts = list(reading.tokens)
    if not ascii_only:
        texts, foreign = _decoded(texts)
        if foreign:
            findings.graded(
                "text-not-utf8",
                f"{len(foreign)} texts are not UTF-8 and were read as Latin-1",
                warn=version >= "3.1",
                keyword=texts[foreign[0] // 2 * 2].strip(BLANKS).upper(),
            )
    for keyword, value in zip(texts[::2], texts[1::2], strict=True):
        yield keyword.strip(BLANKS).upper(), value


def _decoded(tokens: list[str]) -> tuple[list[str], list[int]]:
    out, foreign = [], []
    for index, token in enumerate(tokens):
        try:
            out.append(token.encode("latin-1").decode("utf-8"))
        except UnicodeDecodeError:
            foreign.append(index)
            out.append(token)
    return out, foreign


def _merge(
    keywords: dict[str, str], pairs: Iterable[tuple[str, str]], findings: Findings, *, primary: bool
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
        elif primary and STRUCTURAL.fullmatch(keyword):
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


def supplemental_span(file: InputFile, header: Header, keywords: dict[str, str]) -> Span | None:
    """Give the place of supplemental TEXT, or None; places that cannot be are noted."""
    if header.version < "3.0":
        return None
    begin = whole_number(keywords.get("$BEGINSTEXT", "0"))
    end = whole_number(keywords.get("$ENDSTEXT", "0"))
    if begin == 0 or end == 0:
        return None
    if (begin, end) == header.text:  # Accuri
        return None
    if begin is None or end is None or not _in_bounds(Span(begin, end), file, header):
        file.findings.warn(
            "stext-bounds",
            "supplemental TEXT lies outside the file or on other segments and was not read",
            keyword="$BEGINSTEXT",
        )
        return None
    return Span(begin, end)


def _in_bounds(span: Span, file: InputFile, header: Header) -> bool:
    if span.begin < HEADER_BYTES or span.end <= span.begin or header.base + span.end >= file.size:
        return False
    return not span.overlaps(header.text)


def add_supplemental(
    keywords: dict[str, str],
    span: Span,
    *,
    file: InputFile,
    header: Header,
    data: Span,
    limits: FcsLimits,
) -> None:
    """Read supplemental TEXT; its keywords never replace those of primary TEXT."""
    findings = file.findings
    if data.length > 0 and span.overlaps(data):
        findings.warn(
            "stext-bounds", "supplemental TEXT lies on DATA and was not read", keyword="$BEGINSTEXT"
        )
        return
    _check_length(span.length, "supplemental TEXT", findings=findings, limits=limits)
    begin = header.base + span.begin
    delimiter = file.read(header.base + header.text.begin, 1)
    raw = file.read(begin, span.length)
    reading = tokenize(raw.decode("latin-1")) if raw[:1] == delimiter else None
    if reading is None:
        findings.warn(
            "stext-parse",
            "supplemental TEXT cannot be split into keywords and values and was not read",
            keyword="$BEGINSTEXT",
            offset=begin,
        )
        return
    _note_repairs(reading, begin + len(raw) - 1, findings)
    _merge(
        keywords,
        _pairs(reading, header.version, findings=findings, ascii_only=raw.isascii()),
        findings,
        primary=False,
    )
