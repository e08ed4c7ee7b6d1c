from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from immunoprofile.core import BlindedError, ModelError
from immunoprofile.longitudinal import EFFECT_COLUMNS, DesignError, adjust_p, ancova, screen

VISITS = ["W4", "W12"]
NUMBERS = ["estimate", "se", "df", "lower", "upper", "t", "p", "q"]


def panel(features: int = 6, subjects: int = 40, *, seed: int = 3, missing: float = 0.1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    arm = np.where(rng.random(subjects) < 0.35, "IL2", "PBO")  # not 1:1
    site = rng.choice(["C1", "C2", "C3"], subjects)
    frames = []
    for feature in range(features):
        base = rng.normal(3, 1, subjects)
        for visit in VISITS:
            change = 0.3 * (arm == "IL2") * (feature == 0) - 0.3 * base + rng.normal(0, 0.5, subjects)
            change[rng.random(subjects) < missing] = np.nan
            frames.append(
                pd.DataFrame(
                    {
                        "feature": f"f{feature}",
                        "subject": [f"S{i:03d}" for i in range(subjects)],
                        "site": site,
                        "arm": arm,
                        "visit": visit,
                        "baseline": base,
                        "change": change,
                        "age": 40 + 10 * base,
                    }
                )
            )
    return pd.concat(frames, ignore_index=True)


FORMULA = "change ~ baseline + arm + site"


def test_every_row_equals_the_analysis_of_covariance_of_its_visit_and_feature():
    frame = panel()
    table = screen(frame, formula=FORMULA, reference="PBO").table
    assert len(table) == 12
    for row in table.itertuples():
        own = frame[(frame["feature"] == row.feature) & (frame["visit"] == row.visit)]
        fit = ancova(own, FORMULA)
        expected = fit.contrast("arm", reference="PBO").iloc[0]
        for name in NUMBERS[:-1]:
            assert getattr(row, name) == pytest.approx(expected[name], rel=1e-9, abs=1e-12)
        assert row.n_observations == fit.n_observations
        assert row.status == "ok"


@pytest.mark.parametrize(
    "formula",
    [
        "change ~ baseline*arm + site",
        "change ~ baseline + arm*site",
        "change ~ baseline*site + arm + age",
        "change ~ arm",
        "change ~ np.log(age) + baseline + arm",
        "change ~ baseline**2 + arm:age + arm",
    ],
)
def test_interactions_are_averaged_as_least_squares_means_are(formula):
    frame = panel(2)
    table = screen(frame, formula=formula, reference="PBO").table
    for row in table.itertuples():
        own = frame[(frame["feature"] == row.feature) & (frame["visit"] == row.visit)]
        expected = ancova(own, formula).contrast("arm", reference="PBO").iloc[0]
        assert (row.estimate, row.se, row.df) == pytest.approx(
            (expected["estimate"], expected["se"], expected["df"])
        )


def test_covariates_that_belong_to_the_feature_in_other_ways_are_fitted_one_by_one():
    frame = panel(2)
    frame["second"] = frame["baseline"] ** 2
    formula = "change ~ baseline + second + arm"
    row = screen(frame, formula=formula, reference="PBO").table.iloc[0]
    own = frame[(frame["feature"] == row["feature"]) & (frame["visit"] == row["visit"])]
    assert row["estimate"] == pytest.approx(
        ancova(own, formula).contrast("arm", reference="PBO")["estimate"].iloc[0]
    )


def test_statsmodels_gives_the_same_p():
    import statsmodels.formula.api as smf

    frame = panel(1)
    row = screen(frame, formula=FORMULA, reference="PBO").table.iloc[0]
    own = frame[frame["visit"] == row["visit"]]
    fit = smf.ols("change ~ baseline + C(arm, Treatment('PBO')) + C(site)", own).fit()
    name = "C(arm, Treatment('PBO'))[T.IL2]"
    assert (row["estimate"], row["se"], row["p"]) == pytest.approx(
        (fit.params[name], fit.bse[name], fit.pvalues[name])
    )


def test_the_default_formula_reads_the_visit_within_each_visit():
    frame = panel(2)
    default = screen(frame, reference="PBO").table
    written = screen(frame, formula="change ~ baseline + arm", reference="PBO").table
    pd.testing.assert_frame_equal(default, written)


def test_columns_are_those_of_effects_csv_under_the_callers_names():
    names = [column.name for column in EFFECT_COLUMNS]
    assert list(screen(panel(1), reference="PBO").table.columns) == names
    frame = panel(1).rename(
        columns={
            "feature": "PARAMCD",
            "visit": "AVISIT",
            "subject": "USUBJID",
            "arm": "TRT",
            "change": "CHG",
            "baseline": "BASE",
        }
    )
    table = screen(
        frame,
        formula="CHG ~ BASE*AVISIT + TRT*AVISIT",
        feature="PARAMCD",
        subject="USUBJID",
        visit="AVISIT",
        arm="TRT",
        reference="PBO",
    ).table
    assert list(table.columns[:3]) == ["PARAMCD", "AVISIT", "contrast"]
    assert table["AVISIT"].tolist() == sorted(VISITS)


def test_visits_keep_the_order_of_a_categorical():
    frame = panel(1)
    frame["visit"] = pd.Categorical(frame["visit"], categories=VISITS, ordered=True)
    assert screen(frame, reference="PBO").table["visit"].tolist() == VISITS


def test_q_is_adjusted_over_the_features_of_a_visit():
    table = screen(panel(), reference="PBO").table
    assert table["family"].nunique() == 2
    for _, own in table.groupby("family"):
        np.testing.assert_allclose(own["q"], adjust_p(own["p"], "BH"))
        assert set(own["m"]) == {6}
    one = screen(panel(), reference="PBO", families=["feature"], adjust="holm").table
    assert set(one["m"]) == {2}
    assert set(one["method"]) == {"holm"}


def test_failures_are_rows_and_do_not_count_in_m():
    frame = panel(5, missing=0.0)
    frame.loc[frame["feature"] == "f1", "change"] = 1.0
    frame.loc[frame["feature"] == "f2", "change"] = np.nan
    few = (frame["feature"] == "f3") & ~frame["subject"].isin(["S000", "S001"])
    frame.loc[few, "change"] = np.nan
    frame.loc[(frame["feature"] == "f4") & (frame["arm"] == "IL2"), "change"] = np.nan
    table = screen(frame, formula=FORMULA, reference="PBO").table.set_index(["feature", "visit"])
    status = {feature: table.loc[(feature, "W4"), "status"] for feature in ("f0", "f1", "f2", "f3", "f4")}
    assert status == {"f0": "ok", "f1": "constant", "f2": "no_data", "f3": "too_few", "f4": "not_estimable"}
    assert set(table["m"]) == {1}
    assert table.loc[("f4", "W4"), NUMBERS].isna().all()


def test_three_arms_give_two_contrasts():
    frame = panel(2, 60)
    third = frame["subject"].isin([f"S{i:03d}" for i in range(0, 60, 4)])
    frame.loc[third, "arm"] = "HIGH"
    assert set(screen(frame, reference="PBO").table["contrast"]) == {"HIGH - PBO", "IL2 - PBO"}


def test_one_subject_per_site_is_too_few_and_does_not_stop_the_screen():
    frame = panel(2)
    frame["site"] = "C" + frame["subject"]
    assert set(screen(frame, formula=FORMULA, reference="PBO").table["status"]) == {"too_few"}


def test_one_site_is_no_factor():
    frame = panel(2).assign(site="C1")
    with_site = screen(frame, formula=FORMULA, reference="PBO").table
    without = screen(frame, formula="change ~ baseline + arm", reference="PBO").table
    np.testing.assert_allclose(with_site["p"], without["p"])


def test_bad_input_is_refused_by_name():
    frame = panel(1)
    with pytest.raises(ModelError, match="unknown_choice") as caught:
        screen(frame, model="mmrm", reference="PBO")
    assert "ancova" in caught.value.hint
    with pytest.raises(DesignError, match="reference_missing"):
        screen(frame)
    with pytest.raises(KeyError, match="'PBO'"):
        screen(frame, reference="PB0")
    with pytest.raises(DesignError, match="subject S000, visit W4"):
        screen(pd.concat([frame, frame.iloc[:1]]), reference="PBO")
    with pytest.raises(DesignError, match="subject S000"):
        screen(
            frame.assign(
                arm=np.where(
                    frame["visit"] == "W4", "IL2", frame["arm"].where(frame["subject"] != "S000", "PBO")
                )
            ),
            reference="PBO",
        )
    with pytest.raises(DesignError, match="one_arm"):
        screen(frame.assign(arm="PBO"), reference="PBO")
    with pytest.raises(DesignError, match="infinite_value"):
        screen(frame.assign(change=np.inf), reference="PBO")
    with pytest.raises(DesignError, match="family_unknown"):
        screen(frame, reference="PBO", families=["vist"])
    with pytest.raises(DesignError, match="no_arm_term"):
        screen(frame, formula="change ~ baseline", reference="PBO")
    with pytest.raises(ModelError, match="unknown_choice"):
        screen(frame, reference="PBO", adjust="fdr")


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10_000))
def test_row_order_labels_and_reference_do_not_matter(seed):
    frame = panel(3, 24, seed=seed % 7)
    table = screen(frame, formula=FORMULA, reference="PBO").table
    shuffled = frame.sample(frac=1, random_state=seed)
    pd.testing.assert_frame_equal(screen(shuffled, formula=FORMULA, reference="PBO").table, table, rtol=1e-9)
    named = shuffled.assign(
        arm=shuffled["arm"].map({"IL2": "zz", "PBO": "aa"}), subject="x" + shuffled["subject"].str[::-1]
    )
    renamed = screen(named, formula=FORMULA, reference="aa").table
    np.testing.assert_allclose(renamed[NUMBERS], table[NUMBERS], rtol=1e-8, atol=1e-10)
    turned = screen(frame, formula=FORMULA, reference="IL2").table
    np.testing.assert_allclose(turned["estimate"], -table["estimate"], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(turned["p"], table["p"], rtol=1e-8)


@pytest.mark.parametrize("factor", [1e-12, 1e9])
def test_the_unit_of_a_feature_does_not_matter(factor):
    frame = panel(1)
    plain = screen(frame, reference="PBO").table
    wild = screen(frame.assign(change=frame["change"] * factor), reference="PBO").table
    np.testing.assert_allclose(wild["p"], plain["p"], rtol=1e-6)
    np.testing.assert_allclose(wild["estimate"], factor * plain["estimate"], rtol=1e-6)


def test_the_test_keeps_its_level_under_the_null():
    p = np.concatenate(
        [
            screen(
                panel(40, 24, seed=seed).assign(keep=1).query("feature != 'f0'"),
                formula=FORMULA,
                reference="PBO",
            ).table["p"]
            for seed in range(8)
        ]
    )
    assert 0.02 < (p < 0.05).mean() < 0.08  # 624 tests, Monte Carlo SE .009


def test_two_hundred_features_take_seconds():
    frame = panel(100, 120)
    start = time.process_time()
    screen(frame, formula=FORMULA, reference="PBO")
    assert time.process_time() - start < 8  # measured .3 s; every feature has a pattern of its own


def test_arms_can_come_as_a_series_and_dummies_are_marked():
    frame = panel(2)
    arms = frame.drop_duplicates("subject").set_index("subject")["arm"].rename("arm (DUMMY)")
    arms.attrs = {"reference": "PBO", "dummy": True}
    result = screen(frame.drop(columns="arm"), arms=arms)
    pd.testing.assert_frame_equal(result.table, screen(frame, reference="PBO").table)
    assert result.dummy
    assert "DUMMY" in repr(result)
    copy = result.to_frame()
    copy["p"] = 0.0
    assert (result.table["p"] > 0).all()


def test_a_blinded_change_without_arms_is_refused():
    from immunoprofile.quantify import Change

    change = Change(rows=pd.DataFrame(), scales=pd.DataFrame({"feature": []}), blinded=True)
    with pytest.raises((DesignError, BlindedError)):
        screen(change)
