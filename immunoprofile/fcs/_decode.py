"""DATA to numbers, a block of events at a time: the whole is never held unless it is asked for.

A *store* gives the bytes of events (mapped, copied, or read when asked); an `EventTable` tells their meaning.
"""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from immunoprofile.core import FcsError
from immunoprofile.fcs._file import Stamp

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from immunoprofile.fcs._file import InputFile
    from immunoprofile.fcs._layout import Field, Layout
    from immunoprofile.fcs._scale import Scaling

COPY_BELOW = 16 * 2**20
"""Smaller DATA is copied: a map costs more, and kills the process if the file shrinks."""
_BLOCK_BYTES = 2**21


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
    """Choose how the bytes of events are held: small ones copied, large ones mapped, or read when asked."""
    length = count * stride
    if length < COPY_BELOW:
        content = np.frombuffer(file.read(begin, length), dtype=np.uint8)
        return MemoryStore(table=content.reshape(count, stride))
    if use_map:
        mapped = _mapped(file, begin, length)
        if mapped is not None:
            return MemoryStore(table=mapped.reshape(count, stride))
    return FileStore(path=str(file.findings.path), stamp=file.stamp, begin=begin, stride=stride)


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


# -- columns -------------------------------------------------------------------------------------------------


def field_values(rows: NDArray[np.uint8], layout: Layout, field: Field) -> NDArray[np.generic]:
    """Give the stored numbers of one column, of any width and order, unmasked."""
    cells = rows[:, field.offset : field.offset + field.size]
    letter = "u" if field.kind == "I" else "f"
    if layout.order != "mixed" and field.size in {1, 2, 4, 8}:
        stored = np.dtype(f"{'<' if layout.order == 'little' else '>'}{letter}{field.size}")
        return cells.view(stored)[:, 0]
    significance = layout.significance
    if layout.order != "mixed":
        ascending = range(field.size)
        significance = tuple(ascending if layout.order == "little" else reversed(ascending))
    word = np.dtype(np.uint32 if field.size <= 4 else np.uint64)
    out = np.zeros(len(rows), dtype=word)
    for stored_byte, rank in enumerate(significance):
        out |= cells[:, stored_byte].astype(word) << word.type(8 * rank)
    return out if field.kind == "I" else out.view(f"f{field.size}")


def mask_of(field: Field) -> int:
    """Bits of a stored number that count."""
    return (1 << field.bits) - 1


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
    """

    store: Store
    layout: Layout
    columns: tuple[int, ...]
    scalings: tuple[Scaling, ...]
    count: int

    @property
    def block_events(self) -> int:
        """Events of a block of about 2 MB."""
        return max(1, _BLOCK_BYTES // self.layout.stride)

    @property
    def is_whole(self) -> bool:
        """Whether the chosen columns are all, in order."""
        return self.columns == tuple(range(len(self.layout.fields)))

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Bounds of blocks that cover all events."""
        step = self.block_events
        for start in range(0, self.count, step):
            yield start, min(start + step, self.count)

    def native(self) -> NDArray[np.generic] | None:
        """All events where they lie, if they are native floats that need no scale; read-only."""
        dtype = self.layout.dtype
        if dtype is None or dtype.kind != "f" or not dtype.isnative or not self.is_whole:
            return None
        if not all(scaling.is_identity for scaling in self.scalings) or self.store.whole is None:
            return None
        return _typed(self.store.whole, dtype)

    def events(self) -> NDArray[np.generic]:
        """All chosen events on the scale that was asked for; float32 where every value is exact in it."""
        lying = self.native()
        if lying is not None:
            return lying
        exact = all(
            self.layout.fields[column].exact_in_float32 and scaling.is_identity
            for column, scaling in zip(self.columns, self.scalings, strict=True)
        )
        out: NDArray[np.generic] = np.empty(
            (self.count, len(self.columns)), dtype=np.float32 if exact else np.float64
        )
        everything = tuple(range(len(self.columns)))
        for start, stop in self.blocks():
            self.fill(out[start:stop], start, stop, positions=everything)
        out.flags.writeable = False
        return out

    def block(self, start: int, stop: int, positions: Sequence[int]) -> NDArray[np.float64]:
        """Decode some events of some chosen columns as float64."""
        out = np.empty((stop - start, len(positions)))
        step = self.block_events
        for first in range(start, stop, step):
            last = min(first + step, stop)
            self.fill(out[first - start : last - start], first, last, positions=positions)
        return out

    def fill(self, out: NDArray[np.generic], start: int, stop: int, *, positions: Sequence[int]) -> None:
        """Decode some events into `out`, masked and scaled."""
        rows = self.store.rows(start, stop)
        columns = [self.columns[position] for position in positions]
        with np.errstate(
            all="ignore"
        ):  # a NaN of the file, or 10**x past the largest double, is no news here
            self._fill_stored(out, rows, columns)
            for k, position in enumerate(positions):
                if not self.scalings[position].is_identity:
                    self.scalings[position].apply(out[:, k])  # type: ignore[arg-type]  # float64 wherever scaled

    def _fill_stored(self, out: NDArray[np.generic], rows: NDArray[np.uint8], columns: Sequence[int]) -> None:
        fields = self.layout.fields
        dtype = self.layout.dtype
        if dtype is not None and len(columns) == len(fields) and list(columns) == list(range(len(fields))):
            table = _typed(rows, dtype)
            if any(field.masked for field in fields):
                table = table & np.array([mask_of(field) for field in fields], dtype=dtype.newbyteorder("="))
            out[...] = table
            return
        for k, column in enumerate(columns):
            values = field_values(rows, self.layout, fields[column])
            if fields[column].masked:
                values = values & values.dtype.newbyteorder("=").type(mask_of(fields[column]))  # type: ignore[operator]
            out[:, k] = values


def _typed(rows: NDArray[np.uint8], dtype: np.dtype[np.generic]) -> NDArray[np.generic]:
    """Bytes of events as numbers, without a copy."""
    return rows.view(dtype) if rows.size else np.empty((len(rows), rows.shape[1] // dtype.itemsize), dtype)
