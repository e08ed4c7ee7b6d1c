"""Gating one tube: place its strategy, apply it to every sample, keep what was found.

Two pure tasks a sample, `advance` (placement) and `gate_one` (application), each with a cache entry keyed by
all that decides its result. So a second run, or one after a crash, does only what is new. A tube of which no
sample failed is kept as a whole too: a run that finds nothing new reads one entry.
"""

from __future__ import annotations

import dataclasses
import json
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from immunoprofile.core import ImmunoprofileError, sha256_text
from immunoprofile.gating import (
    load_strategy,
    median_markers,
    place_units,
    plain_cut,
    report_bytes,
    report_of,
)
from immunoprofile.panel import read_panel
from immunoprofile.pipeline._cache import key_of
from immunoprofile.pipeline._tasks import (
    GateResult,
    GateTask,
    TubeNumbers,
    changed,
    gate_failed,
    gate_one,
    numbers_bytes,
    numbers_of,
    place_failed,
    result_bytes,
    result_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from immunoprofile.gating import FittedStrategy, GatingStrategy, PlacementUnit
    from immunoprofile.panel import Panel
    from immunoprofile.pipeline._cache import Cache
    from immunoprofile.pipeline._hashes import Content
    from immunoprofile.pipeline._runners import Workers
    from immunoprofile.trial import Study

PLACE_STAGE = "place-2"
GATE_STAGE = "gate-3"
TUBE_STAGE = "tube-1"
"""Version of each stage: raised when a number changes for the same input."""
LOG = logging.getLogger("immunoprofile")


@dataclass(slots=True, kw_only=True)
class Tally:
    """How many samples are done, for the words of an interruption.

    Attributes
    ----------
    total, before, done : int
        All; those of earlier tubes; those of this phase.
    """

    total: int
    before: int = 0
    done: int = 0

    def __str__(self) -> str:
        return f"{self.before + self.done} of {self.total} done"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tube:
    """A tube of the study, gated.

    Attributes
    ----------
    id : str
    fitted : FittedStrategy
    units : mapping of str to PlacementUnit
        By sample id.
    """

    id: str
    fitted: FittedStrategy
    units: Mapping[str, PlacementUnit]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TubeGating:
    """What gating one tube gave.

    Attributes
    ----------
    tube : Tube or None
        None where no file of it could be read.
    numbers : TubeNumbers
    failures : mapping of str to ImmunoprofileError
        Sample that was left out, and why.
    """

    tube: Tube | None
    numbers: TubeNumbers
    failures: Mapping[str, ImmunoprofileError] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What all tubes of a run share."""

    study: Study
    cache: Cache
    contents: Mapping[str, Content]
    workers: Workers
    sites: Mapping[str, str]
    tally: Tally

    def hash_of(self, sample: str) -> str | None:
        """Give the hash of a sample's file, where it could be read."""
        content = self.contents.get(sample)
        return None if content is None else content.sha256

    def sizes(self, samples: Iterable[str]) -> list[int]:
        """Give the bytes of each sample's file."""
        return [self.contents[key].size if key in self.contents else 0 for key in samples]


def gate_tube(context: Context, declared: Any, *, skip: set[str]) -> TubeGating:
    """Place and gate one tube, without the samples to skip."""
    study = context.study
    strategy = strategy_of(study, declared)
    panel = read_panel(study.root / declared.panel) if declared.panel else strategy.panel
    units = [
        u for u in study.placement_units(declared.strategy, panel, tube=declared.id) if u.key not in skip
    ]
    key = _tube_key(context, strategy, panel=panel, units=units)
    known = _known_tube(context, key, strategy=strategy, panel=panel)
    if known is not None:
        tube = Tube(id=declared.id, fitted=known[0], units={unit.key: unit for unit in units})
        return TubeGating(tube=tube, numbers=known[1])
    fitted, results = _gated_tube(context, strategy, panel=panel, units=units)
    failures = {result.key: result.failure for result in results if result.failure is not None}
    numbers = TubeNumbers.of(results)
    if fitted is None:
        return TubeGating(tube=None, numbers=numbers, failures=failures)
    if key is not None and not failures:
        context.cache.put(key, numbers_bytes(numbers, fitted.to_bytes()))
    tube = Tube(id=declared.id, fitted=fitted, units={unit.key: unit for unit in units})
    return TubeGating(tube=tube, numbers=numbers, failures=failures)


def _gated_tube(
    context: Context, strategy: GatingStrategy, *, panel: Panel, units: Sequence[PlacementUnit]
) -> tuple[FittedStrategy | None, list[GateResult]]:
    """Place and gate sample by sample."""
    failures: dict[str, ImmunoprofileError] = {}
    run = _cached_placement(context, strategy, panel=panel, failures=failures)
    try:
        fitted = place_units(strategy, units, panel=panel, run=run) if units else None
    except ImmunoprofileError:
        if set(failures) != {unit.key for unit in units}:
            raise
        fitted = None  # no file of this tube could be read; the other tubes can
    failed = [GateResult(key=key, failure=error) for key, error in sorted(failures.items())]
    if fitted is None:
        return None, failed
    medians = median_markers(strategy)
    placed = [unit for unit in units if unit.key not in fitted.failures]
    tasks = [GateTask(unit=unit, fitted=fitted.only(unit.key), medians=medians) for unit in placed]
    return fitted, [*failed, *_cached_gating(context, tasks)]


def _tube_key(
    context: Context, strategy: GatingStrategy, *, panel: Panel, units: Sequence[PlacementUnit]
) -> str | None:
    """Make the key of a whole tube: everything that placement and gating may see of its samples."""
    seen = []
    for unit in units:
        file = context.hash_of(unit.key)
        if file is None:
            return None
        groups = [unit.key, unit.subject_key, unit.specimen_key, unit.batch_key, unit.panel_version]
        site = context.sites.get(unit.key, "")
        seen.append([*groups, unit.is_untreated, unit.control, site, file])
    medians = list(median_markers(strategy))
    decided = sha256_text(json.dumps([sorted(seen), medians], sort_keys=True))
    stages = (TUBE_STAGE, PLACE_STAGE, GATE_STAGE)
    return key_of(*stages, strategy.content_hash, panel.content_hash, decided)


def _known_tube(
    context: Context, key: str | None, *, strategy: GatingStrategy, panel: Panel
) -> tuple[FittedStrategy, TubeNumbers] | None:
    """Give a tube as it was kept; an entry that is whole but not understood is dropped."""
    content = context.cache.get(key) if key is not None else None
    if content is None or key is None:
        return None
    try:
        fitted, numbers = numbers_of(content)
    except (ValueError, KeyError, TypeError, OSError, AttributeError, IndexError):
        context.cache.drop(key)
        return None
    count = len(fitted.units)
    for what in ("placing", "gating"):
        LOG.info(what, extra={"facts": {"samples": count, "cached": count}})
    return dataclasses.replace(fitted, strategy=strategy, panel=panel), numbers


def strategy_of(study: Study, declared: Any) -> GatingStrategy:
    """Load a tube's strategy: a folder beside study.toml, or a shipped id."""
    folder = study.root / declared.strategy
    return load_strategy(folder if (folder / "strategy.toml").is_file() else declared.strategy)


def _cached_placement(
    context: Context, strategy: GatingStrategy, *, panel: Panel, failures: dict[str, ImmunoprofileError]
) -> Callable[..., Any]:
    """Make the runner of placement: what is known by content is not done again; failures are noted."""

    def key_for(task: Any) -> str | None:
        file = context.hash_of(task.unit.key)
        if file is None:
            return None
        known = {gate: [plain_cut(cut) | {"unit": ""} for cut in cuts] for gate, cuts in task.known.items()}
        decided = json.dumps([known, sorted(task.forced)], sort_keys=True)
        site = context.sites.get(task.unit.key, "")
        return key_of(PLACE_STAGE, file, strategy.content_hash, panel.content_hash, site, decided)

    def checked(task: Any, report: Any) -> Any:
        file = context.hash_of(task.unit.key)
        same = report.failure is not None or file in (None, report.content_id)
        report = report if same else place_failed(task, changed())
        if report.failure is not None:
            failures[task.unit.key] = report.failure
        return report

    def run(function: Callable[[Any], Any], tasks: Sequence[Any]) -> list[Any]:
        found = _through_cache(
            context,
            function,
            tasks,
            what="placing",
            failed=place_failed,
            coder=_Coder(key_of=key_for, pack=report_bytes, unpack=report_of),
        )
        return [checked(task, report) for task, report in zip(tasks, found, strict=True)]

    return run


@dataclass(frozen=True, slots=True, kw_only=True)
class _Coder:
    """How a result lies in the cache."""

    key_of: Callable[[Any], str | None]
    pack: Callable[[Any], bytes]
    unpack: Callable[..., Any]


def _through_cache(
    context: Context,
    function: Callable[[Any], Any],
    tasks: Sequence[Any],
    *,
    what: str,
    failed: Callable[[Any, ImmunoprofileError], Any],
    coder: _Coder,
) -> list[Any]:
    """Run tasks whose results are not in the cache; keep each result as soon as it is there."""
    keys = {task.unit.key: coder.key_of(task) for task in tasks}
    found: dict[str, Any] = {}
    for task in tasks:
        known = _from_cache(context.cache, keys[task.unit.key], coder=coder, sample=task.unit.key)
        if known is not None:
            found[task.unit.key] = known
    missing = [task for task in tasks if task.unit.key not in found]
    LOG.info(what, extra={"facts": {"samples": len(tasks), "cached": len(found)}})
    context.tally.done = len(found)

    def keep(task: Any, result: Any) -> None:
        context.tally.done += 1
        key = keys[task.unit.key]
        if key is not None and result.failure is None:
            context.cache.put(key, coder.pack(result))

    sizes = context.sizes(task.unit.key for task in missing)
    fresh = context.workers.map(function, missing, what=what, failed=failed, sizes=sizes, keep=keep)
    found |= {task.unit.key: result for task, result in zip(missing, fresh, strict=True)}
    return [found[task.unit.key] for task in tasks]


def _from_cache(cache: Cache, key: str | None, *, coder: _Coder, sample: str) -> Any:
    """Give a kept result; an entry that is whole but not understood is dropped."""
    content = cache.get(key) if key is not None else None
    if content is None or key is None:
        return None
    try:
        return coder.unpack(content, key=sample)
    except (ValueError, KeyError, TypeError, OSError, AttributeError):
        cache.drop(key)
        return None


def _cached_gating(context: Context, tasks: Sequence[GateTask]) -> list[GateResult]:
    def key_for(task: GateTask) -> str | None:
        return _gate_key(context, task)

    coder = _Coder(key_of=key_for, pack=result_bytes, unpack=result_of)
    return _through_cache(context, gate_one, tasks, what="gating", failed=gate_failed, coder=coder)


def _gate_key(context: Context, task: GateTask) -> str | None:
    fitted, key = task.fitted, task.unit.key
    file = context.hash_of(key)
    if file is None:
        return None
    own = {gate: [plain_cut(c) | {"unit": ""} for c in cuts] for gate, cuts in fitted.own[key].items()}
    wide = {
        f"{gate}/{index}": [[plain_cut(c) | {"unit": ""} for c in cut.cuts], dict(cut.anchors), cut.digest]
        for index, ((gate, _), cut) in enumerate(sorted(fitted.wide.items()))
    }
    cuts = sha256_text(json.dumps([own, wide, task.medians], sort_keys=True))
    site = context.sites.get(key, "")
    return key_of(GATE_STAGE, file, fitted.strategy.content_hash, fitted.panel.content_hash, site, cuts)
