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
