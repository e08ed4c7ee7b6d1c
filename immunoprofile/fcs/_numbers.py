"""Numbers as FCS files write them, by ASCII patterns: ``int`` and ``float`` accept too much.

``int("³".isdigit() and "³")`` fails and ``float("nan")`` passes; a keyword is either a number or it is not.
"""

from __future__ import annotations

import math
import re

MAX_DIGITS = 20
"""Longest whole number that a keyword may hold: 2**64 has 20 digits."""
_MOST_DIGITS = 4000  # Python refuses to convert more than 4,300
_WHOLE = re.compile(r"[+]?([0-9]+)(?:\.0*)?", re.ASCII)
_REAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?", re.ASCII)
BLANKS = " \t\r\n\0"


def whole_number(text: str, digits: int = MAX_DIGITS) -> int | None:
    """Read a whole number >= 0 of at most `digits` digits; ``12.0`` is one, ``1e3`` and ``0x10`` are not.

    Examples
    --------
    >>> whole_number(" 0012 "), whole_number("12.5"), whole_number("-3")
    (12, None, None)
    """
    written = _digits(text)
    return int(written) if written is not None and len(written) <= min(digits, _MOST_DIGITS) else None


def too_long(text: str, digits: int) -> bool:
    """Tell whether a text is a whole number, but of more than `digits` digits."""
    written = _digits(text)
    return written is not None and len(written) > min(digits, _MOST_DIGITS)


def _digits(text: str) -> str | None:
    """Give the digits of a whole number without leading zeros; None where it is none."""
    match = _WHOLE.fullmatch(text.strip(BLANKS))
    return (match[1].lstrip("0") or "0") if match else None


def real_number(text: str) -> float | None:
    """Read a finite number, or None.

    Examples
    --------
    >>> real_number("1e3"), real_number("nan"), real_number("1e999")
    (1000.0, None, None)
    """
    stripped = text.strip(BLANKS)
    if len(stripped) > 400 or not _REAL.fullmatch(stripped):
        return None
    value = float(stripped)
    return value if math.isfinite(value) else None
