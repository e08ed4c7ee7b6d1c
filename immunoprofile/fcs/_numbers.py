"""Numbers as FCS files write them, by ASCII patterns: ``int`` and ``float`` accept too much.

``int("³".isdigit() and "³")`` fails and ``float("nan")`` passes; a keyword is either a number or it is not.
"""

from __future__ import annotations

import math
import re

MAX_DIGITS = 20
"""Longest whole number that a keyword may hold: 2**64 has 20 digits."""
_WHOLE = re.compile(r"[+]?0*([0-9]{1,20})(?:\.0*)?", re.ASCII)
_REAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?", re.ASCII)
BLANKS = " \t\r\n\0"


def whole_number(text: str) -> int | None:
    """Read a whole number >= 0 of at most 20 digits; ``12.0`` is one, ``1e3`` and ``0x10`` are not.

    Examples
    --------
    >>> whole_number(" 0012 "), whole_number("12.5"), whole_number("-3")
    (12, None, None)
    """
    match = _WHOLE.fullmatch(text.strip(BLANKS))
    return int(match[1]) if match else None


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
