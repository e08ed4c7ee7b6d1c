"""What every placement method keeps to, whichever file it is in."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from immunoprofile.gating._histograms import Grid, Histogram, histogram, pool
from immunoprofile.gating.placement import METHODS, Cut, Region, check_params

LINE = Grid(low=-6.0, high=9.0, bins=1024)
PLANE = (Grid(low=-6.0, high=10.0, bins=256), Grid(low=-6.0, high=10.0, bins=256))
TWO_AXES = ("diagonal", "rectangle_valley")
PARAMS = {"fixed": {"value": 2.0}}

EVERY = pytest.mark.parametrize("name", METHODS)


def cells(name, seed, n=20_000):
    """Two populations on one axis; a bulk with a corner population on two."""
    rng = np.random.default_rng(seed)
    many, few = int(0.9 * n), n - int(0.9 * n)
    if name in TWO_AXES:
        bulk, corner = (
            rng.normal([1.0, 4.0], [0.6, 0.4], (many, 2)),
            rng.normal([4.5, 1.5], [0.4, 0.4], (few, 2)),
        )
        return np.concatenate([bulk, corner])
    return np.concatenate([rng.normal(0.0, 0.5, many), rng.normal(4.0, 0.5, few)])


def one_mode(name, seed, n=20_000):
    return np.random.default_rng(seed).normal(1.0, 0.5, (n, 2) if name in TWO_AXES else n)


def grids(name):
    return PLANE if name in TWO_AXES else (LINE,)


def place(name, *parts):
    return METHODS[name](pool([histogram(part, grids(name)) for part in parts]), PARAMS.get(name, {}), None)


def share_of(found, name, values):
    """Share of the events on the wanted side: above a cut, inside a band or region."""
    if isinstance(found, Region):
        return found.share
    upper = np.inf if np.isnan(found.upper) else found.upper
    return float(((values >= found.at) & (values < upper)).mean())


@EVERY
def test_it_gives_a_cut_or_a_region_that_names_its_method(name):
    found = place(name, cells(name, 1))
    assert isinstance(found, Region if name in TWO_AXES else Cut)
    assert found.method == name
    assert found.found
    assert found.flags == tuple(sorted(found.flags))


@EVERY
def test_it_is_deterministic(name):
    one, other = place(name, cells(name, 1)), place(name, cells(name, 1))
    assert repr(one) == repr(other)


@EVERY
def test_it_does_not_move_when_events_are_shuffled(name):
    values = cells(name, 1)
    shuffled = np.random.default_rng(9).permutation(values, axis=0)
    assert repr(place(name, values)) == repr(place(name, shuffled))


@EVERY
def test_it_does_not_move_when_units_are_shuffled(name):
    units = [cells(name, seed, 3_000 + 500 * seed) for seed in range(4)]
    assert repr(place(name, *units)) == repr(place(name, *units[::-1]))


@EVERY
def test_it_follows_a_shift_of_the_whole_sample(name):
    if name in ("fixed", "open"):
        pytest.skip("declared, not learnt")
    source = histogram(cells(name, 1), grids(name))
    for shift in (-0.5, 3.0):
        moved = tuple(Grid(low=g.low + shift, high=g.high + shift, bins=g.bins) for g in source.grids)
        one, other = (
            METHODS[name](pool([Histogram(grids=axes, counts=source.counts, n=source.n)]), {}, None)
            for axes in (source.grids, moved)
        )
        if isinstance(one, Region):
            assert np.allclose(one.vertices + shift, other.vertices, atol=1e-9)
        else:
            assert other.at == pytest.approx(one.at + shift, abs=1e-9)


@EVERY
def test_it_follows_a_shift_of_the_events_on_the_same_grid(name):
    if name in ("fixed", "open"):
        pytest.skip("declared, not learnt")
    values, step = cells(name, 1), 20 * grids(name)[0].step
    one, other = place(name, values), place(name, values + step)
    if isinstance(one, Region):
        assert other.share == pytest.approx(one.share, abs=5e-4)
    else:
        assert other.at == pytest.approx(one.at + step, abs=1e-6)


@EVERY
def test_it_flags_a_sample_of_fewer_than_200_events(name):
    assert "FEW_EVENTS" in place(name, cells(name, 1, 150)).flags


@EVERY
def test_it_answers_a_sample_without_events_by_a_flag(name):
    found = place(name, cells(name, 1)[:0])
    assert found.flags
    if name not in ("fixed", "open"):
        assert not found.found


@EVERY
@pytest.mark.parametrize("kind", [one_mode, lambda name, seed: cells(name, seed) * 0 + 1.0])
def test_it_never_makes_all_or_nothing_without_a_flag(name, kind):
    values = kind(name, 2)
    found = place(name, values)
    if found.found and not found.flags:
        assert 0 < share_of(found, name, values) < 1


@EVERY
def test_it_does_not_change_its_input(name):
    pooled = pool([histogram(cells(name, 1), grids(name))])
    before = pooled.digest()
    METHODS[name](pooled, PARAMS.get(name, {}), None)
    assert pooled.digest() == before


@EVERY
def test_its_defaults_are_legal_parameters(name):
    check_params(name, PARAMS.get(name, {}))


@EVERY
def test_it_stands_in_a_file_of_its_own(name):
    folder = Path(importlib.util.find_spec("immunoprofile.gating.placement").origin).parent
    assert (folder / f"{name}.py").is_file()
    assert METHODS[name].__module__.rsplit(".", 1)[-1] == name
