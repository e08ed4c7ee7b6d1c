"""Files that are whole or absent: temporary name, fsync, rename; and hashes of content."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

TEMPORARY_PREFIX = ".immunoprofile-tmp-"


@contextlib.contextmanager
def atomic_path(path: str | Path, *, mode: int | None = None, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary path in the same folder; on success it takes the place of `path`, else it is removed.

    Parameters
    ----------
    path : path
        Final name.
    mode : int or None
        Permission bits of the final file; by default those that the umask leaves.
    durable : bool
        Whether file and folder are synchronised to disk (results and audit log; not cache entries).
    """
    final = Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=final.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        if durable:
            with temporary.open("rb") as stream:
                os.fsync(stream.fileno())
        temporary.chmod(mode if mode is not None else 0o666 & ~_umask())
        temporary.replace(final)
        if durable:
            _sync_folder(final.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # Windows cannot open a folder
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: str | Path, text: str, *, mode: int | None = None, durable: bool = True) -> Path:
    """Write UTF-8 text with line feeds as line ends, atomically."""
    with atomic_path(path, mode=mode, durable=durable) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    return Path(path)


def write_json(path: str | Path, value: Any, *, mode: int | None = None) -> Path:
    """Write JSON (sorted keys, no NaN), atomically."""
    text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"
    return write_text(path, text, mode=mode)


def sha256_of(path: str | Path) -> str:
    """Hash the content of a file."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_text(text: str) -> str:
    """Hash a text (UTF-8)."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
