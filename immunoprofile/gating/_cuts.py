"""Fitted cuts as data, and the shapes that they draw in one sample."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from immunoprofile.core import Column
from immunoprofile.gating._shapes import (
    Boolean,
    Dimension,
    Intervals,
    Polygon,
    Quadrant,
    Rectangle,
    Threshold,
)
from immunoprofile.transform import Linear

if TYPE_CHECKING:
    from immunoprofile.gating._shapes import Shape
    from immunoprofile.gating._strategy import Gate, GatePopulation, Scope
    from immunoprofile.gating._view import SampleView

Kind = Literal["cut", "interval", "intervals", "region", "open", "missing"]
Value = float | tuple[float, float] | tuple[tuple[float, float], ...]

CUT_COLUMNS = (
    Column(name="gate", dtype="string", meaning="gate of the strategy"),
    Column(name="dimension", dtype="string", meaning="marker, scatter name or pair of them"),
    Column(name="scope", dtype="string", meaning="over what the cut was learnt"),
    Column(name="unit", dtype="string", meaning="sample, batch or study that it holds for"),
    Column(name="cut", dtype="string", meaning="transformed units; an interval or a region as JSON"),
    Column(name="method", dtype="string", meaning="placement method used"),
    Column(name="depth", dtype="float64", meaning="depth of the valley, 0 (none) to 1 (empty)"),
    Column(name="se", dtype="float64", meaning="standard error of the cut (of the share, for a region)"),
    Column(name="flags", dtype="string", meaning="codes joined by ;"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedCut:
    """One cut: a number, an interval, stretches, or a region, and how it came about.

    Attributes
    ----------
    gate, dimension : str
    scope, unit : str
        Scope used, and the sample, batch or study that the cut holds for.
    kind : str
        ``cut``, ``interval``, ``intervals``, ``region``, ``open`` (everything passes), ``missing``.
    value : float or tuple
        In transformed units; region: vertices.
    method : str
    depth, se : float
    flags : tuple of str
    """

    gate: str
    dimension: str
    scope: Scope
    unit: str
    kind: Kind
    value: Value
    method: str
    depth: float = math.nan
    se: float = math.nan
    flags: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The value as the table shows it."""
        if self.kind in ("open", "missing"):
            return ""
        if isinstance(self.value, float):
            return repr(self.value)
        return json.dumps(np.asarray(self.value, dtype=float).tolist()).replace("Infinity", "1e999")

    @property
    def number(self) -> float:
        """The value of a 1-D cut."""
        if not isinstance(self.value, float):
            raise TypeError(f"{self.gate} has no single cut")
        return self.value

    @property
    def pairs(self) -> tuple[tuple[float, float], ...]:
        """The value as pairs: limits of each interval, or vertices."""
        array = np.asarray(self.value, dtype=float).reshape(-1, 2)
        return tuple((float(a), float(b)) for a, b in array)


def shape_of(
    gate: Gate, cuts: tuple[FittedCut, ...], population: GatePopulation, *, view: SampleView
) -> Shape | None:
    """Give the shape of a population in one sample, or None where the gate is open.

    The caller has made sure that no cut is missing.
    """
    if all(cut.kind == "open" for cut in cuts):
        return None
    if gate.method == "boundary":
        return _ceilings(cuts)
    dimensions = [view.dimension(cut.dimension, scale=gate.scale) for cut in cuts if cut.kind != "region"]
    if cuts[0].kind == "region":
        return _region_side(gate, cuts[0], population, view=view)
    if gate.method == "quadrant":
        return _quadrant_side(cuts, population, dimensions)
    axis = dimensions[0]
    if axis is None:
        return None
    return _on_axis(axis, cuts[0], population)


def _on_axis(axis: Dimension, cut: FittedCut, population: GatePopulation) -> Shape:
    if cut.kind == "intervals":
        lower, upper = zip(*cut.pairs, strict=True)
        return Intervals(dimension=axis, lower=lower, upper=upper)
    if cut.kind == "interval":
        low, high = cut.pairs[0]
        return Rectangle(dimensions=(axis,), lower=(low,), upper=(high,))
    side: Literal["above", "below"] = "above" if population.side == "above" else "below"
    return Threshold(dimension=axis, cut=cut.number, side=side)


def _ceilings(cuts: tuple[FittedCut, ...]) -> Rectangle:
    """Make one box of all detectors that have a ceiling; the dimension of such a cut is a detector."""
    closed = [cut for cut in cuts if cut.kind == "cut"]
    axes = tuple(Dimension(detector=c.dimension, transform=Linear(), compensated=False) for c in closed)
    return Rectangle(
        dimensions=axes, lower=(-math.inf,) * len(closed), upper=tuple(cut.number for cut in closed)
    )


def _region_side(gate: Gate, cut: FittedCut, population: GatePopulation, *, view: SampleView) -> Shape | None:
    if population.side == "out":
        inside = next(other.id for other in gate.populations if other.side == "in")
        return Boolean(operator="not", operands=(inside,))
    first, second = (view.dimension(dim, scale=gate.scale) for dim in gate.dims)
    if first is None or second is None:
        return None
    return Polygon(dimensions=(first, second), vertices=np.array(cut.pairs))


def _quadrant_side(
    cuts: tuple[FittedCut, ...], population: GatePopulation, dimensions: list[Dimension | None]
) -> Shape | None:
    """Give the quadrant, or one side of the only axis that the sample has."""
    present = [(axis, cut) for axis, cut in zip(dimensions, cuts, strict=True) if axis is not None]
    signs: Any = population.side[1:]
    if len(present) == 2:
        (x, cut_x), (y, cut_y) = present
        return Quadrant(dimensions=(x, y), cuts=(cut_x.number, cut_y.number), quadrant=signs)
    axis, cut = present[0]
    return Threshold(dimension=axis, cut=cut.number, side="above")


def populations_without(gate: Gate, absent: tuple[str, ...]) -> tuple[str, ...]:
    """Name the populations of a quadrant that cannot be told where one axis is absent.

    What is positive on the axis that is there, and negative on the absent one, can be given (CD4+ of a panel
    without CD8); nothing else can.
    """
    lost = []
    for population in gate.populations:
        signs = dict(zip(gate.dims, population.side[1:], strict=True))
        known = all(signs[dim] == "-" for dim in absent) and all(
            sign == "+" for dim, sign in signs.items() if dim not in absent
        )
        if not known:
            lost.append(population.id)
    return tuple(lost)
