"""Features of subjects against a response, without a study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.biomarker._link import LINK_COLUMNS, LinkTable
from immunoprofile.biomarker._task import SCOPES, Task, dummies, rows_of_scope, shrink
from immunoprofile.core import ModelError, choose, listed, tidy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

KINDS = ("auto", "binary", "continuous")
METHODS = ("BH", "BY", "holm", "hochberg", "bonferroni")


def screen(  # noqa: PLR0913 - every choice of a screen by its name
    X: pd.DataFrame,  # noqa: N803 - the name that everyone gives a table of features
    y: Any,
    *,
    arm: Any = None,
    site: Any = None,
    covariates: pd.DataFrame | None = None,
    baseline: pd.DataFrame | None = None,
    scopes: Sequence[str] = ("across",),
    kind: str = "auto",
    adjust: str = "BH",
    reference: str | None = None,
    level: float = 0.95,
) -> LinkTable:
    """Relate many features to one response.

    Parameters
    ----------
    X : DataFrame, shape (n_subjects, n_features)
        Changes, or markers; the index names subjects, each once.
    y : Series or array_like, shape (n_subjects,)
        Response, 0 and 1 or a score; missing where it is not known.
    arm, site : Series or array_like, optional
        Held constant. Without `arm` every row is flagged ``unadjusted``.
    covariates : DataFrame, optional
        Held constant besides.
    baseline : DataFrame, shape of X, optional
        Each feature's own baseline, held constant too.
    scopes : sequence of str
        ``across`` all arms, ``within`` each, ``interaction`` of arm and feature (which then must be a
        baseline marker).
    kind : str
        ``auto``: ``binary`` where `y` holds 0 and 1 alone, else ``continuous``.
    adjust : str
        ``BH``, ``BY``, ``holm``, ``hochberg``, ``bonferroni``; a scope is a family.
    reference : str, optional
        Arm that the interaction is against; by default the first of the sorted arms.
    level : float
        Of the intervals.

    Returns
    -------
    LinkTable
        Of a score: difference of the feature for one unit of it, flagged ``per_unit``. What cannot be told is
        a row with missing numbers and a flag: ``too_few``, ``constant``, ``no_data``, ``one_arm_only``.

    Raises
    ------
    ModelError
        ``repeated_rows``, ``length_differs``, ``not_binary``.
    UnknownNameError
        ``unknown_choice``.

    Notes
    -----
    ``across``, ``within``: the feature by least squares on response, arm, site, baseline and covariates; HC3
    standard errors, Student's t. ``interaction``: logistic regression of the response on arm, marker
    (standardized on all subjects), arm x marker and site by Firth's penalized likelihood; profile interval,
    likelihood ratio. Associations are not causal; the column ``label`` says so.
    """
    import pandas as pd

    for scope in scopes:
        choose(scope, SCOPES, what="scope")
    frame = pd.DataFrame(X)
    if frame.index.has_duplicates:
        twice = frame.index[frame.index.duplicated()].unique()
        hint = "give one row a subject; repeated measures of a subject are not independent"
        raise ModelError(
            "repeated_rows", f"subjects stand twice: {listed([str(s) for s in twice])}", hint=hint
        )
    response, binary = _response(_aligned(y, frame.index, "y"), kind)
    values = frame.to_numpy(float, na_value=np.nan)
    columns = [np.empty((len(frame), 0))]
    sites = np.empty((len(frame), 0)) if site is None else dummies(_aligned(site, frame.index, "site"))
    columns.append(sites)
    if covariates is not None:
        columns += [
            columns_of(_aligned(covariates[name], frame.index, str(name))) for name in covariates.columns
        ]
    task = Task(
        features=[str(name) for name in frame.columns],
        changes=values,
        markers=values,
        baseline=None if baseline is None else _same(baseline, frame).to_numpy(float, na_value=np.nan),
        y=response,
        binary=binary,
        arm=None if arm is None else texts_of(_aligned(arm, frame.index, "arm")),
        adjust=np.column_stack(columns),
        sites=sites,
        few=np.zeros(values.shape, dtype=bool),
        flags=("unadjusted",) if arm is None else (),
        level=level,
    )
    name = str(getattr(y, "name", None) or "response")
    return link_of(task, scopes, adjust=adjust, reference=reference, facts={"response": name})


def link_of(
    task: Task,
    scopes: Sequence[str],
    *,
    adjust: str,
    reference: Any,
    facts: Mapping[str, Any],
    baseline_visit: str | None = None,
    dummy: bool = False,
) -> LinkTable:
    """Fit all scopes, shrink and adjust within each family, and make the table."""
    import pandas as pd

    from immunoprofile.longitudinal import adjust_p

    choose(adjust, METHODS, what="adjust")
    rows = [row for scope in scopes for row in rows_of_scope(task, scope, reference=reference)]
    names = [column.name for column in LINK_COLUMNS]
    raw = pd.DataFrame(rows, columns=[*names, "spread"]).assign(**facts)
    if baseline_visit is not None:
        raw["visit"] = raw["visit"].where(raw["scope"] != "interaction", baseline_visit)
    parts = ["response", "response_visit", "scope", "visit"]
    text = raw[parts].astype("string").fillna("")
    labels = [", ".join(f"{k}={v}" for k, v in zip(parts, row, strict=True) if v) for row in text.to_numpy()]
    raw["family"] = pd.Series(labels, index=raw.index, dtype="string")
    numbers = {name: raw[name].to_numpy(float, na_value=np.nan) for name in ("estimate", "se", "spread", "p")}
    q, shrunk, m = (np.full(len(raw), np.nan) for _ in range(3))
    for places in raw.groupby("family", sort=False).indices.values():
        own = {name: values[places] for name, values in numbers.items()}
        q[places] = adjust_p(own["p"], adjust)
        m[places] = int(np.isfinite(own["p"]).sum())
        shrunk[places] = shrink(own["estimate"], own["se"], own["spread"])
    out = raw.assign(q=q, estimate_shrunk=shrunk, m=m.astype("int64"), method=adjust)
    out = out.assign(_scope=pd.factorize(out["scope"])[0]).sort_values(["_scope", "feature"], kind="stable")
    return LinkTable(
        _table=tidy(out, LINK_COLUMNS), response=str(facts["response"]), level=task.level, dummy=dummy
    )


def _aligned(values: Any, index: pd.Index, what: str) -> pd.Series:
    """Bring a Series to the subjects by its index, anything else by its order."""
    import pandas as pd

    if isinstance(values, pd.Series):
        if values.index.has_duplicates:
            raise ModelError(
                "repeated_rows", f"subjects stand twice in {what}", hint="give one value a subject"
            )
        return values.reindex(index)
    if len(values) != len(index):
        problem = f"{what} has {len(values)} values for {len(index)} subjects"
        raise ModelError("length_differs", problem, hint="give a Series with the subjects as index")
    return pd.Series(list(values), index=index)


def numbers_of(values: pd.Series) -> NDArray[np.float64]:
    """Give numbers, or truth values, as floats."""
    known = zip(values.astype(object), values.notna(), strict=True)
    return np.array([float(value) if there else np.nan for value, there in known], dtype=np.float64)


def _same(frame: pd.DataFrame, like: pd.DataFrame) -> pd.DataFrame:
    return frame.reindex(index=like.index, columns=like.columns)


def _response(y: pd.Series, kind: str) -> tuple[NDArray[np.float64], bool]:
    choose(kind, KINDS, what="kind")
    values = numbers_of(y)
    known = values[np.isfinite(values)]
    zero_one = bool(np.isin(known, (0.0, 1.0)).all())
    if kind == "binary" and not zero_one:
        raise ModelError("not_binary", "the response is not 0 and 1", hint='kind="continuous" for a score')
    return values, zero_one if kind == "auto" else kind == "binary"


def texts_of(values: pd.Series) -> NDArray[np.object_]:
    """Give texts, None where missing."""
    out = np.empty(len(values), dtype=object)
    known = zip(values.astype(object), values.notna(), strict=True)
    out[:] = [str(value) if there else None for value, there in known]
    return out


def columns_of(values: pd.Series) -> NDArray[np.float64]:
    """Give a covariate's columns: a number as it is, anything else as a factor."""
    import pandas as pd

    numeric = pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype)
    return values.to_numpy(float, na_value=np.nan)[:, None] if numeric else dummies(values)
