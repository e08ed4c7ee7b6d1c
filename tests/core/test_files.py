"""A file in its final place is whole; a failed write leaves nothing behind, and says what the system said."""

from __future__ import annotations

import errno
import os
import pickle
import stat
import time
from pathlib import Path

import pytest

from immunoprofile.core import (
    StorageError,
    atomic_path,
    files,
    sha256_of,
    sha256_text,
    write_bytes,
    write_json,
    write_text,
)
from immunoprofile.core import _processes as processes
from immunoprofile.core.files import (
    TEMPORARY_PREFIX,
    Stage,
    storage_error,
    sweep,
    sync_folder,
    temporary_name,
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def refusing(error):
    def call(*args, **settings):
        raise OSError(error, os.strerror(error))

    return call


def test_a_write_that_fails_leaves_the_old_file_and_no_rest(tmp_path):
    path = write_text(tmp_path / "a.txt", "old")

    def write_half():
        with atomic_path(path) as temporary:
            temporary.write_text("new, half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk"):
        write_half()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize(
    ("error", "code"),
    [(errno.ENOSPC, "disk_full"), (errno.EDQUOT, "disk_full"), (errno.EIO, "write_failed"),
     (errno.EROFS, "path_unwritable")],
)  # fmt: skip
def test_each_step_that_fails_is_told_and_leaves_the_old_file(tmp_path, monkeypatch, step, error, code):
    path = write_text(tmp_path / "a.txt", "old")
    monkeypatch.setattr(os, step, refusing(error))
    with pytest.raises(StorageError) as caught:
        write_text(path, "new")
    monkeypatch.undo()
    assert (caught.value.code, caught.value.errno) == (code, error)
    assert caught.value.where == str(tmp_path)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_full_disk_within_the_block_tells_the_bytes(tmp_path):
    with pytest.raises(StorageError) as caught, atomic_path(tmp_path / "a.fcs", size=12_345):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.problem == "No space left on device; 12,345 bytes were to be written"
    assert names(tmp_path) == []


def test_an_error_of_reading_within_the_block_is_not_taken_for_one_of_writing(tmp_path):
    with pytest.raises(OSError, match="gone") as caught, atomic_path(tmp_path / "a.fcs"):
        raise OSError(errno.EIO, "gone")
    assert not isinstance(caught.value, StorageError)


def test_a_storage_error_is_an_error_of_ours_and_of_the_system_and_travels(tmp_path):
    error = storage_error(OSError(errno.ENOSPC, "No space left on device"), tmp_path, size=7)
    back = pickle.loads(pickle.dumps(error))
    assert (str(back), back.errno, back.strerror, back.code) == (
        str(error), errno.ENOSPC, "No space left on device", "disk_full",
    )  # fmt: skip
    assert storage_error(error, Path("other")) is error
    assert isinstance(error, OSError)


def test_a_rest_that_cannot_be_removed_hides_no_error(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "replace", refusing(errno.EIO))
    monkeypatch.setattr(Path, "unlink", refusing(errno.EIO))
    with pytest.raises(StorageError, match="write_failed"):
        write_text(tmp_path / "a.txt", "new")


def test_names_of_255_bytes_and_of_any_script_are_written(tmp_path):
    for name in ("x" * 255, "\u00fc" * 127, "\u7d30\u80de" * 42, "-rf", "a b", "a\nb", "'quoted'"):
        assert write_text(tmp_path / name, "content").read_text() == "content"
    with pytest.raises(StorageError, match="path_unwritable"):
        write_text(tmp_path / ("x" * 256), "content")
    assert len(names(tmp_path)) == 7


def test_the_mode_is_as_asked_else_what_the_umask_leaves(tmp_path):
    before = os.umask(0o027)
    try:
        secret = write_text(tmp_path / "secret.csv", "x", mode=0o600)
        plain = write_text(tmp_path / "plain.csv", "x")
        shared = write_text(tmp_path / "shared.csv", "x", mode=0o664)
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (secret, plain, shared)]
    assert modes == [0o600, 0o640, 0o664]


def test_results_are_synchronised_and_cache_entries_are_not(tmp_path, monkeypatch):
    synchronised = []
    monkeypatch.setattr(os, "fsync", synchronised.append)
    write_bytes(tmp_path / "a", b"x")
    assert len(synchronised) == 2
    write_bytes(tmp_path / "b", b"x", durable=False)
    assert len(synchronised) == 2


