"""Strategies: what a file may say, and how each fault is named."""

from __future__ import annotations

import json

import pytest

import immunoprofile as ip
from immunoprofile.core import StrategyError
from immunoprofile.gating._checks import check_blind
from immunoprofile.gating._load import list_strategies, load_strategy, strategies_folder, strategy_from_dict
from immunoprofile.panel import panel_from_text

HEAD = """
schema = 1
[strategy]
id = "own_v1"
title = "Own"
species = "human"
requires = ["CD3", "CD4"]
includes = ["hygiene_v1"]
"""
GATE = """
[[gates]]
id = "t"
parent = "lymphocytes"
dims = ["CD3"]
method = "valley"
scope = "sample"
widen = ["batch"]
fallback = ["tail"]
params = { tail_side = "left" }
populations = [{ id = "t", side = "above" }]
"""
TREG = """
[[gates]]
id = "treg"
parent = "t"
dims = ["CD25", "CD127"]
method = "diagonal"
scope = "batch"
units = "untreated"
widen = ["study"]
fallback = ["rectangle_valley"]
rules = ["held", "per_sample"]
populations = [{ id = "treg", side = "in" }, { id = "tconv", side = "out" }]
"""


def write(folder, text, *, name="own_v1"):
    place = folder / name
    place.mkdir(exist_ok=True)
    (place / "strategy.toml").write_text(text, encoding="utf-8")
    panel = (strategies_folder() / "treg_surface_v1" / "panel.toml").read_text(encoding="utf-8")
    (place / "panel.toml").write_text(panel, encoding="utf-8")
    return place


def refusal(folder, text):
    with pytest.raises(StrategyError) as caught:
        load_strategy(write(folder, text))
    return caught.value


def test_a_sound_folder_loads_with_the_gates_it_includes_first(tmp_path):
    strategy = load_strategy(write(tmp_path, HEAD + GATE + TREG))
    assert strategy.populations[-3:] == ("t", "treg", "tconv")
    assert strategy.ancestors("treg")[:3] == ("t", "lymphocytes", "leukocytes")
    assert strategy.gate_of("tconv").id == "treg"


FAULTS = {
    "unknown key": (GATE.replace("widen =", "widden ="), "widden", "widen"),
    "unknown method": (GATE.replace('"valley"', '"valey"'), "valey", "valley"),
    "fallback as a method": (GATE.replace('method = "valley"', 'method = "quantile"'), "quantile", ""),
    "unknown fallback": (GATE.replace('["tail"]', '["tial"]'), "tial", "tail"),
    "unknown parent": (GATE.replace('"lymphocytes"', '"lymphozytes"'), "lymphozytes", "lymphocytes"),
    "circle": (GATE.replace('"lymphocytes"', '"t"'), "circle", ""),
    "later parent": (TREG + GATE, "later", ""),
    "population twice": (GATE + GATE.replace('id = "t"\nparent', 'id = "t2"\nparent'), "made twice", ""),
    "gate twice": (GATE + GATE.replace('[{ id = "t"', '[{ id = "t2"'), "twice", ""),
    "unknown parameter": (GATE.replace("tail_side", "tail_sidee"), "tail_sidee", "tail_side"),
    "parameter out of range": (GATE.replace("{ tail", "{ prominence = 7, tail"), "prominence is 7", "0.5"),
    "wrong type": (GATE.replace('dims = ["CD3"]', 'dims = "CD3"'), "dims", ""),
    "number as text": (GATE + 'plausible_percent = ["0.5", "25"]', "plausible_percent", ""),
    "limits turned round": (GATE + "plausible_percent = [25, 0.5]", "plausible_percent", ""),
    "wrong side": (GATE.replace('"above"', '"q+-"'), "q+-", "above"),
    "no populations": (GATE.replace('[{ id = "t", side = "above" }]', "[]"), "no populations", ""),
    "wrong id": (GATE.replace('{ id = "t"', '{ id = "T cells"'), "T cells", ""),
    "too many axes": (GATE.replace('["CD3"]', '["CD3", "CD4"]'), "2 axes", ""),
    "widen to a narrower scope": (GATE + TREG.replace('["study"]', '["sample"]'), "widen", "narrow"),
    "region on one sample": (GATE + TREG.replace('"batch"', '"sample"'), "pooled", "batch"),
    "out without in": (GATE + TREG.replace('{ id = "treg", side = "in" }, ', ""), "out", "inside"),
    "rules without held": (GATE + TREG.replace('"held", ', ""), "rules", "held"),
    "rules of a line": (GATE + 'rules = ["held", "anchored"]', "rules", "diagonal"),
    "unknown rule": (GATE + 'rules = ["held", "best"]', "best", ""),
    "anchor of another axis": (GATE + 'anchor = { CD25 = "t" }', "CD25", "CD3"),
    "open to two": (
        GATE.replace('["tail"]', '["open"]').replace('"above" }', '"above" }, { id = "u", side = "below" }'),
        "open",
        "one population",
    ),
    "missing key": (GATE.replace('scope = "sample"\n', ""), "scope", ""),
}


