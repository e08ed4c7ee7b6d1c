"""Events on their way into a file: blocks of float32 or float64 from arrays, data frames and samples.

A block is small, so that writing a large table takes no second copy of it. Nothing is rounded: a value that
float64 cannot hold is refused, and a survey tells which columns float32 holds bit by bit.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.core import FcsError
from immunoprofile.fcs._decode import MemoryStore
from immunoprofile.fcs._sample import Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import ArrayLike, NDArray

BLOCK_BYTES = 2**22
_EXACT = 2.0**53
"""Up to here float64 holds every whole number."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EventSource:
    """A table that is read a block at a time.

    Attributes
    ----------
    rows, channels : int
        Size of the table.
    take : callable
        Gives events `start` to `stop` as float32 or float64, two axes, native byte order.
    where : ndarray of bool, shape (rows,), or None
        The events that are meant; all by default.
    """

    rows: int
    channels: int
    take: Callable[[int, int], NDArray[Any]]
    where: NDArray[np.bool_] | None = None

    @property
    def count(self) -> int:
        """Number of events that are meant."""
        return self.rows if self.where is None else int(np.count_nonzero(self.where))

    def blocks(self) -> Iterator[NDArray[Any]]:
        """Give all events, in order, C-contiguous."""
        step = max(1, BLOCK_BYTES // (8 * self.channels))
        for start in range(0, self.rows, step):
            stop = min(start + step, self.rows)
            chosen = None if self.where is None else self.where[start:stop]
            if chosen is not None and not chosen.any():
                continue
            block = self.take(start, stop)
            yield np.ascontiguousarray(block if chosen is None else block[chosen])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Survey:
    """What one pass over the events tells.

    Attributes
    ----------
    top : ndarray of float64, shape (n_channels,)
        Largest finite value; -inf where there is none.
    wide : ndarray of bool, shape (n_channels,)
        Columns with a value that float32 does not hold exactly.
    """

    top: NDArray[np.float64]
    wide: NDArray[np.bool_]


def survey(source: EventSource) -> Survey:
    """Look through the events once."""
    top = np.full(source.channels, -np.inf)
    wide = np.zeros(source.channels, dtype=bool)
    for block in source.blocks():
        top = np.maximum(top, _finite_top(block))
        if block.dtype == np.float64 and not wide.all():
            wide |= _not_exact(block)
    return Survey(top=top, wide=wide)


def _finite_top(block: NDArray[Any]) -> NDArray[np.float64]:
    top = block.max(axis=0)  # NaN where a column has one
    if not np.isfinite(top).all():
        top = np.max(block, axis=0, where=np.isfinite(block), initial=-np.inf)
    out: NDArray[np.float64] = top.astype(np.float64)
    return out


def _not_exact(block: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell the columns that change when they go through float32; compared by bits, so that NaN counts too."""
    with np.errstate(all="ignore"):
        back = block.astype(np.float32).astype(np.float64)
    out: NDArray[np.bool_] = (back.view(np.uint64) != block.view(np.uint64)).any(axis=0)
    return out


# -- sources -------------------------------------------------------------------------------------------------


def is_frame(events: object) -> bool:
    """Whether events are a pandas DataFrame; pandas is not imported for the question."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(events, pandas.DataFrame)


def source_of(events: ArrayLike | Sample, path: object, where: ArrayLike | None = None) -> EventSource:
    """Make a source of whatever was given.

    Raises
    ------
    FcsError
        ``write-values``.
    """
    if isinstance(events, Sample):
        source = _of_sample(events)
    elif is_frame(events):
        source = _of_frame(events, path)
    else:
        source = _of_array(events, path)
    if source.channels == 0:
        raise _shape((source.rows, 0), path)
    return source if where is None else _chosen(source, where, path)


def _chosen(source: EventSource, where: ArrayLike, path: object) -> EventSource:
    mask = np.asarray(where)
    if mask.dtype != bool or mask.shape != (source.rows,):
        raise FcsError(
            path,
            "write-values",
            problem=f"where is {mask.dtype} of shape {mask.shape}",
            hint=f"bool of shape ({source.rows},), one an event, is expected",
        )
    return EventSource(rows=source.rows, channels=source.channels, take=source.take, where=mask)


def _of_sample(sample: Sample) -> EventSource:
    table = sample._events_table()  # of the same room
    lying = table.native()

    def take(start: int, stop: int) -> NDArray[Any]:
        if lying is not None:
            return lying[start:stop]
        rows = MemoryStore(table=table.store.rows(start, stop))
        return replace(table, store=rows, count=stop - start, _kept={}).events()

    return EventSource(rows=sample.n_events, channels=sample.n_channels, take=take)


def _of_array(events: Any, path: object) -> EventSource:
    if isinstance(events, np.ma.MaskedArray) and np.ma.is_masked(events):
        raise FcsError(
            path,
            "write-values",
            problem="events are masked",
            hint="fill the masked ones with nan, or leave these events out",
        )
    array = np.asarray(events)
    check_dtype(array.dtype, path)
    if array.ndim != 2:
        raise _shape(array.shape, path)
    return EventSource(
        rows=array.shape[0],
        channels=array.shape[1],
        take=lambda start, stop: as_floats(array[start:stop], path),
    )


def _of_frame(frame: Any, path: object) -> EventSource:
    columns = [frame.iloc[:, i] for i in range(frame.shape[1])]
    for column in columns:
        kind = getattr(column.dtype, "kind", "O")
        if kind not in "fiub":
            raise _type(column.dtype, path)

    def take(start: int, stop: int) -> NDArray[Any]:
        parts = [_series_floats(column.iloc[start:stop], path) for column in columns]
        out = np.empty((stop - start, len(parts)), dtype=np.result_type(*parts))
        for i, part in enumerate(parts):
            out[:, i] = part
        return out

    return EventSource(rows=len(frame), channels=len(columns), take=take)


def _series_floats(series: Any, path: object) -> NDArray[Any]:
    """Values of a column; missing ones are NaN."""
    if isinstance(series.dtype, np.dtype):
        return as_floats(series.to_numpy(), path)
    missing = series.isna().to_numpy(dtype=bool)
    if series.dtype.kind not in "iub":
        floats: NDArray[Any] = series.to_numpy(dtype=np.float64, na_value=np.nan)
        return floats
    whole = {"i": np.int64, "u": np.uint64, "b": np.bool_}[series.dtype.kind]
    values = as_floats(series.fillna(value=series.dtype.type(0)).to_numpy(dtype=whole), path)
    return np.where(missing, np.nan, values)


def check_dtype(dtype: np.dtype[Any], path: object) -> None:
    """See that numbers are real."""
    if dtype.kind not in "fiub":
        raise _type(dtype, path)


def _type(dtype: object, path: object) -> FcsError:
    return FcsError(
        path,
        "write-values",
        problem=f"events are of type {dtype}",
        hint="real numbers are expected",
    )


def _shape(shape: tuple[int, ...], path: object) -> FcsError:
    return FcsError(
        path,
        "write-values",
        problem=f"events have shape {shape}",
        hint="(n_events, n_channels) with at least one channel is expected",
    )


def as_floats(array: NDArray[Any], path: object) -> NDArray[Any]:
    """Bring real numbers into float32 or float64, whichever surely holds their type; nothing is rounded.

    Raises
    ------
    FcsError
        ``write-values``: a value that float64 cannot hold.
    """
    kind, size = array.dtype.kind, array.dtype.itemsize
    narrow = size <= 2 or (kind == "f" and size == 4)
    with np.errstate(all="ignore"):
        out = array.astype(np.float32 if narrow else np.float64, copy=False)
    if size >= 8 and not (kind == "f" and size == 8) and not _same(out, array):
        raise FcsError(
            path,
            "write-values",
            problem="events hold numbers that float64 cannot keep",
            hint="convert them to float64 first, if rounding them is meant",
        )
    return out


def _same(floats: NDArray[Any], array: NDArray[Any]) -> bool:
    if array.dtype.kind == "f":  # a longer float
        return bool(np.array_equal(floats.astype(array.dtype), array, equal_nan=True))
    if not floats.size or np.abs(floats).max() < _EXACT:
        return True
    limit = float(2 ** (8 * array.dtype.itemsize - (array.dtype.kind == "i")))
    inside = floats < limit  # one that was rounded up to the limit is no value of the type
    back = np.where(inside, floats, 0.0).astype(array.dtype)
    return bool(inside.all() and np.array_equal(back, array))
