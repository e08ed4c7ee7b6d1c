"""One bad file costs one file; one bad row costs one row; nothing is lost without a word."""

from __future__ import annotations

import os
import shutil

import pandas as pd
import pytest

import immunoprofile as ip

from .study_cases import (
    drop_marker,
    files_of,
    rewrite,
    run_cli,
    run_study,
    sample_ids,
    sheet,
    table,
    truncate,
    write_sheet,
)


def test_a_truncated_file_is_left_out_and_the_others_are_as_without_it(done):
    bad = files_of(done)[3]
    ids = sample_ids(done)
    truncate(bad)
    outcome = run_cli("run", done / "study.toml", "--workers", 1, "--quiet")
    assert outcome.code == 1
    lost = table(done, "exclusions")
    key = ids[bad.relative_to(done).as_posix()]
    assert lost[["sample", "stage", "code"]].to_numpy().tolist() == [[key, "gate", "data-truncated"]]
    found = table(done, "populations")
    assert set(found["sample"]) == set(ids.values()) - {key}
    assert (done / "results" / "report.html").is_file()
    write_sheet(done, [row for row in sheet(done) if row[0] != bad.relative_to(done).as_posix()])
    without = run_study(done)
    assert without.exit_code == 0
    pd.testing.assert_frame_equal(found, table(done, "populations"))


def test_a_file_that_is_no_fcs_file_and_a_folder_are_named(trial):
    text, folder = files_of(trial)[:2]
    text.write_text("hello", encoding="utf-8")
    folder.unlink()
    folder.mkdir()
    results = run_study(trial)
    assert results.exit_code == 1
    assert dict(zip(results.gating.exclusions["code"], results.gating.exclusions["stage"], strict=True)) == {
        "not-fcs": "gate"
    }
    assert list(results.study.excluded["code"]) == ["file_missing"]
    assert len(table(trial, "exclusions")) == 2
    assert table(trial, "populations")["sample"].nunique() == 6


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_left_out(done):
    path = files_of(done)[0]
    path.chmod(0)
    results = run_study(done)
    path.chmod(0o644)
    assert list(results.gating.exclusions["code"]) == ["io"]


def test_a_missing_marker_leaves_rows_without_values(done):
    bad = files_of(done)[2]
    drop_marker(bad, "CD25")
    outcome = run_cli("run", done / "study.toml", "--workers", 1, "--quiet")
    assert outcome.code == 1
    key = sample_ids(done)[bad.relative_to(done).as_posix()]
    flags = table(done, "flags")
    assert flags.loc[flags["code"] == "MISSING_MARKER", "sample"].unique().tolist() == [key]
    assert table(done, "exclusions").empty
    study = ip.read_study(done / "study.toml")
    arms = study.unblind(done / "arm_key.csv", who="a test", reason="to look at the rows")
    full = ip.profile(study, workers=1).reveal(arms)
    own = full[(full["sample"] == key) & (full["statistic"] == "percent")]
    treg = own[own["population"] == "treg"]
    assert len(treg)
    assert treg["value"].isna().all()
    assert treg["flags"].str.contains("MISSING_MARKER").all()
    assert own.loc[own["population"] == "cd4_t", "value"].notna().all()


def test_five_faults_in_a_sheet_are_all_named_with_row_and_column(trial):
    rows = sheet(trial)
    column = {name: i for i, name in enumerate(rows[0])}
    rows[1][column["visit"]] = "W O"
    rows[2][column["subject"]] = "P999"
    rows[3][column["file"]] = "fcs/none.fcs"
    rows[4][column["collected"]] = "03/04/2024"
    rows[5][column["file"]] = "../elsewhere.fcs"
    write_sheet(trial, rows)
    expected = {
        (2, "visit", "unknown_visit"),
        (3, "subject", "unknown_subject"),
        (4, "file", "file_missing"),
        (5, "collected", "date_ambiguous"),
        (6, "file", "path_outside"),
    }
    with pytest.raises(ip.StudyError) as refused:
        ip.read_study(trial / "study.toml")
    found = refused.value.problems
    found = found[found["level"] == "error"]
    assert set(zip(found["row"], found["column"], found["code"], strict=True)) == expected
    outcome = run_cli("run", trial / "study.toml", "--workers", 1, "--quiet")
    assert outcome.code == 1
    lost = table(trial, "exclusions")
    assert sorted(lost["code"]) == sorted(code for _, _, code in expected)
    for row, name, _ in expected:
        assert lost["problem"].str.contains(f"samples.csv row {row}, column {name}").any()
    assert table(trial, "populations")["sample"].nunique() == 3


def test_a_study_wide_fault_is_refused_and_leaves_no_file(trial):
    rows = sheet(trial)
    rows[0][rows[0].index("visit")] = "visti"
    write_sheet(trial, rows)
    outcome = run_cli("run", trial / "study.toml")
    assert outcome.code == 2
    assert "column_missing" in outcome.err
    assert "Traceback" not in outcome.err
    assert not (trial / "results").exists()


