"""Samples to and from FlowKit: the same values, names and matrix, without a rounding."""

from __future__ import annotations

import flowkit
import numpy as np
import pytest

from immunoprofile.core import InterchangeError
from immunoprofile.fcs import Spillover, read_fcs, sample_from_arrays, write_fcs
from immunoprofile.interchange import from_flowkit, to_flowkit

DETECTORS = ("FSC-A", "PE-A", "APC-A", "Time")
MATRIX = np.array([[1.0, 1 / 3], [0.1, 1.0]])


def sample(dtype=np.float32, **more):
    rng = np.random.default_rng(2)
    events = np.column_stack([rng.normal(500, 900, (300, 3)), np.arange(300) * 7.0]).astype(dtype)
    keywords = {"$TIMESTEP": "0.1", "$CYT": "Aurora", "VISIT": "x"}
    return sample_from_arrays(
        events,
        DETECTORS,
        labels=("", "CD25", "", ""),
        ranges=[262144, 10000, 4e6, 1e5],
        spillover=Spillover(detectors=("PE-A", "APC-A"), matrix=MATRIX),
        keywords=keywords,
        name="donor_07",
        **more,
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_and_names_arrive_in_flowkit(dtype):
    one = sample(dtype)
    other = to_flowkit(one)
    assert isinstance(other, flowkit.Sample)
    assert other.id == "donor_07"
    assert tuple(other.pnn_labels) == DETECTORS
    assert tuple(other.pns_labels) == tuple(label or "" for label in one.labels)
    raw = other.get_events(source="raw")
    assert (raw[:, :3] == one.block(0, 300)[:, :3]).all()
    assert (raw[:, 3] == one.time_seconds).all()


def test_flowkit_compensates_it_with_the_samples_own_matrix():
    one = sample()
    other = to_flowkit(one)
    other.apply_compensation(other.metadata["spillover"])
    compensated = other.get_events(source="comp")[:, 1:3]
    np.testing.assert_allclose(
        compensated, one.block(0, 300, [1, 2]) @ np.linalg.inv(MATRIX), rtol=1e-11, atol=1e-8
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_there_and_back_gives_the_same_sample(dtype):
    one = sample(dtype)
    again = from_flowkit(to_flowkit(one))
    assert again.name == one.name
    assert again.detectors == one.detectors
    assert again.labels == one.labels
    assert (again.ranges == one.ranges).all()
    assert again.spillover == one.spillover
    assert (again.block(0, 300) == one.block(0, 300)).all()
    assert (again.time_seconds == one.time_seconds).all()
    kept = {"$TIMESTEP": "0.1", "$CYT": "Aurora", "VISIT": "x"}
    assert {keyword: again.keywords[keyword] for keyword in kept} == kept


def test_a_file_read_by_flowkit_and_by_us_is_one_sample(tmp_path):
    path = tmp_path / "cells.fcs"
    one = sample()
    write_fcs(
        path,
        one.events,
        one.detectors,
        labels=one.labels,
        spillover=one.spillover,
        keywords={"$TIMESTEP": "0.01"},
    )
    ours, theirs = read_fcs(path), flowkit.Sample(path)
    assert (from_flowkit(theirs).block(0, 300) == ours.block(0, 300)).all()
    assert (to_flowkit(ours).get_events(source="raw") == theirs.get_events(source="raw")).all()


def test_a_flowkit_sample_of_stored_values_is_refused(tmp_path):
    path = tmp_path / "cells.fcs"
    one = sample()
    write_fcs(path, one.events, one.detectors)
    with pytest.raises(InterchangeError, match="flowkit_sample_unusable") as caught:
        from_flowkit(flowkit.Sample(path, preprocess=False))
    assert "preprocess=True" in caught.value.hint


def test_a_spillover_that_cannot_be_read_is_refused():
    other = to_flowkit(sample())
    other.metadata["spillover"] = "2,PE-A,APC-A,1,0,1"
    with pytest.raises(InterchangeError, match="spillover"):
        from_flowkit(other)
