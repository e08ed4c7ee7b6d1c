"""From populations to the arrays that the engine runs: order, columns, limits in linear units, tables.

A plan knows shapes and names of detectors, no sample: it is made once for a strategy and kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from immunoprofile.gating import _program as p
from immunoprofile.gating._nodes import common_ancestors, list_places, ordered
from immunoprofile.gating._shapes import (
    ROOT,
    Boolean,
    Ellipse,
    Intervals,
    Polygon,
    Quadrant,
    Rectangle,
    Threshold,
)
from immunoprofile.gating._tables import Table, make_table
from immunoprofile.transform import Linear, linear_threshold

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from numpy.typing import NDArray

    from immunoprofile.gating._shapes import Dimension, Population
    from immunoprofile.transform import Transform

Column = tuple[str, str | None, bool]
"""Detector, detector that it is divided by, whether it is compensated."""
_OPERATORS = {"and": p.AND, "or": p.OR, "not": p.NOT}
_KINDS = {Intervals: p.SPANS, Polygon: p.POLYGON, Ellipse: p.ELLIPSE}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """A strategy ready to run.

    Attributes
    ----------
    detectors : tuple of str
        Detectors that are read; the program counts them from 0.
    columns : dict of Column to int
    populations : tuple of Population
        Parents and operands first; population i is node i + 1 of the program.
    uses_compensation : bool
    program : Program
    """

    detectors: tuple[str, ...]
    columns: dict[Column, int]
    populations: tuple[Population, ...]
    uses_compensation: bool
    program: p.Program


def column_of(dimension: Dimension, compensated: Container[str]) -> Column:
    """Give the column that a dimension reads, where the named detectors are compensated."""
    is_compensated = dimension.over is None and dimension.compensated and dimension.detector in compensated
    return dimension.detector, dimension.over, is_compensated


@lru_cache(maxsize=64)
def make_plan(
    populations: tuple[Population, ...], dimensions: tuple[Dimension, ...], compensated: tuple[str, ...]
) -> Plan:
    """Compile populations.

    Parameters
    ----------
    populations : tuple of Population
        In any order; row i of the bits belongs to population i of these.
    dimensions : tuple of Dimension
        Read for every event besides.
    compensated : tuple of str
        Detectors of the compensation, in its order; none: nothing is compensated.

    Raises
    ------
    StrategyError
        ``STRATEGY_SCHEMA``: a name twice or unknown, or a circle of parents and operands.
    """
    order = ordered(populations)
    rows = {ROOT: 0} | {population.name: row for row, population in enumerate(order, start=1)}
    parents = [0] + [rows[population.parent] for population in order]
    always = [column_of(dimension, compensated) for dimension in dimensions]
    homes = _homes(order, parents, always=always, compensated=compensated)
    columns = {column: number for number, column in enumerate(homes)}
    uses_compensation = any(column[2] for column in columns)
    spill = compensated if uses_compensation else ()
    names = [name for column in columns for name in column[:2] if name is not None]
    detectors = tuple(dict.fromkeys([*names, *spill]))
    nodes = np.zeros((len(parents), p.NODE_FIELDS), dtype=np.int64)
    places = {name: number for number, name in enumerate(detectors)}
    loads = _add_loads(nodes, homes, places=places, spill={name: number for number, name in enumerate(spill)})
    flags = _flags(order, rows)
    slots = list_places(parents)
    nodes[:, p.PARENT], nodes[:, p.SLOT], nodes[:, p.BITS_ROW] = parents, slots, -1
    nodes[:, p.FLAG_ROW] = [flags.get(row, -1) for row in range(len(parents))]
    bits = {population.name: number for number, population in enumerate(populations)}
    parts = _Parts(columns=columns, compensated=compensated)
    for node, population in zip(nodes[1:], order, strict=True):
        node[p.BITS_ROW] = bits[population.name]
        _add_shape(node, population, parts, flags=[flags[rows[name]] for name in _operands(population)])
    program = p.Program(
        nodes=nodes,
        loads=np.array(loads, dtype=np.int64).reshape(-1, 4),
        spill=np.array([places[name] for name in spill], dtype=np.int64),
        sizes=np.array([max(slots) + 1, max(len(columns), 1), max(len(flags), 1)], dtype=np.int64),
        **parts.arrays(),
    )
    return Plan(
        detectors=detectors,
        columns=columns,
        populations=order,
        uses_compensation=uses_compensation,
        program=program,
    )


def _operands(population: Population) -> tuple[str, ...]:
    return population.shape.operands if isinstance(population.shape, Boolean) else ()


def _flags(order: Sequence[Population], rows: Mapping[str, int]) -> dict[int, int]:
    """Give a row of flags to each node that a boolean gate names."""
    named = sorted({rows[name] for population in order for name in _operands(population)})
    return {row: number for number, row in enumerate(named)}


def _homes(
    order: Sequence[Population],
    parents: Sequence[int],
    *,
    always: Sequence[Column],
    compensated: Container[str],
) -> dict[Column, int]:
    """Find the node at which each column is read: the lowest common ancestor of the gates that look at it."""
    uses: dict[Column, list[int]] = {column: [0] for column in always}
    for parent, population in zip(parents[1:], order, strict=True):
        for dimension in population.shape.dimensions:
            uses.setdefault(column_of(dimension, compensated), []).append(parent)
    return dict(zip(uses, common_ancestors(parents, list(uses.values())), strict=True))


def _add_loads(
    nodes: NDArray[np.int64],
    homes: Mapping[Column, int],
    *,
    places: Mapping[str, int],
    spill: Mapping[str, int],
) -> list[tuple[int, int, int, int]]:
    due: list[list[tuple[int, int, int, int]]] = [[] for _ in nodes]
    for number, ((detector, over, is_compensated), home) in enumerate(homes.items()):
        if is_compensated:
            due[home].append((number, p.COMPENSATED, spill[detector], 0))
        elif over is not None:
            due[home].append((number, p.RATIO, places[detector], places[over]))
        else:
            due[home].append((number, p.RAW, places[detector], 0))
    loads: list[tuple[int, int, int, int]] = []
    for node, loaded in zip(nodes, due, strict=True):
        node[p.LOAD_FIRST] = len(loads)
        loads += sorted(loaded, key=lambda load: load[1])  # compensated last: the kernel does them together
        node[p.LOAD_LAST] = len(loads)
    return loads


@dataclass(slots=True, kw_only=True)
class _Parts:
    """The lists that grow while shapes are added."""

    columns: Mapping[Column, int]
    compensated: Container[str]
    terms: list[int] = field(default_factory=list)
    bounds: list[tuple[float, float]] = field(default_factory=list)
    operands: list[int] = field(default_factory=list)
    axes: list[tuple[int, ...]] = field(default_factory=list)
    shifts: list[float] = field(default_factory=list)
    tables: dict[int, tuple[Table, int]] = field(default_factory=dict)
    n_cells: int = 0
    edges: list[NDArray[np.float64]] = field(default_factory=list)
    n_edges: int = 0
    reals: list[float] = field(default_factory=list)

    def arrays(self) -> dict[str, Any]:
        """Give the fields of a program."""
        cells = [table.cells for table, _ in self.tables.values()]
        return {
            "terms": np.array(self.terms, dtype=np.int64),
            "bounds": np.array(self.bounds, dtype=np.float64).reshape(-1, 2),
            "operands": np.array(self.operands, dtype=np.int64),
            "axes": np.array(self.axes, dtype=np.int64).reshape(-1, p.AXIS_FIELDS),
            "shifts": np.array(self.shifts, dtype=np.float64),
            "cells": np.concatenate([*cells, np.zeros((0, 4))]),
            "edges": np.concatenate([*self.edges, np.zeros((0, p.EDGE_FIELDS))]),
            "reals": np.array(self.reals, dtype=np.float64),
        }

    def column(self, dimension: Dimension) -> int:
        return self.columns[column_of(dimension, self.compensated)]

    def bound(self, dimension: Dimension, low: float, high: float) -> None:
        """Add the test low <= z < high."""
        self.terms.append(self.column(dimension))
        self.bounds.append((_at_least(dimension.transform, low), _below(dimension.transform, high)))

    def axis(self, dimension: Dimension, limits: tuple[float, float]) -> float:
        """Add an axis that is looked up within linear limits; give the error of the look-up."""
        if isinstance(dimension.transform, Linear):
            self.axes.append((self.column(dimension), 1, 0, 0, 0, 0, 0, 0))
            self.shifts.append(0.0)
            return 0.0
        low, high = (0.0, 1.0) if math.isnan(limits[1]) else limits  # nan: nothing will be looked up
        table = make_table(dimension.transform, low, max(low, high))
        if id(table) not in self.tables:
            self.tables[id(table)] = (table, self.n_cells)
            self.n_cells += len(table.cells)
        first = self.tables[id(table)][1]
        self.axes.append(
            (self.column(dimension), 0, *table.right, first, *table.left, first + table.right[1])
        )
        self.shifts.append(table.shift)
        return table.doubt


def _threshold(transform: Transform, cut: float) -> float:
    return linear_threshold(
        cast("Any", transform), float(cut)
    )  # a transform is hashable; its protocol is silent


def _at_least(transform: Transform, cut: float) -> float:
    """Give the smallest linear value with z >= cut."""
    return -math.inf if cut == -math.inf else _threshold(transform, cut)


def _below(transform: Transform, cut: float) -> float:
    """Give the largest linear value with z < cut; nan where there is none."""
    if cut == math.inf:
        return math.inf
    first = _threshold(transform, cut)
    return math.nan if first == -math.inf else math.nextafter(first, -math.inf)


def _add_shape(
    node: NDArray[np.int64], population: Population, parts: _Parts, *, flags: Sequence[int]
) -> None:
    shape = population.shape
    node[p.KIND] = _KINDS.get(type(shape), p.BOX)
    node[p.TERM_FIRST], node[p.AXIS_FIRST] = len(parts.terms), len(parts.axes)
    node[p.TERM_LAST] = len(parts.terms)
    if isinstance(shape, Boolean):
        node[p.KIND] = _OPERATORS[shape.operator]
        node[p.PART_FIRST], node[p.PART_LAST] = len(parts.operands), len(parts.operands) + len(flags)
        parts.operands += flags
    elif isinstance(shape, Intervals):
        _add_spans(node, shape, parts)
    elif isinstance(shape, Polygon):
        _add_polygon(node, shape, parts)
    elif isinstance(shape, Ellipse):
        _add_ellipse(node, shape, parts)
    else:
        for dimension, (low, high) in zip(shape.dimensions, _ranges(shape), strict=True):
            parts.bound(dimension, low, high)
        node[p.TERM_LAST] = len(parts.terms)
    node[p.AXIS_LAST] = len(parts.axes)


def _ranges(shape: Threshold | Rectangle | Quadrant) -> list[tuple[float, float]]:
    if isinstance(shape, Rectangle):
        return list(zip(shape.lower, shape.upper, strict=True))
    if isinstance(shape, Threshold):
        return [(shape.cut, math.inf) if shape.side == "above" else (-math.inf, shape.cut)]
    signs = zip(shape.cuts, shape.quadrant, strict=True)
    return [(cut, math.inf) if sign == "+" else (-math.inf, cut) for cut, sign in signs]


def _add_spans(node: NDArray[np.int64], shape: Intervals, parts: _Parts) -> None:
    node[p.PART_FIRST] = len(parts.terms)
    for low, high in zip(shape.lower, shape.upper, strict=True):
        parts.bound(shape.dimension, low, high)
    node[p.PART_LAST] = len(parts.terms)
    parts.axes.append((parts.column(shape.dimension), 1, 0, 0, 0, 0, 0, 0))
    parts.shifts.append(0.0)


def _add_axes(
    node: NDArray[np.int64],
    shape: Polygon | Ellipse,
    parts: _Parts,
    *,
    box: Sequence[tuple[float, float]],
) -> list[float]:
    """Add the bounding box (its upper side included) and the axes; give the errors of the look-ups."""
    for dimension, (low, high) in zip(shape.dimensions, box, strict=True):
        parts.bound(dimension, low, math.nextafter(high, math.inf))
    node[p.TERM_LAST] = len(parts.terms)
    limits = parts.bounds[node[p.TERM_FIRST] :]
    return [parts.axis(dimension, limit) for dimension, limit in zip(shape.dimensions, limits, strict=True)]


def _add_polygon(node: NDArray[np.int64], shape: Polygon, parts: _Parts) -> None:
    """Add the box and the edges of a polygon; level edges count for nothing and are left out."""
    start, end = shape.vertices, np.roll(shape.vertices, -1, axis=0)
    box = list(zip(start.min(axis=0).tolist(), start.max(axis=0).tolist(), strict=True))
    doubt_x, doubt_y = _add_axes(node, shape, parts, box=box)
    run, rise = (end - start).T
    edges = np.empty((len(start), p.EDGE_FIELDS))
    edges[:, p.EDGE_X], edges[:, p.EDGE_Y], edges[:, p.EDGE_NEXT_Y] = start[:, 0], start[:, 1], end[:, 1]
    edges[:, p.EDGE_DX], edges[:, p.EDGE_DY], edges[:, p.EDGE_DOUBT_Y] = run, rise, doubt_y
    edges[:, p.EDGE_DOUBT_SIDE] = 1.01 * (doubt_x * np.abs(rise) + doubt_y * np.abs(run))
    edges = edges[rise != 0]
    node[p.PART_FIRST], node[p.PART_LAST] = parts.n_edges, parts.n_edges + len(edges)
    parts.edges.append(edges)
    parts.n_edges += len(edges)


def _add_ellipse(node: NDArray[np.int64], shape: Ellipse, parts: _Parts) -> None:
    """Add a box a little larger than the ellipse, and its distance with the doubt that the look-ups leave."""
    half = np.sqrt(shape.distance_square * np.diag(shape.covariance)) * (1 + 1e-6)
    box = list(zip((shape.mean - half).tolist(), (shape.mean + half).tolist(), strict=True))
    doubts = np.array(_add_axes(node, shape, parts, box=box))
    precision = np.linalg.inv(shape.covariance)
    # the slope of the distance along axis i is at most 2 sqrt(distance_square precision_ii) at the edge
    doubt = 4 * float(np.sqrt(shape.distance_square * np.diag(precision)) @ doubts)
    if doubt > 0:  # on linear axes the kernel adds the same products in the same order: no doubt
        doubt += 1e-13 * shape.distance_square * float(np.linalg.cond(shape.covariance))
    node[p.PART_FIRST] = len(parts.reals)
    parts.reals += [shape.distance_square, doubt, *shape.mean.tolist(), *precision.ravel().tolist()]
    node[p.PART_LAST] = len(parts.reals)
