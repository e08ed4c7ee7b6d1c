"""Placement: where each cut lies, learnt over many samples by rules that cannot see the treatment.

Samples report cuts and histograms; the driver lends a batch's median to a sample that shows no valley, pools
the histograms of untreated units for gates of wider scope, and hands the cuts back. Nothing here opens a
file, and nothing depends on the order, the names or the number of workers.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.core import ImmunoprofileError, StrategyError, track
from immunoprofile.gating.advance import Report, Task, advance
from immunoprofile.gating.fitted import FittedStrategy, UnitRecord
from immunoprofile.gating.units import PlacementUnit
from immunoprofile.gating.wide import WideCut, place_wide

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from immunoprofile.fcs import Sample
    from immunoprofile.gating.cuts import FittedCut
    from immunoprofile.gating.histograms import Histogram
    from immunoprofile.gating.strategy import Gate, GatingStrategy
    from immunoprofile.gating.units import PlacementSource
    from immunoprofile.panel import Panel, Resolution

    Run = Callable[[Callable[[Task], Report], Sequence[Task]], Iterable[Report]]

LENDERS = 3
"""Fewest samples of a batch with a cut of their own from which a median is lent."""


def place(
    strategy: GatingStrategy,
    samples_or_study: Sequence[Sample] | PlacementSource,
    *,
    panel: Panel | None = None,
    run: Run | None = None,
) -> FittedStrategy:
    """Learn the cuts of a strategy.

    Parameters
    ----------
    strategy : GatingStrategy
    samples_or_study : sequence of Sample, or Study
    panel : Panel, optional
        In place of the strategy's own.
    run : callable, optional
        Runs the per-sample tasks, ``run(advance, tasks)``; serial by default.

    Raises
    ------
    StrategyError
        ``NO_SAMPLES`` where there is nothing to place on.
    """
    used = strategy.panel if panel is None else panel
    if hasattr(samples_or_study, "placement_units"):
        units = list(samples_or_study.placement_units(strategy.id, panel))
    else:
        units = _bare_units(samples_or_study, used)
    if not units:
        hint = "give at least one sample"
        raise StrategyError("NO_SAMPLES", "there are no samples to place on", where=strategy.id, hint=hint)
    return place_units(strategy, units, panel=used, run=run)


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A loader of a sample that is in memory already."""

    sample: Sample
    panel: Panel

    def __call__(self) -> tuple[Sample, Resolution]:
        return self.sample, self.panel.resolve(self.sample)


def _bare_units(samples: Sequence[Sample], panel: Panel) -> list[PlacementUnit]:
    """Take bare samples as one batch of untreated subjects; the same content twice counts once."""
    unique = {sample.content_id: sample for sample in samples}
    return [
        PlacementUnit(
            key=content_id,
            subject_key=content_id,
            specimen_key=content_id,
            batch_key="study",
            panel_version=panel.version,
            is_untreated=True,
            control="full",
            load=_Loaded(sample, panel),
        )
        for content_id, sample in sorted(unique.items())
    ]


def place_units(
    strategy: GatingStrategy,
    units: Sequence[PlacementUnit],
    *,
    panel: Panel,
    run: Run | None = None,
) -> FittedStrategy:
    """Learn the cuts from placement units (see :func:`place`)."""
    driver = run or _serially
    by_key = {unit.key: unit for unit in units}
    tasks = {unit.key: Task(unit=unit, strategy=strategy, panel=panel) for unit in units}
    reports = {report.key: report for report in driver(advance, list(tasks.values()))}
    wide: dict[tuple[str, str], WideCut] = {}
    while True:
        reports = _lend(strategy, tasks, reports, run=driver)
        fresh = _place_ready(strategy, by_key, reports, done=wide)
        if not fresh:
            break
        wide.update(fresh)
        again = []
        for key, report in reports.items():
            if report.failure is not None:
                continue
            known = dict(tasks[key].known) | _known_wide(strategy, by_key[key], wide)
            tasks[key] = replace(tasks[key], known=known)
            if _has_undecided(strategy, report, known):
                again.append(tasks[key])
            else:
                reports[key] = replace(report, cuts={**report.cuts, **known})
        reports |= {report.key: report for report in driver(advance, again)} if again else {}
    return _fitted(strategy, panel, by_key, reports=reports, wide=wide)


