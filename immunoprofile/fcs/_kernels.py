"""Kernels of the reader: bytes of events to numbers in one pass, with the counts that the findings need.

A *column* is any run of 1 to 8 bytes in an event, in any order of bytes. Its words are gathered tile by tile
(they stay in the processor's cache), then masked, counted and widened, or taken for a float by their bits.
Two layouts that most files have are taken flat, so that the processor handles many values at once: 32-bit
floats in the other order of bytes, and integers of one width. For little-endian processors.
"""

# ruff: noqa: PLR0913, PLR0917, FBT001 - numba knows no keyword-only arguments
from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numba import types as numba_types
from numba.extending import intrinsic

from immunoprofile.core.kernels import kernel
from immunoprofile.fcs import _columns
from immunoprofile.fcs._columns import EXACT_BITS, HIGH, INFINITE, LARGE, NAN

INTEGER, SINGLE, DOUBLE = range(3)
"""Kinds of a column."""
OFFSET, SIZE, KIND = range(3)
"""What `places` says of a column."""
MASK, ABOVE = range(2)
"""What `masks` says of a column: bits that are kept, bits whose occurrence is counted."""
LITTLE, BIG, MIXED = range(3)
"""Orders of bytes."""
TILE = 256
"""Words of a column that are held at a time."""
SOURCES = (__file__, _columns.__file__)

types: Any = numba_types  # typed in some versions of numba only
ir: Any = import_module("llvmlite.ir")  # not typed; comes with numba
_BYTES = types.Array(types.uint8, 1, "C", readonly=True)
_PLACES, _MASKS = types.Array(types.int64, 2, "C"), types.Array(types.uint64, 2, "C")
_RANKS, _COUNTS = types.Array(types.int64, 1, "C"), types.Array(types.int64, 2, "C")
_FLAT = types.Array(types.uint32, 1, "C")


