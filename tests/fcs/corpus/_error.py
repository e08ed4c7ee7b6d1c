"""Files that must be refused, each with its reason."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from ._case import NEW, Case, case_of, raw_case, truth_of
from ._columns import draw_columns, solid_columns
from ._entry import Entry, entry
from ._layout import At, bytes_of, edges_of, inserted, plan_of

Rng = np.random.Generator
BEGIN, END = "$BEGINDATA", "$ENDDATA"


def foreign(rng: Rng, version: str, *, content: bytes, says: str) -> Case:
    return raw_case("error", content, "not-fcs", says=says)


def no_file(rng: Rng, version: str, *, special: str, code: str) -> Case:
    return raw_case("error", b"", code, special=special)


def wrong_version(rng: Rng, version: str, *, head: str, codes: str) -> Case:
    plan = plan_of("3.1", draw_columns(rng, "F"))
    return raw_case("error", head.encode() + bytes_of(plan)[10:], codes)


def short_header(rng: Rng, version: str, *, length: int) -> Case:
    plan = plan_of(version, draw_columns(rng, "F"))
    return raw_case("error", bytes_of(plan)[:length], "header-truncated|header-offsets")


def text_place(rng: Rng, version: str, *, begin: object, end: object, code: str) -> Case:
    header = {name: v for name, v in (("text_begin", begin), ("text_end", end)) if v is not None}
    return case_of("error", plan_of(version, draw_columns(rng, "F"), header=header), code)


def cut(rng: Rng, version: str, *, where: float, in_data: bool) -> Case:
    """Truncated at a share of TEXT or of DATA; force gives the whole events that are left."""
    plan = plan_of(version, draw_columns(rng, "F"))
    content, edges = bytes_of(plan), edges_of(plan)
    if not in_data:
        stop = edges["text_begin"] + int(where * (edges["text_end"] + 1 - edges["text_begin"]))
        return raw_case("error", content[:stop], "text-bounds")
    width = 4 * len(plan.columns)
    size = edges["data_end"] + 1 - edges["data_begin"]
    left = min(max(int(where * size), 1), size - 2)
    force = truth_of(plan).first(left // width)
    codes = "data-truncated|data-offset-conflict"
    return raw_case("error", content[: edges["data_begin"] + left], codes, force=force)


def cut_before_data(rng: Rng, version: str) -> Case:
    """Nothing of DATA is left."""
    plan = plan_of(version, draw_columns(rng, "F"))
    content = bytes_of(plan)[: edges_of(plan)["data_begin"]]
    return raw_case("error", content, "data-bounds|data-truncated|data-offset-conflict")


def noise(rng: Rng, version: str) -> Case:
    """TEXT of nothing but random letters and delimiters."""
    plan = plan_of(version, draw_columns(rng, "F"))
    content = bytearray(bytes_of(plan))
    edges = edges_of(plan)
    size = edges["text_end"] - edges["text_begin"]
    letters = np.frombuffer(b"abcdefghijkl", np.uint8)
    content[59 : 59 + size] = rng.choice(letters, size).tobytes()
    return raw_case("error", bytes(content), "text-parse|keyword-missing")


def bad_delimiter(rng: Rng, version: str, *, mark: bytes) -> Case:
    return case_of(
        "error", plan_of(version, draw_columns(rng, "F"), delimiter=mark), "text-parse|keyword-missing"
    )


def without(rng: Rng, version: str, *, word: str) -> Case:
    kind = "I" if word.endswith("R") else "F"
    return case_of(
        "error", plan_of(version, draw_columns(rng, kind, n_columns=3), {word: None}), "keyword-missing"
    )


def value(
    rng: Rng, version: str, *, word: str, given: str, codes: str = "keyword-value", kind: str = "F"
) -> Case:
    return case_of("error", plan_of(version, draw_columns(rng, kind, n_columns=3), {word: given}), codes)


def conflict(rng: Rng, version: str, *, word: str, other: str) -> Case:
    """A structural keyword twice with two values, after or before the true one."""
    kind = "I" if word == "$P2R" else "F"
    plan = plan_of(version, draw_columns(rng, kind, n_columns=3))
    if word == "$P1DATATYPE":
        plan = inserted(plan, (word, "F"))
    place = int(rng.choice([0, 1000]))
    return case_of("error", inserted(plan, (word, other), place=place), "keyword-conflict")


def wrong_order(rng: Rng, version: str, *, order: str, kind: str, bits: int) -> Case:
    """A mixed order over columns of another length."""
    plan = plan_of(version, draw_columns(rng, kind, bits), {"$BYTEORD": order})
    return case_of("error", plan, "byteord")


def packed(rng: Rng, version: str, *, bits: int) -> Case:
    """Values of 10 or 12 bits, packed without padding."""
    columns = draw_columns(rng, "I", 16, n_columns=4, n_events=33)
    size = (33 * 4 * bits + 7) // 8
    words = {f"$P{n}B": str(bits) for n in range(1, 5)}
    return case_of("error", plan_of(version, columns, words, body=rng.bytes(size)), "width-unsupported")


def ascii_numbers(rng: Rng, version: str) -> Case:
    columns = draw_columns(rng, "I", 16, n_columns=2, n_events=20)
    body = " ".join(str(v) for v in np.column_stack([c.raw for c in columns]).ravel()).encode()
    words = {"$P1B": "*", "$P2B": "*"}
    return case_of("error", plan_of(version, columns, words, datatype="A", body=body), "datatype-unsupported")


def no_place(rng: Rng, version: str, *, header: str) -> Case:
    """Neither HEADER nor TEXT says where DATA is."""
    plan = plan_of(
        version,
        draw_columns(rng, "F"),
        {BEGIN: None, END: None},
        header={"data_begin": header, "data_end": header},
    )
    return case_of("error", plan, "data-offsets")


def bad_place(rng: Rng, version: str, *, begin: At | int, end: At | int) -> Case:
    """HEADER and TEXT agree on a place that cannot be."""
    header = {"data_begin": begin, "data_end": end}
    words = (
        {}
        if version == "2.0"
        else {key: at if isinstance(at, At) else str(at) for key, at in ((BEGIN, begin), (END, end))}
    )
    plan = plan_of(version, draw_columns(rng, "F"), words, header=header)
    return case_of("error", plan, "data-bounds|data-truncated")


def none_fits(rng: Rng, version: str, *, first: tuple[int, int], second: tuple[int, int]) -> Case:
    """Two places, both wrong."""
    header = {
        "data_begin": At(edge="data_begin", shift=first[0]), "data_end": At(edge="data_end", shift=first[1])
    }  # fmt: skip
    words = {BEGIN: At(edge="data_begin", shift=second[0]), END: At(edge="data_end", shift=second[1])}
    plan = plan_of(version, solid_columns(rng), words, header=header)
    return case_of("error", plan, "data-offset-conflict")


def both_fit(rng: Rng, version: str, *, gap: bytes, header_true: bool) -> Case:
    """Two places fit and nothing decides; force takes HEADER's."""
    columns = solid_columns(rng)
    shift = 46
    first, last = At(edge="data_begin", shift=shift), At(edge="data_end", shift=shift)
    words = {BEGIN: first, END: last} if header_true else {}
    header = {} if header_true else {"data_begin": first, "data_end": last}
    plan = plan_of(version, columns, words, header=header, gaps={"data": gap, "end": b"A" * 200})
    force = truth_of(plan) if header_true else None
    return case_of("error", plan, "data-offset-ambiguous", force=force)


