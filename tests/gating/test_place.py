"""Placement: over what a cut is learnt, what is lent, and on what it does not depend."""

from __future__ import annotations

import dataclasses
import importlib.util
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from immunoprofile.core import FcsError, StrategyError
from immunoprofile.gating import FittedCut, place_units
from immunoprofile.gating._lending import median_cuts, outliers

from .tube_cases import f1, rebuilt, shifted, units_of, without

ROOT = Path(__file__).resolve().parents[2]
CD4_CODES, TREG_CODES = range(5), (3, 4)


def cut(value, *, kind="cut", se=0.1, method="valley", dimension="CD3", flags=()):
    return FittedCut(
        gate="t", dimension=dimension, scope="sample", unit="", kind=kind, value=value, method=method, se=se,
        flags=flags,
    )  # fmt: skip


def wide_rows(fitted):
    rows = fitted.cuts
    return rows[rows["gate"] == "treg"]


def test_a_bare_sample_is_placed_over_the_study_of_itself(alone, gated, large):
    row = wide_rows(alone).iloc[0]
    assert (row["scope"], row["unit"], row["flags"]) == ("study", "study", "SCOPE_SMALL")
    assert f1(gated.mask("cd4_t"), np.isin(large.labels, CD4_CODES)) > 0.98
    assert f1(gated.mask("treg"), np.isin(large.labels, TREG_CODES)) > 0.85


def test_the_same_content_twice_counts_once(strategy, tubes):
    sample = tubes[0].sample
    assert len(strategy.place([sample, sample]).units) == 1


def test_nothing_to_place_on_is_refused(strategy):
    with pytest.raises(StrategyError, match="NO_SAMPLES"):
        strategy.place([])


def test_a_batch_of_a_few_subjects_is_flagged_on_responsive_markers_only(batch):
    rows = batch[1].cuts.set_index("gate")
    assert (rows.loc["treg", "scope"], rows.loc["treg", "flags"]) == ("batch", "SCOPE_SMALL")
    assert rows.loc["treg_cd45ra", "flags"] == ""


def test_a_nearly_empty_tube_takes_its_batchs_median_cuts(batch, tubes):
    samples, fitted = batch
    gated = fitted.apply(samples[-1])
    lent = gated.cuts["t"][0]
    own = [fitted.apply(sample).cuts["t"][0].number for sample in samples[:-1]]
    assert (lent.scope, lent.flags, lent.number) == ("batch", ("SCOPE_WIDENED",), np.median(own))
    rows = np.random.default_rng(0).permutation(samples[0].n_events)[: samples[-1].n_events]
    assert f1(gated.mask("cd4_t"), np.isin(tubes[0].labels[rows], CD4_CODES)) > 0.95


def test_batches_of_two_subjects_widen_to_what_holds_more(strategy, tubes, remembering):
    samples = [tube.sample for tube in tubes[:4]]
    units = units_of(samples, strategy.panel, batches=["a", "a", "b", "b"])
    rows = wide_rows(place_units(strategy, units, panel=strategy.panel, run=remembering))
    assert rows["unit"].tolist() == ["a", "b"]
    assert set(rows["scope"]) == {"panel_version"}
    assert set(rows["flags"]) == {"SCOPE_SMALL;SCOPE_WIDENED"}
    assert rows["cut"].nunique() == 1


def test_treated_units_teach_nothing(strategy, tubes, remembering):
    calm = [tube.sample for tube in tubes[:4]]
    moved = [shifted(tube.sample, strategy.panel, "CD25", 1.0) for tube in tubes[4:]]
    fitted = []
    for treated in ([tube.sample for tube in tubes[4:]], moved):
        untreated = [True] * 4 + [False] * 2
        units = units_of([*calm, *treated], strategy.panel, untreated=untreated)
        fitted.append(place_units(strategy, units, panel=strategy.panel, run=remembering))
    assert wide_rows(fitted[0])["cut"].tolist() == wide_rows(fitted[1])["cut"].tolist()


