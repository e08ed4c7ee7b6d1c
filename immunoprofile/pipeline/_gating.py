"""Gating a study: place each tube's strategy, apply it to every sample, collect numbers, flags and failures.

Two pure tasks a sample, `advance` (placement) and `gate_one` (application), each with a cache entry keyed by
all that decides its result. So a second run, or one after a crash, does only what is new.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from immunoprofile.core import ImmunoprofileError, StudyError, sha256_text, tidy
from immunoprofile.gating import (
    FittedStrategy,
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
from immunoprofile.pipeline._runners import run_tasks
from immunoprofile.quantify import POPULATION_COLUMNS, rows_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from immunoprofile.gating import FittedStrategy, GatingStrategy, PlacementUnit
    from immunoprofile.panel import Panel
    from immunoprofile.trial import Study

PLACE_STAGE = "place-1"
GATE_STAGE = "gate-1"
"""Version of each stage: raised when a number changes for the same input."""
NOTE_COLUMNS = ["population", "level", "code", "message"]


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
class GateTask:
    """One sample to gate with its cuts."""

    unit: PlacementUnit
    fitted: FittedStrategy
    medians: tuple[str, ...]

    def failed(self, error: ImmunoprofileError) -> GateResult:
        """Give the result of a task whose worker died."""
        return GateResult(key=self.unit.key, failure=error)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GateResult:
    """Numbers and notes of one sample, or why there are none."""

    key: str
    rows: pd.DataFrame | None = None
    notes: pd.DataFrame | None = None
    failure: ImmunoprofileError | None = None


def gate_one(task: GateTask) -> GateResult:
    """Gate one sample: the pure task of application."""
    try:
        sample, resolution = task.unit.load()
        gated = task.fitted.apply(sample, resolution=resolution)
        rows = rows_of(gated, specimen="", sample="", tube="", medians=task.medians)
        return GateResult(key=task.unit.key, rows=rows, notes=gated.notes())
    except ImmunoprofileError as error:
        return GateResult(key=task.unit.key, failure=error)


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
    """

    rows: pd.DataFrame
    notes: pd.DataFrame
    exclusions: pd.DataFrame
    tubes: tuple[Tube, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Context:
    study: Study
    cache: Cache
    hashes: Mapping[str, str]
    running: Running
    sites: Mapping[str, str] = field(default_factory=dict)


def gate_study(study: Study, *, cache_folder: Path | None, running: Running) -> StudyGating:
    """Gate every sample of a study.

    Raises
    ------
    StudyError
        ``strategy_missing`` where the study declares no tubes.
    """
    import pandas as pd

    if not study.tubes:
        hint = 'add [[tubes]] with id = "..." and strategy = "treg_surface_v1"'
        raise StudyError("strategy_missing", "the study declares no tubes", where="study.toml", hint=hint)
    samples = study.samples
    files = FileHashes(cache_folder)
    paths: Sequence[Path] = list(samples["path"])
    hashes = {str(name): files.hash_of(path) for name, path in zip(samples["sample"], paths, strict=True)}
    files.save()
    context = _Context(
        study=study,
        cache=Cache(cache_folder),
        hashes={key: value for key, value in hashes.items() if value},
        running=running,
        sites=dict(zip(samples["sample"], samples["site"].astype(str), strict=True)),
    )
    specimen_of = dict(zip(samples["sample"], samples["specimen"], strict=True))
    refused = study.check_content(context.hashes)
    rows, notes, failures, tubes = [], [], [refused], []
    for declared in study.tubes:
        tube, results = _gate_tube(context, declared, skip=set(refused["sample"].dropna()))
        tubes.append(tube)
        for result in results:
            ids = {"specimen": specimen_of.get(result.key, ""), "sample": result.key}
            if result.failure is not None:
                failures.append(_exclusion(result.failure, ids))
            elif result.rows is not None and result.notes is not None:
                rows.append(result.rows.assign(**ids, tube=tube.id))
                notes.append(result.notes.assign(**ids))
    empty = pd.DataFrame(columns=["specimen", "sample", *NOTE_COLUMNS], dtype="string")
    return StudyGating(
        rows=tidy(pd.concat(rows) if rows else pd.DataFrame(), POPULATION_COLUMNS),
        notes=pd.concat(notes, ignore_index=True) if notes else empty,
        exclusions=pd.concat(failures, ignore_index=True),
        tubes=tuple(tubes),
    )


def _exclusion(error: ImmunoprofileError, ids: Mapping[str, str]) -> pd.DataFrame:
    import pandas as pd

    row = {**ids, "stage": "gate", "code": error.code, "problem": error.problem, "hint": error.hint}
    return pd.DataFrame([row], dtype="string")


def _gate_tube(context: _Context, declared: Any, *, skip: set[str]) -> tuple[Tube, list[GateResult]]:
    study = context.study
    strategy = strategy_of(study, declared)
    panel = read_panel(study.root / declared.panel) if declared.panel else strategy.panel
    units = [
        u for u in study.placement_units(declared.strategy, panel, tube=declared.id) if u.key not in skip
    ]
    if not units:
        hint = "samples.csv lists no readable sample of this tube"
        problem = f"tube {declared.id!r} has no samples"
        problems = study.problems if len(study.excluded) else None
        raise StudyError("no_samples", problem, where="samples.csv", hint=hint, problems=problems)
    fitted = place_units(strategy, units, panel=panel, run=_cached_placement(context, strategy, panel))
    failed = [GateResult(key=key, failure=error) for key, error in fitted.failures.items()]
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


def _cached_placement(context: _Context, strategy: GatingStrategy, panel: Panel) -> Callable[..., Any]:
    """Make the runner of placement: what is known by content is not done again."""

    def key_for(task: Any) -> str:
        known = {gate: [plain_cut(cut) | {"unit": ""} for cut in cuts] for gate, cuts in task.known.items()}
        decided = json.dumps([known, sorted(task.forced)], sort_keys=True)
        file, site = context.hashes.get(task.unit.key, ""), context.sites.get(task.unit.key, "")
        return key_of(PLACE_STAGE, file, strategy.content_hash, panel.content_hash, site, decided)

    def run(function: Callable[[Any], Any], tasks: Sequence[Any]) -> list[Any]:
        found: dict[str, Any] = {}
        for task in tasks:
            content = context.cache.get(key_for(task)) if task.unit.key in context.hashes else None
            if content is not None:
                found[task.unit.key] = report_of(content, key=task.unit.key)
        missing = [task for task in tasks if task.unit.key not in found]
        for task, report in zip(missing, _run(context, function, missing, what="placing"), strict=True):
            found[task.unit.key] = report
            if report.failure is None:
                context.cache.put(key_for(task), report_bytes(report))
        return [found[task.unit.key] for task in tasks]

    return run


def _run(context: _Context, function: Callable[[Any], Any], tasks: Sequence[Any], *, what: str) -> list[Any]:
    running = context.running
    return run_tasks(
        function,
        tasks,
        what=what,
        workers=running.workers,
        client=running.client,
        progress=running.progress,
    )


def _cached_gating(context: _Context, tasks: Sequence[GateTask]) -> list[GateResult]:
    keys = {task.unit.key: _gate_key(context, task) for task in tasks}
    found: dict[str, GateResult] = {}
    for task in tasks:
        content = context.cache.get(keys[task.unit.key])
        if content is not None:
            found[task.unit.key] = _result_of(content, key=task.unit.key)
    missing = [task for task in tasks if task.unit.key not in found]
    for result in _run(context, gate_one, missing, what="gating"):
        found[result.key] = result
        if result.failure is None:
            context.cache.put(keys[result.key], _result_bytes(result))
    return [found[task.unit.key] for task in tasks]


def _gate_key(context: _Context, task: GateTask) -> str:
    fitted, key = task.fitted, task.unit.key
    own = {gate: [plain_cut(c) | {"unit": ""} for c in cuts] for gate, cuts in fitted.own[key].items()}
    wide = {
        f"{gate}/{index}": [[plain_cut(c) | {"unit": ""} for c in cut.cuts], dict(cut.anchors), cut.digest]
        for index, ((gate, _), cut) in enumerate(sorted(fitted.wide.items()))
    }
    cuts = sha256_text(json.dumps([own, wide, task.medians], sort_keys=True))
    file, site = context.hashes.get(key, ""), context.sites.get(key, "")
    return key_of(GATE_STAGE, file, fitted.strategy.content_hash, fitted.panel.content_hash, site, cuts)


def _result_bytes(result: GateResult) -> bytes:
    """Give rows and notes as bytes; a number as text that round-trips."""
    if result.rows is None or result.notes is None:
        raise ValueError("a failure is not kept")
    parts = [frame.to_csv(index=False, lineterminator="\n") for frame in (result.rows, result.notes)]
    return json.dumps(parts).encode("utf-8")


def _result_of(content: bytes, *, key: str) -> GateResult:
    import pandas as pd

    rows, notes = (
        pd.read_csv(io.StringIO(text), dtype="string", keep_default_na=False, na_values=[""])
        for text in json.loads(content.decode("utf-8"))
    )
    return GateResult(key=key, rows=tidy(rows, POPULATION_COLUMNS), notes=notes.astype("string"))
