"""Tasks in threads of this process, each watched: one that takes too long is left behind, the others go on.

A thread cannot be ended from outside. One that is over its time is given up: its sample is excluded, another
thread takes its place, and what it may still give is not taken. All are daemons, so that neither a hanging
read nor a long task keeps the process from ending.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from immunoprofile.pipeline._attempts import too_slow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from immunoprofile.pipeline._attempts import Attempt, Failed


POLL_SECONDS = 1.0
"""How often the clock is looked at while nothing comes."""


@dataclass(slots=True, eq=False)
class _Thread:
    """What one thread has in its hands, and since when."""

    index: int = -1
    since: float = 0.0
    given_up: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class _Shared:
    """What the threads of one phase share; the lock decides between "done" and "given up"."""

    attempt: Attempt
    tasks: Sequence[Any]
    waiting: deque[int]
    lock: threading.Lock = field(default_factory=threading.Lock)
    results: queue.SimpleQueue[tuple[int, Any, BaseException | None]] = field(
        default_factory=queue.SimpleQueue
    )
    stopped: bool = False

    def serve(self, own: _Thread) -> None:
        """Take tasks until none is left, none is wanted, or this thread was given up."""
        while self._takes(own):
            result, error = None, None
            try:
                result = self.attempt(self.tasks[own.index])
            except BaseException as stop:  # noqa: BLE001 - an interruption: raised again in the caller
                error = stop
            with self.lock:
                if own.given_up:
                    return
                own.since = 0.0
                self.results.put((own.index, result, error))

    def _takes(self, own: _Thread) -> bool:
        with self.lock:
            if self.stopped or not self.waiting:
                return False
            own.index, own.since = self.waiting.popleft(), time.monotonic()
            return True


def in_threads(
    attempt: Attempt,
    tasks: Sequence[Any],
    *,
    order: Sequence[int],
    count: int,
    failed: Failed,
    timeout: float,
) -> Iterator[tuple[int, Any]]:
    """Yield index and result of each task as it comes.

    Parameters
    ----------
    attempt : callable
    tasks : sequence
    order : sequence of int
        Indexes into `tasks`, in the order of their start.
    count : int
        Threads at work at a time.
    failed : callable
        Makes the result of a task that was given up.
    timeout : float
        Seconds that one task may take.
    """
    shared = _Shared(attempt=attempt, tasks=tasks, waiting=deque(order))
    threads = [_started(shared) for _ in range(min(count, len(order)))]
    try:
        for _ in order:
            index, result = _next(shared, threads, failed=failed, timeout=timeout)
            yield index, result
    finally:
        shared.stopped = True


def _started(shared: _Shared) -> _Thread:
    own = _Thread()
    threading.Thread(target=shared.serve, args=(own,), daemon=True, name="immunoprofile").start()
    return own


def _next(shared: _Shared, threads: list[_Thread], *, failed: Failed, timeout: float) -> tuple[int, Any]:
    """Wait for the next result, or for the next task that is over its time."""
    while True:
        with shared.lock:
            now = time.monotonic()
            late = next((own for own in threads if own.since and now - own.since > timeout), None)
            if late is not None:
                late.given_up = True
            ends = [own.since + timeout for own in threads if own.since]
        if late is not None:
            threads[threads.index(late)] = _started(shared)
            return late.index, failed(shared.tasks[late.index], too_slow(timeout))
        pause = min(ends, default=now) - now
        try:
            index, result, error = shared.results.get(timeout=min(max(pause, 0.01), POLL_SECONDS))
        except queue.Empty:
            continue
        if error is not None:
            raise error
        return index, result


def within(task: Any, *, attempt: Attempt, failed: Failed, timeout: float) -> Any:
    """Run one task for at most so many seconds: the form of a task on a cluster."""
    for _, result in in_threads(attempt, [task], order=[0], count=1, failed=failed, timeout=timeout):
        return result
    raise AssertionError("one task gives one result")
