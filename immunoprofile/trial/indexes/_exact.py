"""Numbers as they were written: binary arithmetic gets 26 of 5,151 changes on a 0.1 cm grid wrong."""

from __future__ import annotations

import numbers
from decimal import Decimal
from fractions import Fraction
from math import isfinite, isnan
from typing import Any

from immunoprofile.core import StudyError


def exact(value: Any, *, where: str) -> Fraction | None:
    """Give the decimal number that was written as an exact fraction; None where it is missing.

    Parameters
    ----------
    value : int, float, Decimal, Fraction or None
        A float stands for the shortest decimal that it prints as; NaN is missing.
    where : str
        Measure, for messages.

    Raises
    ------
    StudyError
        ``out_of_range`` for an infinite value.
    TypeError
        For anything that is no number.

    Examples
    --------
    >>> exact(6.3, where="mmt8") - exact(5.8, where="mmt8")
    Fraction(1, 2)
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (numbers.Real, Decimal)):
        if type(value).__name__ == "NAType":
            return None
        raise TypeError(f"{where}: a number is needed, not {type(value).__name__}")
    if isinstance(value, (Fraction, int)):
        return Fraction(value)
    if isnan(value):
        return None
    if not isfinite(value):
        raise StudyError("out_of_range", "the value is infinite", where=where)
    return Fraction(value if isinstance(value, Decimal) else Decimal(repr(float(value))))
