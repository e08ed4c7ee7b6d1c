"""The engine gives, event for event, what the shapes give in plain numpy."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from engine_cases import (
    DETECTORS,
    LAYOUTS,
    TRANSFORMS,
    Draw,
    assert_true,
    events_for,
    read_events,
    write_file,
)

from immunoprofile.core import FcsError, FcsWarning, StrategyError, UnknownNameError
from immunoprofile.fcs import read_fcs, sample_from_arrays
from immunoprofile.gating import _engine, _kernels
from immunoprofile.gating._engine import gate_events, gather, warm_kernels
from immunoprofile.gating._shapes import (
    Boolean,
    Dimension,
    Ellipse,
    Intervals,
    Polygon,
    Population,
    Quadrant,
    Rectangle,
    Threshold,
)
from immunoprofile.transform import Arcsinh, Logicle, compensation_of

A, B = Dimension(detector="A"), Dimension(detector="B")


def above(name, detector="A", cut=100.0, parent="root"):
    shape = Threshold(dimension=Dimension(detector=detector), cut=cut)
    return Population(name=name, parent=parent, shape=shape)


def boolean(name, operator, *operands, parent="root"):
    return Population(name=name, parent=parent, shape=Boolean(operator=operator, operands=operands))


def shapes_on(x, y, sample, compensation):
    """One shape of each kind, with edges on events."""
    finite = gather(sample, [x, y], compensation)
    finite = finite[np.isfinite(finite).all(axis=1)]
    (x1, x2, x3), (y1, y2, y3) = np.quantile(finite, [0.2, 0.5, 0.8], axis=0, method="nearest").T
    spread = np.diag(finite.std(axis=0))
    return {
        "above": Threshold(dimension=x, cut=x2),
        "below": Threshold(dimension=x, cut=x2, side="below"),
        "rectangle": Rectangle(dimensions=(x, y), lower=(x1, -np.inf), upper=(x3, y3)),
        "intervals": Intervals(dimension=x, lower=(x1, x2 + 1e-3), upper=(x2, x3 + 1e-3)),
        "polygon": Polygon(dimensions=(x, y), vertices=[(x1, y1), (x3, y1), (x2, y2), (x3, y3), (x1, y3)]),
        "star": Polygon(dimensions=(x, y), vertices=[(x1, y1), (x3, y2), (x1, y2), (x3, y1), (x2, y3)]),
        "ellipse": Ellipse(
            dimensions=(x, y), mean=(x2, y2), covariance=spread @ [[1, 0.4], [0.4, 1]] @ spread,
            distance_square=1.0,
        ),
        "quadrant": Quadrant(dimensions=(x, y), cuts=(x2, y2), quadrant="+-"),
    }  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("transform", TRANSFORMS, ids=repr)
def test_every_shape_holds_the_events_of_the_plain_rule(tmp_path, layout, transform):
    sample = read_events(tmp_path, layout, 5000)
    compensation = compensation_of(sample)
    for spilling in (compensation, None):
        x, y = (Dimension(detector=name, transform=transform) for name in ("A", "B"))
        populations = [
            Population(name=name, parent="root", shape=shape)
            for name, shape in shapes_on(x, y, sample, spilling).items()
        ]
        membership = gate_events(sample, populations, spilling)
        assert_true(membership, sample, populations, spilling)
        assert all(0 < membership.counts[name] < sample.n_events for name in membership.names)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(
    seed=st.integers(0, 2**31),
    count=st.integers(1, 9),
    events=st.sampled_from([1, 7, 300, 4097, 70_000]),
    layout=st.sampled_from(LAYOUTS),
    compensated=st.booleans(),
)
def test_any_tree_holds_the_events_of_the_plain_rule(tmp_path, seed, count, events, layout, compensated):
    sample = read_events(tmp_path, layout, events, seed=seed % 7)
    compensation = compensation_of(sample) if compensated else None
    populations = Draw(sample, compensation, seed).tree(count)
    membership = gate_events(sample, populations, compensation)
    assert membership.names == tuple(population.name for population in populations)
    assert_true(membership, sample, populations, compensation)


def test_all_layouts_run_the_one_compiled_kernel(tmp_path):
    for layout in LAYOUTS:
        gate_events(read_events(tmp_path, layout, 20), [above("a")])
    assert len(_kernels.gate_chunk.signatures) == len(_kernels.read_columns.signatures) == 1


def test_a_missing_value_is_in_no_shape_but_in_a_complement():
    events = np.full((9, 2), 500.0, dtype=np.float32)
    events[0, 0], events[1, 1], events[2] = np.nan, np.nan, np.nan
    sample = sample_from_arrays(events, ["A", "B"])
    for transform in TRANSFORMS:
        x, y = Dimension(detector="A", transform=transform), Dimension(detector="B", transform=transform)
        z = float(transform.apply(500.0))
        populations = [
            Population(name="above", parent="root", shape=Threshold(dimension=x, cut=-np.inf)),
            Population(name="below", parent="root", shape=Threshold(dimension=x, cut=np.inf, side="below")),
            Population(
                name="polygon", parent="root",
                shape=Polygon(dimensions=(x, y), vertices=[(z - 1, z - 1), (z + 1, z - 1), (z, z + 2)]),
            ),
            Population(
                name="ellipse", parent="root",
                shape=Ellipse(dimensions=(x, y), mean=(z, z), covariance=np.eye(2), distance_square=1.0),
            ),
            boolean("rest", "not", "polygon"),
        ]  # fmt: skip
        membership = gate_events(sample, populations)
        assert [membership.counts[name] for name in membership.names] == [7, 7, 6, 6, 3]
        assert membership.mask("rest").tolist() == [True] * 3 + [False] * 6


def test_a_missing_value_in_one_detector_spoils_the_compensated_event_only(tmp_path):
    events = events_for("<f4", 600)
    events[5, 1] = np.nan
    with pytest.warns(FcsWarning, match="nan-events"):
        sample = read_fcs(write_file(tmp_path / "nan.fcs", events))
    values = gather(sample, [A, Dimension(detector="A", compensated=False)], compensation_of(sample))
    assert np.flatnonzero(np.isnan(values[:, 0])).tolist() == [5]
    assert not np.isnan(values[:, 1]).any()


def test_infinite_values_lie_on_open_sides_only():
    sample = sample_from_arrays(np.array([[np.inf], [-np.inf], [1.0]], dtype=np.float32), ["A"])
    for transform in TRANSFORMS:
        x = Dimension(detector="A", transform=transform)
        populations = [
            Population(name="high", parent="root", shape=Threshold(dimension=x, cut=50.0)),
            Population(name="low", parent="root", shape=Threshold(dimension=x, cut=-50.0, side="below")),
            Population(
                name="middle", parent="root", shape=Rectangle(dimensions=[x], lower=[-50], upper=[50])
            ),
        ]
        membership = gate_events(sample, populations)
        assert [membership.mask(name).tolist() for name in membership.names] == np.eye(3, dtype=bool).tolist()


@pytest.mark.parametrize("transform", TRANSFORMS, ids=repr)
def test_events_on_the_edges_of_a_polygon_are_settled_exactly(transform):
    values = np.array([10.0, 20.0, 50.0, 100.0, 1000.0, 5000.0, 20000.0])
    grid = np.array([(x, y) for x in values for y in values], dtype=np.float32)
    sample = sample_from_arrays(np.tile(grid, (20, 1)), ["A", "B"])
    x, y = Dimension(detector="A", transform=transform), Dimension(detector="B", transform=transform)
    z = transform.apply(values)
    corners = [(z[1], z[1]), (z[4], z[1]), (z[4], z[3]), (z[5], z[3]), (z[5], z[5]), (z[1], z[5])]
    populations = [
        Population(name="polygon", parent="root", shape=Polygon(dimensions=(x, y), vertices=corners)),
        Population(name="inner", parent="polygon", shape=Threshold(dimension=x, cut=float(z[2]))),
        boolean("rest", "not", "inner", parent="polygon"),
    ]
    membership = gate_events(sample, populations)
    assert_true(membership, sample, populations)
    assert membership.counts["polygon"] == 20 * (
        3 * 4 + 2
    )  # left and lower edges inside, right and upper not


def test_a_far_value_is_settled_exactly():
    values = np.array([1e-30, 1.0, 1e12, 1e30], dtype=np.float32)
    sample = sample_from_arrays(np.column_stack([values, values]), ["A", "B"])
    for transform in TRANSFORMS:
        x, y = Dimension(detector="A", transform=transform), Dimension(detector="B", transform=transform)
        low, high = float(transform.apply(0.5)), float(transform.apply(1e31))
        shape = Polygon(dimensions=(x, y), vertices=[(low, low), (high, low), (high, high), (low, high)])
        membership = gate_events(sample, [Population(name="far", parent="root", shape=shape)])
        assert membership.mask("far").tolist() == [False, True, True, True]


def test_a_ratio_of_a_denominator_that_is_not_positive_is_missing():
    events = np.array([[4.0, 2.0], [4.0, 0.0], [4.0, -2.0], [-4.0, 2.0]], dtype=np.float32)
    sample = sample_from_arrays(events, ["A", "B"])
    ratio = Dimension(detector="A", over="B")
    assert gather(sample, [ratio])[:, 0].tolist() == pytest.approx([2.0, np.nan, np.nan, -2.0], nan_ok=True)
    open_gate = Population(name="any", parent="root", shape=Threshold(dimension=ratio, cut=-np.inf))
    assert gate_events(sample, [open_gate]).mask("any").tolist() == [True, False, False, True]


def test_a_boolean_stays_within_its_parent():
    sample = sample_from_arrays(np.arange(8, dtype=np.float32)[:, None], ["A"])
    populations = [
        above("high", cut=4.0),
        above("higher", cut=6.0, parent="high"),
        boolean("not_higher", "not", "higher", parent="high"),
        boolean("none", "and", "higher", "not_higher"),
        boolean("all_high", "or", "higher", "not_higher"),
        boolean("nobody", "not", "root"),
    ]
    membership = gate_events(sample, populations)
    assert np.flatnonzero(membership.mask("not_higher")).tolist() == [4, 5]
    assert membership.counts == {
        "root": 8, "high": 4, "higher": 2, "not_higher": 2, "none": 0, "all_high": 4, "nobody": 0,
    }  # fmt: skip


def test_a_sample_without_events_gives_empty_populations(tmp_path):
    sample = read_fcs(write_file(tmp_path / "empty.fcs", np.empty((0, len(DETECTORS)))))
    membership = gate_events(sample, [above("a"), boolean("b", "not", "a")], compensation_of(sample))
    assert membership.counts == {"root": 0, "a": 0, "b": 0}
    assert membership.mask("b").shape == membership.mask("root").shape == (0,)
    assert gather(sample, [A, B]).shape == (0, 2)


def test_no_populations_are_no_trouble():
    sample = sample_from_arrays(np.ones((5, 1), dtype=np.float32), ["A"])
    membership = gate_events(sample, [])
    assert (membership.names, membership.counts) == ((), {"root": 5})
    assert membership.mask("root").all()
    assert gather(sample, []).shape == (5, 0)


def test_the_order_of_events_does_not_matter(tmp_path):
    events = events_for("<f4", 9000)
    turned = np.random.default_rng(3).permutation(len(events))
    first, second = (
        read_fcs(write_file(tmp_path / f"{number}.fcs", rows))
        for number, rows in enumerate((events, events[turned]))
    )
    compensation = compensation_of(first)
    populations = Draw(first, compensation, 11).tree(8)
    one, two = gate_events(first, populations, compensation), gate_events(second, populations, compensation)
    for name in one.names:
        assert np.array_equal(one.mask(name)[turned], two.mask(name))


def test_gathered_values_are_compensated_and_transformed(tmp_path):
    sample = read_events(tmp_path, "<f4", 70_000)
    compensation = compensation_of(sample)
    mask = np.zeros(sample.n_events, dtype=np.bool_)
    mask[[0, 3, 4095, 4096, 65_535, 65_536, 69_999]] = True
    dimensions = [
        Dimension(detector="B", transform=Arcsinh(cofactor=150.0)),
        Dimension(detector="Time"),
        Dimension(detector="B", transform=Logicle(), compensated=False),
    ]
    raw = sample.block(0, sample.n_events)[mask]
    compensated = compensation.compensate(raw[:, compensation.channels])[:, 1]
    values = gather(sample, dimensions, compensation, mask=mask)
    assert values[:, 0] == pytest.approx(np.arcsinh(compensated / 150.0), rel=1e-9)
    assert np.array_equal(values[:, 1], raw[:, 4])
    assert np.array_equal(values[:, 2], Logicle().apply(raw[:, 1]))
    assert np.array_equal(gather(sample, dimensions, compensation)[mask], values)


def test_a_mask_of_another_size_is_refused():
    sample = sample_from_arrays(np.ones((5, 1), dtype=np.float32), ["A"])
    with pytest.raises(TypeError, match="mask"):
        gather(sample, [A], mask=np.ones(4, dtype=np.bool_))


def test_an_unknown_population_names_the_nearest():
    sample = sample_from_arrays(np.ones((5, 1), dtype=np.float32), ["A"])
    membership = gate_events(sample, [above("cd4_t")])
    assert repr(membership) == "Membership(1 populations, 5 events)"
    with pytest.raises(UnknownNameError, match="cd4_t"):
        membership.mask("cd4")


def test_an_unknown_detector_is_an_error():
    sample = sample_from_arrays(np.ones((5, 1), dtype=np.float32), ["A"])
    with pytest.raises(FcsError):
        gate_events(sample, [above("a", detector="Z")])


@pytest.mark.parametrize(
    ("populations", "said"),
    [
        ([above("a"), above("a")], "twice"),
        ([above("a", parent="b")], "not there"),
        ([boolean("cd4", "not", "cd8"), above("cd8_t")], "nearest: 'cd8_t'"),
        ([above("a", parent="b"), above("b", parent="a")], "wait for each other"),
        ([boolean("a", "not", "a")], "wait for each other"),
    ],
)
def test_a_tree_that_cannot_be_ordered_is_refused(populations, said):
    sample = sample_from_arrays(np.ones((5, 1), dtype=np.float32), ["A"])
    with pytest.raises(StrategyError, match=said) as caught:
        gate_events(sample, populations)
    assert caught.value.code == "STRATEGY_SCHEMA"


def test_a_chain_of_a_thousand_gates_is_quick_and_right():
    sample = sample_from_arrays(np.arange(20_000, dtype=np.float32)[:, None], ["A"])
    chain = [above(f"g{i}", cut=float(i), parent=f"g{i - 1}" if i else "root") for i in range(1000)]
    before = time.process_time()
    membership = gate_events(sample, chain[::-1])
    assert time.process_time() - before < 2.0
    assert all(membership.counts[f"g{i}"] == 20_000 - i for i in range(0, 1000, 111))


def test_members_do_not_depend_on_the_other_gates(tmp_path):
    sample = read_events(tmp_path, "<f4", 5000)
    compensation = compensation_of(sample)
    populations = Draw(sample, compensation, 5).tree(9)
    together = gate_events(sample, populations, compensation)
    lone = [p for p in populations if p.parent == "root" and not isinstance(p.shape, Boolean)]
    assert lone
    for population in lone:
        alone = gate_events(sample, [population], compensation)
        assert np.array_equal(alone.mask(population.name), together.mask(population.name))


def test_packed_bits_are_read_only_and_small():
    sample = sample_from_arrays(np.arange(17, dtype=np.float32)[:, None], ["A"])
    membership = gate_events(sample, [above("a", cut=8.0)])
    assert membership.packed.tolist() == [[0, 255, 1]]
    with pytest.raises(ValueError, match="read-only"):
        membership.packed[0, 0] = 1


def test_chunks_hold_whole_blocks():
    assert _engine.CHUNK % _kernels.BLOCK == 0


def test_warming_the_kernels_twice_is_free():
    warm_kernels()
    before = time.process_time()
    warm_kernels()
    assert time.process_time() - before < 0.05
