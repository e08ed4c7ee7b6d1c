"""Analysis of covariance against R (lm, sandwich, emmeans): 1e-8, the tolerance of the golden file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from immunoprofile.core import ImmunoprofileWarning, ModelError, UnknownNameError
from immunoprofile.longitudinal import ConstantResponseError, DesignError, ancova

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "statistics"
CASES = json.loads((GOLDEN / "ancova.json").read_text(encoding="utf-8"))["cases"]
TOLERANCE = 1e-8


def fitted(case):
    frame = pd.read_csv(GOLDEN / case["data"])
    return ancova(frame[frame["AVISIT"] == case["visit"]], case["formula"], vcov=case["vcov"])


def close(table: pd.DataFrame, rows: list[dict], columns: list[str]) -> None:
    assert len(table) == len(rows)
    for column in columns:
        np.testing.assert_allclose(
            table[column].to_numpy(float), [row[column] for row in rows], rtol=0, atol=TOLERANCE
        )


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
class TestEveryGoldenCase:
    def test_coefficients_are_those_of_r(self, case):
        fit = fitted(case)
        assert fit.coefficients["term"].tolist() == [row["term"] for row in case["coefficients"]]
        close(fit.coefficients, case["coefficients"], ["estimate", "se", "df", "t", "p"])
        assert fit.residual_sd == pytest.approx(case["residual_sd"], abs=TOLERANCE)
        assert fit.n_observations == case["n"]

    @pytest.mark.parametrize("margins", ["equal", "observed"])
    def test_means_and_contrasts_are_those_of_emmeans(self, case, margins):
        fit = fitted(case)
        columns = ["estimate", "se", "df", "lower", "upper", "t", "p"]
        means = fit.ls_means("ARM", margins=margins)
        assert means["ARM"].tolist() == [row["ARM"] for row in case[margins]["ls_means"]]
        close(means, case[margins]["ls_means"], columns)
        close(
            fit.contrast("ARM", reference=case["reference"], margins=margins),
            case[margins]["contrasts"],
            columns,
        )


@pytest.fixture
def frame():
    rng = np.random.default_rng(5)
    n = 40
    arm = np.where(rng.random(n) < 0.3, "IL2", "PBO")
    base = rng.normal(3, 1, n)
    return pd.DataFrame(
        {
            "change": 0.4 * (arm == "IL2") - 0.3 * base + rng.normal(0, 0.5, n),
            "baseline": base,
            "arm": arm,
            "site": rng.choice(["C1", "C2", "C3"], n),
        }
    )


def test_statsmodels_gives_the_same_answer(frame):
    import statsmodels.formula.api as smf

    for vcov, cov_type in (("model", "nonrobust"), ("hc3", "HC3")):
        fit = ancova(frame, "change ~ baseline + arm + site", vcov=vcov)
        oracle = smf.ols("change ~ baseline + C(arm) + C(site)", frame).fit(cov_type=cov_type, use_t=True)
        np.testing.assert_allclose(sorted(fit.coefficients["p"]), sorted(oracle.pvalues), rtol=1e-9)
        assert fit.log_likelihood == pytest.approx(oracle.llf)


def test_aliased_columns_are_dropped_and_named(frame):
    fit = ancova(frame.assign(twin=2 * frame["baseline"] + 1), "change ~ baseline + arm + twin + site")
    plain = ancova(frame, "change ~ baseline + arm + site")
    assert fit.aliased == ("twin",)
    pd.testing.assert_frame_equal(
        fit.contrast("arm", reference="PBO"), plain.contrast("arm", reference="PBO")
    )


def test_a_contrast_that_the_rows_cannot_tell_is_missing(frame):
    nested = frame.assign(site=np.where(frame["arm"] == "IL2", "A", "B"))
    found = ancova(nested, "change ~ baseline + site + arm").contrast("arm", reference="PBO").iloc[0]
    assert found["status"] == "not_estimable"
    assert np.isnan(found["estimate"])
    assert np.isnan(found["p"])


def test_the_reference_turns_the_sign(frame):
    fit = ancova(frame, "change ~ baseline + arm + site")
    one, other = fit.contrast("arm", reference="PBO").iloc[0], fit.contrast("arm", reference="IL2").iloc[0]
    assert one["estimate"] == pytest.approx(-other["estimate"], abs=1e-12)
    assert one["p"] == pytest.approx(other["p"])


def test_an_unknown_reference_names_the_nearest_and_is_a_key_error(frame):
    fit = ancova(frame, "change ~ arm")
    with pytest.raises(KeyError) as caught:
        fit.contrast("arm", reference="PB0")
    assert isinstance(caught.value, DesignError)
    assert "'PBO'" in str(caught.value)


def test_bad_rows_are_refused_by_name(frame):
    with pytest.raises(ConstantResponseError):
        ancova(frame.assign(change=1.0), "change ~ arm")
    with pytest.raises(DesignError, match="infinite_value"):
        ancova(frame.assign(change=np.inf), "change ~ arm")
    with pytest.raises(DesignError, match="no_rows"):
        ancova(frame.assign(change=np.nan), "change ~ arm")
    with pytest.raises(DesignError, match="too_few_rows"):
        ancova(frame.assign(site=[f"S{i}" for i in range(40)]), "change ~ arm + site")
    with pytest.raises(DesignError, match="'baseline'"):
        ancova(frame, "change ~ basline + arm")
    for formula in ("~ arm", "change ~ arm +", "change"):
        with pytest.raises(ModelError, match="formula_invalid"):
            ancova(frame, formula)
    with pytest.raises(UnknownNameError, match="hc3"):
        ancova(frame, "change ~ arm", vcov="hc2")
    with pytest.raises(DesignError, match="factor_unknown"):
        ancova(frame, "change ~ baseline").ls_means("baseline")


def test_site_codes_as_numbers_are_warned_of(frame):
    with pytest.warns(ImmunoprofileWarning, match="numeric_site"):
        ancova(frame.assign(site=np.arange(40) % 4), "change ~ arm + site")


def test_the_card_names_formula_and_rows(frame):
    text = repr(ancova(frame, "change ~ baseline + arm"))
    assert "change ~ baseline + arm" in text
    assert "40" in text
