"""A failing write, a full disk and a power cut leave old or new files, and the same command goes on."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import immunoprofile as ip
from immunoprofile.core import StorageError, StudyError, sha256_of
from immunoprofile.gating import _doubt

from .file_layer import CUTS, Disk, FileLayer
from .study_cases import bytes_of, run_cli, run_study, sheet, write_sheet

linux = pytest.mark.skipif(sys.platform != "linux", reason="handles are named by /proc")


@pytest.fixture(scope="module", autouse=True)
def few_replicates():
    """Let each of the hundred runs of this file resample cuts 8 times instead of 200."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_doubt, "REPLICATES", 8)
        _doubt._shuffled_quantiles.cache_clear()
        yield
    _doubt._shuffled_quantiles.cache_clear()


@pytest.fixture(scope="module")
def small(few_replicates, tmp_path_factory):
    """A study of four files that has run on three of them; now the sheet lists all four."""
    root = tmp_path_factory.mktemp("faults") / "trial"
    ip.simulate.trial(root, subjects=4, visits=1, sites=1, events=600, seed=1)
    rows = sheet(root)
    run_study(root)  # gives every sample its id
    new = bytes_of(root)
    entries = sorted(path for path in (root / "results" / "cache").rglob("*") if path.is_file())
    write_sheet(root, rows[:-1])
    run_study(root)
    for path in entries[::4]:  # some work is left to do, and to keep
        path.unlink()
    write_sheet(root, rows)
    return root, bytes_of(root), new


def results_of(root: Path) -> dict[str, bytes]:
    """Give the bytes of the files that a run leaves, but for the log, the cache and the lock."""
    return {
        path.name: path.read_bytes()
        for path in sorted((root / "results").iterdir())
        if path.is_file() and path.name not in ("run.log", ".lock")
    }


def temporary(root: Path) -> list[Path]:
    return list((root / "results").rglob(".immunoprofile-tmp-*"))


def torn(root: Path, old: dict[str, bytes], new: dict[str, bytes]) -> list[str]:
    """Name the tables that are neither the old nor the new ones."""
    found = bytes_of(root)
    return [name for name in old | new if found.get(name) not in (old.get(name), new.get(name))]


def restored(source: Path, target: Path) -> Path:
    shutil.rmtree(target, ignore_errors=True)
    return shutil.copytree(source, target)


def number_of_calls(root: Path) -> int:
    with FileLayer(root) as layer:
        run_study(root)
    return layer.calls


@linux
@pytest.mark.parametrize(
    ("error", "step", "start"),
    [(errno.ENOSPC, 1, 1), (errno.EIO, 11, 1), (errno.EDQUOT, 11, 5), (errno.EFBIG, 17, 8)],
    ids=["ENOSPC", "EIO", "EDQUOT", "EFBIG"],
)
def test_whichever_write_fails_nothing_is_torn_and_the_same_command_goes_on(
    small, tmp_path, error, step, start
):
    source, old, new = small
    root = restored(source, tmp_path / "trial")
    total = number_of_calls(root)
    assert total > 30
    code = "write_failed" if error == errno.EIO else "disk_full"
    for number in range(start, total + 1, step):
        root = restored(source, root)
        before = results_of(root)
        with FileLayer(root, fail_at=number, error=error) as layer, pytest.raises(StorageError) as caught:
            run_study(root)
        assert layer.failures, number
        assert caught.value.code == code, number
        assert caught.value.errno == error
        assert str(root) in caught.value.where, number
        assert torn(root, old, new) == [], number
        assert temporary(root) == [], number
        untouched = results_of(root) | {"audit.jsonl": before["audit.jsonl"]} == before
        assert untouched or bytes_of(root) == new or "provenance.json" not in results_of(root), number
    run_study(root)
    assert bytes_of(root) == new


@linux
def test_one_write_that_fails_is_never_passed_over(small, tmp_path):
    source, old, new = small
    root = restored(source, tmp_path / "trial")
    total = number_of_calls(root)
    for number in range(2, total + 1, 11):
        root = restored(source, root)
        with FileLayer(root, fail_at=number, error=errno.ENOSPC, stays=False), pytest.raises(StorageError):
            run_study(root)
        assert torn(root, old, new) == [], number
        assert temporary(root) == [], number


@linux
def test_a_full_disk_is_told_with_folder_and_bytes(small, tmp_path):
    source, *_ = small
    root = restored(source, tmp_path / "trial")
    with FileLayer(root) as layer:
        run_cli("run", root / "study.toml", "--quiet", "--workers", "1")
    table = 1 + max(
        number
        for number, path in enumerate(layer.counted)
        if path.startswith("write") and ".immunoprofile-tmp" in path
    )
    for number, told in ((table, "bytes were to be written"), (1, "No space left")):
        root = restored(source, tmp_path / "trial")
        with FileLayer(root, fail_at=number, error=errno.ENOSPC):
            outcome = run_cli("run", root / "study.toml", "--quiet", "--workers", "1")
        assert outcome.code == 3
        assert outcome.err.startswith("disk_full: No space left on device")
        assert str(root / "results") in outcome.err
        assert "Traceback" not in outcome.err + outcome.out
        assert told in outcome.err
    assert run_cli("run", root / "study.toml", "--quiet", "--workers", "1").code == 0


