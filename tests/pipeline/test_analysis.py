"""Results say what they hold and what was left out; a profile of samples needs no study."""

from __future__ import annotations

import json

import pytest

import immunoprofile as ip
from immunoprofile.core import StrategyError, StudyError

from .study_cases import files_of, run_cli, run_study


def test_run_gives_one_json_value(done):
    outcome = run_cli("run", done / "study.toml", "--workers", 1, "--json")
    told = json.loads(outcome.out)
    assert outcome.code == told["exit_code"] == 0
    assert told["samples"] == 8
    assert told["state"] == "blinded"
    assert outcome.err == ""


def test_results_say_what_was_left_out_and_why(done):
    results = run_study(done)
    assert results.left_out == {"effects": "the study is blinded"}
    assert results.state == "blinded"
    assert "8" in repr(results)
    assert "blinded" in results._repr_html_()
    assert results.outcomes == {}


def test_a_study_without_tubes_is_refused_before_anything_is_written(trial):
    path = trial / "study.toml"
    text = path.read_text(encoding="utf-8")
    start, end = text.index("[[tubes]]"), text.index("[measures.physician_global]")
    path.write_text(text[:start] + text[end:], encoding="utf-8")
    with pytest.raises(StudyError) as refused:
        run_study(trial)
    assert refused.value.code == "strategy_missing"
    assert not (trial / "results").exists()


def test_a_results_folder_that_cannot_be_written_is_refused_before_computing(trial):
    (trial / "results").write_text("a file in the way", encoding="utf-8")
    outcome = run_cli("run", trial / "study.toml")
    assert outcome.code == 2
    assert "results_unwritable" in outcome.err or "ids_unreadable" in outcome.err


def test_samples_of_one_name_in_two_folders_stay_apart(simulated, tmp_path):
    import shutil

    first, second = files_of(simulated)[:2]
    copies = []
    for folder, path in (("a", first), ("b", second)):
        (tmp_path / folder).mkdir()
        copies.append(shutil.copy(path, tmp_path / folder / "tube.fcs"))
    profile = ip.profile([ip.read_fcs(path) for path in copies], strategy="tcell_lineage_v1")
    assert set(profile.table["sample"]) == {"tube", "tube (2)"}


def test_samples_without_a_strategy_are_refused(simulated):
    with pytest.raises(StrategyError) as refused:
        ip.profile([ip.read_fcs(files_of(simulated)[0])])
    assert refused.value.code == "STRATEGY_UNKNOWN"


def test_an_analysis_that_cannot_be_had_is_left_out_with_its_reason(done, monkeypatch):
    from immunoprofile.core import ModelError

    def cannot(*args, **settings):
        raise ModelError("too_few_subjects", "four subjects are too few")

    monkeypatch.setattr("immunoprofile.longitudinal.screen", cannot)
    study = ip.read_study(done / "study.toml")
    results = ip.run(study, arms=study.dummy_arms(1), workers=1)
    assert results.left_out["effects"] == "four subjects are too few (too_few_subjects)"
    assert (done / "results" / "populations.csv").is_file()


def test_a_run_that_lacked_a_resource_can_be_tried_again(done):
    import dataclasses

    import pandas as pd

    results = run_study(done)
    for code, expected in (("memory", 3), ("worker_died", 3), ("timeout", 1), ("not-fcs", 1)):
        row = {"specimen": "s1", "sample": "f1", "stage": "gate", "code": code, "problem": "", "hint": ""}
        gating = dataclasses.replace(results.gating, exclusions=pd.DataFrame([row], dtype="string"))
        assert dataclasses.replace(results, gating=gating).exit_code == expected


def test_only_a_log_that_cannot_be_written_is_passed_over_when_the_plan_is_locked():
    from immunoprofile.pipeline._analysis import lock_plan

    class Plan:
        def __init__(self, code):
            self.code = code

        def lock_plan(self):
            raise StudyError(self.code, "no log")

    lock_plan(Plan("audit_unwritable"))
    with pytest.raises(StudyError, match="audit_broken"):
        lock_plan(Plan("audit_broken"))


def test_a_part_that_meets_a_fault_of_numbers_is_left_out():
    from immunoprofile.pipeline._analysis import _link, _or_left_out

    left_out = {}
    assert _or_left_out(lambda: 1 / 0, part="effects", left_out=left_out) is None
    assert left_out == {"effects": "an unexpected ZeroDivisionError stopped it"}
    assert _link(None, None, None, arms=None, left_out=left_out) is None
    assert left_out["link"] == "no change or no response"


@pytest.mark.parametrize("moment", ["gate_one", "write_results", "profile_of"])
def test_an_interruption_says_how_many_samples_are_done(done, monkeypatch, moment):
    import shutil

    from immunoprofile.pipeline import _analysis, _run, _tube

    calls = []

    def stopped(*args, **settings):
        calls.append(1)
        if moment == "gate_one" and len(calls) < 4:
            return original(*args, **settings)
        raise KeyboardInterrupt

    shutil.rmtree(done / "results" / "cache")
    original = _tube.gate_one
    rooms = {"gate_one": _tube, "write_results": _run, "profile_of": _analysis}
    monkeypatch.setattr(rooms[moment], moment, stopped)
    outcome = run_cli("run", done, "--workers", 1, "--quiet")
    count = 3 if moment == "gate_one" else 8
    assert outcome.code == 3
    assert outcome.err == f"interrupted; {count} of 8 done; run the same command to resume\n"


def test_a_sheet_without_a_sample_is_refused(trial):
    from .study_cases import sheet, write_sheet

    write_sheet(trial, sheet(trial)[:1])
    outcome = run_cli("run", trial, "--quiet")
    assert outcome.code == 2
    assert "no_samples" in outcome.err
