"""Deviations of HEADER and TEXT that are read right and named."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from ._case import NEW, Case, case_of, truth_of
from ._columns import draw_columns
from ._entry import Entry, entry
from ._layout import At, inserted, plan_of

Rng = np.random.Generator


def empty_value(rng: Rng, version: str, *, words: tuple[str, ...]) -> Case:
    """Empty values: nothing is escaped, each delimiter separates."""
    columns = draw_columns(rng, "F", n_columns=4)
    columns = tuple(replace(c, label=None) for c in columns)
    plan = plan_of(version, columns, dict.fromkeys(words, ""))
    labels = ("CD3", *(None,) * 3)
    plan = inserted(plan, ("$P1S", "CD3"), place=9)
    return case_of(
        "warn", plan, "text-empty-value", truth=replace(truth_of(plan), labels=labels, free_labels=True)
    )


def empty_last(rng: Rng, version: str) -> Case:
    """The last value is empty."""
    plan = inserted(plan_of(version, draw_columns(rng, "F")), ("$PROJ", ""), place=1000)
    return case_of("warn", plan, "text-empty-value")


def no_final(rng: Rng, version: str, *, suffix: bytes = b"") -> Case:
    """TEXT ends without its delimiter; what is stripped from the last value is not judged."""
    plan = inserted(plan_of(version, draw_columns(rng, "F")), ("$PROJ", "last"), place=1000)
    plan = replace(plan, final=False, text_suffix=suffix)
    truth = truth_of(plan)
    if suffix:
        truth = replace(truth, keywords={**truth.keywords, "$PROJ": None})
    return case_of("warn", plan, "text-no-final-delimiter", truth=truth)


def odd_tokens(rng: Rng, version: str, *, word: bytes) -> Case:
    """The last keyword has no value and is dropped."""
    plan = plan_of(version, draw_columns(rng, "F"))
    suffix = word + plan.delimiter
    return case_of("warn", replace(plan, text_suffix=suffix), "text-odd-tokens")


def end_one_far(rng: Rng, version: str, *, gap: bytes) -> Case:
    """TEXT's end takes one byte too much: of a gap, or of DATA itself."""
    columns = draw_columns(rng, "I", 16, n_columns=3)
    first = columns[0].raw.copy()
    first[0] = 0x4142
    columns = (replace(columns[0], raw=first), *columns[1:])
    plan = plan_of(version, columns, header={"text_end": At(edge="text_end", shift=1)}, gaps={"data": gap})
    return case_of("warn", plan, "text-end-off-by-one")


def not_utf8(rng: Rng, version: str) -> Case:
    plan = inserted(plan_of(version, draw_columns(rng, "F")), ("$OP", b"J\xfcrgen"))
    truth = truth_of(plan)
    return case_of(
        "warn",
        plan,
        "text-not-utf8",
        truth=replace(truth, keywords={**truth.keywords, "$OP": "J\u00fcrgen"}),
    )


def duplicate(rng: Rng, version: str, *, word: str) -> Case:
    """The same keyword with another value: the first stays."""
    plan = inserted(plan_of(version, draw_columns(rng, "F")), (word, "second"), place=1000)
    return case_of("warn", plan, "keyword-duplicate")


def stext_outside(rng: Rng, version: str) -> Case:
    words = {"$BEGINSTEXT": At(edge="next", shift=500), "$ENDSTEXT": At(edge="next", shift=900)}
    return case_of("warn", plan_of(version, draw_columns(rng, "F"), words), "stext-bounds")


def stext_on_data(rng: Rng, version: str) -> Case:
    words = {"$BEGINSTEXT": At(edge="data_begin", shift=4), "$ENDSTEXT": At(edge="data_begin", shift=60)}
    return case_of("warn", plan_of(version, draw_columns(rng, "F"), words), "stext-bounds")


def stext_on_text(rng: Rng, version: str) -> Case:
    words = {"$BEGINSTEXT": At(edge="text_end", shift=-30), "$ENDSTEXT": At(edge="text_end", shift=-2)}
    return case_of("warn", plan_of(version, draw_columns(rng, "F"), words), "stext-bounds")


