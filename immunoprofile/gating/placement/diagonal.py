"""Method ``diagonal``: the Treg gate, CD25hi CD127lo, as the region where Treg are the likelier cells.

A slanted valley with a CD25 floor says roughly where they lie; a Gaussian mixture of all CD4 T cells,
started from there, says exactly where they outweigh the others.

References
----------
Seddiki 2006, doi:10.1084/jem.20060468; Liu 2006, doi:10.1084/jem.20060772 (the population).
Santegoets 2015, doi:10.1007/s00262-015-1729-x (the variation between laboratories).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from immunoprofile.gating.placement._contract import Components, Region, nowhere
from immunoprofile.gating.placement._cut import number, small
from immunoprofile.gating.placement._density import kernel_width
from immunoprofile.gating.placement._outline import (
    clipped_half_plane,
    far_box,
    logit,
    outline,
    polygon_bins,
    simplified,
)
from immunoprofile.gating.placement._refine import Candidate, candidates, log_odds, plane_points
from immunoprofile.gating.placement._seed import LAST_RESORT, Scale, Seed, find_seeds, scale_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from immunoprofile.gating._histograms import Pool

THETA = (15.0, 70.0, 5.0)
POSTERIOR = 0.5
COMPONENTS = (3, 6)
WEIGHT = (0.002, 0.25)
EXPECTED_DIFFERENCE = 0.15
SEED_DIFFERENCE = 0.35
LEAST_F1 = 0.8
WIDEST = 1.6
"""SD in x of a Treg component, relative to that of the seed region's cells."""
TOLERANCE = 0.025
"""Of Douglas-Peucker, in robust units (about .02 z for CD25 on an arcsinh of 150)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """A pooled plane in robust units.

    Attributes
    ----------
    density : ndarray, shape (bins_x, bins_y)
    scale : Scale
    axes : tuple of ndarray
        Middles of the bins in robust units.
    seeds : list of Seed
        The deepest first.
    """

    density: NDArray[np.float64]
    scale: Scale
    axes: tuple[NDArray[np.float64], NDArray[np.float64]]
    seeds: list[Seed]


def diagonal(pool: Pool, params: Mapping[str, object], window: tuple[float, float] | None) -> Region:
    """Cut the region of Treg in CD25 (x) and CD127 (y) of CD4 T cells.

    Parameters
    ----------
    pool : Pool
        2-D, untreated units.
    params : mapping
        ``theta`` ([15, 70, 5]): first, last and step of the angles, degrees; ``posterior`` (.5); ``k`` ([3,
        6]): fewest and most components.
    window : None
        A region has no window.

    Returns
    -------
    Region
        ``DIAGONAL_SEED``: the slanted valley with its floor, since no mixture passed its tests.
        ``NO_VALLEY`` and no corners where there is no slanted valley either: the declared fallback is due.
    """
    del window
    plane = plane_of(pool.density, pool.n_effective, angles=angles_of(params))
    if plane is None:
        return nowhere("diagonal", "NO_VALLEY", *small(pool))
    fewest, most = _pair(params, "k", COMPONENTS)
    for seed in (*plane.seeds, LAST_RESORT):
        found = candidates(plane.density, seed, plane.axes, k=(int(fewest), int(most)), n=_events(pool))
        for candidate in found:
            region = _accepted(pool, plane, seed, candidate=candidate, posterior=posterior_of(params))
            if region is not None:
                return region
    if not plane.seeds:
        return nowhere("diagonal", "NO_VALLEY", *small(pool))
    corners = seed_corners(plane.scale, plane.seeds[0], plane.density.shape)
    return _region(pool, plane, corners, flags=("DIAGONAL_SEED",))


def plane_of(density: NDArray[np.float64], n_effective: float, *, angles: Sequence[float]) -> Plane | None:
    """Scale a plane and find its seeds; None where an axis has no spread."""
    scale = scale_of(density)
    if scale is None:
        return None
    x, y = (scale.scaled(np.arange(size, dtype=np.float64), axis) for axis, size in enumerate(density.shape))
    return Plane(
        density=density,
        scale=scale,
        axes=(x, y),
        seeds=find_seeds(density, scale, n_effective, angles=angles),
    )


def _pair(params: Mapping[str, object], name: str, default: tuple[float, ...]) -> tuple[float, ...]:
    value = params.get(name, default)
    return tuple(float(one) for one in value) if isinstance(value, list | tuple) else default


def posterior_of(params: Mapping[str, object]) -> float:
    """Give the posterior from which a place belongs to the region."""
    return number(params, "posterior", POSTERIOR)


def angles_of(params: Mapping[str, object]) -> Sequence[float]:
    """Give the angles to try, in degrees."""
    first, last, step = _pair(params, "theta", THETA)
    return [first + i * step for i in range(int((last - first) / step + 1e-9) + 1)]


def _events(pool: Pool) -> float:
    """Give harmonic-mean events per unit x units, without a cap: what the criterion of the fit counts."""
    return pool.n_units**2 / math.fsum(1 / unit.n for unit in pool.units)


def _accepted(
    pool: Pool, plane: Plane, seed: Seed, *, candidate: Candidate, posterior: float
) -> Region | None:
    """Give the region of a mixture if it passes every test, else None."""
    weight = float(candidate.mixture.weights[candidate.target].sum())
    if not WEIGHT[0] <= weight <= WEIGHT[1] or not _shaped_like(plane, seed, candidate):
        return None
    odds = log_odds(candidate.mixture, candidate.target, plane_points(plane.axes)).reshape(
        plane.density.shape
    )
    corners = outline(odds, plane.density, level=logit(posterior))
    if len(corners) < 3:
        return None
    spread = np.array(plane.scale.spread)
    corners = simplified(corners / spread, TOLERANCE) * spread
    share = float(plane.density[polygon_bins(corners, plane.density.shape)].sum())
    if abs(share - weight) > EXPECTED_DIFFERENCE * weight:
        return None
    seeded = seed.share + float(candidate.mixture.weights[candidate.target & ~candidate.seeded].sum())
    if abs(share - seeded) > SEED_DIFFERENCE * seeded:
        return None
    return _region(pool, plane, corners, components=_components(pool, plane.scale, candidate))


def _shaped_like(plane: Plane, seed: Seed, candidate: Candidate) -> bool:
    """Test the target components: right of the floor, not much wider in x than the cells of the seed region.

    Started from no seed, they must stand apart instead: an expected F1 of .8.
    """
    mixture, target = candidate.mixture, candidate.target
    if math.isnan(seed.share):
        return candidate.expected_f1 >= LEAST_F1
    if (mixture.means[candidate.seeded, 0] < seed.floor).any():
        return False
    x, y = plane.axes
    column = np.where(seed.contains(x[:, None], y[None, :]), plane.density, 0.0).sum(axis=1)
    widest = _sd(x, column)
    if (target & ~candidate.seeded).any():
        widest = max(widest, _sd(mixture.means[target, 0], mixture.weights[target]))
    return math.sqrt(float(mixture.covariances[target, 0, 0].max())) <= WIDEST * widest


def _sd(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    total = float(weights.sum())
    mean = float(weights @ values) / total
    return math.sqrt(float(weights @ (values - mean) ** 2) / total)


def seed_corners(scale: Scale, seed: Seed, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Give a seed region as a polygon, corners in bins."""
    normal = (math.cos(seed.theta) / scale.spread[0], -math.sin(seed.theta) / scale.spread[1])
    offset = normal[0] * scale.center[0] + normal[1] * scale.center[1]
    half = clipped_half_plane(far_box(shape), normal, seed.cut + offset)
    return clipped_half_plane(half, (1.0, 0.0), scale.center[0] + seed.floor * scale.spread[0])


