from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from immunoprofile.biomarker import LeakageError, relate, screen
from immunoprofile.core import BlindedError, ModelError, UnknownNameError
from immunoprofile.quantify import Change, Visit

VISITS = (Visit(id="W0", role="baseline"), Visit(id="W4"), Visit(id="W12"))
N = 40
SUBJECTS = [f"S{i:02d}" for i in range(N)]


@pytest.fixture
def arms():
    arms = pd.Series(["IL2" if i % 2 else "PBO" for i in range(N)], index=SUBJECTS, name="arm")
    arms.attrs = {"reference": "PBO", "dummy": False}
    return arms


def change_of(visits=("W4", "W12"), **settings) -> Change:
    rng = np.random.default_rng(8)
    y = responders()
    rows = []
    for feature in ("treg_percent_cd4_t", "cd8_t_percent_t"):
        base = rng.normal(1.8, 0.3, N)
        for visit in visits:
            change = 0.3 * y * (feature[0] == "t") + rng.normal(0, 0.2, N)
            rows.append(
                pd.DataFrame(
                    {
                        "subject": SUBJECTS,
                        "visit": visit,
                        "site": [f"C{i % 3}" for i in range(N)],
                        "batch": "B",
                        "baseline_batch": "B",
                        "feature": feature,
                        "rule": "held",
                        "scale": "log_ratio",
                        "baseline": np.exp(base),
                        "value": np.exp(base + change),
                        "change": change,
                        "baseline_scaled": base,
                        "cut_se": 0.0,
                        "cut_value": 0.0,
                        "cut_baseline": 0.0,
                        "age": 50.0 + np.arange(N) % 7,
                        "flags": "",
                    }
                )
            )
    table = pd.concat(rows, ignore_index=True)
    other = table.assign(rule="per_sample", change=99.0)
    scales = pd.DataFrame(
        {"feature": sorted(set(table["feature"])), "scale": "log_ratio", "reason": ""}, dtype="string"
    )
    return Change(rows=pd.concat([table, other], ignore_index=True), scales=scales, visits=VISITS, **settings)


def responders() -> np.ndarray:
    return (np.random.default_rng(1).random(N) < 0.5).astype(float)


def response_of(visits=("W4", "W12")) -> pd.DataFrame:
    frames = [
        pd.DataFrame(
            {
                "subject": SUBJECTS,
                "visit": visit,
                "responder": pd.array(responders() == 1, dtype="boolean"),
                "score": 40 * responders() + np.arange(N),
            }
        )
        for visit in visits
    ]
    out = pd.concat(frames, ignore_index=True)
    out.loc[out["subject"] == "S07", "responder"] = pd.NA
    return out


def test_features_come_from_before_the_response(arms):
    table = relate(change_of(), response_of(), arms=arms).table
    moved = table[table["scope"] != "interaction"]
    assert set(moved["visit"]) == {"W4"}
    assert set(table["response_visit"]) == {"W12"}
    assert set(table[table["scope"] == "interaction"]["visit"]) == {"W0"}
    assert set(table["scope"]) == {"across", "within:IL2", "within:PBO", "interaction"}
    assert not table["flags"].str.contains("concurrent").any()


def test_the_numbers_are_those_of_the_screen_of_the_same_values(arms):
    change = change_of()
    found = relate(change, response_of(), arms=arms, scopes=("across",)).table
    rows = change.table[(change.table["visit"] == "W4") & (change.table["rule"] == "held")]
    x = rows.pivot_table(index="subject", columns="feature", values="change")
    base = np.log(rows.pivot_table(index="subject", columns="feature", values="baseline"))
    y = response_of(("W12",)).set_index("subject")["responder"].astype("Float64")
    site = rows.drop_duplicates("subject").set_index("subject")["site"]
    expected = screen(x, y, arm=arms, site=site, baseline=base).table
    np.testing.assert_allclose(found["p"], expected["p"])
    assert set(found["n"]) == {N - 1}
    assert set(found["n_missing"]) == {1}


