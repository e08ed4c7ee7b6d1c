"""The total improvement score against the golden cases and its own laws."""

from __future__ import annotations

import copy
import json
import pickle
import time
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from immunoprofile.core import StudyError
from immunoprofile.trial import INDEXES, ResponseIndex, ScoreContext, total_improvement_score

GOLDEN = json.loads(
    (Path(__file__).parents[1] / "golden" / "trial" / "share_tis.json").read_text(encoding="utf-8")
)
TOLERANCE = 1e-9  # numbers of the golden file are rounded to float64; points and levels are compared exactly
BEFORE = {
    "physician_global": 6.3,
    "patient_global": 5.1,
    "mmt8": 110,
    "haq": 1.5,
    "enzymes": {"ck": 900},
    "extramuscular": 4.4,
}
AFTER = {
    "physician_global": 3.8,
    "patient_global": 3.2,
    "mmt8": 130,
    "haq": 0.75,
    "enzymes": {"ck": 300},
    "extramuscular": 2.1,
}
ULN = {"ck": 200}


def _score(before, after, **more):
    return total_improvement_score(before, after, more.pop("uln", ULN), **{"mmt_max": 150, **more})


@pytest.mark.parametrize("case", [c for c in GOLDEN if "expect" in c], ids=lambda case: case["id"])
def test_a_golden_case_is_scored_exactly(case):
    found, expect = total_improvement_score(**case["args"]), case["expect"]
    for name in ("score", "level", "status", "lower", "upper", "attainable_max"):
        assert getattr(found, name) == expect[name], name
    assert list(found.missing) == expect["missing"]
    for name, part in expect["components"].items():
        assert set(found.components[name]) == set(part)
        for key, value in part.items():
            got = found.components[name][key]
            assert got == value or abs(got - value) < TOLERANCE, (name, key)


@pytest.mark.parametrize("case", [c for c in GOLDEN if "error" in c], ids=lambda case: case["id"])
def test_a_golden_error_has_its_code(case):
    with pytest.raises(StudyError) as caught:
        total_improvement_score(**case["args"])
    assert caught.value.code == case["error"]


def test_a_change_of_exactly_five_percent_earns_nothing():
    changed = {**BEFORE, "physician_global": 5.8}
    assert _score(BEFORE, changed).components["physician_global"].points == 0
    assert _score(BEFORE, {**BEFORE, "physician_global": 5.79}).components["physician_global"].points == 7.5


def test_every_pair_on_the_grid_of_a_tenth_is_exact():
    limits = (
        50,
        150,
        250,
        400,
    )  # 100 x difference in tenths of a cm / range of 100 tenths, in tenths of a percent
    for before in range(0, 101, 7):
        for after in range(101):
            points = (0, 7.5, 15, 17.5, 20)[sum(10 * (before - after) > limit for limit in limits)]
            found = _score(
                {**BEFORE, "physician_global": before / 10}, {**AFTER, "physician_global": after / 10}
            )
            assert found.components["physician_global"].points == points, (before, after)


def test_the_line_is_one_that_a_clinician_reads():
    text = (
        "TIS 65 (major) = physician 15 + patient 5 + MMT 20 + HAQ 7.5 + CK 5 + extramuscular 12.5; "
        "most reachable 95"
    )
    assert repr(_score(BEFORE, AFTER)) == text
    gone = repr(_score(BEFORE, {**AFTER, "haq": None}))
    assert gone.startswith("TIS missing, 57.5 to 67.5 (level open) = ")
    assert "HAQ missing" in gone


def test_numbers_of_other_kinds_give_the_same_score():
    exact = {**BEFORE, "physician_global": Decimal("6.3"), "haq": Fraction(3, 2), "mmt8": 110.0}
    assert _score(exact, AFTER) == _score(BEFORE, AFTER)


def test_a_misspelled_measure_is_refused_with_the_nearest():
    with pytest.raises(StudyError) as caught:
        _score({**BEFORE, "physican_global": 3}, AFTER)
    assert caught.value.code == "unknown_measure"
    assert "physician_global" in caught.value.hint


def test_a_text_is_not_a_number():
    with pytest.raises(TypeError):
        _score({**BEFORE, "haq": "1.5"}, AFTER)


