"""Our gates and FlowKit's hold the same events, event for event, for every shape on every scale.

FlowKit reads the document that we write and gates the same file; its faults (mixed compensation, both ends of
a ratio, logarithms of what is not positive) must not show.
"""

from __future__ import annotations

import io
import math

import flowkit
import numpy as np
import pytest
from lxml import etree

from immunoprofile.core import InterchangeError
from immunoprofile.fcs import Spillover, read_fcs, write_fcs
from immunoprofile.gating import (
    Boolean,
    Dimension,
    Ellipse,
    Intervals,
    Polygon,
    Population,
    Quadrant,
    Rectangle,
    Threshold,
    gate_events,
)
from immunoprofile.interchange import gatingml_of
from immunoprofile.transform import Arcsinh, Linear, Log, Logicle, compensation_of

DETECTORS = ("FSC-A", "FSC-H", "SSC-A", "PE-A", "APC-A", "FITC <&> A", "Time")
STEP = 0.01
SCALES = {
    "linear": Linear(),
    "log": Log(T=262144.0, M=5.0),
    "arcsinh": Arcsinh(cofactor=150.0),
    "logicle": Logicle(),
    "wide logicle": Logicle(T=100000.0, W=1.2, M=4.5, A=0.3),
}
INF = math.inf


def events(count=3000):
    rng = np.random.default_rng(11)
    high = rng.random((count, 3)) < [0.3, 0.5, 0.4]
    dyes = rng.normal(0, 120, (count, 3)) + np.where(high, rng.lognormal(8, 0.9, (count, 3)), 0)
    spilled = dyes @ MATRIX
    area = rng.lognormal(11, 0.4, count)
    side = rng.normal(20000, 30000, count)
    height = area / rng.normal(1.1, 0.2, count)
    height[:40] = [0.0, -500.0] * 20
    clock = np.sort(rng.integers(0, 60000, count)).astype(float)
    return np.column_stack([area, height, side, spilled, clock]).astype(np.float32)


MATRIX = np.array([[1.0, 0.15, 0.02], [0.05, 1.0, 0.3], [0.25, 0.01, 1.0]])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    path = tmp_path_factory.mktemp("fcs") / "cells.fcs"
    write_fcs(
        path,
        events(),
        DETECTORS,
        labels=("", "", "", "CD25", "CD4", "CD3", ""),
        spillover=Spillover(detectors=DETECTORS[3:6], matrix=MATRIX),
        keywords={"$TIMESTEP": str(STEP)},
    )
    return read_fcs(path), flowkit.Sample(path, sample_id="cells")


def ours_and_theirs(files, populations, *, compensated=True):
    sample, other = files
    compensation = compensation_of(sample) if compensated else None
    membership = gate_events(sample, populations, compensation)
    content = gatingml_of(populations, compensation, time_steps={"Time": STEP})
    strategy = flowkit.parse_gating_xml(io.BytesIO(content))
    with np.errstate(all="ignore"):  # FlowKit takes logarithms and ratios of everything
        results = strategy.gate_sample(other)
    ids = names_of(content)
    plain = {p.name for p in populations if p.name.isidentifier()} - {"FCS", "spillover"}
    assert all(ids[name] == name for name in plain)
    for population in populations:
        mine, theirs = membership.mask(population.name), results.get_gate_membership(ids[population.name])
        yield population.name, mine, theirs


def names_of(content):
    """Ids by real name, as any reader of the document finds them."""
    root = etree.fromstring(content)
    found = {}
    for gate in root.iter("{*}RectangleGate", "{*}PolygonGate", "{*}EllipsoidGate", "{*}BooleanGate"):
        gate_id = next(value for key, value in gate.attrib.items() if key.endswith("}id"))
        named, helper = gate.find(".//{*}population"), gate.find(".//{*}helper")
        if helper is None:
            found[gate_id if named is None else named.get("name")] = gate_id
    return found


