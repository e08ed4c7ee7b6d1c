"""Study days, windows, the one baseline."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from immunoprofile.trial import Record, Visit, choose_visits, study_day

FIRST = "2024-03-01"
VISITS = (
    Visit(id="SCR", day=-14, before=14, after=7, role="screening"),
    Visit(id="W0", day=1, before=3, after=0, role="baseline"),
    Visit(id="W4", day=29, before=4, after=4),
)


def _day(offset: int) -> str:
    return (date.fromisoformat(FIRST) + timedelta(days=offset)).isoformat()


def _choose(*records, **more):
    made = [
        Record(key=n, visit=visit, when=when, known=known) for n, (visit, when, known) in enumerate(records)
    ]
    return choose_visits(made, VISITS, **{"first_dose": FIRST, **more})


def test_there_is_no_day_zero():
    first = date.fromisoformat(FIRST)
    assert [study_day(first + timedelta(days=n), first) for n in (-1, 0, 1)] == [-1, 1, 2]


def test_a_record_belongs_to_the_window_that_holds_it():
    found = _choose(("W4", _day(24), True), ("W4", _day(33), True))
    assert [choice.visit for choice in found] == ["W4", ""]
    assert found[1].flags == "unscheduled;visit_window"
    assert _choose(("W4", _day(32), True))[0].study_day == 33


def test_of_two_records_the_closer_one_counts_and_ties_go_to_the_later():
    near = _choose(("W4", _day(25), True), ("W4", _day(29), True))
    assert [choice.visit for choice in near] == ["", "W4"]
    assert near[0].flags == "not_chosen"
    tie = _choose(("W4", _day(30), True), ("W4", _day(26), True))
    assert [choice.visit for choice in tie] == ["W4", ""]


def test_a_record_without_a_date_is_taken_as_declared():
    (found,) = _choose(("W4", None, True))
    assert (found.visit, found.flags) == ("W4", "visit_undated")


def test_the_baseline_is_the_last_known_record_before_the_first_dose():
    found = _choose(("SCR", _day(-14), True), ("W0", _day(0), True), ("W4", _day(28), True))
    assert [choice.is_baseline for choice in found] == [False, True, False]
    found = _choose(("SCR", _day(-14), True), ("W0", _day(0), False), ("W4", _day(28), True))
    assert [choice.is_baseline for choice in found] == [True, False, False]


def test_the_rule_visit_takes_the_baseline_visit_alone():
    found = _choose(("SCR", _day(-14), True), ("W0", _day(0), False), rule="visit")
    assert not any(choice.is_baseline for choice in found)


def test_a_baseline_after_the_first_dose_is_never_used():
    (found,) = _choose(("W0", _day(2), True))
    assert not found.is_baseline
    assert "baseline_after_dose" in found.flags


def test_times_decide_on_the_day_of_the_first_dose():
    found = _choose(("W0", FIRST + "T11:00:00", True), first_dose=FIRST + "T10:00:00")
    assert not found[0].is_baseline
    found = _choose(("W0", FIRST + "T09:00:00", True), first_dose=FIRST + "T10:00:00")
    assert found[0].is_baseline


def test_a_subject_never_dosed_is_anchored_at_randomisation():
    found = _choose(("SCR", _day(-2), True), ("W0", _day(5), True), first_dose=None, randomised=FIRST)
    assert [choice.is_baseline for choice in found] == [True, False]


records = st.lists(
    st.tuples(
        st.sampled_from(["SCR", "W0", "W4"]),
        st.one_of(st.none(), st.integers(-40, 60).map(_day)),
        st.booleans(),
    ),
    max_size=6,
)


@settings(deadline=None)
@given(rows=records, rule=st.sampled_from(["visit", "last_before_first_dose"]))
def test_there_is_at_most_one_baseline_and_one_record_a_visit(rows, rule):
    found = _choose(*rows, rule=rule)
    assert sum(choice.is_baseline for choice in found) <= 1
    visits = [choice.visit for choice in found if choice.visit]
    assert len(visits) == len(set(visits))
    for choice, (_, when, known) in zip(found, rows, strict=True):
        if choice.is_baseline:
            assert known
            assert when is None or when <= FIRST


@settings(deadline=None)
@given(rows=records, turn=st.randoms(use_true_random=False))
def test_the_order_of_records_does_not_matter(rows, turn):
    unique = list({(visit, when): (visit, when, known) for visit, when, known in rows}.values())
    dated = [row for row in unique if row[1] is not None]
    unique = list({when: (visit, when, known) for visit, when, known in dated}.values())
    shuffled = [*unique]
    turn.shuffle(shuffled)

    def told(rows):
        return {
            (row[0], row[1]): (choice.visit, choice.is_baseline, choice.flags)
            for row, choice in zip(rows, _choose(*rows), strict=True)
        }

    assert told(unique) == told(shuffled)
