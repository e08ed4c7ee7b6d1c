"""Legal shapes of DATA: types, widths, byte orders, masks, scales, places, sizes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from ._case import NEW, Case, case_of, truth_of
from ._columns import draw_columns, draw_raw
from ._entry import Entry, entry
from ._layout import At, plan_of

LITTLE, BIG = "1,2,3,4", "4,3,2,1"
OLD = ("2.0", "3.0")
Rng = np.random.Generator


def base(rng: Rng, version: str, *, kind: str, bits: int, order: str) -> Case:
    columns = draw_columns(rng, kind, bits)
    wide = kind == "I" and bits == 64 and any((c.raw > np.uint64(2**53)).any() for c in columns)
    infos = frozenset({"integers-rounded"} if wide else ())
    return case_of("legal", plan_of(version, columns, order=order), infos=infos)


def mixed(rng: Rng, version: str) -> Case:
    events = int(rng.integers(20, 50))
    widths = rng.choice([8, 16, 24, 32, 40, 48], 6)
    columns = []
    for column, width in zip(draw_columns(rng, "I", 16, n_columns=6), widths, strict=True):
        raw = draw_raw(rng, "I", (events, int(width)))
        columns.append(replace(column, bits=int(width), raw=raw, range_value=2 ** int(width)))
    return case_of("legal", plan_of(version, tuple(columns), order=str(rng.choice([LITTLE, BIG]))))


def own_types(rng: Rng, version: str, *, datatype: str) -> Case:
    """`$PnDATATYPE` on the columns that differ."""
    events, columns = 33, []
    for number, column in enumerate(draw_columns(rng, "F", n_columns=5)):
        kind, bits = [("I", 16), ("F", 32), ("D", 64), ("I", 32), ("F", 32)][number]
        raw = draw_raw(rng, kind, (events, bits))
        top = 2**bits if kind == "I" else 1000
        columns.append(replace(column, kind=kind, bits=bits, raw=raw, range_value=top))
    order = str(rng.choice([LITTLE, BIG]))
    return case_of("legal", plan_of(version, tuple(columns), datatype=datatype, order=order))


def word_order(rng: Rng, version: str, *, order: str, kind: str, bits: int) -> Case:
    return case_of("legal", plan_of(version, draw_columns(rng, kind, bits), order=order))


def random_order(rng: Rng, version: str) -> Case:
    """Any permutation of eight bytes over doubles."""
    order = rng.permutation(np.arange(1, 9))
    order[[0, 1, 2]] = order[[2, 0, 1]] if list(order) == sorted(order) else order[[0, 1, 2]]
    return case_of("legal", plan_of(version, draw_columns(rng, "D"), order=",".join(map(str, order))))


def narrow_range(rng: Rng, version: str) -> Case:
    """$PnR a power of two below the field, and values that keep to it."""
    columns = draw_columns(rng, "I", 16, n_columns=3)
    columns = tuple(replace(c, raw=c.raw & np.uint64(1023), range_value=1024) for c in columns)
    return case_of("legal", plan_of(version, columns))


def huge_range(rng: Rng, version: str, *, bits: int) -> Case:
    """2^32 over 32 bits and the saturated value 2^32 - 1, which float32 cannot hold."""
    columns = draw_columns(rng, "I", bits, n_columns=3)
    raw = columns[0].raw.copy()
    raw[:5] = np.uint64(2**bits - 1)
    return case_of("legal", plan_of(version, (replace(columns[0], raw=raw), *columns[1:])))


def log_scale(rng: Rng, version: str) -> Case:
    columns = list(draw_columns(rng, "I", 16, n_columns=4))
    shapes = [(4.0, 1.0), (4.5, 0.1), (0.0, 0.0), (5.0, 2.5)]
    for number, (decades, offset) in enumerate(shapes):
        raw = columns[number].raw & np.uint64(1023)
        columns[number] = replace(columns[number], decades=decades, offset=offset, raw=raw, range_value=1024)
    return case_of("legal", plan_of(version, tuple(columns)))


def gain(rng: Rng, version: str, *, kind: str) -> Case:
    columns = draw_columns(rng, kind, n_columns=3)
    gains = (8.0, 0.5, 1.0)
    return case_of(
        "legal", plan_of(version, tuple(replace(c, gain=g) for c, g in zip(columns, gains, strict=True)))
    )


def clock(rng: Rng, version: str, *, kind: str, name: str) -> Case:
    """A Time column with its step."""
    columns = draw_columns(rng, kind, n_columns=3)
    ticks = np.sort(rng.integers(0, 30000, len(columns[0].raw))).astype(columns[0].raw.dtype)
    columns = (*columns[:2], replace(columns[2], name=name, raw=ticks, label=None))
    plan = plan_of(version, columns, {"$TIMESTEP": "0.01"})
    return case_of("legal", plan, truth=truth_of(plan, timestep=0.01))


def extreme_floats(rng: Rng, version: str) -> Case:
    values = np.array([0.0, -0.0, 1e-45, 3.4028234663852886e38, -3.4028234663852886e38, 1.17549435e-38])
    columns = draw_columns(rng, "F", n_columns=2, n_events=6)
    raws = [rng.permutation(values).astype(np.float32).astype(np.float64) for _ in columns]
    return case_of(
        "legal", plan_of(version, tuple(replace(c, raw=r) for c, r in zip(columns, raws, strict=True)))
    )


def few_events(rng: Rng, version: str, *, events: int, kind: str) -> Case:
    return case_of("legal", plan_of(version, draw_columns(rng, kind, n_events=events)))


def empty_but_placed(rng: Rng, version: str) -> Case:
    """No event, though the offsets speak of bytes: $TOT 0 decides."""
    plan = plan_of(version, draw_columns(rng, "F", n_events=0), body=b"x" * 40)
    return case_of("legal", plan)


def no_total(rng: Rng, version: str, *, kind: str) -> Case:
    plan = plan_of(version, draw_columns(rng, kind), {"$TOT": None})
    return case_of("legal", plan)


def header_zero(rng: Rng, version: str) -> Case:
    plan = plan_of(version, draw_columns(rng, "F"), header={"data_begin": 0, "data_end": 0})
    return case_of("legal", plan)


def far_data(rng: Rng, version: str, *, hole: int) -> Case:
    """DATA behind (or across) byte 99,999,999: HEADER says 0."""
    plan = plan_of(version, draw_columns(rng, "F", n_columns=3), gaps={"data": hole})
    return case_of("legal", plan)


def across(rng: Rng, version: str) -> Case:
    """DATA begins just before byte 99,999,999 and ends after it."""
    columns = draw_columns(rng, "F", n_columns=3, n_events=40)
    first = plan_of(version, columns)
    from ._layout import edges_of

    hole = 99_999_999 - edges_of(first)["data_begin"] - 100
    return case_of("legal", plan_of(version, columns, gaps={"data": hole}))


def many_channels(rng: Rng, version: str) -> Case:
    return case_of("legal", plan_of(version, draw_columns(rng, "F", n_columns=300, n_events=12)))


def subset(rng: Rng, version: str, *, how: str, kind: str, bits: int) -> Case:
    """Chosen channels, by name, by number or both, in an order of their own."""
    columns = draw_columns(rng, kind, bits, n_columns=7)
    chosen = tuple(int(i) for i in rng.permutation(7)[:3])
    by_name = [how == "name", how != "number", how == "name"]
    asked = tuple(columns[i].name if named else i for i, named in zip(chosen, by_name, strict=True))
    plan = plan_of(version, columns, order=str(rng.choice([LITTLE, BIG])))
    return case_of("legal", plan, channels=asked, truth=truth_of(plan).picked(chosen))


def layout(rng: Rng, version: str, *, order: tuple[str, ...], gap: bytes) -> Case:
    """Segments in any order with gaps between them."""
    plan = plan_of(version, draw_columns(rng, "F"), segments=order, gaps={"text": gap, "data": gap})
    return case_of("legal", plan)


def other_segment(rng: Rng, version: str) -> Case:
    """A further pair in HEADER; TEXT begins after it."""
    plan = plan_of(
        version, draw_columns(rng, "F"), segments=("text", "other", "data"), other=b"vendor bytes" * 5
    )
    return case_of("legal", plan)


def data_sets(rng: Rng, version: str, *, count: int) -> Case:
    """A chain; the first is what `read_fcs` shows."""
    plans = [
        plan_of(version, draw_columns(rng, str(rng.choice(["I", "F"]))), {"$NEXTDATA": At(edge="next")})
        for _ in range(count - 1)
    ]
    last = plan_of(version, draw_columns(rng, "D"))
    return case_of("warn", (*plans, last), "multiple-datasets")


ENTRIES: tuple[Entry, ...] = (
    *(
        entry(f"base_{kind}{bits}_{name}", partial(base, kind=kind, bits=bits, order=order))
        for kind, bits in (("I", 8), ("I", 16), ("I", 32), ("F", 32), ("D", 64))
        for name, order in (("le", LITTLE), ("be", BIG))
    ),
    *(
        entry(f"int{bits}_{name}", partial(base, kind="I", bits=bits, order=order), version)
        for (bits, name, order), version in zip(
            [(b, n, o) for b in (24, 40, 48, 56, 64) for n, o in (("le", LITTLE), ("be", BIG))],
            ("2.0", "3.0", "3.1", "3.2", "3.0", "3.1", "3.1", "2.0", "3.0", "3.2"),
            strict=True,
        )
    ),
    entry("int_mixed", mixed),
    *(entry(f"pndatatype_{d}", partial(own_types, datatype=d), "3.2") for d in "IFD"),
    *(
        entry(
            f"order_{order.replace(',', '')}_{kind}",
            partial(word_order, order=order, kind=kind, bits=bits),
            version,
        )
        for order, kind, bits, version in (
            ("3,4,1,2", "I", 32, "2.0"),
            ("3,4,1,2", "F", 32, "3.0"),
            ("2,1,4,3", "I", 32, "3.0"),
            ("2,1,4,3", "F", 32, "2.0"),
            ("2,1,3", "I", 24, "2.0"),
            ("2,4,1,3", "I", 32, "3.0"),
            ("1,2", "I", 16, "2.0"),
            ("2,1", "I", 16, "3.0"),
            ("1,2", "I", 8, "3.0"),
            ("1,2,3,4,5,6,7,8", "D", 64, "3.0"),
            ("8,7,6,5,4,3,2,1", "D", 64, "2.0"),
        )
    ),
    entry("order_random8", random_order, *OLD),
    entry("narrow_range", narrow_range, "2.0", "3.1"),
    entry("huge_range_32", partial(huge_range, bits=32), "3.0"),
    entry("huge_range_40", partial(huge_range, bits=40), "3.1"),
    entry("log", log_scale),
    entry("gain_I", partial(gain, kind="I"), "3.0", "3.1"),
    entry("gain_F", partial(gain, kind="F"), "3.0", "3.1", "3.2"),
    entry("time_F", partial(clock, kind="F", name="Time"), *NEW),
    entry("time_I", partial(clock, kind="I", name="TIME"), "3.0"),
    entry("extreme_floats", extreme_floats, "3.0", "3.2"),
    entry("zero_events", partial(few_events, events=0, kind="F")),
    entry("zero_events_int", partial(few_events, events=0, kind="I"), "3.0"),
    entry("zero_but_placed", empty_but_placed, "3.1"),
    entry("one_event", partial(few_events, events=1, kind="F")),
    entry("no_total_F", partial(no_total, kind="F"), "2.0"),
    entry("no_total_I", partial(no_total, kind="I"), "2.0"),
    entry("header_zero", header_zero, *NEW),
    entry("far_data", partial(far_data, hole=100_000_007), "3.1"),
    entry("across_far", across, "3.0"),
    entry("channels_300", many_channels, "3.0", "3.2"),
    entry("subset_name", partial(subset, how="name", kind="F", bits=32), "3.0", "3.1"),
    entry("subset_number", partial(subset, how="number", kind="I", bits=24), "3.0"),
    entry("subset_both", partial(subset, how="both", kind="I", bits=16), "2.0", "3.2"),
    entry("data_first", partial(layout, order=("data", "text"), gap=b"")),
    entry("data_first_gap", partial(layout, order=("data", "text"), gap=b"\0" * 17), "3.0", "3.1"),
    entry("gap_spaces", partial(layout, order=("text", "data"), gap=b" " * 33), "2.0", "3.1"),
    entry("gap_junk", partial(layout, order=("text", "data"), gap=b"unclaimed bytes"), "3.0", "3.2"),
    entry("other_segment", other_segment, "3.0", "3.2"),
    entry("data_sets_2", partial(data_sets, count=2), repeats=2),
    entry("data_sets_4", partial(data_sets, count=4), "2.0", "3.0"),
)