def check(files, populations, **options):
    for name, mine, theirs in ours_and_theirs(files, populations, **options):
        assert (mine == theirs).all(), f"{name}: {(mine != theirs).sum()} events differ"
        assert 0 < mine.sum() < mine.size, f"{name} says nothing: {mine.sum()} of {mine.size}"


def cut_at(files, dimension, share):
    """A cut in transformed units that parts the events by `share`; not on an event."""
    sample, _ = files
    found = compensation_of(sample)
    if dimension.over is not None:
        bottom = sample.column(dimension.over)
        x = sample.column(dimension.detector)[bottom > 0] / bottom[bottom > 0]
    elif dimension.compensated and dimension.detector in found.detectors:
        values = found.compensate(sample.block(0, sample.n_events, found.channels.tolist()))
        x = values[:, found.detectors.index(dimension.detector)]
    else:
        x = sample.column(dimension.detector)
    z = dimension.transform.apply(x)
    return float(np.quantile(z[np.isfinite(z)], share))


@pytest.mark.parametrize("compensated", [True, False])
@pytest.mark.parametrize("scale", SCALES)
def test_thresholds_rectangles_and_quadrants(files, scale, compensated):
    x, y = (
        Dimension(detector=d, transform=SCALES[scale], compensated=compensated) for d in ("PE-A", "APC-A")
    )
    low, high = cut_at(files, x, 0.4), cut_at(files, x, 0.9)
    middle = cut_at(files, y, 0.6)
    populations = [
        Population(name="above", parent="root", shape=Threshold(dimension=x, cut=low, side="above")),
        Population(name="below", parent="root", shape=Threshold(dimension=x, cut=low, side="below")),
        Population(name="band", parent="root", shape=Rectangle(dimensions=(x,), lower=(low,), upper=(high,))),
        Population(
            name="box",
            parent="below",
            shape=Rectangle(dimensions=(x, y), lower=(-INF, middle), upper=(low, INF)),
        ),
    ]
    populations += [
        Population(
            name=f"q{q}", parent="root", shape=Quadrant(dimensions=(x, y), cuts=(low, middle), quadrant=q)
        )
        for q in ("++", "+-", "-+", "--")
    ]
    check(files, populations, compensated=compensated)


@pytest.mark.parametrize("compensated", [True, False])
@pytest.mark.parametrize("scale", SCALES)
def test_polygons_and_ellipses(files, scale, compensated):
    x, y = (
        Dimension(detector=d, transform=SCALES[scale], compensated=compensated)
        for d in ("PE-A", "FITC <&> A")
    )
    xs = [cut_at(files, x, share) for share in (0.3, 0.6, 0.98)]
    ys = [cut_at(files, y, share) for share in (0.2, 0.5, 0.95)]
    crossing = np.array([[xs[0], ys[0]], [xs[2], ys[2]], [xs[0], ys[2]], [xs[2], ys[0]], [xs[1], ys[1]]])
    spread = np.array([[(xs[2] - xs[0]) ** 2, 0.0], [0.0, (ys[2] - ys[0]) ** 2]]) / 4
    spread[0, 1] = spread[1, 0] = 0.4 * math.sqrt(spread[0, 0] * spread[1, 1])
    check(
        files,
        [
            Population(name="star", parent="root", shape=Polygon(dimensions=(x, y), vertices=crossing)),
            Population(
                name="oval",
                parent="root",
                shape=Ellipse(dimensions=(x, y), mean=[xs[1], ys[1]], covariance=spread, distance_square=0.8),
            ),
        ],
        compensated=compensated,
    )


