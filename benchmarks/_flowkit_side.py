"""Our shapes as FlowKit gates, so that both programs gate the same populations."""

from __future__ import annotations

import math

import flowkit as fk
from flowkit import gates as fg
from flowkit import transforms as ft

LOG_10 = math.log(10.0)
TOP = 262144.0


def strategy_of(populations):
    """Give the FlowKit strategy of some populations, parents before children."""
    strategy = fk.GatingStrategy()
    paths = {"root": ("root",)}
    quadrants = {}
    for population in populations:
        shape, path = population.shape, paths[population.parent]
        if type(shape).__name__ == "Quadrant":  # the quarters of one plane are one gate there
            key = (population.parent, shape.dimensions, shape.cuts)
            quadrants.setdefault(key, []).append(population)
            paths[population.name] = (*path, population.name)
            continue
        gate = _gate(strategy, population, paths)
        strategy.add_gate(gate, gate_path=path)
        paths[population.name] = (*path, population.name)
    for number, ((parent, dimensions, cuts), quarters) in enumerate(quadrants.items()):
        gate = _quadrant_gate(strategy, f"plane_{number}", dimensions, cuts, quarters)
        strategy.add_gate(gate, gate_path=paths[parent])
    return strategy


def members(populations, results):
    """Give the mask of each population from FlowKit's results."""
    return {population.name: results.get_gate_membership(population.name) for population in populations}


def _scale(strategy, transform):
    """Register a transform; give its id and the factor from our coordinates to FlowKit's."""
    name, factor = repr(transform), 1.0
    if transform.kind == "linear":
        return None, 1.0
    if transform.kind == "logicle":
        theirs = ft.LogicleTransform(transform.T, transform.W, transform.M, transform.A)
    elif transform.kind == "log":
        theirs = ft.LogTransform(transform.T, transform.M)
    else:  # asinh(x sinh(M ln 10) / T) / (M ln 10) with the M that makes sinh(M ln 10) / T = 1 / cofactor
        decades = math.asinh(TOP / transform.cofactor) / LOG_10
        theirs, factor = ft.AsinhTransform(TOP, decades, 0), 1 / (decades * LOG_10)
    if name not in strategy.transformations:
        strategy.add_transform(name, theirs)
    return name, factor


def _dimension(strategy, dimension, low=None, high=None):
    name, factor = _scale(strategy, dimension.transform)
    return fk.Dimension(
        dimension.detector,
        compensation_ref="FCS" if dimension.compensated else "uncompensated",
        transformation_ref=name,
        range_min=None if low is None or math.isinf(low) else low * factor,
        range_max=None if high is None or math.isinf(high) else high * factor,
    )


def _gate(strategy, population, paths):
    shape, name = population.shape, population.name
    kind = type(shape).__name__
    factors = [_scale(strategy, dimension.transform)[1] for dimension in shape.dimensions]
    if kind == "Threshold":
        limits = (shape.cut, None) if shape.side == "above" else (None, shape.cut)
        return fg.RectangleGate(name, [_dimension(strategy, shape.dimension, *limits)])
    if kind == "Intervals":
        (low,), (high,) = shape.lower, shape.upper
        return fg.RectangleGate(name, [_dimension(strategy, shape.dimension, low, high)])
    if kind == "Rectangle":
        sides = zip(shape.dimensions, shape.lower, shape.upper, strict=True)
        return fg.RectangleGate(name, [_dimension(strategy, *side) for side in sides])
    dimensions = [_dimension(strategy, dimension) for dimension in shape.dimensions]
    if kind == "Polygon":
        return fg.PolygonGate(name, dimensions, (shape.vertices * factors).tolist())
    if kind == "Ellipse":
        covariance = shape.covariance * factors * [[factor] for factor in factors]
        return fg.EllipsoidGate(name, dimensions, shape.mean * factors, covariance, shape.distance_square)
    references = [{"ref": other, "path": paths[other][:-1], "complement": False} for other in shape.operands]
    return fg.BooleanGate(name, shape.operator, references)


def _quadrant_gate(strategy, name, dimensions, cuts, quarters):
    dividers, places = [], []
    for dimension, cut in zip(dimensions, cuts, strict=True):
        transform, factor = _scale(strategy, dimension.transform)
        places.append(cut * factor)
        dividers.append(
            fk.QuadrantDivider(
                dimension.detector,
                dimension.detector,
                compensation_ref="FCS" if dimension.compensated else "uncompensated",
                values=[cut * factor],
                transformation_ref=transform,
            )
        )
    parts = [
        fg.Quadrant(
            quarter.name,
            divider_refs=[dimension.detector for dimension in dimensions],
            divider_ranges=[
                (place, None) if sign == "+" else (None, place)
                for place, sign in zip(places, quarter.shape.quadrant, strict=True)
            ],
        )
        for quarter in quarters
    ]
    return fg.QuadrantGate(name, dividers, parts)
