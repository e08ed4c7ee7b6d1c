"""Four readers on the corpus of made FCS files.

    python benchmarks/fcs_readers.py [--seeds 1]          every reader, as a Markdown table
    python benchmarks/fcs_readers.py --ours --seeds 10    this project's reader alone, in every mode

Each reader has a process of its own that lives on from file to file; a reading of more than 20 s is a hang,
and the process is made anew. How a reader is judged:

- stored values as its documentation gives them, cell by cell (fcsparser's default is float32: its values are
  compared with the truth rounded to float32, and once more as float64), and `$PnN`, `$PnS` as it offers them;
- warned: anything through `warnings` (deprecations of libraries excepted) or `logging` while reading;
- a clear error: one that the reader raises itself, not what falls out of `int()`, a dictionary or numpy.

Left out, since no other reader claims them: chosen channels, what is no regular file, a limit on TEXT.
"""

from __future__ import annotations

import argparse
import linecache
import logging
import multiprocessing
import resource
import shutil
import sys
import tempfile
import time
import warnings
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "fcs"))

from corpus import Case, Verdict, corpus, goals, judge, judge_modes, tally

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT_SECONDS = 20
MEMORY = 6 * 2**30
REPAIRED_NAMES = {"name-missing", "duplicate-names"}
"""Files whose names are a choice of the reader: not judged by name and label."""


@dataclass(frozen=True)
class Answer:
    """What a reader gives for one file."""

    outcome: str
    values: Any = None
    names: list[str] | None = None
    labels: list[str | None] | None = None
    warned: bool = False
    note: str = ""


def ours(path: str) -> tuple[Any, ...]:
    from immunoprofile.fcs import read_fcs

    sample = read_fcs(path, scale="stored")
    return sample.events, list(sample.detectors), list(sample.labels)


def _flowio(path: str, **flags: bool) -> tuple[Any, ...]:
    import flowio

    found = flowio.FlowData(path, **flags)
    return found.as_array(preprocess=False), list(found.pnn_labels), list(found.pns_labels)


def flowio_flags(path: str) -> tuple[Any, ...]:
    return _flowio(path, ignore_offset_error=True, ignore_offset_discrepancy=True)


def flowcal(path: str) -> tuple[Any, ...]:
    import FlowCal

    found = FlowCal.io.FCSData(path)
    return np.asarray(found), list(found.channels), list(found.channel_labels())


def _fcsparser(path: str, dtype: str) -> tuple[Any, ...]:
    import fcsparser

    meta, table = fcsparser.parse(path, channel_naming="$PnN", dtype=dtype)
    return table.to_numpy(), list(table.columns), [meta.get(f"$P{n + 1}S") for n in range(table.shape[1])]


def fcsparser_default(path: str) -> tuple[Any, ...]:
    return _fcsparser(path, "float32")


def fcsparser_float64(path: str) -> tuple[Any, ...]:
    return _fcsparser(path, "float64")


READERS: dict[str, Callable[[str], tuple[Any, ...]]] = {
    "immunoprofile": ours,
    "FlowIO": _flowio,
    "FlowIO, both ignore flags": flowio_flags,
    "FlowCal": flowcal,
    "fcsparser": fcsparser_default,
    "fcsparser, float64": fcsparser_float64,
}
ROUNDED = {"fcsparser"}


class Listener(logging.Handler):
    """Hear what a reader logs."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.heard += 1


def is_clear(error: BaseException) -> bool:
    """Whether the last line of the traceback is a `raise` of the reader's own."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return False
    name = trace.tb_frame.f_code.co_filename
    own = any(f"/{room}/" in name for room in ("immunoprofile", "flowio", "FlowCal", "fcsparser"))
    return own and linecache.getline(name, trace.tb_lineno).strip().startswith("raise")


def read_once(reader: Callable[[str], tuple[Any, ...]], path: str) -> Answer:
    """Read one file; whatever happens is an answer."""
    listener = Listener()
    logging.getLogger().addHandler(listener)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            values, names, labels = reader(path)
            values = np.ascontiguousarray(values, dtype=np.float64)
        heard = [w for w in caught if not issubclass(w.category, (DeprecationWarning, FutureWarning))]
        return Answer("read", values, names, labels, warned=bool(heard or listener.heard))
    except Exception as error:  # noqa: BLE001 - what a reader throws is what is measured
        note = f"{type(error).__name__}: {str(error)[:120]}"
        return Answer("clear" if is_clear(error) else "unclear", note=note)
    finally:
        logging.getLogger().removeHandler(listener)


