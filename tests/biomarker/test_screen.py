from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from immunoprofile.biomarker import LINK_COLUMNS, screen
from immunoprofile.core import ModelError, UnknownNameError
from immunoprofile.longitudinal import adjust_p

NUMBERS = ["estimate", "estimate_shrunk", "se", "lower", "upper", "statistic", "df", "p", "q"]


def cohort(n: int = 60, features: int = 5, *, seed: int = 2, effect: float = 1.0):
    rng = np.random.default_rng(seed)
    index = [f"S{i:03d}" for i in range(n)]
    arm = pd.Series(rng.choice(["IL2", "PBO"], n), index=index)
    site = pd.Series(rng.choice(list("ABCD"), n), index=index)
    y = pd.Series((rng.random(n) < 0.3 + 0.3 * (arm == "IL2")).astype(float), index=index, name="tis20")
    x = rng.normal(size=(n, features)) + 0.5 * (arm == "IL2").to_numpy()[:, None]
    x[:, 0] += effect * y
    return pd.DataFrame(x, index=index, columns=[f"f{k}" for k in range(features)]), y, arm, site


def test_across_is_least_squares_with_hc3_by_statsmodels():
    import statsmodels.api as sm

    x, y, arm, site = cohort()
    x.iloc[3, 1] = np.nan
    table = screen(x, y, arm=arm, site=site).table
    design = pd.concat(
        [y, pd.get_dummies(arm, drop_first=True), pd.get_dummies(site, drop_first=True)], axis=1
    )
    design = sm.add_constant(design.astype(float))
    for row in table.itertuples():
        known = x[row.feature].notna()
        fit = sm.OLS(x[row.feature][known], design[known]).fit(cov_type="HC3", use_t=True)
        lower, upper = fit.conf_int().loc["tis20"]
        expected = (fit.params["tis20"], fit.bse["tis20"], fit.pvalues["tis20"], fit.df_resid, lower, upper)
        assert (row.estimate, row.se, row.p, row.df, row.lower, row.upper) == pytest.approx(
            expected, rel=1e-9
        )
        assert (row.n, row.n_missing) == (known.sum(), (~known).sum())
        assert row.n_events == y[known].sum()


def test_within_is_the_same_inside_one_arm():
    x, y, arm, site = cohort()
    table = screen(x, y, arm=arm, site=site, scopes=("within",)).table
    assert set(table["scope"]) == {"within:IL2", "within:PBO"}
    inside = arm == "IL2"
    alone = screen(x[inside], y[inside], site=site[inside]).table
    np.testing.assert_allclose(table[table["scope"] == "within:IL2"]["p"], alone["p"])


def test_baseline_and_covariates_are_held_constant():
    import statsmodels.api as sm

    x, y, arm, _ = cohort()
    rng = np.random.default_rng(9)
    base = pd.DataFrame(rng.normal(size=x.shape), index=x.index, columns=x.columns)
    more = pd.DataFrame(
        {"age": rng.normal(50, 9, len(x)), "sex": rng.choice(["f", "m"], len(x))}, index=x.index
    )
    row = screen(x, y, arm=arm, covariates=more, baseline=base).table.iloc[2]
    design = pd.concat(
        [y, pd.get_dummies(arm, drop_first=True), more["age"], more["sex"] == "m", base["f2"]], axis=1
    )
    fit = sm.OLS(x["f2"], sm.add_constant(design.astype(float))).fit(cov_type="HC3", use_t=True)
    assert (row["estimate"], row["p"]) == pytest.approx((fit.params["tis20"], fit.pvalues["tis20"]))


def test_every_row_is_labelled_and_no_association_claims_a_cause():
    x, y, arm, site = cohort()
    result = screen(x, y, arm=arm, site=site, scopes=("across", "within", "interaction"))
    table = result.table
    assert list(table.columns) == [column.name for column in LINK_COLUMNS]
    labels = table.set_index("scope")["label"]
    assert labels[["across", "within:IL2", "within:PBO"]].str.contains("not causal").all()
    assert labels["interaction"].str.contains("exploratory").all()
    assert "not causal" in repr(result)


def test_a_scope_is_a_family_and_estimates_are_shrunk_within_it():
    x, y, arm, site = cohort(features=30)
    table = screen(x, y, arm=arm, site=site, scopes=("across", "interaction")).table
    assert table["family"].nunique() == 2
    for _, own in table.groupby("family"):
        np.testing.assert_allclose(own["q"], adjust_p(own["p"], "BH"))
        assert set(own["m"]) == {30}
    assert (table["estimate_shrunk"].abs() <= table["estimate"].abs()).all()
    assert (table["estimate_shrunk"] * table["estimate"] >= 0).all()


def test_without_arms_rows_say_that_they_are_unadjusted():
    x, y, *_ = cohort()
    assert screen(x, y).table["flags"].str.contains("unadjusted").all()


