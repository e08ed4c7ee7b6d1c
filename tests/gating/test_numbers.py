"""Numbers: counts, percentages, intervals, the doubt of cuts, and flags of a number."""

from __future__ import annotations

import math

import numpy as np
import pytest

from immunoprofile.core.intervals import wilson
from immunoprofile.gating import _doubt
from immunoprofile.gating._doubt import REPLICATES, fraction_replicates, robust_sd, robust_sds

from .tube_cases import rebuilt

DOUBLET, DEBRIS, DEAD = 11, 12, 13


@pytest.fixture(scope="module")
def table(gated):
    return gated.table()


def rows_of(table, population, *, rule="held"):
    return table[(table["population"] == population) & (table["rule"] == rule)].set_index("denominator")


def many(tube, code, times):
    """Give the tube with the events of one label several times as often, in the order of time."""
    rows = np.concatenate([np.arange(tube.labels.size), *[np.flatnonzero(tube.labels == code)] * times])
    return rebuilt(tube.sample, rows=np.sort(rows))


def test_percentages_have_wilsons_interval_and_their_counts(table, gated):
    known = table.dropna(subset=["percent"])
    lower, upper = wilson(known["count"].to_numpy(float), known["denominator_count"].to_numpy(float))
    assert np.array_equal(known["lower"], lower)
    assert np.array_equal(known["upper"], upper)
    expected = 100 * known["count"].to_numpy(float) / known["denominator_count"].to_numpy(float)
    assert np.array_equal(known["percent"], expected)
    held = known[known["rule"] == "held"]
    assert all(
        gated.mask(r.population).sum() == r.count for r in held.itertuples() if r.denominator != "root"
    )


def test_denominators_are_parent_and_named_ancestors(table):
    assert rows_of(table, "treg").index.tolist() == ["cd4_t", "t", "lymphocytes", "leukocytes"]
    assert rows_of(table, "treg_naive").index.tolist() == ["treg", "cd4_t", "t", "lymphocytes", "leukocytes"]
    assert rows_of(table, "viable").index[0] == "singlets"


def test_only_populations_with_a_responsive_marker_have_other_rules(table):
    ruled = set(table.loc[table["rule"] != "held", "population"])
    assert ruled == {"treg", "tconv", "treg_naive", "treg_memory"}


def test_every_cut_percentage_carries_the_doubt_of_its_cuts(table):
    held = table[table["rule"] == "held"].set_index(["population", "denominator"]).sort_index()["cut_se"]
    for pair in (
        ("treg", "cd4_t"),
        ("tconv", "cd4_t"),
        ("treg_memory", "cd4_t"),
        ("singlets", "hygiene_cells"),
    ):
        assert held[pair] > 0
    assert held["treg", "cd4_t"] == pytest.approx(held["tconv", "cd4_t"])
    assert held["treg", "leukocytes"] >= held["treg", "cd4_t"] * 0.2
    assert held["hygiene_time", "root"] == 0
    assert table.loc[table["rule"] == "per_sample", "cut_se"].isna().all()


@pytest.mark.parametrize("population", ["t", "cd4_t", "cd8_t", "dn_t", "dp_t", "singlets", "treg_memory"])
def test_replicate_shares_are_those_of_counting_every_event_again(gated, population):
    gate = gated.strategy.gate_of(population)
    side = next(p.side for p in gate.populations if p.id == population)
    parent = gated.mask(gate.parent)
    inside = np.ones((REPLICATES, int(parent.sum())), dtype=bool)
    signs = {"above": "+", "below": "-", "in": "+"}.get(side, side[1:])
    for cut, sign in zip(gated.cuts[gate.id], signs, strict=True):
        values = gated.view.column(gated.view.dimension(cut.dimension, scale=gate.scale), parent)
        draws = _doubt._draws(cut)[:, None]
        if cut.kind == "interval":
            inside &= (values >= cut.pairs[0][0]) & (values < draws)
        else:
            inside &= (values >= draws) if sign == "+" else (values < draws)
    assert np.array_equal(fraction_replicates(gated, population, rule="held"), inside.mean(axis=1))


