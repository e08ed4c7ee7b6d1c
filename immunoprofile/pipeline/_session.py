"""What holds while a run writes into a results folder: one run at a time, no litter of a dead one, a log."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import time
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING

from immunoprofile.core import StudyError, choose
from immunoprofile.core.files import storage_error, sweep, temporary_name
from immunoprofile.pipeline._lock import held, now

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK_NAME = ".lock"
LOG_NAME = "run.log"
LOG_BYTES = 10_000_000
LOG_LEVELS = ("debug", "info", "warning", "error")
LOG = logging.getLogger("immunoprofile")
_LINE_BYTES = 65_536
"""How far from its end a log is searched for the end of its last whole line."""


@contextlib.contextmanager
def session(folder: Path, *, break_lock: bool = False, log_level: str = "info") -> Iterator[None]:
    """Hold the results folder for one run.

    Parameters
    ----------
    folder : Path
    break_lock : bool
        Take over the lock of a process on another machine.
    log_level : str
        Least level of what run.log keeps: ``debug``, ``info``, ``warning``, ``error``.

    Raises
    ------
    StudyError
        ``results_unwritable`` before anything is computed; ``results_locked`` where another run is at work.
    StorageError
        ``disk_full``, ``write_failed``.
    UnknownNameError
        ``unknown_choice`` for another level.
    """
    level = choose(log_level, LOG_LEVELS, what="log_level")
    _probe(folder)
    with contextlib.ExitStack() as stack:
        with _refusals(folder):
            stack.enter_context(held(folder / LOCK_NAME, break_lock=break_lock))
        cache = folder / "cache"
        sweep([folder, cache, *(path for path in cache.glob("??") if path.is_dir())], everything=break_lock)
        stack.enter_context(_logged(folder / LOG_NAME, level=level))
        yield


def _probe(folder: Path) -> None:
    """Show that the folder can be written, before anything is computed."""
    with _refusals(folder):
        folder.mkdir(exist_ok=True)
        probe = folder / temporary_name()
        try:
            probe.write_bytes(b"immunoprofile")
        finally:
            probe.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # without a cache the run takes longer, no more
        (folder / "cache").mkdir(exist_ok=True, mode=0o700)


@contextlib.contextmanager
def _refusals(folder: Path) -> Iterator[None]:
    """Tell a folder that refuses files from a disk that is full or failing."""
    try:
        yield
    except OSError as error:
        told = storage_error(error, folder)
        if told.code != "path_unwritable":
            raise told from error
        hint = "give the folder write permission, or copy the study"
        problem = f"the results folder cannot be written ({error.strerror})"
        raise StudyError("results_unwritable", problem, where="results", hint=hint) from error


@contextlib.contextmanager
def _logged(path: Path, *, level: str) -> Iterator[None]:
    """Write what the package logs into run.log: JSON lines, without a name of a subject, file or host.

    A line that cannot be written ends no work, but the run does not end as if all had been told.
    """
    _mend(path)
    handler = _RunLog(path)
    handler.setLevel(level.upper())
    before, propagated = LOG.level, LOG.propagate
    LOG.addHandler(handler)
    LOG.setLevel(level.upper())
    LOG.propagate = False
    start = time.monotonic()
    try:
        yield
    except BaseException as error:
        code = getattr(error, "code", "") or type(error).__name__
        LOG.info("run ended early", extra={"facts": {"code": str(code)}})
        raise
    finally:
        LOG.info("end", extra={"facts": {"seconds": round(time.monotonic() - start, 1)}})
        LOG.removeHandler(handler)
        LOG.setLevel(before)
        LOG.propagate = propagated
        handler.close()
    if handler.failure is not None:
        raise storage_error(handler.failure, path.parent)


def _mend(path: Path) -> None:
    """Cut off the part of a line that a killed run left, so that every line stays one JSON object."""
    try:
        with path.open("r+b") as stream:
            end = stream.seek(0, os.SEEK_END)
            start = max(0, end - _LINE_BYTES)
            stream.seek(start)
            whole = stream.read().rfind(b"\n") + 1
            if start + whole < end and (whole or start == 0):
                stream.truncate(start + whole)
    except OSError:
        return  # there is none yet, or what is wrong with it is told by the first line that it is to take


class _RunLog(RotatingFileHandler):
    """The log of a run; the first fault of writing it is kept for the end of the run, not shown amid it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8", delay=True)
        self.setFormatter(_JsonLines())
        self.failure: OSError | None = None

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name that logging calls
        """Keep the fault."""
        import sys

        del record
        error = sys.exc_info()[1]
        if isinstance(error, OSError) and self.failure is None:
            self.failure = error

    def close(self) -> None:
        """Close the file; what could not be written is kept as a fault, too."""
        try:
            super().close()
        except OSError as error:
            self.failure = self.failure or error


class _JsonLines(logging.Formatter):
    """One JSON object a line: time, level, event, and its facts."""

    def format(self, record: logging.LogRecord) -> str:
        facts = getattr(record, "facts", {})
        head = {"time": now(), "level": record.levelname.lower(), "event": record.getMessage()}
        return json.dumps({**head, **facts}, ensure_ascii=True, default=str)
