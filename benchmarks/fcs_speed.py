"""Reading FCS files: CPU time of `read_fcs(path).events` beside FlowIO, FlowCal, fcsparser and plain numpy.

    python benchmarks/fcs_speed.py [--rounds 15] [--scale 1.0]

All readers run in one process, in turn, and touch every value once (`.max()`); the best of the rounds counts.
Findings (missing and infinite values, bits above the range, with counts) are part of our time. Rivals that
are not installed are left out; one that refuses a file has no figure (fcsparser refuses big-endian files
under numpy 2, FlowIO 24-bit integers). Ends with 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import gc
import logging
import tempfile
import time
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Case:
    """A file, and what our time may be as a share of others' times."""

    name: str
    events: int
    channels: int
    kind: str
    bits: int
    order: str
    bound: int  # $PnR
    goals: tuple[tuple[str, float], ...]


RIVALS = ("FlowIO", "FlowCal", "fcsparser")
CASES = (
    Case(
        name="float32 little-endian", events=1_000_000, channels=20, kind="F", bits=32, order="1,2,3,4",
        bound=262144, goals=(("FlowIO", 1 / 5), ("fromfile", 1.5)),
    ),
    Case(
        name="float32 big-endian", events=1_000_000, channels=20, kind="F", bits=32, order="4,3,2,1",
        bound=262144, goals=(("FlowIO", 1 / 5), ("FlowCal", 2.0)),
    ),
    Case(
        name="uint16 in range, mask", events=500_000, channels=10, kind="I", bits=16, order="1,2,3,4",
        bound=1024, goals=(("FlowIO", 1 / 25), ("best", 0.8)),
    ),
    Case(
        name="uint16 with tag bits, mask", events=500_000, channels=10, kind="I", bits=16, order="1,2,3,4",
        bound=1024, goals=(("FlowIO", 1 / 25), ("best", 0.8)),
    ),
    Case(
        name="uint16 big-endian, tag bits", events=500_000, channels=10, kind="I", bits=16, order="4,3,2,1",
        bound=1024, goals=(("FlowIO", 1 / 25), ("best", 0.8)),
    ),
    Case(
        name="uint24 big-endian", events=300_000, channels=10, kind="I", bits=24, order="4,3,2,1",
        bound=2**24, goals=(("best", 1 / 3),),
    ),
)  # fmt: skip


# -- files ---------------------------------------------------------------------------------------------------


