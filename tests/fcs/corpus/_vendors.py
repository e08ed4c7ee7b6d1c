"""Small look-alikes of what instruments and programs write: each has the oddities of its maker."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ._case import Case, case_of, truth_of
from ._columns import Column, draw_columns, draw_raw, solid_columns
from ._entry import Entry, entry
from ._layout import At, inserted, plan_of

Rng = np.random.Generator
BIG = "4,3,2,1"
TEN_BITS = np.uint64(1023)


def _ten_bits(columns: tuple[Column, ...], **facts: object) -> tuple[Column, ...]:
    """Values and range of a 10-bit digitiser."""
    return tuple(replace(c, raw=c.raw & TEN_BITS, range_value=1024, **facts) for c in columns)


def calibur(rng: Rng, version: str) -> Case:
    """CellQuest: big-endian 10 bit, empty values, `4,0`, a Macintosh byte in $SYS."""
    columns = draw_columns(rng, "I", 16, n_columns=5)
    columns = tuple(replace(c, label=None) for c in _ten_bits(columns, decades=4.0))
    plan = plan_of(version, columns, {"$SRC": "", "$P2S": "", "$P4S": ""}, order=BIG)
    plan = inserted(plan, ("$SYS", b"Macintosh System Software\xaa 9.2.2"))
    infos = frozenset({"pne-zero-offset", "text-not-utf8"})
    return case_of(
        "warn", plan, "text-empty-value", truth=replace(truth_of(plan), free_labels=True), infos=infos
    )


def diva(rng: Rng, version: str) -> Case:
    """Diva: form feed, big-endian float, the time step as a gain of Time."""
    columns = draw_columns(rng, "F", n_columns=6)
    columns = (*columns[:5], replace(columns[5], name="Time", gain=0.01, label=None))
    plan = plan_of(version, columns, {"$TIMESTEP": "0.01"}, order=BIG, delimiter=b"\x0c")
    return case_of("harmless", plan, truth=truth_of(plan, timestep=0.01), infos=frozenset({"png-on-time"}))


def accuri(rng: Rng, version: str) -> Case:
    """CFlow: TEXT places DATA inside TEXT, the end is one past the file, 24 of 32 bits wrap."""
    columns = []
    for column in draw_columns(rng, "I", 32, n_columns=6, n_events=300):
        raw = column.raw & np.uint64(2**24 - 1)
        columns.append(replace(column, raw=raw, range_value=2**24))
    raw = columns[2].raw.copy()
    raw[17] = 0x311367B
    columns[2] = replace(columns[2], raw=raw)
    words = {
        "$BEGINDATA": At(edge="data_begin", shift=-434),
        "$ENDDATA": At(edge="data_end", shift=-434),
        "$BEGINSTEXT": At(edge="text_begin"),
        "$ENDSTEXT": At(edge="text_end"),
        "SPILL": "2,3,4,1,0.2,0.1,1",
        "$COM": "c" * 434,
    }
    plan = plan_of(
        version, tuple(columns), words, header={"data_end": At(edge="data_end", shift=1)}, crc="", order=BIG
    )
    spill = ((columns[2].name, columns[3].name), np.array([[1, 0.2], [0.1, 1]]))
    codes = ("data-offset-conflict", "data-end-off-by-one", "bits-overrange", "spillover-indices")
    return case_of("warn", plan, *codes, truth=truth_of(plan, spillover=spill))


def cyan(rng: Rng, version: str) -> Case:
    """Summit: TEXT is 46 bytes too far, a block of the vendor follows DATA."""
    words = {"$BEGINDATA": At(edge="data_begin", shift=46), "$ENDDATA": At(edge="data_end", shift=46)}
    plan = plan_of(version, solid_columns(rng, n_columns=5), words, gaps={"end": b"SUMMIT" * 70})
    return case_of("warn", plan, "data-offset-conflict", infos=frozenset({"unclaimed-bytes"}))


def fc500(rng: Rng, version: str) -> Case:
    """CXP: 10 bits in 16-bit fields; then the same events in 20 bits with tags, TEXT after DATA."""
    second = []
    for column in draw_columns(rng, "I", 32, n_columns=4, n_events=40):
        tags = rng.integers(1, 256, 40, dtype=np.uint64) << np.uint64(24)
        second.append(replace(column, raw=(column.raw & np.uint64(2**20 - 1)) | tags, range_value=2**20))
    first = [
        replace(c, bits=16, raw=(c.raw & np.uint64(2**20 - 1)) >> np.uint64(10), range_value=1024)
        for c in second
    ]
    words: dict[str, object] = {f"$P{n}B": "10" for n in range(1, 5)}
    far = At(edge="data_end", shift=1)
    words["$NEXTDATA"] = At(edge="next")
    plans = (
        plan_of("2.0", tuple(first), words, header={"data_end": far}, crc="", gaps={"end": b"\0"}),
        plan_of("3.0", tuple(second), segments=("data", "text")),
    )
    return case_of("warn", plans, "multiple-datasets", "data-end-off-by-one", "width-padded")


def coulter_xl(rng: Rng, version: str) -> Case:
    """System II: bits 10 to 15 carry other things in most events."""
    columns = []
    for column in draw_columns(rng, "I", 16, n_columns=6, n_events=80):
        tags = rng.integers(0, 64, 80, dtype=np.uint64) << np.uint64(10)
        columns.append(replace(column, raw=(column.raw & TEN_BITS) | tags, range_value=1024))
    return case_of("harmless", plan_of(version, tuple(columns)), infos=frozenset({"bits-masked"}))


def gallios(rng: Rng, version: str) -> Case:
    """Gallios, Navios: two sets, compensation by numbers."""
    columns = draw_columns(rng, "I", 32, n_columns=5)
    tagged = [c.raw & np.uint64(2**20 - 1) | np.uint64(7 << 24) for c in columns]
    columns = tuple(replace(c, raw=r, range_value=2**20) for c, r in zip(columns, tagged, strict=True))
    spill = ((columns[1].name, columns[2].name), np.array([[1, 0.2], [0.1, 1]]))
    words = {"$NEXTDATA": At(edge="next"), "SPILL": "2,2,3,1,0.2,0.1,1"}
    first, second = plan_of(version, columns, words), plan_of(version, draw_columns(rng, "F"))
    truths = (truth_of(first, spillover=spill), truth_of(second))
    return case_of("warn", (first, second), "multiple-datasets", "spillover-indices", truths=truths)


def astrios(rng: Rng, version: str) -> Case:
    """Astrios: a range of 2^32, saturated values, a segment of its own, half a megabyte behind DATA."""
    columns = []
    for column in draw_columns(rng, "I", 32, n_columns=8, n_events=50):
        raw = column.raw.copy()
        raw[::7] = np.uint64(2**32 - 1)
        columns.append(replace(column, raw=raw, range_value=2**32))
    plan = plan_of(
        version,
        tuple(columns),
        segments=("text", "other", "data"),
        other=b"vendor" * 20,
        gaps={"end": b"\0" * 500_000},
    )
    return case_of("harmless", plan, infos=frozenset({"unclaimed-bytes"}))


def xdp(rng: Rng, version: str) -> Case:
    """XDP: five decades written `5.0,0.00`."""
    columns = tuple(replace(c, range_value=2**32) for c in draw_columns(rng, "I", 32, n_columns=4))
    columns = (replace(columns[0], decades=5.0), *columns[1:])
    plan = plan_of(version, columns, {"$P1E": "5.0,0.00"})
    return case_of("harmless", plan, infos=frozenset({"pne-zero-offset"}))


def cytek_xp5(rng: Rng, version: str) -> Case:
    """xP5, DxP: 24-bit big-endian integers, a range of 30000, zeros behind DATA."""
    columns = draw_columns(rng, "I", 24, n_columns=5)
    low = columns[0].raw & np.uint64(2**15 - 1)
    columns = (replace(columns[0], raw=low, range_value=30000), *columns[1:])
    return case_of("harmless", plan_of(version, columns, order=BIG, gaps={"end": b"\0" * 4096}))


def aurora(rng: Rng, version: str) -> Case:
    """SpectroFlo: TEXT ends in spaces without its delimiter."""
    plan = inserted(plan_of(version, draw_columns(rng, "F")), ("$PROJ", "last"), place=1000)
    plan = replace(plan, final=False, text_suffix=b" " * 64)
    truth = truth_of(plan)
    return case_of(
        "warn",
        plan,
        "text-no-final-delimiter",
        truth=replace(truth, keywords={**truth.keywords, "$PROJ": None}),
    )


def macsquant(rng: Rng, version: str) -> Case:
    """MACSQuant: 124 kB of supplemental TEXT, names without a matrix, an odd range, the end one too far."""
    columns = draw_columns(rng, "F", n_columns=4)
    stext = tuple((f"MACSQUANT {n}", "v" * 100) for n in range(1100))
    names = ",".join(c.name for c in columns[:2])
    words = {"$SPILLOVER": f"2,{names}", "$P2R": "25.6708", "$ENDDATA": At(edge="data_end", shift=1)}
    plan = plan_of(
        version,
        columns,
        words,
        header={"data_end": At(edge="data_end", shift=1)},
        stext=stext,
        segments=("text", "data", "stext"),
        gaps={"stext": b"\0\0"},
    )
    return case_of("warn", plan, "data-end-off-by-one", "spillover-invalid")


def cyflow(rng: Rng, version: str) -> Case:
    """CyFlow, PAS: the end is one too far and past the file; ANALYSIS holds private keywords."""
    pairs = (("PARTEC SPEED", "2.5"), ("PARTEC GATE", "R1"))
    far = At(edge="data_end", shift=1)
    plan = plan_of(
        version,
        draw_columns(rng, "I", 16, n_columns=4),
        {"$ENDDATA": far, "$BEGINANALYSIS": "0", "$ENDANALYSIS": "0"},
        header={"data_end": far},
        analysis=pairs,
        segments=("text", "analysis", "data"),
        crc="",
    )
    return case_of("warn", plan, "data-end-off-by-one", truth=truth_of(plan, analysis=dict(pairs)))


def cube8(rng: Rng, version: str) -> Case:
    """Cube 8: supplemental TEXT is a ZIP archive; columns of 16, 32 and 8 bits."""
    columns = []
    for column, bits in zip(draw_columns(rng, "I", 16, n_columns=3), (16, 32, 8), strict=True):
        columns.append(replace(column, bits=bits, raw=draw_raw(rng, "I", (45, bits)), range_value=2**bits))
    plan = plan_of(
        version, tuple(columns), stext=b"PK\x03\x04" + b"zipped" * 40, segments=("text", "data", "stext")
    )
    return case_of("warn", plan, "stext-parse")


def stratedigm(rng: Rng, version: str) -> Case:
    """S1400: gain 6.5536, a 32-bit Time of an odd range, an x-ed step, names of another file."""
    columns = draw_columns(rng, "I", 16, n_columns=4)
    columns = tuple(replace(c, gain=6.5536) for c in columns)
    ticks = np.sort(rng.integers(0, 11209599, len(columns[0].raw))).astype(np.uint64)
    columns = (
        *columns[:3],
        replace(columns[3], name="TIME", bits=32, raw=ticks, range_value=11209599, gain=1.0),
    )
    words = {"$TIMESTEP": "xxxxxxxxx", "SPILL": "2,Blue1,Red1,1,0.1,0.2,1"}
    plan = plan_of(version, columns, words)
    spill = (("Blue1", "Red1"), np.array([[1, 0.1], [0.2, 1]]))
    return case_of("warn", plan, "spillover-names", "timestep-invalid", truth=truth_of(plan, spillover=spill))


def attune(rng: Rng, version: str) -> Case:
    """Attune of the first generation: empty values."""
    columns = tuple(replace(c, label=None) for c in draw_columns(rng, "F", n_columns=5))
    plan = plan_of(version, columns, {f"$P{n}S": "" for n in range(1, 6)} | {"$SMNO": "", "$OP": ""})
    return case_of("warn", plan, "text-empty-value", truth=replace(truth_of(plan), free_labels=True))


def guava(rng: Rng, version: str) -> Case:
    """easyCyte, Muse: the wells of a plate, one data set each."""
    wells = [
        plan_of(
            version, draw_columns(rng, "F", n_columns=4), {"$NEXTDATA": At(edge="next"), "$SMNO": f"A{n:02d}"}
        )
        for n in range(1, 9)
    ]
    return case_of("warn", (*wells, plan_of(version, draw_columns(rng, "F"))), "multiple-datasets")


def ze5(rng: Rng, version: str) -> Case:
    """ZE5: a star between the words."""
    return case_of("legal", plan_of(version, draw_columns(rng, "F"), delimiter=b"*"))


def flowjo(rng: Rng, version: str) -> Case:
    """Exports of FlowJo: HEADER's end is 99999999."""
    plan = plan_of(version, draw_columns(rng, "F"), header={"data_end": 99_999_999})
    return case_of("warn", plan, "header-99999999")