def padding_twice(rng: Rng, version: str) -> Case:
    """DATA begins with zeros, so that both places follow nothing but padding."""
    columns = list(solid_columns(rng))
    for number, column in enumerate(columns):
        raw = column.raw.copy()
        raw[:10] = 0
        columns[number] = replace(column, raw=raw)
    words = {BEGIN: At(edge="data_begin", shift=24), END: At(edge="data_end", shift=24)}
    plan = plan_of(version, tuple(columns), words, gaps={"end": b"A" * 200})
    return case_of("error", plan, "data-offset-ambiguous", force=truth_of(plan))


def inside_padding(rng: Rng, version: str) -> Case:
    """TEXT points five bytes too early, into the padding before DATA: nothing tells the two apart."""
    words = {BEGIN: At(edge="data_begin", shift=-5), END: At(edge="data_end", shift=-5)}
    plan = plan_of(version, solid_columns(rng), words, gaps={"data": b"\0" * 40})
    return case_of("error", plan, "data-offset-ambiguous", force=truth_of(plan))


def total_high(rng: Rng, version: str, *, given: int | None) -> Case:
    """$TOT says more than there is; force gives the whole events."""
    plan = plan_of(version, draw_columns(rng, "F"), crc="")
    total = plan.n_events + 7 if given is None else given
    words = tuple((k, str(total) if k == "$TOT" else v) for k, v in plan.keywords)
    plan = replace(plan, keywords=words)
    return case_of("error", plan, "data-truncated", force=truth_of(plan))


