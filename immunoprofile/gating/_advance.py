"""One sample's part of placement: cut what it can decide, sketch what the batch must, say where it waits.

The pure task that runs anywhere: a loader goes out; cuts and histograms come back, no events.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.core import ImmunoprofileError, StrategyError
from immunoprofile.gating._cleaning import boundary_cuts, time_cut
from immunoprofile.gating._cuts import FittedCut, shape_of
from immunoprofile.gating._doubt import cut_error
from immunoprofile.gating._histograms import Histogram, pool
from immunoprofile.gating._shapes import Boolean, Rectangle
from immunoprofile.gating._view import HYGIENE_FLAGS, SampleView, view_of
from immunoprofile.gating.placement import METHODS, Cut

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from immunoprofile.gating._histograms import Pool
    from immunoprofile.gating._shapes import Shape
    from immunoprofile.gating._strategy import Gate, GatingStrategy
    from immunoprofile.gating._units import PlacementUnit
    from immunoprofile.panel import Panel

MINIMUM_PARENT = 200
"""Fewest parent events of a unit for a cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What goes out to a worker.

    Attributes
    ----------
    unit : PlacementUnit
    strategy : GatingStrategy
    panel : Panel
    known : mapping of str to tuple of FittedCut
        Gate to cuts, where another has decided.
    forced : frozenset of str
        Gates that take their declared fallback here, since no batch can lend a cut.
    """

    unit: PlacementUnit
    strategy: GatingStrategy
    panel: Panel
    known: Mapping[str, tuple[FittedCut, ...]] = field(default_factory=dict)
    forced: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What comes back.

    Attributes
    ----------
    key, content_id : str
    cuts : mapping of str to tuple of FittedCut
        Cuts of the gates that this sample decided or was given.
    waits_at : str or None
        Gate of scope sample that needs the batch's cut.
    sketches : mapping of str to Histogram
        Gate to the histogram of its parent, for gates of wider scope.
    references : mapping of (str, str) to Histogram
        (population, dimension) to the histogram of reference cells, for the rule anchored.
    failure : ImmunoprofileError or None
        Why the sample could not be read.
    """

    key: str
    content_id: str = ""
    cuts: Mapping[str, tuple[FittedCut, ...]] = field(default_factory=dict)
    waits_at: str | None = None
    sketches: Mapping[str, Histogram] = field(default_factory=dict)
    references: Mapping[tuple[str, str], Histogram] = field(default_factory=dict)
    failure: ImmunoprofileError | None = None


def advance(task: Task) -> Report:
    """Cut and sketch one sample as far as what is known allows."""
    try:
        sample, resolution = task.unit.load()
        view = view_of(sample, task.panel, resolution=resolution)
        return _advance(task, view)
    except ImmunoprofileError as error:
        return Report(key=task.unit.key, failure=error)


def _advance(task: Task, view: SampleView) -> Report:
    masks: dict[str, NDArray[np.bool_] | None] = {"root": np.ones(view.sample.n_events, dtype=bool)}
    cuts: dict[str, tuple[FittedCut, ...]] = {}
    sketches: dict[str, Histogram] = {}
    waits_at = None
    for gate in task.strategy.gates:
        found = missing_cuts(gate, view)
        if found is not None:
            pass
        elif gate.id not in task.known and gate.scope != "sample":
            _sketch(gate, view, masks, sketches=sketches)
            continue
        elif gate.parent not in masks:
            continue  # below a gate of wider scope that is not placed yet
        elif gate.id in task.known:
            found = without_absent(gate, task.known[gate.id], view)
        else:
            found = own_cuts(
                gate,
                view,
                masks[gate.parent],
                unit=task.unit.key,
                strategy_id=task.strategy.id,
                forced=gate.id in task.forced,
            )
        if found is None:
            waits_at = gate.id
            break
        cuts[gate.id] = found
        if gate.parent in masks:
            masks.update(divide(gate, found, view, masks=masks))
    return Report(
        key=task.unit.key,
        content_id=view.sample.content_id,
        cuts=cuts,
        waits_at=waits_at,
        sketches=sketches,
        references=_references(task.strategy, view, masks),
    )


def _sketch(
    gate: Gate,
    view: SampleView,
    masks: Mapping[str, NDArray[np.bool_] | None],
    *,
    sketches: dict[str, Histogram],
) -> None:
    mask = masks.get(gate.place_on or gate.parent)
    dimensions = [view.dimension(dim, scale=gate.scale) for dim in gate.dims]
    if mask is not None and all(dimensions):
        sketches[gate.id] = view.sketch([d for d in dimensions if d is not None], mask)