def _region(
    pool: Pool,
    plane: Plane,
    corners: NDArray[np.float64],
    *,
    flags: tuple[str, ...] = (),
    components: Components | None = None,
) -> Region:
    inside = (
        polygon_bins(corners, plane.density.shape)
        if len(corners) > 2
        else np.zeros(plane.density.shape, bool)
    )
    share = float(plane.density[inside].sum())
    if len(corners) < 3 or share <= 0 or share >= 1:
        return nowhere("diagonal", "NO_VALLEY", *small(pool))
    vertices = np.stack([grid.at(corners[:, axis]) for axis, grid in enumerate(pool.grids)], axis=1)
    return Region(
        vertices=vertices,
        share=share,
        depth=pass_depth(plane.density, inside, pool.n_effective),
        method="diagonal",
        flags=tuple(sorted({*flags, *small(pool)})),
        components=components,
    )


def pass_depth(density: NDArray[np.float64], inside: NDArray[np.bool_], n_effective: float) -> float:
    """Give 1 - pass / smaller peak; the pass is the highest density on the boundary.

    Whoever walks from one peak to the other comes down at least to the pass, the lowest point of the
    easiest way.
    """
    from scipy.ndimage import binary_dilation, gaussian_filter

    widths = [kernel_width(density.sum(axis=1 - axis), n_effective) for axis in (0, 1)]
    smoothed = gaussian_filter(density, widths, mode="constant")
    boundary = inside & binary_dilation(~inside)
    if not boundary.any():
        return math.nan
    lower = min(float(smoothed[inside].max()), float(smoothed[~inside].max()))
    return max(0.0, 1 - float(smoothed[boundary].max()) / lower) if lower > 0 else math.nan


def _components(pool: Pool, scale: Scale, candidate: Candidate) -> Components:
    """Move a mixture from robust units to transformed units."""
    steps = np.array([grid.step for grid in pool.grids]) * np.array(scale.spread)
    origin = np.array([float(grid.at(c)) for grid, c in zip(pool.grids, scale.center, strict=True)])
    return Components(
        weights=candidate.mixture.weights,
        means=origin + candidate.mixture.means * steps,
        covariances=candidate.mixture.covariances * np.outer(steps, steps),
        target=candidate.target,
    )
