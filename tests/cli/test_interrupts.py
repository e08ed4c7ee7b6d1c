"""SIGINT and SIGTERM end a run in good order: exit 3, one line, no traceback; the same command resumes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

import immunoprofile as ip


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    folder = tmp_path_factory.mktemp("large") / "trial"
    ip.simulate.trial(folder, subjects=4, visits=2, sites=1, events=2500, seed=0)
    return folder / "study.toml"


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_and_the_next_one_resumes(large, number):
    command = [sys.executable, "-m", "immunoprofile", "run", str(large), "--workers", "1", "--quiet"]
    log = large.parent / "results" / "run.log"
    log.unlink(missing_ok=True)
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and (not log.exists() or "placing" not in log.read_text()):
        time.sleep(0.02)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 3, err
    assert out == ""
    assert err.startswith("interrupted; ")
    assert "run the same command to resume" in err
    assert "Traceback" not in err
    assert "run ended early" in log.read_text()
    assert not list(large.parent.rglob(".immunoprofile-tmp-*"))
