"""Hashes of input files, kept with size, time and inode; trusted again only if all three are as they were."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from immunoprofile.core import sha256_of, write_json

if TYPE_CHECKING:
    from pathlib import Path

SETTLED_SECONDS = 2.0
"""A file that changed more lately than this may change again within its time stamp."""


class FileHashes:
    """Content hashes of files, remembered between runs.

    Parameters
    ----------
    folder : Path or None
        Cache folder; None: nothing is remembered.
    """

    def __init__(self, folder: Path | None) -> None:
        self._file = folder / "hashes.json" if folder is not None else None
        self._known: dict[str, Any] = {}
        if self._file is not None:
            try:
                content = json.loads(self._file.read_text(encoding="utf-8"))
                self._known = content if isinstance(content, dict) else {}
            except (OSError, ValueError):
                self._known = {}

    def hash_of(self, path: Path) -> str | None:
        """Give the SHA-256 of a file, or None where it cannot be read."""
        try:
            state = path.stat()
            stamp = [state.st_size, state.st_mtime_ns, state.st_ino]
            known = self._known.get(str(path))
            if isinstance(known, list) and known[:3] == stamp:
                return str(known[3])
            content = sha256_of(path)
        except OSError:
            return None
        if time.time() - state.st_mtime > SETTLED_SECONDS:
            self._known[str(path)] = [*stamp, content]
        return content

    def save(self) -> None:
        """Remember the hashes for the next run; a folder that cannot be written costs only time."""
        if self._file is None:
            return
        try:
            write_json(self._file, self._known)
        except OSError:
            return
