"""Gating a study: place each tube's strategy, apply it to every sample, collect numbers, flags and failures.

Two pure tasks a sample, `advance` (placement) and `gate_one` (application), each with a cache entry keyed by
all that decides its result. So a second run, or one after a crash, does only what is new.
"""

from __future__ import annotations

import json
import logging
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from immunoprofile.core import FcsWarning, ImmunoprofileError, StudyError, sha256_text, tidy
from immunoprofile.gating import (
    load_strategy,
    median_markers,
    place_units,
    plain_cut,
    report_bytes,
    report_of,
)
from immunoprofile.panel import read_panel
from immunoprofile.pipeline._cache import Cache, key_of
from immunoprofile.pipeline._hashes import FileHashes
from immunoprofile.pipeline._runners import Workers
from immunoprofile.pipeline._tasks import (
    NOTE_COLUMNS,
    GateResult,
    GateTask,
    changed,
    gate_failed,
    gate_one,
    place_failed,
    result_bytes,
    result_of,
)
from immunoprofile.quantify import POPULATION_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from immunoprofile.gating import FittedStrategy, GatingStrategy, PlacementUnit
    from immunoprofile.panel import Panel
    from immunoprofile.pipeline._hashes import Content
    from immunoprofile.trial import Study

PLACE_STAGE = "place-1"
GATE_STAGE = "gate-2"
"""Version of each stage: raised when a number changes for the same input."""
LOG = logging.getLogger("immunoprofile")


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """How tasks are run.

    Attributes
    ----------
    workers : int or None
    client : distributed.Client or None
    progress : bool or None
    """

    workers: int | None = None
    client: Any = None
    progress: bool | None = None


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
class StudyGating:
    """All that gating a study gave.

    Attributes
    ----------
    rows : DataFrame
        Rows of populations.csv.
    notes : DataFrame
        specimen, sample, population, level, code, message.
    exclusions : DataFrame
        specimen, sample, stage, code, problem, hint.
    tubes : tuple of Tube
    contents : mapping of str to (str, int)
        Sample to SHA-256 and bytes of its file, where it could be read.
    """

    rows: pd.DataFrame
    notes: pd.DataFrame
    exclusions: pd.DataFrame
    tubes: tuple[Tube, ...]
    contents: Mapping[str, Content] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Context:
    study: Study
    cache: Cache
    contents: Mapping[str, Content]
    workers: Workers
    sites: Mapping[str, str]

    def hash_of(self, sample: str) -> str | None:
        """Give the hash of a sample's file, where it could be read."""
        content = self.contents.get(sample)
        return None if content is None else content.sha256

    def sizes(self, samples: Iterable[str]) -> list[int]:
        """Give the bytes of each sample's file."""
        return [self.contents[key].size if key in self.contents else 0 for key in samples]


def gate_study(study: Study, *, cache_folder: Path | None, running: Running) -> StudyGating:
    """Gate every sample of a study.

    Raises
    ------
    StudyError
        ``strategy_missing`` where the study declares no tubes, ``no_samples`` where no sample can be read.
    """
    check_runnable(study)
    samples = study.samples
    contents = _contents(samples, cache_folder)
    refused = study.check_content({key: content.sha256 for key, content in contents.items()})
    workers = Workers(workers=running.workers, client=running.client, progress=running.progress)
    tubes: list[Tube] = []
    results: list[tuple[str, GateResult]] = []
    with warnings.catch_warnings(), workers:
        warnings.simplefilter("ignore", FcsWarning)  # they come as notes of the sample, without its name
        context = _Context(
            study=study,
            cache=Cache(cache_folder),
            contents=contents,
            workers=workers,
            sites=dict(zip(samples["sample"], samples["site"].astype(str), strict=True)),
        )
        for declared in study.tubes:
            tube, found = _gate_tube(context, declared, skip=set(refused["sample"].dropna()))
            tubes += [tube] if tube is not None else []
            results += [(declared.id, result) for result in found]
    if not tubes:
        raise _nothing_to_gate(study, [result.failure for _, result in results], refused=refused)
    specimen_of = dict(zip(samples["sample"], samples["specimen"], strict=True))
    return _collected(results, refused, tubes=tubes, specimen_of=specimen_of, contents=contents)


def check_runnable(study: Study) -> None:
    """Refuse a study that declares no tubes or has no samples, before anything is written."""
    if not study.tubes:
        hint = 'add [[tubes]] with id = "..." and strategy = "treg_surface_v1"'
        raise StudyError("strategy_missing", "the study declares no tubes", where="study.toml", hint=hint)
    for declared in study.tubes:
        strategy_of(study, declared)  # an unknown id is told now, not after the first tube's work
    if study.samples.empty:
        raise _nothing_to_gate(study, [])


