"""`init` drafts a study that runs once what is marked ?? is filled; it never replaces what is no draft."""

from __future__ import annotations

import pytest

import immunoprofile as ip
from immunoprofile.pipeline import draft_study

from .study_cases import run_cli, run_study, sheet, write_sheet


@pytest.fixture
def folder(simulated, tmp_path):
    """FCS files alone, as a core facility has them."""
    import shutil

    return shutil.copytree(simulated / "fcs", tmp_path / "incoming")


def fill(root, *, sheet_name="samples.csv"):
    """Fill the sheet from the names of the files, as a person would."""
    rows = sheet(root) if sheet_name == "samples.csv" else []
    filled = [rows[0]]
    for file, *_ in rows[1:]:
        subject, visit = file.rsplit("/", 1)[-1].removesuffix(".fcs").split("_")
        filled.append([file, subject, visit, "S1"])
    write_sheet(root, filled)


def test_a_draft_beside_the_files_runs_when_it_is_filled(folder):
    outcome = run_cli("init", folder)
    assert outcome.code == 0
    assert "next: fill what is marked ?? (24 cells in samples.csv" in outcome.out
    assert sheet(folder)[1][1:] == ["??", "??", "??"]
    fill(folder)
    results = run_study(folder)
    assert results.exit_code == 0
    assert results.profile.table["sample"].nunique() == 8
    assert results.left_out["change"] == "no visit has the role baseline"


def test_a_draft_elsewhere_names_the_folder_as_a_root(folder, tmp_path):
    out = tmp_path / "elsewhere" / "study"
    before = sorted(folder.iterdir())
    assert run_cli("init", folder, "--out", out).code == 0
    assert sorted(folder.iterdir()) == before
    assert 'roots = ["../../incoming"]' in (out / "study.toml").read_text(encoding="utf-8")
    fill(out)
    assert len(ip.read_study(out / "study.toml").samples) == 8


def test_a_draft_is_not_replaced_unless_asked(folder):
    assert run_cli("init", folder).code == 0
    fill(folder)
    again = run_cli("init", folder)
    assert again.code == 2
    assert "draft_exists" in again.err
    assert sheet(folder)[1][1] != "??"
    assert run_cli("init", folder, "--force").code == 0
    assert sheet(folder)[1][1] == "??"


def test_what_is_no_draft_is_never_replaced(folder):
    own = "# my own study\n"
    (folder / "study.toml").write_text(own, encoding="utf-8")
    outcome = run_cli("init", folder, "--force")
    assert outcome.code == 2
    assert "study.toml: no draft of init" in outcome.err
    assert (folder / "study.toml").read_text(encoding="utf-8") == own
    assert not (folder / "panel.toml").exists()


def test_a_sheet_of_somebody_else_stays(folder):
    (folder / "samples.csv").write_text("sample,patient\n", encoding="utf-8")
    draft = draft_study(folder)
    assert (folder / "samples.csv").read_text(encoding="utf-8") == "sample,patient\n"
    assert draft.to_fill["samples_draft.csv"] == 24
    assert 'samples = "samples_draft.csv"' in draft.study.read_text(encoding="utf-8")


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_drafted(folder):
    (folder / "broken.fcs").write_bytes(b"no")
    outcome = run_cli("init", folder)
    assert outcome.code == 1
    assert "broken.fcs" in outcome.err
    assert len(sheet(folder)) == 9


def test_a_folder_without_files_is_refused(tmp_path):
    outcome = run_cli("init", tmp_path)
    assert outcome.code == 2
    assert "no_samples" in outcome.err
    assert list(tmp_path.iterdir()) == []