def serve(name: str, pipe: Any) -> None:
    """Answer for one reader until the pipe closes."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    while True:
        path = pipe.recv()
        if path is None:
            return
        pipe.send(read_once(READERS[name], path))


class Worker:
    """A process of one reader; made anew after a hang or a crash."""

    def __init__(self, name: str) -> None:
        self.name, self.context = name, multiprocessing.get_context("spawn")
        self.start()

    def start(self) -> None:
        self.pipe, far = self.context.Pipe()
        self.process = self.context.Process(target=serve, args=(self.name, far), daemon=True)
        self.process.start()
        far.close()

    def ask(self, path: Path) -> Answer:
        """Read in the worker, or tell that it did not come back."""
        self.pipe.send(str(path))
        try:
            if self.pipe.poll(LIMIT_SECONDS):
                return self.pipe.recv()
            outcome = "hang"
        except EOFError:
            outcome = "crash"
        self.process.kill()
        self.process.join()
        self.start()
        return Answer(outcome)

    def stop(self) -> None:
        self.pipe.send(None)
        self.process.join()


def difference(case: Case, answer: Answer, *, rounded: bool) -> str:
    """Hold values, names and labels to those of the first data set; ``values``, ``names`` or nothing."""
    truth = case.truths[0]
    with np.errstate(over="ignore"):
        true = truth.stored.astype(np.float32).astype(np.float64) if rounded else truth.stored
    found = answer.values.reshape(true.shape) if answer.values.size == true.size == 0 else answer.values
    if found.shape != true.shape or not np.array_equal(found, true, equal_nan=True):
        return "values"
    if frozenset().union(*case.codes, case.infos) & REPAIRED_NAMES:
        return ""
    labels = [label or None for label in answer.labels or ()]
    same = list(answer.names or ()) == list(truth.detectors) and labels == [
        label or None for label in truth.labels
    ]
    return "" if same else "names"


def count(case: Case, answer: Answer, counts: Counter[str], *, rounded: bool) -> str:
    """Put one answer into its row; give the row's name where the answer is a fault."""
    kind = case.kind
    if answer.outcome in ("unclear", "hang", "crash"):
        counts[answer.outcome] += 1
        counts["error unclear"] += kind == "error" and answer.outcome == "unclear"
        return answer.outcome
    if kind == "error":
        counts["accepted"] += answer.outcome == "read"
        return "accepted" if answer.outcome == "read" else ""
    if answer.outcome == "clear":
        counts["refused"] += 1
        return "refused"
    wrong = difference(case, answer, rounded=rounded)
    counts[f"{kind} right"] += not wrong
    if wrong:
        counts[f"{wrong} {'warned' if answer.warned else 'silent'}"] += 1
        return f"wrong {wrong}"
    counts["warned right"] += kind == "warn" and answer.warned
    counts["false alarm"] += kind != "warn" and answer.warned
    return ""


def is_compared(case: Case) -> bool:
    """Whether every reader claims what the file asks for."""
    return not (case.channels or case.special or "long_text" in case.name)


