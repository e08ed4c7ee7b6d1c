"""Who this process is, and whether another still lives: for locks and for names of temporary files."""

from __future__ import annotations

import hashlib
import os
import platform
from pathlib import Path

PROC = Path("/proc")
_STARTED = 19
"""Place of the start time among the fields of ``/proc/N/stat`` that follow the name (proc(5), field 22)."""


def host_name() -> str:
    """Give the name of this machine."""
    return platform.node() or "unknown"


def host_tag() -> str:
    """Give a short digest of the machine's name: it tells hosts apart and names none."""
    return hashlib.sha256(host_name().encode("utf-8")).hexdigest()[:8]


def start_of(process: int) -> int:
    """Give when a process started, in ticks since the machine did; 0 where the system does not tell.

    With its number it names a process: numbers alone are used again.
    """
    fields = _fields(process)
    return int(fields[_STARTED]) if len(fields) > _STARTED and fields[_STARTED].isdigit() else 0


def is_alive(process: int, *, start: int) -> bool:
    """Tell whether the process of this machine that had this number and this start is still there.

    One that has ended and only waits to be noticed by its parent is not. Where the system has no such test,
    none is alive.
    """
    if os.name != "posix" or process <= 0:
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # of another user, so it is there
    now = start_of(process)
    return not (_ended(process) or (start and now and start != now))


def _ended(process: int) -> bool:
    return _fields(process)[:1] in (["Z"], ["X"])


def _fields(process: int) -> list[str]:
    """Give what follows the name of a process, which may hold blanks and brackets."""
    try:
        text = (PROC / str(process) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()
