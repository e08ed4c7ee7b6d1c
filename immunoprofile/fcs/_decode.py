"""DATA to numbers, a block of events at a time: the whole is not held unless it is asked for.

A *store* gives the bytes of events (mapped, copied, or read when asked); an `EventTable` tells their meaning.
Findings need a look at every event. Where bytes must be turned or widened anyway, that look decodes them, and
the events are kept if they are not too many: the pass over DATA is the dear part.
"""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from immunoprofile.core import FcsError
from immunoprofile.fcs import _columns
from immunoprofile.fcs._columns import Columns
from immunoprofile.fcs._compiled import Program, are_worth
from immunoprofile.fcs._file import Stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from immunoprofile.fcs._file import InputFile
    from immunoprofile.fcs._layout import Layout
    from immunoprofile.fcs._scale import Scaling

COPY_BELOW = 16 * 2**20
"""Smaller DATA is copied: a map costs more, and kills the process if the file shrinks."""
COPY_UNMAPPED_BELOW = 2**29
"""The same, where a map was ruled out."""
KEEP_BELOW = 128 * 2**20
"""Events that the first look has decoded are kept up to so many bytes."""
_BLOCK_BYTES = 2**20
_WIDE_BYTES = 2**24


Decoder: TypeAlias = "Callable[[NDArray[np.uint8], NDArray[Any], NDArray[np.int64] | None], None]"
"""Bytes of events into an array, and what was found added to counts, if they are given."""