def test_a_score_gives_a_slope_for_one_unit():
    x, y, arm, _ = cohort()
    score = pd.Series(20 + 30 * y + np.arange(len(y)) / 7, index=y.index)
    one = screen(x, score, arm=arm).table
    ten = screen(x, score / 10, arm=arm).table
    np.testing.assert_allclose(ten["estimate"], 10 * one["estimate"])
    np.testing.assert_allclose(ten["p"], one["p"])
    assert one["flags"].str.contains("per_unit").all()
    assert one["n_events"].isna().all()
    only = screen(x, score, arm=arm, scopes=("interaction",)).table
    assert only["flags"].str.contains("not_binary").all()
    assert only["p"].isna().all()


def test_what_cannot_be_told_is_a_row_and_never_stops_the_screen():
    x, y, arm, site = cohort()
    x["constant"], x["nothing"] = 1.0, np.nan
    x["tiny"] = np.where(np.arange(len(x)) < 6, x["f1"], np.nan)
    table = screen(x, y, arm=arm, site=site, scopes=("across", "interaction")).table
    for feature, code in {"constant": "constant", "nothing": "no_data", "tiny": "too_few"}.items():
        rows = table[table["feature"] == feature]
        assert len(rows) == 2
        assert rows["flags"].str.contains(code).all()
        assert rows[NUMBERS].isna().all().all()
    assert table[table["feature"] == "f0"]["p"].notna().all()


@pytest.mark.parametrize(
    ("responders", "flag", "known"),
    [(0, "too_few", False), (1, "too_few", False), (2, "rare_class", True), (3, "rare_class", True)],
)
def test_three_responders_are_flagged_and_one_is_too_few(responders, flag, known):
    x, y, *_ = cohort()
    y[:] = (np.arange(len(y)) < responders).astype(float)
    row = screen(x, y).table.iloc[0]
    assert flag in row["flags"]
    assert np.isfinite(row["p"]) == known


def test_one_arm_with_responses_says_so():
    x, y, arm, _ = cohort()
    y[arm == "PBO"] = np.nan
    table = screen(x, y, arm=arm, scopes=("across", "within", "interaction")).table.set_index("scope")
    assert table.loc["across", "flags"].str.contains("one_arm_only").all()
    assert table.loc["within:PBO", "flags"].str.contains("no_data").all()
    np.testing.assert_allclose(table.loc["across", "p"], table.loc["within:IL2", "p"])
    assert table.loc["interaction", "p"].isna().all()


def test_a_site_with_one_subject_has_no_say():
    x, y, arm, site = cohort()
    site.iloc[0] = "Z"
    table = screen(x, y, arm=arm, site=site).table
    without = screen(x.iloc[1:], y.iloc[1:], arm=arm.iloc[1:], site=site.iloc[1:]).table
    np.testing.assert_allclose(table["p"], without["p"])


def test_bad_input_is_refused_by_name():
    x, y, *_ = cohort()
    with pytest.raises(ModelError, match="repeated_rows"):
        screen(pd.concat([x, x]), y)
    with pytest.raises(ModelError, match="length_differs"):
        screen(x, y.to_numpy()[:-1])
    with pytest.raises(ModelError, match="not_binary"):
        screen(x, y + 1, kind="binary")
    with pytest.raises(UnknownNameError, match="interaction"):
        screen(x, y, scopes=("between",))
    with pytest.raises(UnknownNameError, match="BH"):
        screen(x, y, adjust="fdr")


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 1000))
def test_order_labels_and_units_do_not_matter(seed):
    x, y, arm, site = cohort(40, 3, seed=4)
    scopes = ("across", "interaction")
    table = screen(x, y, arm=arm, site=site, scopes=scopes).table
    order = np.random.default_rng(seed).permutation(len(x))
    turned = screen(
        1000 * x.iloc[order, ::-1] + 5, y, arm=arm.map({"IL2": "b", "PBO": "c"}), site=site, scopes=scopes
    ).table
    np.testing.assert_allclose(turned["p"], table["p"], rtol=1e-7)
    across = table["scope"] == "across"
    np.testing.assert_allclose(turned["estimate"][across], 1000 * table["estimate"][across], rtol=1e-9)
    np.testing.assert_allclose(
        turned["estimate_shrunk"][across], 1000 * table["estimate_shrunk"][across], rtol=1e-7, atol=1e-7
    )


@pytest.mark.parametrize("scope", ["across", "interaction"])
def test_the_test_keeps_its_level_where_arm_moves_marker_and_response(scope):
    runs = 40 if scope == "across" else 12
    p = pd.concat(
        [
            screen(
                *(c := cohort(60, 10, seed=seed, effect=0.0))[:2], arm=c[2], site=c[3], scopes=(scope,)
            ).table["p"]
            for seed in range(runs)
        ]
    )
    low, high = (0.025, 0.08) if scope == "across" else (0.0, 0.11)
    assert low < (p < 0.05).mean() < high


def test_a_true_difference_is_found():
    x, y, arm, site = cohort(150, 20, effect=1.0)
    table = screen(x, y, arm=arm, site=site).table.set_index("feature")
    assert table["q"].idxmin() == "f0"
    assert table.loc["f0", "lower"] < 1 < table.loc["f0", "upper"]


def test_a_screen_of_a_trial_takes_a_second():
    x, y, arm, site = cohort(240, 60)
    start = time.process_time()
    screen(x, y, arm=arm, site=site, scopes=("across", "within", "interaction"))
    assert time.process_time() - start < 10