@pytest.mark.parametrize(("gates", "said", "hint"), FAULTS.values(), ids=FAULTS.keys())
def test_each_fault_of_a_gate_is_named_with_file_and_gate(tmp_path, gates, said, hint):
    error = refusal(tmp_path, HEAD + gates)
    assert error.code == "STRATEGY_SCHEMA"
    assert said in error.problem
    assert hint in error.hint
    assert "own_v1/strategy.toml, gate" in error.where


HEAD_FAULTS = {
    "not TOML": ("schema = = 1", "TOML"),
    "schema": (HEAD.replace("schema = 1", "schema = 2"), "schema is 2"),
    "id": (HEAD.replace("own_v1", "Own"), "Own"),
    "unknown key": (HEAD.replace("title", "titel"), "titel"),
    "text for a list": (HEAD.replace('["CD3", "CD4"]', '"CD3"'), "requires"),
    "number for a text": (HEAD.replace('"Own"', "3"), "title is 3"),
    "no tables": (HEAD.replace("schema = 1", 'schema = 1\ngates = "t"'), "no table"),
}


@pytest.mark.parametrize(("text", "said"), HEAD_FAULTS.values(), ids=HEAD_FAULTS.keys())
def test_each_fault_of_the_head_is_named(tmp_path, text, said):
    error = refusal(tmp_path, text)
    assert error.code == "STRATEGY_SCHEMA"
    assert said in error.problem
    assert "own_v1/strategy.toml" in error.where


def test_strategies_that_include_each_other_are_refused(tmp_path):
    write(tmp_path, HEAD.replace("hygiene_v1", "own_v1").replace('id = "own_v1"', 'id = "b_v1"'), name="b_v1")
    error = refusal(tmp_path, HEAD.replace("hygiene_v1", "b_v1") + GATE)
    assert "own_v1 > b_v1 > own_v1" in error.problem


def test_an_unknown_include_or_id_names_the_nearest(tmp_path):
    with pytest.raises(StrategyError) as caught:
        load_strategy(write(tmp_path, HEAD.replace("hygiene_v1", "hygene_v1")))
    assert (caught.value.code, "hygiene_v1" in caught.value.hint) == ("STRATEGY_UNKNOWN", True)
    with pytest.raises(KeyError, match="treg_surface_v1"):
        load_strategy("treg_surfase_v1")


BLIND = {
    "scope sample": (TREG.replace("diagonal", "valley"), '"sample"'),
    "scope subject": (TREG, '"subject"'),
    "treated units": (TREG.replace('"untreated"', '"all"'), '"batch"'),
    "reference is no method's yet": (TREG.replace('"untreated"', '"reference"'), '"batch"'),
}


@pytest.mark.parametrize(("gate", "scope"), BLIND.values(), ids=BLIND.keys())
def test_a_marker_that_the_drug_moves_is_not_cut_where_the_drug_is_seen(tmp_path, gate, scope):
    text = gate.replace('scope = "batch"', f"scope = {scope}").replace('widen = ["study"]', "widen = []")
    if "valley" in gate.split("fallback")[0]:
        text = text.replace('["CD25", "CD127"]', '["CD25"]').replace('rules = ["held", "per_sample"]', "")
        text = text.replace('"in" }, { id = "tconv", side = "out" }', '"above" }')
        text = text.replace("rectangle_valley", "tail")
    error = refusal(tmp_path, HEAD + GATE + text)
    assert error.code == "RESPONSIVE_PER_SAMPLE"
    assert "CD25" in error.problem
    assert "gate treg" in error.where


def test_controls_may_give_a_responsive_cut_in_a_narrow_scope(tmp_path):
    text = TREG.replace('"batch"', '"specimen"').replace('"untreated"', '"fmo"')
    assert load_strategy(write(tmp_path, HEAD + GATE + text)).gate("treg").scope == "specimen"


def test_a_panel_that_names_a_further_responsive_marker_refuses_its_cut_per_sample(strategy):
    source = strategy.panel.source.replace(
        'target.marker = "CD4"\nrole = "lineage"', 'target.marker = "CD4"\nrole = "treatment_responsive"'
    )
    with pytest.raises(StrategyError, match="CD4") as caught:
        check_blind(strategy, panel_from_text(source), where="here")
    assert caught.value.code == "RESPONSIVE_PER_SAMPLE"


def test_every_shipped_strategy_loads_and_comes_back_from_plain_values():
    for name in list_strategies()["id"]:
        strategy = ip.load_strategy(name)
        again = strategy_from_dict(json.loads(json.dumps(strategy.to_dict())), panel=strategy.panel)
        assert again == strategy
        assert name in repr(strategy)