def _references(
    strategy: GatingStrategy, view: SampleView, masks: Mapping[str, NDArray[np.bool_] | None]
) -> dict[tuple[str, str], Histogram]:
    found = {}
    for gate in strategy.gates:
        for dim, population in gate.anchor.items():
            mask, axis = masks.get(population), view.dimension(dim)
            if mask is not None and axis is not None:
                found[population, dim] = view.sketch([axis], mask)
    return found


def missing_cuts(gate: Gate, view: SampleView) -> tuple[FittedCut, ...] | None:
    """Give the cuts of a gate whose channels this sample lacks (hygiene: open); None where all are there."""
    absent = tuple(dim for dim in gate.dims if view.dimension(dim, scale=gate.scale) is None)
    if not absent:
        return None
    known = all(dim in HYGIENE_FLAGS for dim in absent)
    if known and "open" in gate.fallback:
        return (_special(gate, gate.dims[0], "open", flags=(HYGIENE_FLAGS[absent[0]],)),)
    if gate.method == "quadrant" and absent == gate.dims[1:]:  # the first axis stands without it
        return None
    return tuple(_special(gate, dim, "missing", flags=("MISSING_MARKER",)) for dim in absent)


def without_absent(gate: Gate, cuts: tuple[FittedCut, ...], view: SampleView) -> tuple[FittedCut, ...]:
    """Mark as missing the axes of a lent quadrant that this sample does not have (CD8 of a panel without)."""
    if gate.method != "quadrant":
        return cuts
    return tuple(
        cut
        if view.dimension(cut.dimension, scale=gate.scale) is not None
        else replace(cut, kind="missing", value=math.nan, se=math.nan, flags=("MISSING_MARKER",))
        for cut in cuts
    )


def _special(gate: Gate, dimension: str, kind: Any, *, flags: tuple[str, ...], unit: str = "") -> FittedCut:
    method = "open" if kind == "open" else gate.method
    return FittedCut(
        gate=gate.id,
        dimension=dimension,
        scope=gate.scope,
        unit=unit,
        kind=kind,
        value=math.nan,
        method=method,
        flags=flags,
    )


def own_cuts(
    gate: Gate,
    view: SampleView,
    mask: NDArray[np.bool_] | None,
    *,
    unit: str,
    strategy_id: str,
    forced: bool,
) -> tuple[FittedCut, ...] | None:
    """Place a gate of scope sample on this sample alone; None where the batch should lend its cut.

    Parameters
    ----------
    gate : Gate
    view : SampleView
    mask : ndarray of bool, shape (n_events,), or None
        Parent events; None where the parent is missing.
    unit : str
        Key of the sample.
    strategy_id : str
        Part of the bootstrap's seed.
    forced : bool
        Whether the declared fallback is used instead of waiting for the batch.
    """
    if mask is None:
        return tuple(_special(gate, dim, "missing", flags=(), unit=unit) for dim in gate.dims or ("",))
    absent = missing_cuts(gate, view)
    if absent is not None:
        return absent
    if gate.method == "time":
        return (time_cut(gate, view, unit=unit),)
    if gate.method == "boundary":
        return boundary_cuts(gate, view, mask, unit=unit)
    may_wait = bool(gate.widen) and not forced
    cuts = []
    for dim in gate.dims:
        if gate.method == "quadrant" and view.dimension(dim) is None:
            cuts.append(_special(gate, dim, "missing", flags=("MISSING_MARKER",), unit=unit))
            continue
        seed = f"{strategy_id}/{gate.id}/{dim}"
        cut = _one_axis(gate, dim, view, mask=mask, unit=unit, seed=seed, may_wait=may_wait)
        if cut is None:
            return None
        cuts.append(cut)
    return tuple(cuts)


def _one_axis(
    gate: Gate, dim: str, view: SampleView, *, mask: NDArray[np.bool_], unit: str, seed: str, may_wait: bool
) -> FittedCut | None:
    """Place one axis; None where it finds nothing and may wait for the batch."""
    axis = view.dimension(dim, scale=gate.scale)
    if axis is None:
        raise ImmunoprofileError("MISSING_MARKER", f"no channel for {dim}", where=f"gate {gate.id}")
    learnt_on = _central(view, mask) if gate.method == "ratio_band" else mask
    pooled = pool([view.sketch([axis], learnt_on)])
    if pooled.n_events < MINIMUM_PARENT and may_wait:
        return None
    few = ("FEW_EVENTS",) if pooled.n_events < MINIMUM_PARENT else ()
    method = "valley" if gate.method == "quadrant" else gate.method
    found, flags = place_axis(gate, method, pooled, may_wait=may_wait)
    if found is None:
        return None
    return FittedCut(
        gate=gate.id,
        dimension=dim,
        scope=gate.scope,
        unit=unit,
        kind=found[0],
        value=found[1],
        method=found[2],
        depth=found[3],
        se=cut_error(pooled, found[2], method_params(gate, found[2]), window=gate.window, seed=seed)
        if found[0] in ("cut", "interval") and not few
        else math.nan,
        flags=tuple(sorted({*flags, *few})),
    )


