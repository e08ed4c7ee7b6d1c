"""Worker processes, each at the end of its own pipe: who died, or hangs, over which task is always known.

A task whose worker dies is tried once more while no other runs; a worker that is over its time is killed. In
both cases a new worker takes its place and nobody else notices.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings
from collections import deque
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from types import ModuleType
from typing import TYPE_CHECKING, Any

from immunoprofile.core import FcsWarning
from immunoprofile.pipeline._attempts import died, too_slow, unexpected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    from immunoprofile.pipeline._attempts import Attempt, Failed

START_SECONDS = 120.0
"""A worker that is not ready by then never will be."""
START_TRIES = 3
POLL_SECONDS = 1.0
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")

SAFE_PATH = "PYTHONSAFEPATH"


class CannotStartError(Exception):
    """No worker process gets as far as its first task."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Hand:
    """One worker: its process, its pipe, the task in its hands, and since when.

    Attributes
    ----------
    index : int or None
        None: it waits for a task.
    ready : bool
        Whether it has started.
    """

    process: BaseProcess
    pipe: Connection
    since: float
    index: int | None = None
    ready: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class _Work:
    """Tasks of one phase that are not done yet."""

    attempt: Attempt
    tasks: Sequence[Any]
    failed: Failed
    waiting: deque[int]
    again: deque[int] = field(default_factory=deque)
    tried: set[int] = field(default_factory=set)


@dataclass(slots=True, kw_only=True, eq=False)
class Crew:
    """Worker processes that stay for all phases of a run.

    Attributes
    ----------
    timeout : float
        Seconds that one task may take.
    prepare : callable
        What a worker does first; defined at module level.
    """

    timeout: float
    prepare: Callable[[], None] = field(default_factory=lambda: prepare_worker)
    _hands: list[_Hand] = field(default_factory=list)
    _failed_starts: int = 0

    def run(
        self, attempt: Attempt, tasks: Sequence[Any], *, order: Sequence[int], count: int, failed: Failed
    ) -> Iterator[tuple[int, Any]]:
        """Yield index and result of each task as it comes.

        Raises
        ------
        CannotStartError
            Where no worker could be started: what was not yielded is not done.
        """
        work = _Work(attempt=attempt, tasks=tasks, failed=failed, waiting=deque(order))
        while work.waiting or work.again or self._busy():
            self._hire(work, count)
            self._hand_out(work)
            yield from self._collect(work)

    def close(self, *, at_once: bool) -> None:
        """Send the workers home; at once: with a task in their hands or not."""
        for hand in self._hands:
            if at_once or not hand.ready:
                hand.process.kill()
            hand.pipe.close()
        for hand in self._hands:
            hand.process.join(5)
            if hand.process.is_alive():
                hand.process.kill()
                hand.process.join(5)
        self._hands.clear()

    def _busy(self) -> list[_Hand]:
        return [hand for hand in self._hands if hand.index is not None]

    def _hire(self, work: _Work, count: int) -> None:
        """Start as many workers as there is work for."""
        wanted = min(count, len(work.waiting) + len(work.again) + len(self._busy()))
        while len(self._hands) < wanted:
            self._hands.append(_hired(self.prepare))

    def _hand_out(self, work: _Work) -> None:
        free = [hand for hand in self._hands if hand.ready and hand.index is None]
        while free and work.waiting:
            self._give(work, free.pop(), work.waiting.popleft())
        if free and work.again and not self._busy():  # a suspect has the machine to itself
            self._give(work, free.pop(), work.again.popleft())

    def _give(self, work: _Work, hand: _Hand, index: int) -> None:
        hand.index, hand.since = index, time.monotonic()
        with contextlib.suppress(OSError):  # it died while it waited: seen when its pipe is read
            hand.pipe.send((work.attempt, work.tasks[index]))

    def _collect(self, work: _Work) -> Iterator[tuple[int, Any]]:
        """Take what has come, and see who died or is late."""
        ready = wait([hand.pipe for hand in self._hands], timeout=self._pause())
        for hand in [hand for hand in self._hands if hand.pipe in ready]:
            try:
                fault, result = hand.pipe.recv()
            except (EOFError, OSError):
                yield from self._buried(work, hand)
                continue
            index, hand.index = hand.index, None
            if index is None:
                hand.ready, self._failed_starts = True, 0
            else:
                yield index, result if fault is None else work.failed(work.tasks[index], fault)
        for hand in self._late():
            index = hand.index
            hand.index = None
            yield from self._buried(work, hand)
            if index is not None:
                yield index, work.failed(work.tasks[index], too_slow(self.timeout))

    def _end(self, hand: _Hand) -> float:
        """Give when a worker will be late: with its task, or with its start."""
        if hand.ready and hand.index is None:
            return float("inf")
        return hand.since + (self.timeout if hand.ready else START_SECONDS)

    def _pause(self) -> float:
        pause = min(map(self._end, self._hands)) - time.monotonic()
        return min(max(pause, 0.01), POLL_SECONDS)

    def _late(self) -> list[_Hand]:
        now = time.monotonic()
        return [hand for hand in self._hands if now > self._end(hand)]

    def _buried(self, work: _Work, hand: _Hand) -> Iterator[tuple[int, Any]]:
        """Let go of a worker that is dead or late; its task, if it has one, is tried again or given up."""
        self._hands.remove(hand)
        hand.process.kill()
        hand.pipe.close()
        hand.process.join(5)
        index = hand.index
        if index is None:
            self._failed_starts += 0 if hand.ready else 1
            if self._failed_starts >= START_TRIES and not any(other.ready for other in self._hands):
                raise CannotStartError
        elif index in work.tried:
            yield index, work.failed(work.tasks[index], died())
        else:
            work.tried.add(index)
            work.again.append(index)


