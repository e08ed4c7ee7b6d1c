"""Attempts to learn an arm from a blinded study, and what unblinding leaves behind."""

from __future__ import annotations

import io
import json
import os
import pickle
import stat
import traceback
import warnings

import pandas as pd
import pytest

from immunoprofile.core import BlindedError, ImmunoprofileWarning, StudyError
from immunoprofile.trial import read_study, verify_audit_log

ASSIGNED = ("S01,IL2", "S02,PBO", "S01    IL2")


def _codes(path, **more):
    with pytest.raises(StudyError) as caught:
        read_study(path, **more)
    return set(caught.value.problems.query("level == 'error'")["code"])


def _unblind(study, key="arm_key.csv"):
    return study.unblind(key, who="A. Reader", reason="database lock")


def test_arms_of_a_blinded_study_are_refused(folder):
    study = read_study(folder.write())
    for name in ("arms", "open_arms"):
        with pytest.raises(BlindedError) as caught:
            getattr(study, name)
        assert caught.value.code == "blinded"


def test_a_study_loads_without_any_key_and_reads_none(folder, monkeypatch):
    path = folder.write()
    opened = []
    real = io.open

    def watched(file, *args, **more):
        opened.append(str(file))
        return real(file, *args, **more)

    monkeypatch.setattr("io.open", watched)
    monkeypatch.setattr("builtins.open", watched)
    study = read_study(path)
    repr(study), study._repr_html_(), study.input_hashes(), study.specimens
    assert not any("arm_key" in name for name in opened)
    (folder.root / "arm_key.csv").unlink()
    assert read_study(path).blinded


def test_unblinding_gives_arms_and_leaves_the_study_blinded(folder):
    study = read_study(folder.write())
    arms = _unblind(study)
    assert (arms.name, arms.index.name) == ("arm", "subject")
    assert arms.to_dict() == {f"S{n:02d}": "IL2" if n % 2 else "PBO" for n in range(1, 9)}
    assert arms.attrs == {"reference": "PBO", "dummy": False, "study": "DEMO", "post_hoc": True}
    assert study.blinded
    with pytest.raises(BlindedError):
        _ = study.arms


def test_a_plan_that_was_locked_blind_is_not_post_hoc(folder):
    study = read_study(folder.write())
    study.lock_plan()
    study.lock_plan()
    assert study.audit_path.read_text().count("plan_locked") == 1
    assert _unblind(study).attrs["post_hoc"] is False


def test_a_plan_that_is_locked_after_the_key_was_opened_is_post_hoc(folder):
    study = read_study(folder.write())
    _unblind(study)
    study.lock_plan()
    assert _unblind(study).attrs["post_hoc"] is True


def test_nothing_of_the_key_stays_in_the_study(folder):
    study = read_study(folder.write())
    _unblind(study)
    content = pickle.dumps(study) + repr(study).encode() + study._repr_html_().encode()
    content += pickle.dumps([study.samples, study.subjects, study.clinical, study.problems, study.specimens])
    frames = (study.samples, study.subjects, study.specimens, study.excluded)
    assert not any("arm" in frame.columns for frame in frames)
    for told in ASSIGNED:
        assert told.encode() not in content
    log = (folder.root / "results" / "audit.jsonl").read_text()
    assert "S01" not in log
    assert "IL2" not in log


def test_unblinding_needs_who_and_reason_before_the_key_is_opened(folder):
    study = read_study(folder.write())
    (folder.root / "arm_key.csv").write_text("broken")
    for signed in ({"who": "", "reason": "x"}, {"who": "x", "reason": " "}):
        with pytest.raises(StudyError) as caught:
            study.unblind("arm_key.csv", **signed)
        assert caught.value.code == "unblind_unsigned"


def test_all_faults_of_a_key_are_told_without_an_assignment(folder):
    study = read_study(folder.write())
    key = "subject,arm\nS01,IL2\nS01,PBO\nS02,SECRETARM\nS77,IL2\n" + "".join(
        f"S0{n},PBO\n" for n in range(3, 7)
    )
    (folder.root / "arm_key.csv").write_text(key)
    with pytest.raises(StudyError) as caught:
        _unblind(study)
    found = caught.value.problems
    assert set(found["code"]) == {"key_duplicate", "key_unknown_arm", "key_incomplete", "unknown_subject"}
    assert set(found.query("code == 'key_incomplete'")["found"]) == {"S07", "S08"}
    text = str(caught.value) + found.to_string() + "".join(traceback.format_exception(caught.value))
    assert "SECRETARM" not in text
    assert "IL2" not in text
    frame = caught.value.__traceback__
    while frame is not None:
        if "immunoprofile" in frame.tb_frame.f_code.co_filename:
            for name, value in frame.tb_frame.f_locals.items():
                if name not in ("study", "self", "key", "path"):
                    assert "SECRETARM" not in repr(value), name
                    assert "'PBO'" not in repr(value), name
        frame = frame.tb_next


