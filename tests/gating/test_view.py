"""A sample through its panel: axes, grids, values."""

from __future__ import annotations

import numpy as np
import pytest

from immunoprofile.gating import _view as view_module
from immunoprofile.gating import gather, view_of
from immunoprofile.transform import Arcsinh, Linear

from .tube_cases import without


@pytest.fixture(scope="module")
def view(large, strategy):
    return view_of(large.sample, strategy.panel)


def test_kept_columns_are_those_of_a_fresh_look(view, monkeypatch):
    axes = [view.dimension("CD25"), view.dimension("FSC-A/FSC-H"), view.dimension("FSC-A", scale="log")]
    mask = np.random.default_rng(0).random(view.sample.n_events) < 0.3
    small = view.values(axes, mask)
    assert np.array_equal(small, gather(view.sample, axes, view.compensation, mask=mask), equal_nan=True)
    monkeypatch.setattr(view_module, "CACHED_EVENTS", 10)
    assert np.array_equal(view.values(axes, mask), small, equal_nan=True)
    assert np.array_equal(view.column(axes[0], mask), small[:, 0])


def test_a_kept_column_cannot_be_written_to(view):
    with pytest.raises(ValueError, match="read-only"):
        view.column(view.dimension("CD4"), None)[0] = 1


def test_markers_are_compensated_and_scatter_is_not(view):
    marker, scatter = view.dimension("CD25"), view.dimension("SSC-A")
    assert (marker.compensated, marker.transform) == (True, Arcsinh(cofactor=150.0))
    assert (scatter.compensated, scatter.transform) == (False, Linear())


def test_height_stands_in_for_a_missing_area(strategy, large):
    view = view_of(without(large.sample, strategy.panel, "FSC-A"), strategy.panel)
    assert view.dimension("FSC-A").detector == "FSC-H"
    assert view.dimension("FSC-A/FSC-H") is None


def test_grids_hang_on_the_range_and_not_on_the_events(view, strategy, tubes):
    axis = view.dimension("CD25")
    other = view_of(tubes[0].sample, strategy.panel)
    assert view.grid(axis) == other.grid(other.dimension("CD25"))
    assert view.grid(axis).high == pytest.approx(np.arcsinh(262_144 / 150))
    assert view.grid(axis).low == pytest.approx(np.arcsinh(-26_214.4 / 150))


def test_scatter_heights_and_time_are_no_fluorescence(view):
    names = {axis.detector for axis in view.fluorescence()}
    assert len(names) == view.sample.n_channels - sum(
        name.startswith(("FSC", "SSC", "Time")) for name in view.sample.detectors
    )
