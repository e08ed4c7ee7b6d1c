from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from immunoprofile.core.intervals import ratio_interval
from immunoprofile.quantify import POPULATION_COLUMNS, feature_names, rows_of

from .conftest import COUNTS, FakeGated


def one(rows: pd.DataFrame, **where) -> pd.Series:
    for name, value in where.items():
        rows = rows[rows[name] == value]
    assert len(rows) == 1, rows
    return rows.iloc[0]


def test_rows_have_the_columns_of_populations_csv(gated):
    rows = rows_of(gated, specimen="a1", sample="b1", tube="treg")
    assert list(rows.columns) == [column.name for column in POPULATION_COLUMNS]
    assert set(rows["specimen"]) == {"a1"}
    assert set(rows["strategy"]) == {"treg_surface_v1"}
    assert not rows[["marker", "denominator", "flags"]].isna().any().any()


def test_a_percent_is_given_of_every_denominator_and_rule(gated):
    rows = rows_of(gated, specimen="a", sample="b", tube="")
    percents = rows[(rows["population"] == "treg") & (rows["statistic"] == "percent")]
    assert set(zip(percents["denominator"], percents["rule"], strict=True)) == {
        (d, r) for d in ("cd4_t", "t") for r in ("held", "anchored")
    }
    held = one(rows, population="treg", statistic="percent", denominator="cd4_t", rule="held")
    assert held["value"] == pytest.approx(6.0)
    assert held["lower"] < 6 < held["upper"]
    assert held["cut_se"] == 0.1


def test_a_count_carries_the_flags_of_its_gates_and_not_those_of_a_percentage(gated):
    row = one(
        rows_of(gated, specimen="a", sample="b", tube=""), population="treg", statistic="count", rule="held"
    )
    assert row["value"] == row["count"] == 240
    assert row["flags"] == "NO_TIME"


def test_fewer_than_twenty_cells_are_flagged_and_have_no_median():
    rows = rows_of(
        FakeGated(COUNTS | {("treg", "held"): 19}), specimen="a", sample="b", tube="", medians=["CD25"]
    )
    for statistic in ("count", "median_intensity"):
        assert "FEW_EVENTS" in one(rows, population="treg", statistic=statistic, rule="held")["flags"]
    assert math.isnan(one(rows, population="treg", statistic="median_intensity", rule="held")["value"])


def test_an_empty_parent_gives_missing_values_and_never_zero_or_hundred():
    rows = rows_of(
        FakeGated(COUNTS | {("cd4_t", "held"): 0, ("treg", "held"): 0}), specimen="a", sample="b", tube=""
    )
    row = one(rows, population="treg", statistic="percent", denominator="cd4_t", rule="held")
    assert math.isnan(row["value"])
    assert "EMPTY_PARENT" in row["flags"]


def test_a_missing_population_stays_as_rows_without_a_value():
    rows = rows_of(
        FakeGated(COUNTS | {("treg", "held"): None}), specimen="a", sample="b", tube="", medians=["CD25"]
    )
    held = rows[(rows["population"] == "treg") & (rows["rule"] == "held")]
    assert set(held["statistic"]) == {"count", "percent", "median_intensity", "ratio"}
    assert held["value"].isna().all()
    assert held["flags"].str.contains("MISSING_MARKER").all()


def test_a_ratio_has_the_interval_of_the_log_delta_method(gated):
    rows = rows_of(gated, specimen="a", sample="b", tube="")
    row = one(rows, population="treg", statistic="ratio", rule="anchored")
    assert (row["value"], row["lower"], row["upper"]) == pytest.approx(ratio_interval(260, 3740))
    assert row["denominator"] == "tconv"
    assert one(rows, population="cd4_t", statistic="ratio")["value"] == 2.0


def test_one_cut_moves_both_parts_of_the_treg_ratio(gated):
    row = one(
        rows_of(gated, specimen="a", sample="b", tube=""), population="treg", statistic="ratio", rule="held"
    )
    step = 0.1  # percent points: what Treg gain, Tconv lose
    moved = (6.0 + step) / (94.0 - step) - 6 / 94
    assert row["cut_se"] == pytest.approx(moved, rel=0.02)


def test_a_ratio_over_nothing_is_missing():
    rows = rows_of(FakeGated(COUNTS | {("cd8_t", "held"): 0}), specimen="a", sample="b", tube="")
    row = one(rows, population="cd4_t", statistic="ratio")
    assert math.isnan(row["value"])
    assert "EMPTY_PARENT" in row["flags"]


def test_a_feature_of_two_tubes_is_told_apart_by_tube():
    rows = pd.DataFrame(
        {
            "population": ["t", "t"],
            "statistic": "percent",
            "marker": "",
            "denominator": "lymphocytes",
            "tube": ["a", "b"],
        }
    )
    assert feature_names(rows).tolist() == ["t_percent_lymphocytes@a", "t_percent_lymphocytes@b"]


@given(st.integers(0, 4000))
def test_a_percentage_lies_in_its_interval_whatever_the_count(count):
    rows = rows_of(FakeGated(COUNTS | {("treg", "held"): count}), specimen="a", sample="b", tube="")
    row = one(rows, population="treg", statistic="percent", denominator="cd4_t", rule="held")
    assert row["lower"] - 1e-9 <= row["value"] <= row["upper"] + 1e-9
    assert np.isclose(row["value"], count / 40)
