"""The doubt of a cut: its standard error by bootstrap, and what it does to a percentage.

References
----------
Efron 1979, doi:10.1214/aos/1176344552
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.gating.placement import bootstrap_cuts, bootstrap_regions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from immunoprofile.gating.cuts import FittedCut
    from immunoprofile.gating.gated import GatedSample
    from immunoprofile.gating.histograms import Pool
    from immunoprofile.gating.placement import Region
    from immunoprofile.gating.strategy import Gate

REPLICATES = 200
MOST_EVENTS = 50_000
"""Events of a parent that the doubt of a percentage is computed on (every k-th of a larger one)."""


def robust_sd(values: NDArray[np.float64]) -> float:
    """Give IQR / 1.349 of replicates; missing if there are none."""
    finite = values[np.isfinite(values)]
    if finite.size < 2:
        return math.nan
    low, high = np.quantile(finite, [0.25, 0.75])
    return float((high - low) / 1.349)


def seed_of(text: str, pooled: Pool) -> int:
    """Make the bootstrap's seed from what is placed alone: no key, name or order enters."""
    digest = hashlib.sha256(text.encode("utf-8"))
    digest.update(np.ascontiguousarray(pooled.density).tobytes())
    return int.from_bytes(digest.digest()[:8], "big")


def cut_error(
    pooled: Pool,
    method: str,
    params: Mapping[str, Any],
    *,
    window: tuple[float, float] | None,
    seed: str,
) -> float:
    """Give the standard error of a 1-D cut: robust SD over 200 bootstrap replicates."""
    rng = np.random.default_rng(seed_of(seed, pooled))
    return robust_sd(bootstrap_cuts(pooled, method, params, window=window, rng=rng, replicates=REPLICATES))


def region_doubt(pooled: Pool, region: Region, *, seed: str) -> tuple[NDArray[np.uint8] | None, float]:
    """Give replicate regions as packed membership of the grid's bins, and the standard error of the share."""
    if region.components is None:
        return None, math.nan
    rng = np.random.default_rng(seed_of(seed, pooled))
    masks, shares = bootstrap_regions(pooled, region, rng=rng, replicates=REPLICATES)
    return masks, robust_sd(shares)


def fraction_replicates(gated: GatedSample, population: str, *, rule: str) -> NDArray[np.float64] | None:
    """Give a population's share of its parent under replicate cuts of its gate; None where the gate has no doubt.

    Returns
    -------
    ndarray, shape (n_replicates,), or None
    """
    key = f"replicates {population} {rule}"
    if key not in gated._cache:
        gate = gated.strategy.gate_of(population)
        parent = _parent(gated, gate, rule)
        found = (
            None
            if parent is None or not parent.any()
            else _replicates(gated, gate, parent, population=population, rule=rule)
        )
        gated._cache[key] = found
    cached: NDArray[np.float64] | None = gated._cache[key]
    return cached


def _parent(gated: GatedSample, gate: Gate, rule: str) -> NDArray[np.bool_] | None:
    if gate.parent in gated.missing:
        return None
    masks = gated.rule(rule).masks if rule != "held" else {}
    return masks[gate.parent] if gate.parent in masks else gated.mask(gate.parent)


def _replicates(
    gated: GatedSample, gate: Gate, parent: NDArray[np.bool_], *, population: str, rule: str
) -> NDArray[np.float64] | None:
    cuts = gated.cuts.get(gate.id, ())
    side = next(entry.side for entry in gate.populations if entry.id == population)
    if cuts and cuts[0].kind == "region":
        return _region_replicates(gated, gate, parent, side=side, rule=rule)
    axes = [cut for cut in cuts if cut.kind == "cut"]
    if not axes or gate.method == "boundary" or not any(cut.se > 0 for cut in axes):
        return None
    thinned = _thinned(parent)
    signs = {"above": "+", "below": "-"}.get(side, side[1:] if side.startswith("q") else "")
    if len(signs) != len(cuts):
        return None
    inside = np.ones((REPLICATES, int(thinned.sum())), dtype=bool)
    for cut, sign in zip(cuts, signs, strict=True):
        axis = gated.view.dimension(cut.dimension, scale=gate.scale)
        if cut.kind == "cut" and axis is not None:
            values = gated.view.values([axis], thinned)[:, 0]
            above = values[None, :] >= _draws(cut)[:, None]
            inside &= above if sign == "+" else ~above
    shares: NDArray[np.float64] = inside.mean(axis=1)
    return shares


def _thinned(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    inside = np.flatnonzero(mask)
    step = math.ceil(inside.size / MOST_EVENTS)
    if step <= 1:
        return mask
    thin = np.zeros_like(mask)
    thin[inside[::step]] = True
    return thin


def _draws(cut: FittedCut) -> NDArray[np.float64]:
    """Give replicate cuts: normal quantiles about the cut, shuffled apart for each axis."""
    from scipy.special import ndtri

    if not cut.se > 0:
        return np.full(REPLICATES, cut.number)
    digest = hashlib.sha256(f"{cut.gate}/{cut.dimension}".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    quantiles = ndtri((np.arange(REPLICATES) + 0.5) / REPLICATES)
    return np.asarray(cut.number + cut.se * rng.permutation(quantiles), dtype=np.float64)


def _region_replicates(
    gated: GatedSample, gate: Gate, parent: NDArray[np.bool_], *, side: str, rule: str
) -> NDArray[np.float64] | None:
    wide = gated.wide.get(gate.id)
    if wide is None or wide.replicates is None:
        return None
    axes = [axis for axis in (gated.view.dimension(dim) for dim in gate.dims) if axis is not None]
    values = gated.view.values(axes, parent)
    if rule == "anchored":
        values = values - np.array(gated.rule(rule).shift)
    grids = wide.grids
    place = [
        np.clip(((values[:, i] - g.low) / (g.high - g.low) * g.bins), 0, g.bins - 1)
        for i, g in enumerate(grids)
    ]
    flat = place[0].astype(np.int64) * grids[1].bins + place[1].astype(np.int64)
    counts = np.bincount(flat, minlength=grids[0].bins * grids[1].bins).astype(np.float32)
    occupied = np.flatnonzero(counts)
    bits = (wide.replicates[:, occupied >> 3] >> (7 - (occupied & 7)).astype(np.uint8)) & 1
    inside: NDArray[np.float64] = (bits @ counts[occupied]).astype(np.float64) / counts.sum()
    return 1 - inside if side == "out" else inside