@pytest.mark.parametrize("scale", [Linear(), Log(T=math.e, M=1 / math.log(10)), Arcsinh(cofactor=2.0)])
def test_ratios_of_area_and_height(files, scale):
    ratio = Dimension(detector="FSC-A", over="FSC-H", transform=scale, compensated=False)
    size = Dimension(detector="SSC-A", transform=Arcsinh(cofactor=150.0), compensated=False)
    cuts = [cut_at(files, ratio, share) for share in (0.1, 0.5, 0.9)]
    sides = [cut_at(files, size, share) for share in (0.2, 0.8)]
    square = np.array([[cuts[0], sides[0]], [cuts[2], sides[0]], [cuts[2], sides[1]], [cuts[0], sides[1]]])
    check(
        files,
        [
            Population(
                name="band",
                parent="root",
                shape=Rectangle(dimensions=(ratio,), lower=cuts[:1], upper=cuts[2:]),
            ),
            Population(
                name="wide", parent="root", shape=Threshold(dimension=ratio, cut=cuts[1], side="above")
            ),
            Population(
                name="narrow", parent="root", shape=Threshold(dimension=ratio, cut=cuts[1], side="below")
            ),
            Population(
                name="square", parent="root", shape=Polygon(dimensions=(ratio, size), vertices=square)
            ),
        ],
    )


def test_stretches_of_time_are_in_seconds_for_flowkit(files):
    clock = Dimension(detector="Time", transform=Linear(), compensated=False)
    ends = [cut_at(files, clock, share) for share in (0.1, 0.3, 0.5, 0.7, 0.9)]
    shapes = {
        "one": Intervals(dimension=clock, lower=ends[:1], upper=ends[1:2]),
        "two": Intervals(dimension=clock, lower=(ends[0], ends[2]), upper=(ends[1], ends[3])),
        "touching": Intervals(dimension=clock, lower=(ends[0], ends[1]), upper=(ends[1], ends[2])),
        "open": Intervals(dimension=clock, lower=(-INF, ends[3]), upper=(ends[0], INF)),
    }
    check(files, [Population(name=name, parent="root", shape=shape) for name, shape in shapes.items()])


def test_time_on_another_scale_and_in_an_ellipse_keeps_its_events(files):
    clock = Dimension(detector="Time", transform=Linear(), compensated=False)
    curved = Dimension(detector="Time", transform=Arcsinh(cofactor=5000.0), compensated=False)
    side = Dimension(detector="SSC-A", transform=Linear(), compensated=False)
    early = Threshold(dimension=curved, cut=cut_at(files, curved, 0.4), side="below")
    oval = Ellipse(
        dimensions=(clock, side),
        mean=[30000, 20000],
        covariance=[[1e8, 2e7], [2e7, 9e8]],
        distance_square=1.0,
    )
    check(
        files,
        [
            Population(name="early", parent="root", shape=early),
            Population(name="oval", parent="root", shape=oval),
        ],
    )


def test_no_stretch_at_all_holds_no_event(files):
    clock = Dimension(detector="Time", transform=Linear(), compensated=False)
    nothing = [Population(name="none", parent="root", shape=Intervals(dimension=clock, lower=(), upper=()))]
    for _, mine, theirs in ours_and_theirs(files, nothing):
        assert mine.sum() == theirs.sum() == 0


def test_boolean_gates_within_their_parent(files):
    x, y = (Dimension(detector=d, transform=Arcsinh(cofactor=150.0)) for d in ("PE-A", "APC-A"))
    populations = [
        Population(name="lymph", parent="root", shape=Threshold(dimension=y, cut=cut_at(files, y, 0.3))),
        Population(name="treg", parent="lymph", shape=Threshold(dimension=x, cut=cut_at(files, x, 0.7))),
        Population(name="tconv", parent="lymph", shape=Boolean(operator="not", operands=("treg",))),
        Population(name="other", parent="root", shape=Threshold(dimension=x, cut=cut_at(files, x, 0.9))),
        Population(name="either", parent="lymph", shape=Boolean(operator="or", operands=("treg", "other"))),
        Population(name="both", parent="root", shape=Boolean(operator="and", operands=("treg", "other"))),
        Population(
            name="own parent", parent="lymph", shape=Boolean(operator="and", operands=("lymph", "other"))
        ),
        Population(name="alone", parent="lymph", shape=Boolean(operator="or", operands=("other",))),
    ]
    check(files, populations)


