"""Gating a study: tube by tube; then numbers, flags and failures of all, side by side."""

from __future__ import annotations

import contextlib
import logging
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from immunoprofile.core import FcsWarning, ImmunoprofileError, StudyError, tidy
from immunoprofile.pipeline._cache import Cache
from immunoprofile.pipeline._hashes import FileHashes
from immunoprofile.pipeline._memory import memory_bytes
from immunoprofile.pipeline._runners import Workers, asked_timeout
from immunoprofile.pipeline._tasks import NOTE_COLUMNS
from immunoprofile.pipeline._tube import Context, Tally, Tube, TubeGating, gate_tube, strategy_of
from immunoprofile.quantify import POPULATION_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from immunoprofile.pipeline._hashes import Content
    from immunoprofile.trial import Study

LOG = logging.getLogger("immunoprofile")


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """How tasks are run.

    Attributes
    ----------
    workers : int or None
    client : distributed.Client or None
    progress : bool or None
    timeout : float or None
        Seconds that one pass over a sample may take; None: 600.
    memory : int, str or None
        Most that the local workers may take together, in bytes or as ``4GB``.
    verify : bool
        Whether every file is hashed anew.
    apart : bool
        Whether every sample is worked on in a process apart from this one.
    """

    workers: int | None = None
    client: Any = None
    progress: bool | None = None
    timeout: float | None = None
    memory: int | str | None = None
    verify: bool = False
    apart: bool = False

    def team(self) -> Workers:
        """Make the workers.

        Raises
        ------
        StudyError
            ``number_invalid``.
        """
        asked_timeout(self.timeout)
        return Workers(
            workers=self.workers,
            client=self.client,
            progress=self.progress,
            timeout=self.timeout,
            memory=memory_bytes(self.memory),
            apart=self.apart,
        )


def all_of(study: Study) -> Tally:
    """Make the tally of a study whose samples are all done."""
    return Tally(total=len(study.samples), done=len(study.samples))


@contextlib.contextmanager
def telling(tally: Tally) -> Iterator[None]:
    """Let an interruption say how much is done."""
    try:
        yield
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(*(stop.args or (str(tally),))) from None


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


def gate_study(study: Study, *, cache_folder: Path | None, running: Running) -> StudyGating:
    """Gate every sample of a study.

    Raises
    ------
    StudyError
        ``strategy_missing`` where the study declares no tubes, ``no_samples`` where no sample can be read.
    """
    check_runnable(study)
    team, tally = running.team(), Tally(total=len(study.samples))
    with telling(tally), team:
        contents = _contents(study.samples, cache_folder, trust=not running.verify)
        return _gated_study(study, contents, cache=Cache(cache_folder), workers=team, tally=tally)


def _gated_study(
    study: Study, contents: Mapping[str, Content], *, cache: Cache, workers: Workers, tally: Tally
) -> StudyGating:
    samples = study.samples
    refused = study.check_content({key: content.sha256 for key, content in contents.items()})
    found: dict[str, TubeGating] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FcsWarning)  # they come as notes of the sample, without its name
        context = Context(
            study=study,
            cache=cache,
            contents=contents,
            workers=workers,
            sites=dict(zip(samples["sample"], samples["site"].astype(str), strict=True)),
            tally=tally,
        )
        for declared in study.tubes:
            one = gate_tube(context, declared, skip=set(refused["sample"].dropna()))
            found[declared.id] = one
            tally.before, tally.done = tally.before + tally.done, 0
    LOG.info("gated", extra={"facts": {"samples": tally.before}})
    if all(one.tube is None for one in found.values()):
        failures = [error for one in found.values() for error in one.failures.values()]
        raise _nothing_to_gate(study, failures, refused=refused)
    specimen_of = dict(zip(samples["sample"], samples["specimen"], strict=True))
    return _collected(found, refused, specimen_of=specimen_of, contents=contents)


def check_runnable(study: Study) -> None:
    """Refuse a study that declares no tubes or has no samples, before anything is written."""
    if not study.tubes:
        hint = 'add [[tubes]] with id = "..." and strategy = "treg_surface_v1"'
        raise StudyError("strategy_missing", "the study declares no tubes", where="study.toml", hint=hint)
    for declared in study.tubes:
        strategy_of(study, declared)  # an unknown id is told now, not after the first tube's work
    if study.samples.empty:
        raise _nothing_to_gate(study, [])


def _contents(samples: pd.DataFrame, cache_folder: Path | None, *, trust: bool) -> dict[str, Content]:
    files = FileHashes(cache_folder, trust=trust)
    listed = zip(samples["sample"], samples["path"], strict=True)
    found = {str(name): files.content_of(str(name), path) for name, path in listed if path is not None}
    files.save()
    return {name: content for name, content in found.items() if content is not None}


def _nothing_to_gate(
    study: Study, failures: Sequence[ImmunoprofileError], *, refused: pd.DataFrame | None = None
) -> ImmunoprofileError:
    """Make the error of a study without one sample that could be placed: the first reason says why."""
    told = [(error.code, error.problem, error.hint) for error in failures]
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
    found: Mapping[str, TubeGating],
    refused: pd.DataFrame,
    *,
    specimen_of: Mapping[str, str],
    contents: Mapping[str, Content],
) -> StudyGating:
    import pandas as pd

    rows: list[pd.DataFrame] = []
    notes: list[pd.DataFrame] = []
    failures = [refused]
    for tube, one in found.items():
        for key, error in one.failures.items():
            LOG.info("sample left out", extra={"facts": {"sample": key, "code": error.code}})
            failures.append(_exclusion(error, {"specimen": specimen_of.get(key, ""), "sample": key}))
        for frame, held in ((one.numbers.rows, rows), (one.numbers.notes, notes)):
            if len(frame):
                specimens = frame["sample"].map(specimen_of).fillna("").astype("string")
                held.append(frame.assign(specimen=specimens, tube=tube))
    empty = pd.DataFrame(columns=["specimen", "sample", *NOTE_COLUMNS], dtype="string")
    noted = pd.concat(notes, ignore_index=True).drop(columns="tube") if notes else empty
    return StudyGating(
        rows=tidy(pd.concat(rows) if rows else pd.DataFrame(), POPULATION_COLUMNS),
        notes=noted[empty.columns],
        exclusions=pd.concat(failures, ignore_index=True),
        tubes=tuple(one.tube for one in found.values() if one.tube is not None),
        contents=dict(contents),
    )


def _exclusion(error: ImmunoprofileError, ids: Mapping[str, str]) -> pd.DataFrame:
    import pandas as pd

    row = {**ids, "stage": "gate", "code": error.code, "problem": error.problem, "hint": error.hint}
    return pd.DataFrame([row], dtype="string")
