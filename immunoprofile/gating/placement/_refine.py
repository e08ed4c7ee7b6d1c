"""Mixtures of CD4 T cells, started from the seed in several ways, the best by BIC first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from immunoprofile.gating.placement._mixture import bic, expected, fitted, folded, partitioned, quadratic
from immunoprofile.gating.placement._seed import FLOOR_LEAST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from immunoprofile.gating.placement._mixture import Bins, Mixture
    from immunoprofile.gating.placement._seed import Seed

    Axes = tuple[NDArray[np.float64], NDArray[np.float64]]

STARTS = (
    (1, 1, 1),
    (2, 1, 1),
    (1, 1, 2),
    (2, 1, 2),
    (3, 1, 1),
    (2, 2, 1),
    (3, 1, 2),
    (2, 2, 2),
    (3, 2, 1),
)
"""Parts, by x, of the Tconv bulk, the CD25- CD127- corner and the seed region at the start."""
STEPS = 400
POLISH_FOLD = 2
POLISH_STEPS = 60
"""Last steps, on 128 x 128: bins of .22 z ask too coarsely, at a cost of 1 % of the Treg (measured)."""
CORNER = 0.9
"""The corner reaches up to this quantile of y of the seed region."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A fitted mixture, in robust units.

    Attributes
    ----------
    mixture : Mixture
    target : ndarray of bool, shape (k,)
        Components of Treg.
    seeded : ndarray of bool, shape (k,)
        Those of them whose mean lies in the seed region.
    expected_f1 : float
        That the mixture expects of its own region.
    bic : float
    """

    mixture: Mixture
    target: NDArray[np.bool_]
    seeded: NDArray[np.bool_]
    expected_f1: float
    bic: float


def candidates(
    density: NDArray[np.float64], seed: Seed, axes: Axes, *, k: tuple[int, int], n: float
) -> Iterator[Candidate]:
    """Fit from every start and give the mixtures, best first.

    Parameters
    ----------
    density : ndarray, shape (bins_x, bins_y)
    seed : Seed
    axes : tuple of ndarray
        Middles of the bins in robust units.
    k : tuple of int
        Fewest and most components.
    n : float
        Effective number of events.
    """
    bins = folded(density, *axes)
    fits = []
    for parts in STARTS:
        if not k[0] <= sum(parts) <= k[1]:
            continue
        start = partitioned(bins, _labels(bins, seed, parts), sum(parts))
        fit = None if start is None else fitted(bins, start, steps=STEPS)
        if fit is not None:
            fits.append((bic(fit[1], sum(parts), n), fit[0]))
    fine = folded(density, *axes, fold=POLISH_FOLD)
    for criterion, mixture in sorted(fits, key=lambda one: one[0]):
        polished = fitted(fine, mixture, steps=POLISH_STEPS)
        if polished is not None:
            yield from _candidate(fine, seed, polished[0], criterion=criterion)


def _candidate(bins: Bins, seed: Seed, mixture: Mixture, *, criterion: float) -> Iterator[Candidate]:
    seeded = seed.contains(*mixture.means.T)
    if seeded.any() and not seeded.all():
        target, apart = grown(bins, mixture, seeded)
        yield Candidate(mixture=mixture, target=target, seeded=seeded, expected_f1=apart, bic=criterion)


def grown(bins: Bins, mixture: Mixture, seeded: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], float]:
    """Add CD25hi CD127lo components without which the seeded ones would be parted from their like.

    A seed in a small batch can lie in the valley between naive and memory Treg. A component joins that is
    CD25hi (`FLOOR_LEAST`), nearer in CD127 to the seeded ones than to the bulk, and with which the mixture
    itself expects target and rest to be told apart better (a higher F1).
    """
    part, _ = expected(bins.features, mixture)
    target, best = seeded.copy(), _expected_f1(bins.mass, part[:, seeded])
    lowest = (
        0.5 * float(mixture.weights[seeded] @ mixture.means[seeded, 1]) / float(mixture.weights[seeded].sum())
    )
    open_to = ~seeded & (mixture.means[:, 0] >= FLOOR_LEAST) & (mixture.means[:, 1] <= lowest)
    for i in np.argsort(-mixture.means[:, 0], kind="stable"):
        more = target.copy()
        more[i] = True
        if open_to[i] and not more.all() and (apart := _expected_f1(bins.mass, part[:, more])) > best:
            target, best = more, apart
    return target, best


def _expected_f1(mass: NDArray[np.float64], part: NDArray[np.float64]) -> float:
    """Give the F1 that a mixture expects of the region in which the target is the likelier."""
    posterior = part.sum(axis=1)
    inside = posterior >= 0.5
    right = float(mass[inside] @ posterior[inside])
    return 2 * right / float(mass[inside].sum() + mass @ posterior)


def _labels(bins: Bins, seed: Seed, parts: tuple[int, int, int]) -> NDArray[np.int64]:
    """Divide the bins into bulk, corner and seed region, and each of these by x into parts of equal mass."""
    x, y = bins.moments[:, 1], bins.moments[:, 2]
    inside = seed.contains(x, y)
    top = _weighted_quantile(y[inside], bins.mass[inside], CORNER) if inside.any() else 0.0
    corner = ~inside & (y <= top) & (x < seed.floor)
    label = np.zeros(len(x), dtype=np.int64)
    first = 0
    for members, count in zip((~inside & ~corner, corner, inside), parts, strict=True):
        limits = [_weighted_quantile(x[members], bins.mass[members], i / count) for i in range(1, count)]
        label[members] = first + np.searchsorted(limits, x[members], side="right")
        first += count
    return label


def _weighted_quantile(values: NDArray[np.float64], mass: NDArray[np.float64], share: float) -> float:
    if values.size == 0:
        return 0.0
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(mass[order])
    return float(values[order][np.searchsorted(cumulative, share * cumulative[-1])])


def log_odds(mixture: Mixture, target: NDArray[np.bool_], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the log odds of the target components at points.

    Parameters
    ----------
    mixture : Mixture
    target : ndarray of bool, shape (k,)
    points : ndarray, shape (n, 6)
        As of :func:`plane_points`.
    """
    level = points @ mixture.coefficients()
    sides = []
    for chosen in (target, ~target):
        part = level[:, chosen]
        top = part.max(axis=1)
        sides.append(top + np.log(np.exp(part - top[:, None]).sum(axis=1)))
    return np.asarray(sides[0] - sides[1])


def plane_points(axes: Axes) -> NDArray[np.float64]:
    """Give the quadratic terms of all bins of a plane, row by row, shape (bins_x * bins_y, 6)."""
    x, y = axes
    return quadratic(np.repeat(x, y.size), np.tile(y, x.size))