def _serially(function: Callable[[Task], Report], tasks: Sequence[Task]) -> Iterable[Report]:
    return [function(task) for task in track(tasks, what="placing", total=len(tasks))]


def scope_key(gate: Gate, unit: PlacementUnit | UnitRecord, scope: str | None = None) -> str:
    """Give the group of a unit in a gate's scope (or in another one)."""
    name = scope or gate.scope
    if name == "study":
        return "study"
    return {
        "sample": unit.key,
        "specimen": unit.specimen_key,
        "subject": unit.subject_key,
        "batch": unit.batch_key,
        "panel_version": unit.panel_version,
    }[name]


def _lend(
    strategy: GatingStrategy,
    tasks: dict[str, Task],
    reports: dict[str, Report],
    *,
    run: Run,
) -> dict[str, Report]:
    """Resolve waiting samples, the earliest gate first, as if all samples went gate by gate."""
    reports = dict(reports)
    lent: set[tuple[str, str]] = set()
    for gate in strategy.gates:
        waiting = [key for key, report in reports.items() if report.waits_at == gate.id]
        if not waiting:
            continue
        for key in waiting:
            batch = tasks[key].unit.batch_key
            own = [
                report.cuts[gate.id]
                for other, report in reports.items()
                if gate.id in report.cuts
                and tasks[other].unit.batch_key == batch
                and (other, gate.id) not in lent
                and gate.id not in tasks[other].forced
            ]
            median = median_cuts(own, unit=key)
            if median is not None and len(own) >= LENDERS:
                known = dict(tasks[key].known) | {gate.id: median}
                tasks[key] = replace(tasks[key], known=known)
                lent.add((key, gate.id))
            else:
                tasks[key] = replace(tasks[key], forced=tasks[key].forced | {gate.id})
        reports |= {report.key: report for report in run(advance, [tasks[key] for key in waiting])}
    return reports


def median_cuts(own: Sequence[tuple[FittedCut, ...]], *, unit: str) -> tuple[FittedCut, ...] | None:
    """Give the median cut of several samples, axis by axis (both limits of an interval), or None without any.

    The standard error is the robust SD between the samples: what a cut of one's own would have varied by.
    """
    usable = [cuts for cuts in own if cuts and all(cut.kind in ("cut", "interval") for cut in cuts)]
    if not usable:
        return None
    lent = []
    for axis, first in enumerate(usable[0]):
        values = np.array([np.atleast_1d(np.asarray(cuts[axis].value, float)).ravel() for cuts in usable])
        middle = np.median(values, axis=0)
        low, high = np.quantile(values[:, 0], [0.25, 0.75])
        value: Any = float(middle[0]) if middle.size == 1 else (float(middle[0]), float(middle[1]))
        lent.append(
            replace(
                first,
                scope="batch",
                unit=unit,
                value=value,
                depth=math.nan,
                se=float((high - low) / 1.349),
                flags=("SCOPE_WIDENED",),
            )
        )
    return tuple(lent)


def _place_ready(
    strategy: GatingStrategy,
    units: Mapping[str, PlacementUnit],
    reports: Mapping[str, Report],
    *,
    done: Mapping[tuple[str, str], WideCut],
) -> dict[tuple[str, str], WideCut]:
    """Place every gate of wider scope whose histograms have come and whose cut is not known yet."""
    placed: dict[tuple[str, str], WideCut] = {}
    for gate in strategy.gates:
        if gate.scope == "sample":
            continue
        sketched = {key: r.sketches[gate.id] for key, r in reports.items() if gate.id in r.sketches}
        groups = sorted({scope_key(gate, units[key]) for key in sketched})
        learning = {key: hist for key, hist in sketched.items() if _teaches(gate, units[key])}
        for group in groups:
            if (gate.id, group) in done:
                continue
            members = [units[key] for key in sketched if scope_key(gate, units[key]) == group]
            placed[gate.id, group] = place_wide(
                gate,
                group,
                [
                    (scope, _pool_of(gate, scope, members, learning=learning, units=units))
                    for scope in (gate.scope, *gate.widen)
                ],
                references=_reference_pools(gate, reports, units, learning=learning),
                strategy_id=strategy.id,
            )
    return placed


