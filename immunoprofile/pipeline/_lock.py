"""One run at a time in a results folder: a lock that tells who holds it, and does not outlive its process.

The file ``.lock`` is locked by the system, which lets go however the process ends, and holds the holder's
name. Where the file system has no locks (some network mounts), and for a holder on another machine, whose
lock may not be seen here, the name alone decides.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING

from immunoprofile.core import StudyError
from immunoprofile.core._processes import host_name, is_alive, start_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HELD = (errno.EAGAIN, errno.EACCES)
"""How a system says that another process holds a lock (EAGAIN is EWOULDBLOCK)."""
TRIES = 5
_LONGEST = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds a lock.

    Attributes
    ----------
    process : int
    start : int
        Start of the process, see :func:`immunoprofile.core._processes.start_of`.
    host : str
    since : str
        UTC.
    """

    process: int
    start: int
    host: str
    since: str

    @property
    def is_here(self) -> bool:
        """Whether the holder is a process of this machine."""
        return self.host == host_name()

    @property
    def is_alive(self) -> bool:
        """Whether the holder is a living process of this machine."""
        return self.is_here and is_alive(self.process, start=self.start)


def this_process() -> Holder:
    """Name this process as holder from now."""
    process = os.getpid()
    return Holder(process=process, start=start_of(process), host=host_name(), since=now())


def now() -> str:
    """Give the time, UTC, in seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


@contextlib.contextmanager
def held(path: Path, *, break_lock: bool = False) -> Iterator[None]:
    """Hold a lock.

    Parameters
    ----------
    path : Path
        The lock file.
    break_lock : bool
        Take over from a process of another machine.

    Raises
    ------
    StudyError
        ``results_locked``.
    OSError
        Where the file cannot be written.
    """
    stream = _taken(path, break_lock=break_lock)
    try:
        yield
    finally:
        _let_go(stream)


def _taken(path: Path, *, break_lock: bool) -> IO[str]:
    holder: Holder | None = None
    for _ in range(TRIES):
        stream = path.open("a+", encoding="utf-8")
        try:
            ours = _locked(stream)
            holder = _holder(stream)
            broken = break_lock and holder is not None and not holder.is_here
            if ours is False and broken:
                path.unlink(missing_ok=True)  # its holder keeps a file that nobody finds
            elif ours is False or (holder is not None and _works(holder, ours=ours) and not broken):
                raise _refusal(holder)
            elif _is_at(path, stream):
                _sign(stream)
                return stream
        except BaseException:
            stream.close()
            raise
        stream.close()
    raise _refusal(holder)


def _locked(stream: IO[str]) -> bool | None:
    """Lock a file: True if it is ours, False if another process has it, None where there are no locks."""
    try:
        import fcntl
    except ImportError:  # Windows: no lock; every file is still whole or absent
        return None
    try:
        fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in HELD else None
    return True


def _works(holder: Holder, *, ours: bool | None) -> bool:
    """Tell whether the holder is still at work; of this host it is not where the lock is ours."""
    return (not holder.is_here) or (ours is None and holder.is_alive)


def _holder(stream: IO[str]) -> Holder | None:
    """Read who holds the lock; nobody where nothing sound is written."""
    stream.seek(0)
    try:
        found = json.loads(stream.read(_LONGEST))
        return Holder(
            process=int(found["process"]),
            start=int(found["start"]),
            host=str(found["host"]),
            since=str(found["since"]),
        )
    except (ValueError, TypeError, KeyError):
        return None


def _is_at(path: Path, stream: IO[str]) -> bool:
    """Tell whether the file that was locked is still the one of that name."""
    try:
        return os.path.samestat(path.stat(), os.fstat(stream.fileno()))
    except FileNotFoundError:
        return False


def _sign(stream: IO[str]) -> None:
    stream.seek(0)
    stream.truncate()
    stream.write(json.dumps(asdict(this_process())) + "\n")
    stream.flush()


def _let_go(stream: IO[str]) -> None:
    """Empty the file and give it free; where that fails, a dead process is named, which holds nothing."""
    with contextlib.suppress(OSError):
        stream.seek(0)
        stream.truncate()
    with contextlib.suppress(OSError):
        stream.close()


def _refusal(holder: Holder | None) -> StudyError:
    if holder is None:
        told = "another process"
    else:
        told = f"process {holder.process} on host {holder.host} since {holder.since}"
    hint = "wait until it has ended, then run the same command again"
    if holder is not None and not holder.is_here:
        hint += "; if that run is dead, add --break-lock"
    return StudyError("results_locked", f"locked by {told}", where="results", hint=hint)
