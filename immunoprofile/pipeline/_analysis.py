"""From gated numbers to answers: profile, change from baseline, arm effects, response, link."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from immunoprofile.core import ImmunoprofileError, StrategyError, StudyError, card_html, card_text
from immunoprofile.pipeline._gating import Running, StudyGating, all_of, gate_study, telling
from immunoprofile.quantify import POPULATION_COLUMNS, ImmuneProfile, rows_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from immunoprofile.biomarker import LinkTable
    from immunoprofile.fcs import Sample
    from immunoprofile.gating import GatingStrategy
    from immunoprofile.longitudinal import EffectTable
    from immunoprofile.quantify import Change
    from immunoprofile.trial import Study

T = TypeVar("T")
OF_A_RESOURCE = ("memory", "worker_died")
"""Codes of samples that another try, with more memory, may gate."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Results:
    """What a run of a study gave.

    Attributes
    ----------
    study : Study
    profile : ImmuneProfile
    gating : StudyGating
        Fitted strategies, flags, exclusions.
    arms : Series or None
        Subject to arm, where the run was given arms.
    change : Change or None
    effects : EffectTable or None
    response : DataFrame or None
    link : LinkTable or None
    left_out : mapping of str to str
        Part of the analysis to the reason for which it was left out.
    command, started, ended : str
        The command that ran, and its times (UTC), for provenance.json.
    """

    study: Study
    profile: ImmuneProfile
    gating: StudyGating
    arms: pd.Series | None = None
    change: Change | None = None
    effects: EffectTable | None = None
    response: pd.DataFrame | None = None
    link: LinkTable | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    command: str = ""
    started: str = ""
    ended: str = ""

    @property
    def outcomes(self) -> dict[str, str]:
        """Sample to the code for which it was left out after its row of the sheet was accepted."""
        lost = self.gating.exclusions
        return dict(zip(lost["sample"].astype(str), lost["code"].astype(str), strict=True))

    @property
    def exit_code(self) -> int:
        """0 all was done; 1 samples or rows were excluded or flagged as errors; 3 a resource was lacking.

        With 3, samples were excluded for want of memory or because their workers died twice: the same command
        tries them again.
        """
        if set(self.gating.exclusions["code"]) & set(OF_A_RESOURCE):
            return 3
        errors = bool((self.gating.notes["level"] == "error").any())
        return int(errors or len(self.gating.exclusions) > 0 or len(self.study.excluded) > 0)

    @property
    def dummy(self) -> bool:
        """Whether the arms are dummies."""
        return self.arms is not None and bool(self.arms.attrs.get("dummy", False))

    @property
    def state(self) -> str:
        """``blinded``, ``dummy arms`` or ``open``."""
        return "dummy arms" if self.dummy else "blinded" if self.blinded else "open"

    @property
    def blinded(self) -> bool:
        """Whether what is written may show no subject, no visit and no sentinel population."""
        return bool(self.study.blinded) and (self.arms is None or self.dummy)

    def __repr__(self) -> str:
        return card_text(f"Results {self.study.id}", self._facts(), following="ip.write_report(study)")

    def _repr_html_(self) -> str:
        return card_html(f"Results {self.study.id}", self._facts(), following="ip.write_report(study)")

    def _facts(self) -> list[tuple[str, object]]:
        notes = self.gating.notes["level"].value_counts()
        return [
            ("state", self.state),
            ("samples", self.gating.rows["sample"].nunique()),
            ("excluded", len(self.gating.exclusions) + len(self.study.excluded)),
            ("flags", f"{notes.get('error', 0)} errors, {notes.get('warning', 0)} warnings"),
        ]