Found = tuple[Any, Any, str, float]
"""Kind, value, method and depth of a placement."""


def place_axis(
    gate: Gate, method: str, pooled: Pool, *, may_wait: bool
) -> tuple[Found | None, tuple[str, ...]]:
    """Run a 1-D method and, where it finds nothing, the declared fallbacks in order."""
    flags: set[str] = set()
    for name in (method, *gate.fallback):
        if name == "open":
            return ("open", math.nan, "open", math.nan), tuple(sorted(flags | {"FALLBACK"}))
        if pooled.n_events == 0:
            continue
        cut = METHODS[name](pooled, method_params(gate, name), gate.window)
        flags |= set(cut.flags)
        if not isinstance(cut, Cut):
            raise StrategyError(
                "STRATEGY_SCHEMA", f"{name} gives a region, the gate has one axis", where=gate.id
            )
        if math.isfinite(cut.at) and "AT_WINDOW_EDGE" not in cut.flags:
            if name != method:
                flags.add("FALLBACK")
            banded = math.isfinite(cut.upper)
            value = (float(cut.at), float(cut.upper)) if banded else float(cut.at)
            return ("interval" if banded else "cut", value, name, float(cut.depth)), tuple(sorted(flags))
        if may_wait:
            return None, ()
    why = {"EMPTY_PARENT"} if pooled.n_events == 0 else flags or {"NO_VALLEY"}
    return ("missing", math.nan, method, math.nan), tuple(sorted(flags | why))


def method_params(gate: Gate, method: str) -> dict[str, Any]:
    """Give the parameters of one method; those of a fallback bear its name before them (``tail_side``)."""
    prefixes = tuple(f"{name}_" for name in gate.fallback)
    if method in gate.fallback:
        start = f"{method}_"
        return {key.removeprefix(start): value for key, value in gate.params.items() if key.startswith(start)}
    return {key: value for key, value in gate.params.items() if not key.startswith(prefixes)}


def _central(view: SampleView, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Give the parent events of the central deciles of FSC-A, where singlets are most."""
    axis = view.dimension("FSC-A")
    if axis is None:
        return mask
    size = view.column(axis, mask)
    if not size.size:
        return mask
    low, high = np.quantile(size, [0.1, 0.9])
    central = np.zeros_like(mask)
    central[np.flatnonzero(mask)] = (size >= low) & (size <= high)
    return central


def _inside(shape: Shape, view: SampleView, parent: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Give the parent events inside a shape; a box axis by axis, as it may have one for every detector."""
    mask = np.zeros_like(parent)
    if isinstance(shape, Rectangle):
        mask |= parent
        for axis, low, high in zip(shape.dimensions, shape.lower, shape.upper, strict=True):
            side = Rectangle(dimensions=(axis,), lower=(low,), upper=(high,))
            mask[mask] = side.contains([view.column(axis, mask)])
    elif not isinstance(shape, Boolean):
        mask[parent] = shape.contains([view.column(axis, parent) for axis in shape.dimensions])
    return mask


def divide(
    gate: Gate,
    cuts: tuple[FittedCut, ...],
    view: SampleView,
    *,
    masks: Mapping[str, NDArray[np.bool_] | None],
) -> dict[str, NDArray[np.bool_] | None]:
    """Give the masks of the gate's populations (None where missing)."""
    from immunoprofile.gating._tree import lost_populations

    parent = masks[gate.parent]
    lost = lost_populations(gate, cuts)
    made: dict[str, NDArray[np.bool_] | None] = {}
    for population in gate.populations:
        if parent is None or population.id in lost:
            made[population.id] = None
            continue
        shape = shape_of(gate, cuts, population, view=view)
        if shape is None:
            made[population.id] = parent
        elif isinstance(shape, Boolean):
            inside = made[shape.operands[0]]
            made[population.id] = None if inside is None else parent & ~inside
        else:
            made[population.id] = _inside(shape, view, parent)
    return made
