"""Tokens of TEXT: bytes to keywords and values, before anything is known of their meaning.

A delimiter ends a token, a doubled one stands for itself. Some writers leave values empty instead, so that
the doubled delimiter means "nothing here". The standard reading is taken where it is plausible, else the
empty-value reading, else the text is refused: a label lost in silence is worse than an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from immunoprofile.fcs._numbers import BLANKS

_LITERAL = "\uffff"
"""Stands for an escaped delimiter while tokens are split; no byte decodes to it in Latin-1."""
_SWALLOWED = re.compile(_LITERAL + r"(?:\$[A-Za-z0-9]+|P[0-9]+[A-Za-z])\Z")
"""End of a value that has eaten the next keyword."""
_NO_FINAL = "text-no-final-delimiter"
_ONE_TOO_MANY = "text-end-off-by-one"
_EMPTY = "text-empty-value"
STRUCTURAL = re.compile(
    r"\$(?:PAR|TOT|DATATYPE|BYTEORD|MODE|BEGINDATA|ENDDATA|NEXTDATA|P[0-9]+(?:B|R|E|N|DATATYPE))", re.ASCII
)
"""Keywords on which the meaning of DATA hangs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Tokens of a segment (keyword, value, keyword, ...) and the repairs that they needed.

    Attributes
    ----------
    tokens, repairs : tuple of str
    dropped : str
        A last keyword without a value.
    doubled : str
        The last keyword, where its value was read as ending in a delimiter that closes the segment doubled.
    """

    tokens: tuple[str, ...]
    repairs: tuple[str, ...]
    dropped: str = ""
    doubled: str = ""


def valid_delimiter(char: str) -> bool:
    """Whether a character may delimit TEXT: ASCII 1-126, no letter, digit or space."""
    return 1 <= ord(char) <= 126 and not char.isalnum() and char != " "


def tokenize(text: str) -> Tokens | None:
    """Split a segment (Latin-1 characters, delimiter first); None where no reading is plausible.

    Examples
    --------
    >>> tokenize("/$P1N/a//b/$P1S/CD4/").tokens
    ('$P1N', 'a/b', '$P1S', 'CD4')
    >>> tokenize("/$P1S//$P1N/FL1/").repairs
    ('text-empty-value',)
    """
    delimiter = text[0]
    trimmed = text.rstrip(BLANKS.replace(delimiter, ""))
    if trimmed.endswith(delimiter):
        standard = _standard(trimmed)
        if standard is not None and _run_at_end(trimmed) % 2 == 0:
            return replace(standard, doubled=standard.tokens[-2].strip(BLANKS).upper())
        return standard or _empty_values(trimmed) or _odd(trimmed)
    # a last byte too many, or a last value of one character
    cut = text[:-1] if trimmed == text and text[-2] == delimiter else ""
    closed = bool(cut) and _run_at_end(cut) % 2 == 1
    readings = (
        _standard(cut, _ONE_TOO_MANY) if closed else None,
        _standard(trimmed, _NO_FINAL),
        _empty_values(cut, _ONE_TOO_MANY) if cut else None,
        _empty_values(trimmed, _NO_FINAL),
    )
    return next((reading for reading in readings if reading), None) or _odd(trimmed, _NO_FINAL)


def _run_at_end(text: str) -> int:
    """Count the delimiters that end a segment."""
    return len(text) - len(text.rstrip(text[0]))


def _split_standard(text: str) -> list[str]:
    """Split with doubled delimiters as literals; a doubled one may end the text (Accuri)."""
    tokens = text[1:].replace(text[0] * 2, _LITERAL).split(text[0])
    return tokens[:-1] if tokens[-1] == "" else tokens


def _split_everywhere(text: str) -> list[str]:
    tokens = text[1:].split(text[0])
    return tokens[:-1] if tokens[-1] == "" else tokens


def _plausible(tokens: list[str]) -> bool:
    if not tokens or len(tokens) % 2:
        return False
    if any(_LITERAL in keyword or not keyword.strip(BLANKS) for keyword in tokens[::2]):
        return False
    return not any(_LITERAL in value and _SWALLOWED.search(value) for value in tokens[1::2])


def _standard(text: str, *repairs: str) -> Tokens | None:
    tokens = _split_standard(text)
    return Tokens(tokens=_restored(tokens, text[0]), repairs=repairs) if _plausible(tokens) else None


def _empty_values(text: str, *repairs: str) -> Tokens | None:
    tokens = _split_everywhere(text)
    return Tokens(tokens=tuple(tokens), repairs=(*repairs, _EMPTY)) if _plausible(tokens) else None


def _odd(text: str, *repairs: str) -> Tokens | None:
    """Drop a last keyword that has no value, unless DATA hangs on it."""
    for tokens, more in ((_split_standard(text), ()), (_split_everywhere(text), (_EMPTY,))):
        last = tokens[-1].strip(BLANKS).upper() if tokens else ""
        if len(tokens) % 2 and _plausible(tokens[:-1]) and not STRUCTURAL.fullmatch(last):
            return Tokens(
                tokens=_restored(tokens[:-1], text[0]),
                repairs=(*repairs, *more, "text-odd-tokens"),
                dropped=last.replace(_LITERAL, text[0]),
            )
    return None


def _restored(tokens: list[str], delimiter: str) -> tuple[str, ...]:
    return tuple(token.replace(_LITERAL, delimiter) for token in tokens)


# -- characters ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Keywords (upper case, stripped) and values (as written) in their order in the segment.

    Attributes
    ----------
    pairs : tuple of (str, str)
    foreign : tuple of str
        Keywords of pairs that are no UTF-8 and were read as Latin-1.
    two_byte, undecided : tuple of str
        Keywords that ``$UNICODE`` names: those read as two-byte characters, and those left as they are.
    """

    pairs: tuple[tuple[str, str], ...]
    foreign: tuple[str, ...] = ()
    two_byte: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()