def profile(
    study_or_samples: Study | Sequence[Sample],
    *,
    strategy: str | Path | GatingStrategy | None = None,
    workers: int | None = None,
    client: Any = None,
    progress: bool | None = None,
    timeout: float | None = None,
    memory: int | str | None = None,
) -> ImmuneProfile:
    """Gate samples and count: from FCS files to one tidy table.

    Parameters
    ----------
    study_or_samples : Study or sequence of Sample
        A study is gated by the tubes that it declares; work that was done before is not done again.
    strategy : str, path or GatingStrategy, optional
        For samples: a shipped id, a folder, or a loaded strategy.
    workers : int, optional
        Local workers; by default ``IMMUNOPROFILE_WORKERS``, else the cores at hand. Threads are used for
        little work, processes where there is enough to pay for their start. Samples that are in memory are
        gated here, one after the other.
    client : distributed.Client, optional
        A cluster to submit one task a sample to; the paths of the study must hold on its machines.
    progress : bool, optional
        Show progress bars; by default on a terminal only.
    timeout : float, optional
        Seconds that one pass over a sample may take, 600 by default; one that takes longer is excluded
        (``timeout``) and the others are done.
    memory : int or str, optional
        Most that the workers may take together (bytes, or as ``"4GB"``), where less is not free. There are as
        many workers as three times the largest file and 200 MB each allow.

    Returns
    -------
    ImmuneProfile

    Raises
    ------
    StudyError
        ``strategy_missing`` where the study declares no tubes; ``number_invalid``.
    StrategyError
        ``STRATEGY_UNKNOWN`` where samples come without a strategy.
    """
    from immunoprofile.trial import Study

    running = Running(workers=workers, client=client, progress=progress, timeout=timeout, memory=memory)
    if isinstance(study_or_samples, Study):
        lock_plan(study_or_samples)
        gating = gate_study(study_or_samples, cache_folder=cache_of(study_or_samples), running=running)
        return profile_of(study_or_samples, gating)
    if strategy is None:
        hint = 'profile(samples, strategy="treg_surface_v1")'
        raise StrategyError("STRATEGY_UNKNOWN", "samples come without a strategy", hint=hint)
    return _profile_samples(study_or_samples, strategy)


def _profile_samples(samples: Sequence[Sample], strategy: str | Path | GatingStrategy) -> ImmuneProfile:
    import pandas as pd

    from immunoprofile.gating import gate, median_markers

    names = _names_of(samples)
    gated = gate(list(samples), strategy)
    rows = [
        rows_of(one, specimen=name, sample=name, tube="", medians=median_markers(one.strategy))
        for name, one in zip(names, gated if isinstance(gated, list) else [gated], strict=True)
    ]
    empty = pd.DataFrame(columns=[c.name for c in POPULATION_COLUMNS])
    table = pd.concat(rows, ignore_index=True) if rows else empty
    return ImmuneProfile(table=table, specimens=pd.DataFrame({"specimen": names}, dtype="string"))


def _names_of(samples: Sequence[Sample]) -> list[str]:
    """Name samples by their files; where two folders hold files of one name, the later ones are numbered."""
    names: list[str] = []
    for sample in samples:
        name, number = sample.name, 2
        while name in names:
            name, number = f"{sample.name} ({number})", number + 1
        names.append(name)
    return names


def lock_plan(study: Study) -> None:
    """Lock the plan of a blinded study before its numbers are seen; a read-only folder has no log."""
    try:
        study.lock_plan()
    except StudyError as error:
        if error.code != "audit_unwritable":
            raise


def cache_of(study: Study) -> Path | None:
    """Give the cache folder of a study, or None where its results folder cannot be written."""
    folder: Path = study.root / "results" / "cache"
    try:
        folder.parent.mkdir(exist_ok=True)
        folder.mkdir(exist_ok=True, mode=0o700)
    except OSError:
        return None
    return folder


def profile_of(study: Study, gating: StudyGating) -> ImmuneProfile:
    """Make the profile of a study from its gated rows."""
    return ImmuneProfile(
        table=gating.rows,
        specimens=study.specimens,
        visits=study.visit_values,
        baseline_rule=study.baseline_rule,
        blinded=study.blinded,
        sentinels=study.sentinels,
        covariates=study.covariates,
        reference=study.reference,
    )


