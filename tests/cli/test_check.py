"""``check`` and ``explain`` as programs and people meet them: streams, exit codes, names that are bytes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from immunoprofile.cli._check import command as check
from immunoprofile.cli._explain import command as explain
from immunoprofile.fcs import write_fcs

EVENTS = np.arange(8.0).reshape(4, 2)


def run(*words, folder):
    line = [sys.executable, "-m", "immunoprofile", *words]
    return subprocess.run(line, cwd=folder, capture_output=True, check=False, timeout=60)


def test_json_stands_alone_on_stdout_whatever_the_files_are_called(tmp_path):
    content = write_fcs(tmp_path / "good.fcs", EVENTS, ["A", "B"]).read_bytes()
    (tmp_path / os.fsdecode(b"\xff\n\x1b[31m.B08")).write_bytes(content[:-20])
    (tmp_path / os.fsdecode(b"\xfe\nnotes")).write_bytes(b"no events")
    outcome = run("check", ".", "--json", folder=tmp_path)
    assert outcome.returncode == 1
    value = json.loads(outcome.stdout)
    assert {file["path"]: file["readable"] for file in value["files"]} == {
        "good.fcs": True,
        "\\xff\n\x1b[31m.B08": False,
    }
    assert outcome.stderr.decode("utf-8").splitlines() == ["skipped, no FCS file: \\udcfe\\nnotes"]


def test_a_path_that_is_not_there_is_wrong_use_with_json_too(tmp_path):
    outcome = run("check", "absent.fcs", "--json", folder=tmp_path)
    assert (outcome.returncode, outcome.stdout) == (2, b"")
    assert b"does not exist" in outcome.stderr


def test_a_file_that_may_not_be_read_is_judged_and_is_no_wrong_use(tmp_path, monkeypatch):
    def refuse(path, *_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    path = write_fcs(tmp_path / "closed.fcs", EVENTS, ["A", "B"])
    monkeypatch.setattr("os.access", lambda *_: False)
    monkeypatch.setattr("pathlib.Path.open", refuse)
    outcome = CliRunner().invoke(check, [str(path), "--json"])
    assert outcome.exit_code == 1
    (file,) = json.loads(outcome.stdout)["files"]
    assert (file["readable"], [issue["code"] for issue in file["issues"]]) == (False, ["io"])


@pytest.mark.parametrize(("options", "code"), [((), 0), (("--strict",), 1), (("--strict", "--json"), 1)])
def test_strict_gives_one_for_a_warning_and_reads_the_same(tmp_path, options, code):
    path = write_fcs(tmp_path / "nan.fcs", EVENTS * np.nan, ["A", "B"])
    outcome = CliRunner().invoke(check, [str(path), *options])
    assert outcome.exit_code == code
    assert "nan-events" in outcome.stdout
    assert "; refused" not in outcome.stdout
    if "--json" in options:
        (file,) = json.loads(outcome.stdout)["files"]
        assert (file["readable"], file["worst"], file["events"]) == (True, "warning", 4)


def test_explain_tells_what_to_ask_only_where_the_file_is_at_fault():
    fault = CliRunner().invoke(explain, ["tot-missing"]).stdout
    assert "the standard says: $TOT (required from" in fault
    assert "to ask the vendor: Write $TOT." in fault
    system = CliRunner().invoke(explain, ["io"]).stdout
    assert "No rule of the standard is broken" in system
    assert "vendor" not in system
