"""Gaussian mixtures in two axes, fitted by EM to the bins of a histogram; deterministic.

Bins of 64 x 64 are wide beside a population's spread. Each therefore carries the mean and the second
moments of the finer bins in it: what a cell belongs to is asked once a bin, but means and covariances are
those of the cells.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FOLD = 4
"""Fine bins a coarse one, along each axis: 256 x 256 to 64 x 64."""
LEAST_SPREAD = 0.01
"""SD that is added to every component, in robust units: none collapses into a bin."""
TOLERANCE = 1e-7
"""EM ends when a step adds less than this to the mean log-likelihood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bins:
    """Masses and moments of the occupied coarse bins.

    Attributes
    ----------
    mass : ndarray, shape (n,)
        Sums to 1.
    moments : ndarray, shape (n, 6)
        Per bin: 1, mean x, mean y, mean xx, mean xy, mean yy.
    """

    mass: NDArray[np.float64]
    moments: NDArray[np.float64]

    @property
    def features(self) -> NDArray[np.float64]:
        """Terms of a quadratic at each bin's mean: 1, x, y, xx, xy, yy."""
        return quadratic(self.moments[:, 1], self.moments[:, 2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """Weights, means and covariances, in robust units; a leading axis for replicates is allowed.

    Attributes
    ----------
    weights : ndarray, shape (k,)
    means : ndarray, shape (k, 2)
    covariances : ndarray, shape (k, 2, 2)
    """

    weights: NDArray[np.float64]
    means: NDArray[np.float64]
    covariances: NDArray[np.float64]

    def coefficients(self) -> NDArray[np.float64]:
        """Give the log of each weighted density as a quadratic in (1, x, y, xx, xy, yy), shape (6, k)."""
        a, b, c = (self.covariances[:, i, j] for i, j in ((0, 0), (0, 1), (1, 1)))
        det = a * c - b * b
        p, q, r = c / det, -b / det, a / det
        u, v = self.means.T
        constant = np.log(self.weights) - np.log(2 * math.pi) - 0.5 * np.log(det)
        constant = constant - 0.5 * (p * u * u + 2 * q * u * v + r * v * v)
        return np.stack([constant, p * u + q * v, q * u + r * v, -0.5 * p, -q, -0.5 * r])


def quadratic(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give (1, x, y, xx, xy, yy), shape (n, 6)."""
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)


def folded(
    density: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64], *, fold: int = FOLD
) -> Bins:
    """Sum fine bins into coarse ones that keep their moments.

    Parameters
    ----------
    density : ndarray, shape (bins_x, bins_y)
    x, y : ndarray
        Middles of the fine bins, in robust units.
    fold : int
        Fine bins a coarse one, along each axis.
    """
    i, j = np.nonzero(density)
    mass = density[i, j]
    rows = -(-density.shape[1] // fold)
    cell = (i // fold) * rows + j // fold
    size = int(cell.max()) + 1 if cell.size else 1
    terms = quadratic(x[i], y[j])
    # The fine bins are narrow beside any spread: their middles stand for the cells, without a correction.
    sums = np.stack([np.bincount(cell, mass * terms[:, k], minlength=size) for k in range(6)], axis=1)
    occupied = sums[:, 0] > 0
    total = sums[occupied, 0]
    return Bins(mass=total / total.sum(), moments=sums[occupied] / total[:, None])


def partitioned(bins: Bins, label: NDArray[np.int64], k: int) -> Mixture | None:
    """Give the mixture whose components are the parts of a partition; None where a part is empty."""
    member = (label[:, None] == np.arange(k)) * bins.mass[:, None]
    return _maximised(member.T @ bins.moments)


def _maximised(sums: NDArray[np.float64]) -> Mixture | None:
    """Turn sums of (1, x, y, xx, xy, yy) per component, shape (k, 6), into a mixture."""
    total = sums[:, 0]
    if not (total > 1e-6).all():
        return None
    mean = sums[:, 1:] / total[:, None]
    u, v = mean[:, 0], mean[:, 1]
    xx = mean[:, 2] - u * u + LEAST_SPREAD**2
    xy = mean[:, 3] - u * v
    yy = mean[:, 4] - v * v + LEAST_SPREAD**2
    covariances = np.stack([np.stack([xx, xy], axis=-1), np.stack([xy, yy], axis=-1)], axis=-2)
    return Mixture(weights=total / total.sum(), means=mean[:, :2], covariances=covariances)


def expected(
    features: NDArray[np.float64], mixture: Mixture
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give responsibilities, shape (n, k), and the log density of each point."""
    level = features @ mixture.coefficients()
    top = level.max(axis=1, keepdims=True)
    part = np.exp(level - top)
    total = part.sum(axis=1, keepdims=True)
    part /= total
    return part, (top + np.log(total))[:, 0]


def fitted(
    bins: Bins, start: Mixture, *, steps: int, tolerance: float = TOLERANCE
) -> tuple[Mixture, float] | None:
    """Fit by EM from a start; the mixture and its mean log-likelihood, or None where a component dies."""
    features = bins.features
    current: Mixture | None = start
    last = -math.inf
    for _ in range(steps):
        if current is None:
            return None
        part, level = expected(features, current)
        likelihood = float(bins.mass @ level)
        if likelihood - last < tolerance:
            break
        last = likelihood
        current = _maximised((part * bins.mass[:, None]).T @ bins.moments)
    return None if current is None else (current, last)


def bic(likelihood: float, k: int, n: float) -> float:
    """Give Schwarz's criterion (smaller is better) of a mean log-likelihood; 6 k - 1 parameters."""
    return -2 * n * likelihood + (6 * k - 1) * math.log(n)