def test_a_gate_that_mixes_compensated_and_uncompensated_detectors_becomes_two(files):
    compensated = Dimension(detector="PE-A", transform=Logicle())
    as_stored = Dimension(detector="APC-A", transform=Logicle(), compensated=False)
    cuts = cut_at(files, compensated, 0.4), cut_at(files, as_stored, 0.6)
    mixed = Quadrant(dimensions=(compensated, as_stored), cuts=cuts, quadrant="++")
    check(files, [Population(name="mixed", parent="root", shape=mixed)])
    square = Polygon(dimensions=(compensated, as_stored), vertices=[[0, 0], [1, 0], [1, 1]])
    with pytest.raises(InterchangeError, match="gate_not_expressible") as caught:
        gatingml_of([Population(name="square", parent="root", shape=square)], compensation_of(files[0]))
    assert "square" in caught.value.where


def test_scatter_beside_a_compensated_detector_stays_one_polygon(files):
    dye = Dimension(detector="PE-A", transform=Logicle())
    side = Dimension(detector="SSC-A", transform=Linear(), compensated=False)
    xs, ys = ([cut_at(files, d, share) for share in (0.2, 0.9)] for d in (dye, side))
    square = Polygon(dimensions=(dye, side), vertices=[[xs[0], ys[0]], [xs[1], ys[0]], [xs[1], ys[1]]])
    check(files, [Population(name="square", parent="root", shape=square)])


def test_one_detector_on_two_scales_and_a_box_of_all_detectors(files):
    twice = tuple(
        Dimension(detector="PE-A", transform=scale) for scale in (Logicle(), Arcsinh(cofactor=150.0))
    )
    cuts = cut_at(files, twice[0], 0.3), cut_at(files, twice[1], 0.8)
    stored = tuple(Dimension(detector=d, transform=Linear(), compensated=False) for d in DETECTORS[:6])
    ceilings = tuple(cut_at(files, d, 0.95) for d in stored)
    check(
        files,
        [
            Population(
                name="twice",
                parent="root",
                shape=Rectangle(dimensions=twice, lower=(cuts[0], -INF), upper=(INF, cuts[1])),
            ),
            Population(
                name="boundary",
                parent="root",
                shape=Rectangle(dimensions=stored, lower=(-INF,) * 6, upper=ceilings),
            ),
        ],
    )


def test_names_that_are_no_xml_names_are_made_unique_and_kept(files):
    x = Dimension(detector="PE-A", transform=Arcsinh(cofactor=150.0))
    names = ["CD4+ T cells", "CD4  T cells", "1st", "FCS", "spillover", "arcsinh_1", "Treg/naïve", "plain"]
    shapes = [Threshold(dimension=x, cut=cut_at(files, x, 0.3 + 0.05 * i)) for i in range(len(names))]
    populations = [
        Population(name=name, parent="root", shape=shape) for name, shape in zip(names, shapes, strict=True)
    ]
    check(files, populations)
    ids = names_of(gatingml_of(populations))
    assert ids["plain"] == "plain"
    assert ids["FCS"] != "FCS"
    assert len(set(ids.values())) == len(names)


def test_numbers_come_back_to_the_last_bit(files):
    x = Dimension(detector="PE-A", transform=Linear())
    cut = 1 / 3 * 1e-7
    content = gatingml_of([Population(name="a", parent="root", shape=Threshold(dimension=x, cut=cut))])
    strategy = flowkit.parse_gating_xml(io.BytesIO(content))
    assert strategy.get_gate("a").dimensions[0].min == cut


def test_a_gate_before_its_parent_is_refused(files):
    x = Dimension(detector="PE-A", transform=Linear())
    orphan = Population(name="child", parent="parent", shape=Threshold(dimension=x, cut=1.0))
    with pytest.raises(InterchangeError, match="'parent'"):
        gatingml_of([orphan])


def test_a_detector_that_xml_cannot_hold_is_refused(files):
    x = Dimension(detector="PE\x01-A", transform=Linear())
    with pytest.raises(InterchangeError, match="gate_not_expressible"):
        gatingml_of([Population(name="a", parent="root", shape=Threshold(dimension=x, cut=1.0))])
