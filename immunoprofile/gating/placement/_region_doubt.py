"""Regions on replicates of a pool, as masks over the bins of its grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from immunoprofile.gating.placement._mixture import FOLD, Bins, Mixture, fitted, quadratic
from immunoprofile.gating.placement._outline import logit
from immunoprofile.gating.placement._refine import log_odds, plane_points
from immunoprofile.gating.placement._seed import scale_of
from immunoprofile.gating.placement.diagonal import posterior_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from immunoprofile.gating._histograms import Pool
    from immunoprofile.gating.placement._contract import Region
    from immunoprofile.gating.placement._seed import Scale

EM_STEPS = 10
DECIDED = 8.0
"""Bins whose log odds in the pool are farther than this from the boundary keep their side."""


def region_masks(
    pool: Pool, region: Region, params: Mapping[str, object], *, rng: np.random.Generator, replicates: int
) -> NDArray[np.bool_]:
    """Give the bins inside a region under each replicate, shape (replicates, bins_x, bins_y)."""
    masks = np.zeros((replicates, *pool.density.shape), dtype=bool)
    for i, mask in enumerate(_mixture_masks(pool, region, params, rng=rng, replicates=replicates)):
        masks[i] = mask
    return masks


def _mixture_masks(
    pool: Pool, region: Region, params: Mapping[str, object], *, rng: np.random.Generator, replicates: int
) -> Iterator[NDArray[np.bool_]]:
    scale = scale_of(pool.density)
    components = region.components
    if scale is None or components is None:
        return
    steps = np.array([grid.step for grid in pool.grids]) * np.array(scale.spread)
    origin = np.array([float(grid.at(c)) for grid, c in zip(pool.grids, scale.center, strict=True)])
    start = Mixture(
        weights=components.weights,
        means=(components.means - origin) / steps,
        covariances=components.covariances / np.outer(steps, steps),
    )
    x, y = _axes(scale, pool.density.shape)
    points = plane_points((x, y))
    level = logit(posterior_of(params))
    pooled_odds = log_odds(start, components.target, points) - level
    mask = pooled_odds >= 0
    undecided = np.abs(pooled_odds) < DECIDED
    for bins in _replicate_bins(pool, (x, y), rng, replicates=replicates):
        fit = fitted(bins, start, steps=EM_STEPS, tolerance=-np.inf)
        if fit is not None:
            mask[undecided] = log_odds(fit[0], components.target, points[undecided]) >= level
        yield _heaviest(mask.reshape(pool.density.shape), pool.density)


def _replicate_bins(
    pool: Pool,
    axes: tuple[NDArray[np.float64], NDArray[np.float64]],
    rng: np.random.Generator,
    *,
    replicates: int,
) -> Iterator[Bins]:
    """Draw replicates as coarse bins with their moments."""
    i, j = np.nonzero(pool.density)
    cell = (i // FOLD) * -(-pool.density.shape[1] // FOLD) + j // FOLD
    occupied, cell = np.unique(cell, return_inverse=True)
    terms = quadratic(axes[0][i], axes[1][j])
    sums = np.empty((pool.n_units, occupied.size, 6))
    for unit, part in enumerate(pool.units):
        mass = part.counts[i, j] / part.n
        for k in range(6):
            sums[unit, :, k] = np.bincount(cell, mass * terms[:, k], minlength=occupied.size)
    if pool.n_units > 1:
        equal = np.full(pool.n_units, 1 / pool.n_units)
        for row in rng.multinomial(pool.n_units, equal, size=replicates):
            yield _bins(np.tensordot(row, sums, axes=1))
        return
    share = sums[0, :, 0] / sums[0, :, 0].sum()
    for _ in range(replicates):
        taken = rng.multinomial(pool.n_events, share) / pool.n_events
        yield _bins(sums[0] * (taken / sums[0, :, 0])[:, None])


def _bins(sums: NDArray[np.float64]) -> Bins:
    kept = sums[sums[:, 0] > 0]
    return Bins(mass=kept[:, 0] / kept[:, 0].sum(), moments=kept / kept[:, :1])


def _heaviest(mask: NDArray[np.bool_], density: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Keep the connected part that holds most."""
    from scipy.ndimage import label

    parts, count = label(mask)
    if count < 2:
        return mask
    held = np.bincount(parts.ravel(), density.ravel(), minlength=count + 1)
    return np.asarray(parts == 1 + int(np.argmax(held[1:])))


def _axes(scale: Scale, shape: tuple[int, ...]) -> list[NDArray[np.float64]]:
    return [scale.scaled(np.arange(size, dtype=np.float64), axis) for axis, size in enumerate(shape)]