def _teaches(gate: Gate, unit: PlacementUnit) -> bool:
    """Say whether a cut may be learnt from a unit."""
    if gate.units == "untreated":
        return unit.is_untreated and unit.control in ("full", "bridge")
    if gate.units == "bridge":
        return unit.control == "bridge"
    if gate.units in ("unstimulated", "fmo"):
        return unit.control.split(":")[0] == gate.units
    return unit.control in ("full", "bridge")


def _pool_of(
    gate: Gate,
    scope: str,
    members: Sequence[PlacementUnit],
    *,
    learning: Mapping[str, Histogram],
    units: Mapping[str, PlacementUnit],
) -> dict[str, tuple[str, Histogram]]:
    """Collect the teaching units of a scope: key to (subject, histogram)."""
    groups = {scope_key(gate, unit, scope) for unit in members}
    return {
        key: (units[key].subject_key, hist)
        for key, hist in learning.items()
        if scope_key(gate, units[key], scope) in groups
    }


def _reference_pools(
    gate: Gate,
    reports: Mapping[str, Report],
    units: Mapping[str, PlacementUnit],
    *,
    learning: Mapping[str, Histogram],
) -> dict[str, dict[str, Histogram]]:
    """Collect, for each anchored dimension, the reference cells of the teaching units."""
    found: dict[str, dict[str, Histogram]] = defaultdict(dict)
    for dim, population in gate.anchor.items():
        for key in learning:
            hist = reports[key].references.get((population, dim))
            if hist is not None and key in units:
                found[dim][key] = hist
    return dict(found)


def _known_wide(
    strategy: GatingStrategy, unit: PlacementUnit, wide: Mapping[tuple[str, str], WideCut]
) -> dict[str, tuple[FittedCut, ...]]:
    known = {}
    for gate in strategy.gates:
        cut = wide.get((gate.id, scope_key(gate, unit))) if gate.scope != "sample" else None
        if cut is not None:
            known[gate.id] = cut.cuts
    return known


def _has_undecided(strategy: GatingStrategy, report: Report, known: Mapping[str, object]) -> bool:
    """Say whether a gate is left that this sample has not seen, since an earlier one was not placed."""
    seen = set(report.cuts) | set(report.sketches) | set(known)
    return any(gate.id not in seen for gate in strategy.gates)


def _fitted(
    strategy: GatingStrategy,
    panel: Panel,
    units: Mapping[str, PlacementUnit],
    *,
    reports: Mapping[str, Report],
    wide: Mapping[tuple[str, str], WideCut],
) -> FittedStrategy:
    records, own, failures = {}, {}, {}
    for key in sorted(reports):
        report, unit = reports[key], units[key]
        if report.failure is not None:
            failures[key] = report.failure
            continue
        records[report.content_id] = UnitRecord(
            key=key,
            subject_key=unit.subject_key,
            specimen_key=unit.specimen_key,
            batch_key=unit.batch_key,
            panel_version=unit.panel_version,
        )
        own[key] = {
            gate.id: tuple(replace(cut, unit=key) for cut in report.cuts[gate.id])
            for gate in strategy.gates
            if gate.id in report.cuts
            and (gate.scope == "sample" or (gate.id, scope_key(gate, unit)) not in wide)
        }
    if not records and failures:
        raise next(iter(failures.values()))
    return FittedStrategy(
        strategy=strategy, panel=panel, units=records, own=own, wide=dict(wide), failures=failures
    )


def failure_row(key: str, error: ImmunoprofileError) -> dict[str, str]:
    """Give the row of exclusions.csv of a sample that could not be placed."""
    return {"sample": key, "stage": "place", "code": error.code, "problem": error.problem, "hint": error.hint}