def _hired(prepare: Callable[[], None]) -> _Hand:
    """Start a worker: deaf to the interrupts of the terminal from the first, and without our script."""
    from multiprocessing import resource_tracker

    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, prepare), daemon=True, name="immunoprofile worker")
    with _safe_path():
        if sys.platform != "win32":
            resource_tracker.ensure_running()  # its own start would lift the mask
        with _without_interrupts(), _without_script():
            process.start()
    theirs.close()
    return _Hand(process=process, pipe=ours, since=time.monotonic())


@contextlib.contextmanager
def _safe_path() -> Iterator[None]:
    """Let a child import nothing from the current folder: a module may lie beside the data."""
    before = os.environ.get(SAFE_PATH)
    os.environ[SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[SAFE_PATH]
        else:
            os.environ[SAFE_PATH] = before


@contextlib.contextmanager
def _without_interrupts() -> Iterator[None]:
    """Hold SIGINT back: a child inherits the mask, so that it cannot be interrupted before it is ready."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _without_script() -> Iterator[None]:
    """Hide the running script: a child would run it again, where it has no ``if __name__ == "__main__"``."""
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


def serve(pipe: Connection, prepare: Callable[[], None]) -> None:
    """Be a worker: do what comes through the pipe until it is closed."""
    prepare()
    try:
        pipe.send((None, None))
    except OSError:  # nobody waits for it any more
        return
    while True:
        try:
            attempt, task = pipe.recv()
        except (EOFError, OSError):
            return
        except Exception as error:  # noqa: BLE001 - a task that cannot be understood is told as its fault
            pipe.send((unexpected(error), None))
            continue
        _answer(pipe, attempt, task)


def _answer(pipe: Connection, attempt: Attempt, task: Any) -> None:
    result = attempt(task)
    try:
        pipe.send((None, result))
    except OSError:  # the parent is gone
        return
    except Exception as error:  # noqa: BLE001 - a result that cannot travel
        pipe.send((unexpected(error), None))


def prepare_worker() -> None:
    """Prepare a worker: one thread for linear algebra, kernels, interrupts left to the parent."""
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
