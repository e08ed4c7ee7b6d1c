from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from immunoprofile.core import BlindedError, ModelError, UnknownNameError
from immunoprofile.quantify import CHANGE_COLUMNS, ImmuneProfile, Visit, choose_scale

from .conftest import TREG, VISITS, profile_of, study_rows


def row(table: pd.DataFrame, subject: str, visit: str, feature: str = "treg_percent_cd4_t") -> pd.Series:
    found = table[(table["subject"] == subject) & (table["visit"] == visit) & (table["feature"] == feature)]
    assert len(found) == 1
    return found.iloc[0]


def test_change_has_the_columns_of_the_design_with_covariates_before_flags():
    table = profile_of(TREG, covariates=("age_years", "sex")).change().table
    names = [column.name for column in CHANGE_COLUMNS]
    assert list(table.columns) == [*names[:-1], "age_years", "sex", "flags"]
    assert str(table["age_years"].dtype) == "float64"


def test_a_percentage_below_half_changes_by_its_log_ratio():
    found = row(profile_of(TREG).change().table, "A", "W4")
    assert found["scale"] == "log_ratio"
    assert found["change"] == pytest.approx(math.log(300 / 200))
    assert (found["baseline"], found["value"]) == (5.0, 7.5)


def test_a_percentage_near_its_ceiling_changes_by_log_odds():
    found = row(profile_of(TREG).change().table, "A", "W4", "tconv_percent_cd4_t")
    assert found["scale"] == "logit"
    assert found["change"] == pytest.approx(math.log(3700 / 300) - math.log(3800 / 200))


def test_an_intensity_below_zero_changes_by_its_difference():
    found = row(profile_of(TREG).change().table, "A", "W4", "treg_median_intensity_CD25")
    assert found["scale"] == "difference"
    assert found["change"] == 0.0


def test_a_value_without_baseline_stays_a_row_with_a_flag():
    found = row(profile_of(TREG).change().table, "C", "W4")
    assert math.isnan(found["change"])
    assert math.isnan(found["baseline"])
    assert "baseline_missing" in found["flags"]


def test_a_baseline_of_zero_gives_a_missing_change_and_a_flag():
    found = row(profile_of(TREG).change().table, "D", "W4")
    assert math.isnan(found["change"])
    assert {"zero_value", "FEW_EVENTS"} <= set(found["flags"].split(";"))


def test_the_baseline_visit_and_counts_are_no_features():
    table = profile_of(TREG).change().table
    assert set(table["visit"]) == {"W4", "W12"}
    assert not table["feature"].str.contains("count").any()
    assert profile_of(TREG).change(statistics=["count"]).table["feature"].str.contains("count").all()


def test_one_cut_for_both_visits_cancels_and_two_batches_do_not():
    table = profile_of(TREG).change().table
    same, other = row(table, "A", "W4"), row(table, "A", "W12")
    assert same["cut_se"] == pytest.approx(abs(0.1 / 7.5 - 0.1 / 5.0))
    assert other["cut_se"] == pytest.approx(math.hypot(0.1 / 10.0, 0.1 / 5.0))


def test_the_last_value_before_the_first_dose_is_the_baseline():
    visits = (Visit(id="S", role="screening"), Visit(id="W0", role="baseline"), Visit(id="W4"))
    treg = {("A", "S"): 100, ("A", "W0"): 200, ("A", "W4"): 400, ("B", "S"): 100, ("B", "W4"): 400}
    table = profile_of(treg, visits=visits).change().table
    assert (row(table, "A", "W4")["baseline"], row(table, "B", "W4")["baseline"]) == (5.0, 2.5)
    strict = profile_of(treg, visits=visits, baseline_rule="visit").change().table
    assert "baseline_missing" in row(strict, "B", "W4")["flags"]


def test_a_baseline_after_the_first_dose_is_never_used():
    rows, specimens = study_rows(TREG)
    specimens["before_first_dose"] = (specimens["subject"] != "A") & (specimens["visit"] == "W0")
    table = ImmuneProfile(table=rows, specimens=specimens, visits=VISITS).change().table
    assert "baseline_after_dose" in row(table, "A", "W4")["flags"]
    assert math.isnan(row(table, "A", "W4")["change"])
    assert row(table, "B", "W4")["change"] == 0.0


def test_replicate_samples_are_averaged_and_flagged():
    rows, specimens = study_rows(TREG)
    again = rows[rows["specimen"] == rows["specimen"].iloc[0]].assign(sample="second")
    table = ImmuneProfile(table=pd.concat([rows, again]), specimens=specimens, visits=VISITS).change().table
    assert "replicates_averaged" in row(table, "A", "W4")["flags"]
    assert row(table, "A", "W4")["change"] == pytest.approx(math.log(1.5))


def test_a_scale_can_be_chosen_and_says_so():
    change = profile_of(TREG).change(scale={"treg_percent_cd4_t": "difference"})
    assert row(change.table, "A", "W4")["change"] == pytest.approx(2.5)
    scales = change.scales.set_index("feature")
    assert scales.loc["treg_percent_cd4_t", "reason"] == "as asked"
    assert "dictionary" in scales.loc["treg_percent_t", "reason"]
    with pytest.raises(UnknownNameError, match="unknown_choice"):
        profile_of(TREG).change(scale={"treg_percent_cd4_t": "sqrt"})
    with pytest.raises(UnknownNameError, match="treg_percent_cd4_t"):
        profile_of(TREG).change(scale={"treg_percnt_cd4_t": "logit"})


def test_a_population_that_the_dictionary_does_not_hold_is_judged_by_all_values_together():
    assert choose_scale("mine", "percent", denominator="t", values=np.array([10.0, 49.0]))[0] == "log_ratio"
    assert (
        choose_scale("mine", "percent", denominator="t", values=np.array([10.0, np.nan, 51.0]))[0] == "logit"
    )


def test_a_blinded_change_is_shut_and_analyses_take_it_with_arms():
    change = profile_of(TREG, blinded=True).change()
    dummy = pd.Series({"A": "X", "B": "Y", "C": "X", "D": "Y"}, name="arm (DUMMY)")
    for ask in (
        lambda: change.table,
        change.reveal,
        lambda: change.joined(None),
        lambda: change.reveal(dummy),
    ):
        with pytest.raises(BlindedError):
            ask()
    joined = change.joined(dummy)
    assert set(joined["arm"]) == {"X", "Y"}
    found = row(joined, "A", "W4")
    assert found["baseline_scaled"] == pytest.approx(math.log(5.0))
    assert (found["cut_value"], found["cut_baseline"]) == pytest.approx((0.1 / 7.5, 0.1 / 5.0))
    assert "W4" not in repr(change)


def test_a_study_without_a_baseline_visit_says_what_to_declare():
    with pytest.raises(ModelError, match="no_baseline_visit") as caught:
        profile_of(TREG, visits=(Visit(id="W0"), Visit(id="W4"))).change()
    assert "baseline" in caught.value.hint


def test_a_covariate_that_is_not_there_is_named():
    with pytest.raises(ModelError, match="covariate_unknown") as caught:
        profile_of(TREG, covariates=("age",)).change()
    assert "age_years" in caught.value.hint


def test_change_does_not_depend_on_the_order_of_rows():
    rows, specimens = study_rows(TREG)
    turned = ImmuneProfile(table=rows.iloc[::-1], specimens=specimens.iloc[::-1], visits=VISITS)
    straight = ImmuneProfile(table=rows, specimens=specimens, visits=VISITS)
    pd.testing.assert_frame_equal(turned.change().table, straight.change().table)
