"""Fitted strategies: data that is looked at, saved, and taken apart for workers."""

from __future__ import annotations

import json

import numpy as np
import pytest

from immunoprofile.core import StrategyError
from immunoprofile.gating import FittedStrategy, plain_cut, report_bytes, report_of
from immunoprofile.gating._advance import Task, advance
from immunoprofile.gating._saving import cut_of, packed, unpacked

from .tube_cases import units_of


def test_cuts_are_a_table_in_the_order_of_the_gates(batch):
    rows = batch[1].cuts
    assert rows.columns.tolist() == [
        "gate", "dimension", "scope", "unit", "cut", "method", "depth", "se", "flags",
    ]  # fmt: skip
    assert rows["gate"].drop_duplicates().tolist() == [gate.id for gate in batch[1].strategy.gates]
    region = json.loads(rows.set_index("gate").loc["treg", "cut"])
    assert np.asarray(region).shape[1] == 2
    assert (rows.loc[rows["method"] == "valley", "se"] > 0).all()


def test_a_copy_for_one_sample_gates_it_alike_and_is_small(batch, tmp_path):
    samples, fitted = batch
    key = fitted.units[samples[0].content_id].key
    small = fitted.only(key)
    assert small.apply(samples[0]).table().equals(fitted.apply(samples[0]).table())
    assert set(small.own) == {key}
    assert all(cut.pool is None for cut in small.wide.values())


def test_pools_survive_saving(batch, tmp_path):
    fitted = batch[1]
    again = FittedStrategy.load(fitted.save(tmp_path / "fitted.npz"))
    for key, cut in fitted.wide.items():
        assert np.array_equal(again.wide[key].pool.density, cut.pool.density)
        assert again.wide[key].digest == cut.digest
    assert again.strategy == fitted.strategy


@pytest.mark.parametrize(
    "content", [b"", b"no archive", packed({"format": 99}, {})], ids=["empty", "text", "later"]
)
def test_another_file_is_refused(tmp_path, content):
    path = tmp_path / "fitted.npz"
    path.write_bytes(content)
    with pytest.raises(StrategyError, match="FITTED_FORMAT"):
        FittedStrategy.load(path)


def test_cuts_come_back_from_plain_values(batch):
    for cuts in batch[1].own["k0"].values():
        for cut in cuts:
            assert repr(cut_of(json.loads(json.dumps(plain_cut(cut))))) == repr(cut)


def test_a_report_comes_back_from_its_bytes_under_another_key(strategy, tubes):
    (unit,) = units_of([tubes[0].sample], strategy.panel)
    known = {"leukocytes": ()}
    report = advance(
        Task(unit=unit, strategy=strategy, panel=strategy.panel, forced=frozenset({"leukocytes"}))
    )
    again = report_of(report_bytes(report), key="other")
    assert (again.key, again.content_id, again.waits_at) == ("other", report.content_id, report.waits_at)
    assert dict(again.sketches) == dict(report.sketches)
    assert dict(again.references) == dict(report.references)
    assert set(again.cuts) == set(report.cuts) | set(known)


def test_packed_values_hold_no_objects():
    head, arrays = unpacked(packed({"a": [1, "x"]}, {"b": np.arange(3)}))
    assert head == {"a": [1, "x"]}
    assert arrays["b"].tolist() == [0, 1, 2]


def test_its_card_says_how_many_were_placed(batch):
    assert "7 placed" in repr(batch[1])
    assert "treg_surface_v1" in batch[1]._repr_html_()
