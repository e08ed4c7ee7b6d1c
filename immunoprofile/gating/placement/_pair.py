"""Two Gaussians side by side, fitted to a histogram: where exactly the lowest place between them is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEPS = 80
FINEST = 200
"""Bins that a fit uses at most; finer ones are summed."""
GRID = 41
"""Places looked at between the peaks, before Newton's steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Weights, means and SDs of two Gaussians, in bins; one fit, or a row of each a replicate.

    Attributes
    ----------
    weights, means, sds : ndarray, shape (..., 2)
    """

    weights: NDArray[np.float64]
    means: NDArray[np.float64]
    sds: NDArray[np.float64]


def fit_pair(density: NDArray[np.float64], bounds: tuple[int, int], *, split: float) -> Pair | None:
    """Fit two Gaussians by EM, started from what lies left and right of a place.

    Parameters
    ----------
    density : ndarray, shape (bins,)
    bounds : tuple of int
        First and last bin that count.
    split : float
        Position between the two.

    Returns
    -------
    Pair or None
        None where a side is empty.
    """
    place, mass = grouped(density, bounds)
    left = np.where(place < split, mass, 0.0)
    start = _moments(_terms(place), np.stack([left, mass - left])[None])
    if start is None:
        return None
    return steps(start, place, mass[None], count=STEPS)


def grouped(
    density: NDArray[np.float64], bounds: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give positions and masses of the bins (last axis) between bounds, summed to at most 200 groups."""
    low, high = bounds
    width = max(-(-(high - low + 1) // FINEST), 1)
    starts = np.arange(0, high - low + 1, width)
    mass = np.add.reduceat(density[..., low : high + 1], starts, axis=-1)
    place = low + np.minimum(starts + (width - 1) / 2, high - low)
    return place, mass


def _terms(place: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([np.ones_like(place), place, place * place], axis=1)


def _moments(terms: NDArray[np.float64], share: NDArray[np.float64]) -> Pair | None:
    """Turn the masses of two parts, shape (rows, 2, bins), into weights, means and SDs."""
    sums = share @ terms
    total = sums[..., 0]
    if not (total > 0).all():
        return None
    means = sums[..., 1] / total
    spread = sums[..., 2] / total - means * means
    return Pair(weights=total, means=means, sds=np.sqrt(np.maximum(spread, 1.0)))


def steps(pair: Pair, place: NDArray[np.float64], mass: NDArray[np.float64], *, count: int) -> Pair | None:
    """Take EM steps for all rows of `mass` at once.

    Parameters
    ----------
    pair : Pair
        Start; one row, or a row a replicate.
    place : ndarray, shape (bins,)
    mass : ndarray, shape (rows, bins)
    count : int

    Returns
    -------
    Pair or None
        None where a side runs empty.
    """
    terms = _terms(place)
    current = pair
    for _ in range(count):
        odds = _coefficients(current, 0) - _coefficients(current, 1)  # log of first over second, a quadratic
        second = mass / (1 + np.exp(np.clip(odds @ terms.T, -700, 700)))
        moved = _moments(terms, np.stack([mass - second, second], axis=1))
        if moved is None:
            return None
        still = len(mass) == 1 and np.allclose(moved.means, current.means, rtol=0, atol=1e-6)
        current = moved
        if still:
            break
    return current


def _coefficients(pair: Pair, i: int) -> NDArray[np.float64]:
    """Give the log density of one of the two as a quadratic in (1, z, zz), shape (rows, 3)."""
    mean, precision = pair.means[:, i], 1 / pair.sds[:, i] ** 2
    constant = np.log(pair.weights[:, i] / pair.sds[:, i]) - 0.5 * mean**2 * precision
    return np.stack([constant, mean * precision, -0.5 * precision], axis=1)


def lowest_between(pair: Pair, left: float, right: float) -> float:
    """Give the lowest place of a single fit between two peaks."""
    return float(lowest_rows(pair, left, right)[0])


def lowest_rows(pair: Pair, left: float, right: float) -> NDArray[np.float64]:
    """Give the lowest place of each row between two peaks: a search, then parabolas in the log density."""
    center = np.full(len(pair.means), (left + right) / 2)
    half = (right - left) / 2
    for _ in range(3):
        offsets = np.linspace(-half, half, GRID)
        level = _log_density(pair, center[:, None] + offsets)
        best = np.clip(level.argmin(axis=1), 1, GRID - 2)
        rows = np.arange(len(best))
        before, middle, after = (level[rows, best + i] for i in (-1, 0, 1))
        bend = before - 2 * middle + after
        with np.errstate(invalid="ignore", divide="ignore"):
            shift = np.where(bend > 0, 0.5 * (before - after) / bend, 0.0)
        center = center + offsets[best] + np.clip(shift, -1, 1) * (offsets[1] - offsets[0])
        half = 1.5 * (offsets[1] - offsets[0])
    return center


def _log_density(pair: Pair, places: NDArray[np.float64]) -> NDArray[np.float64]:
    parts = [
        np.log(pair.weights[:, i, None] / pair.sds[:, i, None])
        - 0.5 * ((places - pair.means[:, i, None]) / pair.sds[:, i, None]) ** 2
        for i in (0, 1)
    ]
    return np.logaddexp(parts[0], parts[1])
