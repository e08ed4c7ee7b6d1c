"""Columns of bytes to numbers with numpy, and what is counted of them for the findings.

The road of small DATA. That of large DATA, with the same results bit for bit, is in ``_compiled.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from immunoprofile.fcs._layout import Field, Layout

NAN, INFINITE, HIGH, LARGE = range(4)
"""What is counted of a column: events that are no number, infinite, with bits above the range, rounded."""
EXACT_BITS = 53
"""Whole numbers of that many bits are exact in float64."""
_GROUP = 64
"""Events that are looked at as one row: numpy is slow on short rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Some columns of a layout.

    Attributes
    ----------
    layout : Layout
    chosen : tuple of int
        In the order wanted; a column may come twice.
    keep_bits : bool
        Leave bits of integers above the range as they are.
    """

    layout: Layout
    chosen: tuple[int, ...]
    keep_bits: bool = False

    @property
    def fields(self) -> tuple[Field, ...]:
        """The columns."""
        return tuple(self.layout.fields[column] for column in self.chosen)

    @property
    def are_all(self) -> bool:
        """Whether these are all columns of the layout, in order."""
        return self.chosen == tuple(range(len(self.layout.fields)))

    @property
    def dtype(self) -> np.dtype[np.generic] | None:
        """The one type of all columns of the layout, where numpy has it and all are chosen."""
        return self.layout.dtype if self.are_all else None

    @property
    def are_native_floats(self) -> bool:
        """Whether the bytes of an event are a row of floats as the processor has them."""
        dtype = self.dtype
        return dtype is not None and dtype.kind == "f" and dtype.isnative

    @property
    def are_exact_in_float32(self) -> bool:
        """Whether float32 holds every number of these columns."""
        return all(field.kind == "F" or self.mask(field).bit_length() <= 24 for field in self.fields)

    @property
    def are_watched(self) -> bool:
        """Whether something could be found in them."""
        return any(
            field.kind != "I" or field.masked or self.mask(field) >> EXACT_BITS for field in self.fields
        )

    def pick(self, positions: Sequence[int]) -> Columns:
        """Choose among the chosen."""
        return Columns(
            layout=self.layout,
            chosen=tuple(self.chosen[position] for position in positions),
            keep_bits=self.keep_bits,
        )

    def mask(self, field: Field) -> int:
        """Bits of a stored number that are kept."""
        return (1 << 8 * field.size) - 1 if self.keep_bits or field.kind != "I" else (1 << field.bits) - 1


def bits_above(field: Field) -> int:
    """Bits of a stored integer above its range."""
    return (1 << 8 * field.size) - (1 << field.bits) if field.kind == "I" else 0


def stored_values(rows: NDArray[np.uint8], layout: Layout, field: Field) -> NDArray[np.generic]:
    """Give the stored numbers of one column, of any width and order, unmasked."""
    cells = rows[:, field.offset : field.offset + field.size]
    letter = "u" if field.kind == "I" else "f"
    if layout.order != "mixed" and field.size in {1, 2, 4, 8}:
        stored = np.dtype(f"{'<' if layout.order == 'little' else '>'}{letter}{field.size}")
        return cells.view(stored)[:, 0]
    word = np.dtype(np.uint32 if field.size <= 4 else np.uint64)
    out = np.zeros(len(rows), dtype=word)
    for stored_byte, rank in enumerate(ranks(layout, field.size)):
        out |= cells[:, stored_byte].astype(word) << word.type(8 * rank)
    return out if field.kind == "I" else out.view(f"f{field.size}")


def ranks(layout: Layout, size: int) -> tuple[int, ...]:
    """Significance of each stored byte of a word, 0 = least."""
    if layout.order == "mixed":
        return layout.significance
    return tuple(range(size) if layout.order == "little" else range(size - 1, -1, -1))


def typed(rows: NDArray[np.uint8], dtype: np.dtype[np.generic]) -> NDArray[np.generic]:
    """Bytes of events as numbers, without a copy."""
    if rows.size:
        return rows.view(dtype)
    empty = np.empty((len(rows), rows.shape[1] // dtype.itemsize), dtype)
    empty.flags.writeable = False
    return empty


# -- decode --------------------------------------------------------------------------------------------------


def decode(columns: Columns, rows: NDArray[np.uint8], out: NDArray[np.generic]) -> None:
    """Decode some events into `out`, masked."""
    dtype = columns.dtype
    with np.errstate(all="ignore"):  # a signalling NaN of the file is no news here
        if dtype is not None:
            table = typed(rows, dtype)
            if dtype.kind == "u":
                table = table & np.array([columns.mask(f) for f in columns.fields], dtype.newbyteorder("="))
            out[...] = table
            return
        for k, field in enumerate(columns.fields):
            out[:, k] = _kept(columns, stored_values(rows, columns.layout, field), field)


def _kept(columns: Columns, values: NDArray[np.generic], field: Field) -> NDArray[np.generic]:
    if field.kind != "I" or columns.mask(field) == (1 << 8 * values.dtype.itemsize) - 1:
        return values
    masked: NDArray[np.generic] = values & values.dtype.newbyteorder("=").type(columns.mask(field))  # type: ignore[operator]
    return masked


# -- count ---------------------------------------------------------------------------------------------------


def count(columns: Columns, rows: NDArray[np.uint8], counts: NDArray[np.int64]) -> None:
    """Add to `counts`, shape (n_columns, 4), what is found in some events.

    Cheap where there is nothing to find: the largest bit pattern tells whether floats are finite, an OR which
    bits occur.
    """
    occurring = _occurring_bits(columns, rows)
    finite = _are_finite(columns, rows)
    for k, field in enumerate(columns.fields):
        watched = bits_above(field) | ~((1 << EXACT_BITS) - 1)
        if field.kind != "I":
            if not finite:
                values = stored_values(rows, columns.layout, field)
                counts[k, NAN] += np.count_nonzero(np.isnan(values))
                counts[k, INFINITE] += np.count_nonzero(np.isinf(values))
        elif (bits_above(field) or columns.mask(field) >> EXACT_BITS) and (
            occurring is None or occurring[k] & watched
        ):
            _count_bits(columns, stored_values(rows, columns.layout, field), field, counts=counts[k])


def _count_bits(
    columns: Columns, values: NDArray[np.generic], field: Field, *, counts: NDArray[np.int64]
) -> None:
    if field.masked:
        native = values.dtype.newbyteorder("=").type
        counts[HIGH] += np.count_nonzero(values & native(bits_above(field)))  # type: ignore[operator]
    if columns.mask(field) >> EXACT_BITS:
        words = _kept(columns, values, field).astype(np.uint64)
        words = words[words >> np.uint64(EXACT_BITS) != 0]
        odd = words // (words & (~words + np.uint64(1)))  # without the trailing zero bits
        counts[LARGE] += np.count_nonzero(odd >> np.uint64(EXACT_BITS))


def _occurring_bits(columns: Columns, rows: NDArray[np.uint8]) -> list[int] | None:
    """Tell which bits occur in each column; None where columns differ in width, or there are few events."""
    dtype = columns.dtype
    if dtype is None or dtype.kind != "u" or not len(rows):
        return None
    words = rows.view(dtype.newbyteorder("="))  # OR does not care for the order of bytes: no conversion
    grouped = len(words) - len(words) % _GROUP
    wide = words[:grouped].reshape(-1, _GROUP * words.shape[1])
    bits = np.bitwise_or.reduce(wide, axis=0).reshape(_GROUP, -1)
    bits = np.bitwise_or.reduce(np.concatenate([bits, words[grouped:]]), axis=0)
    return [int(value) for value in (bits if dtype.isnative else bits.byteswap())]


def _are_finite(columns: Columns, rows: NDArray[np.uint8]) -> bool:
    """Whether floats of one type are all finite, by their bits: those of the others are the largest."""
    dtype = columns.dtype
    if dtype is None or dtype.kind != "f" or not rows.size:
        return False
    size = dtype.itemsize
    words = rows.reshape(-1).view(f"{dtype.byteorder}i{size}")
    if not dtype.isnative:
        words = words.astype(f"i{size}")
    endless = 0x7F800000 if size == 4 else 0x7FF0000000000000
    if words.max() >= endless:
        return False
    return bool(words.view(f"u{size}").max() < endless + (1 << 8 * size - 1))
