from __future__ import annotations

import json

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
    assert [path.rsplit("/", 1)[-1] for path in report.skipped] == ["notes.txt"]
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
    assert (cut["readable"], cut["worst"], cut["events"]) == (False, "error", None)
    assert set(cut["issues"][0]) == {"level", "code", "keyword", "offset", "message"}
    assert value["worst"] == "error"


def test_the_text_says_what_was_found_and_what_to_do(folder):
    text = check_files(folder, progress=False).to_text()
    assert "good.fcs: ok; FCS 3.1; Aurora; 4 x 2" in text
    assert "data-truncated" in text
    assert "copy the file again from its source" in text
    assert text.endswith("4 files: 1 refused, 1 with warnings")


def test_strict_refuses_what_gives_a_warning(folder):
    path = folder / "deep" / "nan.fcs"
    assert check_files(path, progress=False).exit_code == 0
    strict = check_files(path, mode="strict", progress=False)
    assert (strict.exit_code, strict.files[0].issues[0].code) == (1, "nan-events")


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
