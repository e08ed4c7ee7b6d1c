"""Rules of gating side by side, the doubt of the cuts, and few events."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from immunoprofile.longitudinal import screen
from immunoprofile.longitudinal._fit import Estimate
from immunoprofile.longitudinal._rules import is_sensitive
from immunoprofile.quantify import Change, Visit

VISITS = (Visit(id="W0", role="baseline"), Visit(id="W4"), Visit(id="W12", period="open"))


def rows_of(
    shifts: dict[str, float],
    *,
    subjects: int = 40,
    seed: int = 1,
    sites: int = 2,
    effect: float = 0.5,
    noise: float = 0.1,
) -> pd.DataFrame:
    """Changes of one feature under several rules; `shifts` moves the active arm's change under a rule."""
    rng = np.random.default_rng(seed)
    out = []
    base = rng.normal(1.8, 0.25, subjects)
    truth = {
        visit: effect * (np.arange(subjects) % 2) + rng.normal(0, noise, subjects) for visit in ("W4", "W12")
    }
    for rule, shift in shifts.items():
        for visit in ("W4", "W12"):
            change = truth[visit] + shift * (np.arange(subjects) % 2) + rng.normal(0, 0.01, subjects)
            for i in range(subjects):
                out.append(  # noqa: PERF401 - a row a line
                    {
                        "subject": f"S{i:02d}",
                        "visit": visit,
                        "site": f"C{i // 2 % sites}",
                        "batch": f"C{i // 2 % sites}",
                        "baseline_batch": f"C{i // 2 % sites}",
                        "feature": "treg_percent_cd4_t",
                        "rule": rule,
                        "scale": "log_ratio",
                        "baseline": np.exp(base[i]),
                        "value": np.exp(base[i] + change[i]),
                        "change": change[i],
                        "cut_se": 0.0,
                        "cut_value": 0.03 + 0.02 * change[i],
                        "cut_baseline": 0.03,
                        "baseline_scaled": base[i],
                        "age": 50.0 + i % 7,
                        "flags": "",
                    }
                )
    return pd.DataFrame(out)


def change_of(rows: pd.DataFrame, **settings) -> Change:
    scales = pd.DataFrame(
        {"feature": ["treg_percent_cd4_t"], "scale": ["log_ratio"], "reason": [""]}, dtype="string"
    )
    return Change(rows=rows, scales=scales, visits=VISITS, **settings)


def arms_of(subjects: int = 40, **attrs) -> pd.Series:
    arms = pd.Series(
        ["IL2" if i % 2 else "PBO" for i in range(subjects)],
        index=[f"S{i:02d}" for i in range(subjects)],
        name="arm",
    )
    arms.attrs = {"reference": "PBO"} | attrs
    return arms


def flags(table: pd.DataFrame, rule: str = "held") -> set[str]:
    return {flag for text in table[table["rule"] == rule]["flags"] for flag in text.split(";") if flag}


def test_rules_stand_side_by_side_each_a_family_of_its_own():
    table = screen(
        change_of(rows_of({"held": 0.0, "anchored": 0.0, "per_sample": 0.0})), arms=arms_of()
    ).table
    assert table["rule"].tolist() == ["held", "anchored", "per_sample"] * 2
    assert table["family"].nunique() == 6
    assert "GATE_SENSITIVE" not in flags(table)
    assert table["estimand"].eq("treatment_policy").all()
    assert table["period"].tolist() == ["blinded"] * 3 + ["open"] * 3
    np.testing.assert_allclose(table["ratio"], np.exp(table["estimate"]))
    np.testing.assert_allclose(table["ratio_lower"], np.exp(table["lower"]))


def test_a_rule_that_moves_the_effect_is_flagged_on_every_row():
    table = screen(change_of(rows_of({"held": 0.0, "per_sample": -1.0})), arms=arms_of()).table
    for rule in ("held", "per_sample"):
        assert "GATE_SENSITIVE" in flags(table, rule)


def test_a_common_shift_of_both_arms_is_not_flagged():
    rows = rows_of({"held": 0.0, "anchored": 0.0})
    rows.loc[rows["rule"] == "anchored", "change"] += 0.4
    assert "GATE_SENSITIVE" not in flags(screen(change_of(rows), arms=arms_of()).table)


def test_a_paired_difference_towards_nothing_is_flagged():
    # half of held is the allowance: .5 x .5 = .25 > .15, but the paired difference sees .15 exactly
    table = screen(change_of(rows_of({"held": 0.0, "anchored": -0.15})), arms=arms_of()).table
    assert "GATE_SENSITIVE" in flags(table)
    away = screen(change_of(rows_of({"held": 0.0, "anchored": 0.15})), arms=arms_of()).table
    assert "GATE_SENSITIVE" not in flags(away)


def test_rules_are_compared_on_the_same_specimens():
    rows = rows_of({"held": 0.0, "anchored": 0.0}, noise=0.02)
    odd = rows["subject"].isin(["S01", "S03"])
    rows.loc[odd & (rows["rule"] == "held"), "change"] = -8.0
    rows.loc[odd & (rows["rule"] == "anchored"), "change"] = np.nan
    table = screen(change_of(rows), arms=arms_of()).table.set_index(["rule", "visit"])
    assert abs(table.loc[("held", "W4"), "estimate"] - table.loc[("anchored", "W4"), "estimate"]) > 0.3
    assert "GATE_SENSITIVE" not in table.loc[("held", "W4"), "flags"]


