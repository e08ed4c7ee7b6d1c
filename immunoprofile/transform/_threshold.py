"""A cut on a transformed axis as a cut on the linear values, the same events to the last one."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from immunoprofile.transform._kinds import Transform

_FAN = 256
"""Doubles looked at in one step; 8 steps narrow all 2^64 bit patterns down to one."""
_INFINITY = int(np.array(np.inf).view(np.int64))


@lru_cache(maxsize=4096)
def linear_threshold(transform: Transform, cut: float) -> float:
    """Give the smallest double x with ``transform.apply(x) >= cut``.

    ``transform.apply(events) >= cut`` and ``events >= linear_threshold(transform, cut)`` choose the same
    events, ties included, and the second needs no transform of events.

    Parameters
    ----------
    transform : Transform
    cut : float
        In transformed units; minus infinity gives minus infinity, NaN gives NaN (nothing is above it).

    Examples
    --------
    >>> from immunoprofile.transform import Arcsinh
    >>> round(linear_threshold(Arcsinh(cofactor=150.0), 1.0), 6)
    176.280179
    """
    if np.isnan(cut):
        return float("nan")
    low, high = -_INFINITY - 1, _INFINITY  # apply(low) < cut <= apply(high); `low` lies below minus infinity
    while high - low > 1:
        step = max((high - low) // _FAN, 1)
        ranks = np.array([*range(low + step, high, step), high], dtype=np.int64)
        first = int(np.argmax(transform.apply(_doubles(ranks)) >= cut))
        high = int(ranks[first])
        low = int(ranks[first - 1]) if first else low
    return _on_stored_value(transform, cut, found=float(_doubles(np.array([high]))[0]))


def _on_stored_value(transform: Transform, cut: float, *, found: float) -> float:
    """Take the float32 just below, if it reaches the cut too.

    A transform is monotone but for its last bits, so that the search may end a few doubles above an event
    that lies on the cut. Events are stored as float32, and two of these are never as near as that.
    """
    with np.errstate(over="ignore"):
        below = np.float32(found)
    if float(below) > found:
        below = np.nextafter(below, np.float32(-np.inf))
    reached = np.isfinite(below) and bool(transform.apply(np.float64(below)) >= cut)
    return (float(below) if reached else found) + 0.0


def _doubles(ranks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give the doubles of given ranks: 0.0 has rank 0, the next above it 1, the next below it -1."""
    bits = np.abs(ranks)
    return np.copysign(bits.view(np.float64), ranks.astype(np.float64))
