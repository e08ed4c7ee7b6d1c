"""What the stored numbers mean: range, amplification and gain of each column, after the standard's own rules.

linear = 10**(f1 * x / r) * f2 for integers with f1 > 0, else x / gain; Time keeps its stored numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from immunoprofile.fcs._issues import listing
from immunoprofile.fcs._layout import bad_value
from immunoprofile.fcs._numbers import real_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from immunoprofile.fcs._issues import Findings
    from immunoprofile.fcs._layout import Layout


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """From the stored to the linear number of one column: log where `decades` > 0, else divided by `gain`.

    Attributes
    ----------
    decades, offset, span : float
        f1, f2 and r of ``10**(f1 * x / r) * f2``.
    gain : float
    """

    decades: float = 0.0
    offset: float = 1.0
    span: float = 1.0
    gain: float = 1.0

    @property
    def is_identity(self) -> bool:
        """Whether the linear number is the stored one."""
        return self.decades == 0 and self.gain == 1

    def apply(self, values: NDArray[np.float64]) -> None:
        """Change stored into linear numbers, in place."""
        if self.decades > 0:
            values *= self.decades
            values /= self.span
            np.power(10.0, values, out=values)
            values *= self.offset
        elif self.gain != 1:
            values /= self.gain


@dataclass(frozen=True, slots=True, kw_only=True)
class Scales:
    """Scale facts of all columns of a file."""

    ranges: NDArray[np.float64]
    amplification: NDArray[np.float64]
    integer_log: NDArray[np.bool_]
    scalings: tuple[Scaling, ...]


def is_time(name: str) -> bool:
    """Whether a detector is the clock."""
    return name.strip().lower() == "time"


def read_scales(
    keywords: Mapping[str, str],
    names: Sequence[str],
    *,
    layout: Layout,
    version: str,
    findings: Findings,
) -> Scales:
    """Read ``$PnR``, ``$PnE`` and ``$PnG`` of every column."""
    kinds = [field.kind for field in layout.fields]
    ranges = _ranges(keywords, kinds, findings)
    amplification = _amplification(keywords, kinds, version=version, findings=findings)
    gains = _gains(keywords, names, findings)
    clocks = np.array([is_time(name) for name in names])
    integers = np.array([kind == "I" for kind in kinds])
    logs = integers & (amplification[:, 0] > 0) & ~clocks
    _note_unused(
        names,
        logs=logs,
        clocks=clocks,
        gains=gains,
        floats_log=_floats_log(kinds, amplification),
        findings=findings,
    )
    scalings = []
    for i in range(len(names)):
        if logs[i]:
            f1, f2 = amplification[i]
            scalings.append(Scaling(decades=float(f1), offset=float(f2), span=float(ranges[i])))
        else:
            scalings.append(Scaling(gain=1.0 if clocks[i] else float(gains[i])))
    return Scales(ranges=ranges, amplification=amplification, integer_log=logs, scalings=tuple(scalings))


def _ranges(keywords: Mapping[str, str], kinds: Sequence[str], findings: Findings) -> NDArray[np.float64]:
    """Ranges; those of integers are known to be good, a float column can do without."""
    ranges = np.full(len(kinds), np.nan)
    missing, invalid = [], []
    for i in range(len(kinds)):
        keyword = f"$P{i + 1}R"
        text = keywords.get(keyword)
        value = None if text is None else real_number(text)
        if value is not None and value > 0:
            ranges[i] = value
        elif text is None:
            missing.append(keyword)
        elif value is None:
            invalid.append(keyword)
    if missing:
        findings.warn("keyword-missing", f"not given: {listing(missing)}", keyword=missing[0])
    if invalid:
        findings.warn("keyword-value", f"no number: {listing(invalid)}", keyword=invalid[0])
    return ranges


def _amplification(
    keywords: Mapping[str, str], kinds: Sequence[str], *, version: str, findings: Findings
) -> NDArray[np.float64]:
    out = np.zeros((len(kinds), 2))
    missing, invalid, repaired = [], [], []
    for i, kind in enumerate(kinds):
        keyword = f"$P{i + 1}E"
        text = keywords.get(keyword)
        if text is None:
            missing.append(keyword)
            continue
        pair = _two_numbers(text)
        if pair is None and kind == "I":
            raise bad_value(keyword, text, "two numbers, 0 or more (as 4,1 or 0,0),", findings=findings)
        if pair is None:
            invalid.append(keyword)
            continue
        f1, f2 = pair
        if kind == "I" and f1 > 0 and f2 == 0:
            repaired.append(keyword)
            f2 = 1.0
        out[i] = f1, f2
    if missing and version >= "3.0":
        findings.warn("pne-missing", f"read as linear: {listing(missing)}", keyword=missing[0])
    if invalid:
        findings.warn("pne-invalid", f"no two numbers, ignored: {listing(invalid)}", keyword=invalid[0])
    if repaired:
        findings.graded(
            "pne-zero-offset",
            f"log amplification with offset 0 was read with offset 1: {listing(repaired)}",
            warn=version >= "3.1",
            keyword=repaired[0],
        )
    return out


def _two_numbers(text: str) -> tuple[float, float] | None:
    parts = [real_number(part) for part in text.split(",")]
    if len(parts) != 2 or parts[0] is None or parts[1] is None or min(parts[0], parts[1]) < 0:
        return None
    return parts[0], parts[1]


def _gains(keywords: Mapping[str, str], names: Sequence[str], findings: Findings) -> NDArray[np.float64]:
    gains = np.ones(len(names))
    invalid = []
    for i, name in enumerate(names):
        keyword = f"$P{i + 1}G"
        text = keywords.get(keyword)
        if text is None:
            continue
        value = real_number(text)
        if value is not None and value > 0:
            gains[i] = value
        elif not is_time(name):
            invalid.append(keyword)
    if invalid:
        findings.warn("png-invalid", f"no number above 0, ignored: {listing(invalid)}", keyword=invalid[0])
    return gains


def _floats_log(kinds: Sequence[str], amplification: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.array([kind != "I" for kind in kinds]) & (amplification[:, 0] > 0)


def _note_unused(
    names: Sequence[str],
    *,
    logs: NDArray[np.bool_],
    clocks: NDArray[np.bool_],
    gains: NDArray[np.float64],
    floats_log: NDArray[np.bool_],
    findings: Findings,
) -> None:
    def keyword(chosen: NDArray[np.bool_], letter: str) -> str:
        return f"$P{int(np.flatnonzero(chosen)[0]) + 1}{letter}"

    def named(chosen: NDArray[np.bool_]) -> str:
        return listing(name for name, taken in zip(names, chosen, strict=True) if taken)

    if floats_log.any():
        findings.warn(
            "pne-on-float",
            f"log amplification of floating-point columns was ignored: {named(floats_log)}",
            keyword=keyword(floats_log, "E"),
        )
    both = logs & (gains != 1)
    if both.any():
        findings.warn(
            "png-on-log", f"gain of log columns was not applied: {named(both)}", keyword=keyword(both, "G")
        )
    timed = clocks & (gains != 1)
    if timed.any():
        findings.info("png-on-time", "gain of Time was not applied", keyword=keyword(timed, "G"))
