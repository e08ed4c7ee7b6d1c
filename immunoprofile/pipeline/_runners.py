"""Where per-sample tasks run: this thread, threads, processes, or a cluster. The results are the same.

Only paths and small tables travel. Results come back in the order of the tasks.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeVar

from immunoprofile.core import track

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Task = TypeVar("Task")
Result = TypeVar("Result")
THREADS_UP_TO = 8
"""Files up to which threads are used: starting processes costs more than they give."""
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def available_cores() -> int:
    """Give the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_tasks(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    *,
    what: str,
    workers: int | None = None,
    client: Any = None,
    progress: bool | None = None,
) -> list[Result]:
    """Run a pure function over tasks.

    Parameters
    ----------
    function : callable
        Defined at module level, so that a worker process can find it.
    tasks : sequence
    what : str
        The phase, for the progress bar.
    workers : int, optional
        Local workers; by default ``IMMUNOPROFILE_WORKERS`` or the cores at hand.
    client : distributed.Client, optional
        A cluster to submit to instead.
    progress : bool, optional
    """
    count = workers or int(os.environ.get("IMMUNOPROFILE_WORKERS", "0")) or available_cores()
    count = min(count, len(tasks))
    if client is not None:
        results = _on_cluster(function, tasks, client)
    elif count <= 1:
        results = (function(task) for task in tasks)
    elif len(tasks) <= THREADS_UP_TO:
        results = _in_threads(function, tasks, count)
    else:
        results = _in_processes(function, tasks, count)
    return list(track(results, what=what, total=len(tasks), progress=progress))


def _in_threads(function: Callable[[Any], Any], tasks: Sequence[Any], count: int) -> Iterator[Any]:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(count) as pool:
        yield from pool.map(function, tasks)


def _in_processes(function: Callable[[Any], Any], tasks: Sequence[Any], count: int) -> Iterator[Any]:
    """Run in fresh processes; what a dying worker leaves behind is tried once more, alone."""
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    context = get_context("spawn")
    with ProcessPoolExecutor(count, mp_context=context, initializer=_start_worker) as pool:
        futures = [pool.submit(function, task) for task in tasks]
        try:
            for task, future in zip(tasks, futures, strict=True):
                try:
                    yield future.result()
                except BrokenProcessPool:
                    yield _alone(function, task)
        except BaseException:
            for future in futures:
                future.cancel()
            raise


def _alone(function: Callable[[Any], Any], task: Any) -> Any:
    """Run one task in a process of its own; a second death is the task's own failure."""
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    from immunoprofile.core import ImmunoprofileError

    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_start_worker) as pool:
        try:
            return pool.submit(function, task).result()
        except BrokenProcessPool as error:
            failed = getattr(task, "failed", None)
            problem = "its worker process died twice"
            died = ImmunoprofileError(
                "worker_died", problem, hint="look at the file, or give the machine more memory"
            )
            if failed is None:
                raise died from error
            return failed(died)


def _start_worker() -> None:
    """Prepare a worker process: one thread for linear algebra, kernels, interrupts left to the parent."""
    import signal

    for name in THREAD_VARIABLES:
        os.environ.setdefault(name, "1")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from immunoprofile.gating import warm_kernels

    warm_kernels()


def _on_cluster(function: Callable[[Any], Any], tasks: Sequence[Any], client: Any) -> Iterator[Any]:
    futures = client.map(function, list(tasks), pure=False)
    try:
        for future in futures:
            yield future.result()
    except BaseException:
        client.cancel(futures)
        raise
