"""The core set measures give the drawn score exactly, and response follows Treg."""

from __future__ import annotations

import csv
from statistics import NormalDist

import numpy as np
import pytest

import immunoprofile as ip
from immunoprofile.simulate._clinical import MEASURES, back_fill, responses
from immunoprofile.simulate._cohort import plan, random_stream
from immunoprofile.simulate._densities import reference

VISUAL = ("physician_global", "patient_global", "mmt8", "haq", "extramuscular")


def measured(study):
    """(subject, visit) -> the measures as the clinical sheet writes them."""
    out = {}
    with (study.parent / "clinical.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            held = out.setdefault((row["subject"], row["visit"]), {"enzymes": {}, "uln": {}})
            if row["uln"]:
                held["enzymes"][row["measure"]] = float(row["value"])
                held["uln"][row["measure"]] = float(row["uln"])
            else:
                held[row["measure"]] = float(row["value"])
    return out


def test_the_measures_give_the_drawn_score_exactly(study, scoring):
    truth, sheet = scoring.read_truth(study.parent)["response"], measured(study)
    checked = 0
    for visit, subjects in truth["subjects"].items():
        for subject, drawn in subjects.items():
            before, later = sheet[subject, "W0"], sheet[subject, visit]
            response = ip.trial.total_improvement_score(
                {name: before[name] for name in (*VISUAL, "enzymes")},
                {name: later[name] for name in (*VISUAL, "enzymes")},
                uln=before["uln"],
                mmt_max=150,
            )
            assert response.score == drawn["score"]
            checked += 1
    assert checked == 18 * 3


@pytest.mark.parametrize("wanted", [-30.0, 0.0, 3.0, 19.9, 20.1, 47.6, 88.0, 140.0])
def test_a_back_filled_score_is_the_nearest_attainable(wanted):
    rng = random_stream(0, 99)
    baseline = {measure.id: measure.baseline[1 - measure.upward] for measure in MEASURES}
    score, values = back_fill(rng, baseline, wanted)
    points = 0.0
    for measure in MEASURES:
        step = (values[measure.id] - baseline[measure.id]) * (1 if measure.upward else -1)
        points += measure.points[int(measure.level(np.array(step)))]
    assert points == score
    assert abs(score - np.clip(wanted, 0, 100)) <= 1.25 or wanted > 80


def test_response_follows_the_expansion_as_the_model_says():
    cohort = plan(reference(), subjects=1_500, visits=3, sites=3, events=1_000, seed=4, effect=None)
    drawn = {key: score for key, (score, _) in responses(cohort).items() if key[1] == 2}
    chance = np.array([drawn[number, 2].probability for number in range(1_500)])
    latent = np.array([drawn[number, 2].latent for number in range(1_500)])
    change = np.array([cohort.of(n, 2).log_ratio - cohort.of(n, 0).log_ratio for n in range(1_500)])
    logit = np.log(chance / (1 - chance))
    slope, intercept = np.polyfit(change, logit, 1)
    assert slope == pytest.approx(1.2, abs=0.09)
    assert intercept == pytest.approx(-0.85, abs=0.04)
    assert (logit - intercept - slope * change).std() == pytest.approx(0.3, abs=0.02)
    noise = (latent - 20) / 15 - np.array([NormalDist().inv_cdf(p) for p in chance])
    assert (noise.mean(), noise.std()) == (pytest.approx(0, abs=0.1), pytest.approx(1, abs=0.07))
    for low, high in ((0.0, 0.33), (0.33, 0.45), (0.45, 1.0)):
        inside = (chance >= low) & (chance < high)
        expected = chance[inside].mean()
        assert (latent >= 20)[inside].mean() == pytest.approx(expected, abs=4 * np.sqrt(0.25 / inside.sum()))


def test_values_stay_on_their_scales(study):
    for values in measured(study).values():
        for name in ("physician_global", "patient_global", "extramuscular"):
            assert 0 <= values[name] <= 10
        assert 0 <= values["mmt8"] <= 150
        assert 0 <= values["haq"] <= 3
        assert values["enzymes"]["ck"] >= 0


def test_the_creatine_kinase_is_the_most_abnormal_enzyme_at_baseline(study):
    for (_, visit), values in measured(study).items():
        if visit == "W0":
            multiples = {name: values["enzymes"][name] / values["uln"][name] for name in values["enzymes"]}
            assert max(multiples, key=multiples.get) == "ck"
