"""Shapes: what they refuse, what they hold, and that their edges are those of FlowKit."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from immunoprofile.core import StrategyError
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
from immunoprofile.transform import Arcsinh, Linear

X, Y = Dimension(detector="X"), Dimension(detector="Y")
NAN, INF = float("nan"), float("inf")
SQUARE = [(0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0)]


def z(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)


def polygon(vertices) -> Polygon:
    return Polygon(dimensions=(X, Y), vertices=vertices)


def test_a_dimension_is_compensated_and_linear_unless_told_otherwise():
    assert Dimension(detector="X", transform=Linear(), compensated=True, over=None) == X
    assert Dimension(detector="X", transform=Arcsinh(cofactor=150.0)) != X


def test_an_event_on_the_cut_is_above_it():
    values = [z(1.0, 2.0, 3.0, NAN)]
    assert Threshold(dimension=X, cut=2.0).contains(values).tolist() == [False, True, True, False]
    below = Threshold(dimension=X, cut=2.0, side="below").contains(values)
    assert below.tolist() == [True, False, False, False]


def test_an_open_side_holds_all_but_missing_values():
    values = [z(-INF, 0.0, INF, NAN)]
    everything = [True, True, True, False]
    assert Threshold(dimension=X, cut=-INF).contains(values).tolist() == everything
    assert Threshold(dimension=X, cut=INF, side="below").contains(values).tolist() == everything
    assert Rectangle(dimensions=(X,), lower=(-INF,), upper=(INF,)).contains(values).tolist() == everything


def test_a_rectangle_holds_its_lower_edge_and_not_its_upper():
    shape = Rectangle(dimensions=(X, Y), lower=(0.0, 0.0), upper=(1.0, 1.0))
    inside = shape.contains([z(0.0, 1.0, 0.5, 0.5, NAN), z(0.0, 0.5, 1.0, 0.999, 0.5)])
    assert inside.tolist() == [True, False, False, True, False]


def test_intervals_hold_each_of_their_ranges():
    shape = Intervals(dimension=X, lower=(0.0, 2.0, 3.0), upper=(1.0, 3.0, INF))
    assert shape.contains([z(-1.0, 0.0, 1.0, 2.0, 3.0, 1e9, NAN)]).tolist() == [
        False, True, False, True, True, True, False,
    ]  # fmt: skip
    assert not Intervals(dimension=X, lower=(), upper=()).contains([z(0.0)]).any()


def test_the_four_quadrants_share_the_plane():
    x, y = z(-1.0, 0.0, 1.0, NAN, 0.0), z(0.0, -1.0, 1.0, 0.0, 0.0)
    inside = {
        sign: Quadrant(dimensions=(X, Y), cuts=(0.0, 0.0), quadrant=sign).contains([x, y])
        for sign in ("++", "+-", "-+", "--")
    }
    assert sum(mask.astype(int) for mask in inside.values()).tolist() == [1, 1, 1, 0, 1]
    assert inside["++"].tolist() == [False, False, True, False, True]
    assert inside["+-"].tolist() == [False, True, False, False, False]


def test_neighbouring_polygons_share_no_event():
    right = polygon([(x + 2.0, y) for x, y in SQUARE])
    x, y = (side.ravel() for side in np.meshgrid(np.arange(0.0, 4.5, 0.5), np.arange(0.0, 2.5, 0.5)))
    both = polygon(SQUARE).contains([x, y]) & right.contains([x, y])
    assert not both.any()


def test_where_a_polygon_crosses_itself_the_middle_is_outside():
    angle = np.pi / 2 + np.arange(5) * 4 * np.pi / 5
    star = polygon(np.column_stack([np.cos(angle), np.sin(angle)]))
    assert star.contains([z(0.0, 0.0), z(0.0, 0.7)]).tolist() == [False, True]


def test_an_ellipse_holds_its_edge():
    shape = Ellipse(dimensions=(X, Y), mean=(1.0, 0.0), covariance=np.diag([4.0, 1.0]), distance_square=1.0)
    inside = shape.contains([z(3.0, -1.0, 1.0, 1.0, NAN, INF), z(0.0, 0.0, 1.0, 1.001, 0.0, 0.0)])
    assert inside.tolist() == [True, True, True, False, False, False]


@given(
    vertices=st.lists(st.tuples(*[st.integers(-4, 4)] * 2), min_size=3, max_size=9),
    points=st.lists(st.tuples(*[st.integers(-10, 10)] * 2), min_size=1, max_size=30),
)
def test_polygons_hold_the_events_that_flowkit_holds(vertices, points):
    from flowutils.gating import points_in_polygon

    corners, events = np.array(vertices, dtype=np.float64), np.array(points, dtype=np.float64) / 2
    theirs = points_in_polygon(corners, np.ascontiguousarray(events))
    assert np.array_equal(polygon(corners).contains([events[:, 0], events[:, 1]]), theirs)


@given(st.integers(0, 2**31))
def test_ellipses_hold_the_events_that_flowkit_holds(seed):
    from flowutils.gating import points_in_ellipsoid

    rng = np.random.default_rng(seed)
    root = rng.normal(size=(3, 3))
    covariance, mean = root @ root.T + 0.1 * np.eye(3), rng.normal(size=3)
    events = rng.normal(size=(200, 3)) * 2
    shape = Ellipse(
        dimensions=(X, Y, Dimension(detector="Z")), mean=mean, covariance=covariance, distance_square=2.0
    )
    theirs = points_in_ellipsoid(covariance, mean, 2.0, events)
    assert np.array_equal(shape.contains(list(events.T)), theirs)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Dimension(detector=""),
        lambda: Dimension(detector="X", over=""),
        lambda: Threshold(dimension=X, cut=NAN),
        lambda: Threshold(dimension=X, cut=1.0, side="over"),
        lambda: Rectangle(dimensions=(), lower=(), upper=()),
        lambda: Rectangle(dimensions=(X,), lower=(0.0, 1.0), upper=(1.0, 2.0)),
        lambda: Rectangle(dimensions=(X,), lower=(1.0,), upper=(1.0,)),
        lambda: Rectangle(dimensions=(X,), lower=(NAN,), upper=(1.0,)),
        lambda: Intervals(dimension=X, lower=(0.0,), upper=()),
        lambda: Intervals(dimension=X, lower=(0.0, 0.5), upper=(1.0, 2.0)),
        lambda: Intervals(dimension=X, lower=(2.0, 0.0), upper=(3.0, 1.0)),
        lambda: polygon(SQUARE[:2]),
        lambda: polygon([(0.0, 0.0), (1.0, INF), (1.0, 0.0)]),
        lambda: polygon([0.0, 1.0, 2.0]),
        lambda: polygon("corners"),
        lambda: Polygon(dimensions=(X,), vertices=SQUARE),
        lambda: Ellipse(dimensions=(X,), mean=(0.0,), covariance=[[1.0]], distance_square=1.0),
        lambda: Ellipse(dimensions=(X, Y), mean=(0.0,), covariance=np.eye(2), distance_square=1.0),
        lambda: Ellipse(dimensions=(X, Y), mean=(0, 0), covariance=[[1, 2], [2, 1]], distance_square=1.0),
        lambda: Ellipse(dimensions=(X, Y), mean=(0, 0), covariance=[[1, 0], [0.5, 1]], distance_square=1.0),
        lambda: Ellipse(dimensions=(X, Y), mean=(0, 0), covariance=np.eye(2), distance_square=0.0),
        lambda: Quadrant(dimensions=(X, Y), cuts=(0.0,), quadrant="++"),
        lambda: Quadrant(dimensions=(X, Y), cuts=(0.0, NAN), quadrant="++"),
        lambda: Quadrant(dimensions=(X, Y), cuts=(0.0, 0.0), quadrant="+"),
        lambda: Boolean(operator="xor", operands=("a", "b")),
        lambda: Boolean(operator="not", operands=("a", "b")),
        lambda: Boolean(operator="and", operands=()),
        lambda: Boolean(operator="and", operands="ab"),
        lambda: Population(name="root", parent="root", shape=Threshold(dimension=X, cut=1.0)),
        lambda: Population(name="", parent="root", shape=Threshold(dimension=X, cut=1.0)),
        lambda: polygon(SQUARE).contains([z(0.0)]),
    ],
)
def test_a_shape_that_makes_no_sense_is_refused(make):
    with pytest.raises(StrategyError) as caught:
        make()
    assert caught.value.code == "STRATEGY_SCHEMA"
    assert "hint" in str(caught.value)


def test_shapes_are_equal_by_content_and_serve_as_keys():
    first, same, other = polygon(SQUARE), polygon(np.array(SQUARE)), polygon(SQUARE[::-1])
    assert first == same
    assert hash(first) == hash(same)
    assert first != other
    assert first != "a polygon"
    flat = {"dimensions": (X, Y), "covariance": np.eye(2), "distance_square": 1.0}
    assert Ellipse(mean=(0.0, 0.0), **flat) == Ellipse(mean=(-0.0, 0.0), **flat)
    assert hash(Ellipse(mean=(0.0, 0.0), **flat)) == hash(Ellipse(mean=(-0.0, 0.0), **flat))
    assert Ellipse(mean=(0.0, 0.0), **flat) != Ellipse(mean=(1.0, 0.0), **flat)
    assert Ellipse(mean=(0.0, 0.0), **flat) != first


def test_shapes_cannot_be_changed_and_survive_pickling():
    vertices = np.array(SQUARE)
    shape = polygon(vertices)
    vertices[:] = 9.0
    assert shape == polygon(SQUARE)
    with pytest.raises(ValueError, match="read-only"):
        shape.vertices[0, 0] = 1.0
    with pytest.raises(AttributeError):
        shape.vertices = vertices
    population = Population(name="a", parent="root", shape=shape)
    assert pickle.loads(pickle.dumps(population)) == population
