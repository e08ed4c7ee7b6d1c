"""Read a case with this project's reader and hold what comes to the truth.

A limit of time interrupts a reading that hangs (by SIGALRM where there is one).
"""

from __future__ import annotations

import signal
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.core import FcsError, FcsWarning
from immunoprofile.fcs import read_fcs, read_fcs_all, read_metadata

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ._case import Case, Truth

LIMIT_SECONDS = 20
LINEAR_RTOL = 1e-12
"""Linear values are a power or a quotient of doubles: the last bits may differ, nothing more."""


class HangError(BaseException):
    """The time is over; no reader catches this."""


@contextmanager
def time_limit(seconds: float = LIMIT_SECONDS) -> Iterator[None]:
    """Interrupt what takes longer."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def stop(*_: object) -> None:
        raise HangError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of one case.

    Attributes
    ----------
    outcome : str
        ``read``, ``refused``, ``unclear`` or ``hang``.
    wrong : tuple of str
        What differs from the truth, where it was read.
    codes : frozenset
        Warnings, or the code of the error.
    coded : bool
        The codes are those of the tables: one of each set, no other; infos that must come are there.
    note : str
        For a person to read.
    """

    name: str
    kind: str
    outcome: str
    wrong: tuple[str, ...] = ()
    codes: frozenset[str] = frozenset()
    coded: bool = False
    note: str = ""


