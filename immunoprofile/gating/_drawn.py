"""Gates as pictures need them: parent events, cuts with their doubt, counts, ticks. Plot draws them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from immunoprofile.gating._populations import population_entries
from immunoprofile.gating._view import LN, LOG10
from immunoprofile.transform import Linear

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from immunoprofile.gating._cuts import FittedCut
    from immunoprofile.gating._gated import GatedSample
    from immunoprofile.gating._shapes import Dimension
    from immunoprofile.gating._strategy import Gate
    from immunoprofile.gating._wide import WideCut
    from immunoprofile.transform import Transform

CONTEXT = {"time": "FSC-A", "singlets": "FSC-A"}
"""Gates of one axis that are easier read over a second one."""
Tick = tuple[float, str, bool]
"""Position in transformed units, label, major."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DrawnGate:
    """One gate of one sample, ready to draw.

    Attributes
    ----------
    gate_id : str
    number : int
        Place in the tree, from 1.
    parent : str
    populations : tuple of (name, percent, count, parent_count)
        ``percent`` of the parent, 0-100.
    kind : str
        ``1d``, ``2d`` or ``none`` (nothing to draw: see `message`).
    dimensions : tuple of str
        Axis titles.
    values : ndarray of float32, shape (n_parent, 1 or 2)
        Transformed values of the parent's events.
    limits : tuple of (low, high)
        One an axis, from the transform and not from the events.
    cuts : tuple of (axis, value, se)
    intervals : tuple of (axis, low, high)
        Kept stretches of an axis (time) or the band of a ratio.
    vertices : ndarray, shape (n, 2), or None
    quadrants : tuple of str
        Quadrants that are populations: ``+-`` ...
    window : tuple of float or None
    depth : float
    method : str
    flags : tuple of str
    ticks : tuple of tuple of Tick
        One an axis.
    message : str
        Why nothing, or no cut, is drawn: ``not gated: CD127 missing``, ``open: NO_VIABILITY``.
    """

    gate_id: str
    number: int
    parent: str
    populations: tuple[tuple[str, float, int, int], ...]
    kind: Literal["1d", "2d", "none"]
    dimensions: tuple[str, ...]
    values: NDArray[np.float32]
    limits: tuple[tuple[float, float], ...]
    cuts: tuple[tuple[int, float, float], ...] = ()
    intervals: tuple[tuple[int, float, float], ...] = ()
    vertices: NDArray[np.float64] | None = None
    quadrants: tuple[str, ...] = ()
    window: tuple[float, float] | None = None
    depth: float = math.nan
    method: str = ""
    flags: tuple[str, ...] = ()
    ticks: tuple[tuple[Tick, ...], ...] = ()
    message: str = ""


def drawn_gates(gated: GatedSample) -> tuple[DrawnGate, ...]:
    """Give the gates in tree order; the boundary gate, a box of many axes, has no picture."""
    gates = [gate for gate in gated.strategy.gates if gate.method != "boundary"]
    return tuple(_drawn(gated, gate, number) for number, gate in enumerate(gates, start=1))


