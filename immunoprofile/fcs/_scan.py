"""One pass over the events for what no keyword tells: NaN, infinity, bits above the range.

Cheap where there is nothing to find: a sum tells whether floats are finite, an OR which bits occur.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from immunoprofile.fcs._decode import EventTable, field_values, mask_of
from immunoprofile.fcs._issues import listing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from immunoprofile.fcs._issues import Findings
    from immunoprofile.fcs._layout import Field

TAG_SHARE = 0.1
"""Bits above the range in at least this share of a column's events are tags, in fewer wrapped values."""
_EXACT_BITS = 53
_GROUP = 64
"""Events that are looked at as one row: numpy is slow on short rows."""


def scan(table: EventTable, names: Sequence[str], findings: Findings) -> None:
    """Look through the chosen columns and note what was found."""
    fields = [table.layout.fields[column] for column in table.columns]
    floats = [k for k, field in enumerate(fields) if field.kind != "I"]
    integers = [k for k, field in enumerate(fields) if field.masked or field.bits > _EXACT_BITS]
    integers = [k for k in integers if fields[k].kind == "I"]
    nan, infinite, high, large = np.zeros((4, len(fields)), dtype=np.int64)
    for start, stop in table.blocks() if floats or integers else ():
        rows = table.store.rows(start, stop)
        if floats and not _all_finite(table, rows, floats):
            for k in floats:
                values = field_values(rows, table.layout, fields[k])
                nan[k] += np.count_nonzero(np.isnan(values))
                infinite[k] += np.count_nonzero(np.isinf(values))
        occurring = _occurring_bits(table, rows) if integers else None
        for k in integers:
            if occurring is not None and not occurring[table.columns[k]] & _watched(fields[k]):
                continue
            values = field_values(rows, table.layout, fields[k])
            above = _watched(fields[k]) & ~mask_of(fields[k])
            high[k] += np.count_nonzero(values & values.dtype.newbyteorder("=").type(above))  # type: ignore[operator]
            if fields[k].bits > _EXACT_BITS:
                large[k] += np.count_nonzero(values > np.uint64(2**_EXACT_BITS))
    _note_floats(names, nan, infinite, findings=findings)
    _note_bits(names, high, count=table.count, findings=findings)
    if large.any():
        findings.info(
            "integers-rounded",
            f"whole numbers above 2^53 are rounded by float64: {_counted(names, large)}",
        )


def _watched(field: Field) -> int:
    """Give the bits whose occurrence calls for a count: those above the range, and above 2^53."""
    everything = (1 << 8 * field.size) - 1
    return everything & ~mask_of(field) | everything & ~((1 << _EXACT_BITS) - 1)


def _occurring_bits(table: EventTable, rows: NDArray[np.uint8]) -> list[int] | None:
    """Tell which bits occur in each column of the file; None where columns differ in width."""
    dtype = table.layout.dtype
    if dtype is None or not table.is_whole:
        return None
    words = rows.view(dtype.newbyteorder("="))  # OR does not care for the order of bytes: no conversion
    grouped = len(words) - len(words) % _GROUP
    wide = words[:grouped].reshape(-1, _GROUP * words.shape[1])
    bits = np.bitwise_or.reduce(wide, axis=0).reshape(_GROUP, -1)
    bits = np.bitwise_or.reduce(np.concatenate([bits, words[grouped:]]), axis=0)
    return [int(value) for value in (bits if dtype.isnative else bits.byteswap())]


def _all_finite(table: EventTable, rows: NDArray[np.uint8], floats: Sequence[int]) -> bool:
    """Whether all floats are finite; a false alarm (a sum that overflows) costs a count, nothing else."""
    dtype = table.layout.dtype
    with np.errstate(all="ignore"):
        if dtype is not None and table.is_whole:
            flat = rows.reshape(-1).view(dtype)
            if not dtype.isnative:
                flat = flat.astype(dtype.newbyteorder("="))
            return bool(np.isfinite(flat.sum()))
        columns = [table.layout.fields[table.columns[k]] for k in floats]
        return all(bool(np.isfinite(field_values(rows, table.layout, field).sum())) for field in columns)


def _counted(names: Sequence[str], counts: NDArray[np.int64]) -> str:
    return listing(f"{name} ({count})" for name, count in zip(names, counts, strict=True) if count)


def _note_floats(
    names: Sequence[str], nan: NDArray[np.int64], infinite: NDArray[np.int64], *, findings: Findings
) -> None:
    if nan.any():
        findings.warn("nan-events", f"events that are not a number, kept: {_counted(names, nan)}")
    if infinite.any():
        findings.warn("inf-events", f"events that are infinite, kept: {_counted(names, infinite)}")


def _note_bits(names: Sequence[str], high: NDArray[np.int64], *, count: int, findings: Findings) -> None:
    tags = np.where(high >= TAG_SHARE * count, high, 0) if count else high
    wrapped = high - tags
    if tags.any():
        findings.info("bits-masked", f"bits above the range were taken away: {_counted(names, tags)}")
    if wrapped.any():
        findings.warn(
            "bits-overrange",
            f"values above the range, wrapped by the mask of the standard: {_counted(names, wrapped)}",
        )
