"""A placed strategy, written for one sample, gives FlowKit the same populations."""

from __future__ import annotations

from dataclasses import replace

import flowkit
import numpy as np
import pytest
from lxml import etree

from immunoprofile.core import InterchangeError
from immunoprofile.fcs import read_fcs
from immunoprofile.gating import load_strategy
from immunoprofile.interchange import to_flowkit, write_gatingml
from immunoprofile.simulate import sample as simulate_sample


@pytest.fixture(scope="module")
def placed(tmp_path_factory):
    path = simulate_sample(tmp_path_factory.mktemp("ix") / "tube.fcs", events=6000, seed=3, clog=True)
    sample = read_fcs(path)
    return sample, load_strategy("treg_surface_v1").place([sample])


def test_flowkit_gates_the_written_strategy_event_for_event(placed, tmp_path):
    sample, fitted = placed
    gated = fitted.apply(sample)
    write_gatingml(fitted, tmp_path / "tube.xml", sample=sample)
    strategy = flowkit.parse_gating_xml(str(tmp_path / "tube.xml"))
    for other in (flowkit.Sample(sample.path), to_flowkit(sample)):
        with np.errstate(all="ignore"):
            results = strategy.gate_sample(other)
        for population in gated.tree:
            theirs = results.get_gate_membership(population.name)
            assert (gated.mask(population.name) == theirs).all(), population.name
    assert gated.count("treg") > 50
    assert gated.count("hygiene_time") < sample.n_events


def test_a_gated_sample_writes_the_same_document(placed, tmp_path):
    sample, fitted = placed
    write_gatingml(fitted, tmp_path / "a.xml", sample=sample)
    write_gatingml(fitted.apply(sample), tmp_path / "b.xml")
    assert (tmp_path / "a.xml").read_bytes() == (tmp_path / "b.xml").read_bytes()


def test_the_document_says_what_no_gate_can(placed, tmp_path):
    sample, fitted = placed
    write_gatingml(fitted, tmp_path / "a.xml", sample=sample)
    notes = {note.get("name"): note.get("value") for note in etree.parse(tmp_path / "a.xml").iter("{*}note")}
    assert notes["strategy"] == "treg_surface_v1"
    assert notes["time_unit"] == "s"
    for population, holder in fitted.apply(sample).tree_.alias.items():
        assert notes[f"open population {population}"] == holder


def test_the_only_bare_sample_need_not_be_named(placed, tmp_path):
    sample, fitted = placed
    write_gatingml(fitted, tmp_path / "a.xml")
    write_gatingml(fitted, tmp_path / "b.xml", sample=sample)
    assert (tmp_path / "a.xml").read_bytes() == (tmp_path / "b.xml").read_bytes()


def test_without_a_sample_it_says_that_one_is_needed(placed, tmp_path):
    _, fitted = placed
    with pytest.raises(InterchangeError, match="sample_needed") as caught:
        write_gatingml(replace(fitted, placed={}), tmp_path / "a.xml")
    assert "sample=" in caught.value.hint
    assert not list(tmp_path.iterdir())