def _drawn(gated: GatedSample, gate: Gate, number: int) -> DrawnGate:
    cuts = gated.cuts.get(gate.id, ())
    axes, titles = _axes(gated, gate)
    flags = tuple(sorted({flag for cut in cuts for flag in cut.flags}))
    lost = [name for name in (p.id for p in gate.populations) if name in gated.missing]
    if gate.parent in gated.missing or not axes or len(lost) == len(gate.populations):
        why = ", ".join(cut.dimension for cut in cuts if cut.kind == "missing") or gate.parent
        message = f"not gated: {why} missing"
        if cuts and cuts[0].kind == "open":
            message = f"open: {', '.join(flags)}"
        return DrawnGate(
            gate_id=gate.id, number=number, parent=gate.parent, populations=_populations(gated, gate),
            kind="none", dimensions=gate.dims, values=np.empty((0, 1), np.float32), limits=((0.0, 1.0),),
            flags=flags, message=message,
        )  # fmt: skip
    values = gated.view.values(axes, gated.mask(gate.parent)).astype(np.float32)
    opened = all(cut.kind == "open" for cut in cuts)
    region = cuts[0] if cuts and cuts[0].kind == "region" else None
    return DrawnGate(
        gate_id=gate.id,
        number=number,
        parent=gate.parent,
        populations=_populations(gated, gate),
        kind="1d" if len(axes) == 1 else "2d",
        dimensions=titles,
        values=values,
        limits=tuple(_limits(gated, axis, values[:, i]) for i, axis in enumerate(axes)),
        cuts=_lines(gate, cuts),
        intervals=_bands(cuts),
        vertices=None if region is None else np.array(region.pairs),
        quadrants=tuple(p.side[1:] for p in gate.populations if p.side.startswith("q")),
        window=gate.window,
        depth=min((cut.depth for cut in cuts if math.isfinite(cut.depth)), default=math.nan),
        method=cuts[0].method if cuts else gate.method,
        flags=flags,
        ticks=tuple(ticks_of(gated, axis) for axis in axes),
        message=f"open: {', '.join(flags) or 'nothing to cut'}" if opened else "",
    )


def _axes(gated: GatedSample, gate: Gate) -> tuple[list[Dimension], tuple[str, ...]]:
    """Give the axes to draw on: the gate's own, for some a second one that helps to read it."""
    view = gated.view
    names = list(gate.dims)
    own = [view.dimension(dim, scale=gate.scale) for dim in gate.dims]
    axes = [(axis, name) for axis, name in zip(own, names, strict=True) if axis is not None]
    if len(axes) == 1 and gate.id in CONTEXT:
        other = view.dimension(CONTEXT[gate.id])
        if other is not None:
            axes.append((other, CONTEXT[gate.id]))
    return [axis for axis, _ in axes], tuple(_title(gated, axis, name) for axis, name in axes)


def _title(gated: GatedSample, axis: Dimension, name: str) -> str:
    if axis.over is not None:
        return f"{name} (ln)"
    if axis.transform == LOG10:
        return f"{name} (log)"
    if axis.transform == Linear() and not axis.compensated:
        return name
    return f"{name} \u00b7 {axis.detector}"


def _populations(gated: GatedSample, gate: Gate) -> tuple[tuple[str, float, int, int], ...]:
    names = population_entries()
    found = []
    for population in gate.populations:
        title = names[population.id].name if population.id in names else population.id
        if population.id in gated.missing or gate.parent in gated.missing:
            found.append((title, math.nan, 0, 0))
            continue
        count, total = gated.count(population.id), gated.count(gate.parent)
        found.append((title, 100 * count / total if total else math.nan, count, total))
    return tuple(found)


def _lines(gate: Gate, cuts: tuple[FittedCut, ...]) -> tuple[tuple[int, float, float], ...]:
    present = [cut for cut in cuts if cut.kind != "missing"] if gate.method == "quadrant" else list(cuts)
    return tuple((axis, cut.number, cut.se) for axis, cut in enumerate(present) if cut.kind == "cut")


def _bands(cuts: tuple[FittedCut, ...]) -> tuple[tuple[int, float, float], ...]:
    return tuple(
        (0, low, high) for cut in cuts if cut.kind in ("interval", "intervals") for low, high in cut.pairs
    )


def _limits(gated: GatedSample, axis: Dimension, values: NDArray[np.float32]) -> tuple[float, float]:
    if axis.over is not None:
        return (-0.6, 1.0)
    channel = gated.sample.index(axis.detector)
    top = float(gated.sample.ranges[channel])
    if axis.detector.casefold().startswith("time") and values.size:
        return float(values.min()), float(values.max())
    if axis.transform == Linear() and not axis.compensated and top > 0:
        return 0.0, top
    grid = gated.view.grid(axis)
    if axis.transform == LOG10:
        return grid.high - 2.6, grid.high
    low = float(axis.transform.apply(np.array([-1000.0]))[0])
    return (max(grid.low, low), grid.high) if math.isfinite(low) else (grid.low, grid.high)