def test_broken_toml_is_refused_with_its_line(trial):
    path = trial / "study.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('id = "SIM"', "id = SIM", 1), encoding="utf-8")
    outcome = run_cli("run", path)
    assert outcome.code == 2
    assert "toml_invalid" in outcome.err
    assert "line 3" in outcome.err
    assert outcome.err.rstrip().endswith("immunoprofile explain toml_invalid")


def test_an_unknown_strategy_gets_the_nearest_and_leaves_no_file(trial):
    path = trial / "study.toml"
    text = path.read_text(encoding="utf-8").replace("treg_surface_v1", "treg_surfase_v1")
    path.write_text(text, encoding="utf-8")
    outcome = run_cli("run", path)
    assert outcome.code == 2
    assert "nearest: 'treg_surface_v1'" in outcome.err
    assert not (trial / "results").exists()


def test_a_missing_baseline_keeps_the_change_row(done):
    rows = sheet(done)
    column = {name: i for i, name in enumerate(rows[0])}
    subject = rows[1][column["subject"]]
    write_sheet(done, [r for r in rows if (r[column["subject"]], r[column["visit"]]) != (subject, "W0")])
    study = ip.read_study(done / "study.toml")
    results = ip.run(study, arms=study.dummy_arms(1), workers=1)
    arms = study.unblind(done / "arm_key.csv", who="a test", reason="to look at the rows")
    change = results.change.reveal(arms)
    own = change[change["subject"] == subject]
    assert len(own)
    assert own["change"].isna().all()
    assert own["flags"].str.contains("baseline_missing").all()
    others = change[(change["subject"] != subject) & (change["feature"] == "cd4_t_percent_t")]
    assert others["change"].notna().any()
    assert results.effects is not None or "effects" in results.left_out


def test_a_file_listed_twice_is_left_out(trial):
    rows = sheet(trial)
    rows[2][0] = rows[1][0]
    write_sheet(trial, [*rows, [*rows[3]]])
    results = run_study(trial)
    codes = results.study.excluded.groupby("code").size().to_dict()
    assert codes["same_content_two_specimens"] == 2
    assert codes["duplicate_file"] == 1
    assert results.exit_code == 1


def test_a_copy_of_a_file_under_another_name_stops_both_rows(done):
    first, second = files_of(done)[:2]
    shutil.copy(first, second)
    results = run_study(done)
    assert list(results.gating.exclusions["code"]) == ["same_content_two_specimens"] * 2
    assert set(results.outcomes.values()) == {"same_content_two_specimens"}


def test_near_empty_tubes_are_flagged_and_are_no_fault(trial):
    path = files_of(trial)[5]
    rewrite(path, events=60)
    results = run_study(trial)
    assert results.exit_code == 0
    key = sample_ids(trial)[path.relative_to(trial).as_posix()]
    flags = table(trial, "flags")
    assert "FEW_EVENTS" in set(flags.loc[flags["sample"] == key, "code"])


def test_no_readable_file_at_all_is_refused(trial):
    for number, path in enumerate(files_of(trial)):
        path.write_bytes(b"FCS3.1" + b" " * number)
    outcome = run_cli("run", trial / "study.toml", "--workers", 1)
    assert outcome.code == 2
    assert "none of 8 samples could be gated" in outcome.err


def test_a_second_tube_without_a_readable_file_does_not_stop_the_first(done):
    path = done / "study.toml"
    extra = '\n[[tubes]]\nid = "other"\nstrategy = "tcell_lineage_v1"\npanel = "panel.toml"\n'
    path.write_text(path.read_text(encoding="utf-8") + extra, encoding="utf-8")
    rows = sheet(done)
    write_sheet(done, [[*rows[0], "tube"], *([*row, "treg"] for row in rows[1:-1]), [*rows[-1], "other"]])
    (done / rows[-1][0]).write_bytes(b"FCS3.1 and no more")
    results = run_study(done)
    assert [tube.id for tube in results.gating.tubes] == ["treg"]
    assert len(results.gating.exclusions) == 1
    assert results.exit_code == 1


def test_losses_appear_in_the_accountability(done):
    truncate(files_of(done)[3])
    results = run_study(done)
    table_ = results.study.accountability(results.outcomes)
    if len(table_):  # groups under five are not shown while blinded
        assert table_["excluded"].sum() == 1
    assert list(results.outcomes.values()) == ["data-truncated"]


def test_a_repaired_file_is_noted_without_its_name(done, recwarn):
    path = files_of(done)[1]
    content = path.read_bytes()
    path.write_bytes(content + b"\0" * 3)
    results = run_study(done)
    key = sample_ids(done)[path.relative_to(done).as_posix()]
    issues = [issue.code for issue in ip.read_fcs(path).issues if issue.level == "warning"]
    noted = results.gating.notes
    assert set(issues) <= set(noted.loc[noted["sample"] == key, "code"])
    recwarn.clear()
