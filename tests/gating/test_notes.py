"""Notes: every flag as a sentence, with its level."""

from __future__ import annotations

import dataclasses
import math

import pytest

from immunoprofile.core import explain

from .tube_cases import without


def levels(gated):
    notes = gated.notes()
    return {(row.population, row.code): row.level for row in notes.itertuples()}


def test_a_missing_required_marker_is_an_error_and_an_optional_one_a_warning(strategy, large):
    sample = without(large.sample, strategy.panel, "CD25", "CD45RA", "CD8")
    found = levels(strategy.place([sample]).apply(sample))
    assert found["treg", "MISSING_MARKER"] == "error"
    assert found["treg_naive", "MISSING_MARKER"] == "warning"
    assert found["cd4_t", "MISSING_MARKER"] == "warning"


def test_a_hygiene_gate_that_opens_for_want_of_a_valley_is_information(gated):
    opened = [cut for cut in gated.cuts["leukocytes"] if cut.kind == "open"]
    assert opened
    assert levels(gated)["leukocytes", "NO_VALLEY"] == levels(gated)["leukocytes", "FALLBACK"] == "info"


def test_a_lent_cut_is_information(batch):
    samples, fitted = batch
    assert levels(fitted.apply(samples[-1]))["t", "SCOPE_WIDENED"] == "info"


@pytest.mark.parametrize(("end", "level"), [(0.8, "warning"), (0.5, "error")])
def test_time_left_out_is_a_warning_and_beyond_its_limit_an_error(alone, gated, end, level):
    (cut,) = gated.cuts["time"]
    time = gated.view.column(gated.view.dimension("Time"), None)
    last = float(time.max()) * end
    unstable = dataclasses.replace(cut, value=((-math.inf, last),), flags=("TIME_UNSTABLE",))
    fitted = dataclasses.replace(
        alone, own={key: {**cuts, "time": (unstable,)} for key, cuts in alone.own.items()}
    )
    assert levels(fitted.apply(gated.sample))["hygiene_time", "TIME_UNSTABLE"] == level


def test_a_message_says_what_was_seen_where_and_what_was_done(gated):
    row = gated.notes().set_index(["population", "code"]).sort_index().loc[("treg", "SCOPE_SMALL")]
    assert explain("SCOPE_SMALL").meaning in row["message"]
    assert "CD25 x CD127, diagonal" in row["message"]
    assert row["level"] == "warning"


def test_each_finding_is_told_once(gated):
    notes = gated.notes()
    assert not notes.duplicated().any()
