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
_RAGGED = 64
"""Doubles below the answer that are looked at once more: a transform is monotone but for its last bits."""
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
    ranks = np.arange(max(high - _RAGGED, -_INFINITY), high + 1, dtype=np.int64)
    first = int(np.argmax(transform.apply(_doubles(ranks)) >= cut))
    return float(_doubles(ranks)[first]) + 0.0


def _doubles(ranks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give the doubles of given ranks: 0.0 has rank 0, the next above it 1, the next below it -1."""
    bits = np.abs(ranks)
    return np.copysign(bits.view(np.float64), ranks.astype(np.float64))
