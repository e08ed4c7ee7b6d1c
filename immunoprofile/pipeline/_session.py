"""What holds while a run writes into a results folder: one run at a time, no litter of a dead one, a log."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import time
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING

from immunoprofile.core import StudyError
from immunoprofile.core.files import TEMPORARY_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK_NAME = ".lock"
LOG_NAME = "run.log"
LOG_BYTES = 10_000_000
LOG = logging.getLogger("immunoprofile")


@contextlib.contextmanager
def session(folder: Path) -> Iterator[None]:
    """Hold the results folder for one run.

    Raises
    ------
    StudyError
        ``results_unwritable`` before anything is computed; ``results_locked`` where another run is at work.
    """
    with _opened(folder) as lock:
        _take(lock)
        _sweep(folder)
        with _logged(folder / LOG_NAME):
            yield


def _opened(folder: Path) -> IO[str]:
    """Open the lock file; that it can be written shows that the folder can."""
    try:
        folder.mkdir(exist_ok=True)
        (folder / "cache").mkdir(exist_ok=True, mode=0o700)
        probe = folder / f"{TEMPORARY_PREFIX}probe"
        probe.write_bytes(b"")
        probe.unlink()
        return (folder / LOCK_NAME).open("a+", encoding="utf-8")
    except OSError as error:
        hint = "give the folder write permission, or copy the study"
        problem = f"the results folder cannot be written ({error.strerror})"
        raise StudyError("results_unwritable", problem, where="results", hint=hint) from error


def _take(lock: IO[str]) -> None:
    """Lock the folder; the system lets go when the process ends, however it ends."""
    try:
        import fcntl
    except ImportError:  # Windows: no lock; every file is still whole or absent
        return
    try:
        fcntl.flock(lock.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.seek(0)
        holder = lock.read(80).strip() or "another process"
        hint = "wait until it has ended, then run the same command again"
        problem = f"another run is at work here ({holder})"
        raise StudyError("results_locked", problem, where="results", hint=hint) from error
    lock.seek(0)
    lock.truncate()
    lock.write(f"process {os.getpid()} since {_now()}\n")
    lock.flush()


def _sweep(folder: Path) -> None:
    """Remove the temporary files of a run that was killed."""
    for pattern in (f"{TEMPORARY_PREFIX}*", f"cache/{TEMPORARY_PREFIX}*", f"cache/*/{TEMPORARY_PREFIX}*"):
        for path in folder.glob(pattern):
            with contextlib.suppress(OSError):
                path.unlink()


@contextlib.contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Write what the package logs into run.log: JSON lines, without a name of a subject, file or host."""
    from logging.handlers import RotatingFileHandler

    handler = RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8", delay=True)
    handler.setFormatter(_JsonLines())
    level, propagated = LOG.level, LOG.propagate
    LOG.addHandler(handler)
    LOG.setLevel(min(level, logging.INFO) if level else logging.INFO)
    LOG.propagate = False
    start = time.monotonic()
    try:
        yield
    except BaseException as error:
        code = getattr(error, "code", "") or type(error).__name__
        LOG.info("run ended early", extra={"facts": {"code": code}})
        raise
    finally:
        LOG.info("end", extra={"facts": {"seconds": round(time.monotonic() - start, 1)}})
        LOG.removeHandler(handler)
        LOG.setLevel(level)
        LOG.propagate = propagated
        handler.close()


class _JsonLines(logging.Formatter):
    """One JSON object a line: time, level, event, and its facts."""

    def format(self, record: logging.LogRecord) -> str:
        facts = getattr(record, "facts", {})
        head = {"time": _now(), "level": record.levelname.lower(), "event": record.getMessage()}
        return json.dumps({**head, **facts}, ensure_ascii=True)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
