"""Workers: a fault costs its task, so does a death or a hang, and an interruption keeps all."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import pytest

from immunoprofile.core import ImmunoprofileError, ImmunoprofileWarning, StudyError
from immunoprofile.pipeline import _crew, _runners
from immunoprofile.pipeline._attempts import unexpected
from immunoprofile.pipeline._runners import Workers, asked_timeout, asked_workers


def double(task):
    return 2 * task


def failed(task, error):
    return (task, error.code)


def deadly(task):
    if task == 3:
        time.sleep(0.2)
        os._exit(9)
    return 2 * task


def killed(task):
    if task in (1, 4):
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * task


def once_deadly(task):
    """Die the first time only: the file tells that it was tried."""
    number, mark = task
    if number == 1 and not Path(mark).exists():
        Path(mark).touch()
        os.abort()
    return number


def slow(task):
    if task == 2:
        time.sleep(60)
    return 2 * task


def strange(task):
    return threading.Lock() if task == 1 else task


def faulty(task):
    if task == 1:
        raise ImmunoprofileError("io", "told")
    if task == 2:
        raise OSError(5, "Input/output error")
    if task == 3:
        raise MemoryError
    if task == 4:
        raise ZeroDivisionError("secret value")
    return task


def interrupted(task):
    if task == 3:
        raise KeyboardInterrupt
    return task


def whose(task):
    return os.getpid()


def work(function, tasks, *, workers, keep=lambda task, result: None, **settings):
    with Workers(workers=workers, progress=False, **settings) as team:
        return team.map(function, tasks, what="testing", failed=failed, sizes=[1] * len(tasks), keep=keep)


def no_kernels():
    """Stand in for the start of a worker, so that tests need not wait for kernels."""


def no_start():
    """A worker that ends before it is ready."""
    os._exit(1)


@pytest.fixture
def processes(monkeypatch):
    """Use processes however little there is to do, without kernels."""
    monkeypatch.setattr(_runners, "PROCESS_START_SECONDS", 0.0)
    monkeypatch.setattr(_crew, "prepare_worker", no_kernels)


def no_child_is_left():
    for _ in range(100):  # a dead worker is reaped a moment later
        if not multiprocessing.active_children():
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_tasks(workers):
    assert work(double, [5, 1, 4], workers=workers) == [10, 2, 8]


def test_no_tasks_give_no_results():
    assert work(double, [], workers=2) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_whatever_goes_wrong_is_the_result_of_its_task(workers):
    results = work(faulty, [0, 1, 2, 3, 4], workers=workers)
    assert results == [0, (1, "io"), (2, "io"), (3, "memory"), (4, "unexpected_error")]


def test_an_unexpected_error_is_told_without_its_words():
    told = unexpected(ZeroDivisionError("secret value"))
    assert "ZeroDivisionError" in told.problem
    assert "secret" not in str(told)


def test_a_worker_that_dies_costs_its_task_alone(processes):
    kept = []
    tasks = list(range(8))
    results = work(deadly, tasks, workers=2, keep=lambda task, result: kept.append(task))
    assert results == [2 * t if t != 3 else (3, "worker_died") for t in tasks]
    assert sorted(kept) == tasks
    assert no_child_is_left()


def test_workers_that_are_killed_cost_their_tasks_alone(processes):
    tasks = list(range(7))
    results = work(killed, tasks, workers=2)
    assert results == [2 * t if t not in (1, 4) else (t, "worker_died") for t in tasks]


def test_a_task_whose_worker_died_by_chance_is_done_when_it_is_tried_alone(processes, tmp_path):
    tasks = [(number, str(tmp_path / "tried")) for number in range(4)]
    assert work(once_deadly, tasks, workers=2) == [0, 1, 2, 3]
    assert (tmp_path / "tried").exists()


@pytest.mark.parametrize("count", [1, 2])
def test_a_task_that_hangs_in_a_thread_is_left_behind(count):
    start = time.monotonic()
    results = work(slow, [0, 1, 2, 3, 4], workers=count, timeout=0.3)
    assert results == [0, 2, (2, "timeout"), 6, 8]
    assert time.monotonic() - start < 10


def test_a_process_that_hangs_is_killed(processes):
    results = work(slow, [0, 1, 2, 3, 4], workers=2, timeout=0.3)
    assert results == [0, 2, (2, "timeout"), 6, 8]
    assert no_child_is_left()


def test_a_result_that_cannot_travel_costs_its_task(processes):
    assert work(strange, [0, 1, 2], workers=2) == [0, (1, "unexpected_error"), 2]


def test_a_task_that_cannot_be_understood_costs_itself(processes, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "double", _local_double())
    results = work(sys.modules[__name__].double, [1, 2], workers=2)
    assert results == [(1, "unexpected_error"), (2, "unexpected_error")]


def _local_double():
    """Make a function that only this process can find under its name."""
    import types

    gone = types.FunctionType(double.__code__, globals(), "gone")
    gone.__module__, gone.__qualname__ = __name__, "gone"
    globals()["gone"] = gone
    return gone


def test_where_no_process_starts_the_work_is_done_here(processes, monkeypatch):
    monkeypatch.setattr(_crew, "prepare_worker", no_start)
    with pytest.warns(ImmunoprofileWarning, match="cannot be started"):
        results = work(double, [1, 2, 3], workers=2)
    assert results == [2, 4, 6]


def test_a_worker_that_never_gets_ready_is_given_up(processes, monkeypatch):
    monkeypatch.setattr(_crew, "prepare_worker", sleeps)
    monkeypatch.setattr(_crew, "START_SECONDS", 0.2)
    with pytest.warns(ImmunoprofileWarning, match="cannot be started"):
        assert work(double, [1, 2], workers=2) == [2, 4]
    assert no_child_is_left()


def sleeps():
    time.sleep(60)


def test_the_workers_stay_for_all_phases_of_a_run(processes):
    settings = {"what": "testing", "failed": failed, "keep": lambda task, result: None}
    with Workers(workers=2, progress=False) as team:
        phases = [set(team.map(whose, [0] * 6, sizes=[1] * 6, **settings)) for _ in range(3)]
    seen = set.union(*phases)  # new workers for each phase would be three at least
    assert os.getpid() not in seen
    assert 1 <= len(seen) <= 2


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_an_interrupt_of_the_whole_group_reaches_no_worker(tmp_path):
    """Ctrl-C goes to the parent and its workers alike, at whatever they are."""
    script = tmp_path / "script.py"
    script.write_text(
        "import os, signal, sys, threading, time\n"
        "from immunoprofile.pipeline import _runners\n"
        "_runners.PROCESS_START_SECONDS = 0.0\n"
        "threading.Timer(0.4, lambda: os.killpg(0, signal.SIGINT)).start()\n"
        "try:\n"
        "    with _runners.Workers(workers=2, progress=False) as team:\n"
        "        team.map(time.sleep, [30, 30], what='x', failed=print, sizes=[1, 1], keep=print)\n"
        "except KeyboardInterrupt:\n"
        "    sys.exit(3)\n",
        encoding="utf-8",
    )
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=60,
        start_new_session=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "")
    assert time.monotonic() - start < 15


def test_a_script_without_a_guard_is_not_run_again_by_its_workers(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import math\n"
        "print('here')\n"
        "from immunoprofile.pipeline import _crew, _runners\n"
        "_runners.PROCESS_START_SECONDS = 0.0\n"
        "with _runners.Workers(workers=2, progress=False) as team:\n"
        "    print(team.map(math.sqrt, [4, 9], what='x', failed=print, sizes=[1, 1], keep=pow))\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("here\n[2.0, 3.0]\n", "")


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interruption_keeps_what_was_done(workers):
    kept = []
    with pytest.raises(KeyboardInterrupt):
        work(interrupted, [0, 1, 2, 3, 4], workers=workers, keep=lambda task, result: kept.append(task))
    assert kept == [0, 1, 2] or workers == 2
    assert 3 not in kept


def test_memory_that_does_not_feed_all_workers_lowers_their_number_with_a_notice(processes):
    tasks, keep = [0] * 4, lambda task, result: None
    with Workers(workers=2, progress=False, memory=500_000_000) as team:
        with pytest.warns(ImmunoprofileWarning, match="1 of 2 workers: 0.5 GB") as told:
            first = team.map(whose, tasks, what="testing", failed=failed, sizes=[10**8] * 4, keep=keep)
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # the same is not told twice
            team.map(whose, tasks, what="testing", failed=failed, sizes=[10**8] * 4, keep=keep)
    assert told[0].message.code == "fewer_workers"
    assert set(first) == {os.getpid()}


def test_the_largest_files_go_first():
    seen = []
    with Workers(workers=1, progress=False) as team:
        team.map(
            seen.append,
            ["small", "large", "middle"],
            what="testing",
            failed=failed,
            sizes=[1, 9, 5],
            keep=lambda task, result: None,
        )
    assert seen == ["large", "middle", "small"]


def test_the_number_of_workers_is_asked_or_set_or_the_cores(monkeypatch):
    monkeypatch.setenv("IMMUNOPROFILE_WORKERS", "3")
    assert asked_workers(None) == 3
    assert asked_workers(2) == 2
    monkeypatch.delenv("IMMUNOPROFILE_WORKERS")
    assert asked_workers(None) >= 1


@pytest.mark.parametrize("setting", ["0", "two", "-1"])
def test_a_number_of_workers_that_is_none_is_refused(monkeypatch, setting):
    monkeypatch.setenv("IMMUNOPROFILE_WORKERS", setting)
    with pytest.raises(StudyError, match="workers"):
        asked_workers(None)


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_time_limit_that_is_none_is_refused(timeout):
    with pytest.raises(StudyError, match="time limit"):
        asked_timeout(timeout)


def test_little_work_does_not_start_processes():
    assert _runners._seconds([100_000] * 8) < _runners.PROCESS_START_SECONDS
    assert _runners._seconds([80_000_000] * 20) > _runners.PROCESS_START_SECONDS


def test_tasks_run_apart_where_that_is_asked(monkeypatch):
    monkeypatch.setattr(_crew, "prepare_worker", no_kernels)
    results = work(killed, [0, 1, 2], workers=1, apart=True)
    assert results == [0, (1, "worker_died"), 4]
    assert work(double, [], workers=1, apart=True) == []


@pytest.fixture
def conversation():
    """Talk to a worker that serves in a thread of this process."""
    ours, theirs = multiprocessing.Pipe()
    thread = threading.Thread(target=_crew.serve, args=(theirs, no_kernels), daemon=True)
    thread.start()
    yield ours, theirs
    ours.close()
    thread.join(5)
    assert not thread.is_alive()


class Unreadable:
    """Nothing that can be rebuilt at the other end."""

    def __reduce__(self):
        return (int, ("no number",))


def test_a_worker_says_when_it_is_ready_and_answers_each_task(conversation):
    ours, _ = conversation
    assert ours.recv() == (None, None)
    for task, answer in ((2, 4), (5, 10)):
        ours.send((double, task))
        assert ours.recv() == (None, answer)


def test_a_worker_tells_of_a_task_that_it_cannot_rebuild_and_a_result_that_cannot_travel(conversation):
    ours, _ = conversation
    ours.recv()
    ours.send((double, Unreadable()))
    fault, result = ours.recv()
    assert (fault.code, result) == ("unexpected_error", None)
    ours.send((strange, 1))
    fault, result = ours.recv()
    assert (fault.code, result) == ("unexpected_error", None)


def test_a_worker_whose_parent_is_gone_ends_without_a_word(capfd):
    for closing in (0, 1):
        ours, theirs = multiprocessing.Pipe()
        if closing == 0:
            ours.close()
            _crew.serve(theirs, no_kernels)
        else:
            ours.close()
            _crew._answer(theirs, double, 1)
        theirs.close()
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_worker_is_deaf_to_interrupts_and_takes_one_thread(monkeypatch):
    followed = []
    monkeypatch.setattr(_crew, "_follow_parent", lambda: followed.append(True))
    for name in _crew.THREAD_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with warnings.catch_warnings():
            _crew.prepare_worker()
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert {os.environ[name] for name in _crew.THREAD_VARIABLES} == {"1"}
    assert followed == [True]


def test_a_worker_ends_with_its_parent(monkeypatch):
    class Parent:
        @staticmethod
        def join():
            """Come back when the parent has ended."""

    ended = []
    monkeypatch.setattr(_crew.os, "_exit", ended.append)
    monkeypatch.setattr(_crew.multiprocessing, "parent_process", lambda: None)
    _crew._follow_parent()
    assert ended == []
    monkeypatch.setattr(_crew.multiprocessing, "parent_process", Parent)
    _crew._follow_parent()
    assert ended == [1]


def test_a_setting_of_the_search_path_is_left_as_it_was(monkeypatch):
    monkeypatch.setenv(_crew.SAFE_PATH, "yes")
    with _crew._safe_path():
        assert os.environ[_crew.SAFE_PATH] == "1"
    assert os.environ[_crew.SAFE_PATH] == "yes"
    monkeypatch.delenv(_crew.SAFE_PATH)
    with _crew._safe_path():
        pass
    assert _crew.SAFE_PATH not in os.environ


def test_where_the_system_knows_no_masks_or_affinity_the_work_goes_on(monkeypatch):
    monkeypatch.delattr(_crew.signal, "pthread_sigmask", raising=False)
    with _crew._without_interrupts():
        pass
    monkeypatch.delattr(_runners.os, "sched_getaffinity", raising=False)
    assert _runners.available_cores() == (os.cpu_count() or 1)


def test_a_task_on_a_cluster_keeps_its_time_limit():
    settings = {"failed": failed, "timeout": 0.2}
    with warnings.catch_warnings():
        assert _runners._quietly(2, attempt=slow, **settings) == (2, "timeout")
        assert _runners._quietly(3, attempt=slow, **settings) == 6
