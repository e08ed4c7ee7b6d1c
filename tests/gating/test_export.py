from __future__ import annotations

import re
from datetime import datetime

import numpy as np
import pytest

import immunoprofile as ip


def test_an_exported_population_tells_where_it_comes_from(gated, large, tmp_path):
    sample = large.sample
    read = ip.read_fcs(gated.export(tmp_path / "treg.fcs", "treg"), mode="strict")
    words = read.keywords
    assert words["IMMUNOPROFILE POPULATION"] == "treg"
    assert words["IMMUNOPROFILE STRATEGY"] == gated.strategy.id
    assert words["IMMUNOPROFILE STRATEGY HASH"] == gated.strategy.content_hash
    assert words["$ORIGINALITY"] == "DataModified"
    assert re.fullmatch(r"\d\d-[A-Z]{3}-\d{4} \d\d:\d\d:\d\d", words["$LAST_MODIFIED"])
    when = datetime.strptime(words["$LAST_MODIFIED"], "%d-%b-%Y %H:%M:%S")
    assert abs((datetime.now() - when).total_seconds()) < 120
    np.testing.assert_array_equal(read.events, sample.events[gated.mask("treg")])
    np.testing.assert_array_equal(read.time_seconds, sample.time_seconds[gated.mask("treg")])
    assert read.spillover == sample.spillover


def test_an_unknown_population_is_told_with_the_nearest(gated, tmp_path):
    with pytest.raises(ip.core.UnknownNameError, match="treg"):
        gated.export(tmp_path / "a.fcs", "tregs")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_population_gives_a_file_without_events(gated, tmp_path, monkeypatch):
    none = np.zeros(gated.sample.n_events, dtype=bool)
    monkeypatch.setattr(type(gated), "mask", lambda self, population: none)
    read = ip.read_fcs(gated.export(tmp_path / "none.fcs", "treg"), mode="strict")
    assert read.events.shape == (0, gated.sample.n_channels)
    with pytest.raises(ip.core.FcsError, match="write-exists"):
        gated.export(tmp_path / "none.fcs", "treg")
