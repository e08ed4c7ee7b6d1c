"""Errors name code, place, problem and hint, survive a worker, and are also what built-ins call them."""

from __future__ import annotations

import pickle

import pandas as pd
import pytest

from immunoprofile.core import (
    CytokineError,
    FcsError,
    ImmunoprofileError,
    ImmunoprofileWarning,
    ModelError,
    PanelError,
    StudyError,
    UnknownNameError,
    UnknownStrategyError,
    choose,
    look_up,
)


def test_the_message_shows_code_place_and_hint():
    error = PanelError(
        "MISSING_MARKER", "no detector carries CD127", where="S017.fcs", hint="nearest: 'CD27'"
    )
    assert str(error) == (
        "MISSING_MARKER: no detector carries CD127\n  where: S017.fcs\n  hint:  nearest: 'CD27'"
    )


def test_an_fcs_error_makes_its_place_from_path_keyword_and_offset():
    error = FcsError("a.fcs", "data-truncated", 4096, keyword="$TOT", problem="too short")
    assert (error.path, error.offset, error.keyword) == ("a.fcs", 4096, "$TOT")
    assert error.where == "a.fcs, $TOT, byte 4096"


@pytest.mark.parametrize(
    "error",
    [
        FcsError("a.fcs", "io", problem="gone", hint="look"),
        StudyError("unknown_visit", "x", problems=pd.DataFrame({"row": [1]})),
        UnknownStrategyError("STRATEGY_UNKNOWN", "x"),
        ModelError("design", "x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_survives_the_trip_from_a_worker(error):
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert (back.code, back.hint) == (error.code, error.hint)


def test_errors_are_also_what_built_ins_describe():
    assert issubclass(CytokineError, ValueError)
    assert issubclass(ModelError, ValueError)
    assert issubclass(UnknownStrategyError, KeyError)
    assert issubclass(UnknownNameError, KeyError)


def test_a_warning_carries_its_code():
    warning = ImmunoprofileWarning("the matrix is ill-conditioned", "COMPENSATION_ILL")
    assert warning.code == "COMPENSATION_ILL"
    assert str(warning).startswith("COMPENSATION_ILL: ")


def test_a_wrong_choice_lists_the_choices():
    with pytest.raises(UnknownNameError, match="choose one of 'held', 'anchored'"):
        choose("hold", ("held", "anchored"), what="rule")


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(ImmunoprofileError, match="nearest: 'treg'"):
        look_up("tregs", ["treg", "b_naive"], what="population")
