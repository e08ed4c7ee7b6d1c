from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from immunoprofile.fcs import check_files, write_fcs

EVENTS = np.arange(8.0).reshape(4, 2)


@pytest.fixture
def folder(tmp_path):
    write_fcs(tmp_path / "good.fcs", EVENTS, ["A", "B"], keywords={"$CYT": "Aurora"})
    (tmp_path / "deep").mkdir()
    content = write_fcs(tmp_path / "deep" / "nan.fcs", EVENTS * np.nan, ["A", "B"]).read_bytes()
    (tmp_path / "cut.LMD").write_bytes(content[: -8 - 20])
    (tmp_path / "noending").write_bytes((tmp_path / "good.fcs").read_bytes())
    (tmp_path / "notes.txt").write_text("no events")
    (tmp_path / ".hidden.fcs").write_text("no events")
    return tmp_path


def test_every_file_is_judged_and_none_stops_another(folder):
    report = check_files([folder], progress=False)
    found = {file.path.removeprefix(str(folder)).lstrip("/\\"): file.worst for file in report.files}
    assert found == {"cut.LMD": "error", "good.fcs": "ok", "noending": "ok", "deep/nan.fcs": "warning"}
    assert [path.rsplit("/", 1)[-1] for path in report.skipped] == [".hidden.fcs", "notes.txt"]
    assert (report.worst, report.exit_code) == ("error", 1)


def test_the_table_has_a_row_a_finding(folder):
    table = check_files(folder, progress=False).table
    assert list(table.columns) == [
        "file",
        "version",
        "n_events",
        "level",
        "code",
        "keyword",
        "offset",
        "message",
    ]
    rows = {row.code: row for row in table.itertuples() if isinstance(row.code, str)}
    assert set(rows) == {"data-truncated", "nan-events"}
    assert rows["nan-events"].n_events == 4
    assert rows["data-truncated"].keyword == "$TOT"
    assert (table["level"] == "ok").sum() == 2


def test_json_is_one_value_of_the_documented_form(folder):
    value = json.loads(check_files([folder / "good.fcs", folder / "cut.LMD"], progress=False).to_json())
    good, cut = value["files"]
    assert good == {
        "path": str(folder / "good.fcs"), "version": "3.1", "instrument": "Aurora",
        "events": 4, "channels": 2,
        "readable": True, "worst": "ok", "issues": [],
    }  # fmt: skip
    assert (cut["readable"], cut["worst"], cut["version"]) == (False, "error", "3.1")
    assert (cut["events"], cut["channels"]) == (4, 2)
    assert set(value) == {"files", "worst"}
    assert set(cut["issues"][0]) == {"level", "code", "keyword", "offset", "message"}
    assert value["worst"] == "error"


def test_the_text_says_what_was_found_and_what_to_do(folder):
    text = check_files(folder, progress=False).to_text()
    assert "good.fcs: ok; FCS 3.1; Aurora; 4 x 2" in text
    assert "data-truncated" in text
    assert "copy the file again from its source" in " ".join(text.split())
    assert text.endswith("4 files: 1 refused, 1 with warnings")


def test_strict_changes_the_exit_code_and_not_what_is_read(folder):
    path = folder / "deep" / "nan.fcs"
    assert check_files(path, progress=False).exit_code == 0
    strict = check_files(path, strict=True, progress=False)
    assert strict.exit_code == 1
    assert (strict.files[0].readable, strict.worst, strict.files[0].n_events) == (True, "warning", 4)
    assert check_files(folder / "good.fcs", strict=True, progress=False).exit_code == 0


def test_findings_before_the_refusal_are_told_too(folder):
    content = (folder / "cut.LMD").read_bytes()
    (folder / "cut.LMD").write_bytes(content.replace(b"$MODE", b"$XODE"))
    (report,) = check_files(folder / "cut.LMD", progress=False).files
    assert [issue.code for issue in report.issues] == ["mode-missing", "data-truncated"]


def test_the_report_says_what_the_standard_says_and_what_to_ask_for(folder):
    text = " ".join(check_files(folder / "cut.LMD", progress=False).to_text().split())
    assert "cut.LMD: error; FCS 3.1; 4 x 2; refused; data-truncated" in text
    assert "standard: $TOT (required from FCS 3.0) is the number of events" in text
    assert "ask for: Write $TOT after the last event" in text


def test_every_code_of_fcs_files_has_the_words_of_the_standard():
    from immunoprofile.core._codes_fcs import FCS_CODES

    assert [row.code for row in FCS_CODES if not row.standard] == []
    blameless = {
        "not-regular-file", "io", "channel-unknown", "metadata-only", "write-exists", "write-names",
        "write-values", "deidentify-target",
    }  # fmt: skip
    assert {row.code for row in FCS_CODES if not row.vendor} == blameless


def test_words_of_the_standard_are_of_codes_that_exist():
    from immunoprofile.core import CODES
    from immunoprofile.core._codes_fcs_standard import STANDARD

    assert set(STANDARD) <= set(CODES)


