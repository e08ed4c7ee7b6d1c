"""Hashes of input files, remembered by the random id of the sample: no name, no path, no date is kept."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from immunoprofile.core import sha256_of, sha256_text, write_text
from immunoprofile.pipeline._cache import regular_content

if TYPE_CHECKING:
    import os
    from pathlib import Path

SETTLED_SECONDS = 2.0
"""A file that changed more lately than this may change again within its time stamp."""
FORMAT = "immunoprofile-hashes-2"
_SHA256 = re.compile("[0-9a-f]{64}")


class Content(NamedTuple):
    """What a file held when it was hashed: SHA-256 and bytes."""

    sha256: str
    size: int


class FileHashes:
    """Content hashes of files; one is trusted again only if size, time and inode are as they were.

    Nothing is remembered of a file whose time is less than 2 s before it was hashed, or after: it may have
    changed again within its time stamp.

    Parameters
    ----------
    folder : Path or None
        Cache folder; None: nothing is remembered.
    trust : bool
        Whether a remembered hash may stand for a file; else every file is hashed anew.
    """

    def __init__(self, folder: Path | None, *, trust: bool = True) -> None:
        self._trust = trust
        self._file = folder / "hashes.json" if folder is not None else None
        self._known: dict[str, Any] = _known_in(self._file) if self._file is not None else {}
        self._seen: dict[str, list[str]] = {}

    def content_of(self, sample: str, path: Path) -> Content | None:
        """Give hash and size of a sample's file, or None where it cannot be read."""
        try:
            started = time.time_ns()
            state = path.stat()
            stamp = _stamp(state)
            sha256 = self._remembered(sample, stamp)
            if sha256 is None:
                sha256 = sha256_of(path)
                after = path.stat()
                settled = started - state.st_mtime_ns > SETTLED_SECONDS * 1e9 and _stamp(after) == stamp
            else:
                settled = True
        except OSError:
            return None
        if settled:
            self._seen[sample] = [stamp, sha256]
        return Content(sha256, state.st_size)

    def _remembered(self, sample: str, stamp: str) -> str | None:
        """Give the hash of a file that is as it was; None where nothing sound is remembered."""
        known = self._known.get(sample)
        if not self._trust or not isinstance(known, list) or len(known) != 2 or known[0] != stamp:
            return None
        return known[1] if isinstance(known[1], str) and _SHA256.fullmatch(known[1]) else None

    def save(self) -> None:
        """Remember the hashes for the next run; a folder without permission costs only time.

        Raises
        ------
        StorageError
            ``disk_full``, ``write_failed``.
        """
        if self._file is None or self._seen == self._known:
            return
        try:
            write_text(self._file, _sealed(self._seen), durable=False)
        except OSError as error:
            if getattr(error, "code", "") in ("disk_full", "write_failed"):
                raise


def _sealed(seen: dict[str, list[str]]) -> str:
    """Write hashes with a checksum: a flipped digit would make a sound file look like a changed one."""
    body = json.dumps(seen, sort_keys=True)
    return json.dumps({"format": FORMAT, "sha256": sha256_text(body), "files": body}) + "\n"


def _known_in(file: Path) -> dict[str, Any]:
    """Read what an earlier run remembered; nothing where that is not whole."""
    try:
        held = json.loads(regular_content(file).decode("utf-8"))
        if held["format"] != FORMAT or held["sha256"] != sha256_text(held["files"]):
            return {}
        found = json.loads(held["files"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _stamp(state: os.stat_result) -> str:
    """Digest size, time and inode: the time of a file may tell the date of a visit."""
    return sha256_text(f"{state.st_size} {state.st_mtime_ns} {state.st_ino}")
