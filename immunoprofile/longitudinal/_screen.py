"""Does treatment move anything: one model for many features, at every visit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.core import Column, ModelError, join_flags, tidy, track
from immunoprofile.longitudinal._ancova import LEVEL, t_table
from immunoprofile.longitudinal._effects import EFFECT_COLUMNS, EffectTable
from immunoprofile.longitudinal._families import METHODS, add_families
from immunoprofile.longitudinal._fit import gate_variance
from immunoprofile.longitudinal._question import Names, Question, ask_change, ask_frame
from immunoprofile.longitudinal._rules import rule_flags
from immunoprofile.longitudinal._visit import VisitRows, cut_parts, visit_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from immunoprofile.quantify import Change

MODELS = ("ancova",)
ESTIMAND = "treatment_policy"


def screen(  # noqa: PLR0913 - every choice of a screen by its name
    frame: pd.DataFrame | Change,
    *,
    model: str = "ancova",
    formula: str | None = None,
    feature: str = "feature",
    subject: str = "subject",
    visit: str = "visit",
    arm: str = "arm",
    reference: str | None = None,
    families: Sequence[str] = ("visit",),
    adjust: str = "BH",
    arms: pd.Series | None = None,
    level: float = LEVEL,
    covariance: str | None = None,
    df: str | None = None,
    workers: int = 1,
    progress: bool | None = None,
) -> EffectTable:
    """Compare arms in the change of every feature at every visit.

    Parameters
    ----------
    frame : DataFrame or Change
        A long table, one row a feature, subject and visit; or what ``profile.change()`` gave, with `arms`.
    model : str
        ``ancova``: least squares at each visit alone.
    formula : str, optional
        By default ``change ~ baseline*visit + arm*visit`` for a table; of a Change
        ``change ~ baseline + arm + site`` and the covariates that the study declares. Terms with the visit
        are read within each visit. Of a Change the baseline enters on the scale of the change.
    feature, subject, visit, arm : str
        Columns of a table.
    reference : str, optional
        Arm that is subtracted; by default the control arm that `arms` or the study names.
    families : sequence of str
        Columns whose combinations are families of tests; each rule of gating is a family of its own.
    adjust : str
        ``BH``, ``BY``, ``holm``, ``hochberg``, ``bonferroni``.
    arms : Series, optional
        Subject to arm: of ``study.unblind`` or ``study.dummy_arms``.
    level : float
        Of the intervals; 1 - level is the alpha at which rules of gating are compared.
    covariance, df, workers
        Of mixed models; an analysis of covariance has no use for them.
    progress : bool, optional
        Show a progress bar; by default on a terminal only.

    Returns
    -------
    EffectTable
        A feature that cannot be fitted is a row with its ``status``; q and m count rows with a p only.

    Raises
    ------
    ModelError
        ``unknown_choice``.
    DesignError
        ``formula_invalid``, ``no_column``, ``no_arm_term``, ``one_arm``, ``reference_missing``,
        ``reference_unknown``, ``duplicate_rows``, ``arm_varies``, ``infinite_value``, ``family_unknown``,
        ``arms_missing``.
    BlindedError
        ``blinded`` for a Change of a blinded study without arms.

    Notes
    -----
    A change that carries ``FEW_EVENTS`` is left out and counted: ``n_few_events=2`` among the flags.
    ``gate_lower`` and ``gate_upper`` hold the doubt of the cuts by first-order propagation: the estimate is
    linear in the values, one cut serves a batch, so its error moves the values (and baselines) of a batch
    together; the variances of batches add to the square of the standard error.
    ``GATE_SENSITIVE`` and ``GATE_UNRESOLVED`` compare the rules of gating on the same specimens. Where there
    are fewer than two subjects a site, site stays out of the default formula, flagged ``site_left_out``.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({
    ...     "feature": "treg", "subject": list("abcdef"), "visit": "W4", "arm": ["IL2", "PBO"] * 3,
    ...     "baseline": [1.0, 2, 3, 1, 2, 3], "change": [0.5, 0.1, 0.7, 0.0, 0.6, 0.2]})
    >>> screen(rows, model="ancova", reference="PBO").table["contrast"].tolist()
    ['IL2 - PBO']
    """
    import pandas as pd

    _check(model, adjust)
    names = Names(feature=feature, subject=subject, visit=visit, arm=arm)
    if isinstance(frame, pd.DataFrame):
        question = ask_frame(frame, names, formula=formula, reference=reference, arms=arms)
    else:
        question = ask_change(frame, arms, formula=formula, reference=reference)
    table = _table(question, level=level, progress=progress)
    own = {"feature": feature, "visit": visit} if isinstance(frame, pd.DataFrame) else {}
    table = add_families(table, [own.get(key, key) for key in families], adjust)
    columns = tuple(_renamed(column, question.names) for column in EFFECT_COLUMNS)
    return EffectTable(
        _table=tidy(table, columns),
        model=model,
        formula=question.formula,
        reference=str(question.reference),
        level=level,
        dummy=question.dummy,
    )


def _check(model: str, adjust: str) -> None:
    for value, choices, what in ((model, MODELS, "model"), (adjust, METHODS, "adjust")):
        if value not in choices:
            hint = f"choose one of {', '.join(choices)}"
            raise ModelError("unknown_choice", f"{what} is {value!r}", hint=hint)


def _renamed(column: Column, names: Names) -> Column:
    own = {"feature": names.feature, "visit": names.visit}
    return Column(name=own.get(column.name, column.name), dtype=column.dtype, meaning=column.meaning)


def _table(question: Question, *, level: float, progress: bool | None) -> pd.DataFrame:
    """Fit every visit; rows by feature, visit, contrast, rule."""
    import pandas as pd

    keys = question.frame[[question.names.feature, "rule"]].drop_duplicates()
    units = sorted((feature, rule) for feature, rule in keys.itertuples(index=False))
    rows: list[dict[str, Any]] = []
    for visit in track(question.visits, what="fitting", progress=progress):
        rows += _visit(visit_rows(question, visit, units), visit, alpha=1 - level)
    columns = ["feature", "visit", "contrast", "rule", "estimate", "se", "df", "n", "gate", "status", "flags"]
    raw = pd.DataFrame(rows, columns=columns)
    return _inference(raw, question, level=level)


def _visit(rows: VisitRows, visit: Any, *, alpha: float) -> Iterator[dict[str, Any]]:
    question = rows.question
    fitted = rows.fit()
    sensitive = rule_flags(rows, alpha=alpha)
    cuts, batches = cut_parts(rows) if question.cuts else ({}, {})
    few = rows.few.sum(axis=0)
    complete = rows.shared.notna().all(axis=1).to_numpy(bool)
    lost = (rows.usable & ~complete[:, None]).sum(axis=0)
    for place, (feature, rule) in enumerate(rows.units):
        flags = [f"n_few_events={few[place]}"] if few[place] else []
        flags += [f"n_covariate_missing={lost[place]}"] if lost[place] and not question.varying else []
        own_cuts = {key: values[:, place] for key, values in cuts.items()}
        own_batches = {key: values[:, place] for key, values in batches.items()}
        for contrast, found in fitted[place].items():
            gate = np.nan
            if question.cuts and found.status == "ok":
                gate = gate_variance(found, own_cuts, own_batches)
            yield {
                "feature": feature,
                "visit": visit,
                "contrast": f"{contrast[0]} - {contrast[1]}",
                "rule": rule,
                "estimate": found.estimate,
                "se": found.se,
                "df": float(found.df) if found.status == "ok" else np.nan,
                "n": found.n,
                "gate": gate,
                "status": found.status,
                "flags": join_flags(question.flags, flags, sensitive.get((feature, contrast), ())),
            }


def _inference(raw: pd.DataFrame, question: Question, *, level: float) -> pd.DataFrame:
    """Add intervals, p, ratios and the facts of the study; sort."""
    from scipy.special import stdtrit

    estimate, se, df = (raw[name].to_numpy(float) for name in ("estimate", "se", "df"))
    student = t_table(estimate, se, df, level=level)
    half = stdtrit(df, 0.5 + level / 2) * np.sqrt(se**2 + raw["gate"].to_numpy(float))
    scale = raw["feature"].map(dict(question.scales)).astype("string")
    ratio = (scale == "log_ratio").fillna(value=False).to_numpy(bool)
    out = raw.assign(
        **{name: student[name] for name in ("lower", "upper", "t", "p")},
        gate_lower=estimate - half,
        gate_upper=estimate + half,
        **{
            name: np.where(ratio, np.exp(np.where(ratio, student[of], np.nan)), np.nan)
            for name, of in (("ratio", "estimate"), ("ratio_lower", "lower"), ("ratio_upper", "upper"))
        },
        n_subjects=raw["n"],
        n_observations=raw["n"],
        estimand=ESTIMAND,
        period=raw["visit"].map(dict(question.periods)) if question.periods else "",
    )
    order = {visit: place for place, visit in enumerate(question.visits)}
    rank = {name: place for place, name in enumerate(("held", "anchored", "per_sample", "deconvolved"))}
    out = out.assign(_visit=out["visit"].map(order), _rule=out["rule"].map(rank).fillna(len(rank)))
    out = out.sort_values(["feature", "_visit", "contrast", "_rule", "rule"], kind="stable")
    names = {"feature": question.names.feature, "visit": question.names.visit}
    return out.drop(columns=["_visit", "_rule"]).rename(columns=names).reset_index(drop=True)
