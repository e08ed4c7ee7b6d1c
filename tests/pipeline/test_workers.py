"""Workers: a fault costs its task, a death costs the one that killed twice, an interruption keeps all."""

from __future__ import annotations

import multiprocessing
import os
import time

import pytest

from immunoprofile.core import ImmunoprofileError, StudyError
from immunoprofile.pipeline import _runners
from immunoprofile.pipeline._runners import Workers, asked_workers


def double(task):
    return 2 * task


def failed(task, error):
    return (task, error.code)


def deadly(task):
    if task == 3:
        time.sleep(0.2)
        os._exit(9)
    return 2 * task


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


def work(function, tasks, *, workers, keep=lambda task, result: None):
    with Workers(workers=workers, progress=False) as team:
        return team.map(function, tasks, what="testing", failed=failed, sizes=[1] * len(tasks), keep=keep)


@pytest.fixture
def processes(monkeypatch):
    monkeypatch.setattr(_runners, "PROCESS_START_SECONDS", 0.0)


def no_kernels():
    """Stand in for the start of a worker, so that tests need not wait for kernels."""


@pytest.fixture
def quick_start(monkeypatch):
    monkeypatch.setattr(_runners, "_start_worker", no_kernels)


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
    told = _runners._unexpected(ZeroDivisionError("secret value"))
    assert "ZeroDivisionError" in told.problem
    assert "secret" not in str(told)


def test_a_worker_that_dies_costs_its_task_alone(processes, quick_start):
    kept = []
    tasks = list(range(8))
    results = work(deadly, tasks, workers=2, keep=lambda task, result: kept.append(task))
    assert results == [2 * t if t != 3 else (3, "worker_died") for t in tasks]
    assert sorted(kept) == tasks
    for _ in range(100):  # a dead worker is reaped a moment later
        if not multiprocessing.active_children():
            break
        time.sleep(0.1)
    assert multiprocessing.active_children() == []


def test_an_interruption_says_how_much_was_done_and_keeps_it():
    kept = []
    with pytest.raises(KeyboardInterrupt) as stop:
        work(interrupted, [0, 1, 2, 3, 4], workers=1, keep=lambda task, result: kept.append(task))
    assert stop.value.args == ("3 of 5 done (testing)",)
    assert kept == [0, 1, 2]


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


def test_little_work_does_not_start_processes():
    assert _runners._seconds([100_000] * 8) < _runners.PROCESS_START_SECONDS
    assert _runners._seconds([80_000_000] * 20) > _runners.PROCESS_START_SECONDS