@linux
@pytest.mark.parametrize("error", [errno.EACCES, errno.EROFS, errno.EPERM])
def test_a_folder_without_permission_is_refused_before_any_computing(small, tmp_path, error, monkeypatch):
    root = restored(small[0], tmp_path / "trial")
    before = results_of(root)
    monkeypatch.setattr("immunoprofile.pipeline._run.analyse_as", None)
    with FileLayer(root, fail_at=1, error=error):
        outcome = run_cli("run", root / "study.toml", "--quiet")
    assert outcome.code == 2
    assert outcome.err.startswith("results_unwritable")
    assert results_of(root) == before


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_refused(small, tmp_path):
    root = restored(small[0], tmp_path / "trial")
    (root / "results").chmod(0o555)
    try:
        with pytest.raises(StudyError) as caught:
            run_study(root)
    finally:
        (root / "results").chmod(0o755)
    assert caught.value.code == "results_unwritable"


def kept(files: dict[str, bytes], results: Path) -> dict[str, bytes]:
    """Give the results among the files of an imagined disk, without what may be torn or says so itself."""
    return {
        Path(name).name: content
        for name, content in files.items()
        if Path(name).parent == results
        and not Path(name).name.startswith((".lock", ".immunoprofile-tmp-", "run.log"))
    }


def whole(found: dict[str, bytes]) -> bool:
    """Tell whether provenance.json, where it is there, tells of these very files."""
    import hashlib

    if "provenance.json" not in found:
        return True
    told = json.loads(found["provenance.json"])["outputs"]
    return all(
        hashlib.sha256(found.get(name, b"")).hexdigest() == held["sha256"] for name, held in told.items()
    )


@linux
def test_after_a_power_cut_every_file_is_the_old_or_the_new_one(small, tmp_path):
    source, *_ = small
    root = restored(source, tmp_path / "trial")
    before = results_of(root)
    results = (root / "results").resolve()
    disk = Disk.of(root)
    with FileLayer(root) as layer:
        run_study(root)
    after = results_of(root)
    assert any(before[name] != after[name] for name in before)
    assert len(layer.log) > 40
    for number, op in enumerate(layer.log):
        disk.play(op)
        for cut in CUTS:
            found = kept(disk.after(cut), results)
            for name, content in found.items():
                assert content in (before.get(name), after.get(name)), (number, op.kind, op.path, cut, name)
            lost = set(before) - set(found) - {"provenance.json"}
            assert not lost, (number, op.kind, op.path, cut, lost)
            assert whole(found), (number, op.kind, op.path, cut)
    assert kept(disk.after("all lost"), results) == after


@linux
def test_after_a_power_cut_the_same_command_gives_the_same_tables(small, tmp_path, monkeypatch):
    source, _, new = small
    monkeypatch.setattr("immunoprofile.core.files.is_alive", lambda process, start: False)
    root = restored(source, tmp_path / "trial")
    disk = Disk.of(root)
    with FileLayer(root) as layer:
        run_study(root)
    log = layer.log
    for number, op in enumerate(log):
        disk.play(op)
        if number % (len(log) // 4) == 3:
            for cut in CUTS:
                fresh = restored(source, tmp_path / "fresh")
                shutil.rmtree(fresh / "results")
                for name, content in disk.after(cut).items():
                    target = fresh / Path(name).relative_to(root.resolve())
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(content)
                # a log without an end sends the samples to other processes, which resample 200 times
                (fresh / "results" / "run.log").unlink(missing_ok=True)
                run_study(fresh)
                assert torn(fresh, new, new) == [], (number, cut)
                assert temporary(fresh) == []
                assert ip.pipeline.verify_results(fresh).exit_code == 0


LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
sys.argv = ["immunoprofile", "run", sys.argv[2], "--quiet", "--workers", "1"]
from immunoprofile.cli import main
main()
"""


@linux
def test_a_limit_of_file_size_ends_the_run_in_good_order(small, tmp_path):
    source, old, new = small
    root = restored(source, tmp_path / "trial")
    words = [sys.executable, "-c", LIMITED, "9000", str(root / "study.toml")]
    ended = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 3, ended.stderr
    assert "disk_full: File too large" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert torn(root, old, new) == []
    assert temporary(root) == []


@linux
def test_a_device_that_is_always_full_is_told(tmp_path):
    (tmp_path / "full").symlink_to("/dev/full")
    from immunoprofile.core.files import put

    with pytest.raises(StorageError) as caught:
        put(tmp_path / "full", b"numbers", folder=tmp_path)
    assert caught.value.code == "disk_full"
    assert "7 bytes" in caught.value.problem


def test_a_finished_folder_holds_no_temporary_file_and_a_provenance_of_all(small):
    root, *_ = small
    told = json.loads((root / "results" / "provenance.json").read_text(encoding="utf-8"))
    assert all(sha256_of(root / "results" / name) == held["sha256"] for name, held in told["outputs"].items())
    assert temporary(root) == []