def test_a_doubt_that_is_not_known_is_missing_and_not_zero(strategy, tubes):
    sample = rebuilt(tubes[0].sample, rows=slice(0, 150))
    rows = rows_of(strategy.place([sample]).apply(sample).table(), "t")
    assert math.isnan(rows["cut_se"].iloc[0])
    assert "FEW_EVENTS" in rows["flags"].iloc[0]


def test_robust_spreads_of_many_rows_are_those_of_each():
    rng = np.random.default_rng(0)
    rows = [
        rng.normal(size=200),
        None,
        np.full(200, np.nan),
        np.where(rng.random(200) < 0.1, np.nan, 1.0 * rng.random(200)),
    ]
    found = robust_sds(rows)
    assert found[1] == 0.0
    assert np.array_equal(
        [found[0], found[2], found[3]], [robust_sd(rows[i]) for i in (0, 2, 3)], equal_nan=True
    )


def test_few_viable_cells_are_flagged(alone, large):
    gated = alone.apply(many(large, DEAD, 12))
    row = rows_of(gated.table(), "viable").loc["singlets"]
    assert 50 < row["percent"] < 80
    assert "LOW_VIABILITY" in row["flags"]
    assert (
        "LOW_VIABILITY" not in rows_of(alone.apply(large.sample).table(), "viable").loc["singlets", "flags"]
    )


def test_many_doublets_are_flagged(alone, large):
    row = rows_of(alone.apply(many(large, DOUBLET, 25)).table(), "singlets").iloc[0]
    assert row["percent"] < 70
    assert "DOUBLETS_MANY" in row["flags"]


def test_a_percentage_outside_its_plausible_limits_is_flagged_and_stays(alone, large):
    sample = rebuilt(large.sample, rows=np.flatnonzero(np.isin(large.labels, (3, 4, 5, 6))))
    row = rows_of(alone.apply(sample).table(), "treg").loc["cd4_t"]
    assert row["percent"] > 25
    assert "IMPLAUSIBLE" in row["flags"]


def test_few_cells_are_flagged_and_an_empty_parent_gives_no_percentage(alone, large):
    few = alone.apply(rebuilt(large.sample, rows=slice(0, 400)))
    row = rows_of(few.table(), "treg").loc["cd4_t"]
    assert row["count"] < 20
    assert "FEW_EVENTS" in row["flags"]
    none = alone.apply(rebuilt(large.sample, rows=np.flatnonzero(large.labels == 9)[:150]))
    row = rows_of(none.table(), "cd4_t").loc["t"]
    assert (none.count("t"), row["count"]) == (0, 0)
    assert math.isnan(row["percent"])
    assert "EMPTY_PARENT" in row["flags"]
    assert none.notes().set_index("code").loc["EMPTY_PARENT", "level"].tolist().count("error") >= 1


def test_an_uncertain_cut_is_flagged(alone, large, gated):
    import dataclasses

    cuts = {**gated.cuts, "t": tuple(dataclasses.replace(cut, value=5.2, se=0.3) for cut in gated.cuts["t"])}
    doubtful = dataclasses.replace(gated, cuts=cuts, _cache={})
    assert "CUT_UNCERTAIN" in rows_of(doubtful.table(), "t").iloc[0]["flags"]


def test_medians_are_linear_compensated_and_missing_below_20_cells(gated, large, alone):
    medians = gated.medians(["CD25"]).set_index(["population", "rule"]).sort_index()
    axis = gated.view.dimension("CD25")
    z = gated.view.column(axis, gated.mask("treg"))
    assert medians.loc[("treg", "held"), "value"] == pytest.approx(150 * math.sinh(np.median(z)), rel=0.05)
    assert medians.loc[("treg", "held"), "value"] > 5 * medians.loc[("tconv", "held"), "value"]
    few = alone.apply(rebuilt(large.sample, rows=slice(0, 300)))
    small = few.medians(["CD25"]).set_index(["population", "rule"]).sort_index()
    assert math.isnan(small.loc[("treg_naive", "held"), "value"])
    assert "median_CD25" in gated.table(medians=["CD25"]).columns
