"""Where per-sample tasks run: threads, processes, or a cluster. The results are the same.

Only paths and small tables travel. A task that fails costs its sample; so does one that kills its worker
twice, or takes too long. An interruption keeps all that was finished. Threads share one process: a sample
that ends it ends the run, and the next run, which sees that in the log, runs its samples apart, in processes.
"""

from __future__ import annotations

import logging
import os
import warnings
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from immunoprofile.core import FcsWarning, ImmunoprofileWarning, StudyError, track
from immunoprofile.pipeline._attempts import attempt as try_once
from immunoprofile.pipeline._attempts import died
from immunoprofile.pipeline._crew import CannotStartError, Crew
from immunoprofile.pipeline._memory import fitting_workers, free_memory
from immunoprofile.pipeline._threads import in_threads, within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from immunoprofile.pipeline._attempts import Attempt, Failed

LOG = logging.getLogger("immunoprofile")
FILE_SECONDS = 0.05
"""CPU of placing, or of gating, one file beside its events (trials of 2,000 to 200,000 events a tube)."""
BYTE_SECONDS = 2.5e-8
"""CPU a byte of its events."""
PROCESS_START_SECONDS = 5.0
"""What a phase must save to pay for worker processes, each of which spends 2 s on imports and kernels."""
TIMEOUT_SECONDS = 600.0
"""What one pass over one sample may take."""


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


def asked_timeout(timeout: float | None) -> float:
    """Give the seconds that one pass over a sample may take.

    Raises
    ------
    StudyError
        ``number_invalid`` where it is not above 0.
    """
    seconds = TIMEOUT_SECONDS if timeout is None else float(timeout)
    if not seconds > 0:
        hint = "give seconds above 0, or leave it out for 600"
        raise StudyError("number_invalid", "the time limit of a sample is not above 0", hint=hint)
    return seconds


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
    timeout : float or None
        Seconds that one task may take; None: see :func:`asked_timeout`.
    memory : int or None
        Bytes that the local workers may take together, if less is not free.
    apart : bool
        Whether every task runs in a worker process, however little there is to do.
    """

    workers: int | None = None
    client: Any = None
    progress: bool | None = None
    timeout: float | None = None
    memory: int | None = None
    apart: bool = False
    _crew: Crew | None = None
    _alone: bool = False
    _told: set[int] = field(default_factory=set)

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._crew is not None:
            self._crew.close(at_once=kind is not None)
            self._crew = None

    def map(
        self,
        function: Callable[[Any], Any],
        tasks: Sequence[Any],
        *,
        what: str,
        failed: Failed,
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
        """
        order = sorted(range(len(tasks)), key=lambda index: -sizes[index])
        found: dict[int, Any] = {}
        results = self._stream(
            partial(try_once, function, failed), tasks, order=order, failed=failed, sizes=sizes
        )
        for index, result in track(results, what=what, total=len(tasks), progress=self.progress):
            keep(tasks[index], result)
            found[index] = result
        return [found[index] for index in range(len(tasks))]

    def _stream(
        self,
        attempt: Attempt,
        tasks: Sequence[Any],
        *,
        order: Sequence[int],
        failed: Failed,
        sizes: Sequence[int],
    ) -> Iterator[tuple[int, Any]]:
        timeout = asked_timeout(self.timeout)
        if self.client is not None:
            return _on_cluster(attempt, tasks, client=self.client, failed=failed, timeout=timeout)
        asked = asked_workers(self.workers)
        count = min(self._fitting(asked, sizes), len(tasks))
        if tasks and not self._alone and (self.apart or self._pays(count, sizes)):
            return self._in_processes(attempt, tasks, order=order, failed=failed, count=count)
        return in_threads(attempt, tasks, order=order, count=count, failed=failed, timeout=timeout)

    def _pays(self, count: int, sizes: Sequence[int]) -> bool:
        """Tell whether the work pays for worker processes, or has paid for them already."""
        saved = _seconds(sizes) * (1 - 1 / max(count, 1))
        return count > 1 and (self._crew is not None or saved > PROCESS_START_SECONDS)

    def _fitting(self, asked: int, sizes: Sequence[int]) -> int:
        """Give how many workers the memory feeds; fewer than asked are told."""
        free = [size for size in (free_memory(), self.memory) if size is not None]
        if asked == 1 or not free or not sizes:
            return asked
        asked = min(asked, len(sizes))
        count = fitting_workers(asked, largest=max(sizes), budget=min(free))
        if count < asked and count not in self._told:
            self._told.add(count)
            message = (
                f"{count} of {asked} workers: {min(free) / 1e9:.1f} GB of memory feed no more "
                f"with files of {max(sizes) / 1e6:.0f} MB"
            )
            warnings.warn(ImmunoprofileWarning(message, "fewer_workers"), stacklevel=2)
            LOG.warning("fewer workers", extra={"facts": {"asked": asked, "workers": count}})
        return count

    def _in_processes(
        self, attempt: Attempt, tasks: Sequence[Any], *, order: Sequence[int], failed: Failed, count: int
    ) -> Iterator[tuple[int, Any]]:
        """Run in worker processes; where none can be started, in this one."""
        timeout = asked_timeout(self.timeout)
        if self._crew is None:
            from immunoprofile.gating import warm_kernels

            warm_kernels()  # where they are not compiled yet, one process does it, not all
            self._crew = Crew(timeout=timeout)
        done: set[int] = set()
        try:
            for index, result in self._crew.run(attempt, tasks, order=order, count=count, failed=failed):
                done.add(index)
                yield index, result
            return
        except CannotStartError:
            self._crew.close(at_once=True)
            self._crew, self._alone = None, True
            message = "worker processes cannot be started here: the work goes on in this one"
            warnings.warn(ImmunoprofileWarning(message, "fewer_workers"), stacklevel=2)
            LOG.warning("no worker process starts")
        left = [index for index in order if index not in done]
        yield from in_threads(attempt, tasks, order=left, count=1, failed=failed, timeout=timeout)


def _seconds(sizes: Iterable[int]) -> float:
    """Guess the work of one phase."""
    return sum(FILE_SECONDS + BYTE_SECONDS * size for size in sizes)


def _on_cluster(
    attempt: Attempt, tasks: Sequence[Any], *, client: Any, failed: Failed, timeout: float
) -> Iterator[tuple[int, Any]]:
    """Submit one task a sample; a worker that dies again and again costs the sample in its hands."""
    from distributed import KilledWorker, as_completed

    quiet = partial(_quietly, attempt=attempt, failed=failed, timeout=timeout)
    futures = client.map(quiet, list(tasks), pure=False)
    index_of = {future.key: index for index, future in enumerate(futures)}
    try:
        for future in as_completed(futures):  # type: ignore[no-untyped-call]
            index = index_of[future.key]
            try:
                result = future.result()
            except KilledWorker:
                result = failed(tasks[index], died())
            yield index, result
    except BaseException:
        client.cancel(futures)
        raise


def _quietly(task: Any, *, attempt: Attempt, failed: Failed, timeout: float) -> Any:
    """Run a task without a word in the logs of the cluster: warnings come home as notes of the sample."""
    warnings.filterwarnings("ignore", category=FcsWarning)
    return within(task, attempt=attempt, failed=failed, timeout=timeout)
