"""Nearest names are offered, never applied."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from immunoprofile.core import close_names, edit_distance, nearest

WORDS = st.text(alphabet="abcd12", max_size=7)


def test_the_nearest_visit_is_found_across_blanks_and_swaps():
    assert nearest("W 21", ["W0", "W4", "W12"]) == "W12"


def test_two_equally_near_names_are_no_offer():
    assert nearest("W1", ["W2", "W3"]) is None


def test_a_far_name_is_no_offer():
    assert nearest("baseline", ["W0", "W12"]) is None


@given(WORDS, WORDS, WORDS)
def test_edit_distance_is_symmetric_and_zero_only_for_equals(a, b, c):
    assert edit_distance(a, b) == edit_distance(b, a)
    assert (edit_distance(a, b) == 0) == (a == b)
    assert abs(len(a) - len(b)) <= edit_distance(a, b) <= max(len(a), len(b))
    assert edit_distance(a + c, b + c) <= edit_distance(a, b)


def test_close_names_are_ranked():
    assert close_names("CD127", ["CD27", "CD3", "CD127a"])[0] == "CD127a"
