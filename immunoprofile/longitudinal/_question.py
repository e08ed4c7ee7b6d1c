"""What a screen is asked, brought into one form: rows, names, formula, contrasts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from immunoprofile.core import split_flags
from immunoprofile.longitudinal._ancova import refuse_infinite
from immunoprofile.longitudinal._design import (
    Parsed,
    check_columns,
    check_reference,
    parse,
    variables_of,
)
from immunoprofile.longitudinal._errors import DesignError
from immunoprofile.longitudinal._fit import Model, plain_use

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from immunoprofile.quantify import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Columns of the caller's frame."""

    feature: str = "feature"
    subject: str = "subject"
    visit: str = "visit"
    arm: str = "arm"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Question:
    """Rows and what is asked of them.

    Attributes
    ----------
    frame : DataFrame
        Rows with a known arm, `rule` and `few` (left out and counted) among the columns.
    names : Names
    formula : str
        As the user reads it.
    model : Model
        Of one visit.
    visits : tuple
        In order.
    reference : object
    varying : bool
        Whether covariates differ between features in a way that forbids one design for all.
    flags : tuple of str
        Of every row.
    periods : mapping of visit to str
    scales : mapping of feature to str
    dummy, cuts : bool
        Whether arms are dummies; whether the doubt of cuts is in the frame.
    """

    frame: pd.DataFrame
    names: Names
    formula: str
    model: Model
    visits: tuple[Any, ...]
    reference: Any
    varying: bool
    flags: tuple[str, ...] = ()
    periods: Mapping[str, str] = field(default_factory=dict)
    scales: Mapping[str, str] = field(default_factory=dict)
    dummy: bool = False
    cuts: bool = False


def ask_change(
    change: Change, arms: pd.Series | None, *, formula: str | None, reference: str | None
) -> Question:
    """Make the question of a Change and arms; the baseline enters on the scale of the change."""
    if arms is None:
        hint = "arms = study.unblind(...), or study.dummy_arms(seed) for a dry run"
        raise DesignError("arms_missing", "a Change is compared between arms", hint=hint)
    from immunoprofile.quantify import DESIGN_KEYS

    frame = change.joined(arms)
    frame = frame.assign(
        baseline_value=frame["baseline"],
        baseline=frame["baseline_scaled"],
        few=[("FEW_EVENTS" in split_flags(flags)) for flags in frame["flags"]],
    )
    flags = ["post_hoc"] if arms.attrs.get("post_hoc") else []
    if formula is None:
        covariates = tuple(name for name in change.covariates if name not in DESIGN_KEYS)
        formula, dropped = _default_formula(frame, covariates)
        flags += dropped
    visits = [visit.id for visit in change.visits if (frame["visit"] == visit.id).any()]
    return _question(
        frame,
        Names(),
        formula,
        reference=reference or arms.attrs.get("reference") or change.reference,
        visits=tuple(visits),
        more={
            "flags": tuple(flags),
            "periods": {visit.id: getattr(visit, "period", "blinded") for visit in change.visits},
            "scales": dict(zip(change.scales["feature"], change.scales["scale"], strict=True)),
            "dummy": bool(arms.attrs.get("dummy", False)) or "DUMMY" in str(arms.name),
            "cuts": True,
        },
    )


def _default_formula(frame: pd.DataFrame, covariates: tuple[str, ...]) -> tuple[str, list[str]]:
    """Write ``change ~ baseline + arm + site`` and the covariates; say where site had to stay out.

    With fewer than two subjects a site on average, sites would explain the arms away.
    """
    design = frame[frame["arm"].notna()].drop_duplicates("subject")
    sites, flags = design["site"].nunique(), []
    terms = ["baseline", "arm"]
    if sites > 1 and 2 * sites <= len(design):
        terms.append("site")
    elif sites > 1:
        flags.append("site_left_out")
    for name in covariates:
        if not name.strip() or "`" in name or not name.isprintable():
            hint = "rename the column"
            raise DesignError("formula_invalid", f"{name!r} cannot be the name of a covariate", hint=hint)
    quoted = [name if name.isidentifier() else f"`{name}`" for name in covariates]
    return "change ~ " + " + ".join([*terms, *quoted]), flags


