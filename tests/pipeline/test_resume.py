"""The same command resumes: only what is new is done, and the tables are the same bytes however they came."""

from __future__ import annotations

import json
import random
import shutil

import pytest

import immunoprofile as ip
from immunoprofile.pipeline import _gating, _runners, _tube
from immunoprofile.pipeline._cache import Cache, key_of
from immunoprofile.pipeline._run import died_at_work

from .study_cases import bytes_of, files_of, run_cli, run_study, sheet, truncate, write_sheet


@pytest.fixture
def counted(monkeypatch):
    """Count the tasks of each phase that really ran."""
    ran: dict[str, int] = {}
    original = _runners.Workers.map

    def counting(self, function, tasks, *, what, **settings):
        ran[what] = ran.get(what, 0) + len(tasks)
        return original(self, function, tasks, what=what, **settings)

    monkeypatch.setattr(_runners.Workers, "map", counting)
    return ran


def entries(root):
    return [
        path for path in (root / "results" / "cache").rglob("*") if path.is_file() and len(path.name) == 64
    ]


def test_a_second_run_does_nothing_and_writes_the_same_bytes(done, counted):
    before = bytes_of(done)
    run_study(done)
    assert sum(counted.values()) == 0
    assert bytes_of(done) == before


def test_after_one_entry_is_lost_one_task_runs(done, counted, monkeypatch):
    before = bytes_of(done)
    monkeypatch.setattr(_tube, "TUBE_STAGE", "tube-0")  # else the entry of the whole tube is enough
    whole = max(entries(done), key=lambda path: path.stat().st_size)
    next(path for path in entries(done) if path != whole).unlink()
    run_study(done)
    assert sum(counted.values()) == 1
    assert bytes_of(done) == before


def test_a_new_visit_gates_what_its_cuts_change_and_keeps_the_ids(done, counted):
    rows = sheet(done)
    write_sheet(done, rows[:-1])
    first = run_study(done)
    counted.clear()
    write_sheet(done, rows)
    second = run_study(done)
    assert counted.get("placing", 0) == 0
    assert set(first.profile.table["sample"]) < set(second.profile.table["sample"])


def test_a_file_that_changed_is_gated_again(done, counted):
    path = files_of(done)[0]
    other = files_of(done)[1]
    content = bytearray(path.read_bytes())
    sample = ip.read_fcs(other)
    assert sample.n_events
    content[-5] ^= 1
    path.write_bytes(bytes(content))
    run_study(done)
    assert counted["placing"] >= 1


def test_damaged_entries_are_dropped_and_never_give_a_number(done):
    before = bytes_of(done)
    rng = random.Random("damage")
    for path in entries(done):
        content = bytearray(path.read_bytes())
        where = rng.randrange(len(content))
        content[where] ^= 1 << rng.randrange(8)
        path.write_bytes(bytes(content))
    (done / "results" / "cache" / "hashes.json").write_text("{", encoding="utf-8")
    run_study(done)
    assert bytes_of(done) == before


def test_any_flipped_byte_of_an_entry_makes_it_absent(tmp_path):
    cache, key = Cache(tmp_path), key_of("a")
    cache.put(key, b"numbers " * 20)
    path = tmp_path / key[:2] / key
    content = path.read_bytes()
    assert cache.get(key) == b"numbers " * 20
    for where in range(len(content)):
        path.write_bytes(content[:where] + bytes([content[where] ^ 255]) + content[where + 1 :])
        assert cache.get(key) is None
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        assert cache.get(key) is None


def test_an_entry_under_the_key_of_another_is_foreign(tmp_path):
    cache = Cache(tmp_path)
    cache.put(key_of("a"), b"a")
    (tmp_path / key_of("b")[:2]).mkdir(exist_ok=True)
    shutil.copy(tmp_path / key_of("a")[:2] / key_of("a"), tmp_path / key_of("b")[:2] / key_of("b"))
    assert cache.get(key_of("b")) is None


def test_a_whole_entry_that_makes_no_sense_is_made_anew(done, counted):
    before = bytes_of(done)
    cache = Cache(done / "results" / "cache")
    for path in entries(done):
        cache.put(path.name, b'{"nothing": "of use"}')
    run_study(done)
    assert sum(counted.values()) > 0
    assert bytes_of(done) == before