class Store(Protocol):
    """Bytes of events, from event `start` to `stop`."""

    @property
    def whole(self) -> NDArray[np.uint8] | None:
        """All bytes (n_events, stride), where they lie in memory or a map."""

    def rows(self, start: int, stop: int) -> NDArray[np.uint8]:
        """Bytes of some events, (stop - start, stride)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MemoryStore:
    """Events in memory or in a map."""

    table: NDArray[np.uint8]

    @property
    def whole(self) -> NDArray[np.uint8]:
        """All bytes."""
        return self.table

    def rows(self, start: int, stop: int) -> NDArray[np.uint8]:
        """Bytes of some events; a view."""
        return self.table[start:stop]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStore:
    """Events that are read from the file each time: for file systems that must not be mapped."""

    path: str
    stamp: Stamp
    begin: int
    stride: int

    @property
    def whole(self) -> None:
        """Nothing is held."""
        return

    def rows(self, start: int, stop: int) -> NDArray[np.uint8]:
        """Bytes of some events, read now."""
        out = np.empty((stop - start, self.stride), dtype=np.uint8)
        if not out.size:
            return out
        try:
            with open(self.path, "rb", buffering=0) as stream:  # noqa: PTH123 - buffering as an argument
                if Stamp.of(os.fstat(stream.fileno())) != self.stamp:
                    raise changed(self.path)
                stream.seek(self.begin + start * self.stride)
                view, done = out.data.cast("B"), 0
                while done < out.size:
                    count = stream.readinto(view[done:])
                    if not count:
                        raise changed(self.path)
                    done += count
        except OSError as error:
            raise FcsError(self.path, "io", problem=f"the system refuses: {error.strerror}") from error
        return out


def changed(path: str) -> FcsError:
    """Build the error of a file that is no longer the one that was opened."""
    return FcsError(
        path,
        "io",
        problem="the file has changed since it was opened",
        hint="read it again; copy files that others write to",
    )


def open_store(file: InputFile, begin: int, count: int, *, stride: int, use_map: bool) -> Store:
    """Choose how the bytes of events are held: copied, mapped, or read when asked."""
    length = count * stride
    if length < (COPY_BELOW if use_map else COPY_UNMAPPED_BELOW):
        return MemoryStore(table=_copied(file, begin, length).reshape(count, stride))
    if use_map:
        mapped = _mapped(file, begin, length)
        if mapped is not None:
            return MemoryStore(table=mapped.reshape(count, stride))
    return FileStore(path=str(file.findings.path), stamp=file.stamp, begin=begin, stride=stride)


def _copied(file: InputFile, begin: int, length: int) -> NDArray[np.uint8]:
    """Read bytes into an array, where the system can: it has large pages, which `bytes` do not have."""
    if not hasattr(os, "preadv"):
        return np.frombuffer(file.read(begin, length), dtype=np.uint8)
    out = np.empty(length, dtype=np.uint8)
    done = 0
    try:
        while done < length:
            count = os.preadv(file.descriptor, [out[done:].data], begin + done)
            if not count:
                raise file.findings.error("io", "the file became shorter while it was read", offset=begin)
            done += count
    except OSError as error:
        raise file.findings.error("io", f"the system refuses: {error.strerror}", offset=begin) from error
    out.flags.writeable = False
    return out


def _mapped(file: InputFile, begin: int, length: int) -> NDArray[np.uint8] | None:
    page = begin - begin % mmap.ALLOCATIONGRANULARITY
    try:
        view = mmap.mmap(file.descriptor, begin - page + length, access=mmap.ACCESS_READ, offset=page)
    except (OSError, ValueError):  # a file system that cannot map: read when asked instead
        return None
    if os.fstat(file.descriptor).st_size < begin + length:
        view.close()
        raise file.findings.error("io", "the file became shorter while it was opened")
    return np.frombuffer(view, dtype=np.uint8, count=length, offset=begin - page)


# -- events --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EventTable:
    """The chosen columns of a file's events.

    Attributes
    ----------
    store : Store
    layout : Layout
        All columns of the file.
    columns : tuple of int
        The chosen ones, in the order asked for.
    scalings : tuple of Scaling
        One a chosen column; identities where stored numbers were asked for.
    count : int
        Number of events.
    keep_bits : bool
        Leave the bits of integers above the range as they are stored.
    """

    store: Store
    layout: Layout
    columns: tuple[int, ...]
    scalings: tuple[Scaling, ...]
    count: int
    keep_bits: bool = False
    _kept: dict[str, NDArray[Any]] = field(default_factory=dict, repr=False)  # events that were decoded once

    @property
    def chosen(self) -> Columns:
        """The chosen columns."""
        return Columns(layout=self.layout, chosen=self.columns, keep_bits=self.keep_bits)

    @property
    def _are_unscaled(self) -> bool:
        return all(scaling.is_identity for scaling in self.scalings)

    @property
    def _dtype(self) -> np.dtype[Any]:
        """Type of the events: float32 where every value is exact in it."""
        exact = self._are_unscaled and self.chosen.are_exact_in_float32
        return np.dtype(np.float32 if exact else np.float64)

    @property
    def _are_compiled(self) -> bool:
        return are_worth(self.count * self.layout.stride)

    @property
    def _size_to_fill(self) -> int:
        """Bytes of a block for all events: kernels mind the cache themselves, numpy and scales do not."""
        mindful = self._are_compiled and self._are_unscaled and self.store.whole is not None
        return _WIDE_BYTES if mindful else _BLOCK_BYTES

    @property
    def _can_be_kept(self) -> bool:
        """Whether the first look may keep what it decodes."""
        size = self.count * len(self.columns) * self._dtype.itemsize
        return self._are_unscaled and self.store.whole is not None and size <= KEEP_BELOW

    def blocks(self, start: int = 0, stop: int | None = None, *, size: int) -> Iterator[tuple[int, int]]:
        """Bounds of blocks of about `size` bytes that cover the events."""
        step, end = max(1, size // self.layout.stride), self.count if stop is None else stop
        for first in range(start, end, step):
            yield first, min(first + step, end)

    def native(self) -> NDArray[Any] | None:
        """All events where they lie as native floats that need no scale, read-only; else None."""
        if "events" in self._kept:
            return self._kept["events"]
        if not (self.chosen.are_native_floats and self._are_unscaled) or self.store.whole is None:
            return None
        dtype = self.layout.dtype
        return None if dtype is None else _columns.typed(self.store.whole, dtype)

    def events(self) -> NDArray[Any]:
        """All chosen events on the scale that was asked for; float32 where every value is exact in it."""
        lying = self.native()
        if lying is not None:
            return lying
        out: NDArray[Any] = np.empty((self.count, len(self.columns)), dtype=self._dtype)
        decode = self._decoder(self.chosen)
        for start, stop in self.blocks(size=self._size_to_fill):
            decode(self.store.rows(start, stop), out[start:stop], None)
            self._scale(out[start:stop], range(len(self.columns)))
        out.flags.writeable = False
        return out

    def counts(self) -> NDArray[np.int64]:
        """Look through all events, and count what there is to find in each column.

        Returns
        -------
        ndarray of int64, shape (n_columns, 4)
            Events that are no number, infinite, with bits above the range, rounded.
        """
        counts = np.zeros((len(self.columns), 4), dtype=np.int64)
        if self.chosen.are_native_floats or not self._are_compiled:
            for start, stop in self.blocks(size=_BLOCK_BYTES):
                _columns.count(self.chosen, self.store.rows(start, stop), counts)
            return counts
        decode = self._decoder(self.chosen)
        if self._can_be_kept:
            out: NDArray[Any] = np.empty((self.count, len(self.columns)), dtype=self._dtype)
            for start, stop in self.blocks(size=self._size_to_fill):
                decode(self.store.rows(start, stop), out[start:stop], counts)
            out.flags.writeable = False
            self._kept["events"] = out
            return counts
        for start, stop in self.blocks(size=_BLOCK_BYTES):
            passing = np.empty((stop - start, len(self.columns)), dtype=self._dtype)
            decode(self.store.rows(start, stop), passing, counts)
        return counts

    def block(self, start: int, stop: int, positions: Sequence[int]) -> NDArray[np.float64]:
        """Decode some events of some chosen columns as float64."""
        out = np.empty((stop - start, len(positions)))
        if "events" in self._kept:
            out[...] = self._kept["events"][start:stop, list(positions)]
            return out
        decode = self._decoder(self.chosen.pick(positions))
        for first, last in self.blocks(start, stop, size=_BLOCK_BYTES):
            part = out[first - start : last - start]
            decode(self.store.rows(first, last), part, None)
            self._scale(part, positions)
        return out

    def _decoder(self, columns: Columns) -> Decoder:
        if not self._are_compiled:
            return lambda rows, out, _counts: _columns.decode(columns, rows, out)
        program, unread = Program.of(columns), np.zeros((len(columns.chosen), 4), dtype=np.int64)
        return lambda rows, out, counts: program.decode(rows, out, unread if counts is None else counts)

    def _scale(self, out: NDArray[Any], positions: Sequence[int]) -> None:
        with np.errstate(
            all="ignore"
        ):  # a NaN of the file, or 10**x past the largest double, is no news here
            for k, position in enumerate(positions):
                if not self.scalings[position].is_identity:
                    self.scalings[position].apply(out[:, k])