def long_text(rng: Rng, version: str) -> Case:
    """TEXT of 80 MB, a hole."""
    plan = plan_of(version, draw_columns(rng, "F"), header={"text_end": 80_000_000})
    return replace(case_of("error", plan, "limit"), size=90_000_000)


def channel(rng: Rng, version: str, *, asked: tuple[str | int, ...], code: str) -> Case:
    columns = draw_columns(rng, "F", n_columns=4)
    columns = (*columns[:2], replace(columns[2], name="Twice-A"), replace(columns[3], name="Twice-A"))
    return case_of("error", plan_of(version, columns), code, channels=asked)


FOREIGN = (
    ("empty", b"", "empty"),
    ("ten", b"0123456789", ""),
    ("zip", b"PK\x03\x04\x14\0\0\0" + b"z" * 300, "ZIP"),
    ("png", b"\x89PNG\r\n\x1a\n" + b"p" * 300, "PNG"),
    ("xml", b"<?xml version='1.0'?><Workspace/>" * 4, "XML"),
    ("csv", b"FSC-A,SSC-A,Time\n1,2,3\n4,5,6\n" * 9, "CSV"),
    ("nul", b"\0" * 500, ""),
    ("lower", b"fcs3.0    " * 30, ""),
)
HEADS = (
    *((f"FCS{number}    ", "version-unsupported") for number in ("1.0", "4.0", "3.3", "2.5")),
    ("FCSx.y    ", "version-unsupported|not-fcs"),
    ("FCS 3.0   ", "version-unsupported"),
)
TEXTS = (
    ("blank", " " * 8, " " * 8, "header-offsets"),
    ("words", "     abc", None, "header-offsets"),
    ("low", 40, None, "header-offsets"),
    ("reverse", 300, 200, "header-offsets"),
    ("negative", "     -58", None, "header-offsets"),
    ("beyond", None, 9_999_999, "text-bounds"),
    ("both_beyond", 5_000_000, 9_999_999, "text-bounds"),
    ("zero", 0, 0, "header-offsets"),
)
FANCY = "\u00b3"  # a digit to str.isdigit, and no number to int
VALUES = (
    *(("$PAR", v) for v in ("0", "-3", "abc", "3e0", "3.5", "0x3", FANCY, "\uff13", "1_0", "3 3")),
    *(("$TOT", v) for v in ("-1", "abc", "1e2", "12.5", FANCY, "\u0663\u0660")),
    *(("$P2B", v) for v in ("0", "-8", "abc", "3_2", FANCY)),
)
INTEGER_VALUES = (
    *(("$P2R", v) for v in ("0", "-1024", "wide", "nan", "inf", "1_024")),
    *(("$P1E", v) for v in ("log", "-4,1", "4", "nan,0", "4,1,1")),
)
TWICE = (
    ("$PAR", "2"),
    ("$TOT", "5"),
    ("$DATATYPE", "D"),
    ("$BYTEORD", "4,3,2,1"),
    ("$MODE", "C"),
    ("$NEXTDATA", "999"),
    ("$P1B", "16"),
    ("$P2R", "1024"),
    ("$P1E", "4,1"),
    ("$P3N", "other"),
    ("$p1b", "64"),
)
ORDERS = (
    ("1,1,2,2", "F", 32, "3.0"),
    ("0,1,2,3", "F", 32, "3.0"),
    ("abc", "F", 32, "3.1"),
    ("1,3", "I", 16, "2.0"),
    ("5,4,3,1", "F", 32, "3.1"),
    ("3,4,1,2", "I", 16, "3.0"),
    ("3,4,1,2", "D", 64, "2.0"),
    ("2,1,4,3", "I", 24, "3.0"),
    ("1,2,3,-4", "F", 32, "3.2"),
    ("1;2;3;4", "F", 32, "3.0"),
)