@pytest.mark.parametrize("way", ["threads", "processes"])
def test_however_the_tasks_run_the_bytes_are_the_same(done, way, monkeypatch):
    before = bytes_of(done)
    shutil.rmtree(done / "results" / "cache")
    if way == "processes":
        monkeypatch.setattr(_runners, "PROCESS_START_SECONDS", 0.0)
    run_study(done, workers=2)
    assert bytes_of(done) == before


def test_on_a_cluster_the_bytes_are_the_same(done):
    distributed = pytest.importorskip("distributed")
    before = bytes_of(done)
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None,
            protocol="tcp://", host="127.0.0.1",
        ) as cluster,
        distributed.Client(cluster) as client,
    ):  # fmt: skip
        shutil.rmtree(done / "results" / "cache")
        run_study(done, client=client)
        assert bytes_of(done) == before
        shutil.rmtree(done / "results" / "cache")
        truncate(files_of(done)[0])
        outcome = run_cli("run", done / "study.toml", "--dask", cluster.scheduler_address, "--quiet")
    assert outcome.code == 1
    assert "7 samples gated, 1 excluded" in outcome.out


def test_the_order_of_the_rows_does_not_matter(done):
    before = bytes_of(done)
    rows = sheet(done)
    write_sheet(done, [rows[0], *reversed(rows[1:])])
    shutil.rmtree(done / "results" / "cache")
    run_study(done)
    assert bytes_of(done) == before


@pytest.mark.parametrize(("room", "moment"), [(_gating, "_contents"), (_tube, "place_units")])
def test_a_file_that_changes_under_the_run_is_left_out(done, monkeypatch, room, moment):
    shutil.rmtree(done / "results" / "cache")
    path = files_of(done)[0]
    original = getattr(room, moment)

    def meddling(*args, **settings):
        found = original(*args, **settings)
        content = bytearray(path.read_bytes())
        content[-9] ^= 1
        path.write_bytes(bytes(content))
        return found

    monkeypatch.setattr(room, moment, meddling)
    results = run_study(done)
    assert list(results.gating.exclusions["code"]) == ["file_changed"]
    assert results.profile.table["sample"].nunique() == 7


def test_litter_of_a_killed_run_is_swept(done):
    litter = done / "results" / "cache" / ".immunoprofile-tmp-dead"
    litter.write_bytes(b"half")
    run_study(done)
    assert not litter.exists()


def test_the_log_is_json_lines(done):
    run_study(done)
    lines = (done / "results" / "run.log").read_text(encoding="utf-8").splitlines()
    events = [json.loads(line) for line in lines]
    assert {"start", "placing", "gating", "end"} <= {event["event"] for event in events}
    assert all({"time", "level", "event"} <= set(event) for event in events)


def test_a_folder_in_use_is_refused(done):
    from immunoprofile.pipeline._session import session

    with session(done / "results"):
        outcome = run_cli("run", done / "study.toml")
    assert outcome.code == 3
    assert "results_locked" in outcome.err
    run_study(done)


LINES = {
    "start": '{"event": "start"}',
    "placing": '{"event": "placing", "samples": 8}',
    "gated": '{"event": "gated"}',
    "end": '{"event": "end"}',
    "killer": '{"event": "sample left out", "code": "worker_died"}',
    "lost": '{"event": "sample left out", "code": "not-fcs"}',
    "cut": '{"event": "pla',
    "odd": "7",
}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", False),
        ("start placing", True),
        ("start placing cut", True),
        ("start placing gated", False),
        ("start placing gated end", False),
        ("start placing gated lost end", False),
        ("start placing gated killer end", True),
        ("start placing start placing gated end", False),
        ("start killer end start placing gated end", False),
        ("placing odd", False),
    ],
)
def test_a_run_that_died_over_its_samples_is_known_by_its_log(tmp_path, words, expected):
    log = tmp_path / "run.log"
    log.write_text("\n".join(LINES[word] for word in words.split()), encoding="utf-8")
    assert died_at_work(log) is expected
    assert died_at_work(tmp_path / "none") is False


def test_after_a_run_that_died_samples_are_worked_on_apart(done, monkeypatch):
    before = bytes_of(done)
    shutil.rmtree(done / "results" / "cache")
    log = done / "results" / "run.log"
    log.write_text(f"{LINES['start']}\n{LINES['placing']}\n", encoding="utf-8")
    monkeypatch.setattr(_runners, "in_threads", None)  # nothing may run in this process
    run_study(done)
    assert bytes_of(done) == before
    assert died_at_work(log) is False
