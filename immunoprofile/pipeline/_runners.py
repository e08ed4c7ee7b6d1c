"""Where per-sample tasks run: this thread, threads, processes, or a cluster. The results are the same.

Only paths and small tables travel. A task that fails costs its sample; a worker that dies costs the sample
that killed it twice; an interruption keeps all that was finished.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import traceback
import warnings
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from immunoprofile.core import FcsWarning, ImmunoprofileError, StudyError, track

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Executor

FILE_SECONDS = 0.05
"""CPU of placing, or of gating, one file beside its events (trials of 2,000 to 200,000 events a tube)."""
BYTE_SECONDS = 2.5e-8
"""CPU a byte of its events."""
PROCESS_START_SECONDS = 5.0
"""What a phase must save to pay for worker processes, each of which spends 2 s on imports and kernels."""
PACKAGE = Path(__file__).resolve().parents[1]
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def available_cores() -> int:
    """Give the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def asked_workers(workers: int | None) -> int:
    """Give the number of local workers: as asked, else ``IMMUNOPROFILE_WORKERS``, else the cores at hand.

    Raises
    ------
    StudyError
        ``number_invalid`` where it is no whole number of 1 or more.
    """
    if workers is None:
        setting = os.environ.get("IMMUNOPROFILE_WORKERS", "").strip()
        if not setting:
            return available_cores()
        workers = int(setting) if setting.isdigit() else 0
    if workers < 1:
        hint = "give workers=1 or more, or leave it out for the cores at hand"
        raise StudyError("number_invalid", "the number of workers is not 1 or more", hint=hint)
    return workers


@dataclass(slots=True, kw_only=True)
class Workers:
    """Workers that stay for all phases of a run; to be used in a ``with`` block.

    Attributes
    ----------
    workers : int or None
        Local workers; None: see :func:`asked_workers`.
    client : distributed.Client or None
        A cluster to submit to instead.
    progress : bool or None
    """

    workers: int | None = None
    client: Any = None
    progress: bool | None = None
    _pools: list[Executor] = field(default_factory=list)

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._close(at_once=kind is not None)

    def map(
        self,
        function: Callable[[Any], Any],
        tasks: Sequence[Any],
        *,
        what: str,
        failed: Callable[[Any, ImmunoprofileError], Any],
        sizes: Sequence[int],
        keep: Callable[[Any, Any], None],
    ) -> list[Any]:
        """Run a pure function over tasks; give the results in their order.

        Parameters
        ----------
        function, failed : callable
            Defined at module level, so that a worker process can find them; `failed` makes the result of a
            task that an error ended.
        tasks : sequence
        what : str
            The phase, for the progress bar.
        sizes : sequence of int
            Bytes of each task's file: the largest goes first.
        keep : callable
            Takes task and result as soon as there is one, in this process.

        Raises
        ------
        KeyboardInterrupt
            With the words "k of n done".
        """
        order = sorted(range(len(tasks)), key=lambda index: -sizes[index])
        attempt = partial(_attempt, function, failed)
        found: dict[int, Any] = {}
        results = self._stream(attempt, tasks, order=order, failed=failed, seconds=_seconds(sizes))
        try:
            for index, result in track(results, what=what, total=len(tasks), progress=self.progress):
                keep(tasks[index], result)
                found[index] = result
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"{len(found)} of {len(tasks)} done ({what})") from None
        return [found[index] for index in range(len(tasks))]

    def _stream(
        self,
        attempt: Callable[[Any], Any],
        tasks: Sequence[Any],
        *,
        order: Sequence[int],
        failed: Callable[[Any, ImmunoprofileError], Any],
        seconds: float,
    ) -> Iterator[tuple[int, Any]]:
        count = min(asked_workers(self.workers), len(tasks))
        if self.client is not None:
            return _on_cluster(attempt, tasks, client=self.client, failed=failed)
        if count <= 1:
            return ((index, attempt(tasks[index])) for index in order)
        if self._pools or seconds * (1 - 1 / count) > PROCESS_START_SECONDS:
            return self._in_processes(attempt, tasks, order=order, failed=failed, count=count)
        return _in_threads(attempt, tasks, order=order, count=count)

    def _in_processes(
        self,
        attempt: Callable[[Any], Any],
        tasks: Sequence[Any],
        *,
        order: Sequence[int],
        failed: Callable[[Any, ImmunoprofileError], Any],
        count: int,
    ) -> Iterator[tuple[int, Any]]:
        """Run in fresh processes; where one dies, what was in their hands is tried once more, one by one."""
        waiting = list(order)
        while waiting:
            done = set()
            for index, result in self._until_a_death(attempt, tasks, waiting=waiting, count=count):
                done.add(index)
                yield index, result
            waiting = [index for index in waiting if index not in done]
            if not waiting:
                return
            self._close(at_once=True)
            suspects = waiting[: 2 * count + 1]  # each worker holds one task, and one more each is queued
            for index in suspects:
                yield index, self._alone(attempt, tasks[index], failed=failed)
            self._close(at_once=True)
            waiting = waiting[len(suspects) :]

    def _until_a_death(
        self, attempt: Callable[[Any], Any], tasks: Sequence[Any], *, waiting: Sequence[int], count: int
    ) -> Iterator[tuple[int, Any]]:
        from concurrent.futures import as_completed
        from concurrent.futures.process import BrokenProcessPool

        pool = self._pool(count)
        futures = {}
        with contextlib.suppress(BrokenProcessPool):  # the caller sees what is not done
            for index in waiting:
                futures[pool.submit(attempt, tasks[index])] = index
        for future in as_completed(futures):
            if not isinstance(future.exception(), BrokenProcessPool):
                yield futures[future], future.result()

    def _alone(
        self,
        attempt: Callable[[Any], Any],
        task: Any,
        *,
        failed: Callable[[Any, ImmunoprofileError], Any],
    ) -> Any:
        """Run one task while no other runs; a second death is its own."""
        from concurrent.futures.process import BrokenProcessPool

        try:
            return self._pool(1).submit(attempt, task).result()
        except BrokenProcessPool:
            self._close(at_once=True)
            return failed(task, _died())

    def _pool(self, count: int) -> Executor:
        from concurrent.futures import ProcessPoolExecutor

        from immunoprofile.gating import warm_kernels

        if not self._pools:
            warm_kernels()  # where they are not compiled yet, one process does it, not all
            context = multiprocessing.get_context("spawn")
            self._pools.append(ProcessPoolExecutor(count, mp_context=context, initializer=_start_worker))
        return self._pools[0]

    def _close(self, *, at_once: bool) -> None:
        while self._pools:
            pool = self._pools.pop()
            children = list((getattr(pool, "_processes", None) or {}).values()) if at_once else []
            pool.shutdown(wait=not at_once, cancel_futures=True)
            for child in children:  # shutdown would wait for the tasks in their hands
                child.terminate()