@pytest.mark.parametrize(("written", "code"), [(b"$XXR", "keyword-missing"), (None, "keyword-value")])
def test_a_range_that_is_missing_or_no_number_is_an_error_of_integers_and_a_warning_of_floats(
    tmp_path, written, code
):
    from immunoprofile.core import explain

    content = write_fcs(tmp_path / "float.fcs", EVENTS, ["A", "B"]).read_bytes()
    delimiter = content[58:59]
    start = content.index(b"$P1R" + delimiter)
    end = content.index(delimiter, start + 5)
    value = content[start + 5 : end]
    broken = (written or b"$P1R") + delimiter + (value if written else b"x" * len(value))
    floats = content[:start] + broken + content[end:]
    (tmp_path / "float.fcs").write_bytes(floats)
    integers = floats.replace(b"$DATATYPE" + delimiter + b"F", b"$DATATYPE" + delimiter + b"I")
    (tmp_path / "integer.fcs").write_bytes(integers)
    found = {Path(file.path).stem: file for file in check_files(tmp_path, progress=False).files}
    levels = {
        stem: [(issue.level, issue.keyword) for issue in file.issues if issue.code == code]
        for stem, file in found.items()
    }
    assert levels == {"float": [("warning", "$P1R")], "integer": [("error", "$P1R")]}
    assert (found["float"].readable, found["integer"].readable) == (True, False)
    assert explain(code).level == "error"
    assert "a warning where it is $PnR of a float column" in explain(code).meaning


@pytest.mark.parametrize(
    "name", [b"a\nb.fcs", b"\x1b[31mred.fcs", b"\xff\xfe.fcs", b"n" * 251 + b".fcs", "ü\u202e.fcs".encode()]
)
def test_a_hostile_file_name_breaks_nothing(tmp_path, name):
    good = write_fcs(tmp_path / "good.fcs", EVENTS, ["A", "B"]).read_bytes()
    (tmp_path / "folder").mkdir()
    path = tmp_path / "folder" / os.fsdecode(name)
    for content in (good, good[:-20], b"no"):
        path.write_bytes(content)
        report = check_files(tmp_path / "folder", progress=False)
        text = report.to_text()
        assert text.encode("utf-8")
        assert "\x1b" not in text
        assert text.splitlines()[0].count("folder") == 1
        value = json.loads(report.to_json())
        assert value["files"][0]["path"].encode("utf-8")
        assert value["files"][0]["readable"] == (content is good)


def test_what_is_no_file_is_judged_by_its_ending(tmp_path):
    os.mkfifo(tmp_path / "pipe.fcs")
    (tmp_path / "gone.fcs").symlink_to(tmp_path / "nowhere")
    (tmp_path / "._good.fcs").write_bytes(b"shadow")
    report = check_files(tmp_path, progress=False)
    codes = {Path(file.path).name: [issue.code for issue in file.issues] for file in report.files}
    assert codes == {"pipe.fcs": ["not-regular-file"], "gone.fcs": ["io"]}
    assert [Path(path).name for path in report.skipped] == ["._good.fcs"]
    assert check_files(tmp_path / "gone.fcs", progress=False).exit_code == 1


def test_any_number_of_workers_gives_the_same_report(folder):
    reports = [check_files(folder, workers=count, progress=False) for count in (1, 3)]
    assert reports[0].to_json() == reports[1].to_json()
    with pytest.raises(TypeError, match="whole number"):
        check_files(folder, workers="2", progress=False)


def test_no_file_and_no_path_are_wrong_use(tmp_path):
    assert check_files(tmp_path, progress=False).exit_code == 2
    report = check_files([tmp_path / "absent.fcs"], progress=False)
    assert (report.exit_code, report.missing) == (2, (str(tmp_path / "absent.fcs"),))
    assert "no such path" in report.to_text()
    write_fcs(tmp_path / "a.fcs", EVENTS, ["A", "B"])
    assert check_files([tmp_path / "a.fcs", tmp_path / "absent.fcs"], progress=False).exit_code == 2


def test_text_of_a_file_does_not_act_on_the_terminal(tmp_path):
    write_fcs(tmp_path / "a.fcs", EVENTS, ["A", "B"], keywords={"$CYT": "\x1b[31mred"})
    report = check_files(tmp_path, progress=False)
    assert "\x1b" not in report.to_text() + report.to_json()
    assert "\x1b" not in repr(report) + report._repr_html_()


def test_a_folder_that_cannot_be_listed_and_a_file_that_cannot_be_opened_are_skipped(folder, monkeypatch):
    listed, opened = os.scandir, Path.open

    def scandir(path):
        if str(path).endswith("deep"):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    def open_(path, *how, **more):
        if path.name == "notes.txt":
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *how, **more)

    monkeypatch.setattr("os.scandir", scandir)
    monkeypatch.setattr("pathlib.Path.open", open_)
    os.mkfifo(folder / "pipe")
    report = check_files(folder, progress=False)
    assert {Path(path).name for path in report.skipped} == {".hidden.fcs", "deep", "notes.txt", "pipe"}
    assert len(report.files) == 3
