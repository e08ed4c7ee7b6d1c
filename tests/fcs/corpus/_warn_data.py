"""Deviations of DATA, its place, its widths and its scale that are read right and named."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from ._case import NEW, Case, case_of, truth_of
from ._columns import Column, draw_columns, draw_raw, solid_columns
from ._columns import encode as encode_of
from ._entry import Entry, entry
from ._layout import At, Plan, plan_of

Rng = np.random.Generator
BEGIN, END = "$BEGINDATA", "$ENDDATA"


def text_place(begin: object, end: object, version: str) -> dict[str, object]:
    """DATA as TEXT gives it; 2.0 has none."""
    return {} if version == "2.0" else {BEGIN: begin, END: end}


def placed(version: str, columns: tuple[Column, ...], begin: int, end: int, **layout: object) -> Plan:
    """HEADER and TEXT agree on a place of DATA that is shifted from the true one."""
    first, last = At(edge="data_begin", shift=begin), At(edge="data_end", shift=end)
    header = {"data_begin": first, "data_end": last}
    return plan_of(version, columns, text_place(first, last, version), header=header, **layout)


def end_one_far(rng: Rng, version: str, *, crc: str) -> Case:
    return case_of("warn", placed(version, draw_columns(rng, "F"), 0, 1, crc=crc), "data-end-off-by-one")


def surplus(rng: Rng, version: str, *, extra: int) -> Case:
    """DATA holds more bytes than $TOT events need."""
    columns = solid_columns(rng)
    plan = plan_of(version, columns, body=encode_of(columns, "1,2,3,4") + b"\x07" * extra)
    return case_of("warn", plan, "data-surplus")


def total_low(rng: Rng, version: str) -> Case:
    """$TOT below the events that are there."""
    columns = solid_columns(rng)
    plan = plan_of(version, columns, {"$TOT": "21"})
    return case_of("warn", plan, "data-surplus", truth=truth_of(plan).first(21))


def ends_differ(rng: Rng, version: str, *, where: str) -> Case:
    """One end takes a byte too much: the shorter is right."""
    far = At(edge="data_end", shift=1)
    columns = draw_columns(rng, "F")
    if where == "header":
        return case_of("warn", plan_of(version, columns, header={"data_end": far}), "data-end-conflict")
    return case_of("warn", plan_of(version, columns, {END: far}), "data-end-conflict")


def one_fits(rng: Rng, version: str, *, wrong: str, begin: int, end: int) -> Case:
    """The place of HEADER or of TEXT is wrong and does not fit."""
    columns = solid_columns(rng)
    first, last = At(edge="data_begin", shift=begin), At(edge="data_end", shift=end)
    if wrong == "header":
        plan = plan_of(version, columns, header={"data_begin": first, "data_end": last})
    else:
        plan = plan_of(version, columns, {BEGIN: first, END: last})
    return case_of("warn", plan, "data-offset-conflict")


def both_fit(rng: Rng, version: str, *, wrong: str, shift: int, gap: bytes) -> Case:
    """Both places fit; only the true one follows padding."""
    columns = solid_columns(rng)
    first, last = At(edge="data_begin", shift=shift), At(edge="data_end", shift=shift)
    header = {"data_begin": first, "data_end": last} if wrong == "header" else {}
    words = {} if wrong == "header" else {BEGIN: first, END: last}
    plan = plan_of(version, columns, words, header=header, gaps={"data": gap, "end": b"A" * 200})
    return case_of("warn", plan, "data-offset-conflict")


def header_blank(rng: Rng, version: str) -> Case:
    words = {BEGIN: At(edge="data_begin"), END: At(edge="data_end")}
    header = {"data_begin": " " * 8, "data_end": " " * 8}
    return case_of(
        "warn", plan_of(version, draw_columns(rng, "F"), words, header=header), "header-blank-offsets"
    )


def header_nines(rng: Rng, version: str, *, both: bool) -> Case:
    header: dict[str, object] = {"data_end": 99_999_999}
    header |= {"data_begin": 99_999_999} if both else {}
    return case_of("warn", plan_of(version, draw_columns(rng, "F"), header=header), "header-99999999")


def header_words(rng: Rng, version: str, *, begin: str, end: str) -> Case:
    words = {BEGIN: At(edge="data_begin"), END: At(edge="data_end")}
    header = {"data_begin": begin, "data_end": end}
    return case_of(
        "warn", plan_of(version, draw_columns(rng, "F"), words, header=header), "header-field-invalid"
    )


def no_begindata(rng: Rng, version: str) -> Case:
    return case_of(
        "warn", plan_of(version, draw_columns(rng, "F"), {BEGIN: None, END: None}), "begindata-missing"
    )


def begindata_words(rng: Rng, version: str, *, value: str, code: str) -> Case:
    return case_of("warn", plan_of(version, draw_columns(rng, "F"), {BEGIN: value, END: value}), code)


def short_order(rng: Rng, version: str, *, order: str, kind: str, bits: int) -> Case:
    return case_of("warn", plan_of(version, draw_columns(rng, kind, bits), order=order), "byteord-short")


def padded_width(rng: Rng, version: str, *, bits: int, field: int, tags: bool = False) -> Case:
    """$PnB 10 over 16-bit fields."""
    columns = []
    for column in draw_columns(rng, "I", field, n_columns=3):
        raw = column.raw & np.uint64(2**bits - 1)
        columns.append(replace(column, raw=raw, range_value=2**bits))
    words = {f"$P{n}B": str(bits) for n in (1, 2, 3)}
    if tags:
        words.pop("$P2B")
    return case_of("warn", plan_of(version, tuple(columns), words), "width-padded")


def float_width(rng: Rng, version: str, *, kind: str, said: str) -> Case:
    """The type decides where the size fits it."""
    columns = draw_columns(rng, kind)
    words = {f"$P{n}B": said for n in range(1, len(columns) + 1)}
    return case_of("warn", plan_of(version, columns, words), "float-width")


def overrange(rng: Rng, version: str, *, bits: int, keep: int) -> Case:
    """A few values above the range wrap."""
    columns = []
    for number, column in enumerate(draw_columns(rng, "I", bits, n_columns=3, n_events=400)):
        raw = column.raw & np.uint64(2**keep - 1)
        if number == 1:
            raw[rng.permutation(400)[:6]] |= np.uint64(2**keep)
        columns.append(replace(column, raw=raw, range_value=2**keep))
    return case_of("warn", plan_of(version, tuple(columns)), "bits-overrange")


def zero_offset(rng: Rng, version: str) -> Case:
    columns = draw_columns(rng, "I", 16, n_columns=3)
    columns = tuple(replace(c, raw=c.raw & np.uint64(1023), range_value=1024, decades=4.0) for c in columns)
    return case_of("warn", plan_of(version, columns), "pne-zero-offset")


def log_float(rng: Rng, version: str, *, kind: str, gain: float) -> Case:
    """$PnE is not for floats; a gain is."""
    columns = draw_columns(rng, kind, n_columns=3)
    columns = (replace(columns[0], gain=gain), *columns[1:])
    return case_of("warn", plan_of(version, columns, {"$P1E": "4,1"}), "pne-on-float")


def bad_pne(rng: Rng, version: str, *, value: str) -> Case:
    return case_of("warn", plan_of(version, draw_columns(rng, "F"), {"$P1E": value}), "pne-invalid")


def log_gain(rng: Rng, version: str) -> Case:
    """The gain of a log column is not applied."""
    columns = draw_columns(rng, "I", 16, n_columns=3)
    columns = tuple(
        replace(c, raw=c.raw & np.uint64(1023), range_value=1024, decades=4.0, offset=1.0) for c in columns
    )
    return case_of("warn", plan_of(version, columns, {"$P2G": "8"}), "png-on-log")


def bad_gain(rng: Rng, version: str, *, value: str, kind: str) -> Case:
    return case_of("warn", plan_of(version, draw_columns(rng, kind), {"$P1G": value}), "png-invalid")


def not_finite(rng: Rng, version: str, *, kind: str, value: float, code: str, order: str) -> Case:
    columns = draw_columns(rng, kind, n_columns=4)
    raw = columns[2].raw.copy()
    raw[[0, 7]] = value
    columns = (*columns[:2], replace(columns[2], raw=raw), columns[3])
    return case_of("warn", plan_of(version, columns, order=order), code)


def types_differ(rng: Rng, version: str) -> Case:
    """A gain that is no number on an integer column of a mixed 3.2 file."""
    columns = list(draw_columns(rng, "F", n_columns=3, n_events=30))
    columns[0] = replace(columns[0], kind="I", bits=24, raw=draw_raw(rng, "I", (30, 24)), range_value=2**24)
    plan = plan_of(version, tuple(columns), {"$P1G": "none"}, datatype="F")
    return case_of("warn", plan, "png-invalid")


ENTRIES: tuple[Entry, ...] = (
    entry("data_end", partial(end_one_far, crc="zero")),
    entry("data_end_past_file", partial(end_one_far, crc="")),
    entry("surplus_2", partial(surplus, extra=2)),
    entry("surplus_99", partial(surplus, extra=99), "2.0", "3.1"),
    entry("total_low", total_low, "2.0", "3.0", "3.1"),
    entry("ends_differ_header", partial(ends_differ, where="header"), *NEW),
    entry("ends_differ_text", partial(ends_differ, where="text"), *NEW),
    *(
        entry(
            f"one_fits_{wrong}_{number}",
            partial(one_fits, wrong=wrong, begin=begin, end=end),
            *NEW[number % 3 :],
        )
        for wrong in ("header", "text")
        for number, (begin, end) in enumerate(((46, 46), (-46, -46), (20, 0), (0, -7), (90_000, 90_000)))
    ),
    *(
        entry(f"both_fit_{wrong}_{number}", partial(both_fit, wrong=wrong, shift=shift, gap=gap), *NEW[:2])
        for wrong in ("header", "text")
        for number, (shift, gap) in enumerate(((46, b""), (13, b" \0\r\n"), (120, b"\0" * 40)))
    ),
    entry("header_blank", header_blank),
    entry("header_nines", partial(header_nines, both=False), *NEW),
    entry("header_all_nines", partial(header_nines, both=True), "3.0"),
    entry("header_words", partial(header_words, begin="     abc", end="    12x4")),
    entry("header_hex", partial(header_words, begin="0x000100", end="0x000900"), "3.0"),
    entry("header_negative", partial(header_words, begin="     -12", end="     -15"), "3.1"),
    entry("no_begindata", no_begindata, *NEW),
    entry("begindata_words", partial(begindata_words, value="abc", code="begindata-invalid"), *NEW),
    entry("begindata_float", partial(begindata_words, value="12.5", code="begindata-invalid"), "3.0"),
    entry("begindata_negative", partial(begindata_words, value="-3", code="begindata-invalid"), "3.1"),
    entry("begindata_huge", partial(begindata_words, value="99999999999", code="data-offset-conflict"), *NEW),
    entry("order_12_I32", partial(short_order, order="1,2", kind="I", bits=32), "2.0", "3.0"),
    entry("order_21_I32", partial(short_order, order="2,1", kind="I", bits=32), "2.0", "3.0"),
    entry("order_21_F", partial(short_order, order="2,1", kind="F", bits=32), "2.0", "3.0"),
    entry("order_12_I24", partial(short_order, order="1,2", kind="I", bits=24), "3.0"),
    entry("padded_10", partial(padded_width, bits=10, field=16)),
    entry("padded_20", partial(padded_width, bits=20, field=24), "2.0", "3.0"),
    entry("padded_12_mixed", partial(padded_width, bits=12, field=16, tags=True), "3.1"),
    entry("float_width_F16", partial(float_width, kind="F", said="16"), "2.0", "3.0", "3.1"),
    entry("float_width_F64", partial(float_width, kind="F", said="64"), "3.1", "3.2"),
    entry("float_width_D32", partial(float_width, kind="D", said="32"), "3.0", "3.1"),
    entry("overrange_16", partial(overrange, bits=16, keep=10)),
    entry("overrange_32", partial(overrange, bits=32, keep=24), "3.0", "3.1"),
    entry("zero_offset", zero_offset, "3.1", "3.2", repeats=2),
    entry("log_float_F", partial(log_float, kind="F", gain=1.0)),
    entry("log_float_D", partial(log_float, kind="D", gain=4.0), "3.0", "3.1"),
    *(
        entry(f"pne_{number}", partial(bad_pne, value=value), version)
        for number, (value, version) in enumerate(
            (("log", "3.0"), ("-1,0", "3.1"), ("4", "3.2"), ("0,0,0", "2.0"))
        )
    ),
    entry("log_gain", log_gain),
    *(
        entry(f"gain_{number}", partial(bad_gain, value=value, kind=kind), version)
        for number, (value, kind, version) in enumerate(
            (
                ("0", "F", "3.0"),
                ("-2", "I", "3.1"),
                ("abc", "F", "3.2"),
                ("nan", "F", "3.1"),
                ("0.0", "D", "2.0"),
            )
        )
    ),
    entry("nan_F", partial(not_finite, kind="F", value=np.nan, code="nan-events", order="1,2,3,4")),
    entry("nan_D", partial(not_finite, kind="D", value=np.nan, code="nan-events", order="4,3,2,1"), "3.0"),
    entry("inf_F", partial(not_finite, kind="F", value=np.inf, code="inf-events", order="4,3,2,1")),
    entry("inf_D", partial(not_finite, kind="D", value=-np.inf, code="inf-events", order="1,2,3,4"), "3.1"),
    entry("mixed_gain", types_differ, "3.2"),
)
