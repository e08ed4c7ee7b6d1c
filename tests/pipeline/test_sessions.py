"""One run at a time in a folder; the lock, the litter and the log of a dead one are in nobody's way."""

from __future__ import annotations

import errno
import json
import logging
import os
import subprocess
import sys
import time

import pytest

from immunoprofile.core import StorageError, StudyError, UnknownNameError
from immunoprofile.core._processes import start_of
from immunoprofile.core.files import TEMPORARY_PREFIX, temporary_name
from immunoprofile.pipeline import _lock, _session
from immunoprofile.pipeline._lock import this_process
from immunoprofile.pipeline._session import session

from .file_layer import FileLayer

HOLD = """
import sys
from pathlib import Path
from immunoprofile.pipeline._session import session
with session(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def held_by_another(folder):
    """Start a process that holds the folder until its input ends."""
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout.readline() == "held\n"
    return other


def sign(folder, **changes):
    """Write a holder into the lock file."""
    folder.mkdir(exist_ok=True)
    holder = {"process": os.getpid(), "start": start_of(os.getpid()), "host": "elsewhere", "since": "T"}
    (folder / ".lock").write_text(json.dumps(holder | changes), encoding="utf-8")


def refused(folder, **settings):
    with pytest.raises(StudyError) as caught, session(folder, **settings):
        raise AssertionError("the folder was given twice")
    assert caught.value.code == "results_locked"
    return caught.value


@pytest.fixture
def no_locks(monkeypatch):
    """Stand for a file system without locks."""
    import fcntl

    def flock(handle, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)


def test_a_second_process_is_told_who_holds_the_folder_since_when(tmp_path):
    folder = tmp_path / "results"
    other = held_by_another(folder)
    try:
        error = refused(folder)
        assert f"locked by process {other.pid} on host {this_process().host} since 20" in error.problem
        assert "--break-lock" not in error.hint
        refused(folder, break_lock=True)  # a living process of this machine keeps it
    finally:
        other.communicate("")
    with session(folder):
        pass
    assert (folder / ".lock").read_bytes() == b""


def test_a_lock_of_a_process_that_was_killed_is_taken_over(tmp_path):
    folder = tmp_path / "results"
    other = held_by_another(folder)
    other.kill()
    other.communicate()
    assert json.loads((folder / ".lock").read_text())["process"] == other.pid
    with session(folder):
        assert json.loads((folder / ".lock").read_text())["process"] == os.getpid()


def test_a_lock_of_another_host_is_broken_only_when_asked(tmp_path):
    sign(tmp_path, process=77)
    error = refused(tmp_path)
    assert error.problem == "locked by process 77 on host elsewhere since T"
    assert "--break-lock" in error.hint
    with session(tmp_path, break_lock=True):
        assert json.loads((tmp_path / ".lock").read_text())["host"] == this_process().host


def test_a_lock_that_is_seen_from_another_host_is_broken_when_asked(tmp_path):
    other = held_by_another(tmp_path)
    sign(tmp_path, process=77)
    try:
        refused(tmp_path)
        with session(tmp_path, break_lock=True):
            refused(tmp_path)
    finally:
        other.communicate("")


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"process": "x"}', "\0" * 300, "process 7 since T"]
)
def test_a_lock_file_that_names_nobody_is_taken(tmp_path, content):
    (tmp_path / ".lock").write_text(content)
    with session(tmp_path):
        refused(tmp_path)


def test_where_there_are_no_locks_the_name_decides(tmp_path, no_locks):
    with session(tmp_path):
        refused(tmp_path)
    sign(tmp_path, host=this_process().host, process=2**22 + 5)
    with session(tmp_path):
        pass
    sign(tmp_path, host=this_process().host, start=start_of(os.getpid()) + 1)  # the number was used again
    with session(tmp_path):
        pass
    sign(tmp_path)
    refused(tmp_path)


def test_where_the_system_knows_no_locks_the_name_decides(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with session(tmp_path):
        refused(tmp_path)


def test_a_lock_file_that_is_replaced_again_and_again_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(_lock, "_is_at", lambda path, stream: False)
    assert "another process" in refused(tmp_path).problem


def test_a_lock_file_that_vanishes_is_made_anew(tmp_path, monkeypatch):
    original, times = _lock._is_at, []

    def vanishing(path, stream):
        if not times:
            path.unlink()
        times.append(1)
        return original(path, stream)

    monkeypatch.setattr(_lock, "_is_at", vanishing)
    with session(tmp_path):
        refused(tmp_path)
    assert len(times) == 2


def test_a_lock_that_cannot_be_emptied_is_given_free_all_the_same(tmp_path):
    class Broken:
        def seek(self, where):
            raise OSError(errno.EIO, "Input/output error")

        def close(self):
            raise OSError(errno.EIO, "Input/output error")

    _lock._let_go(Broken())
    with session(tmp_path):
        pass


# -- litter --------------------------------------------------------------------------------------------------


def litter(folder, process, start, host="0" * 8):
    path = folder / f"{TEMPORARY_PREFIX}{host}-{process}-{start}-abc"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"half")
    return path


def test_litter_of_the_dead_is_swept_and_that_of_the_living_is_not(tmp_path):
    own = temporary_name().removeprefix(TEMPORARY_PREFIX).split("-")
    folders = [tmp_path, tmp_path / "cache", tmp_path / "cache" / "ab"]
    dead = [litter(folder, 2**22 + 5, 1, own[0]) for folder in folders]
    again = litter(tmp_path, own[1], int(own[2]) + 1, own[0])
    old_form = tmp_path / f"{TEMPORARY_PREFIX}xyz"
    old_form.write_bytes(b"half")
    living = [litter(folder, own[1], own[2], own[0]) for folder in folders]
    elsewhere = litter(tmp_path, 7, 1)
    with session(tmp_path):
        assert not any(path.exists() for path in [*dead, again, old_form])
        assert all(path.exists() for path in [*living, elsewhere])
    day = time.time() - 90_000
    os.utime(elsewhere, (day, day))
    with session(tmp_path):
        assert not elsewhere.exists()
    elsewhere = litter(tmp_path, 7, 1)
    with session(tmp_path, break_lock=True):
        assert not elsewhere.exists()
        assert all(path.exists() for path in living)


# -- log -----------------------------------------------------------------------------------------------------


def lines_of(folder):
    return [json.loads(line) for line in (folder / "run.log").read_text(encoding="utf-8").splitlines()]


def test_a_torn_last_line_of_the_log_is_cut_off(tmp_path):
    for before, kept in (
        (b'{"event": "start"}\n{"even', 1),
        (b"half", 0),
        (b'{"event": "end"}\n', 1),
        (b'{"event": "end"}\n' + b"x" * 70_000, 1),
    ):
        (tmp_path / "run.log").write_bytes(before)
        with session(tmp_path):
            pass
        if len(before) < 70_000:
            assert len(lines_of(tmp_path)) == kept + 1


def test_the_level_of_the_log_is_as_asked_and_as_before_afterwards(tmp_path):
    log = logging.getLogger("immunoprofile")
    before = log.level, log.propagate, list(log.handlers)
    with session(tmp_path, log_level="warning"):
        log.info("small talk")
        log.warning("a word", extra={"facts": {"samples": 3}})
    assert [line["event"] for line in lines_of(tmp_path)] == ["a word"]
    with session(tmp_path, log_level="debug"):
        log.debug("detail")
    assert "detail" in [line["event"] for line in lines_of(tmp_path)]
    assert (log.level, log.propagate, list(log.handlers)) == before
    with pytest.raises(UnknownNameError), session(tmp_path, log_level="loud"):
        pass


def test_the_log_rotates(tmp_path, monkeypatch):
    monkeypatch.setattr(_session, "LOG_BYTES", 2_000)
    with session(tmp_path):
        for number in range(60):
            logging.getLogger("immunoprofile").info("line %d", number)
    assert (tmp_path / "run.log.1").exists()
    assert (tmp_path / "run.log").stat().st_size <= 2_000
    assert lines_of(tmp_path)[-1]["event"] == "end"


def test_a_log_that_cannot_be_written_is_told_at_the_end(tmp_path, capsys):
    done = []

    def work(layer):
        with session(tmp_path):
            layer.fail_at = layer.calls + 1
            logging.getLogger("immunoprofile").info("lost")
            done.append("the work")

    with FileLayer(tmp_path, error=errno.ENOSPC, stays=False) as layer, pytest.raises(StorageError) as caught:
        work(layer)
    assert caught.value.code == "disk_full"
    assert done == ["the work"]
    assert capsys.readouterr() == ("", "")


def test_a_log_that_cannot_be_closed_is_told_at_the_end(tmp_path, monkeypatch):
    original = _session.RotatingFileHandler.close

    def failing(self):
        original(self)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(_session.RotatingFileHandler, "close", failing)
    with pytest.raises(StorageError, match="write_failed"), session(tmp_path):
        pass
    monkeypatch.undo()


def test_an_error_of_another_kind_in_the_log_is_no_failure_of_the_disk(tmp_path):
    with session(tmp_path):
        logging.getLogger("immunoprofile").info("wrong %d", "word")
    assert lines_of(tmp_path)[-1]["event"] == "end"


def test_a_run_that_ends_early_says_so_in_the_log(tmp_path):
    with pytest.raises(KeyboardInterrupt), session(tmp_path):
        raise KeyboardInterrupt
    assert [line.get("code") for line in lines_of(tmp_path)] == ["KeyboardInterrupt", None]


ROOT_LOGGER = """
import logging, sys
from pathlib import Path
import immunoprofile as ip
before = logging.root.level, list(logging.root.handlers)
for name in ("biomarker", "core", "fcs", "gating", "interchange", "longitudinal", "panel", "pipeline", "plot",
             "quantify", "report", "simulate", "transform", "trial"):
    dir(getattr(ip, name))
