"""Firth's logistic regression against direct maximization (golden): 1e-5 of estimates and limits, p 1e-8.

Limits of separated data are compared for the nearer side only: there the penalized likelihood has several
maxima, and how far the other side reaches depends on which one a search follows.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from immunoprofile.biomarker import firth, screen
from immunoprofile.core import ModelError

CASES = json.loads((Path(__file__).resolve().parents[1] / "golden/trial/firth.json").read_text())["firth"]
PLACES = {"intercept": 0, "x": 1, "arm": 2, "x:arm": 3}


def fitted(case):
    x, arm = np.array(case["x"]), np.array(case["arm"])
    return firth(np.column_stack([np.ones(x.size), x, arm, arm * x]), case["y"])


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_estimates_and_likelihood_ratios_are_the_golden_ones(case):
    fit = fitted(case)
    assert fit.log_likelihood == pytest.approx(case["penalised_log_likelihood"], abs=1e-7)
    for term in case["terms"]:
        place = PLACES[term["term"]]
        statistic, p = fit.test(place)
        assert fit.estimate[place] == pytest.approx(
            term["estimate"], abs=1e-5 * max(1, abs(term["estimate"]))
        )
        assert statistic == pytest.approx(term["chisq"], abs=1e-7)
        assert p == pytest.approx(term["p"], abs=1e-8)


@pytest.mark.parametrize("case", [c for c in CASES if not c["separated"]], ids=lambda case: case["id"])
def test_profile_limits_are_the_golden_ones(case):
    fit = fitted(case)
    for term in case["terms"]:
        found = fit.limits(PLACES[term["term"]])
        assert found == pytest.approx((term["lower"], term["upper"]), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("case", [c for c in CASES if c["separated"]], ids=lambda case: case["id"])
def test_separated_data_have_finite_limits_around_a_finite_estimate(case):
    fit = fitted(case)
    term = next(term for term in case["terms"] if term["term"] == "x:arm")
    lower, upper = fit.limits(3)
    assert np.isfinite([lower, upper]).all()
    assert lower < fit.estimate[3] < upper
    assert lower == pytest.approx(term["lower"], rel=1e-3)


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_the_screen_gives_the_same_interaction(case):
    x = pd.DataFrame({"marker": case["x"]})
    arm = ["active" if value else "control" for value in case["arm"]]
    row = screen(x, case["y"], arm=arm, scopes=("interaction",), reference="control").table.iloc[0]
    term = next(term for term in case["terms"] if term["term"] == "x:arm")
    assert row["p"] == pytest.approx(term["p"], abs=1e-8)
    assert row["statistic"] == pytest.approx(term["chisq"], abs=1e-7)
    assert row["estimate"] == pytest.approx(term["estimate"] * x["marker"].std(), rel=1e-5)
    assert ("several_maxima" in row["flags"]) == (term["chisq"] < 0)
    assert row["measure"] == "log_odds"


def test_a_table_of_two_by_two_is_the_half_added_to_each_cell():
    x = np.repeat([0.0, 0.0, 1.0, 1.0], [7, 3, 2, 8])
    y = np.repeat([0.0, 1.0, 0.0, 1.0], [7, 3, 2, 8])
    fit = firth(np.column_stack([np.ones(20), x]), y)
    assert fit.estimate[1] == pytest.approx(np.log(8.5 * 7.5 / (2.5 * 3.5)))


def test_what_cannot_be_fitted_is_named():
    ones = np.ones((4, 1))
    with pytest.raises(ModelError, match="one_class"):
        firth(ones, [1, 1, 1, 1])
    with pytest.raises(ModelError, match="not_binary"):
        firth(ones, [1, 2, 1, 0])
    with pytest.raises(ModelError, match="rank_deficient"):
        firth(np.ones((4, 2)), [1, 0, 1, 0])
