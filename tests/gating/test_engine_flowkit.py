"""FlowKit, the oracle: the same events in every gate of a real-sized strategy."""

from __future__ import annotations

import csv
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from immunoprofile.fcs import read_fcs
from immunoprofile.gating._engine import gate_events
from immunoprofile.gating._shapes import (
    Boolean,
    Dimension,
    Ellipse,
    Polygon,
    Population,
    Quadrant,
    Rectangle,
)
from immunoprofile.transform import Arcsinh, Linear, Logicle, compensation_of

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT.parent / "shared" / "golden" / "performance"
GATES = "{http://www.isac-net.org/std/Gating-ML/v2.0/gating}"
TYPES = "{http://www.isac-net.org/std/Gating-ML/v2.0/datatypes}"
TOP, DECADES, BELOW = 262144.0, 4.5, 0.7
LOG_10 = np.log(10.0)


def load(path, name):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


# transformation of the document: ours, and the map from its coordinates to ours
SCALES = {
    None: (Linear(), lambda z: z),
    "lin": (Linear(), lambda z: z * TOP),
    "logicle": (Logicle(T=TOP, W=0.5, M=DECADES, A=0.0), lambda z: z),
    "asinh": (
        Arcsinh(cofactor=float(TOP / np.sinh(DECADES * LOG_10))),
        lambda z: ((DECADES + BELOW) * z - BELOW) * LOG_10,
    ),
}


def number(element, name=f"{TYPES}value"):
    return float(element.get(name))


def dimension(element):
    name = element.find(f"{TYPES}fcs-dimension").get(f"{TYPES}name")
    transform, scaled = SCALES[element.get(f"{GATES}transformation-ref")]
    compensated = element.get(f"{GATES}compensation-ref") == "FCS"
    return Dimension(detector=name, transform=transform, compensated=compensated), scaled


def shape_of(gate):
    kind = gate.tag.removeprefix(GATES)
    if kind == "BooleanGate":
        references = [reference.get(f"{GATES}ref") for reference in gate[0]]
        return Boolean(operator=gate[0].tag.removeprefix(GATES), operands=references)
    elements = gate.findall(f"{GATES}dimension")
    dimensions, scales = zip(*map(dimension, elements), strict=True)
    if kind == "RectangleGate":
        limits = [
            [
                scaled(number(e, GATES + side)) if e.get(GATES + side) else open_side
                for e, scaled in zip(elements, scales, strict=True)
            ]
            for side, open_side in (("min", -np.inf), ("max", np.inf))
        ]
        return Rectangle(dimensions=dimensions, lower=limits[0], upper=limits[1])
    if kind == "PolygonGate":
        corners = [
            [scaled(number(value)) for value, scaled in zip(corner, scales, strict=True)]
            for corner in gate.findall(f"{GATES}vertex")
        ]
        return Polygon(dimensions=dimensions, vertices=corners)
    rows = gate.find(f"{GATES}covarianceMatrix")
    return Ellipse(
        dimensions=dimensions,
        mean=[number(value) for value in gate.find(f"{GATES}mean")],
        covariance=[[number(value) for value in row] for row in rows],
        distance_square=number(gate.find(f"{GATES}distanceSquare")),
    )


def quadrants_of(gate, parent):
    dividers = {
        element.get(f"{GATES}id"): (dimension(element)[0], float(element.find(f"{GATES}value").text))
        for element in gate.findall(f"{GATES}divider")
    }
    for quarter in gate.findall(f"{GATES}Quadrant"):
        places = [(p.get(f"{GATES}divider_ref"), number(p, f"{GATES}location")) for p in quarter]
        dimensions, cuts = zip(*(dividers[name] for name, _ in places), strict=True)
        signs = "".join("+" if at >= dividers[name][1] else "-" for name, at in places)
        shape = Quadrant(dimensions=dimensions, cuts=cuts, quadrant=signs)
        yield Population(name=quarter.get(f"{GATES}id"), parent=parent, shape=shape)


def read_workload(path):
    """Read the 20 populations of the document as our shapes."""
    from lxml import etree

    populations = []
    for gate in etree.parse(path).getroot():
        if not gate.tag.endswith("Gate"):
            continue
        parent = gate.get(f"{GATES}parent_id") or "root"
        if gate.tag == f"{GATES}QuadrantGate":
            populations += quadrants_of(gate, parent)
        else:
            populations.append(Population(name=gate.get(f"{GATES}id"), parent=parent, shape=shape_of(gate)))
    return populations


def assert_same_members(membership, masks):
    for name in membership.names:
        differ = int(np.count_nonzero(membership.mask(name) != masks[name]))
        assert differ == 0, f"{differ} events of {name} differ"


@pytest.fixture
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import _flowkit_side
    import _gating_workload

    return _gating_workload, _flowkit_side


def test_twenty_populations_hold_the_events_of_flowkit(tmp_path, benchmarks):
    import flowkit as fk

    workload, side = benchmarks
    path = workload.write(tmp_path / "events.fcs", 20_000, seed=1)
    sample, populations = read_fcs(path), workload.populations()
    membership = gate_events(sample, populations, compensation_of(sample))
    results = side.strategy_of(populations).gate_sample(fk.Sample(path, filename_as_id=True))
    assert len(populations) == 20
    assert all(membership.counts[name] > 0 for name in membership.names)
    assert_same_members(membership, side.members(populations, results))


@pytest.mark.shared
@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_the_golden_workload_holds_the_events_of_flowkit(tmp_path, byteorder):
    import flowkit as fk

    path = tmp_path / "small.fcs"
    load(GOLDEN / "make_file.py", "golden_make_file").write(path, 20_000, 3, byteorder)
    document = GOLDEN / "workload_20.gatingml.xml"
    sample = read_fcs(path)
    membership = gate_events(sample, read_workload(document), compensation_of(sample))
    results = fk.parse_gating_xml(document).gate_sample(fk.Sample(path, filename_as_id=True))
    assert_same_members(membership, {name: results.get_gate_membership(name) for name in membership.names})


@pytest.mark.shared
def test_the_golden_counts_of_200_000_events_are_met(tmp_path):
    path = tmp_path / "large.fcs"
    load(GOLDEN / "make_file.py", "golden_make_file").write(path, 200_000, 0)
    sample = read_fcs(path)
    populations = read_workload(GOLDEN / "workload_20.gatingml.xml")
    membership = gate_events(sample, populations, compensation_of(sample))
    with (GOLDEN / "expected_seed0_200k.csv").open() as table:
        expected = {row["population"]: int(row["count"]) for row in csv.DictReader(table)}
    assert {name: membership.counts[name] for name in membership.names} == expected
