"""Change against clinical response: features from before, response from after, nothing from both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.biomarker._errors import LeakageError
from immunoprofile.biomarker._screen import columns_of, link_of, numbers_of, texts_of
from immunoprofile.biomarker._task import SCOPES, Task, dummies
from immunoprofile.core import ModelError, choose, close_names, listed, look_up, split_flags

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from immunoprofile.biomarker._link import LinkTable
    from immunoprofile.quantify import Change


def relate(  # noqa: PLR0913 - every choice by its name
    change: Change,
    response: pd.DataFrame,
    *,
    arms: pd.Series | None = None,
    feature_visit: str | None = None,
    response_visit: str | None = None,
    scopes: Sequence[str] = SCOPES,
    covariates: Sequence[str] | None = None,
    outcome: str = "responder",
    concurrent: bool = False,
    adjust: str = "BH",
    level: float = 0.95,
) -> LinkTable:
    """Relate the change of every feature to clinical response.

    Parameters
    ----------
    change : Change
        Of ``profile.change()``; the rule held is used.
    response : DataFrame
        Of ``trial.response``: subject, visit, responder, score.
    arms : Series, optional
        Subject to arm; needed in a blinded study.
    feature_visit, response_visit : str, optional
        By default the visit of the declared endpoint, else the last with a response, and the last with
        features before it.
    scopes : sequence of str
        ``across`` all arms, ``within`` each, ``interaction`` of arm and *baseline* marker.
    covariates : sequence of str, optional
        Columns of the change; by default those that the study declares. Site is held constant always.
    outcome : str
        Column of `response`: ``responder``, or ``score``.
    concurrent : bool
        Allow the visit of the response itself; rows are flagged ``concurrent``.
    adjust : str
        Within a family: one response, scope and visit.
    level : float
        Of the intervals.

    Returns
    -------
    LinkTable

    Raises
    ------
    LeakageError
        ``feature_after_response``, ``no_landmark``.
    ModelError
        ``response_unknown``, ``covariate_unknown``, ``arms_duplicate``, ``arms_unmatched``.
    BlindedError
        ``blinded`` without arms in a blinded study.
    UnknownNameError
        ``unknown_name`` of a visit, ``unknown_choice`` of a scope.

    Notes
    -----
    Response is a state at its visit, so a subject who responded before the feature's visit stays, and is
    counted: ``n_early_responders=3`` among the flags. A change that carries ``FEW_EVENTS`` is left out and
    counted.
    """
    for scope in scopes:
        choose(scope, SCOPES, what="scope")
    known = _responses(response, outcome)
    frame = change.joined(arms)
    frame = frame[frame["rule"] == "held"]
    order = [visit.id for visit in change.visits]
    after = _response_visit(known, order, asked=response_visit or response.attrs.get("visit"))
    before = _feature_visit(frame, order, after=after, asked=feature_visit, concurrent=concurrent)
    task = _task(
        frame,
        known,
        arms=arms,
        visits=(before, after),
        covariates=_known_covariates(frame, change.covariates if covariates is None else covariates),
        more={"flags": _flags(known, order, arms=arms, visits=(before, after)), "level": level},
    )
    name = str(response.attrs.get("index") or outcome)
    attrs = {} if arms is None else arms.attrs
    return link_of(
        task,
        scopes,
        adjust=adjust,
        reference=attrs.get("reference") or change.reference,
        facts={"response": name, "response_visit": after, "visit": before},
        baseline_visit=next((visit.id for visit in change.visits if visit.role == "baseline"), None),
        dummy=bool(attrs.get("dummy", False)) or (arms is not None and "DUMMY" in str(arms.name)),
    )


def _responses(response: pd.DataFrame, outcome: str) -> pd.DataFrame:
    """Give subject, visit, y; refuse a table that is not one row a subject and visit."""
    import pandas as pd

    for name in ("subject", "visit", outcome):
        if name not in response.columns:
            hint = f"the response has {listed([str(column) for column in response.columns], 12)}"
            raise ModelError("response_unknown", f"the response has no column {name!r}", hint=hint)
    y = response[outcome]
    known = pd.DataFrame(
        {
            "subject": response["subject"].astype("string"),
            "visit": response["visit"].astype("string"),
            "y": numbers_of(y),
        }
    )
    if known.duplicated(["subject", "visit"]).any():
        first = known[known.duplicated(["subject", "visit"])].iloc[0]
        where = f"subject {first['subject']}, visit {first['visit']}"
        raise ModelError("response_unknown", "a response stands twice", where=where, hint="one row a visit")
    return known


def _response_visit(known: pd.DataFrame, order: list[str], *, asked: Any) -> str:
    if asked is not None:
        return look_up(str(asked), order, what="visit")
    seen = set(known["visit"][known["y"].notna()])
    there = [visit for visit in order if visit in seen]
    if not there:
        raise ModelError(
            "response_unknown", "no visit of the study has a response", hint="look at response.csv"
        )
    return there[-1]


def _feature_visit(
    frame: pd.DataFrame, order: list[str], *, after: str, asked: str | None, concurrent: bool
) -> str:
    """Find the landmark: the visit up to which features are taken."""
    limit = order.index(after)
    if asked is not None:
        place = order.index(look_up(asked, order, what="visit"))
        if place > limit or (place == limit and not concurrent):
            problem = f"features of {asked} are not known before the response at {after}"
            hint = "take an earlier feature_visit; concurrent=True allows the same visit and flags it"
            raise LeakageError("feature_after_response", problem, hint=hint)
        return asked
    seen = set(frame["visit"][frame["change"].notna()])
    there = [visit for visit in order[: limit + concurrent] if visit in seen]
    earlier = [visit for visit in there if visit != after]
    if earlier or there:
        return (earlier or there)[-1]
    problem = f"no visit before the response at {after} has a change"
    hint = "concurrent=True relates changes at the same visit and flags them"
    raise LeakageError("no_landmark", problem, hint=hint)


def _known_covariates(frame: pd.DataFrame, names: Sequence[str]) -> list[str]:
    from immunoprofile.quantify import DESIGN_KEYS

    for name in names:
        if name not in frame.columns:
            near = close_names(name, [str(column) for column in frame.columns])
            hint = f"nearest: {listed(near)}" if near else "covariates are columns of subjects.csv"
            raise ModelError("covariate_unknown", f"no covariate {name!r}", hint=hint)
    return [name for name in dict.fromkeys(names) if name not in DESIGN_KEYS]


def _flags(
    known: pd.DataFrame, order: list[str], *, arms: pd.Series | None, visits: tuple[str, str]
) -> tuple[str, ...]:
    before, after = visits
    flags = ["concurrent"] if before == after else []
    if arms is None:
        flags.append("single_arm")
    elif arms.attrs.get("post_hoc"):
        flags.append("post_hoc")
    until = order[: order.index(before) + 1] if before != after else []
    early = known[known["visit"].isin(until) & (known["y"] == 1)]["subject"].nunique()
    binary = known["y"].dropna().isin([0.0, 1.0]).all()
    return tuple(flags + ([f"n_early_responders={early}"] if early and binary else []))


def _task(
    frame: pd.DataFrame,
    known: pd.DataFrame,
    *,
    arms: pd.Series | None,
    visits: tuple[str, str],
    covariates: list[str],
    more: dict[str, Any],
) -> Task:
    """Bring changes and responses to arrays of subjects by features."""
    before, after = visits
    subjects = sorted(
        set(frame["subject"].dropna()) | set(known["subject"][known["visit"] == after].dropna())
    )
    arm = None
    if arms is not None:
        by_subject = arms.set_axis(arms.index.astype("string")).astype("string")
        subjects = [subject for subject in subjects if subject in by_subject.index]
        arm = by_subject.reindex(subjects)
    features = sorted(set(frame["feature"]))
    here = frame[frame["visit"] == before]
    design = frame.drop_duplicates("subject").set_index("subject").reindex(subjects)

    def wide(rows: pd.DataFrame, column: str) -> Any:
        table = rows.dropna(subset=[column]).drop_duplicates(["subject", "feature"])
        shaped = table.set_index(["subject", "feature"])[column].unstack("feature")  # noqa: PD010 - no means
        return shaped.reindex(index=subjects, columns=features).to_numpy(float)

    few = here.assign(few=[float("FEW_EVENTS" in split_flags(flags)) for flags in here["flags"]])
    y = known[known["visit"] == after].set_index("subject")["y"].reindex(subjects).to_numpy(float)
    several = len(set(design["site"].dropna())) > 1
    site = dummies(design["site"]) if several else np.empty((len(subjects), 0))
    adjust = np.column_stack([site, *(columns_of(design[name]) for name in covariates)])
    known_y = y[np.isfinite(y)]
    return Task(
        features=features,
        changes=wide(here, "change"),
        markers=wide(frame, "baseline_scaled"),
        baseline=wide(frame, "baseline_scaled"),
        y=y,
        binary=bool(np.isin(known_y, (0.0, 1.0)).all()),
        arm=None if arm is None else texts_of(arm),
        adjust=adjust,
        sites=site,
        few=np.nan_to_num(wide(few, "few")) > 0,
        **more,
    )
