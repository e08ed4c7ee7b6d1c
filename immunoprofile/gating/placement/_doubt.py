"""The doubt of a cut: the same method on replicates of the pool, all replicates of a 1-D cut at once.

Units are drawn with replacement, in the order of their histograms' digests; of a pool of one unit, its
events are.

References
----------
Efron 1979, doi:10.1214/aos/1176344552
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from immunoprofile.gating.placement._region_doubt import region_masks
from immunoprofile.gating.placement.quantile import quantile_rows
from immunoprofile.gating.placement.ratio_band import ratio_band_rows
from immunoprofile.gating.placement.tail import tail_rows
from immunoprofile.gating.placement.valley import valley_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from immunoprofile.gating._histograms import Pool
    from immunoprofile.gating.placement._contract import Region

REPLICATES = 200
ROWS: dict[str, Callable[..., NDArray[np.float64]]] = {
    "quantile": quantile_rows,
    "ratio_band": ratio_band_rows,
    "tail": tail_rows,
    "valley": valley_rows,
}
"""Methods whose cut depends on the events, on rows of densities."""
GROUPED = 4
"""Neighboring bins of a single unit that are drawn as one: a quarter of the binomials."""


def bootstrap_cuts(
    pool: Pool,
    method: str,
    params: Mapping[str, object],
    *,
    window: tuple[float, float] | None = None,
    rng: np.random.Generator,
    replicates: int = REPLICATES,
) -> NDArray[np.float64]:
    """Place a 1-D cut on replicates of a pool.

    Parameters
    ----------
    pool : Pool
        1-D.
    method : str
        Name of a method of one axis.
    params : mapping
    window : tuple of float or None
        Robust units.
    rng : Generator
        Seeded by what is placed alone.
    replicates : int

    Returns
    -------
    ndarray, shape (replicates,)
        Cuts in transformed units, of a band its upper limit; nan where a replicate has none, and for
        methods that do not look at the events.
    """
    rows = ROWS.get(method)
    if rows is None or pool.n_events == 0:
        return np.full(replicates, np.nan)
    return pool.grids[0].at(rows(pool, params, window, densities=_densities(pool, rng, replicates)))


def _densities(pool: Pool, rng: np.random.Generator, replicates: int) -> NDArray[np.float64]:
    """Draw replicates of a 1-D pool: its units, or the events of its only unit, with replacement."""
    if pool.n_units > 1:
        equal = np.full(pool.n_units, 1 / pool.n_units)
        return pool.weighted(rng.multinomial(pool.n_units, equal, size=replicates))
    starts = np.arange(0, pool.density.size, GROUPED)
    sums = np.add.reduceat(pool.density, starts)
    occupied = np.flatnonzero(sums)
    share = sums[occupied] / sums[occupied].sum()
    gain = np.zeros((replicates, sums.size))
    gain[:, occupied] = rng.multinomial(pool.n_events, share, size=replicates) / (
        pool.n_events * sums[occupied]
    )
    return np.repeat(gain, GROUPED, axis=1)[:, : pool.density.size] * pool.density


def bootstrap_regions(
    pool: Pool,
    region: Region,
    *,
    params: Mapping[str, object] | None = None,
    rng: np.random.Generator,
    replicates: int = REPLICATES,
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Place a region on replicates of a pool.

    Parameters
    ----------
    pool : Pool
        2-D; the one that the region was placed on.
    region : Region
    params : mapping or None
        Of the method that placed it.
    rng : Generator
        Seeded by what is placed alone.
    replicates : int

    Returns
    -------
    masks : ndarray of uint8, shape (replicates, bins_x * bins_y / 8)
        Membership of the bins, row by row, packed by :func:`numpy.packbits`; zeros where a replicate has no
        region.
    shares : ndarray of float, shape (replicates,)
        Share of the pool inside; nan where a replicate has no region.

    Notes
    -----
    Replicates start from the fitted components, K fixed, 10 EM steps on 64 x 64 bins. A region without
    components (the seed alone, two valleys) has no replicates: all of them are nan.
    """
    masks = region_masks(pool, region, params or {}, rng=rng, replicates=replicates)
    flat = masks.reshape(replicates, -1)
    inside = np.array([pool.density.ravel()[row].sum() for row in flat])
    return np.packbits(flat, axis=1), np.where(flat.any(axis=1), inside, np.nan)