def unnamed(held):
    """Give cuts without the key of the sample; as text, in which nan equals nan."""
    return {gate: repr([dataclasses.replace(c, unit="") for c in cuts]) for gate, cuts in held.items()}


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**20))
def test_cuts_do_not_depend_on_order_or_keys_to_the_bit(strategy, batch, remembering, seed):
    samples, fitted = batch
    shuffle = random.Random(seed)
    keys = [f"{shuffle.random()}" for _ in samples]
    units = units_of(samples, strategy.panel, keys=keys)
    shuffle.shuffle(units)
    again = place_units(strategy, units, panel=strategy.panel, run=remembering)
    for sample in samples:
        mine, other = fitted.apply(sample), again.apply(sample)
        assert unnamed(mine.cuts) == unnamed(other.cuts)
    mine, other = (one.wide["treg", "b"] for one in (fitted, again))
    assert np.array_equal(mine.replicates, other.replicates)
    assert mine.anchors == other.anchors


def test_a_sample_that_cannot_be_read_is_told_and_the_rest_goes_on(strategy, tubes, remembering):
    def broken():
        raise FcsError(path=Path("x.fcs"), code="data-truncated", problem="no data")

    units = units_of([tube.sample for tube in tubes[:3]], strategy.panel)
    units[1] = dataclasses.replace(units[1], load=broken)
    fitted = place_units(strategy, units, panel=strategy.panel, run=remembering)
    assert {key: error.code for key, error in fitted.failures.items()} == {"k1": "data-truncated"}
    assert len(fitted.units) == 2


def test_a_panel_without_cd8_is_lent_cd4_alone(strategy, tubes, remembering):
    whole = [tube.sample for tube in tubes[:4]]
    small = rebuilt(tubes[4].sample, rows=slice(0, 150))
    lacking = without(small, strategy.panel, "CD8")
    units = units_of([*whole, lacking], strategy.panel)
    gated = place_units(strategy, units, panel=strategy.panel, run=remembering).apply(lacking)
    assert [c.kind for c in gated.cuts["cd4_cd8"]] == ["cut", "missing"]
    assert gated.missing["cd8_t"] == ("MISSING_MARKER",)
    assert gated.count("cd4_t") > 0


def test_the_median_of_a_batch_is_taken_axis_by_axis_and_of_both_limits():
    bands = [(cut((low, high), kind="interval"),) for low, high in ((0, 1), (1, 5), (2, 3))]
    assert median_cuts(bands, unit="u")[0].value == (1.0, 3.0)
    missing = cut(float("nan"), kind="missing", dimension="CD8")
    pairs = [(cut(1.0), cut(4.0, dimension="CD8")), (cut(2.0), missing), (cut(3.0), missing)]
    assert [c.value for c in median_cuts(pairs, unit="u")] == [2.0, 4.0]
    assert median_cuts([(cut(float("nan"), kind="open"),)], unit="u") is None


def test_the_method_of_a_lent_cut_is_the_usual_one_in_any_order():
    own = [(cut(1.0),), (cut(2.0, method="tail"),), (cut(3.0, method="tail"),), (cut(4.0),)]
    assert {median_cuts(order, unit="")[0].method for order in (own, own[::-1])} == {"tail"}


def test_a_cut_far_from_its_batch_is_an_outlier_and_a_spread_of_cuts_is_not():
    rng = np.random.default_rng(0)
    own = {f"k{i}": (cut(float(value), se=0.02),) for i, value in enumerate(rng.normal(3, 0.1, 20))}
    assert outliers(own) == []
    assert outliers({**own, "far": (cut(4.5, se=0.02),)}) == ["far"]
    assert outliers({"a": (cut(1.0),), "b": (cut(1.0),), "c": (cut(9.0),)}) == []


def test_an_outlying_sample_takes_the_cut_of_its_batch(strategy, tubes, remembering):
    halves = [rebuilt(tube.sample, rows=slice(i, None, 2)) for tube in tubes[:5] for i in (0, 1)]
    odd = shifted(tubes[5].sample, strategy.panel, "CD3", -1.2)
    units = units_of([*halves, odd], strategy.panel)
    fitted = place_units(strategy, units, panel=strategy.panel, run=remembering)
    gated = fitted.apply(odd)
    assert gated.cuts["t"][0].flags == ("CUT_OUTLIER",)
    assert "CUT_OUTLIER" not in fitted.apply(halves[0]).flags


@pytest.mark.shared
def test_lineage_agrees_with_the_experts_on_a_hipc_file():
    spec = importlib.util.spec_from_file_location("hipc", ROOT / "benchmarks" / "hipc_lineage.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = module.scores(ROOT.parent / "shared" / "data", ("hipc_cytopt",))
    assert len(found) > 0
    assert (found[["cd4_t", "cd8_t"]].to_numpy() >= 0.97).all()
