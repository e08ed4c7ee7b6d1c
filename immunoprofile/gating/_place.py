"""Placement: where each cut lies, learnt over many samples by rules that cannot see the treatment.

Samples report cuts and histograms; the driver lends a batch's median to a sample that shows no valley, pools
the histograms of untreated units for gates of wider scope, and hands the cuts back. Nothing here opens a
file, and nothing depends on the order, the names or the number of workers.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from immunoprofile.core import StrategyError, track
from immunoprofile.gating._advance import Report, Task, advance
from immunoprofile.gating._checks import check_blind, responsive_markers
from immunoprofile.gating._fitted import FittedStrategy, UnitRecord
from immunoprofile.gating._lending import Lending
from immunoprofile.gating._units import PlacementUnit
from immunoprofile.gating._wide import WideCut, place_wide

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from immunoprofile.fcs import Sample
    from immunoprofile.gating._cuts import FittedCut
    from immunoprofile.gating._histograms import Histogram
    from immunoprofile.gating._strategy import Gate, GatingStrategy
    from immunoprofile.gating._units import PlacementSource
    from immunoprofile.panel import Panel, Resolution

    Run = Callable[[Callable[[Task], Report], Sequence[Task]], Iterable[Report]]


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
        return place_units(strategy, units, panel=used, run=run)
    samples = {sample.content_id: sample for sample in samples_or_study}  # the same content counts once
    fitted = place_units(strategy, _bare_units(samples, used), panel=used, run=run, bare=True)
    return replace(fitted, placed=samples)


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A loader of a sample that is in memory already."""

    sample: Sample
    panel: Panel

    def __call__(self) -> tuple[Sample, Resolution]:
        return self.sample, self.panel.resolve(self.sample)


def _bare_units(samples: Mapping[str, Sample], panel: Panel) -> list[PlacementUnit]:
    """Take bare samples as one batch of untreated subjects."""
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
        for content_id, sample in sorted(samples.items())
    ]


def place_units(
    strategy: GatingStrategy,
    units: Sequence[PlacementUnit],
    *,
    panel: Panel,
    run: Run | None = None,
    bare: bool = False,
) -> FittedStrategy:
    """Learn the cuts from placement units (see :func:`place`).

    Parameters
    ----------
    strategy : GatingStrategy
    units : sequence of PlacementUnit
        In any order.
    panel : Panel
    run : callable, optional
    bare : bool
        Samples without a study: wider scopes are the study, and nothing is known of treatment.
    """
    check_blind(strategy, panel, where=strategy.id)
    if not units:
        hint = "give at least one sample"
        raise StrategyError("NO_SAMPLES", "there are no samples to place on", where=strategy.id, hint=hint)
    driver = run or _serially
    by_key = {unit.key: unit for unit in units}
    state = Lending(
        gates=strategy.gates,
        advance=lambda tasks: driver(advance, tasks),
        tasks={unit.key: Task(unit=unit, strategy=strategy, panel=panel) for unit in units},
        reports={},
    )
    state.run(list(state.tasks))
    wide: dict[tuple[str, str], WideCut] = {}
    while True:
        state.settle()
        fresh = _place_ready(strategy, by_key, state.reports, done=wide, panel=panel, bare=bare)
        if not fresh:
            break
        wide.update(fresh)
        _hand_back(strategy, by_key, state, wide=wide)
    return _fitted(strategy, panel, by_key, reports=state.reports, wide=wide)


def _hand_back(
    strategy: GatingStrategy,
    units: Mapping[str, PlacementUnit],
    state: Lending,
    *,
    wide: Mapping[tuple[str, str], WideCut],
) -> None:
    """Give every sample the cuts of its groups, and advance those that have gates left to see."""
    again = []
    for key, report in state.reports.items():
        if report.failure is not None:
            continue
        cuts = {**report.cuts, **_known_wide(strategy, units[key], wide)}
        state.tasks[key] = replace(state.tasks[key], known={**state.tasks[key].known, **cuts})
        if any(gate.id not in cuts and gate.id not in report.sketches for gate in strategy.gates):
            again.append(key)
        else:
            state.reports[key] = replace(report, cuts=cuts)
    if again:
        state.run(again)


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


def _place_ready(
    strategy: GatingStrategy,
    units: Mapping[str, PlacementUnit],
    reports: Mapping[str, Report],
    *,
    done: Mapping[tuple[str, str], WideCut],
    panel: Panel,
    bare: bool,
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
                    for scope in (("study",) if bare else (gate.scope, *gate.widen))
                ],
                references=_reference_pools(gate, reports, units, learning=learning),
                strategy_id=strategy.id,
                responsive=bool(responsive_markers(gate, panel)),
                bare=bare,
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