def stext_not_text(rng: Rng, version: str, *, content: bytes) -> Case:
    """Cube 8 points it at a ZIP archive."""
    plan = plan_of(version, draw_columns(rng, "F"), stext=content, segments=("text", "data", "stext"))
    return case_of("warn", plan, "stext-parse")


def analysis_outside(rng: Rng, version: str, *, where: str) -> Case:
    begin, end = At(edge="next", shift=100), At(edge="next", shift=300)
    header = {"analysis_begin": begin, "analysis_end": end}
    words = {"$BEGINANALYSIS": begin, "$ENDANALYSIS": end} if version != "2.0" else {}
    layout = {"header": header} if where == "both" or version == "2.0" else {}
    return case_of("warn", plan_of(version, draw_columns(rng, "F"), words, **layout), "analysis-bounds")


def analysis_words(rng: Rng, version: str) -> Case:
    """HEADER's ANALYSIS pair is no number; the standard names two fitting codes."""
    header = {"analysis_begin": "     abc", "analysis_end": "     xyz"}
    plan = plan_of(version, draw_columns(rng, "F"), header=header)
    return case_of("warn", plan, "analysis-bounds|header-field-invalid")


def missing(rng: Rng, version: str, *, words: tuple[str, ...], code: str) -> Case:
    """A keyword is absent, and nothing is lost by it."""
    return case_of("warn", plan_of(version, draw_columns(rng, "F"), dict.fromkeys(words)), code)


def nameless(rng: Rng, version: str) -> Case:
    plan = plan_of(version, draw_columns(rng, "F", n_columns=3), {"$P2N": None})
    truth = truth_of(plan)
    names = (truth.detectors[0], "P2", truth.detectors[2])
    return case_of("warn", plan, "name-missing", truth=replace(truth, detectors=names))


def same_names(rng: Rng, version: str) -> Case:
    columns = draw_columns(rng, "F", n_columns=4)
    columns = (*columns[:3], replace(columns[3], name=columns[1].name))
    return case_of("warn", plan_of(version, columns), "duplicate-names")


def bad_timestep(rng: Rng, version: str, *, value: str) -> Case:
    columns = draw_columns(rng, "F", n_columns=3)
    columns = (*columns[:2], replace(columns[2], name="Time"))
    return case_of("warn", plan_of(version, columns, {"$TIMESTEP": value}), "timestep-invalid")


def wrong_crc(rng: Rng, version: str) -> Case:
    return case_of("warn", plan_of(version, draw_columns(rng, "F"), crc="wrong"), "crc-mismatch")


def bad_next(rng: Rng, version: str, *, value: str | At) -> Case:
    plan = plan_of(version, draw_columns(rng, "F"), {"$NEXTDATA": value}, gaps={"end": b" " * 200})
    return case_of("warn", plan, "nextdata-invalid")


def float_range(rng: Rng, version: str, *, value: str | None, code: str) -> Case:
    """$PnR says nothing about floats, so that its absence costs nothing."""
    kind = str(rng.choice(["F", "D"]))
    return case_of("warn", plan_of(version, draw_columns(rng, kind), {"$P2R": value}), code)


def spill(rng: Rng, version: str, *, words: str, code: str) -> Case:
    """`{a}` and `{b}` stand for two detectors."""
    columns = draw_columns(rng, "F", n_columns=3)
    a, b = columns[0].name, columns[2].name
    key = "$SPILLOVER" if version in ("3.1", "3.2") else "SPILL"
    text = words.format(a=a, b=b)
    plan = plan_of(version, columns, {key: text})
    parts = text.split(",")
    found = None
    if code != "spillover-invalid":
        names = ("1", "3") if code == "spillover-indices" else tuple(parts[1:3])
        names = (a, b) if code == "spillover-indices" else names
        found = (names, np.array([float(v) for v in parts[3:7]]).reshape(2, 2))
    return case_of("warn", plan, code, truth=truth_of(plan, spillover=found))