def _loader(bits: int) -> Any:
    """Make the loading of a native number from any byte, aligned or not."""

    def load(_typing: Any, cells: Any, at: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            array = context.make_array(signature.args[0])(context, builder, given[0])
            place = builder.bitcast(builder.gep(array.data, [given[1]]), ir.IntType(bits).as_pointer())
            return builder.load(place, align=1)

        return getattr(types, f"uint{bits}")(cells, at), build

    return intrinsic(load)


_load_2, _load_4, _load_8 = _loader(16), _loader(32), _loader(64)


def _turning(_typing: Any, word: Any) -> Any:
    """Turn the order of the bytes of a word."""

    def build(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return builder.bswap(given[0])

    return word(word), build


_turned: Any = intrinsic(_turning)


# -- any layout, column by column ---------------------------------------------------------------------------


@kernel(sources=SOURCES)
def _gather(cells: Any, at: int, stride: int, size: int, order: int, ranks: Any, words: Any) -> None:
    """Gather a column's words, from the event whose column begins at byte `at` on."""
    n = words.size
    whole = 0  # words that have 8 bytes to load
    if order != MIXED and cells.size >= at + 8:
        whole = min(n, (cells.size - at - 8) // stride + 1)
    spare = np.uint64(64 - 8 * size)
    if order == LITTLE:
        for i in range(whole):
            words[i] = (_load_8(cells, at + i * stride) << spare) >> spare
    else:
        for i in range(whole):
            words[i] = _turned(_load_8(cells, at + i * stride)) >> spare
    for i in range(whole, n):
        word = np.uint64(0)
        for k in range(size):
            rank = k if order == LITTLE else size - 1 - k if order == BIG else ranks[k]
            word |= np.uint64(cells[at + i * stride + k]) << np.uint64(8 * rank)
        words[i] = word


@kernel(sources=SOURCES)
def _integers(words: Any, mask: Any, out: Any, counts: Any) -> None:
    """Mask whole numbers; count those with bits above the range, and those that float64 rounds."""
    keep, above = mask[MASK], mask[ABOVE]
    high = np.uint64(0)
    for i in range(words.size):
        high += np.uint64((words[i] & above) != 0)
    counts[HIGH] += np.int64(high)
    if keep >> np.uint64(EXACT_BITS) == 0:
        for i in range(words.size):
            out[i] = np.int64(words[i] & keep)  # processors convert signed numbers faster
        return
    large = np.uint64(0)
    for i in range(words.size):
        value = words[i] & keep
        out[i] = value
        if value >> np.uint64(EXACT_BITS) != 0:
            odd = value // (value & (~value + np.uint64(1)))  # without its trailing zero bits
            large += np.uint64(odd >> np.uint64(EXACT_BITS) != 0)
    counts[LARGE] += np.int64(large)


@kernel(sources=SOURCES)
def _count_odd(words: Any, endless: Any, unsigned: Any, counts: Any) -> None:
    """Count floats that are no number or infinite, by their bits."""
    odd = np.uint64(0)
    for i in range(words.size):
        odd += np.uint64((words[i] & endless) == endless)
    if odd:
        for i in range(words.size):
            size = words[i] & unsigned
            counts[NAN] += np.int64(size > endless)
            counts[INFINITE] += np.int64(size == endless)


@kernel(sources=SOURCES)
def _singles(words: Any, out: Any, counts: Any) -> None:
    """Take words for 32-bit floats."""
    _count_odd(words, np.uint64(0x7F800000), np.uint64(0x7FFFFFFF), counts)
    for i in range(words.size):
        out[i] = np.uint32(words[i]).view(np.float32)


@kernel(sources=SOURCES)
def _doubles(words: Any, out: Any, counts: Any) -> None:
    """Take words for 64-bit floats."""
    _count_odd(words, np.uint64(0x7FF0000000000000), np.uint64(0x7FFFFFFFFFFFFFFF), counts)
    for i in range(words.size):
        out[i] = np.uint64(words[i]).view(np.float64)


def _decode_of(number: Any) -> Any:
    out = types.Array(number, 2, "C")
    return types.void(_BYTES, types.int64, types.int64, _PLACES, _MASKS, _RANKS, out, _COUNTS)


@kernel(_decode_of(types.float32), _decode_of(types.float64), sources=SOURCES)
def decode(
    cells: Any, stride: int, order: int, places: Any, masks: Any, ranks: Any, out: Any, counts: Any
) -> None:
    """Decode columns of any width into `out` (n_events, n_columns) and add to `counts`."""
    words = np.empty(TILE, np.uint64)
    for first in range(0, out.shape[0], TILE):
        last = min(first + TILE, out.shape[0])
        tile = words[: last - first]
        for k in range(places.shape[0]):
            at = first * stride + places[k, OFFSET]
            _gather(cells, at, stride, places[k, SIZE], order, ranks, tile)
            target = out[first:last, k]
            if places[k, KIND] == INTEGER:
                _integers(tile, masks[k], target, counts[k])
            elif places[k, KIND] == SINGLE:
                _singles(tile, target, counts[k])
            else:
                _doubles(tile, target, counts[k])


# -- layouts of one type, flat ---------------------------------------------------------------------------


@kernel(sources=SOURCES)
def _gather_flat(cells: Any, at: int, size: int, swapped: bool, words: Any) -> None:
    """Gather neighboring words of 1 to 4 bytes; 4 bytes can be loaded at each."""
    spare = np.uint32(32 - 8 * size)
    if size == 2 and swapped:
        for i in range(words.size):
            words[i] = _turned(_load_2(cells, at + 2 * i))
    elif size == 2:
        for i in range(words.size):
            words[i] = _load_2(cells, at + 2 * i)
    elif size == 3 and swapped:  # the width as a constant: twice as fast
        for i in range(words.size):
            words[i] = _turned(_load_4(cells, at + 3 * i)) >> np.uint32(8)
    elif swapped:
        for i in range(words.size):
            words[i] = _turned(_load_4(cells, at + size * i)) >> spare
    else:
        for i in range(words.size):
            words[i] = (_load_4(cells, at + size * i) << spare) >> spare


@kernel(sources=SOURCES)
def _gather_end(cells: Any, at: int, size: int, swapped: bool, words: Any) -> None:
    """Gather the last words byte by byte."""
    for i in range(words.size):
        word = np.uint32(0)
        for k in range(size):
            rank = size - 1 - k if swapped else k
            word |= np.uint32(cells[at + i * size + k]) << np.uint32(8 * rank)
        words[i] = word


@kernel(
    types.void(_BYTES, types.int64, types.boolean, _FLAT, _FLAT, types.Array(types.float32, 1, "C"), _RANKS),
    sources=SOURCES,
)
def decode_flat(cells: Any, size: int, swapped: bool, keep: Any, above: Any, out: Any, high: Any) -> None:
    """Decode integers of one width (1 to 4 bytes); `keep`, `above` and `high` hold a few whole events.

    No value is kept that has more than 24 bits.
    """
    words, tally = np.empty(keep.size, np.uint32), np.zeros(keep.size, np.uint32)
    for first in range(0, out.size, keep.size):
        n = min(keep.size, out.size - first)
        at, tile, target = first * size, words[:n], out[first : first + n]
        if at + n * size + 4 <= cells.size:
            _gather_flat(cells, at, size, swapped, tile)
        else:
            _gather_end(cells, at, size, swapped, tile)
        for i in range(n):
            tally[i] += np.uint32((tile[i] & above[i]) != 0)
        for i in range(n):
            target[i] = np.int32(tile[i] & keep[i])
    for i in range(high.size):
        high[i] += tally[i]


@kernel(types.boolean(_BYTES, types.Array(types.uint32, 1, "C")), sources=SOURCES)
def swap_singles(cells: Any, out: Any) -> Any:
    """Turn the bytes of 32-bit floats; tell whether one is not finite."""
    endless = np.uint32(0x7F800000)
    odd = np.uint32(0)
    for i in range(out.size):
        word = _turned(_load_4(cells, 4 * i))
        out[i] = word
        odd |= np.uint32((word & endless) == endless)
    return odd != 0
