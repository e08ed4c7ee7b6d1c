"""How much memory a run may take, and how many workers that feeds.

A worker is counted with three times the largest file and 200 MB. What is free is the least of what the system
has available and what the control groups of this process still allow.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from immunoprofile.core import StudyError

if TYPE_CHECKING:
    from collections.abc import Iterator

WORKER_BYTES = 200_000_000
"""Interpreter, libraries and kernels of one worker."""
FILE_FACTOR = 3
"""Peak memory of gating a file, in bytes of the file."""
UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
BINARY = {"k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_SIZE = re.compile(r"(\d{1,18}(?:\.\d{1,9})?)\s{0,4}([kmgt]?)(i?)b?", re.IGNORECASE)
UNLIMITED = 2**62
"""Control groups of version 1 tell "no limit" by a number about 2**63."""


def memory_bytes(size: int | str | None) -> int | None:
    """Read a size such as ``4GB``, ``512MiB`` or a number of bytes.

    Raises
    ------
    StudyError
        ``number_invalid``.
    """
    if size is None:
        return None
    found = _SIZE.fullmatch(str(size).strip())
    if found is None or (found[3] and not found[2]) or float(found[1]) <= 0:
        hint = "give a size as 4GB, 512MiB or a number of bytes"
        raise StudyError("number_invalid", "the memory limit is no size above 0", hint=hint)
    unit = found[2].lower()
    return int(float(found[1]) * (BINARY[unit] if found[3] else UNITS[unit]))


def fitting_workers(asked: int, *, largest: int, budget: int | None) -> int:
    """Give how many of the workers asked for the memory feeds; at least one.

    Parameters
    ----------
    asked : int
    largest : int
        Bytes of the largest file.
    budget : int or None
        Bytes; None where it is not known.
    """
    if budget is None:
        return asked
    return max(1, min(asked, budget // (FILE_FACTOR * largest + WORKER_BYTES)))


def free_memory(*, proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Give the bytes that this process may still take; None where the system does not tell.

    Parameters
    ----------
    proc, groups : Path
        Where the system tells of itself.
    """
    told = [size for size in (_available(proc), *_left_in_groups(proc, groups)) if size is not None]
    return max(0, min(told)) if told else None


def _available(proc: Path) -> int | None:
    for line in _lines(proc / "meminfo"):
        name, _, rest = line.partition(":")
        if name == "MemAvailable":
            number = rest.split()[0] if rest.split() else ""
            return int(number) * 1024 if number.isdigit() else None
    return None


def _left_in_groups(proc: Path, groups: Path) -> Iterator[int]:
    """Give what each control group above this process still allows (versions 1 and 2)."""
    for line in _lines(proc / "self" / "cgroup"):
        parts = line.split(":", 2)
        if len(parts) != 3:
            continue
        _, controllers, path = parts
        if not controllers:
            names, top = ("memory.max", "memory.current", "inactive_file"), groups
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            top = groups / "memory"
        else:
            continue
        inside = [part for part in path.split("/") if part not in ("", ".", "..")]
        for depth in range(len(inside), -1, -1):
            left = _left(top.joinpath(*inside[:depth]), names)
            if left is not None:
                yield left


def _left(folder: Path, names: tuple[str, str, str]) -> int | None:
    """Give limit less use; file pages that the system would drop do not count as used."""
    limit, used = (_number(folder / name) for name in names[:2])
    if limit is None or limit >= UNLIMITED:
        return None
    droppable = 0
    for line in _lines(folder / "memory.stat"):
        name, _, number = line.partition(" ")
        if name == names[2] and number.strip().isdigit():
            droppable = int(number)
    return limit - max(0, (used or 0) - droppable)


def _number(path: Path) -> int | None:
    for line in _lines(path):
        return int(line) if line.isdigit() else None
    return None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
