"""Intervals of counts, proportions, medians and ratios (spec: what a number is)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

LEVEL = 0.95
MEDIAN_MINIMUM = 20
"""Fewest events for which a median is given."""


def normal_quantile(level: float = LEVEL) -> float:
    """Give the two-sided standard normal quantile of a confidence level."""
    from scipy.special import ndtri

    return float(ndtri(0.5 + level / 2))


def wilson(
    count: ArrayLike, total: ArrayLike, *, level: float = LEVEL
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give Wilson's score interval of a proportion, in percent; missing where `total` is 0.

    Parameters
    ----------
    count, total : array_like of int
        Events inside and events of the denominator.
    level : float
        Confidence level.

    Returns
    -------
    lower, upper : ndarray of float
        Percent, 0-100.

    References
    ----------
    Wilson 1927, doi:10.1080/01621459.1927.10502953

    Examples
    --------
    >>> lower, upper = wilson(6, 100)
    >>> round(float(lower), 2), round(float(upper), 2)
    (2.78, 12.48)
    """
    k, n = np.broadcast_arrays(np.asarray(count, dtype=np.float64), np.asarray(total, dtype=np.float64))
    z = normal_quantile(level)
    with np.errstate(invalid="ignore", divide="ignore"):
        p = k / n
        center = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    empty = n <= 0
    lower = np.where(empty, np.nan, 100 * np.clip(center - half, 0, 1))
    upper = np.where(empty, np.nan, 100 * np.clip(center + half, 0, 1))
    return np.where(k == 0, np.where(empty, np.nan, 0.0), lower), np.where(
        k == n, np.where(empty, np.nan, 100.0), upper
    )


def clopper_pearson(
    count: ArrayLike, total: ArrayLike, *, level: float = LEVEL
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the exact binomial interval of a proportion, in percent.

    References
    ----------
    Clopper, Pearson 1934, doi:10.1093/biomet/26.4.404
    """
    from scipy.special import betaincinv

    k, n = np.broadcast_arrays(np.asarray(count, dtype=np.float64), np.asarray(total, dtype=np.float64))
    tail = (1 - level) / 2
    with np.errstate(invalid="ignore"):
        lower = np.where(k > 0, betaincinv(np.maximum(k, 1), n - k + 1, tail), 0.0)
        upper = np.where(k < n, betaincinv(k + 1, np.maximum(n - k, 1), 1 - tail), 1.0)
    empty = n <= 0
    return np.where(empty, np.nan, 100 * lower), np.where(empty, np.nan, 100 * upper)


def median_interval(values: NDArray[np.float64], *, level: float = LEVEL) -> tuple[float, float, float]:
    """Give the median with its order-statistic interval; missing below 20 values.

    Returns
    -------
    median, lower, upper : float
        In the unit of `values`.
    """
    n = int(values.size)
    if n < MEDIAN_MINIMUM:
        return math.nan, math.nan, math.nan
    half = normal_quantile(level) * math.sqrt(n) / 2
    low, high = max(math.floor(n / 2 - half), 0), min(math.ceil(n / 2 + half), n - 1)
    middle = (n - 1) // 2, n // 2
    ordered = np.partition(values, sorted({low, high, *middle}))
    return float((ordered[middle[0]] + ordered[middle[1]]) / 2), float(ordered[low]), float(ordered[high])


def ratio_interval(first: int, second: int, *, level: float = LEVEL) -> tuple[float, float, float]:
    """Give a ratio of two counts with a log-delta interval (Haldane's 0.5 inside the interval only).

    A denominator of 0 gives missing values.
    """
    if second == 0:
        return math.nan, math.nan, math.nan
    a, b = first + 0.5, second + 0.5
    half = normal_quantile(level) * math.sqrt(1 / a + 1 / b)
    return first / second, a / b * math.exp(-half), a / b * math.exp(half)
