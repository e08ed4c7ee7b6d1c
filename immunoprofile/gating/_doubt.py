"""The doubt of a cut: its standard error by bootstrap, and what it does to a percentage.

References
----------
Efron 1979, doi:10.1214/aos/1176344552
"""

from __future__ import annotations

import hashlib
import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.gating.placement import bootstrap_cuts, bootstrap_regions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from immunoprofile.gating._cuts import FittedCut
    from immunoprofile.gating._gated import GatedSample
    from immunoprofile.gating._histograms import Pool
    from immunoprofile.gating._strategy import Gate
    from immunoprofile.gating.placement import Region

REPLICATES = 200
SURE_METHODS = ("fixed", "boundary", "time")
"""Methods whose cut is declared or belongs to the detector: no sampling moves it."""
SIGNS = {"above": "+", "below": "-", "in": "+"}
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


def region_doubt(
    pooled: Pool, region: Region, params: Mapping[str, Any], *, seed: str
) -> tuple[NDArray[np.uint8] | None, float]:
    """Give replicate regions as packed membership of the grid's bins, and the standard error of the share."""
    if region.components is None:
        return None, math.nan
    rng = np.random.default_rng(seed_of(seed, pooled))
    masks, shares = bootstrap_regions(pooled, region, params=params, rng=rng, replicates=REPLICATES)
    return masks, robust_sd(shares)


def fraction_replicates(gated: GatedSample, population: str, *, rule: str) -> NDArray[np.float64] | None:
    """Give a population's share of its parent under replicate cuts of its gate.

    Returns
    -------
    ndarray, shape (n_replicates,), or None
        None where the gate has no doubt (open, cleaning, a declared value); nan where it has one that is
        not known (a cut on too few events, a region without a mixture behind it).
    """
    gate = gated.strategy.gate_of(population)
    if rule != "held" and population not in gated.rule(rule).masks:
        rule = "held"  # above the gate that the rule moves
    key = f"replicates {gate.id} {rule}"
    if key not in gated._cache:
        parent = _parent(gated, gate, rule)
        if parent is None or not parent.any():
            gated._cache[key] = {}
        else:
            gated._cache[key] = _replicates(gated, gate, parent, rule=rule)
    shares: Mapping[str, NDArray[np.float64]] = gated._cache[key]
    return shares.get(population)


def _parent(gated: GatedSample, gate: Gate, rule: str) -> NDArray[np.bool_] | None:
    if gate.parent in gated.missing:
        return None
    masks = gated.rule(rule).masks if rule != "held" else {}
    return masks[gate.parent] if gate.parent in masks else gated.mask(gate.parent)


def _replicates(
    gated: GatedSample, gate: Gate, parent: NDArray[np.bool_], *, rule: str
) -> dict[str, NDArray[np.float64]]:
    """Give the shares of all populations of a gate; none where it has no doubt."""
    cuts = gated.cuts.get(gate.id, ())
    if cuts and cuts[0].kind == "region":
        inside = _region_shares(gated, gate, parent, rule=rule)
        return {p.id: 1 - inside if p.side == "out" else inside for p in gate.populations}
    placed = [cut for cut in cuts if cut.kind in ("cut", "interval") and cut.method not in SURE_METHODS]
    if any(math.isnan(cut.se) for cut in placed):
        return {p.id: np.full(REPLICATES, math.nan) for p in gate.populations}
    if not any(cut.se > 0 for cut in placed):
        return {}
    thinned = _thinned(parent)
    axes = [(cut, gated.view.dimension(cut.dimension, scale=gate.scale)) for cut in placed]
    columns = [(cut, gated.view.column(axis, thinned)) for cut, axis in axes if axis is not None]
    signs = {p.id: SIGNS.get(p.side, p.side[1:])[: len(columns)] for p in gate.populations}
    counts = _counts_inside(columns, set(signs.values()))
    return {name: counts[sign] / int(thinned.sum()) for name, sign in signs.items()}


