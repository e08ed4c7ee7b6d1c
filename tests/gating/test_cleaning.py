"""Cleaning: stretches of the run that are kept, and ceilings of detectors."""

from __future__ import annotations

import math

import numpy as np
import pytest

import immunoprofile as ip
from immunoprofile.gating._cleaning import ceiling, stable_time

from .tube_cases import rebuilt


def run(events, *, seed=0, channels=8):
    rng = np.random.default_rng(seed)
    return np.sort(rng.uniform(0, 12_000, events)), rng.normal(3, 1, (channels, events))


def kept(found, time):
    inside = np.zeros(time.size, dtype=bool)
    for low, high in zip(found.lower, found.upper, strict=True):
        inside |= (time >= low) & (time < high)
    return inside


@pytest.mark.parametrize("seed", range(5))
def test_a_clean_file_of_20000_events_loses_nothing(seed):
    time, columns = run(20_000, seed=seed)
    found = stable_time(time, columns)
    assert (found.lower, found.upper, found.flags) == ((-math.inf,), (math.inf,), ())


def test_clean_files_of_5000_events_lose_few():
    lost = []
    for seed in range(10):
        time, columns = run(5_000, seed=seed)
        lost.append(1 - kept(stable_time(time, columns), time).mean())
    assert np.mean(lost) < 0.03


def test_a_clogged_stretch_is_found_whole_and_nothing_else():
    time, columns = run(20_000)
    clogged = (time >= 6_000) & (time < 7_200)
    stays = ~clogged | (np.random.default_rng(1).random(time.size) < 0.2)
    time, columns, clogged = time[stays], columns[:, stays], clogged[stays]
    columns[:, clogged] -= 0.3
    inside = kept(stable_time(time, columns), time)
    assert not inside[clogged].any()
    assert inside[~clogged].mean() > 0.99


def test_the_clog_of_a_simulated_tube_is_left_out(tmp_path, strategy):
    sample = ip.read_fcs(ip.simulate.sample(tmp_path / "clog.fcs", events=20_000, seed=3, clog=True))
    gated = strategy.place([sample]).apply(sample)
    low, high = 0, sample.n_events
    assert low < gated.count("hygiene_time") < high
    assert len(gated.cuts["time"][0].pairs) == 2
    gap = gated.cuts["time"][0].pairs[1][0] - gated.cuts["time"][0].pairs[0][1]
    seconds = gap * float(sample.keywords["$TIMESTEP"])
    assert 9 <= seconds <= 13


def test_much_left_out_is_flagged():
    time, columns = run(20_000)
    columns[0, time > 9_000] += 2
    found = stable_time(time, columns)
    assert found.flags == ("TIME_UNSTABLE",)
    assert kept(found, time).mean() == pytest.approx(0.75, abs=0.02)


@pytest.mark.parametrize("time", [np.arange(1999.0), np.repeat(np.arange(20.0), 200)], ids=["few", "coarse"])
def test_few_events_or_coarse_times_leave_the_gate_open(time):
    found = stable_time(time, np.zeros((1, time.size)))
    assert (found.lower, found.flags) == ((), ("NO_TIME",))


def test_events_at_minus_infinity_are_no_warning():
    time, columns = run(4_000)
    columns[0, : 3 * 1_000] = -np.inf
    columns[0] = np.random.default_rng(0).permutation(columns[0])
    assert kept(stable_time(time, columns), time).mean() > 0.9


def test_a_pile_at_the_ceiling_is_cut_off():
    values = np.concatenate([np.random.default_rng(0).uniform(0, 200_000, 10_000), np.full(100, 262_143.0)])
    assert ceiling(values, 262_144.0) == (262_143.0, ())


def test_a_pile_below_the_range_is_seen_by_its_neighbors():
    values = np.concatenate([np.random.default_rng(0).uniform(0, 200_000, 10_000), np.full(200, 200_000.0)])
    limit, flags = ceiling(values, 262_144.0)
    assert 199_000 < limit < 200_000
    assert flags == ()


def test_the_floor_removes_nothing():
    values = np.concatenate([np.full(5_000, -100.0), np.random.default_rng(0).uniform(0, 1e5, 5_000)])
    assert ceiling(values, 262_144.0) == (math.inf, ())


def test_a_channel_that_would_lose_much_stays_open_and_flagged(strategy, large):
    values = np.array(large.sample.events)
    channel = strategy.panel.resolve(large.sample).channels["SSC-A"]
    values[: values.shape[0] // 10, channel] = large.sample.ranges[channel] - 1
    sample = rebuilt(large.sample, events=values)
    gated = strategy.place([sample]).apply(sample)
    assert "BOUNDARY_MANY" in gated.flags
    assert gated.count("hygiene_boundary") > 0.95 * sample.n_events