SPILLS = (
    ("2,{a},{b}", "spillover-invalid"),
    ("2,{a},{b},1,0,0", "spillover-invalid"),
    ("2,{a},{b},1,0,0.1,nan", "spillover-invalid"),
    ("2,{a},{b},1,0,0.1,inf", "spillover-invalid"),
    ("two,{a},{b},1,0,0.1,1", "spillover-invalid"),
    ("2,{a},{b},1,x,0.1,1", "spillover-invalid"),
    ("99999999,{a},{b},1,0,0.1,1", "spillover-invalid"),
    ("2,{a},No-Such,1,0.2,0.1,1", "spillover-names"),
    ("2,{a},{a},1,0.2,0.1,1", "spillover-names"),
    ("2,1,3,1,0.2,0.1,1", "spillover-indices"),
    ("2,{a},{b},1,1,1,1", "spillover-singular"),
    ("2,{a},{b},0,0,0,0", "spillover-singular"),
    ("2,{a},{b},1,1,1,1.000000000001", "spillover-singular"),
)
ENTRIES: tuple[Entry, ...] = (
    entry("empty_value_1", partial(empty_value, words=("$SRC",))),
    entry("empty_value_3", partial(empty_value, words=("$SRC", "$P2S", "$P3S")), "2.0", "3.0", "3.1"),
    entry("empty_last", empty_last, "2.0", "3.1"),
    entry("no_final", no_final),
    entry("no_final_spaces", partial(no_final, suffix=b" " * 11), "3.0", "3.1"),
    entry("odd_tokens", partial(odd_tokens, word=b"LEFTOVER")),
    entry("odd_tokens_dollar", partial(odd_tokens, word=b"$OP"), "3.0"),
    entry("text_end_gap", partial(end_one_far, gap=b"xyz")),
    entry("text_end_on_data", partial(end_one_far, gap=b""), "2.0", "3.1"),
    entry("not_utf8", not_utf8, "3.1", "3.2", repeats=2),
    entry("duplicate_cyt", partial(duplicate, word="$CYT")),
    entry("duplicate_lower", partial(duplicate, word="$cyt"), "3.0"),
    entry("stext_outside", stext_outside, *NEW),
    entry("stext_on_data", stext_on_data, *NEW),
    entry("stext_on_text", stext_on_text, "3.0"),
    entry("stext_zip", partial(stext_not_text, content=b"PK\x03\x04" + b"archive" * 9), *NEW),
    entry("stext_other_delimiter", partial(stext_not_text, content=b"|A|b|C|d|"), "3.1"),
    entry("analysis_outside", partial(analysis_outside, where="both")),
    entry("analysis_words", analysis_words, "2.0", "3.0"),
    entry("tot_missing", partial(missing, words=("$TOT",), code="tot-missing"), *NEW),
    entry("mode_missing", partial(missing, words=("$MODE",), code="mode-missing"), "2.0", "3.0", "3.1"),
    entry("pne_missing", partial(missing, words=("$P1E",), code="pne-missing"), *NEW),
    entry("nameless", nameless, *NEW),
    entry("same_names", same_names),
    *(
        entry(f"timestep_{number}", partial(bad_timestep, value=value), version)
        for number, (value, version) in enumerate(
            (("0", "3.0"), ("-1", "3.1"), ("abc", "3.2"), ("nan", "2.0"))
        )
    ),
    entry("crc_wrong", wrong_crc, *NEW),
    entry("next_words", partial(bad_next, value="abc")),
    entry("next_negative", partial(bad_next, value="-5"), "3.0"),
    entry("next_inside", partial(bad_next, value="100"), "3.1"),
    entry("next_no_fcs", partial(bad_next, value=At(edge="next", shift=-150)), "2.0", "3.0"),
    entry("next_beyond", partial(bad_next, value=At(edge="next", shift=5000)), "3.0"),
    entry("range_missing", partial(float_range, value=None, code="keyword-missing")),
    entry("range_words", partial(float_range, value="wide", code="keyword-value"), "2.0", "3.0", "3.1"),
    *(
        entry(
            f"spill_{number:02d}",
            partial(spill, words=words, code=code),
            *(("3.0", "3.1") if number % 2 else ("3.1", "3.2")),
        )
        for number, (words, code) in enumerate(SPILLS)
    ),
)