def analyse(
    study: Study,
    *,
    arms: pd.Series | None = None,
    workers: int | None = None,
    client: Any = None,
    progress: bool | None = None,
    timeout: float | None = None,
    memory: int | str | None = None,
) -> Results:
    """Run a study from its files to its answers, writing nothing but the cache.

    Parameters
    ----------
    study : Study
    arms : Series, optional
        Subject to arm, from ``study.unblind`` or ``study.dummy_arms``: with it come effects and link.
    workers, client, progress, timeout, memory
        As for :func:`profile`.

    Returns
    -------
    Results
        A part that cannot be had is left out, with its reason.
    """
    running = Running(workers=workers, client=client, progress=progress, timeout=timeout, memory=memory)
    return analyse_as(study, arms=arms, running=running)


def analyse_as(study: Study, *, arms: pd.Series | None, running: Running) -> Results:
    """Gate and analyse: the road of :func:`analyse` and of ``run``."""
    gating = gate_study(study, cache_folder=cache_of(study), running=running)
    with telling(all_of(study)):
        return _answers(study, gating, arms)


def _answers(study: Study, gating: StudyGating, arms: pd.Series | None) -> Results:
    found = profile_of(study, gating)
    left_out: dict[str, str] = {}
    change = _change(study, found, left_out)
    known = study.open_arms if arms is None and not study.blinded else arms
    response = _response(study, left_out) if not study.blinded or arms is not None else None
    effects = _effects(study, change, known, left_out=left_out)
    link = None
    if effects is not None:
        link = _link(study, change, response, arms=known, left_out=left_out)
    return Results(
        study=study,
        profile=found,
        gating=gating,
        arms=known,
        change=change,
        effects=effects,
        response=response,
        link=link,
        left_out=left_out,
    )


def _change(study: Study, found: ImmuneProfile, left_out: dict[str, str]) -> Change | None:
    if len(study.visit_values) < 2:
        left_out["change"] = "there is one visit only: no change from baseline"
    elif not any(visit.role == "baseline" for visit in study.visit_values):
        left_out["change"] = "no visit has the role baseline"
    else:
        return _or_left_out(found.change, part="change", left_out=left_out)
    return None


def _or_left_out(made: Callable[[], T], *, part: str, left_out: dict[str, str]) -> T | None:
    """Make a part of the analysis; one that cannot be had is left out, with its reason."""
    try:
        return made()
    except ImmunoprofileError as error:
        left_out[part] = f"{error.problem} ({error.code})"
        return None
    except (ValueError, ArithmeticError) as error:  # one failed part never costs the others
        left_out[part] = f"an unexpected {type(error).__name__} stopped it"
        return None


def _response(study: Study, left_out: dict[str, str]) -> pd.DataFrame | None:
    from immunoprofile.trial import response

    declared = [endpoint for endpoint in study.endpoints if endpoint.response]
    if not declared:
        left_out["response"] = "no endpoint with a response index is declared"
        return None
    make = partial(response, study, declared[0].response)
    return _or_left_out(make, part="response", left_out=left_out)


def _effects(
    study: Study, change: Change | None, arms: pd.Series | None, *, left_out: dict[str, str]
) -> EffectTable | None:
    from immunoprofile.longitudinal import screen

    if change is None:
        left_out["effects"] = left_out.get("change", "no change from baseline")
    elif arms is None:
        left_out["effects"] = "the study is blinded" if study.blinded else "no arms are declared"
    else:
        make = partial(screen, change, model="ancova", arms=arms, level=1 - study.design.analysis.alpha)
        return _or_left_out(make, part="effects", left_out=left_out)
    return None


def _link(
    study: Study,
    change: Change | None,
    response: pd.DataFrame | None,
    *,
    arms: pd.Series | None,
    left_out: dict[str, str],
) -> LinkTable | None:
    from immunoprofile.biomarker import relate

    if change is None or response is None:
        left_out["link"] = left_out.get("response", "no change or no response")
        return None
    visit = next((e.visit for e in study.endpoints if e.response and e.visit), None)
    make = partial(
        relate, change, response, arms=arms, response_visit=visit, level=1 - study.design.analysis.alpha
    )
    return _or_left_out(make, part="link", left_out=left_out)