def _seconds(sizes: Iterable[int]) -> float:
    """Guess the work of one phase."""
    return sum(FILE_SECONDS + BYTE_SECONDS * size for size in sizes)


def _attempt(function: Callable[[Any], Any], failed: Callable[[Any, Any], Any], task: Any) -> Any:
    """Run a task; whatever goes wrong in it is told as its result, so that one file costs one file."""
    try:
        return function(task)
    except ImmunoprofileError as error:
        return failed(task, error)
    except MemoryError:
        hint = "give the machine more memory, or fewer workers"
        return failed(task, ImmunoprofileError("memory", "there was not enough memory", hint=hint))
    except OSError as error:
        problem = f"the file could not be read ({error.strerror or type(error).__name__})"
        return failed(task, ImmunoprofileError("io", problem, hint="look at the disk, then run again"))
    except Exception as error:  # noqa: BLE001 - a bug met by one sample is told by name, the others are done
        return failed(task, _unexpected(error))


def _unexpected(error: Exception) -> ImmunoprofileError:
    """Name the place in this package where a bug struck, without any value."""
    own = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if PACKAGE in Path(frame.filename).parents
    ]
    place = f"{Path(own[-1].filename).relative_to(PACKAGE).as_posix()}:{own[-1].lineno}" if own else "unknown"
    problem = f"an unexpected {type(error).__name__} at {place}"
    return ImmunoprofileError("unexpected_error", problem, hint="report it with this line and the file")


def _died() -> ImmunoprofileError:
    hint = "look at the file, or give the machine more memory"
    return ImmunoprofileError("worker_died", "its worker process died twice", hint=hint)


def _in_threads(
    attempt: Callable[[Any], Any], tasks: Sequence[Any], *, order: Sequence[int], count: int
) -> Iterator[tuple[int, Any]]:
    from concurrent.futures import ThreadPoolExecutor, as_completed

    pool = ThreadPoolExecutor(count)
    try:
        futures = {pool.submit(attempt, tasks[index]): index for index in order}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _start_worker() -> None:
    """Prepare a worker process: one thread for linear algebra, kernels, interrupts left to the parent."""
    import threading

    for name in THREAD_VARIABLES:
        os.environ.setdefault(name, "1")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    warnings.filterwarnings("ignore", category=FcsWarning)  # they come home as notes of the sample
    threading.Thread(target=_follow_parent, daemon=True).start()
    from immunoprofile.gating import warm_kernels

    warm_kernels()


def _follow_parent() -> None:
    """End with the parent, however it ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _on_cluster(
    attempt: Callable[[Any], Any],
    tasks: Sequence[Any],
    *,
    client: Any,
    failed: Callable[[Any, ImmunoprofileError], Any],
) -> Iterator[tuple[int, Any]]:
    """Submit one task a sample; a worker that dies again and again costs the sample in its hands."""
    from distributed import KilledWorker, as_completed

    futures = client.map(partial(_quietly, attempt), list(tasks), pure=False)
    index_of = {future.key: index for index, future in enumerate(futures)}
    try:
        for future in as_completed(futures):  # type: ignore[no-untyped-call]
            index = index_of[future.key]
            try:
                result = future.result()
            except KilledWorker:
                result = failed(tasks[index], _died())
            yield index, result
    except BaseException:
        client.cancel(futures)
        raise


def _quietly(attempt: Callable[[Any], Any], task: Any) -> Any:
    """Run a task without a word in the logs of the cluster: warnings come home as notes of the sample."""
    warnings.filterwarnings("ignore", category=FcsWarning)
    return attempt(task)
