"""Application: pure, of placed samples and others, of files that lack something."""

from __future__ import annotations

import math

import numpy as np
import pytest

import immunoprofile as ip
from immunoprofile.core import StrategyError
from immunoprofile.gating import place_units

from .tube_cases import f1, rebuilt, units_of, without

CD4_CODES = range(5)


def test_applying_changes_nothing_and_gives_the_same_again(alone, large):
    before = alone.cuts
    first = alone.apply(large.sample)
    table = first.table()
    second = alone.apply(large.sample)
    assert all(np.array_equal(first.mask(name), second.mask(name)) for name in first.populations)
    assert table.equals(second.table())
    assert alone.cuts.equals(before)


def test_a_sample_that_was_not_placed_takes_the_medians_of_the_batch(batch, large):
    samples, fitted = batch
    gated = fitted.apply(large.sample)
    own = [fitted.apply(sample).cuts["cd4_cd8"] for sample in samples]
    assert gated.cuts["cd4_cd8"][0].number == np.median([cuts[0].number for cuts in own])
    assert gated.cuts["t"][0].flags == ("SCOPE_WIDENED",)
    assert gated.cuts["time"][0].flags == ()
    assert gated.cuts["treg"] == fitted.wide["treg", "b"].cuts
    assert f1(gated.mask("cd4_t"), np.isin(large.labels, CD4_CODES)) > 0.95


def test_of_several_batches_one_must_be_named(strategy, tubes, large, remembering):
    samples = [tube.sample for tube in tubes[:4]]
    units = units_of(samples, strategy.panel, batches=["a", "a", "b", "b"])
    fitted = place_units(strategy, units, panel=strategy.panel, run=remembering)
    with pytest.raises(StrategyError, match="BATCH_NEEDED"):
        fitted.apply(large.sample)
    with pytest.raises(KeyError, match="batch"):
        fitted.apply(large.sample, batch="c")
    assert fitted.apply(large.sample, batch="b").batch == "b"
    assert fitted.apply(samples[0]).batch == "a"


def test_a_sample_without_cd8_in_a_batch_with_it_has_no_cd8_cells(batch, strategy, large):
    gated = batch[1].apply(without(large.sample, strategy.panel, "CD8"))
    assert gated.missing["cd8_t"] == gated.missing["dn_t"] == gated.missing["dp_t"] == ("MISSING_MARKER",)
    assert f1(gated.mask("cd4_t"), np.isin(large.labels, CD4_CODES)) > 0.95


OPENING = {
    "FSC-H": ("NO_HEIGHT", "singlets", "hygiene_cells"),
    "Time": ("NO_TIME", "hygiene_time", "root"),
    "Viability": ("NO_VIABILITY", "viable", "singlets"),
    "CD45": ("NO_CD45", "leukocytes", "viable"),
}


@pytest.mark.parametrize("channel", OPENING)
def test_a_missing_hygiene_channel_opens_its_gate_with_a_flag(strategy, large, channel):
    flag, population, parent = OPENING[channel]
    sample = without(large.sample, strategy.panel, channel)
    gated = strategy.place([sample]).apply(sample)
    assert flag in gated.flags
    assert np.array_equal(gated.mask(population), gated.mask(parent))
    assert not gated.missing
    rows = gated.table()
    row = rows[(rows["population"] == population) & (rows["denominator"] != "root")]
    row = rows[rows["population"] == population].iloc[0] if row.empty else row.iloc[0]
    assert (row["count"], flag in row["flags"]) == (gated.count(parent), True)


def test_missing_scatter_opens_both_of_its_gates(strategy, large):
    sample = without(large.sample, strategy.panel, "FSC-A", "FSC-H", "SSC-A")
    gated = strategy.place([sample]).apply(sample)
    assert {"NO_SCATTER", "NO_HEIGHT"} <= set(gated.flags)
    assert np.array_equal(gated.mask("lymphocytes"), gated.mask("leukocytes"))