def test_a_file_system_that_cannot_synchronise_folders_is_used_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", refusing(errno.EINVAL))
    sync_folder(tmp_path)
    monkeypatch.setattr(os, "fsync", refusing(errno.EIO))
    with pytest.raises(OSError, match="Input/output"):
        sync_folder(tmp_path)
    monkeypatch.setattr(files.os, "name", "nt")
    sync_folder(tmp_path)


def test_json_is_sorted_and_hashes_are_of_content(tmp_path):
    path = write_json(tmp_path / "a.json", {"b": 1, "a": [1.5, None]})
    assert path.read_text().startswith('{\n  "a"')
    assert sha256_of(path) == sha256_text(path.read_text())


# -- files that appear together ------------------------------------------------------------------------------


def test_staged_files_appear_together_the_last_one_last(tmp_path):
    (tmp_path / "gone").write_text("old")
    (tmp_path / "last").write_text("old")
    with Stage(tmp_path) as stage:
        for name in ("a", "last", "b"):
            stage.add(name, name.encode())
        assert (tmp_path / "last").read_text() == "old"
        written = stage.commit(last="last", gone=[tmp_path / "gone"])
    assert [path.name for path in written] == ["a", "b", "last"]
    assert names(tmp_path) == ["a", "b", "last"]


def test_staged_files_that_are_not_committed_are_removed(tmp_path):
    (tmp_path / "a").write_text("old")

    def stage_and_fail():
        with Stage(tmp_path) as stage:
            stage.add("a", b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stage_and_fail()
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() == "old"


def test_a_stage_that_fails_while_files_appear_leaves_no_last_one(tmp_path, monkeypatch):
    (tmp_path / "last").write_text("old")
    original, times = os.replace, []

    def failing(source, target):
        times.append(target)
        if len(times) == 2:
            raise OSError(errno.EIO, "Input/output error")
        original(source, target)

    monkeypatch.setattr(os, "replace", failing)

    def commit():
        with Stage(tmp_path) as stage:
            for name in ("a", "b", "last"):
                stage.add(name, b"new")
            stage.commit(last="last")

    with pytest.raises(StorageError, match="write_failed"):
        commit()
    assert names(tmp_path) == ["a"]


# -- processes and their litter ------------------------------------------------------------------------------


def test_a_living_process_is_told_from_one_that_has_its_number(tmp_path):
    own, start = os.getpid(), processes.start_of(os.getpid())
    assert processes.is_alive(own, start=start)
    assert processes.is_alive(own, start=0)
    assert not processes.is_alive(2**22 + 5, start=1)
    assert not processes.is_alive(10**30, start=1)
    assert not processes.is_alive(0, start=0)
    if start:
        assert not processes.is_alive(own, start=start + 1)


def test_a_process_that_has_ended_and_was_not_noticed_is_dead():
    child = os.fork() if hasattr(os, "fork") and Path("/proc/self/stat").exists() else pytest.skip("no /proc")
    if child == 0:
        os._exit(0)
    start = processes.start_of(child)
    for _ in range(200):
        if not processes.is_alive(child, start=start):
            break
        time.sleep(0.01)
    assert not processes.is_alive(child, start=start)
    os.waitpid(child, 0)


def test_where_the_system_tells_little_a_number_that_is_in_use_is_alive(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "PROC", tmp_path)
    assert processes.start_of(os.getpid()) == 0
    assert processes.is_alive(os.getpid(), start=5)
    monkeypatch.setattr(os, "kill", refusing(errno.EPERM))
    assert processes.is_alive(1, start=0)
    monkeypatch.setattr(processes.os, "name", "nt")
    assert not processes.is_alive(os.getpid(), start=0)


def test_names_of_temporary_files_tell_no_host(monkeypatch):
    monkeypatch.setattr(processes.platform, "node", lambda: "secret-host")
    assert "secret" not in temporary_name()
    monkeypatch.setattr(processes.platform, "node", lambda: "")
    assert processes.host_name() == "unknown"


def test_litter_that_vanishes_while_it_is_swept_is_no_error(tmp_path, monkeypatch):
    (tmp_path / f"{TEMPORARY_PREFIX}00000000-1-1-abc").write_bytes(b"")
    monkeypatch.setattr(Path, "stat", refusing(errno.ENOENT))
    sweep([tmp_path])
    monkeypatch.undo()
    assert len(names(tmp_path)) == 1


def test_litter_of_another_host_that_vanishes_is_left_alone(tmp_path):
    gone = tmp_path / f"{TEMPORARY_PREFIX}00000000-1-1-abc"
    assert not files._is_litter(gone, everything=False)
