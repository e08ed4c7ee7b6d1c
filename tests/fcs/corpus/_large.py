"""Files of several megabytes, where a reader may take another road: maps, blocks, compiled loops."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from ._case import Case, case_of, truth_of
from ._columns import draw_columns, draw_raw
from ._entry import Entry, entry
from ._layout import plan_of

Rng = np.random.Generator
BYTES = 4_600_000
LITTLE, BIG = "1,2,3,4", "4,3,2,1"


def large(rng: Rng, version: str, *, kind: str, bits: int, order: str, size: int = BYTES) -> Case:
    """Sound values of one type."""
    columns = draw_columns(rng, kind, bits, n_columns=5, n_events=size // (5 * bits // 8))
    return case_of("legal", plan_of(version, columns, order=order))


def large_subset(rng: Rng, version: str, *, kind: str, bits: int, order: str) -> Case:
    """Two of five channels."""
    columns = draw_columns(rng, kind, bits, n_columns=5, n_events=BYTES // (5 * bits // 8))
    plan = plan_of(version, columns, order=order)
    asked = (columns[3].name, columns[1].name)
    return case_of("legal", plan, channels=asked, truth=truth_of(plan).picked((3, 1)))


def large_mixed(rng: Rng, version: str) -> Case:
    """Widths that differ, with masks and a log scale."""
    widths = (8, 16, 24, 32, 16)
    events = 8 * BYTES // sum(widths)
    columns = []
    for column, bits in zip(draw_columns(rng, "I", 16, n_columns=5, n_events=1), widths, strict=True):
        raw = draw_raw(rng, "I", (events, bits))
        columns.append(replace(column, bits=bits, raw=raw, range_value=2**bits))
    low = columns[4].raw & np.uint64(1023)
    columns[4] = replace(columns[4], raw=low, range_value=1024, decades=4.0, offset=1.0)
    return case_of("legal", plan_of(version, tuple(columns), order=BIG))


def large_tags(rng: Rng, version: str, *, bits: int, keep: int, share: float) -> Case:
    """Bits above the range: tags in many events, overrange in few."""
    columns = list(draw_columns(rng, "I", bits, n_columns=4, n_events=BYTES // (4 * bits // 8)))
    columns = [replace(c, raw=c.raw & np.uint64(2**keep - 1), range_value=2**keep) for c in columns]
    raw = columns[2].raw.copy()
    raw[rng.random(len(raw)) < share] |= np.uint64(2**keep)
    columns[2] = replace(columns[2], raw=raw)
    plan = plan_of(version, tuple(columns), order=BIG)
    if share >= 0.1:
        return case_of("harmless", plan, infos=frozenset({"bits-masked"}))
    return case_of("warn", plan, "bits-overrange")


def large_nan(rng: Rng, version: str, *, order: str, place: int) -> Case:
    """One event that is no number, at the first, the last or some event."""
    columns = list(draw_columns(rng, "F", n_columns=5, n_events=BYTES // 20))
    raw = columns[4].raw.copy()
    raw[place] = np.nan
    columns[4] = replace(columns[4], raw=raw)
    return case_of("warn", plan_of(version, tuple(columns), order=order), "nan-events")


def large_cut(rng: Rng, version: str) -> Case:
    """A mapped file that lacks its last byte."""
    columns = draw_columns(rng, "F", n_columns=5, n_events=900_000)
    plan = plan_of(version, columns, crc="")
    case = case_of("error", plan, "data-truncated|data-offset-conflict")
    pieces = (*case.pieces[:-2], (case.pieces[-2][0], case.pieces[-2][1][:-1]))
    return replace(case, pieces=pieces, size=case.size - 1, force=truth_of(plan).first(899_999))


ENTRIES: tuple[Entry, ...] = (
    entry("large_F_le", partial(large, kind="F", bits=32, order=LITTLE), "3.1"),
    entry("large_F_be", partial(large, kind="F", bits=32, order=BIG), "3.0"),
    entry("large_F_pdp", partial(large, kind="F", bits=32, order="3,4,1,2"), "3.0"),
    entry("large_F_map", partial(large, kind="F", bits=32, order=LITTLE, size=18_000_000), "3.1"),
    entry("large_F_be_map", partial(large, kind="F", bits=32, order=BIG, size=18_000_000), "3.1"),
    entry("large_D_be", partial(large, kind="D", bits=64, order=BIG), "3.1"),
    entry("large_I16", partial(large, kind="I", bits=16, order=LITTLE), "2.0"),
    entry("large_I16_be", partial(large, kind="I", bits=16, order=BIG), "3.0"),
    entry("large_I24_be", partial(large, kind="I", bits=24, order=BIG), "3.0"),
    entry("large_I24_le", partial(large, kind="I", bits=24, order=LITTLE), "3.1"),
    entry("large_I32_be", partial(large, kind="I", bits=32, order=BIG), "3.0"),
    entry("large_I40", partial(large, kind="I", bits=40, order=LITTLE), "3.0"),
    entry("large_mixed", large_mixed, "3.1"),
    entry("large_subset_F", partial(large_subset, kind="F", bits=32, order=BIG), "3.1"),
    entry("large_subset_I24", partial(large_subset, kind="I", bits=24, order=BIG), "3.0"),
    entry("large_subset_I16", partial(large_subset, kind="I", bits=16, order=LITTLE), "2.0"),
    entry("large_tags_16", partial(large_tags, bits=16, keep=10, share=0.5), "3.0"),
    entry("large_overrange_16", partial(large_tags, bits=16, keep=10, share=0.001), "3.0"),
    entry("large_overrange_24", partial(large_tags, bits=24, keep=18, share=0.0002), "3.1"),
    entry("large_overrange_32", partial(large_tags, bits=32, keep=24, share=0.00002), "3.0"),
    entry("large_nan_first", partial(large_nan, order=LITTLE, place=0), "3.1"),
    entry("large_nan_last", partial(large_nan, order=BIG, place=-1), "3.0"),
    entry("large_cut", large_cut, "3.1"),
)