def ticks_of(gated: GatedSample, axis: Dimension) -> tuple[Tick, ...]:
    """Give the ticks of an axis: decades for transformed values, thousands for linear scatter."""
    if axis.over is not None:
        return tuple((v, f"{v:g}", True) for v in (-0.5, 0.0, 0.5, 1.0))
    channel = gated.sample.index(axis.detector)
    top = float(gated.sample.ranges[channel])
    if isinstance(axis.transform, Linear):
        return _linear_ticks(top) if top > 0 and not axis.detector.casefold().startswith("time") else ()
    return _decade_ticks(axis.transform, top if top > 0 else 262144.0)


def _linear_ticks(top: float) -> tuple[Tick, ...]:
    if top >= 131072:
        return tuple((k * 65536.0, f"{64 * k}k" if k else "0", True) for k in range(int(top // 65536) + 1))
    step = 10 ** math.floor(math.log10(top / 2))
    return tuple((k * step, f"{k * step:g}", True) for k in range(int(top // step) + 1) if k * step <= top)


def _decade_ticks(transform: Transform, top: float) -> tuple[Tick, ...]:
    major: list[tuple[float, str]] = [] if transform in (LOG10, LN) else [(-1e3, "$-10^3$"), (0.0, "0")]
    decades = range(3 if transform != LOG10 else 2, math.ceil(math.log10(top)) + 1)
    major += [(10.0**k, f"$10^{k}$") for k in decades if 10.0**k <= top * 1.01]
    minor = [m * 10.0**k for k in decades for m in range(2, 10) if m * 10.0**k <= top]
    at = transform.apply(np.array([value for value, _ in major] + minor))
    labels = [text for _, text in major] + [""] * len(minor)
    return tuple((float(z), text, bool(text)) for z, text in zip(at, labels, strict=True) if math.isfinite(z))


POOLED_EVENTS = 20_000
"""Points that stand for a pooled histogram in a picture."""


def pooled_drawing(gate: Gate, wide: WideCut, gated: GatedSample) -> DrawnGate | None:
    """Draw a gate over the pooled histogram that its cut was learnt from, with the axes of one sample.

    The points are spread evenly inside their bins, so that no event of any sample is shown.
    """
    axes, titles = _axes(gated, gate)
    if wide.pool is None or len(axes) != len(wide.grids):
        return None
    counts = np.rint(wide.pool.density.ravel() * POOLED_EVENTS).astype(np.int64)
    cells = np.repeat(np.arange(counts.size), counts)
    places = np.unravel_index(cells, wide.pool.density.shape)
    spread = np.random.default_rng(0).uniform(-0.5, 0.5, size=(len(axes), cells.size))
    columns = [grid.at(place + shift) for grid, place, shift in zip(wide.grids, places, spread, strict=True)]
    values = np.stack(columns, axis=1).astype(np.float32)
    region = wide.cuts[0] if wide.cuts[0].kind == "region" else None
    number = [other.id for other in gated.strategy.gates if other.method != "boundary"].index(gate.id) + 1
    return DrawnGate(
        gate_id=gate.id,
        number=number,
        parent=gate.place_on or gate.parent,
        populations=(),
        kind="1d" if len(axes) == 1 else "2d",
        dimensions=titles,
        values=values,
        limits=tuple(_limits(gated, axis, values[:, i]) for i, axis in enumerate(axes)),
        cuts=_lines(gate, wide.cuts),
        vertices=None if region is None else np.array(region.pairs),
        depth=wide.cuts[0].depth,
        method=wide.cuts[0].method,
        flags=wide.cuts[0].flags,
        ticks=tuple(ticks_of(gated, axis) for axis in axes),
    )