@pytest.mark.parametrize("content", [b"subject,arm\nS01,\xff\xfe\n", b"\0\0", b"who,what\n1,2\n", b""])
def test_a_broken_key_tells_nothing(folder, content):
    study = read_study(folder.write())
    (folder.root / "arm_key.csv").write_bytes(content)
    with pytest.raises(StudyError) as caught:
        _unblind(study)
    assert caught.value.__cause__ is None
    assert caught.value.problems["found"].isna().all()


def test_a_key_by_randomisation_code_is_understood(folder):
    folder.subjects[0].append("randomisation")
    for number, row in enumerate(folder.subjects[1:]):
        row.append(f"R{number:03d}")
    study = read_study(folder.write())
    rows = "".join(f"R{n:03d},{('IL2', 'PBO')[n % 2]}\n" for n in range(8))
    (folder.root / "codes.csv").write_text("randomisation,arm\n" + rows)
    assert _unblind(study, folder.root / "codes.csv")["S02"] == "PBO"


def test_a_missing_key_is_told(folder):
    with pytest.raises(StudyError) as caught:
        _unblind(read_study(folder.write()), "nowhere.csv")
    assert caught.value.code == "key_missing"


@pytest.mark.parametrize(
    "word", ["IL2", "il-2", "Placebo", "low dose IL-2", "PBO 1 mL", "given placebo twice"]
)
def test_a_cell_that_names_an_arm_is_refused_and_not_repeated(folder, word):
    folder.samples[0].append("note")
    for row in folder.samples[1:]:
        row.append("fine")
    folder.cell("samples", 6, "note", word)
    with pytest.raises(StudyError) as caught:
        read_study(folder.write(), strict=False)
    problems = caught.value.problems.query("level == 'error'")
    assert list(zip(problems["code"], problems["row"], problems["column"], strict=True)) == [
        ("arm_in_sheet", 6, "note")
    ]
    assert word not in str(caught.value)


def test_short_ids_of_arms_are_found_where_a_column_holds_nothing_else(folder):
    folder.toml = folder.toml.replace('"IL2"', '"A"').replace('"PBO"', '"B"')
    folder.subjects[0].append("cohort")
    for number, row in enumerate(folder.subjects[1:]):
        row.append("AB"[number % 2])
    assert _codes(folder.write()) == {"arm_in_sheet"}
    for row in folder.subjects[1:]:
        row[-1] = "C" + row[-1]
    assert read_study(folder.write()).blinded


def test_a_measure_may_bear_the_name_of_the_drug(folder):
    folder.clinical.append(["S01", "W0", "il2", "3.5", "pg/mL", "", "2024-03-01"])
    folder.toml += "[measures.il2]\n"
    assert len(read_study(folder.write()).clinical) == 145


@pytest.mark.parametrize("column", ["randomisation", "arm", "treatment", "TRT01P"])
def test_codes_that_group_subjects_are_arms_under_other_names(folder, column):
    folder.subjects[0].append(column)
    for number, row in enumerate(folder.subjects[1:]):
        row.append("xy"[number % 2])
    assert "code_grouped" in _codes(folder.write(), strict=False)


def test_a_file_named_after_an_arm_is_a_warning(folder):
    for name in ("fcs/IL2_001.fcs", "placebo/x.fcs"):
        folder.touch(name)
    folder.cell("samples", 2, "file", "fcs/IL2_001.fcs")
    folder.cell("samples", 3, "file", "placebo/x.fcs")
    found = read_study(folder.write()).problems.query("code == 'arm_in_name'")
    assert list(found["row"]) == [2, 3]
    assert found["found"].isna().all()


def test_an_open_study_may_name_its_arms(folder):
    folder.toml = folder.toml.replace('id = "DEMO"', 'id = "DEMO"\nblinded = false')
    folder.toml += '[open_arms]\nfile = "arm_key.csv"\n'
    folder.subjects[0].append("note")
    for row in folder.subjects[1:]:
        row.append("IL2")
    study = read_study(folder.write())
    assert study.arms["S01"] == "IL2"
    assert study.arms.attrs["reference"] == "PBO"


def test_open_arms_are_not_read_while_blinded(folder):
    folder.toml += '[open_arms]\nfile = "arm_key.csv"\n'
    assert _codes(folder.write(), strict=False) == {"setting_invalid"}