def decode(tokens: Tokens, version: str) -> Pairs:
    """Decode tokens: UTF-8, else Latin-1; in FCS 3.0 two-byte characters where ``$UNICODE`` says so."""
    named = _named_by_unicode(tokens.tokens) if version == "3.0" else frozenset()
    pairs: list[tuple[str, str]] = []
    foreign: list[str] = []
    two_byte: list[str] = []
    undecided: list[str] = []
    for written, value in zip(tokens.tokens[::2], tokens.tokens[1::2], strict=True):
        keyword, known = _utf8(written)
        keyword = keyword.strip(BLANKS).upper()
        wide = _two_bytes(value) if keyword in named else None
        if wide is not None:
            two_byte.append(keyword)
            pairs.append((keyword, wide))
            continue
        text, good = _utf8(value)
        if keyword in named and ("\0" in value or not good):
            undecided.append(keyword)
        elif not (known and good):
            foreign.append(keyword)
        pairs.append((keyword, text))
    return Pairs(
        pairs=tuple(pairs), foreign=tuple(foreign), two_byte=tuple(two_byte), undecided=tuple(undecided)
    )


def _utf8(token: str) -> tuple[str, bool]:
    if token.isascii():
        return token, True
    try:
        return token.encode("latin-1").decode("utf-8"), True
    except UnicodeDecodeError:
        return token, False


def _named_by_unicode(texts: tuple[str, ...]) -> frozenset[str]:
    """Keywords that ``$UNICODE`` (code page, keyword, keyword, ...) names."""
    for written, value in zip(texts[::2], texts[1::2], strict=True):
        if written.strip(BLANKS).upper() == "$UNICODE":
            return frozenset(part.strip(BLANKS).upper() for part in value.split(","))
    return frozenset()


def _two_bytes(value: str) -> str | None:
    """Decode two-byte characters; None where the order of bytes cannot be told.

    The standard does not give the order. A mark of the order tells it, or the zero bytes of Latin letters.
    """
    raw = value.encode("latin-1")
    if len(raw) < 2 or len(raw) % 2:
        return None
    half = len(raw) / 4  # most letters of a text are Latin, or nothing is sure
    high_first, low_first = raw[::2].count(0) >= half, raw[1::2].count(0) >= half
    if raw[:2] == b"\xfe\xff" or (high_first and not low_first):
        name = "utf_16_be"
    elif raw[:2] == b"\xff\xfe" or (low_first and not high_first):
        name = "utf_16_le"
    else:
        return None
    try:
        return raw.decode(name).removeprefix("\ufeff")
    except UnicodeDecodeError:  # half a surrogate pair
        return None
