"""Signals, closed pipes and faults of ours end a command in good order; the same command resumes."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import warnings

import pytest

import immunoprofile as ip
from immunoprofile.cli import _main, main
from immunoprofile.cli._crash import crash_line, crash_text

posix = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
LINE = re.compile(r"interrupted; (\d+) of 8 done; run the same command to resume\n")


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    folder = tmp_path_factory.mktemp("large") / "trial"
    ip.simulate.trial(folder, subjects=4, visits=2, sites=1, events=2500, seed=0)
    return folder / "study.toml"


def started(study, *words, group=False):
    """Start a run and wait until it is at work."""
    command = [sys.executable, "-m", "immunoprofile", "run", str(study), "--quiet", *words]
    log = study.parent / "results" / "run.log"
    log.unlink(missing_ok=True)
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=group
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and (not log.exists() or "placing" not in log.read_text()):
        time.sleep(0.02)
    return process


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_and_the_next_one_resumes(large, number):
    process = started(large, "--workers", "1", "--verify")
    sent = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert time.monotonic() - sent < 5
    assert process.returncode == 3, err
    assert out == ""
    assert LINE.fullmatch(err), err
    log = large.parent / "results" / "run.log"
    assert "run ended early" in log.read_text()
    assert not list(large.parent.rglob(".immunoprofile-tmp-*"))


@posix
def test_a_second_interrupt_ends_at_once(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, time\n"
        "from immunoprofile.cli import _main, main\n"
        "def stubborn(*args, **settings):\n"
        "    while True:\n"
        "        try:\n"
        "            print('here', flush=True)\n"
        "            time.sleep(60)\n"
        "        except KeyboardInterrupt:\n"
        "            print('there', flush=True)\n"
        "_main.cli.main = stubborn\n"
        "main()\n",
        encoding="utf-8",
    )
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "here\n"
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "there\n"
    assert process.stdout.readline() == "here\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(2) == -signal.SIGINT
    process.stdout.close()


@posix
def test_a_command_that_does_not_end_in_time_is_ended(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import time\n"
        "from immunoprofile.cli import _main, main\n"
        "_main.GRACE_SECONDS = 0.2\n"
        "def deaf(*args, **settings):\n"
        "    while True:\n"
        "        try:\n"
        "            print('here', flush=True)\n"
        "            time.sleep(60)\n"
        "        except KeyboardInterrupt:\n"
        "            pass\n"
        "_main.cli.main = deaf\n"
        "main()\n",
        encoding="utf-8",
    )
    process = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "here\n"
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=10)
    assert (process.returncode, err) == (3, "interrupted; run the same command to resume\n")


@posix
def test_a_closed_pipe_is_a_quiet_end():
    for words in (["strategy", "list"], ["--help"], ["explain", "timeout"]):
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run(
            [sys.executable, "-m", "immunoprofile", *words],
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
        os.close(writing)
        assert (done.returncode, done.stderr) == (0, ""), words


@pytest.fixture
def broken(monkeypatch):
    """A run that meets a fault of ours, with a value in its words."""

    def fault(*args, **settings):
        secret = "P0042"
        try:
            return {}[secret]
        except KeyError as error:
            raise ZeroDivisionError(secret) from error

    monkeypatch.setattr(ip.pipeline._run, "check_runnable", fault)


def called(*words, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["immunoprofile", *map(str, words)])
    handlers = {number: signal.getsignal(number) for number in _main.ENDING}
    try:
        with pytest.raises(SystemExit) as stop:
            main()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return stop.value.code, capsys.readouterr()


def test_a_fault_of_ours_is_kept_in_a_file_without_values(large, broken, monkeypatch, capsys):
    results = large.parent / "results"
    results.mkdir(exist_ok=True)
    code, told = called("run", large.parent, monkeypatch=monkeypatch, capsys=capsys)
    assert code == 3
    assert told.out == ""
    assert len(told.err.splitlines()) == 1
    assert "ZeroDivisionError at pipeline/_run.py" in told.err
    (file,) = results.glob("crash-*.txt")
    assert re.fullmatch(r"crash-\d{8}T\d{6}Z\.txt", file.name)
    assert file.name in told.err
    text = file.read_text(encoding="utf-8")
    assert "caused by KeyError" in text
    assert re.search(r"pipeline/_run\.py:\d+ in run\n", text)
    for secret in ("P0042", str(large.parent), "Traceback", "/"):
        assert secret not in text.replace("pipeline/", "").replace("cli/", "")
    file.unlink()


def test_a_fault_before_there_are_results_is_told_only(tmp_path):
    error = ValueError("secret")
    assert crash_line(error, None) == (
        "unexpected_error: ValueError at an unknown place; this is a fault of immunoprofile"
    )
    assert "results/" not in crash_line(error, tmp_path / "none")


def test_a_crash_that_cannot_be_written_is_told_all_the_same(tmp_path, monkeypatch):
    def full(*args, **settings):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ip.core, "write_text", full)
    assert crash_line(ValueError("secret"), tmp_path).endswith("this is a fault of immunoprofile")
    assert list(tmp_path.iterdir()) == []


def test_errors_that_cause_each_other_end():
    one, two = ValueError("a"), KeyError("b")
    one.__cause__, two.__cause__ = two, one
    assert crash_text(one).splitlines()[1:] == ["ValueError", "caused by KeyError"]


def test_memory_that_runs_out_in_the_command_can_be_tried_again(monkeypatch, capsys):
    def greedy(*args, **settings):
        raise MemoryError

    monkeypatch.setattr(_main.cli, "main", greedy)
    code, told = called("run", monkeypatch=monkeypatch, capsys=capsys)
    assert code == 3
    assert told.err.startswith("memory: ")


def test_the_place_of_a_command_need_not_be_the_main_thread(monkeypatch):
    import threading

    ended = []

    def call():
        with contextlib.suppress(SystemExit), _main._listening():
            ended.append(True)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert ended == [True]


def test_our_warnings_are_notes_of_one_line(capsys, monkeypatch):
    from immunoprofile.core import ImmunoprofileWarning

    others = []
    monkeypatch.setattr(warnings, "showwarning", lambda *told: others.append(told))
    with _main._notes():
        warnings.showwarning(ImmunoprofileWarning("fewer", "fewer_workers"), ImmunoprofileWarning, "/a/b", 3)
        warnings.showwarning(UserWarning("another's"), UserWarning, "somewhere.py", 3)
    told = capsys.readouterr().err
    assert told.startswith("note: fewer_workers: fewer\n")
    assert "/a/b" not in told
    assert str(others[0][0]) == "another's"


def test_a_folder_stands_for_its_study(large, monkeypatch, capsys, tmp_path):
    code, told = called("run", tmp_path, monkeypatch=monkeypatch, capsys=capsys)
    assert code == 2
    assert "holds no study.toml" in told.err


@posix
@pytest.mark.parametrize("delay", [0.06, 0.12, 0.2])
def test_an_interruption_while_the_command_loads_is_told_in_one_line(delay):
    script = (
        "import os, signal, threading, time\n"
        "from immunoprofile.cli import main\n"
        f"threading.Timer({delay / 10}, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "import sys; sys.argv = ['immunoprofile', 'demo', '--out', '/nonexistent/never']\n"
        "main()\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "Traceback" not in ended.stderr
    assert ended.returncode == 3
    assert ended.stderr.count("interrupted") == 1
