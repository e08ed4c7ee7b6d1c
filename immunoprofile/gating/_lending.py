"""Cuts that a batch lends: to a tube without a valley of its own, and to one whose cut is far from the rest.

Gates are taken in the order of the strategy, as if all samples went gate by gate, so that what a sample gets
does not depend on when its report came in.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from immunoprofile.gating._advance import Report, Task
    from immunoprofile.gating._cuts import FittedCut
    from immunoprofile.gating._strategy import Gate

    Advance = Callable[[Sequence[Task]], Iterable[Report]]

LENDERS = 3
"""Fewest samples of a batch with a cut of their own from which a median is lent."""
OUTLIER_LENDERS = 10
"""Fewest samples whose spread says which cut is an outlier: the robust SD of fewer is off by a third."""
OUTLIER_SD = 4.0
STAINED = ("full", "bridge", "unstimulated")
"""Controls that are stained for every marker: they may lend a cut."""


@dataclass(slots=True, kw_only=True)
class Lending:
    """Where the samples of one placement stand.

    Attributes
    ----------
    gates : tuple of Gate
    advance : callable
        Runs tasks.
    tasks : dict of str to Task
        By key of the sample; a task that runs again bears what has been decided.
    reports : dict of str to Report
    """

    gates: tuple[Gate, ...]
    advance: Advance
    tasks: dict[str, Task]
    reports: dict[str, Report]
    _given: set[tuple[str, str]] = field(default_factory=set)
    _judged: set[tuple[str, str]] = field(default_factory=set)

    def settle(self) -> None:
        """Lend until no sample waits for its batch."""
        for gate in self.gates:
            if gate.scope != "sample":
                continue
            again = self._lend(gate) | self._replace_outliers(gate)
            if again:
                self.run(sorted(again))

    def run(self, keys: Sequence[str]) -> None:
        """Advance samples again and take their reports."""
        for report in self.advance([self.tasks[key] for key in keys]):
            self.reports[report.key] = report

    def _lend(self, gate: Gate) -> set[str]:
        """Give each sample that waits at a gate the median of its batch, or its declared fallback."""
        waiting = {key for key, report in self.reports.items() if report.waits_at == gate.id}
        for key in waiting:
            task = self.tasks[key]
            own = list(self._own(gate, task.unit.batch_key).values())
            median = median_cuts(own, unit=key)
            known = _before(self.reports[key], gate)
            if median is not None and len(own) >= LENDERS:
                self._given.add((key, gate.id))
                self.tasks[key] = replace(task, known={**task.known, **known, gate.id: median})
            else:
                known = {**task.known, **known}
                self.tasks[key] = replace(task, known=known, forced=task.forced | {gate.id})
        return waiting

    def _own(self, gate: Gate, batch: str) -> dict[str, tuple[FittedCut, ...]]:
        """Give the cuts that samples of a batch found by the gate's own method."""
        return {
            key: report.cuts[gate.id]
            for key, report in self.reports.items()
            if self.tasks[key].unit.batch_key == batch
            and self.tasks[key].unit.control in STAINED
            and (key, gate.id) not in self._given
            and gate.id not in self.tasks[key].forced
            and _is_usable(report.cuts.get(gate.id, ()))
        }

    def _replace_outliers(self, gate: Gate) -> set[str]:
        """Give the batch's cut to samples whose own is far from it; each batch is judged once a gate."""
        found = set()
        for batch in sorted({task.unit.batch_key for task in self.tasks.values()}):
            own = self._own(gate, batch) if "batch" in gate.widen else {}
            if len(own) < OUTLIER_LENDERS or (gate.id, batch) in self._judged:
                continue
            self._judged.add((gate.id, batch))
            for key in outliers(own):
                median = median_cuts(list(own.values()), unit=key)
                if median is None:
                    continue
                lent = tuple(
                    cut if cut.kind == "missing" else replace(cut, flags=("CUT_OUTLIER",)) for cut in median
                )
                known = {**self.tasks[key].known, **_before(self.reports[key], gate), gate.id: lent}
                self.tasks[key] = replace(self.tasks[key], known=known)
                self._given.add((key, gate.id))
                found.add(key)
        return found


def _before(report: Report, gate: Gate) -> dict[str, tuple[FittedCut, ...]]:
    """Give what a sample has decided before a gate, so that it need not place those cuts again."""
    names = list(report.cuts)
    kept = names[: names.index(gate.id)] if gate.id in report.cuts else names
    return {name: report.cuts[name] for name in kept}


def _is_usable(cuts: tuple[FittedCut, ...]) -> bool:
    kinds = {cut.kind for cut in cuts}
    return bool(kinds & {"cut", "interval"}) and kinds <= {"cut", "interval", "missing"}


def median_cuts(own: Sequence[tuple[FittedCut, ...]], *, unit: str) -> tuple[FittedCut, ...] | None:
    """Give the median cut of several samples, axis by axis (both limits of an interval), or None without any.

    The standard error is the robust SD between the samples: what a cut of one's own would have varied by.
    """
    usable = [cuts for cuts in own if _is_usable(cuts)]
    if not usable:
        return None
    lent = []
    for axis in range(len(usable[0])):
        placed = [cuts[axis] for cuts in usable if cuts[axis].kind != "missing"]
        if not placed:
            lent.append(replace(usable[0][axis], unit=unit))
            continue
        values = np.array([np.atleast_1d(np.asarray(cut.value, float)).ravel() for cut in placed])
        middle = np.median(values, axis=0)
        low, high = np.quantile(values[:, -1], [0.25, 0.75])  # of an interval, the upper limit is in doubt
        value: Any = float(middle[0]) if middle.size == 1 else (float(middle[0]), float(middle[1]))
        lent.append(
            replace(
                placed[0],
                scope="batch",
                unit=unit,
                value=value,
                method=_usual([cut.method for cut in placed]),
                depth=math.nan,
                se=float((high - low) / 1.349),
                flags=("SCOPE_WIDENED",),
            )
        )
    return tuple(lent)


def _usual(methods: Sequence[str]) -> str:
    """Give the most frequent method; of equals the first by name, so that no order of samples shows."""
    counted = Counter(methods)
    return min(counted, key=lambda name: (-counted[name], name))


def outliers(own: dict[str, tuple[FittedCut, ...]]) -> list[str]:
    """Name the samples whose cut lies more than 4 SD from the batch's median, on any axis.

    Notes
    -----
    SD = sqrt(tau^2 + se^2), tau^2 = max(0, variance between the samples - mean se^2). The variance is the
    robust one: with the plain one, an outlier among ten samples is never farther than 2.9 SD.
    """
    found: set[str] = set()
    for axis in range(max(len(cuts) for cuts in own.values())):
        placed = {key: cuts[axis] for key, cuts in own.items() if cuts[axis].kind != "missing"}
        if len(placed) < OUTLIER_LENDERS:
            continue
        at = np.array([np.ravel(np.asarray(cut.value, float))[-1] for cut in placed.values()])
        se = np.nan_to_num(np.array([cut.se for cut in placed.values()]))
        middle, (low, high) = np.median(at), np.quantile(at, [0.25, 0.75])
        between = max(((high - low) / 1.349) ** 2 - float((se**2).mean()), 0.0)
        limit = OUTLIER_SD * np.sqrt(between + se**2)
        found |= {
            key for key, far in zip(placed, (np.abs(at - middle) > limit) & (limit > 0), strict=True) if far
        }
    return sorted(found)
