"""The audit log: one JSON object a line, each holding the hash of the line before; what was done stays told.

``hash`` = SHA-256 of the canonical JSON of the entry without it (sorted keys, UTF-8, no blanks);
``previous`` = hash of the entry before, 64 zeros for the first.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from immunoprofile.core import StudyError, write_bytes
from immunoprofile.core.files import storage_error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FIRST = "0" * 64
KEYS = frozenset(("seq", "time", "event", "who", "reason", "payload", "previous", "hash"))


def append_entry(
    path: Path, event: str, *, who: str = "", reason: str = "", payload: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Append an entry under a file lock and give it.

    The log with its new line is written beside the old one and takes its place, so that no crash leaves a
    part of a line: one that is there was made by somebody else.

    Raises
    ------
    StudyError
        ``audit_broken`` where the last line is partial or does not hold; ``audit_unwritable``.
    StorageError
        ``disk_full``, ``write_failed``; the log is as it was.
    """
    try:
        with _opened(path) as stream:
            content = stream.read()
            last = _last_entry(content)
            entry = {
                "seq": last["seq"] + 1 if last else 1,
                "time": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
                "event": event,
                "who": who,
                "reason": reason,
                "payload": dict(payload or {}),
                "previous": last["hash"] if last else FIRST,
            }
            entry["hash"] = entry_hash(entry)
            mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
            write_bytes(path, content + canonical(entry) + b"\n", mode=mode)
    except OSError as error:
        told = storage_error(error, path.parent)
        if told.code != "path_unwritable":
            raise told from error
        problem = f"the audit log cannot be written ({error.strerror})"
        hint = "results/ needs write permission"
        raise StudyError("audit_unwritable", problem, where="results/audit.jsonl", hint=hint) from None
    return entry


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """Give the log, locked; one that was replaced while the lock was awaited is opened again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with path.open("a+b") as stream, _locked(stream):
            if path.exists() and os.path.samestat(path.stat(), os.fstat(stream.fileno())):
                stream.seek(0)
                yield stream
                return


def canonical(entry: Mapping[str, Any]) -> bytes:
    """Write JSON in its one canonical form."""
    text = json.dumps(entry, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8")


def entry_hash(entry: Mapping[str, Any]) -> str:
    """Hash an entry without its own hash."""
    return hashlib.sha256(canonical({k: v for k, v in entry.items() if k != "hash"})).hexdigest()


def _last_entry(content: bytes) -> dict[str, Any] | None:
    if not content:
        return None
    lines = content.split(b"\n")
    number = len(lines) - 1
    if lines[-1]:
        raise _broken(number + 1, "the last line is partial")
    entry = _parsed(lines[-2])
    if entry is None:
        raise _broken(number, "the last line does not hold")
    return entry


def _broken(line: int, what: str) -> StudyError:
    hint = "verify_audit_log tells the first broken line; keep the file, and move it away to start a new log"
    return StudyError("audit_broken", what, where=f"results/audit.jsonl line {line}", hint=hint)


def _parsed(line: bytes) -> dict[str, Any] | None:
    """Give an entry whose own hash holds, else None."""
    try:
        entry = json.loads(line.decode("utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError):
        return None
    if not isinstance(entry, dict) or set(entry) != KEYS or not isinstance(entry["seq"], int):
        return None
    return entry if line == canonical(entry) and entry["hash"] == entry_hash(entry) else None


def plans_locked_blind(path: Path) -> frozenset[str]:
    """Give the hashes of the plans that were locked before the key was first opened."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return frozenset()
    plans = set()
    for entry in (_parsed(line) for line in lines):
        if entry is None or entry["event"] == "unblind":
            break
        if entry["event"] == "plan_locked":
            plans.add(str(entry["payload"].get("plan_sha256", "")))
    return frozenset(plans)


def verify_audit_log(path: str | Path) -> int | None:
    """Find the first line of an audit log that does not hold.

    Parameters
    ----------
    path : path
        ``results/audit.jsonl``.

    Returns
    -------
    int or None
        Line number, from 1; None where every line holds. A partial last line is broken.

    Raises
    ------
    StudyError
        ``audit_missing`` where there is no log.

    Notes
    -----
    The chain shows lines that were changed, removed, added or moved; it cannot show that lines were cut off
    at the end. A copy of the last hash elsewhere does.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        hint = "unblind and run write it below results/"
        raise StudyError("audit_missing", "there is no audit log", where=str(path), hint=hint) from error
    previous = FIRST
    lines = content.split(b"\n")
    for number, line in enumerate(lines[:-1], start=1):
        entry = _parsed(line)
        if entry is None or entry["previous"] != previous or entry["seq"] != number:
            return number
        previous = entry["hash"]
    return len(lines) if lines[-1] else None


@contextlib.contextmanager
def _locked(stream: IO[bytes]) -> Iterator[None]:
    """Hold an exclusive lock on the file, where the system has one."""
    try:
        import fcntl
    except ImportError:  # Windows: the append alone is all there is
        yield
        return
    fcntl.flock(stream.fileno(), fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(stream.fileno(), fcntl.LOCK_UN)
