"""A cache keyed by content: each entry proves itself by length and checksum, or is dropped and made anew."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from immunoprofile.core import atomic_path

if TYPE_CHECKING:
    from pathlib import Path

MAGIC = b"immunoprofile-cache-1"


@dataclass(frozen=True, slots=True)
class Cache:
    """Entries below one folder.

    Attributes
    ----------
    folder : Path or None
        None: nothing is kept.
    """

    folder: Path | None

    def get(self, key: str) -> bytes | None:
        """Give the payload of an entry, or None where it is absent, foreign or damaged."""
        if self.folder is None:
            return None
        try:
            content = self._path(key).read_bytes()
        except OSError:
            return None
        head, _, payload = content.partition(b"\n")
        return payload if head == _head(key, payload) else None

    def put(self, key: str, payload: bytes) -> None:
        """Keep a payload; a folder that cannot be written costs the cache, not the run."""
        if self.folder is None:
            return
        try:
            with atomic_path(self._path(key), durable=False) as temporary:
                temporary.write_bytes(_head(key, payload) + b"\n" + payload)
        except OSError:
            return

    def _path(self, key: str) -> Path:
        if self.folder is None:
            raise ValueError("this cache keeps nothing")
        return self.folder / key[:2] / key


def _head(key: str, payload: bytes) -> bytes:
    checksum = hashlib.sha256(payload).hexdigest().encode()
    return b" ".join([MAGIC, key.encode(), str(len(payload)).encode(), checksum])


def key_of(*parts: str) -> str:
    """Make the key of an entry from everything that its content depends on."""
    return hashlib.sha256("\0".join(parts).encode("utf-8")).hexdigest()