def stored_bytes(case, rng):
    """Events of a case as the bytes of DATA."""
    shape = (case.events, case.channels)
    if case.kind == "F":
        values = rng.lognormal(6, 1.5, shape).astype(np.float32) - 200
        return values.astype("<f4" if case.order.startswith("1") else ">f4").tobytes()
    values = rng.integers(0, case.bound, shape, dtype=np.uint32)
    if "tag" in case.name:
        values += np.uint32(case.bound) * rng.integers(0, 2**case.bits // case.bound, shape, dtype=np.uint32)
    size = case.bits // 8
    cells = values[..., None].astype("<u4").view(np.uint8).reshape(*shape, 4)[..., :size]
    return np.ascontiguousarray(cells if case.order.startswith("1") else cells[..., ::-1]).tobytes()


def write_file(path, case, body, *, times=1):
    """Write FCS 3.0 without a reader's or writer's help; DATA is the body, so many times."""
    begin, length = 8192, len(body) * times
    pairs = {
        "$BEGINDATA": str(begin), "$ENDDATA": str(begin + length - 1), "$BYTEORD": case.order,
        "$DATATYPE": case.kind, "$MODE": "L", "$NEXTDATA": "0", "$PAR": str(case.channels),
        "$TOT": str(case.events), "$BEGINANALYSIS": "0", "$ENDANALYSIS": "0", "$BEGINSTEXT": "0",
        "$ENDSTEXT": "0",
    }  # fmt: skip
    for i in range(1, case.channels + 1):
        pairs |= {
            f"$P{i}N": f"C{i}",
            f"$P{i}B": str(case.bits),
            f"$P{i}R": str(case.bound),
            f"$P{i}E": "0,0",
        }
    text = ("/" + "/".join(token for pair in pairs.items() for token in pair) + "/").encode()
    place = (begin, begin + length - 1) if begin + length < 100_000_000 else (0, 0)
    fields = (58, 57 + len(text), *place, 0, 0)
    head = b"FCS3.0    " + "".join(f"{field:>8d}" for field in fields).encode()
    with path.open("wb") as stream:
        stream.write((head + text).ljust(begin))
        for _ in range(times):
            stream.write(body)
        stream.write(b"00000000")


# -- readers: path to all values, each touched once -------------------------------------------------------


def ours(path, _case):
    import immunoprofile as ip

    return ip.read_fcs(path).events.max()


def with_flowio(path, _case):
    import flowio

    return flowio.FlowData(path).as_array().max()


def with_flowcal(path, _case):
    import FlowCal

    return np.asarray(FlowCal.io.FCSData(path)).max()


def with_fcsparser(path, _case):
    import fcsparser

    return fcsparser.parse(path)[1].to_numpy().max()


def fromfile(path, case):
    letter = "f" if case.kind == "F" else "u"
    stored = f"{'<' if case.order.startswith('1') else '>'}{letter}{case.bits // 8}"
    count = case.events * case.channels
    return np.fromfile(path, dtype=stored, count=count, offset=8192).max()


READERS = {
    "ours": ours,
    "FlowIO": with_flowio,
    "FlowCal": with_flowcal,
    "fcsparser": with_fcsparser,
    "fromfile": fromfile,
}


def able_readers(path, case):
    """Readers that are installed and read the file, each run once; notes on the others."""
    able, notes = {}, []
    for name, read in READERS.items():
        if name == "fromfile" and case.bits == 24:
            continue
        try:
            read(path, case)
        except ImportError:
            notes.append(f"{name} is not installed")
        except Exception as error:
            if name == "ours":
                raise
            notes.append(f"{name}: {type(error).__name__}: {str(error)[:60]}")
        else:
            able[name] = read
    return able, notes


def best_seconds(able, path, case, rounds):
    best = dict.fromkeys(able, float("inf"))
    for _ in range(rounds):
        for name, read in able.items():
            gc.collect()
            begin = time.process_time()
            read(path, case)
            best[name] = min(best[name], time.process_time() - begin)
    return best


def report(case, best, notes):
    """Print a case; tell whether its goals are met."""
    figures = "  ".join(f"{name} {1e3 * seconds:.1f}" for name, seconds in best.items())
    print(f"{case.name}, {case.events:,} x {case.channels}\n  ms: {figures}")
    mine = best["ours"]
    print("  ratio to ours: " + "  ".join(f"{n} {s / mine:.2f}" for n, s in best.items() if n != "ours"))
    rivals = [best[name] for name in RIVALS if name in best]
    met = True
    for against, share in case.goals:
        other = min(rivals, default=None) if against == "best" else best.get(against)
        if other is None:
            print(f"  goal against {against}: no figure")
            continue
        passed = mine <= share * other
        met &= passed
        wanted = f"{1 / share:.3g}x less" if share < 0.5 else f"<= {share:g}x"
        label = "the best of the others" if against == "best" else against
        print(f"  goal {wanted} than {label}: {mine / other:.3f} of it, {'pass' if passed else 'FAIL'}")
    for note in notes:
        print(f"  note: {note}")
    return met


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the events")
    parser.add_argument("--only", default="", help="cases whose name holds this")
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    met = True
    for full in (case for case in CASES if given.only in case.name):
        case = replace(full, events=max(1000, int(full.events * given.scale)))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "events.fcs"
            write_file(path, case, stored_bytes(case, np.random.default_rng(7)))
            able, notes = able_readers(str(path), case)
            met &= report(case, best_seconds(able, str(path), case, given.rounds), notes)
    raise SystemExit(0 if met else 1)


if __name__ == "__main__":
    main()
