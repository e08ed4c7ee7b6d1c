"""Gates of wider scope: one cut for a group of samples, learnt from pooled histograms, with its doubt."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.gating._advance import MINIMUM_PARENT, Found, method_params, place_axis
from immunoprofile.gating._cuts import FittedCut
from immunoprofile.gating._doubt import cut_error, region_doubt
from immunoprofile.gating._histograms import pool
from immunoprofile.gating.placement import METHODS, Region

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from immunoprofile.gating._histograms import Grid, Histogram, Pool
    from immunoprofile.gating._strategy import Gate

MINIMUM_SUBJECTS = 3
SMALL_SUBJECTS = 7
"""Up to this many subjects a cut on a responsive marker carries SCOPE_SMALL."""
MINIMUM_POOLED = 2000
MINIMUM_RARE = 50
"""Fewest expected events on the rarer side."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WideCut:
    """The cut of a group.

    Attributes
    ----------
    cuts : tuple of FittedCut
    grids : tuple of Grid
        Grid of the pooled histogram.
    pool : Pool or None
        Pooled histogram it was learnt from; None in a copy that only applies.
    replicates : ndarray of uint8, shape (n_replicates, n_bins / 8), or None
        Packed membership of the grid's bins under each bootstrap replicate of a region.
    anchors : mapping of str to float
        Dimension to the median of the reference cells in the units it was learnt from.
    n_subjects : int
    """

    cuts: tuple[FittedCut, ...]
    grids: tuple[Grid, ...] = ()
    pool: Pool | None = None
    replicates: NDArray[np.uint8] | None = None
    anchors: Mapping[str, float] = field(default_factory=dict)
    n_subjects: int = 0

    @property
    def digest(self) -> str:
        """SHA-256 over what applying uses beside the cuts."""
        content = b"" if self.replicates is None else np.ascontiguousarray(self.replicates).tobytes()
        return hashlib.sha256(repr(self.grids).encode() + content).hexdigest()


def place_wide(
    gate: Gate,
    group: str,
    candidates: Sequence[tuple[str, Any]],
    *,
    references: Mapping[str, Mapping[str, Histogram]],
    strategy_id: str,
    responsive: bool,
    bare: bool = False,
) -> WideCut:
    """Place a gate on the narrowest scope that carries it.

    Parameters
    ----------
    gate : Gate
    group : str
        Batch (or specimen, subject, panel version, study) that the cut is for.
    candidates : sequence of (scope, units)
        From narrow to wide; units: key to (subject, histogram).
    references : mapping
        Dimension to (key to histogram of reference cells), for the rule anchored.
    strategy_id : str
        Part of the bootstrap's seed.
    responsive : bool
        Whether a treatment may move a marker of the gate.
    bare : bool
        Samples without a study: nobody says that they are untreated, or of how many subjects.

    Notes
    -----
    A scope needs 3 subjects, 2,000 pooled events and 50 expected events on the rarer side; else the next
    wider one is taken (``SCOPE_WIDENED``). At the widest the method is used all the same, with
    ``SCOPE_SMALL``; below the number of events a region's declared fallback is, with ``FEW_EVENTS``.
    """
    most = 0.0
    if responsive:
        most = math.inf if bare else SMALL_SUBJECTS
    for position, (scope, teaching) in enumerate(candidates):
        last = position == len(candidates) - 1
        usable = {
            key: (subject, hist) for key, (subject, hist) in teaching.items() if hist.n >= MINIMUM_PARENT
        }
        subjects = len({subject for subject, _ in usable.values()})
        if subjects < MINIMUM_SUBJECTS and not last:
            continue
        pooled = pool([hist for _, hist in (usable or teaching).values()]) if teaching else None
        found = _place(gate, pooled, forced=last)
        if found is None or pooled is None:
            continue
        learnt = _Learnt(
            scope=scope,
            pool=pooled,
            anchors=_anchors(references, usable or teaching),
            subjects=subjects,
            flags=_scope_flags(subjects, most=most, widened=position > 0) | set(found[1]),
        )
        make = _region_cut if isinstance(found[0], Region) else _axis_cut
        return make(gate, group, found[0], learnt=learnt, seed=f"{strategy_id}/{gate.id}")
    return WideCut(cuts=(_missing(gate, group),))


def _scope_flags(subjects: int, *, most: float, widened: bool) -> set[str]:
    """Flag a wider scope, and one of too few subjects (`most` is too few still)."""
    flags = {"SCOPE_WIDENED"} if widened else set()
    if subjects < MINIMUM_SUBJECTS or subjects <= most:
        flags.add("SCOPE_SMALL")
    return flags


