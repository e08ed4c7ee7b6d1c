"""What a file may be answered with: a sample that can be used, or an error that a person understands."""

from __future__ import annotations

import signal
import threading
import unicodedata
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from immunoprofile.core import FcsError, FcsWarning
from immunoprofile.core.codes import CODES
from immunoprofile.fcs import Sample, check_files, read_fcs, read_fcs_all, read_metadata

if TYPE_CHECKING:
    from random import Random

Reader = Callable[[Path], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How a file was answered: ``read``, ``refused`` (with its code), ``unclear``, ``hang`` or ``crash``."""

    kind: str
    code: str = ""
    detail: str = ""


class TimeIsUp(BaseException):
    """No ``Exception``, so that nothing on the way can catch it."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Interrupt what takes longer; without a limit outside the main thread or where there are no timers."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(_number: int, _frame: object) -> None:
        raise TimeIsUp

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def touch(sample: Sample) -> None:
    """Use all that a sample offers."""
    events = sample.events
    assert events.shape == (sample.n_events, sample.n_channels)
    assert not (events.size and events.flags.writeable)
    with np.errstate(invalid="ignore"):  # a signalling NaN of the file
        np.testing.assert_array_equal(sample.block(0, 3), events[:3].astype(np.float64))
    seconds = sample.time_seconds
    assert seconds is None or seconds.shape == (sample.n_events,)
    for shown in (repr(sample), sample._repr_html_(), repr(sample.spillover)):
        assert_printable(shown)
    assert "<script" not in sample._repr_html_()
    assert len(sample.labels) == len(sample.detectors) == len(sample.ranges) == len(sample.integer_log)


def assert_printable(text: str) -> None:
    """See that no control character reaches a terminal."""
    bad = [c for c in text if unicodedata.category(c) == "Cc" and c != "\n"]
    assert not bad, f"control characters {bad!r} in {text!r}"


def _first_channels(path: Path) -> None:
    touch(read_fcs(path, channels=[0]))


def _all(path: Path) -> None:
    for sample in read_fcs_all(path):
        touch(sample)


def _check(path: Path) -> None:
    report = check_files([path], progress=False)
    assert report.exit_code in {0, 1}
    assert_printable(report.to_text())
    report.to_json()


READERS: dict[str, Reader] = {
    "default": lambda path: touch(read_fcs(path)),
    "force": lambda path: touch(read_fcs(path, mode="force")),
    "strict": lambda path: touch(read_fcs(path, mode="strict")),
    "stored": lambda path: touch(read_fcs(path, scale="stored", bits="keep", mmap=False)),
    "channels": _first_channels,
    "all": _all,
    "metadata": lambda path: (repr(read_metadata(path)), read_metadata(path)._repr_html_()),
    "check": _check,
}
_WEIGHTS = {
    "default": 50,
    "force": 14,
    "strict": 5,
    "stored": 8,
    "channels": 5,
    "all": 12,
    "metadata": 4,
    "check": 2,
}


def any_reader(rng: Random) -> str:
    """Draw how the next file is read; half of the time plainly."""
    return rng.choices(list(_WEIGHTS), weights=list(_WEIGHTS.values()))[0]


def unclear(error: FcsError, path: Path) -> str:
    """Tell what is wrong with the words of an error; empty where nothing is."""
    if error.code not in CODES:
        return f"no such code: {error.code}"
    if path.name not in str(error):
        return f"the file is not named: {error}"
    if not error.problem.strip() or not (error.hint.strip() or CODES[error.code].to_do.strip()):
        return f"no problem or hint: {error}"
    try:
        assert_printable(str(error))
    except AssertionError as failure:
        return str(failure)
    return ""


def judge(path: Path, reader: str = "default", *, seconds: float = 10.0) -> Answer:
    """Read a file and say how it was answered."""
    try:
        with warnings.catch_warnings(record=True) as heard, time_limit(seconds):
            warnings.simplefilter("always")
            READERS[reader](path)
    except TimeIsUp:
        return Answer(kind="hang", detail=reader)
    except FcsError as error:
        fault = unclear(error, path)
        return Answer(kind="unclear" if fault else "refused", code=error.code, detail=fault)
    except Exception as error:  # noqa: BLE001 - the very thing that is looked for
        return Answer(kind="crash", detail=f"{reader}: {type(error).__name__}: {error}"[:500])
    strange = [str(w.message) for w in heard if not issubclass(w.category, FcsWarning)]
    if strange:
        return Answer(kind="unclear", detail=f"{reader}: warning {strange[0]}")
    return Answer(kind="read")