def _answer(path: Path, *, every: bool = False, **how: Any) -> tuple[str, Any]:
    """Read, and sort what comes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FcsWarning)
        warnings.filterwarnings("error", category=RuntimeWarning)
        try:
            with time_limit():
                return "read", read_fcs_all(path, **how) if every else read_fcs(path, **how)
        except FcsError as error:
            return "refused", error
        except HangError:
            return "hang", None
        except Exception as error:  # noqa: BLE001 - whatever else a reader throws is what is counted here
            return "unclear", error


def _same(found: np.ndarray, true: np.ndarray, rtol: float = 0.0) -> bool:
    """Equal shape and numbers, NaN at the same places."""
    if found.shape != true.shape:
        return False
    found = np.asarray(found, np.float64)
    if rtol == 0:
        return bool(np.array_equal(found, true, equal_nan=True))
    return bool(np.allclose(found, true, rtol=rtol, atol=0, equal_nan=True))


def _spillover(found: Any, true: Any) -> bool:
    if true is None or found is None:
        return found is true
    names, matrix = true
    return tuple(found.detectors) == tuple(names) and bool(np.array_equal(found.matrix, matrix))


def _keywords(found: Any, true: Any) -> bool:
    """Equal but for what is not judged."""
    if true is None:
        return True
    free = {key for key, value in true.items() if value is None}
    return {k: v for k, v in found.items() if k not in free} == {
        k: v for k, v in true.items() if k not in free
    }


def _labels(found: Any, truth: Truth) -> bool:
    if truth.free_labels:
        return [label or None for label in found] == list(truth.labels)
    return tuple(found) == truth.labels


def differences(sample: Any, truth: Truth, *, scale: str) -> list[str]:
    """Name what is not as the truth has it."""
    true = {"stored": truth.stored, "kept": truth.kept, "linear": truth.linear}[scale]
    rtol = LINEAR_RTOL if scale == "linear" else 0.0
    legacy = sample.legacy_compensation
    checks = {
        scale: _same(sample.events, true, rtol),
        "events": sample.n_events == true.shape[0],
        "detectors": tuple(sample.detectors) == truth.detectors,
        "labels": _labels(sample.labels, truth),
        "keywords": _keywords(sample.keywords, truth.keywords),
        "spillover": _spillover(sample.spillover, truth.spillover),
        "legacy": (legacy is None) == (not truth.legacy)
        and all(legacy[place] == entry for place, entry in truth.legacy.items()),
        "analysis": dict(sample.analysis) == dict(truth.analysis),
    }
    if scale == "linear":
        time, clock = sample.time_seconds, truth.time_seconds
        checks["time"] = (time is None) == (clock is None) and (
            clock is None or _same(time, clock, LINEAR_RTOL)
        )
    return [f"{scale}: {name}" for name, right in checks.items() if not right]


def _levels(sample: Any, level: str) -> frozenset[str]:
    return frozenset(issue.code for issue in sample.issues if issue.level == level)


def _as_tabled(codes: frozenset[str], case: Case) -> bool:
    """One of each set, and none beside them."""
    allowed = frozenset().union(*case.codes) if case.codes else frozenset()
    return all(codes & group for group in case.codes) and codes <= allowed


def _true_error(error: FcsError, case: Case, path: Path) -> list[str]:
    """A reason must name the file and say something."""
    lacks = []
    if str(path) not in str(error):
        lacks.append("error: path")
    if not error.problem:
        lacks.append("error: problem")
    if case.says and case.says.lower() not in str(error).lower():
        lacks.append(f"error: does not say {case.says}")
    return lacks


def judge(case: Case, path: Path) -> Verdict:
    """Read in the default mode, on both scales, and hold it to the truth."""
    outcome, result = _answer(path, channels=case.channels)
    facts = {"name": case.name, "kind": case.kind, "outcome": outcome}
    if outcome == "refused":
        codes = frozenset({result.code})
        lacks = tuple(_true_error(result, case, path))
        return Verdict(**facts, codes=codes, coded=_as_tabled(codes, case), wrong=lacks, note=str(result))
    if outcome != "read":
        return Verdict(**facts, note=repr(result))
    codes = _levels(result, "warning")
    if not case.truths:
        return Verdict(**facts, codes=codes, note="accepted")
    wrong = differences(result, case.truths[0], scale="linear")
    for scale, how in (("stored", {"scale": "stored"}), ("kept", {"scale": "stored", "bits": "keep"})):
        again, sample = _answer(path, channels=case.channels, **how)
        wrong += (
            differences(sample, case.truths[0], scale=scale)
            if again == "read"
            else [f"{scale}: {again} {sample}"]
        )
    coded = _as_tabled(codes, case) and case.infos <= _levels(result, "info")
    return Verdict(**facts, codes=codes, coded=coded, wrong=tuple(wrong))


def _strict(case: Case, path: Path) -> list[str]:
    """A warning is an error of the same code; what is right stays right."""
    outcome, result = _answer(path, channels=case.channels, mode="strict")
    if case.kind in ("legal", "harmless"):
        return [] if outcome == "read" else [f"strict: {outcome} {result}"]
    if outcome != "refused":
        return [f"strict: {outcome} {result!r}"]
    expected = frozenset().union(*case.codes)
    if case.kind == "warn":
        return [] if result.code in expected else [f"strict: {result.code}"]
    return []


def _force(case: Case, path: Path) -> list[str]:
    """Force lifts what the tables say, with a warning, and nothing else."""
    outcome, result = _answer(path, channels=case.channels, mode="force", scale="stored")
    if outcome in ("unclear", "hang"):
        return [f"force: {outcome} {result!r}"]
    if case.kind == "error":
        lifted = frozenset().union(*case.codes) & {"data-truncated", "data-offset-ambiguous"}
        if case.force is not None:
            if outcome != "read":
                return [f"force: {outcome} {result}"]
            said = bool(_levels(result, "warning") & lifted)
            return differences(result, case.force, scale="stored") + ([] if said else ["force: no warning"])
        return [] if outcome == "refused" or lifted else ["force: accepted"]
    if outcome != "read":
        return [f"force: {outcome} {result}"]
    return [f"force {w}" for w in differences(result, case.truths[0], scale="stored")]


def _other_roads(case: Case, path: Path) -> list[str]:
    """Without a map, and TEXT alone: the same."""
    outcome, result = _answer(path, channels=case.channels, scale="stored", mmap=False)
    found = (
        differences(result, case.truths[0], scale="stored") if outcome == "read" else [f"{outcome} {result}"]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FcsWarning)
        text = read_metadata(path)
    if not _keywords(text.keywords, case.truths[0].keywords):
        found.append("read_metadata: keywords")
    return [f"other road: {w}" for w in found]


def _all_sets(case: Case, path: Path) -> list[str]:
    """Every data set, one after the other."""
    outcome, result = _answer(path, every=True, scale="stored", channels=case.channels)
    if case.kind == "error":
        return [] if outcome == "refused" else [f"all: {outcome} {result!r}"]
    if outcome != "read" or len(result) != len(case.truths):
        return [f"all: {outcome} {result!r}"]
    found, own = [], frozenset().union(*case.codes) if case.codes else frozenset()
    for number, (sample, truth) in enumerate(zip(result, case.truths, strict=True), start=1):
        found += [f"all {number}: {w}" for w in differences(sample, truth, scale="stored")]
        codes = _levels(sample, "warning") - (own if number == 1 else frozenset())
        found += [f"all {number}: {sorted(codes)}"] if codes else []
        if len(result) > 1 and "multiple-datasets" in _levels(sample, "warning"):
            found.append(f"all {number}: multiple-datasets")
    return found


def judge_modes(case: Case, path: Path) -> list[str]:
    """Faults of the strict and the force mode, and of reading all data sets."""
    roads = _other_roads(case, path) if case.truths else []
    return _strict(case, path) + _force(case, path) + _all_sets(case, path) + roads