def _place(gate: Gate, pooled: Pool | None, *, forced: bool) -> tuple[Any, tuple[str, ...]] | None:
    """Place on a pooled histogram; None where it is too small and a wider one may be asked."""
    if pooled is None or pooled.n_events == 0:
        return None
    few = pooled.n_events < MINIMUM_POOLED
    if few and not forced:
        return None
    if len(gate.dims) == 1:
        return _place_line(gate, pooled, few=few, forced=forced)
    names = (*gate.fallback, gate.method) if few else (gate.method, *gate.fallback)
    flags_seen: set[str] = {"FEW_EVENTS"} if few else set()
    for name in names:
        region = METHODS[name](pooled, method_params(gate, name), gate.window)
        flags_seen |= set(region.flags)
        if isinstance(region, Region) and len(region.vertices) >= 3:
            rare = min(region.share, 1 - region.share) * pooled.n_events < MINIMUM_RARE
            if rare and not forced:
                return None
            if name != gate.method:
                flags_seen.add("FALLBACK")
            return region, tuple(sorted(flags_seen | ({"FEW_EVENTS"} if rare else set())))
    return None


def _place_line(gate: Gate, pooled: Pool, *, few: bool, forced: bool) -> tuple[Found, tuple[str, ...]] | None:
    """Place one axis; the method before its fallback even on few events: a valley in them beats a guess."""
    found, flags = place_axis(gate, gate.method, pooled, may_wait=False)
    if found is None:
        return None
    rare = found[0] == "cut" and _rarer_share(pooled, found[1]) * pooled.n_events < MINIMUM_RARE
    if not forced and (rare or found[0] == "missing"):
        return None
    return found, flags + (("FEW_EVENTS",) if few or rare else ())


def _rarer_share(pooled: Pool, cut: float) -> float:
    first = int(pooled.grids[0].index(np.array([cut]))[0])
    below = float(pooled.density[:first].sum())
    return min(below, 1 - below)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Learnt:
    """From what a cut was learnt."""

    scope: Any
    pool: Pool
    anchors: Mapping[str, float]
    subjects: int
    flags: set[str]


def _region_cut(gate: Gate, group: str, region: Region, *, learnt: _Learnt, seed: str) -> WideCut:
    replicates, se = region_doubt(learnt.pool, region, method_params(gate, region.method), seed=seed)
    cut = FittedCut(
        gate=gate.id,
        dimension=" x ".join(gate.dims),
        scope=learnt.scope,
        unit=group,
        kind="region",
        value=tuple((float(x), float(y)) for x, y in region.vertices),
        method=region.method,
        depth=float(region.depth),
        se=se,
        flags=tuple(sorted(learnt.flags)),
    )
    return _wide(cut, learnt, replicates=replicates)


def _axis_cut(gate: Gate, group: str, found: Any, *, learnt: _Learnt, seed: str) -> WideCut:
    kind, value, method, depth = found
    error = math.nan
    if kind in ("cut", "interval"):
        params = method_params(gate, method)
        error = cut_error(learnt.pool, method, params, window=gate.window, seed=seed)
    cut = FittedCut(
        gate=gate.id,
        dimension=gate.dims[0],
        scope=learnt.scope,
        unit=group,
        kind=kind,
        value=value,
        method=method,
        depth=depth,
        se=error,
        flags=tuple(sorted(learnt.flags)),
    )
    return _wide(cut, learnt)


def _wide(cut: FittedCut, learnt: _Learnt, *, replicates: NDArray[np.uint8] | None = None) -> WideCut:
    return WideCut(
        cuts=(cut,),
        grids=learnt.pool.grids,
        pool=learnt.pool,
        replicates=replicates,
        anchors=learnt.anchors,
        n_subjects=learnt.subjects,
    )


def _missing(gate: Gate, group: str) -> FittedCut:
    return FittedCut(
        gate=gate.id,
        dimension=" x ".join(gate.dims),
        scope=gate.scope,
        unit=group,
        kind="missing",
        value=math.nan,
        method=gate.method,
        flags=("EMPTY_PARENT",),
    )


def _anchors(
    references: Mapping[str, Mapping[str, Histogram]], teaching: Mapping[str, Any]
) -> dict[str, float]:
    """Give the median of the reference cells over the teaching units, equal weight each."""
    medians = {}
    for dim, by_key in references.items():
        hists = [hist for key, hist in by_key.items() if key in teaching and hist.n >= MINIMUM_PARENT]
        if hists:
            medians[dim] = pooled_median(pool(hists))
    return medians


def pooled_median(pooled: Pool) -> float:
    """Give the median of a 1-D pool, linear inside its bin."""
    grid = pooled.grids[0]
    cumulative = np.concatenate([[0.0], np.cumsum(pooled.density)])
    return float(np.interp(0.5 * cumulative[-1], cumulative, grid.edges))
