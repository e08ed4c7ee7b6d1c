"""Gates as pictures need them."""

from __future__ import annotations

import numpy as np
import pytest

from immunoprofile.gating import drawn_gates, pooled_drawing

from .tube_cases import without


@pytest.fixture(scope="module")
def drawn(gated):
    return {gate.gate_id: gate for gate in drawn_gates(gated)}


def test_every_gate_but_the_box_of_ceilings_is_drawn_in_order(drawn, gated):
    assert list(drawn) == [gate.id for gate in gated.strategy.gates if gate.method != "boundary"]
    assert [gate.number for gate in drawn.values()] == list(range(1, len(drawn) + 1))


def test_a_gate_holds_its_parents_events_and_counts(drawn, gated):
    gate = drawn["cd4_cd8"]
    assert gate.values.shape == (gated.count("t"), 2)
    assert [p[2] for p in gate.populations] == [gated.count(n) for n in ("cd4_t", "cd8_t", "dn_t", "dp_t")]
    assert {axis for axis, _, _ in gate.cuts} == {0, 1}
    assert all(
        low < value < high for (axis, value, _), (low, high) in zip(gate.cuts, gate.limits, strict=True)
    )
    assert gate.quadrants == ("+-", "-+", "--", "++")


def test_a_region_is_drawn_with_its_vertices_and_ticks(drawn):
    gate = drawn["treg"]
    assert gate.vertices.shape[1] == 2
    assert [title.split(" ")[0] for title in gate.dimensions] == ["CD25", "CD127"]
    assert "$10^4$" in [label for _, label, _ in gate.ticks[0]]
    assert gate.flags == ("SCOPE_SMALL",)


def test_bands_are_drawn_over_scatter(drawn):
    assert drawn["singlets"].kind == "2d"
    assert len(drawn["singlets"].intervals) == len(drawn["time"].intervals) == 1


def test_what_is_open_or_missing_says_why(strategy, large):
    sample = without(large.sample, strategy.panel, "CD25", "Viability")
    gated = strategy.place([sample]).apply(sample)
    found = {gate.gate_id: gate for gate in drawn_gates(gated)}
    assert (found["treg"].kind, found["treg"].message) == ("none", "not gated: CD25 missing")
    assert found["viable"].message == "open: NO_VIABILITY"


def test_a_pool_is_drawn_without_any_events_of_a_sample(batch, gated):
    fitted = batch[1]
    wide = fitted.wide["treg", "b"]
    picture = pooled_drawing(fitted.strategy.gate("treg"), wide, gated)
    assert picture.values.shape[1] == 2
    assert len(picture.values) == pytest.approx(20_000, rel=0.2)
    assert np.array_equal(picture.vertices, np.array(wide.cuts[0].pairs))