def _contents(samples: pd.DataFrame, cache_folder: Path | None) -> dict[str, Content]:
    files = FileHashes(cache_folder)
    listed = zip(samples["sample"], samples["path"], strict=True)
    found = {str(name): files.content_of(str(name), path) for name, path in listed if path is not None}
    files.save()
    return {name: content for name, content in found.items() if content is not None}


def _nothing_to_gate(
    study: Study, failures: Sequence[ImmunoprofileError | None], *, refused: pd.DataFrame | None = None
) -> ImmunoprofileError:
    """Make the error of a study without one sample that could be placed: the first reason says why."""
    told = [(error.code, error.problem, error.hint) for error in failures if error is not None]
    if refused is not None:
        told += list(refused[["code", "problem", "hint"]].itertuples(index=False, name=None))
    if told:
        code, problem, hint = told[0]
        problem = f"none of {len(told)} samples could be gated; the first: {problem}"
        return StudyError(code, problem, where="samples.csv", hint=hint)
    hint = "samples.csv lists no readable sample of a declared tube"
    problems = study.problems if len(study.excluded) else None
    problem = "the tubes have no samples"
    return StudyError("no_samples", problem, where="samples.csv", hint=hint, problems=problems)


def _collected(
    results: Sequence[tuple[str, GateResult]],
    refused: pd.DataFrame,
    *,
    tubes: Sequence[Tube],
    specimen_of: Mapping[str, str],
    contents: Mapping[str, Content],
) -> StudyGating:
    import pandas as pd

    rows, notes, failures = [], [], [refused]
    for tube, result in results:
        ids = {"specimen": specimen_of.get(result.key, ""), "sample": result.key}
        if result.failure is not None:
            LOG.info("sample left out", extra={"facts": {"sample": result.key, "code": result.failure.code}})
            failures.append(_exclusion(result.failure, ids))
        elif result.rows is not None and result.notes is not None:
            rows.append(result.rows.assign(**ids, tube=tube))
            notes.append(result.notes.assign(**ids))
    empty = pd.DataFrame(columns=["specimen", "sample", *NOTE_COLUMNS], dtype="string")
    return StudyGating(
        rows=tidy(pd.concat(rows) if rows else pd.DataFrame(), POPULATION_COLUMNS),
        notes=pd.concat(notes, ignore_index=True) if notes else empty,
        exclusions=pd.concat(failures, ignore_index=True),
        tubes=tuple(tubes),
        contents=dict(contents),
    )


def _exclusion(error: ImmunoprofileError, ids: Mapping[str, str]) -> pd.DataFrame:
    import pandas as pd

    row = {**ids, "stage": "gate", "code": error.code, "problem": error.problem, "hint": error.hint}
    return pd.DataFrame([row], dtype="string")


def _gate_tube(context: _Context, declared: Any, *, skip: set[str]) -> tuple[Tube | None, list[GateResult]]:
    study = context.study
    strategy = strategy_of(study, declared)
    panel = read_panel(study.root / declared.panel) if declared.panel else strategy.panel
    units = [
        u for u in study.placement_units(declared.strategy, panel, tube=declared.id) if u.key not in skip
    ]
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
    placed = [unit for unit in units if unit.key not in fitted.failures]
    medians = median_markers(strategy)
    tasks = [GateTask(unit=unit, fitted=fitted.only(unit.key), medians=medians) for unit in placed]
    results = _cached_gating(context, tasks)
    tube = Tube(id=declared.id, fitted=fitted, units={unit.key: unit for unit in units})
    return tube, [*failed, *results]


def strategy_of(study: Study, declared: Any) -> GatingStrategy:
    """Load a tube's strategy: a folder beside study.toml, or a shipped id."""
    folder = study.root / declared.strategy
    return load_strategy(folder if (folder / "strategy.toml").is_file() else declared.strategy)


def _cached_placement(
    context: _Context, strategy: GatingStrategy, *, panel: Panel, failures: dict[str, ImmunoprofileError]
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
    context: _Context,
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

    def keep(task: Any, result: Any) -> None:
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


def _cached_gating(context: _Context, tasks: Sequence[GateTask]) -> list[GateResult]:
    def key_for(task: GateTask) -> str | None:
        return _gate_key(context, task)

    coder = _Coder(key_of=key_for, pack=result_bytes, unpack=result_of)
    return _through_cache(context, gate_one, tasks, what="gating", failed=gate_failed, coder=coder)


def _gate_key(context: _Context, task: GateTask) -> str | None:
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
