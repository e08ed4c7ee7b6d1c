"""Odd but harmless: read right, with at most an info."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from ._case import Case, case_of, truth_of
from ._columns import draw_columns, encode
from ._entry import Entry, entry
from ._layout import FIELDS, At, edges_of, inserted, plan_of

Rng = np.random.Generator
OLD = ("2.0", "3.0")
NEW = ("3.0", "3.1", "3.2")


def padded_numbers(rng: Rng, version: str) -> Case:
    """Spaces, zeros, a plus, a decimal zero: still whole numbers."""
    columns = draw_columns(rng, "F", n_columns=4)
    plan = plan_of(
        version,
        columns,
        {
            "$PAR": "  4 ",
            "$TOT": f"{len(columns[0].raw):010d}",
            "$P1B": "+32",
            "$P2B": "32.0",
            "$P3B": "0032",
        },
    )
    return case_of("harmless", plan)


def float_range(rng: Rng, version: str) -> Case:
    """$PnR of an integer column written as a float."""
    columns = draw_columns(rng, "I", 16, n_columns=3)
    columns = (replace(columns[0], raw=columns[0].raw & np.uint64(1023), range_value=1024), *columns[1:])
    return case_of("harmless", plan_of(version, columns, {"$P1R": "1024.0", "$P2R": " 65536.00 "}))


def tag_bits(rng: Rng, version: str, *, share: float) -> Case:
    """Bits above the range in many events are tags and are masked."""
    columns = draw_columns(rng, "I", 16, n_columns=3, n_events=60)
    made = []
    for number, column in enumerate(columns):
        tagged = rng.random(60) < share
        tagged[:10] = True
        tags = np.where(tagged, np.uint64((number + 1) << 12), np.uint64(0))
        made.append(replace(column, raw=(column.raw & np.uint64(1023)) | tags, range_value=1024))
    return case_of("harmless", plan_of(version, tuple(made)), infos=frozenset({"bits-masked"}))


def odd_range(rng: Rng, version: str, *, top: int, keep: int) -> Case:
    """$PnR not a power of two: the mask keeps the bits of R - 1, and values from R on stay."""
    columns = draw_columns(rng, "I", 16, n_columns=2)
    columns = tuple(replace(c, raw=c.raw & np.uint64(2**keep - 1), range_value=top) for c in columns)
    return case_of("harmless", plan_of(version, columns))


def beyond_range(rng: Rng, version: str, *, kind: str) -> Case:
    """Floats above $PnR, and below 0, stay as they are."""
    columns = tuple(replace(c, raw=c.raw * 1e4, range_value=1024) for c in draw_columns(rng, kind))
    columns = tuple(replace(c, raw=c.raw.astype(np.float32).astype(float)) for c in columns)
    return case_of("harmless", plan_of(version, columns))


def tail(rng: Rng, version: str, *, junk: bytes, crc: str = "zero") -> Case:
    plan = plan_of(version, draw_columns(rng, "F"), gaps={"end": junk}, crc=crc)
    infos = frozenset({"unclaimed-bytes"} if len(junk) > 8 else ())
    return case_of("harmless", plan, infos=infos)


def equal_duplicate(rng: Rng, version: str, *, keyword: str) -> Case:
    plan = plan_of(version, draw_columns(rng, "F"))
    value = dict(plan.keywords)[keyword]
    plan = inserted(plan, (keyword, value), place=3)
    return case_of("harmless", plan, infos=frozenset({"keyword-duplicate"}))


def blank_analysis(rng: Rng, version: str) -> Case:
    header = {"analysis_begin": " " * 8, "analysis_end": " " * 8}
    return case_of("harmless", plan_of(version, draw_columns(rng, "F"), header=header))


def justified(rng: Rng, version: str, *, how: str) -> Case:
    """HEADER numbers at the left, or filled with zeros."""
    plan = plan_of(version, draw_columns(rng, "F"))
    edges = edges_of(plan)
    fill = {"left": "{:<8d}", "zeros": "{:08d}", "middle": "{:^8d}"}[how]
    return case_of("harmless", replace(plan, header={name: fill.format(edges[name]) for name in FIELDS}))


def unknown_keywords(rng: Rng, version: str) -> Case:
    words = {
        "$NEWWORD": "x",
        "VENDOR.Setting": "1e3",
        "P1DISPLAY": "LOG",
        "#weird key": "'; DROP",
        "$P99N": "beyond $PAR",
        "$PAR2": "3",
    }
    plan = plan_of(version, draw_columns(rng, "F"), words)
    return case_of("harmless", plan)


def latin1(rng: Rng, version: str) -> Case:
    """A byte that is no UTF-8 in a version that knows only ASCII."""
    plan = inserted(plan_of(version, draw_columns(rng, "F")), ("$SYS", b"Macintosh System\xaa 9"))
    truth = truth_of(plan)
    texts = {**truth.keywords, "$SYS": "Macintosh System\u00aa 9"}
    return case_of("harmless", plan, truth=replace(truth, keywords=texts), infos=frozenset({"text-not-utf8"}))


def time_gain(rng: Rng, version: str) -> Case:
    """BD writes $PnG 0.01 beside $TIMESTEP 0.01: the gain is not for Time."""
    columns = draw_columns(rng, "F", n_columns=3)
    columns = (*columns[:2], replace(columns[2], name="Time", gain=0.01))
    plan = plan_of(version, columns, {"$TIMESTEP": "0.01"})
    return case_of("harmless", plan, truth=truth_of(plan, timestep=0.01), infos=frozenset({"png-on-time"}))


def after_text(rng: Rng, version: str, *, suffix: bytes) -> Case:
    """White space and NUL after the last delimiter."""
    return case_of("harmless", plan_of(version, draw_columns(rng, "F"), text_suffix=suffix))


def stext_is_text(rng: Rng, version: str) -> Case:
    """Accuri gives the primary TEXT as supplemental TEXT."""
    words = {"$BEGINSTEXT": At(edge="text_begin"), "$ENDSTEXT": At(edge="text_end")}
    return case_of("harmless", plan_of(version, draw_columns(rng, "F"), words))


def zero_offset(rng: Rng, version: str) -> Case:
    """`4,0` is universal before 3.1 and means an offset of 1."""
    columns = draw_columns(rng, "I", 16, n_columns=3)
    columns = tuple(replace(c, raw=c.raw & np.uint64(1023), range_value=1024, decades=4.0) for c in columns)
    return case_of("harmless", plan_of(version, columns), infos=frozenset({"pne-zero-offset"}))


def nameless(rng: Rng, version: str) -> Case:
    """2.0 does not ask for names."""
    plan = plan_of(version, draw_columns(rng, "I", n_columns=3), {"$P2N": None})
    truth = truth_of(plan)
    names = (truth.detectors[0], "P2", truth.detectors[2])
    return case_of("harmless", plan, truth=replace(truth, detectors=names), infos=frozenset({"name-missing"}))


def no_amplification(rng: Rng, version: str) -> Case:
    plan = plan_of(version, draw_columns(rng, "I", n_columns=3), dict.fromkeys(("$P1E", "$P2E", "$P3E")))
    return case_of("harmless", plan)


def identity(rng: Rng, version: str) -> Case:
    columns = draw_columns(rng, "F", n_columns=4)
    names = (columns[2].name, columns[0].name)
    plan = plan_of(version, columns, {"$SPILLOVER": f"2,{names[0]},{names[1]},1,0,0,1"})
    truth = truth_of(plan, spillover=(names, np.eye(2)))
    return case_of("harmless", plan, truth=truth, infos=frozenset({"spillover-identity"}))


def spaced_key(rng: Rng, version: str) -> Case:
    """Keywords are stripped."""
    plan = inserted(plan_of(version, draw_columns(rng, "F")), (" $PROJ ", "trial"))
    return case_of("harmless", plan)


def stored_offsets_2(rng: Rng, version: str) -> Case:
    """A 2.0 file that carries true $BEGINDATA and $ENDDATA."""
    words = {"$BEGINDATA": At(edge="data_begin"), "$ENDDATA": At(edge="data_end")}
    return case_of("harmless", plan_of(version, draw_columns(rng, "F"), words))


def spaced_offsets(rng: Rng, version: str) -> Case:
    """Offsets padded by spaces, as old instruments write them."""
    plan = plan_of(version, draw_columns(rng, "F"))
    edges = edges_of(plan)
    words = {
        name: f"{edges[at]:>12d}" for name, at in (("$BEGINDATA", "data_begin"), ("$ENDDATA", "data_end"))
    }
    keywords = tuple((key, words.get(str(key), value)) for key, value in plan.keywords)
    truth = truth_of(replace(plan, keywords=keywords))
    return case_of("harmless", replace(plan, keywords=keywords), truth=truth)


def _next_word(rng: Rng, version: str, *, value: str) -> Case:
    """A blank $NEXTDATA ends the chain like 0."""
    return case_of("harmless", plan_of(version, draw_columns(rng, "F"), {"$NEXTDATA": value}))


def wide_range(rng: Rng, version: str) -> Case:
    """$PnR above the field keeps every bit."""
    columns = tuple(replace(c, range_value=262144) for c in draw_columns(rng, "I", 16, n_columns=3))
    return case_of("harmless", plan_of(version, columns))


def no_total_and_rest(rng: Rng, version: str) -> Case:
    """Without $TOT, 2.0: the whole events that there are; a rest is no event."""
    columns = draw_columns(rng, "F", n_columns=3)
    body = encode(columns, "1,2,3,4") + b"\x01\x02\x03"
    return case_of("harmless", plan_of(version, columns, {"$TOT": None}, body=body))


def linear_words(rng: Rng, version: str) -> Case:
    """`0.0,0.0` and spaces are linear too."""
    words = {"$P1E": "0.0,0.0", "$P2E": " 0 , 0 ", "$P1G": "1.0", "$P2G": " 1 "}
    return case_of("harmless", plan_of(version, draw_columns(rng, "I", n_columns=2), words))


ENTRIES: tuple[Entry, ...] = (
    entry("padded_numbers", padded_numbers),
    entry("float_range", float_range, "2.0", "3.0", "3.1"),
    entry("tag_bits", partial(tag_bits, share=0.7)),
    entry("tag_bits_few", partial(tag_bits, share=0.05), "2.0", "3.0"),
    entry("range_1000", partial(odd_range, top=1000, keep=10)),
    entry("range_1025", partial(odd_range, top=1025, keep=11), "2.0", "3.0"),
    entry("range_40000", partial(odd_range, top=40000, keep=16), "3.0", "3.1"),
    entry("beyond_range_F", partial(beyond_range, kind="F")),
    entry("beyond_range_D", partial(beyond_range, kind="D"), "3.0"),
    entry("tail_junk", partial(tail, junk=b"left over " * 9)),
    entry("tail_nul", partial(tail, junk=b"\0" * 512), "2.0", "3.1"),
    entry("tail_short", partial(tail, junk=b"\0\0"), "3.0"),
    entry("tail_no_crc", partial(tail, junk=b"<x>abc\x00\xff", crc=""), "3.0", "3.1", "3.2"),
    entry("equal_duplicate", partial(equal_duplicate, keyword="$CYT")),
    entry("equal_structural", partial(equal_duplicate, keyword="$PAR"), "2.0", "3.1"),
    entry("equal_range", partial(equal_duplicate, keyword="$P1R"), "3.0"),
    entry("blank_analysis", blank_analysis),
    *(entry(f"header_{how}", partial(justified, how=how)) for how in ("left", "zeros")),
    entry("header_middle", partial(justified, how="middle"), "3.0"),
    entry("unknown_keywords", unknown_keywords),
    entry("latin1", latin1, *OLD, repeats=2),
    entry("time_gain", time_gain, *NEW),
    *(
        entry(f"after_text_{suffix.hex()[:6]}", partial(after_text, suffix=suffix), version)
        for suffix, version in ((b" " * 7, "2.0"), (b"\0\0\0", "3.0"), (b"\r\n", "3.1"), (b"\t \n\0", "3.2"))
    ),
    entry("stext_is_text", stext_is_text, *NEW),
    entry("zero_offset", zero_offset, *OLD),
    entry("nameless", nameless, "2.0"),
    entry("no_amplification", no_amplification, "2.0"),
    entry("identity", identity, "3.1", "3.2"),
    entry("spaced_key", spaced_key, "2.0", "3.1"),
    entry("offsets_in_2", stored_offsets_2, "2.0"),
    entry("spaced_offsets", spaced_offsets, *NEW),
    entry("nextdata_blank", partial(_next_word, value=" "), "2.0", "3.0"),
    entry("nextdata_zeros", partial(_next_word, value="00000000"), "3.0", "3.1"),
    entry("wide_range", wide_range, "2.0", "3.0"),
    entry("no_total_and_rest", no_total_and_rest, "2.0"),
    entry("linear_words", linear_words, "3.0", "3.1"),
)
