"""The other rules: anchored follows the reference cells, per_sample follows this sample."""

from __future__ import annotations

import numpy as np
import pytest

from immunoprofile.core import ImmunoprofileError

from .tube_cases import f1, rebuilt, shifted


def test_the_anchored_region_does_not_move_where_nothing_drifts(gated):
    found = gated.rule("anchored")
    assert np.abs(found.shift).max() < 0.02
    assert found.flags == ()
    assert f1(found.masks["treg"], gated.mask("treg")) > 0.97


def test_a_shift_of_all_cells_moves_the_anchored_region_with_it(alone, strategy, large, gated):
    moved = alone.apply(shifted(large.sample, strategy.panel, "CD25", 0.5))
    found = moved.rule("anchored")
    assert found.shift[0] - gated.rule("anchored").shift[0] == pytest.approx(0.5, abs=0.02)
    assert found.flags == ("ANCHOR_LARGE",)
    base = gated.mask("treg", rule="anchored").sum()
    assert found.masks["treg"].sum() == pytest.approx(base, rel=0.03)
    assert moved.count("treg") > 1.1 * gated.count("treg")
    rows = moved.table().query("population == 'treg' and rule == 'anchored'")
    assert rows["flags"].str.contains("ANCHOR_LARGE").all()


def test_inside_and_outside_share_the_parent_by_every_rule(gated):
    for rule in ("held", "anchored", "per_sample"):
        treg, tconv = gated.mask("treg", rule=rule), gated.mask("tconv", rule=rule)
        assert np.array_equal(treg | tconv, gated.mask("cd4_t"))
        assert not (treg & tconv).any()
        naive, memory = gated.mask("treg_naive", rule=rule), gated.mask("treg_memory", rule=rule)
        assert np.array_equal(naive | memory, treg)


def test_per_sample_is_missing_where_cells_are_few(alone, large):
    few = alone.apply(rebuilt(large.sample, rows=slice(0, 1_500)))
    found = few.rule("per_sample")
    assert found.masks["treg"] is None
    assert "FEW_EVENTS" in found.flags
    with pytest.raises(KeyError, match="per_sample"):
        few.mask("treg", rule="per_sample")


def test_reference_cells_that_are_too_few_leave_the_anchored_rule_out(alone, large):
    rows = np.flatnonzero(~np.isin(large.labels, (5, 6)))
    lacking = alone.apply(rebuilt(large.sample, rows=rows))
    assert lacking.rule("anchored").flags == ("NO_REFERENCE",)
    assert lacking.rule("anchored").masks["treg"] is None


def test_an_unknown_rule_names_those_there_are(gated):
    with pytest.raises(ImmunoprofileError, match="anchored"):
        gated.rule("anchord")