def ask_frame(
    frame: pd.DataFrame,
    names: Names,
    *,
    formula: str | None,
    reference: str | None,
    arms: pd.Series | None,
) -> Question:
    """Make the question of a plain long table."""
    dummy = False
    if arms is not None:
        check_columns(frame, [names.subject])
        by_subject = arms.copy()
        by_subject.index = by_subject.index.astype(str)
        frame = frame.assign(**{names.arm: frame[names.subject].astype(str).map(by_subject)})
        reference = reference or arms.attrs.get("reference")
        dummy = bool(arms.attrs.get("dummy", False)) or "DUMMY" in str(arms.name)
    if formula is None:
        formula = f"change ~ baseline*{names.visit} + {names.arm}*{names.visit}"
    check_columns(frame, [names.feature, names.subject, names.visit, names.arm])
    rule = frame["rule"].astype("string").fillna("") if "rule" in frame.columns else ""
    flags = frame["flags"] if "flags" in frame.columns else None
    few = False if flags is None else [("FEW_EVENTS" in split_flags(_text(cell))) for cell in flags]
    return _question(
        frame.assign(rule=rule, few=few).reset_index(drop=True),
        names,
        formula,
        reference=reference,
        visits=_ordered(frame[names.visit]),
        more={"dummy": dummy},
    )


def _text(cell: object) -> str:
    return cell if isinstance(cell, str) else ""


def _ordered(values: pd.Series) -> tuple[Any, ...]:
    import pandas as pd

    if isinstance(values.dtype, pd.CategoricalDtype):
        return tuple(values.cat.remove_unused_categories().cat.categories)
    return tuple(sorted(values.dropna().unique()))


def _question(
    frame: pd.DataFrame,
    names: Names,
    formula: str,
    *,
    reference: Any,
    visits: tuple[Any, ...],
    more: dict[str, Any],
) -> Question:
    parsed = parse(formula)
    one_visit = parsed.without(names.visit)
    if names.arm not in one_visit.factors:
        raise DesignError("no_arm_term", f"{formula!r} has no term {names.arm!r}", hint="add the arm")
    variables = variables_of(one_visit)
    check_columns(frame, [parsed.response, *variables])
    frame = frame[frame[names.arm].notna()].reset_index(drop=True)
    _check_rows(frame, names, parsed.response)
    levels = _ordered(frame[names.arm])
    reference = _reference(levels, reference, names.arm)
    own, varying = _own(frame, names, parsed=one_visit, variables=variables)
    contrasts = tuple((level, reference) for level in levels if level != reference)
    model = Model(parsed=one_visit, arm=names.arm, contrasts=contrasts, own=own)
    return Question(
        frame=frame,
        names=names,
        formula=formula,
        model=model,
        visits=visits,
        reference=reference,
        varying=varying,
        **more,
    )


def _reference(levels: tuple[Any, ...], reference: Any, arm: str) -> Any:
    if len(levels) < 2:
        hint = "a contrast needs two arms"
        raise DesignError("one_arm", f"{arm!r} has {len(levels)} levels in the rows", hint=hint)
    if reference is None:
        hint = f"reference= one of {', '.join(repr(level) for level in levels)}"
        raise DesignError("reference_missing", "which arm is the reference is not said", hint=hint)
    check_reference(reference, levels, arm)
    return reference


def _check_rows(frame: pd.DataFrame, names: Names, response: str) -> None:
    """Refuse duplicate rows, arms that change within a subject, and infinite values."""
    key = [names.feature, "rule", names.subject, names.visit]
    repeated = frame.duplicated(key)
    if repeated.any():
        first = frame[repeated].iloc[0]
        where = f"subject {first[names.subject]}, visit {first[names.visit]}, feature {first[names.feature]}"
        problem = f"{int(repeated.sum())} rows stand twice"
        raise DesignError("duplicate_rows", problem, where=where, hint="give one row a subject and visit")
    pairs = frame[[names.subject, names.arm]].drop_duplicates()
    twice = pairs[names.subject].duplicated()
    if twice.any():
        subject = pairs[names.subject][twice].iloc[0]
        problem = f"the arm changes within {int(twice.sum())} subjects"
        raise DesignError("arm_varies", problem, where=f"subject {subject}", hint="one arm a subject")
    refuse_infinite(frame[response].to_numpy(float, na_value=float("nan")), frame.index, response)


def _own(
    frame: pd.DataFrame, names: Names, *, parsed: Parsed, variables: tuple[str, ...]
) -> tuple[str | None, bool]:
    """Find the one covariate that belongs to the feature; tell whether there is more than that."""
    import pandas as pd

    where = [names.subject, names.visit]
    shared = frame[where].duplicated(keep="first").sum()
    cells = len(frame) - shared
    found = [
        name
        for name in variables
        if name != names.arm and (~frame[[*where, name]].duplicated()).sum() > cells
    ]
    if not found:
        return None, False
    plain = len(found) == 1 and plain_use(parsed, found[0], variables)
    if plain and pd.api.types.is_numeric_dtype(frame[found[0]].dtype):
        return found[0], False
    return None, True
