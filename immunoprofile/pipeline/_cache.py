"""A cache keyed by content: each entry proves itself by length and checksum, or is dropped and made anew."""

from __future__ import annotations

import contextlib
import hashlib
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from immunoprofile.core import atomic_path

if TYPE_CHECKING:
    from pathlib import Path

MAGIC = b"immunoprofile-cache-2"


@dataclass(frozen=True, slots=True)
class Cache:
    """Entries below one folder: numbers of single samples, so its owner alone may read them.

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
        head, _, packed = content.partition(b"\n")
        if head != _head(key, packed):
            return None
        try:
            return zlib.decompress(packed)
        except zlib.error:
            return None

    def put(self, key: str, payload: bytes) -> None:
        """Keep a payload; a folder that cannot be written costs the cache, not the run."""
        if self.folder is None:
            return
        packed = zlib.compress(payload, 1)
        with contextlib.suppress(OSError), atomic_path(self._path(key), mode=0o600, durable=False) as path:
            path.write_bytes(_head(key, packed) + b"\n" + packed)

    def drop(self, key: str) -> None:
        """Remove an entry whose content turned out to be of no use."""
        if self.folder is not None:
            with contextlib.suppress(OSError):
                self._path(key).unlink()

    def _path(self, key: str) -> Path:
        if self.folder is None:
            raise ValueError("this cache keeps nothing")
        return self.folder / key[:2] / key


def _head(key: str, packed: bytes) -> bytes:
    checksum = hashlib.sha256(packed).hexdigest().encode()
    return b" ".join([MAGIC, key.encode(), str(len(packed)).encode(), checksum])


def key_of(*parts: str) -> str:
    """Make the key of an entry from everything that its content depends on."""
    return hashlib.sha256("\0".join(parts).encode("utf-8")).hexdigest()