def test_a_missing_marker_costs_its_populations_only(strategy, large, gated):
    sample = without(large.sample, strategy.panel, "CD25")
    lacking = strategy.place([sample]).apply(sample)
    assert set(lacking.missing) == {"treg", "tconv", "treg_naive", "treg_memory"}
    assert f1(lacking.mask("cd4_t"), gated.mask("cd4_t")) > 0.99
    rows = lacking.table().set_index("population").loc["treg"]
    assert set(rows["rule"]) == {"held", "anchored", "per_sample"}
    assert rows["percent"].isna().all()
    assert rows["count"].isna().all()
    assert (rows["flags"] == "MISSING_MARKER").all()
    for ask in (lacking.mask, lacking.count):
        with pytest.raises(KeyError, match="MISSING_MARKER"):
            ask("treg")


def test_without_cd45ra_only_its_two_populations_are_missing(strategy, large):
    sample = without(large.sample, strategy.panel, "CD45RA")
    lacking = strategy.place([sample]).apply(sample)
    assert set(lacking.missing) == {"treg_naive", "treg_memory"}
    assert lacking.count("treg") > 0


def test_without_cd8_helper_cells_stay_and_the_anchored_rule_has_no_reference(strategy, large):
    sample = without(large.sample, strategy.panel, "CD8")
    lacking = strategy.place([sample]).apply(sample)
    assert set(lacking.missing) == {"cd8_t", "dn_t", "dp_t"}
    axis, cut = lacking.view.dimension("CD4"), lacking.cuts["cd4_cd8"][0].number
    expected = lacking.mask("t") & (lacking.view.column(axis, None) >= cut)
    assert np.array_equal(lacking.mask("cd4_t"), expected)
    rows = lacking.table().query("population == 'treg' and denominator == 'cd4_t'").set_index("rule")
    assert rows["count"].isna().to_dict() == {"held": False, "anchored": True, "per_sample": False}
    assert "NO_REFERENCE" in rows.loc["anchored", "flags"]


def test_a_tube_without_stain_is_told_and_gives_no_numbers(strategy, tubes, remembering):
    blank = np.array(tubes[5].sample.events)
    stained = [tubes[5].sample.index(d) for d in tubes[5].sample.spillover.detectors]
    blank[:, stained] = np.random.default_rng(0).normal(30, 60, (len(blank), len(stained)))
    samples = [tube.sample for tube in tubes[:5]] + [rebuilt(tubes[5].sample, events=blank)]
    fitted = place_units(strategy, units_of(samples, strategy.panel), panel=strategy.panel, run=remembering)
    gated = fitted.apply(samples[-1])
    assert gated.missing["t"] == gated.missing["treg"] == ("UNSTAINED",)
    notes = gated.notes().set_index("code")
    assert notes.loc[["UNSTAINED"], "level"].tolist()[0] == "error"
    assert not any("UNSTAINED" in fitted.apply(sample).flags for sample in samples[:-1])


def test_a_saved_strategy_applies_as_before(batch, large, tmp_path):
    samples, fitted = batch
    again = ip.gating.FittedStrategy.load(fitted.save(tmp_path / "fitted.npz"))
    assert again.cuts.equals(fitted.cuts)
    for sample in (samples[0], samples[-1], large.sample):
        first, second = fitted.apply(sample), again.apply(sample)
        assert first.table(medians=["CD25"]).equals(second.table(medians=["CD25"]))
        assert first.notes().equals(second.notes())
        assert np.array_equal(first.mask("tconv"), second.mask("tconv"))


def test_a_population_is_exported_and_read_back(gated, large, tmp_path):
    path = gated.export(tmp_path / "treg.fcs", "treg")
    read = ip.read_fcs(path)
    assert np.array_equal(read.events, large.sample.events[gated.mask("treg")])
    assert (read.detectors, read.labels) == (large.sample.detectors, large.sample.labels)
    assert np.allclose(read.spillover.matrix, large.sample.spillover.matrix)
    assert read.keywords["$CYT"] == large.sample.keywords["$CYT"]
    assert math.isclose(float(read.keywords["$TIMESTEP"]), float(large.sample.keywords["$TIMESTEP"]))


def test_an_unknown_population_names_the_nearest(gated):
    with pytest.raises(KeyError, match="treg"):
        gated.mask("tregs")


def test_gate_places_and_applies_in_one_breath(large):
    found = ip.gate([large.sample], "tcell_lineage_v1")
    assert found[0].count("cd4_t") == ip.gate(large.sample, "tcell_lineage_v1").count("cd4_t") > 0
    assert "tcell_lineage_v1" in repr(found[0])
