"""Populations as Gating-ML 2.0, written so that FlowKit gives every event the same membership.

What FlowKit reads otherwise than the standard says is avoided, not relied on: a gate that mixes compensated
and uncompensated detectors of the matrix, or holds a detector twice, becomes two nested gates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from immunoprofile.core import InterchangeError
from immunoprofile.gating import Boolean, Ellipse, Intervals, Polygon, Quadrant, Rectangle, Threshold
from immunoprofile.interchange._axes import above_zero, axis_of, fits_together, groups_of, sides_of
from immunoprofile.interchange._document import (
    Document,
    add_covariance,
    add_point,
    add_references,
)
from immunoprofile.transform import Linear

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from immunoprofile.gating import Dimension, Population
    from immunoprofile.interchange._axes import Axis, Side
    from immunoprofile.transform import Compensation

_ROOT = "root"


def gatingml_of(
    populations: Sequence[Population],
    compensation: Compensation | None = None,
    *,
    time_steps: Mapping[str, float] | None = None,
    notes: Mapping[str, str] | None = None,
) -> bytes:
    """Write populations as a Gating-ML 2.0 document.

    Parameters
    ----------
    populations : sequence of Population
        Parents, and operands of boolean populations, before those that need them.
    compensation : Compensation, optional
        Becomes the document's spectrumMatrix.
    time_steps : mapping of str to float, optional
        Seconds of a tick by detector: the document's Time is in seconds, as FlowKit's is.
    notes : mapping of str to str, optional
        Facts for the document's custom_info.

    Returns
    -------
    bytes
        XML in UTF-8. Ids are XML names; where a population's name is none, it stands in custom_info.

    Raises
    ------
    InterchangeError
        ``gate_not_expressible``, with the population.
    """
    document = Document()
    for population in populations:
        document.ids[population.name] = document.new_id(population.name)
    writer = _Writer(document, compensation, time_steps or {})
    for population in populations:
        writer.add(population)
    return document.to_bytes(compensation, notes=notes or {})


class _Writer:
    """Adds populations to a document, one by one."""

    def __init__(
        self, document: Document, compensation: Compensation | None, time_steps: Mapping[str, float]
    ) -> None:
        self.document, self.compensation, self.time_steps = document, compensation, time_steps
        self._written: set[str] = set()

    def add(self, population: Population) -> None:
        """Add one population."""
        shape, name, parent = population.shape, population.name, self._id(population, population.parent)
        if isinstance(shape, Boolean):
            self._boolean(population, parent)
        elif isinstance(shape, Intervals):
            self._intervals(name, shape, parent)
        elif isinstance(shape, Polygon | Ellipse):
            self._region(name, shape, parent)
        else:
            self._rectangle(name, self._sides(shape), parent)
        self._written.add(name)

    def _id(self, population: Population, name: str) -> str | None:
        if name == _ROOT:
            return None
        if name not in self._written:
            raise _refused(population.name, f"it needs {name!r}, which does not stand before it")
        return self.document.ids[name]

    def _axis(self, dimension: Dimension) -> Axis:
        return axis_of(dimension, self.compensation, time_steps=self.time_steps)

    def _sides(self, shape: Threshold | Rectangle | Quadrant) -> list[Side]:
        """Give the ranges of a shape whose sides run along the axes."""
        ranges = []
        if isinstance(shape, Threshold):
            ranges.append((shape.dimension, *_half(shape.cut, above=shape.side == "above")))
        elif isinstance(shape, Quadrant):
            for dimension, cut, sign in zip(shape.dimensions, shape.cuts, shape.quadrant, strict=True):
                ranges.append((dimension, *_half(cut, above=sign == "+")))
        else:
            ranges += zip(shape.dimensions, shape.lower, shape.upper, strict=True)
        return [
            side for dimension, low, high in ranges for side in sides_of(self._axis(dimension), low, high)
        ]

    def _rectangle(self, name: str, sides: list[Side], parent: str | None) -> None:
        *first, last = groups_of(sides)
        for group in first:
            parent = self.document.rectangle(name, group, parent=parent, helper=True)
        self.document.rectangle(name, last, parent=parent)

    def _intervals(self, name: str, shape: Intervals, parent: str | None) -> None:
        """Write a union of ranges: one rectangle each, and the boolean gate that joins them."""
        axis = self._axis(shape.dimension)
        ranges = [sides_of(axis, low, high) for low, high in _merged(shape)]
        if not ranges:
            nothing = [sides_of(axis, 0.0, 0.0)[0]]  # at least 0 and below 0: no event
            self._rectangle(name, nothing, parent)
        elif len(ranges) == 1:
            self._rectangle(name, ranges[0], parent)
        else:
            parts = [self.document.rectangle(name, sides, parent=parent, helper=True) for sides in ranges]
            gate = self.document.gate("BooleanGate", name, parent=parent)
            add_references(gate, "or", parts)

    def _region(self, name: str, shape: Polygon | Ellipse, parent: str | None) -> None:
        axes = [self._axis(dimension) for dimension in shape.dimensions]
        if not fits_together(axes):
            raise _refused(
                name, "its axes mix compensated and uncompensated detectors, or name one detector twice"
            )
        for axis in axes:
            if axis.over is not None:
                parent = self.document.rectangle(name, [above_zero(axis)], parent=parent, helper=True)
        kind = "PolygonGate" if isinstance(shape, Polygon) else "EllipsoidGate"
        gate = self.document.gate(kind, name, parent=parent)
        for axis in axes:
            self.document.dimension(
                gate, axis, transform=None if isinstance(axis.transform, Linear) else axis.transform
            )
        factors = np.array([axis.factor for axis in axes])
        if isinstance(shape, Polygon):
            for vertex in shape.vertices * factors:
                add_point(gate, "vertex", vertex.tolist())
        else:
            add_point(gate, "mean", (shape.mean * factors).tolist())
            covariance = shape.covariance * np.outer(factors, factors)
            add_covariance(gate, covariance.tolist(), shape.distance_square)

    def _boolean(self, population: Population, parent: str | None) -> None:
        """Write a boolean gate; the own parent, which FlowKit cannot follow, is left out of `and`."""
        shape = population.shape
        assert isinstance(shape, Boolean)
        operands = shape.operands
        if population.parent in operands:
            operands = tuple(name for name in operands if name != population.parent)
            if shape.operator != "and" or not operands:
                raise _refused(population.name, f"{shape.operator!r} of its own parent")
        ids = [self._id(population, name) or "" for name in operands]
        if shape.operator != "not" and len(ids) == 1:
            ids *= 2  # the schema asks for two
        gate = self.document.gate("BooleanGate", population.name, parent=parent)
        add_references(gate, shape.operator, ids)


def _half(cut: float, *, above: bool) -> tuple[float, float]:
    return (cut, float("inf")) if above else (float("-inf"), cut)


def _merged(shape: Intervals) -> list[tuple[float, float]]:
    """Join ranges that touch."""
    out: list[tuple[float, float]] = []
    for low, high in zip(shape.lower, shape.upper, strict=True):
        if out and out[-1][1] == low:
            out[-1] = out[-1][0], high
        else:
            out.append((low, high))
    return out


def _refused(name: str, problem: str) -> InterchangeError:
    return InterchangeError(
        "gate_not_expressible", problem, where=f"population {name}", hint="Gating-ML has no form for it"
    )