def test_features_of_the_response_visit_leak_unless_asked_for(arms):
    with pytest.raises(LeakageError, match="feature_after_response"):
        relate(change_of(), response_of(), arms=arms, feature_visit="W12")
    with pytest.raises(ModelError, match="W12"):
        relate(
            change_of(), response_of(), arms=arms, feature_visit="W12", response_visit="W4", concurrent=True
        )
    table = relate(change_of(), response_of(), arms=arms, feature_visit="W12", concurrent=True).table
    assert table["flags"].str.contains("concurrent").all()


def test_a_study_with_one_later_visit_has_no_landmark(arms):
    change = change_of(("W12",))
    with pytest.raises(LeakageError, match="no_landmark"):
        relate(change, response_of(("W12",)), arms=arms)
    table = relate(change, response_of(("W12",)), arms=arms, concurrent=True).table
    assert set(table[table["scope"] == "across"]["visit"]) == {"W12"}
    assert table["flags"].str.contains("concurrent").all()


def test_a_change_with_few_events_is_left_out_and_counted(arms):
    change = change_of()
    rows = change.table
    few = change._rows
    here = (few["subject"] == "S01") & (few["visit"] == "W4") & (few["feature"] == "treg_percent_cd4_t")
    few.loc[here, "flags"] = "FEW_EVENTS"
    table = relate(change, response_of(), arms=arms, scopes=("across",)).table.set_index("feature")
    assert "n_few_events=1" in table.loc["treg_percent_cd4_t", "flags"]
    assert table.loc["treg_percent_cd4_t", "n"] == N - 2
    assert len(rows) == len(few)


def test_early_responders_stay_and_are_counted(arms):
    table = relate(change_of(), response_of(), arms=arms, scopes=("across",)).table
    early = int(response_of(("W4",))["responder"].sum())
    assert table["flags"].str.contains(f"n_early_responders={early}").all()


def test_covariates_of_the_study_are_held_constant(arms):
    with_age = relate(change_of(covariates=("age",)), response_of(), arms=arms, scopes=("across",)).table
    without = relate(
        change_of(covariates=("age",)), response_of(), arms=arms, scopes=("across",), covariates=()
    ).table
    assert (with_age["df"] == without["df"] - 1).all()
    with pytest.raises(ModelError, match="covariate_unknown"):
        relate(change_of(), response_of(), arms=arms, covariates=("agee",))


def test_a_blinded_change_needs_arms(arms):
    change = change_of(blinded=True)
    with pytest.raises(BlindedError):
        relate(change, response_of())
    arms.attrs["dummy"] = True
    result = relate(change, response_of(), arms=arms)
    assert result.dummy
    assert "DUMMY" in repr(result)


def test_an_open_study_without_arms_claims_nothing_about_treatment():
    table = relate(change_of(), response_of(), scopes=("across", "interaction")).table
    assert table["flags"].str.contains("single_arm").all()
    assert table[table["scope"] == "interaction"]["p"].isna().all()
    assert table[table["scope"] == "across"]["p"].notna().all()


def test_a_score_can_be_the_response(arms):
    table = relate(change_of(), response_of(), arms=arms, outcome="score", scopes=("across",)).table
    assert table["flags"].str.contains("per_unit").all()
    assert table["p"].notna().all()


def test_bad_input_is_refused_by_name(arms):
    with pytest.raises(ModelError, match="response_unknown"):
        relate(change_of(), response_of().drop(columns="responder"), arms=arms)
    with pytest.raises(ModelError, match="subject S00, visit W4"):
        relate(change_of(), pd.concat([response_of(), response_of()]), arms=arms)
    with pytest.raises(UnknownNameError, match="W12"):
        relate(change_of(), response_of(), arms=arms, feature_visit="W21")
    with pytest.raises(ModelError, match="response_unknown"):
        relate(change_of(), response_of().assign(responder=pd.NA), arms=arms)


def test_a_profile_limit_that_cannot_be_followed_is_missing(monkeypatch):
    from immunoprofile.biomarker import _firth, firth

    def refuse(*args):
        raise ValueError("f(a) and f(b) must have different signs")

    x = np.random.default_rng(3).normal(size=40)
    fit = firth(np.column_stack([np.ones(40), x]), (x + np.sin(np.arange(40)) > 0).astype(int))
    assert np.isfinite(fit.limits(1)).all()
    monkeypatch.setattr(_firth, "_crossing", refuse)
    assert np.isnan(fit.limits(1)).all()