def test_ids_are_random_private_and_kept(folder):
    path = folder.write()
    study = read_study(path)
    assert not (folder.root / "results").exists()
    study.persist_ids()
    private = folder.root / "results" / "private_ids.csv"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    again = read_study(path)
    assert list(again.samples["sample"]) == list(study.samples["sample"])
    assert again.batch_names == study.batch_names
    assert again.opaque("subject", "S01") == study.opaque("subject", "S01")
    private.unlink()
    assert not set(read_study(path).samples["sample"]) & set(study.samples["sample"])


def test_ids_of_a_new_visit_join_the_old_ones(folder):
    whole = [*folder.samples]
    folder.samples = whole[:10]
    first = read_study(folder.write())
    first.persist_ids()
    folder.samples = whole
    second = read_study(folder.write())
    second.persist_ids()
    assert list(second.samples["sample"][:9]) == list(first.samples["sample"])
    assert list(read_study(folder.root).samples["sample"]) == list(second.samples["sample"])


def test_two_sessions_cannot_give_different_ids(folder):
    first, second = read_study(folder.write()), read_study(folder.root)
    first.persist_ids()
    with pytest.raises(StudyError) as caught:
        second.persist_ids()
    assert caught.value.code == "ids_changed"


def test_a_name_that_a_spreadsheet_would_run_is_disarmed_and_comes_back(folder):
    for row in (*folder.samples[1:], *folder.subjects[1:], *folder.clinical[1:]):
        row[row.index("S01") if "S01" in row else 0] = row[row.index("S01") if "S01" in row else 0].replace(
            "S01", "=S01"
        )
    for visit in ("W0", "W4", "W12"):
        folder.touch(f"fcs/=S01_{visit}.fcs")
        folder.touch(f"fcs/S01_{visit}.fcs")
    study = read_study(folder.write())
    study.persist_ids()
    text = (folder.root / "results" / "private_ids.csv").read_text()
    assert ",=S01" not in text
    assert list(read_study(folder.root).samples["specimen"]) == list(study.samples["specimen"])


@pytest.mark.parametrize(
    "content",
    [b"kind,id\nx,y\n", b"\xff", b"kind,id,subject,visit,file,batch\nsubject,u1,a,,,\nsubject,u1,b,,,\n"],
)
def test_a_damaged_map_of_ids_is_told(folder, content):
    path = folder.write()
    (folder.root / "results").mkdir()
    (folder.root / "results" / "private_ids.csv").write_bytes(content)
    with pytest.raises(StudyError) as caught:
        read_study(path)
    assert caught.value.code == "ids_unreadable"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_keeps_ids_in_memory(folder):
    study = read_study(folder.write())
    folder.root.chmod(0o555)
    try:
        with pytest.warns(ImmunoprofileWarning, match="ids_in_memory"):
            study.persist_ids()
    finally:
        folder.root.chmod(0o755)


def test_ids_that_cannot_be_written_stay_in_memory_with_a_warning(folder):
    study = read_study(folder.write())
    (folder.root / "results").write_bytes(b"a file in the way")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        study.persist_ids()
    assert [getattr(w.message, "code", "") for w in caught] == ["ids_in_memory"]


def test_a_blinded_table_has_random_ids_and_no_sentinels(folder):
    study = read_study(folder.write())
    rows = [
        ("S01", "W0", "treg", "percent", 5.0),
        ("S01", "W0", "treg_naive", "percent", 2.0),
        ("S01", "W0", "tconv", "percent", 95.0),
        ("S01", "W0", "eosinophils", "percent", 3.0),
        ("S01", "W0", "treg/tconv", "ratio", 0.05),
        ("S02", "W4", "cd4_t", "percent", 40.0),
        ("S01", "W0", "cd8_t", "percent", 20.0),
    ]
    frame = pd.DataFrame(rows, columns=["subject", "visit", "population", "statistic", "value"])
    shown = study.blinded_table(frame)
    assert list(shown.columns) == ["specimen", "population", "statistic", "value", "flags"]
    assert set(shown["population"]) == {"cd4_t", "cd8_t"}
    assert list(shown["specimen"]) == sorted(shown["specimen"])
    assert not shown.astype(str).apply(lambda column: column.str.contains("S0|W0|W4")).to_numpy().any()


def test_sentinels_grow_by_descendants_and_complements(folder):
    folder.toml += '[blinding]\nsentinels = ["treg"]\n'
    found = read_study(folder.write()).sentinels
    assert {"treg", "treg_naive", "tconv", "tfr"} <= set(found)
    assert "cd4_t" not in found
    folder.toml = folder.toml.replace('["treg"]', "[]")
    assert read_study(folder.write()).sentinels == ()