def _counts_inside(
    columns: Sequence[tuple[FittedCut, NDArray[np.float64]]], signs: set[str]
) -> dict[str, NDArray[np.float64]]:
    """Count, for each replicate, the events with given signs; only those near a cut are looked at again."""
    lower, upper, sure = [], [], np.ones(columns[0][1].size, dtype=bool)
    for cut, values in columns:
        draws = _draws(cut)
        lower.append(draws if cut.kind == "cut" else np.full(REPLICATES, cut.pairs[0][0]))
        upper.append(np.full(REPLICATES, math.inf) if cut.kind == "cut" else draws)
        sure &= (values < draws.min()) | (values >= draws.max())
    counts = {}
    for sign in signs:
        fixed = np.ones(int(sure.sum()), dtype=bool)
        moving = np.ones((REPLICATES, sure.size - fixed.size), dtype=bool)
        for (_, values), low, high, side in zip(columns, lower, upper, sign, strict=True):
            near, far = values[~sure], values[sure]
            inside = (near >= low[:, None]) & (near < high[:, None])
            inside_far = (far >= low[0]) & (far < high[0])
            moving &= inside if side == "+" else ~inside
            fixed &= inside_far if side == "+" else ~inside_far
        counts[sign] = moving.sum(axis=1, dtype=np.float64) + np.count_nonzero(fixed)
    return counts


def _thinned(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    inside = np.flatnonzero(mask)
    step = math.ceil(inside.size / MOST_EVENTS)
    if step <= 1:
        return mask
    thin = np.zeros_like(mask)
    thin[inside[::step]] = True
    return thin


def _draws(cut: FittedCut) -> NDArray[np.float64]:
    """Give replicate cuts (of an interval, its upper limit): normal quantiles about it, shuffled."""
    at = cut.number if cut.kind == "cut" else cut.pairs[0][1]
    if not cut.se > 0:
        return np.full(REPLICATES, at)
    return at + cut.se * _shuffled_quantiles(f"{cut.gate}/{cut.dimension}")


@lru_cache(maxsize=256)
def _shuffled_quantiles(name: str) -> NDArray[np.float64]:
    """Give normal quantiles, shuffled apart for each axis: the cuts of different axes are independent."""
    from scipy.special import ndtri

    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big"))
    quantiles = rng.permutation(ndtri((np.arange(REPLICATES) + 0.5) / REPLICATES))
    quantiles.flags.writeable = False
    return np.asarray(quantiles, dtype=np.float64)


def _region_shares(
    gated: GatedSample, gate: Gate, parent: NDArray[np.bool_], *, rule: str
) -> NDArray[np.float64]:
    """Give the share of the parent inside each replicate of a region; nan where there is none."""
    wide = gated.wide.get(gate.id)
    if wide is None or wide.replicates is None:
        return np.full(REPLICATES, math.nan)
    axes = [axis for axis in (gated.view.dimension(dim) for dim in gate.dims) if axis is not None]
    shift = gated.rule(rule).shift if rule == "anchored" else (0.0,) * len(axes)
    first, second = (
        grid.index(np.nan_to_num(gated.view.column(axis, parent) - moved, nan=grid.low))
        for axis, grid, moved in zip(axes, wide.grids, shift, strict=True)
    )
    grids = wide.grids
    counts = np.bincount(first * grids[1].bins + second, minlength=grids[0].bins * grids[1].bins)
    occupied = np.flatnonzero(counts)
    bits = (wide.replicates[:, occupied >> 3] >> (7 - (occupied & 7)).astype(np.uint8)) & 1
    inside = bits @ counts[occupied].astype(np.float32)  # whole numbers: exact up to 16 million events
    shares: NDArray[np.float64] = inside.astype(np.float64) / counts.sum()
    return np.where(wide.replicates.any(axis=1), shares, math.nan)


def robust_sds(rows: Sequence[NDArray[np.float64] | None]) -> list[float]:
    """Give :func:`robust_sd` of many rows of replicates at once; 0 for a row that has no doubt (None)."""
    found = [0.0 if row is None else math.nan for row in rows]
    finite = {i: row for i, row in enumerate(rows) if row is not None and np.isfinite(row).all()}
    for i, row in enumerate(rows):
        if row is not None and i not in finite:
            found[i] = robust_sd(row)
    if finite:
        low, high = np.quantile(np.stack(list(finite.values())), [0.25, 0.75], axis=1)
        for i, spread in zip(finite, (high - low) / 1.349, strict=True):
            found[i] = float(spread)
    return found