ENTRIES: tuple[Entry, ...] = (
    *(
        entry(f"foreign_{name}", partial(foreign, content=content, says=says), "3.0")
        for name, content, says in FOREIGN
    ),
    entry("directory", partial(no_file, special="directory", code="not-regular-file"), "3.0"),
    entry("fifo", partial(no_file, special="fifo", code="not-regular-file"), "3.0"),
    entry("absent", partial(no_file, special="absent", code="io"), "3.0"),
    *(
        entry(f"version_{n}", partial(wrong_version, head=head, codes=codes), "3.1")
        for n, (head, codes) in enumerate(HEADS)
    ),
    *(entry(f"short_{n}", partial(short_header, length=n), "3.0") for n in (6, 10, 33, 57)),
    *(
        entry(f"text_{name}", partial(text_place, begin=b, end=e, code=code), version)
        for (name, b, e, code), version in zip(TEXTS, ("2.0", "3.0", "3.1", "3.2") * 2, strict=True)
    ),
    *(
        entry(f"cut_text_{n}", partial(cut, where=where, in_data=False), version)
        for n, (where, version) in enumerate(((0, "2.0"), (0.1, "3.0"), (0.5, "3.1"), (0.99, "3.2")))
    ),
    *(
        entry(f"cut_data_{n}", partial(cut, where=where, in_data=True), *("2.0", "3.1")[n % 2 :])
        for n, where in enumerate((0, 0.2, 0.5, 0.8, 0.97, 1))
    ),
    entry("cut_before_data", cut_before_data, "2.0", "3.1"),
    entry("noise", noise, "2.0", "3.1"),
    *(
        entry(f"delimiter_{mark.hex()}", partial(bad_delimiter, mark=mark), "3.1")
        for mark in (b"Q", b"7", b" ", b"\0", b"\xb7", b"\x7f")
    ),
    *(
        entry(f"without_{word.strip('$')}", partial(without, word=word), *versions)
        for word, versions in (
            ("$PAR", ("2.0", "3.1")),
            ("$DATATYPE", ("2.0", "3.2")),
            ("$BYTEORD", ("3.0", "3.1")),
            ("$P1B", ("2.0", "3.0")),
            ("$P3B", ("3.2",)),
            ("$P2R", ("2.0", "3.0", "3.1")),
        )
    ),
    *(
        entry(f"value_{n:02d}", partial(value, word=word, given=given), "3.1")
        for n, (word, given) in enumerate(VALUES)
    ),
    *(
        entry(f"integer_value_{n:02d}", partial(value, word=word, given=given, kind="I"), "3.0")
        for n, (word, given) in enumerate(INTEGER_VALUES)
    ),
    entry("par_high", partial(value, word="$PAR", given="4", codes="keyword-missing"), "2.0", "3.1"),
    entry("par_huge", partial(value, word="$PAR", given="999999999", codes="limit"), "2.0", "3.0"),
    entry("par_10_20", partial(value, word="$PAR", given="1" + "0" * 20, codes="limit|keyword-value"), "3.1"),
    entry("tot_400_digits", partial(value, word="$TOT", given="9" * 400, codes="limit|keyword-value"), "3.0"),
    entry(
        "width_72",
        partial(value, word="$P1B", given="72", codes="width-unsupported|keyword-value", kind="I"),
        "3.0",
        "3.1",
    ),
    *(
        entry(f"mode_{m}", partial(value, word="$MODE", given=m, codes="mode-unsupported"), "2.0", "3.0")
        for m in "CU"
    ),
    entry("mode_X", partial(value, word="$MODE", given="X", codes="mode-unsupported|keyword-value"), "3.1"),
    entry("datatype_A", ascii_numbers, "2.0", "3.0", "3.1"),
    entry(
        "datatype_X",
        partial(value, word="$DATATYPE", given="X", codes="datatype-unsupported|keyword-value"),
        "3.0",
        "3.2",
    ),
    entry(
        "pndatatype_X",
        partial(value, word="$P1DATATYPE", given="X", codes="datatype-unsupported|keyword-value"),
        "3.2",
    ),
    entry(
        "pndatatype_A",
        partial(value, word="$P2DATATYPE", given="A", codes="datatype-unsupported|keyword-value"),
        "3.2",
    ),
    *(
        entry(f"twice_{word.strip('$')}", partial(conflict, word=word, other=other), *("2.0", "3.1")[n % 2 :])
        for n, (word, other) in enumerate(TWICE)
    ),
    entry("twice_BEGINDATA", partial(conflict, word=BEGIN, other="99"), "3.0", "3.1"),
    entry("twice_ENDDATA", partial(conflict, word=END, other="999"), "3.0", "3.2"),
    entry("twice_P1DATATYPE", partial(conflict, word="$P1DATATYPE", other="I"), "3.2"),
    *(
        entry(f"order_{n}", partial(wrong_order, order=order, kind=kind, bits=bits), version)
        for n, (order, kind, bits, version) in enumerate(ORDERS)
    ),
    entry("packed_10", partial(packed, bits=10), "2.0", "3.0", "3.2"),
    entry("packed_12", partial(packed, bits=12), "3.1"),
    entry("no_place_blank", partial(no_place, header=" " * 8), "2.0", "3.0"),
    entry("no_place_zero", partial(no_place, header="       0"), "2.0", "3.1"),
    entry("place_in_header", partial(bad_place, begin=10, end=At(edge="data_end")), "2.0", "3.0"),
    entry(
        "place_in_text",
        partial(bad_place, begin=At(edge="text_end", shift=-50), end=At(edge="data_end", shift=-51)),
        "2.0",
        "3.1",
    ),
    entry(
        "place_beyond",
        partial(bad_place, begin=At(edge="next", shift=900), end=At(edge="next", shift=2000)),
        "2.0",
        "3.0",
        "3.2",
    ),
    *(
        entry(f"none_fits_{n}", partial(none_fits, first=first, second=second), *NEW[n % 2 :])
        for n, (first, second) in enumerate(
            (((46, 46), (-46, -46)), ((9000, 9000), (70, 70)), ((0, -9), (20, 0)))
        )
    ),
    entry("both_fit_header", partial(both_fit, gap=b"junk!", header_true=True), *NEW),
    entry("both_fit_text", partial(both_fit, gap=b"junk!", header_true=False), *NEW),
    entry("both_padded", padding_twice, "3.0", "3.1"),
    entry("inside_padding", inside_padding, *NEW),
    entry("total_high", partial(total_high, given=None)),
    entry("total_10_19", partial(total_high, given=10**19), "2.0", "3.1"),
    entry("total_2_62", partial(total_high, given=2**62), "3.0"),
    entry("long_text", long_text, "3.0"),
    entry("channel_unknown", partial(channel, asked=("NOPE",), code="channel-unknown"), "2.0", "3.1"),
    entry("channel_number", partial(channel, asked=(0, 4), code="channel-unknown"), "3.0"),
    entry("channel_twice", partial(channel, asked=("Twice-A",), code="channel-ambiguous"), "2.0", "3.1"),
)