def test_a_per_sample_rule_that_is_often_missing_is_unresolved_and_not_scored():
    rows = rows_of({"held": 0.0, "per_sample": -1.0})
    lost = rows["subject"].isin([f"S{i:02d}" for i in range(9)]) & (rows["rule"] == "per_sample")
    rows.loc[lost, "change"] = np.nan
    found = flags(screen(change_of(rows), arms=arms_of()).table)
    assert "GATE_UNRESOLVED" in found
    assert "GATE_SENSITIVE" not in found


def test_changes_with_few_events_are_left_out_and_counted():
    rows = rows_of({"held": 0.0})
    tiny = rows["subject"].isin(["S01", "S02"]) & (rows["visit"] == "W4")
    rows.loc[tiny, ["change", "flags"]] = [-9.0, "FEW_EVENTS"]
    table = screen(change_of(rows), arms=arms_of()).table.set_index("visit")
    assert table.loc["W4", "flags"] == "n_few_events=2"
    assert table.loc["W4", "n_subjects"] == 38
    assert table.loc["W12", "flags"] == ""
    assert table.loc["W4", "estimate"] == pytest.approx(0.5, abs=0.15)


def test_the_default_model_holds_baseline_site_and_declared_covariates():
    change = change_of(rows_of({"held": 0.0}), covariates=("age", "site"))
    result = screen(change, arms=arms_of())
    assert result.formula == "change ~ baseline + arm + site + age"
    assert result.table["df"].tolist() == [35.0, 35.0]


def test_site_stays_out_where_it_would_explain_the_arms_away():
    rows = rows_of({"held": 0.0})
    result = screen(change_of(rows.assign(site=rows["subject"])), arms=arms_of())
    assert result.formula == "change ~ baseline + arm"
    assert flags(result.table) == {"site_left_out"}
    assert set(result.table["status"]) == {"ok"}


def test_subjects_without_arm_or_covariate_are_not_in_the_fit():
    rows = rows_of({"held": 0.0})
    rows.loc[rows["subject"] == "S05", "age"] = np.nan
    table = screen(change_of(rows, covariates=("age",)), arms=arms_of().drop("S00")).table
    assert set(table["n_subjects"]) == {38}
    assert "n_covariate_missing=1" in flags(table)


def test_the_doubt_of_the_cuts_is_that_of_refitting_with_moved_cuts():
    rows = rows_of({"held": 0.0}).query("visit == 'W4'")
    table = screen(change_of(rows), arms=arms_of()).table.iloc[0]
    variance, step = 0.0, 1e-5
    for batch in ("C0", "C1"):
        moved = rows.copy()
        here = moved["batch"] == batch
        moved.loc[here, "baseline_scaled"] += step * moved["cut_baseline"]
        moved.loc[here, "change"] += step * (moved["cut_value"] - moved["cut_baseline"])
        again = screen(change_of(moved), arms=arms_of()).table.iloc[0]
        variance += ((again["estimate"] - table["estimate"]) / step) ** 2
    half = (table["upper"] - table["lower"]) / 2
    expected = half * np.sqrt(1 + variance / table["se"] ** 2)
    assert (table["gate_upper"] - table["gate_lower"]) / 2 == pytest.approx(expected, rel=1e-4)
    assert table["gate_lower"] < table["lower"]


def test_a_missing_doubt_gives_no_interval_of_the_cuts():
    rows = rows_of({"held": 0.0}).assign(cut_value=np.nan)
    table = screen(change_of(rows), arms=arms_of()).table
    assert table[["gate_lower", "gate_upper"]].isna().all().all()
    assert table["lower"].notna().all()


def test_real_and_dummy_arms_open_the_analysis_of_a_blinded_change():
    change = change_of(rows_of({"held": 0.0}), blinded=True)
    assert screen(change, arms=arms_of(dummy=True)).dummy
    assert not screen(change, arms=arms_of()).dummy
    assert "post_hoc" in flags(screen(change, arms=arms_of(post_hoc=True)).table)


def ok(estimate: float, se: float = 0.05) -> Estimate:
    return Estimate(status="ok", estimate=estimate, se=se, df=40)


@pytest.mark.parametrize(
    ("held", "other", "expected"),
    [
        (ok(0.6), ok(0.35), False),  # within half of held
        (ok(0.6), ok(0.25), True),
        (ok(0.02), ok(0.11, 0.08), False),
        (ok(0.02), ok(0.13), True),  # more than .10
        (ok(0.14), ok(0.06), True),  # the decision turns, by more than .07
        (ok(0.11), ok(0.05), False),  # it turns, by less
    ],
)
def test_the_thresholds_of_a_disagreement(held, other, expected):
    assert is_sensitive(held, other, Estimate(status="no_data"), alpha=0.05) is expected


def test_on_another_scale_only_a_turned_decision_counts():
    assert not is_sensitive(ok(30.0, 1.0), ok(90.0, 1.0), ok(60.0), alpha=0.05, logarithmic=False)
    assert is_sensitive(ok(30.0, 1.0), ok(0.3, 1.0), ok(0.0), alpha=0.05, logarithmic=False)
