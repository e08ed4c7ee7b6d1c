"""Histograms on fixed grids and pools of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from immunoprofile.gating._histograms import Grid, Histogram, histogram, pool, regrid

UNIT = Grid(low=0.0, high=1.0, bins=8)


def drawn(seed, n=500, grid=UNIT):
    return histogram(np.random.default_rng(seed).random(n), [grid])


def test_events_outside_the_grid_fall_into_its_end_bins_and_nan_is_dropped():
    found = histogram(np.array([-5.0, -np.inf, 0.01, 0.99, 1.0, np.inf, np.nan]), [UNIT])
    assert found.counts[0] == 3
    assert found.counts[-1] == 3
    assert found.n == 6


def test_an_event_with_one_nan_coordinate_is_dropped_from_a_plane():
    found = histogram(np.array([[0.1, 0.9], [np.nan, 0.5]]), [UNIT, UNIT])
    assert found.n == 1
    assert found.counts[0, 7] == 1


def test_positions_and_values_are_inverse():
    grid = Grid(low=-3.0, high=5.0, bins=16)
    assert grid.centers[0] == -2.75
    assert grid.edges[-1] == 5.0
    assert grid.position(float(grid.at(3.25))) == pytest.approx(3.25, abs=1e-12)


def test_histograms_of_any_two_parts_add_to_that_of_the_whole():
    values = np.random.default_rng(3).random(1000)
    parts = histogram(values[:300], [UNIT]) + histogram(values[300:], [UNIT])
    assert parts == histogram(values, [UNIT])


def test_histograms_on_different_grids_do_not_add():
    with pytest.raises(TypeError, match="regrid"):
        drawn(1) + drawn(1, grid=Grid(low=0.0, high=2.0, bins=8))


def test_counts_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        drawn(1).counts[0] = 1


@given(order=st.permutations(range(6)))
@settings(max_examples=30, deadline=None)
def test_a_pool_does_not_depend_on_the_order_of_its_units_to_the_bit(order):
    units = [drawn(seed, n=97 + 31 * seed) for seed in range(6)]
    one, other = pool(units), pool([units[i] for i in order])
    assert one.density.tobytes() == other.density.tobytes()
    assert one.n_effective == other.n_effective
    assert one.digest() == other.digest()


def test_a_pool_of_every_unit_twice_has_the_same_density_to_the_bit():
    units = [drawn(seed, n=97 + 31 * seed) for seed in range(5)]
    assert pool(units).density.tobytes() == pool([*units, *units]).density.tobytes()


def test_units_weigh_the_same_whatever_their_size():
    small = Histogram(grids=(UNIT,), counts=np.array([10, 0, 0, 0, 0, 0, 0, 0]), n=10)
    large = Histogram(grids=(UNIT,), counts=np.array([0, 0, 0, 0, 0, 0, 0, 90_000]), n=90_000)
    found = pool([small, large])
    assert found.density[[0, -1]] == pytest.approx([0.5, 0.5])
    assert found.n_effective == pytest.approx(2 * 2 / (1 / 10 + 1 / 90_000))


def test_the_effective_number_of_events_is_capped():
    assert pool([drawn(1, n=80_000)]).n_effective == 50_000


def test_units_without_events_are_left_out():
    empty = histogram(np.array([]), [UNIT])
    found = pool([empty, drawn(1)])
    assert found.n_units == 1
    assert pool([empty]).density.sum() == 0
    assert pool([empty]).n_units == 0


def test_a_pool_of_nothing_is_refused():
    with pytest.raises(TypeError, match="at least one"):
        pool([])


def test_units_on_different_grids_are_moved_to_one_that_spans_both():
    wide = Grid(low=-1.0, high=2.0, bins=12)
    found = pool([drawn(1), drawn(2, grid=wide)])
    assert found.grids == (Grid(low=-1.0, high=2.0, bins=12),)
    assert found.n_events == 1000


def test_regridding_keeps_every_event():
    moved = regrid(drawn(1), [Grid(low=0.0, high=0.5, bins=3)])
    assert moved.counts.sum() == moved.n == 500


def test_weighted_pools_take_each_unit_so_often():
    units = [drawn(seed) for seed in range(3)]
    found = pool(units)
    rows = found.weighted(np.array([[1, 1, 1], [3, 0, 0]]))
    assert rows[0].tobytes() == found.density.tobytes()
    assert rows[1] == pytest.approx(found.units[0].counts / found.units[0].n, abs=1e-11)