def exported(rng: Rng, version: str) -> Case:
    """Written again by a program: ranges below the values, line ends in a value, TEXT of the old place."""
    columns = tuple(replace(c, range_value=1) for c in draw_columns(rng, "F", n_columns=4))
    words = {
        "$BEGINDATA": At(edge="data_begin", shift=-120),
        "$ENDDATA": At(edge="data_end", shift=-120),
        "$COM": "made by\r\na script",
    }
    return case_of("warn", plan_of(version, columns, words), "data-offset-conflict")


ENTRIES: tuple[Entry, ...] = (
    entry("BD FACSCalibur", calibur, "2.0"),
    entry("BD LSR II, Aria, Canto", diva, "3.0"),
    entry("BD Accuri C6", accuri, "3.0"),
    entry("Beckman CyAn", cyan, "3.0"),
    entry("Beckman FC 500", fc500, "2.0"),
    entry("Beckman XL", coulter_xl, "2.0"),
    entry("Beckman Gallios, Navios", gallios, "3.0"),
    entry("Beckman MoFlo Astrios", astrios, "3.0"),
    entry("Beckman MoFlo XDP", xdp, "3.0"),
    entry("Cytek xP5, DxP", cytek_xp5, "3.0"),
    entry("Cytek Aurora, NL", aurora, "3.1"),
    entry("Miltenyi MACSQuant", macsquant, "3.1"),
    entry("Sysmex Partec CyFlow", cyflow, "3.0"),
    entry("Partec Cube 8", cube8, "3.0"),
    entry("Stratedigm S1400", stratedigm, "3.0"),
    entry("Attune (1st generation)", attune, "3.0"),
    entry("Guava easyCyte, Muse", guava, "3.0"),
    entry("Bio-Rad ZE5", ze5, "3.1"),
    entry("FlowJo exports", flowjo, "3.0", "3.1"),
    entry("R, Python re-exports", exported, "3.0", "3.1"),
)
