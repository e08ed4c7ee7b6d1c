"""Legal shapes of TEXT: delimiters, escapes, UTF-8, supplemental TEXT, ANALYSIS, spillover, CRC."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from ._case import NEW, Case, case_of, truth_of
from ._columns import draw_columns
from ._entry import Entry, entry
from ._layout import inserted, plan_of

Rng = np.random.Generator
DELIMITERS = (b"/", b"\\", b"|", b"!", b",", b";", b"*", b"\t", b"\x0c", b"\x1e", b"\x01", b"~", b"-", b".")


def _labelled(rng: Rng, labels: tuple[str | None, ...], *, kind: str = "F"):
    """Columns with given labels."""
    columns = draw_columns(rng, kind, n_columns=len(labels))
    return tuple(replace(c, label=label) for c, label in zip(columns, labels, strict=True))


def delimiter(rng: Rng, version: str, *, mark: bytes) -> Case:
    """The delimiter stands inside values, twice in a row too."""
    d = mark.decode()
    columns = _labelled(rng, (f"CD3{d}CD4", None, f"a{d}{d}b{d}c"))
    return case_of("legal", plan_of(version, columns, {"$COM": f"x{d}y"}, delimiter=mark))


def ends_in_delimiter(rng: Rng, version: str, *, mark: bytes) -> Case:
    """A value, and the last value, end in the delimiter: runs of three and five."""
    d = mark.decode()
    columns = _labelled(rng, (f"CD4{d}", f"CD8{d}{d}", None))
    if d != ",":  # no comma in a name
        columns = (*columns[:2], replace(columns[2], name=f"FL9{d}"))
    plan = inserted(plan_of(version, columns, delimiter=mark), ("$PROJ", f"end{d}"), place=1000)
    return case_of("legal", plan)


def keyword_in_value(rng: Rng, version: str) -> Case:
    """Values that look like keywords are values."""
    columns = _labelled(rng, ("$P2N", "$PAR", None))
    return case_of("legal", plan_of(version, columns, {"$COM": "$TOT", "$SRC": "P3S"}))


def line_ends(rng: Rng, version: str) -> Case:
    columns = _labelled(rng, ("two\r\nlines", None))
    return case_of("legal", plan_of(version, columns, {"$COM": "a\tb\nc"}))


def utf8(rng: Rng, version: str) -> Case:
    columns = _labelled(rng, ("CD4 \u00b5m", "\u7d30\u80de", "\u03b3\u03b4 TCR", None))
    return case_of("legal", plan_of(version, columns, {"$OP": "J\u00fcrgen \U0001f9ec"}))


def keyword_case(rng: Rng, version: str) -> Case:
    plan = plan_of(version, draw_columns(rng, "F"))
    flipped = []
    for key, value in plan.keywords:
        word = str(key)
        flipped.append((word.lower() if rng.random() < 0.5 else word.capitalize(), value))
    return case_of("legal", replace(plan, keywords=tuple(flipped)))


def shuffled(rng: Rng, version: str) -> Case:
    """Keywords stand in any order."""
    plan = plan_of(version, draw_columns(rng, "F"))
    order = rng.permutation(len(plan.keywords))
    return case_of("legal", replace(plan, keywords=tuple(plan.keywords[i] for i in order)))


def long_value(rng: Rng, version: str) -> Case:
    text = "".join(rng.choice(list("abcdefgh 0123/"), 200_000)).strip("/ ")
    return case_of("legal", plan_of(version, draw_columns(rng, "F"), {"$COM": text}))


def late_text(rng: Rng, version: str) -> Case:
    """TEXT begins at byte 256, as many instruments write it."""
    return case_of("legal", plan_of(version, draw_columns(rng, "F"), gaps={"text": b" " * 198}))


def supplement(rng: Rng, version: str, *, order: tuple[str, ...]) -> Case:
    """Labels, a gain and a compensation stand in supplemental TEXT."""
    columns = draw_columns(rng, "F", n_columns=3)
    columns = tuple(replace(c, label=None) for c in columns)
    names = columns[0].name, columns[1].name
    stext = (
        ("$P1S", "CD3/CD19"),
        ("$P2S", "CD4"),
        ("$P3G", "4"),
        ("SPILL", f"2,{names[0]},{names[1]},1,0.25,0.5,1"),
        ("EXTRA", "value"),
    )
    plan = plan_of(version, columns, stext=stext, segments=order, gaps={"stext": b" " * 5})
    columns = (
        replace(columns[0], label="CD3/CD19"),
        replace(columns[1], label="CD4"),
        replace(columns[2], gain=4.0),
    )
    spill = (names, np.array([[1, 0.25], [0.5, 1]]))
    truth = truth_of(replace(plan, columns=columns), spillover=spill)
    return case_of("legal", plan, truth=truth)


def analysis(rng: Rng, version: str, *, order: tuple[str, ...], header_zero: bool = False) -> Case:
    pairs = (("GATE1", "lymphocytes/all"), ("RESULT", "12.5"))
    header = {"analysis_begin": 0, "analysis_end": 0} if header_zero else {}
    plan = plan_of(version, draw_columns(rng, "F"), analysis=pairs, segments=order, header=header)
    return case_of("legal", plan, truth=truth_of(plan, analysis=dict(pairs)))


def spillover(rng: Rng, version: str, *, keyword: str, size: int = 3) -> Case:
    """A matrix over some of the detectors in an order of its own."""
    columns = draw_columns(rng, "F", n_columns=5)
    names = tuple(columns[i].name for i in rng.permutation(5)[:size])
    matrix = np.round(rng.uniform(0, 0.3, (size, size)), 5)
    np.fill_diagonal(matrix, 1)
    numbers = ",".join(f"{v:.5f}" for v in matrix.ravel())
    words = {keyword: f"{size},{','.join(names)},{numbers}"}
    if keyword == "$SPILLOVER":
        words["SPILL"] = "2," + ",".join(names[:2]) + ",1,0,0.9,1"  # the keyword of the standard wins
    plan = plan_of(version, columns, words)
    return case_of("legal", plan, truth=truth_of(plan, spillover=(names, matrix)))


def comp(rng: Rng, version: str) -> Case:
    """`$COMP` of 3.0: parsed, never applied."""
    columns = draw_columns(rng, "F", n_columns=3)
    values = np.round(rng.uniform(-30, 0, (3, 3)), 2)
    np.fill_diagonal(values, 100)
    plan = plan_of(version, columns, {"$COMP": "3," + ",".join(str(v) for v in values.ravel())})
    legacy = {(i, j): float(values[i, j]) for i in range(3) for j in range(3)}
    return case_of(
        "legal", plan, truth=truth_of(plan, legacy=legacy), infos=frozenset({"legacy-compensation"})
    )


def dfc(rng: Rng, version: str) -> Case:
    plan = plan_of(version, draw_columns(rng, "I", n_columns=3), {"$DFC1TO2": "-10.5", "$DFC3TO1": "2.25"})
    truth = truth_of(plan, legacy={(0, 1): -10.5, (2, 0): 2.25})
    return case_of("legal", plan, truth=truth, infos=frozenset({"legacy-compensation"}))


def crc(rng: Rng, version: str, *, order: tuple[str, ...], extra: str = "") -> Case:
    pairs = {extra: (("NOTE", "the last segment"),)} if extra else {}
    plan = plan_of(version, draw_columns(rng, "F"), segments=order, crc="right", **pairs)
    facts = {"analysis": dict(pairs["analysis"])} if extra == "analysis" else {}
    return case_of("legal", plan, truth=truth_of(plan, **facts))


def no_crc(rng: Rng, version: str) -> Case:
    """The file ends with DATA."""
    return case_of("legal", plan_of(version, draw_columns(rng, "F"), crc=""))


def lean(rng: Rng, version: str) -> Case:
    """3.2 asks no longer for $MODE, $NEXTDATA and the offsets of what is absent."""
    gone = ("$MODE", "$NEXTDATA", "$BEGINSTEXT", "$ENDSTEXT", "$BEGINANALYSIS", "$ENDANALYSIS")
    return case_of("legal", plan_of(version, draw_columns(rng, "F"), dict.fromkeys(gone)))


AFTER, BETWEEN = ("text", "data", "stext"), ("text", "stext", "data")
ENTRIES: tuple[Entry, ...] = (
    *(
        entry(f"delimiter_{mark.hex()}", partial(delimiter, mark=mark), version)
        for mark, version in zip(DELIMITERS, ("2.0", "3.0", "3.1", "3.2") * 4, strict=False)
    ),
    *(
        entry(f"ends_in_{mark.hex()}", partial(ends_in_delimiter, mark=mark), version)
        for mark, version in zip(DELIMITERS, ("3.2", "2.0", "3.0", "3.1") * 4, strict=False)
    ),
    entry("keyword_in_value", keyword_in_value, "2.0", "3.1"),
    entry("line_ends", line_ends, "3.0", "3.1"),
    entry("utf8", utf8, "3.1", "3.2", repeats=2),
    entry("keyword_case", keyword_case),
    entry("keywords_shuffled", shuffled, "2.0", "3.0", "3.2"),
    entry("value_200kb", long_value, "3.0", "3.1"),
    entry("late_text", late_text, "2.0", "3.1"),
    entry("stext_after", partial(supplement, order=AFTER), *NEW),
    entry("stext_between", partial(supplement, order=BETWEEN), *NEW),
    entry("stext_first", partial(supplement, order=("stext", "text", "data")), "3.1"),
    entry("analysis_after", partial(analysis, order=("text", "data", "analysis"))),
    entry("analysis_before", partial(analysis, order=("text", "analysis", "data")), "2.0", "3.0"),
    entry("analysis_in_text", partial(analysis, order=("text", "data", "analysis"), header_zero=True), "3.1"),
    *(
        entry(
            f"{word.strip('$').lower()}{'' if word[0] == '$' else '_plain'}",
            partial(spillover, keyword=word),
            *versions,
        )
        for word, versions in (
            ("$SPILLOVER", ("3.1", "3.2")),
            ("SPILL", ("3.0",)),
            ("$SPILL", ("3.0",)),
            ("SPILLOVER", ("3.0",)),
        )
    ),
    entry("spillover_5", partial(spillover, keyword="$SPILLOVER", size=5), "3.1"),
    entry("comp", comp, "3.0", repeats=2),
    entry("dfc", dfc, "2.0", repeats=2),
    entry("crc", partial(crc, order=("text", "data")), *NEW),
    entry("crc_data_first", partial(crc, order=("data", "text")), "3.0"),
    entry("crc_analysis", partial(crc, order=("text", "data", "analysis"), extra="analysis"), "3.1"),
    entry("crc_stext", partial(crc, order=AFTER, extra="stext"), "3.2"),
    entry("no_crc", no_crc, "2.0", "3.1"),
    entry("lean", lean, "3.2"),
)
