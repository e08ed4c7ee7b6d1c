"""Hashes of input files, remembered by the random id of the sample: no name, no path, no date is kept."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from immunoprofile.core import sha256_of, sha256_text, write_json

if TYPE_CHECKING:
    import os
    from pathlib import Path

SETTLED_SECONDS = 2.0
"""A file that changed more lately than this may change again within its time stamp."""


class Content(NamedTuple):
    """What a file held when it was hashed: SHA-256 and bytes."""

    sha256: str
    size: int


class FileHashes:
    """Content hashes of files; one is trusted again only if size, time and inode are as they were.

    Parameters
    ----------
    folder : Path or None
        Cache folder; None: nothing is remembered.
    """

    def __init__(self, folder: Path | None) -> None:
        self._file = folder / "hashes.json" if folder is not None else None
        self._known: dict[str, Any] = {}
        self._seen: dict[str, list[str]] = {}
        if self._file is not None:
            try:
                content = json.loads(self._file.read_text(encoding="utf-8"))
                self._known = content if isinstance(content, dict) else {}
            except (OSError, ValueError):
                self._known = {}

    def content_of(self, sample: str, path: Path) -> Content | None:
        """Give hash and size of a sample's file, or None where it cannot be read."""
        try:
            state = path.stat()
            stamp = _stamp(state)
            known = self._known.get(sample)
            trusted = isinstance(known, list) and len(known) == 2 and known[0] == stamp
            sha256 = str(known[1]) if isinstance(known, list) and trusted else sha256_of(path)
        except OSError:
            return None
        if time.time() - state.st_mtime > SETTLED_SECONDS:
            self._seen[sample] = [stamp, sha256]
        return Content(sha256, state.st_size)

    def save(self) -> None:
        """Remember the hashes for the next run; a folder that cannot be written costs only time."""
        if self._file is None or self._seen == self._known:
            return
        try:
            write_json(self._file, self._seen)
        except OSError:
            return


def _stamp(state: os.stat_result) -> str:
    """Digest size, time and inode: the time of a file may tell the date of a visit."""
    return sha256_text(f"{state.st_size} {state.st_mtime_ns} {state.st_ino}")
