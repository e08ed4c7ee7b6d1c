"""What no keyword tells: missing and infinite values, bits above the range, numbers that float64 rounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from immunoprofile.fcs._columns import HIGH, INFINITE, LARGE, NAN
from immunoprofile.fcs._issues import listing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from immunoprofile.fcs._decode import EventTable
    from immunoprofile.fcs._issues import Findings

TAG_SHARE = 0.1
"""Bits above the range in at least this share of a column's events are tags, in fewer wrapped values."""
_BLOCK_BYTES = 2**21


def scan(table: EventTable, names: Sequence[str], findings: Findings) -> None:
    """Look through the chosen columns and note what was found."""
    if table.chosen.are_watched:
        counts = table.counts()
        _note_stored(table, names, counts, findings=findings)
        infinite = counts[:, INFINITE]
    else:
        infinite = np.zeros(len(names), dtype=np.int64)
    _note_overflow(table, names, infinite, findings=findings)


def _note_stored(
    table: EventTable, names: Sequence[str], counts: NDArray[np.int64], *, findings: Findings
) -> None:
    _note_floats(names, counts[:, NAN], counts[:, INFINITE], findings=findings)
    _note_bits(names, counts[:, HIGH], table=table, findings=findings)
    if counts[:, LARGE].any():
        findings.info(
            "integers-rounded",
            f"whole numbers above 2^53 are rounded by float64: {_counted(names, counts[:, LARGE])}",
        )


def _note_overflow(
    table: EventTable, names: Sequence[str], stored: NDArray[np.int64], *, findings: Findings
) -> None:
    """Note finite stored numbers that are infinite on the linear scale; `stored` are infinite as they lie."""
    lost = np.zeros(len(names), dtype=np.int64)
    for position in np.flatnonzero([_may_overflow(table, position) for position in range(len(names))]):
        for start, stop in table.blocks(size=_BLOCK_BYTES):
            lost[position] += np.isinf(table.block(start, stop, [int(position)])).sum()
        lost[position] -= stored[position]
    if lost.any():
        findings.warn("inf-events", f"linear values past the largest number: {_counted(names, lost)}")


def _may_overflow(table: EventTable, position: int) -> bool:
    """Whether the scale of a column makes infinity of any number that it can store."""
    scaling, field = table.scalings[position], table.chosen.fields[position]
    if scaling.is_identity:
        return False
    largest = {"F": np.finfo(np.float32).max, "D": np.finfo(np.float64).max}
    number = np.array([largest.get(field.kind, table.chosen.mask(field))], dtype=np.float64)
    with np.errstate(over="ignore"):
        scaling.apply(number)
    return bool(np.isinf(number[0]))


def _counted(names: Sequence[str], counts: NDArray[np.int64]) -> str:
    return listing(f"{name} ({count})" for name, count in zip(names, counts, strict=True) if count)


def _note_floats(
    names: Sequence[str], nan: NDArray[np.int64], infinite: NDArray[np.int64], *, findings: Findings
) -> None:
    if nan.any():
        findings.warn("nan-events", f"events that are not a number, kept: {_counted(names, nan)}")
    if infinite.any():
        findings.warn("inf-events", f"events that are infinite, kept: {_counted(names, infinite)}")


def _note_bits(
    names: Sequence[str], high: NDArray[np.int64], *, table: EventTable, findings: Findings
) -> None:
    tags = np.where(high >= TAG_SHARE * table.count, high, 0) if table.count else high
    wrapped = high - tags
    if tags.any():
        done = "kept, as asked" if table.keep_bits else "taken away"
        findings.info("bits-masked", f"bits above the range were {done}: {_counted(names, tags)}")
    if wrapped.any() and table.keep_bits:
        findings.info(
            "bits-overrange", f"values above the range, kept as they are stored: {_counted(names, wrapped)}"
        )
    elif wrapped.any():
        findings.warn(
            "bits-overrange",
            f"values above the range, wrapped by the mask of the standard: {_counted(names, wrapped)}",
        )