def test_dummy_arms_are_drawn_within_strata_and_say_so(folder):
    folder.toml += '[strata]\ncolumns = ["site"]\n'
    study = read_study(folder.write())
    arms = study.dummy_arms(1)
    assert arms.name == "arm (DUMMY)"
    assert arms.attrs["dummy"] is True
    sites = study.subjects.set_index("subject")["site"]
    assert pd.crosstab(sites, arms).to_numpy().tolist() == [[2, 2], [2, 2]]
    assert study.dummy_arms(1).equals(arms)
    assert any(not study.dummy_arms(seed).equals(arms) for seed in range(2, 6))


def _accounted(folder, *, blinded):
    folder.samples.pop(5)
    folder.cell("samples", 9, "file", "fcs/gone.fcs")
    if not blinded:
        folder.toml = folder.toml.replace('id = "DEMO"\n', 'id = "DEMO"\nblinded = false\n')
    study = read_study(folder.write(), strict=False)
    return study.accountability({study.samples["sample"].iloc[0]: "data-truncated"})


def test_accountability_sums(folder):
    table = _accounted(folder, blinded=False)
    assert (table["scheduled"] == table["collected"] + table["not_collected"]).all()
    assert (table["received"] == table["file_present"] + table["file_missing"]).all()
    assert (table["file_present"] == table["in_analysis"] + table["excluded"]).all()
    assert table["scheduled"].sum() == 24
    assert (table["not_collected"].sum(), table["file_missing"].sum(), table["excluded"].sum()) == (1, 1, 1)


def test_blinded_accountability_shows_no_small_group_and_no_small_count(folder):
    table = _accounted(folder, blinded=True)
    assert set(table["site"]) == {"(pooled)"}
    assert table["scheduled"].min() >= 5
    levels = table.drop(columns=["site", "visit", "tube"])
    assert not ((levels > 0) & (levels < 5)).fillna(value=False).any(axis=None)
    assert levels.isna().any(axis=None)


def test_a_hidden_count_cannot_be_told_from_its_row(folder):
    table = _accounted(folder, blinded=True)
    for row in table.itertuples():
        for whole, loss, rest in (
            ("scheduled", "not_collected", "collected"),
            ("collected", "not_received", "received"),
            ("received", "file_missing", "file_present"),
            ("file_present", "excluded", "in_analysis"),
        ):
            told = [not pd.isna(getattr(row, name)) for name in (whole, loss, rest)]
            assert sum(told) != 2, row


def test_the_chain_of_the_audit_log_holds_and_breaks(folder):
    study = read_study(folder.write())
    for number in range(4):
        study.log("export", who="x", reason="y", number=number)
    _unblind(study)
    path = study.audit_path
    assert verify_audit_log(path) is None
    lines = path.read_bytes().splitlines(keepends=True)
    assert [json.loads(line)["seq"] for line in lines] == [1, 2, 3, 4, 5]
    assert json.loads(lines[0])["previous"] == "0" * 64
    spoiled = {
        2: [lines[0], lines[1].replace(b'"number":1', b'"number":9'), *lines[2:]],
        3: [*lines[:2], *lines[3:]],
        1: lines[1:],
        4: [*lines[:3], lines[4], lines[3]],
        5: [*lines[:4], lines[4][:-5]],
        6: [*lines, b"{}\n"],
    }
    for broken, content in spoiled.items():
        path.write_bytes(b"".join(content))
        assert verify_audit_log(path) == broken


def test_a_forged_entry_with_its_own_hash_breaks_the_next(folder):
    from immunoprofile.trial._audit import canonical, entry_hash

    study = read_study(folder.write())
    for _ in range(3):
        study.log("export")
    lines = study.audit_path.read_bytes().splitlines()
    entry = json.loads(lines[1])
    entry["who"] = "somebody else"
    entry["hash"] = entry_hash(entry)
    study.audit_path.write_bytes(b"\n".join([lines[0], canonical(entry), lines[2], b""]))
    assert verify_audit_log(study.audit_path) == 3


def test_a_broken_log_is_not_mended_and_stops_unblinding(folder):
    study = read_study(folder.write())
    study.log("export")
    content = study.audit_path.read_bytes()[:-3]
    study.audit_path.write_bytes(content)
    with pytest.raises(StudyError) as caught:
        study.log("export")
    assert caught.value.code == "audit_broken"
    with pytest.raises(StudyError) as caught:
        _unblind(study)
    assert caught.value.code == "audit_broken"
    assert study.audit_path.read_bytes() == content


def test_a_log_that_cannot_be_written_stops_unblinding(folder):
    study = read_study(folder.write())
    (folder.root / "results").write_bytes(b"a file in the way")
    with pytest.raises(StudyError) as caught:
        _unblind(study)
    assert caught.value.code == "audit_unwritable"
    with pytest.raises(StudyError) as caught:
        verify_audit_log(study.audit_path)
    assert caught.value.code == "audit_missing"