def run(seeds: int, *, verbose: bool) -> tuple[dict[str, Counter[str]], Counter[str]]:
    """Read every file with every reader."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in READERS}
    files: Counter[str] = Counter()
    workers = {name: Worker(name) for name in READERS}
    with tempfile.TemporaryDirectory() as scratch:
        for case in (c for seed in range(1, seeds + 1) for c in filter(is_compared, corpus(seed))):
            files[case.kind] += 1
            path = case.write(Path(scratch))
            for name, worker in workers.items():
                answer = worker.ask(path)
                fault = count(case, answer, counts[name], rounded=name in ROUNDED)
                if fault and verbose:
                    print(f"{name}: {case.name}: {fault} {answer.note}", file=sys.stderr)
            path.unlink()
    for worker in workers.values():
        worker.stop()
    return counts, files


def table(counts: dict[str, Counter[str]], files: Counter[str]) -> list[str]:
    """Write the Markdown table."""
    good = files["legal"] + files["harmless"] + files["warn"]
    rows: list[tuple[str, Callable[[Counter[str]], str]]] = [
        (f"legal ({files['legal']}): right", lambda c: f"{c['legal right']}"),
        (f"harmless ({files['harmless']}): right", lambda c: f"{c['harmless right']}"),
        (f"must warn ({files['warn']}): right", lambda c: f"{c['warn right']}"),
        ("must warn: right *and* warned", lambda c: f"{c['warned right']}"),
        (
            f"wrong values, of {good} good files: silent / warned",
            lambda c: f"{c['values silent']} / {c['values warned']}",
        ),
        (
            "values right, names or labels wrong: silent / warned",
            lambda c: f"{c['names silent']} / {c['names warned']}",
        ),
        (f"clear refusal of one of {good} good files", lambda c: f"{c['refused']}"),
        ("legal and harmless: false alarms", lambda c: f"{c['false alarm']}"),
        (f"must refuse ({files['error']}): accepted", lambda c: f"{c['accepted']}"),
        ("must refuse: unclear error", lambda c: f"{c['error unclear']}"),
        (f"all {good + files['error']}: unclear errors", lambda c: f"{c['unclear']}"),
        ("hangs / crashes", lambda c: f"{c['hang']} / {c['crash']}"),
    ]
    head = ["| |" + "".join(f" {name} |" for name in counts), "|---|" + "---|" * len(counts)]
    return head + [f"| {title} |" + "".join(f" {cell(c)} |" for c in counts.values()) for title, cell in rows]


def compare(seeds: int, *, verbose: bool) -> int:
    """Print the table of all readers."""
    counts, files = run(seeds, verbose=verbose)
    tools = ", ".join(
        f"{name} {version(name)}" for name in ("immunoprofile", "flowio", "flowcal", "fcsparser", "numpy")
    )
    print(*table(counts, files), sep="\n")
    print(f"\nSeeds 1 to {seeds}, {time.strftime('%Y-%m-%d')}, Python {sys.version.split()[0]}, {tools}.")
    own = counts["immunoprofile"]
    faults = (
        "values silent",
        "values warned",
        "names silent",
        "names warned",
        "accepted",
        "unclear",
        "hang",
        "crash",
    )
    return int(any(own[fault] for fault in faults))


def read_seed(seed: int, folder: Path, keep: Path | None) -> tuple[list[Verdict], list[str]]:
    """Make, read and judge every file of one seed."""
    verdicts, lines = [], []
    for case in corpus(seed, large=seed == 1):
        path = case.write(folder)
        verdict = judge(case, path)
        modes = judge_modes(case, path)
        verdicts.append(verdict)
        if modes or verdict.wrong or not verdict.coded:
            expected = ", ".join("|".join(sorted(group)) for group in case.codes) or "nothing"
            lines.append(
                f"{case.name}: {verdict.outcome}, {sorted(verdict.codes)}, expected {expected}; "
                f"{[*verdict.wrong, *modes]} {verdict.note}"
            )
            if keep is not None and path.is_file():
                shutil.copy(path, keep)
        if path.is_file():
            path.unlink()
    return verdicts, lines


def ours_alone(seeds: int, keep: Path | None) -> int:
    """Print the counts of our own reader, and every file that is not as it must be."""
    verdicts: list[Verdict] = []
    faults: list[str] = []
    began = time.process_time()
    for seed in range(1, seeds + 1):
        with tempfile.TemporaryDirectory() as scratch:
            found, lines = read_seed(seed, Path(scratch), keep)
        verdicts += found
        faults += lines
    counts = tally(verdicts)
    missed = goals(counts)
    print(*faults, sep="\n")
    print(f"{counts.total} files of {seeds} seeds in {time.process_time() - began:.0f} s of CPU")
    print(*counts.lines(), sep="\n")
    print("goals missed:", ", ".join(missed) or "none")
    return int(bool(missed or faults))


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--seeds", type=int, default=1, help="how many master seeds of the corpus, from 1 on")
    words.add_argument("--ours", action="store_true", help="this project's reader alone, in every mode")
    words.add_argument(
        "--verbose", action="store_true", help="name every file that a reader does not read right"
    )
    words.add_argument(
        "--keep", type=Path, help="with --ours: copy every file that is not as it must be there"
    )
    given = words.parse_args()
    if given.ours:
        raise SystemExit(ours_alone(given.seeds, given.keep))
    raise SystemExit(compare(given.seeds, verbose=given.verbose))
