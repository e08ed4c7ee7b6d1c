"""A cache keyed by content: each entry proves itself by length and checksum, or is dropped and made anew.

An entry is a line (version of the form, key, length and SHA-256 of what is packed, length of what comes out)
and the packed payload. Nothing is unpacked before all of that holds, and never to more than it tells.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import stat
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from immunoprofile.core.files import atomic_path, put

if TYPE_CHECKING:
    from pathlib import Path

MAGIC = b"immunoprofile-cache-3"
MOST_BYTES = 1_000_000_000
"""Largest entry that is read, and largest payload that is unpacked."""
LOG = logging.getLogger("immunoprofile")


@dataclass(frozen=True, slots=True)
class Cache:
    """Entries below one folder: numbers of single samples, so its owner alone may read them.

    Attributes
    ----------
    folder : Path or None
        None: nothing is kept.
    """

    folder: Path | None
    _dropped: list[str] = field(default_factory=list, repr=False, compare=False)

    @property
    def dropped(self) -> int:
        """How many entries were there and not sound: each is made anew."""
        return len(self._dropped)

    def get(self, key: str) -> bytes | None:
        """Give the payload of an entry, or None where it is absent, foreign or damaged."""
        if self.folder is None:
            return None
        try:
            content = regular_content(self._path(key))
        except FileNotFoundError:
            return None
        except OSError:
            self.drop(key)
            return None
        payload = _payload(content, key=key)
        if payload is None:
            self.drop(key)
        return payload

    def put(self, key: str, payload: bytes) -> None:
        """Keep a payload; a folder without permission costs the cache, not the run.

        Raises
        ------
        StorageError
            ``disk_full``, ``write_failed``: what follows would find no room either, and what is done is kept.
        """
        if self.folder is None:
            return
        packed = zlib.compress(payload, 1)
        content = _head(key, packed, size=len(payload)) + b"\n" + packed
        path = self._path(key)
        try:
            with atomic_path(path, mode=0o600, durable=False, size=len(content)) as temporary:
                put(temporary, content, folder=path.parent)
        except OSError as error:
            if getattr(error, "code", "") in ("disk_full", "write_failed"):
                raise

    def drop(self, key: str) -> None:
        """Remove an entry whose content turned out to be of no use."""
        if self.folder is None:
            return
        self._dropped.append(key)
        LOG.info("cache entry dropped", extra={"facts": {"code": "cache_dropped", "entry": key[:12]}})
        path = self._path(key)
        with contextlib.suppress(OSError):
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        if self.folder is None:
            raise ValueError("this cache keeps nothing")
        return self.folder / key[:2] / key


def regular_content(path: Path) -> bytes:
    """Read a regular file of bearable size; never wait for a pipe, never follow a link."""
    flags = (
        os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    )
    with open(os.open(path, flags), "rb") as stream:  # noqa: PTH123 - of a handle that was opened with care
        state = os.fstat(stream.fileno())
        if not stat.S_ISREG(state.st_mode) or state.st_size > MOST_BYTES:
            raise OSError("no entry")
        return stream.read(state.st_size + 1)


def _payload(content: bytes, *, key: str) -> bytes | None:
    """Unpack an entry whose head holds."""
    head, _, packed = content.partition(b"\n")
    size = head.rpartition(b" ")[2]
    if len(size) > len(str(MOST_BYTES)) or not size.isdigit() or int(size) > MOST_BYTES:
        return None
    if head != _head(key, packed, size=int(size)):
        return None
    try:
        unpacking = zlib.decompressobj()
        payload = unpacking.decompress(packed, int(size) + 1)
    except zlib.error:
        return None
    whole = unpacking.eof and not unpacking.unconsumed_tail and not unpacking.unused_data
    return payload if whole and len(payload) == int(size) else None


def _head(key: str, packed: bytes, *, size: int) -> bytes:
    checksum = hashlib.sha256(packed).hexdigest().encode()
    return b" ".join([MAGIC, key.encode(), str(len(packed)).encode(), checksum, str(size).encode()])


def key_of(*parts: str) -> str:
    """Make the key of an entry from everything that its content depends on."""
    return hashlib.sha256("\0".join(parts).encode("utf-8")).hexdigest()
