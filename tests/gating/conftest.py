"""Simulated tubes, and strategies placed on them: made once for all tests of gating."""

from __future__ import annotations

import numpy as np
import pytest

import immunoprofile as ip
from immunoprofile.gating import place_units

from .tube_cases import Remembering, Tube, rebuilt, units_of

SEEDS = range(6)
NEAR_EMPTY = 200


@pytest.fixture(scope="session")
def tubes(tmp_path_factory):
    """Six tubes of 6,000 events."""
    folder = tmp_path_factory.mktemp("tubes")
    return [Tube(ip.simulate.sample(folder / f"{seed}.fcs", events=6_000, seed=seed)) for seed in SEEDS]


@pytest.fixture(scope="session")
def large(tmp_path_factory):
    """One tube of 20,000 events."""
    return Tube(ip.simulate.sample(tmp_path_factory.mktemp("large") / "donor.fcs", events=20_000, seed=7))


@pytest.fixture(scope="session")
def strategy():
    return ip.load_strategy("treg_surface_v1")


@pytest.fixture(scope="session")
def remembering():
    """A runner that knows what it has done before."""
    return Remembering()


@pytest.fixture(scope="session")
def alone(strategy, large):
    """The large tube, placed as a bare sample."""
    return strategy.place([large.sample])


@pytest.fixture(scope="session")
def gated(alone, large):
    return alone.apply(large.sample)


@pytest.fixture(scope="session")
def batch(strategy, tubes, remembering):
    """The six tubes placed as one batch of untreated subjects, with a seventh that is nearly empty."""
    rows = np.random.default_rng(0).permutation(tubes[0].sample.n_events)[:NEAR_EMPTY]
    samples = [*(tube.sample for tube in tubes), rebuilt(tubes[0].sample, rows=rows, name="near_empty")]
    units = units_of(samples, strategy.panel)
    return samples, place_units(strategy, units, panel=strategy.panel, run=remembering)