root = Path(sys.argv[1])
ip.simulate.trial(root, subjects=2, visits=1, sites=1, events=500, seed=1)
ip.run(ip.read_study(root / "study.toml", strict=False), workers=1)
assert (logging.root.level, list(logging.root.handlers)) == before, logging.root.handlers
assert logging.getLogger("immunoprofile").handlers == []
"""


def test_import_and_run_leave_the_root_logger_alone(tmp_path):
    words = [sys.executable, "-c", ROOT_LOGGER, str(tmp_path / "trial")]
    ended = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""


# -- the folder ----------------------------------------------------------------------------------------------


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "results").write_bytes(b"")
    with pytest.raises(StudyError) as caught, session(tmp_path / "results"):
        pass
    assert caught.value.code == "results_unwritable"


@pytest.mark.parametrize(("error", "code"), [(errno.ENOSPC, "disk_full"), (errno.EIO, "write_failed")])
def test_a_full_or_failing_disk_is_told_apart_from_a_folder_without_permission(tmp_path, error, code):
    folder = tmp_path / "results"
    for number in range(1, 5):
        with (
            FileLayer(folder, fail_at=number, error=error),
            pytest.raises(StorageError) as caught,
            session(folder),
        ):
            pass
        assert caught.value.code == code


def test_what_cannot_be_told_apart_has_its_first_word(tmp_path):
    error = _session.storage_error(OSError("told without a number"), tmp_path)
    assert (error.code, error.problem) == ("write_failed", "OSError")
    assert error.errno is None