def test_no_bounds_are_given_where_none_are_asked():
    found = _score(BEFORE, {**AFTER, "haq": None}, bounds=False)
    assert (found.lower, found.upper, found.status, found.level) == (None, None, "missing", None)


def test_an_unreachable_level_is_named():
    mild = {**BEFORE, "mmt8": 150, "haq": 0, "physician_global": 1.0, "patient_global": 0, "extramuscular": 0}
    assert "level_unattainable:major" in _score(mild, {**AFTER, "mmt8": 150}).reasons


def test_a_response_survives_pickling_and_cannot_be_changed():
    found = _score(BEFORE, AFTER)
    assert pickle.loads(pickle.dumps(found)) == copy.deepcopy(found) == found
    with pytest.raises(AttributeError):
        found.score = 100
    with pytest.raises(TypeError):
        found.components["haq"] = None


def test_1440_scorings_take_less_than_a_second():
    cases = [c["args"] for c in GOLDEN if "expect" in c][:240]
    start = time.process_time()
    for _ in range(6):
        for args in cases:
            total_improvement_score(**args)
    assert time.process_time() - start < 1.0


vas = st.one_of(st.none(), st.integers(0, 100).map(lambda tenths: tenths / 10))
values = st.fixed_dictionaries(
    {
        "physician_global": vas,
        "patient_global": vas,
        "extramuscular": vas,
        "mmt8": st.one_of(st.none(), st.integers(0, 150)),
        "haq": st.one_of(st.none(), st.integers(0, 24).map(lambda eighths: eighths / 8)),
        "enzymes": st.dictionaries(st.sampled_from(["ck", "ldh", "ast"]), st.integers(0, 5000)),
    }
)
LIMITS = {"ck": 200, "ldh": 250, "ast": 35}


@pytest.mark.parametrize(
    "index", [i for i in INDEXES.values() if i.id.startswith("tis_2016")], ids=lambda i: i.id
)
class TestEveryShippedIndex:
    def test_meets_the_contract(self, index):
        assert isinstance(index, ResponseIndex)
        least = [score for _, score in index.levels]
        assert least == sorted(least)
        assert index.direction in ("higher", "lower")
        assert hash(index) == hash(copy.deepcopy(index))

    @settings(deadline=None, max_examples=50)
    @given(before=values, after=values, name=st.sampled_from(["physician_global", "patient_global", "haq"]))
    def test_a_better_value_never_lowers_the_score(self, index, before, after, name):
        context = ScoreContext(uln=LIMITS, mmt_max=150, missing="zero")
        if after[name] is None:
            return
        better = index.score(before, {**after, name: after[name] / 2}, context)
        assert better.score >= index.score(before, after, context).score

    @settings(deadline=None, max_examples=50)
    @given(before=values, after=values, filled=values)
    def test_the_bounds_hold_every_completion(self, index, before, after, filled):
        context = ScoreContext(uln=LIMITS, mmt_max=150)
        open_score = index.score(before, after, context)

        def complete(side):
            plain = {k: filled[k] if v is None else v for k, v in side.items() if k != "enzymes"}
            return {**plain, "enzymes": side["enzymes"]}

        closed = index.score(complete(before), complete(after), context)
        assert open_score.lower <= closed.lower
        assert closed.upper <= open_score.upper
        if closed.score is not None and open_score.level is not None:
            assert closed.level == open_score.level

    @settings(deadline=None, max_examples=50)
    @given(before=values, after=values, factor=st.sampled_from([2, 10, 60]))
    def test_the_unit_of_an_enzyme_does_not_matter(self, index, before, after, factor):
        def scaled(side):
            return {**side, "enzymes": {k: v * factor for k, v in side["enzymes"].items()}}

        one = index.score(before, after, ScoreContext(uln=LIMITS, mmt_max=150))
        other_limits = {k: v * factor for k, v in LIMITS.items()}
        assert index.score(scaled(before), scaled(after), ScoreContext(uln=other_limits, mmt_max=150)) == one

    @settings(deadline=None, max_examples=50)
    @given(before=values, after=values)
    def test_the_score_lies_within_what_can_be_reached(self, index, before, after):
        found = index.score(before, after, ScoreContext(uln=LIMITS, mmt_max=150))
        assert 0 <= found.lower <= found.upper <= 100
        if found.score is not None:
            assert found.score <= found.attainable_max
