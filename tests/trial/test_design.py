"""study.toml: every fault at once, with line and nearest name; every table of the format is accepted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from immunoprofile.core import StudyError
from immunoprofile.trial import read_study
from immunoprofile.trial._toml import read_design

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
FULL = """
[study]
id = "A"
title = "T"
roots = ["more"]
[[arms]]
id = "X"
label = "x"
role = "active"
allocation = 2
[[visits]]
id = "V"
label = "v"
day = 1
before = 1
after = 0
role = "baseline"
period = "open"
[baseline]
rule = "visit"
measures = {haq = "last_before_first_dose"}
populations = {treg = "visit"}
[tables]
samples = "s.csv"
decimal = ","
date_format = "%d.%m.%Y"
[tables.clinical]
file = "c.csv"
layout = "wide"
columns = {subject = "ID"}
values.visit = {"0" = "V"}
measures = {ck = "CK"}
[measures.ck]
unit = "U/L"
uln = 200
censored = true
direction = "lower"
minimal_important_difference = 3
[[endpoints]]
id = "e"
response = "tis_2016_adult"
visit = "V"
rule = "score >= 20"
estimand = "e1"
[[families]]
id = "f"
features = ["treg_percent_cd4_t"]
visits = ["V"]
method = "holm"
[[estimands]]
id = "e1"
population = "itt"
endpoint = "e"
summary = "difference"
[[estimands.events]]
kind = "rescue"
strategy = "composite"
[[analysis_populations]]
id = "itt"
rule = "randomised"
[[tubes]]
id = "t"
strategy = "treg_surface_v1"
panel = "panel.toml"
[[plates]]
id = "P1"
kind = "beads"
file = "plates/p1"
panel = "p"
layout = "l.csv"
[strata]
columns = ["site"]
[sites]
ids = ["a"]
[analysis]
covariates = ["age_years"]
visit = "V"
alpha = 0.05
[blinding]
sentinels = ["treg"]
code = "randomisation"
[[profiles]]
file = "f.csv"
key = "sample"
layout = "wide"
statistic = "percent"
columns = ["*_pct"]
duplicates = "first"
[open_arms]
file = "subjects.csv"
columns = {subject = "subject", arm = "arm"}
[[time_to_event]]
id = "t1d"
file = "subjects.csv"
time = "months"
event = "happened"
unit = "months"
origin = "randomisation"
"""


def _problems(tmp_path, text):
    path = tmp_path / "study.toml"
    path.write_text(text, encoding="utf-8")
    return read_design(path)[1]


def test_every_table_of_the_format_is_accepted(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(FULL, encoding="utf-8")
    design, problems = read_design(path)
    assert problems == []
    assert design.estimands[0].events[0].strategy == "composite"
    assert design.tables.samples.file == "s.csv"
    assert design.tables.clinical.values["visit"]["0"] == "V"
    assert design.measures["ck"].uln == 200
    assert design.arms[0].allocation == 2


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="the folder of shared data is not beside the checkout")
def test_the_examples_of_the_specification_are_accepted(tmp_path):
    text = (SHARED / "spec" / "trial.md").read_text(encoding="utf-8")
    first, second = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)[:2]
    assert _problems(tmp_path, first) == []
    assert _problems(tmp_path, '[study]\nid = "A"\nblinded = false\n' + second) == []


def test_all_faults_of_a_design_are_told_at_once(tmp_path):
    text = (
        '[study]\nidd = "a"\nblinded = "yes"\n[[arms]]\nid = 3\nrole = "placebo"\n'
        '[[visits]]\nid = "W0"\n[[visits]]\nid = "W1"\ndya = 3\nbefore = 2.5\n[tabels]\n[[tubes]]\nid = "x"\n'
    )
    found = {(p.code, p.column, p.row) for p in _problems(tmp_path, text)}
    assert found == {
        ("setting_unknown", "study.idd", 2),
        ("setting_missing", "study.id", 1),
        ("setting_invalid", "study.blinded", 3),
        ("setting_invalid", "arms[1].id", 5),
        ("setting_invalid", "arms[1].role", 6),
        ("setting_unknown", "visits[2].dya", 11),
        ("setting_invalid", "visits[2].before", 12),
        ("setting_unknown", "tabels", 13),
        ("setting_missing", "tubes[1].strategy", 14),
    }
    nearest = {p.column: p.nearest for p in _problems(tmp_path, text) if p.code == "setting_unknown"}
    assert nearest == {"study.idd": "id", "visits[2].dya": "day", "tabels": "tables"}


@pytest.mark.parametrize(
    ("text", "line"),
    [('[study]\nid = "a"\nx = = 3\n', 3), ('[study]\nid = "a\n', 2), ("[study\n", 1), ("a = 1\na = 2\n", 2)],
)
def test_broken_toml_is_told_with_its_line(tmp_path, text, line):
    (problem,) = _problems(tmp_path, text)
    assert (problem.code, problem.row) == ("toml_invalid", line)
    with pytest.raises(StudyError) as caught:
        read_study(tmp_path, strict=False)
    assert caught.value.code == "toml_invalid"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a = " + b"[" * 5000 + b"]" * 5000, b"#" * 1_000_001])
def test_what_is_no_toml_is_refused(tmp_path, content):
    (tmp_path / "study.toml").write_bytes(content)
    assert [p.code for p in read_design(tmp_path / "study.toml")[1]] == ["toml_invalid"]


def test_a_missing_study_is_told(tmp_path):
    with pytest.raises(StudyError) as caught:
        read_study(tmp_path / "nowhere" / "study.toml")
    assert caught.value.code == "toml_invalid"


DESIGNS = {
    "window_overlap": ("before = 4\nafter = 4", "before = 40\nafter = 4"),
    "setting_duplicate": ('id = "W4"', 'id = "W0"'),
    "baseline_ambiguous": ('id = "W4"', 'id = "W4"\nrole = "baseline"'),
    "unknown_visit": ('visit = "W12"', 'visit = "W13"'),
    "mmt_max_invalid": ("maximum = 150", "maximum = 100"),
    "setting_invalid": ("day = 29", "day = 0"),
    "control_missing": ('role = "control"', 'role = "active"'),
}


@pytest.mark.parametrize("code", DESIGNS)
def test_a_design_that_contradicts_itself_is_told(folder, code):
    folder.toml = folder.toml.replace(*DESIGNS[code], 1)
    path = folder.write()
    if code == "control_missing":
        assert code in set(read_study(path).problems["code"])
        return
    with pytest.raises(StudyError) as caught:
        read_study(path, strict=False)
    assert code in set(caught.value.problems["code"])


def test_a_declared_table_has_to_be_there(folder):
    folder.toml += '[tables]\nclinical = "lab.csv"\n'
    with pytest.raises(StudyError) as caught:
        read_study(folder.write(), strict=False)
    assert caught.value.code == "table_missing"


def test_a_study_without_arms_is_open_and_small(folder):
    folder.toml = '[study]\nid = "SMALL"\n'
    folder.subjects = folder.clinical = None
    study = read_study(folder.write())
    assert not study.blinded
    assert study.open_arms is None
    assert [visit.id for visit in study.visit_values] == ["W0", "W12", "W4"]
    assert list(study.subjects["subject"]) == [f"S{n:02d}" for n in range(1, 9)]


def test_a_closed_list_of_sites_holds(folder):
    folder.toml += '[sites]\nids = ["site1"]\n'
    with pytest.raises(StudyError) as caught:
        read_study(folder.write())
    assert set(caught.value.problems["code"]) == {"unknown_site"}


def test_strata_need_their_column(folder):
    folder.toml += '[strata]\ncolumns = ["region"]\n'
    with pytest.raises(StudyError) as caught:
        read_study(folder.write())
    assert caught.value.code == "column_missing"


def test_the_plan_has_a_hash_that_follows_its_content(folder):
    first = read_study(folder.write())
    folder.toml = folder.toml.replace("score >= 20", "score >= 40")
    assert first.plan_hash != read_study(folder.write()).plan_hash
    assert first.plan["endpoints"][0]["rule"] == "score >= 20"
