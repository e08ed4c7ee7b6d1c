"""The biexponential behind logicle and its root: a fixed number of steps, the same value in any array.

B(y) = a e^(by) - c e^(-dy) - f for y >= x1, odd around x1 (Moore and Parks 2012, doi:10.1002/cyto.a.22030).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEPS = 4
"""Halley steps: from the start below 3 reach the last bits for every legal W, M and A; one to spare."""
FAR = 1e150
"""Above this the logarithm alone is exact, and squares of it would overflow."""
TINY = 1e-300
BLOCK = 8192
"""Values solved at a time: the scratch arrays stay in the cache."""


@dataclass(frozen=True, slots=True)
class Biexponential:
    """Coefficients of B.

    Attributes
    ----------
    a, b, c, d, f : float
    middle : float
        x1 of the paper: where B is 0.
    """

    a: float
    b: float
    c: float
    d: float
    f: float
    middle: float


@lru_cache(maxsize=1024)
def biexponential(T: float, W: float, M: float, A: float) -> Biexponential:  # noqa: N803, PLR0917 - the paper's names
    """Give the coefficients for top T, linear width W, decades M and A (equations 6 to 12 of the paper)."""
    w = W / (M + A)
    x2 = A / (M + A)
    middle, x0 = x2 + w, x2 + 2 * w
    b = (M + A) * math.log(10)
    d = _lower_rate(b, w)
    c_a = math.exp(x0 * (b + d))
    f_a = math.exp(b * middle) - c_a * math.exp(-d * middle)
    a = T / (math.exp(b) - f_a - c_a * math.exp(-d))
    return Biexponential(a=a, b=b, c=c_a * a, d=d, f=f_a * a, middle=middle)


def _lower_rate(b: float, w: float) -> float:
    """Solve 2 (ln d - ln b) + w (d + b) = 0 for d; the left side grows with d and is positive at d = b."""
    if w == 0:
        return b
    low, high = b * math.exp(-w * b), b  # at `low` the logarithm alone gives -2 w b
    while True:
        d = 0.5 * (low + high)
        if d in (low, high):
            return d
        if 2 * (math.log(d) - math.log(b)) + w * (d + b) > 0:
            high = d
        else:
            low = d


def value(curve: Biexponential, y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give B(y); beyond the largest double, infinity."""
    offset = np.abs(y - curve.middle)
    far = curve.middle + offset
    with np.errstate(over="ignore"):
        size = curve.a * np.exp(curve.b * far) - curve.c * np.exp(-curve.d * far) - curve.f
    return np.copysign(np.where(offset == 0, 0.0, size), y - curve.middle)


def root(curve: Biexponential, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give y with B(y) = x; NaN stays NaN, infinities stay.

    Every value takes the same number of steps whatever stands beside it, so that a value alone and the same
    value in an array of millions are equal to the bit.
    """
    flat = np.ascontiguousarray(x, dtype=np.float64).reshape(-1)
    out = np.empty_like(flat)
    for start in range(0, flat.size, BLOCK):
        out[start : start + BLOCK] = _root_block(curve, flat[start : start + BLOCK])
    return out.reshape(np.shape(x))


def _root_block(curve: Biexponential, x: NDArray[np.float64]) -> NDArray[np.float64]:
    size = np.abs(x)
    target = np.where(size < FAR, size, 0.0) + curve.f
    # B is convex right of x1. Dropping its middle term bounds the root from below, putting that bound into
    # the middle term from above, and so does the tangent at x1: Halley from the lesser of the two.
    low = np.maximum(curve.middle, np.log(np.maximum(target, TINY) / curve.a) / curve.b)
    high = np.log((target + curve.c * np.exp(-curve.d * low)) / curve.a) / curve.b
    y = np.maximum(np.minimum(high, curve.middle + (target - curve.f) / _slope(curve)), low)
    for _ in range(STEPS):
        up = curve.a * np.exp(curve.b * y)
        down = curve.c * np.exp(-curve.d * y)
        miss = up - down - target
        slope = curve.b * up + curve.d * down
        bend = curve.b * curve.b * up - curve.d * curve.d * down
        y = y - miss / (slope - 0.5 * miss * bend / slope)
    with np.errstate(divide="ignore", invalid="ignore"):
        y = np.where(size < FAR, y, (np.log(size) - math.log(curve.a)) / curve.b)
        return curve.middle + np.copysign(np.where(size == 0, 0.0, np.maximum(y - curve.middle, 0.0)), x)


def _slope(curve: Biexponential) -> float:
    """Give the slope of B at x1, its least."""
    up, down = math.exp(curve.b * curve.middle), math.exp(-curve.d * curve.middle)
    return curve.a * curve.b * up + curve.c * curve.d * down
