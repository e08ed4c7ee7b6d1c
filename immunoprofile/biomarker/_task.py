"""One screen of features against a response, as arrays, and its rows by scope."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.biomarker._firth import firth
from immunoprofile.biomarker._link import ASSOCIATION, MODIFICATION
from immunoprofile.core import ModelError, join_flags

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

MINIMUM_SUBJECTS, MINIMUM_CLASS, RARE = 10, 2, 10
"""Fewest subjects, and fewest of either class, for a number; class size below which it is flagged."""
SCOPES = ("across", "within", "interaction")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Task:
    """What is related.

    Attributes
    ----------
    features : list of str
    changes : ndarray, shape (n_subjects, n_features)
        Change, or marker.
    markers : ndarray, shape (n_subjects, n_features)
        Baseline marker of the interaction.
    baseline : ndarray or None
        Adjusts each feature for its own baseline.
    y : ndarray, shape (n_subjects,)
    binary : bool
    arm : ndarray of object or None
    adjust : ndarray, shape (n_subjects, n_columns)
        Columns of site and covariates; a subject with a missing one is left out.
    sites : ndarray
        Columns of site alone, for the interaction.
    few : ndarray of bool, shape of changes
        Left out for few events.
    flags : tuple of str
        Of every row.
    level : float
    """

    features: list[str]
    changes: NDArray[np.float64]
    markers: NDArray[np.float64]
    baseline: NDArray[np.float64] | None
    y: NDArray[np.float64]
    binary: bool
    arm: NDArray[np.object_] | None
    adjust: NDArray[np.float64]
    sites: NDArray[np.float64]
    few: NDArray[np.bool_]
    flags: tuple[str, ...] = ()
    level: float = 0.95

    def of_arm(self, arm: object) -> Task:
        """Give the subjects of one arm."""
        if self.arm is None:
            return self
        here = np.array([own == arm for own in self.arm])
        return replace(
            self,
            changes=self.changes[here],
            markers=self.markers[here],
            baseline=None if self.baseline is None else self.baseline[here],
            y=self.y[here],
            arm=None,
            adjust=self.adjust[here],
            sites=self.sites[here],
            few=self.few[here],
        )


def dummies(values: Any) -> NDArray[np.float64]:
    """Give treatment-coded columns of a factor (levels sorted, the first left out); missing where it is."""
    import pandas as pd

    text = pd.Series(values).astype("string")
    levels = sorted(text.dropna().unique())
    columns = [np.where(text.isna(), np.nan, (text == level).fillna(value=False)) for level in levels[1:]]
    return np.column_stack(columns).astype(float) if columns else np.where(text.isna(), np.nan, 0.0)[:, None]


def arms_of(task: Task) -> list[Any]:
    """Give the arms of subjects, sorted."""
    return [] if task.arm is None else sorted({own for own in task.arm if isinstance(own, str)})


def rows_of_scope(task: Task, scope: str, *, reference: Any) -> Iterator[dict[str, Any]]:
    """Give the rows of one scope, all features."""
    if scope == "interaction":
        yield from _interactions(task, reference)
    elif scope == "across":
        yield from _associations(task, "across")
    else:
        for arm in arms_of(task):
            yield from _associations(task.of_arm(arm), f"within:{arm}")


def _associations(task: Task, scope: str) -> Iterator[dict[str, Any]]:
    """Difference of the feature by response, arm, site, baseline and covariates held: least squares, HC3."""
    others = np.column_stack([np.ones(len(task.y)), task.adjust])
    if task.arm is not None:
        others = np.column_stack([others, dummies(task.arm)])
    for place, feature in enumerate(task.features):
        x = task.changes[:, place]
        own = others if task.baseline is None else np.column_stack([others, task.baseline[:, place]])
        used = np.isfinite(x) & np.isfinite(task.y) & np.isfinite(own).all(axis=1) & ~task.few[:, place]
        row = _row(task, feature, scope, used=used, few=int(task.few[:, place].sum()))
        row |= {"measure": "mean_difference", "label": ASSOCIATION}
        reason = _reason(task, x[used], task.y[used])
        if reason is None:
            found = partial_slope(own[used], task.y[used], x[used], level=task.level)
            row |= found if found is not None else {}
            reason = "too_few" if found is None else None
        if reason:
            row["flags"] = join_flags(row["flags"], reason)
        yield row


def _row(task: Task, feature: str, scope: str, *, used: NDArray[np.bool_], few: int) -> dict[str, Any]:
    y = task.y[used]
    flags = [*task.flags, *([f"n_few_events={few}"] if few else [])]
    if task.arm is not None and len(arms_of(task)) > 1 and len(set(task.arm[used])) == 1:
        flags.append("one_arm_only")
    if task.binary and y.size and min(int(y.sum()), int((1 - y).sum())) < RARE:
        flags.append("rare_class")
    if task.binary is False:
        flags.append("per_unit")
    return {
        "feature": feature,
        "scope": scope,
        "n": int(used.sum()),
        "n_events": int(y.sum()) if task.binary else None,
        "n_missing": int((~used).sum()),
        "flags": join_flags(flags),
    }


def _reason(task: Task, x: NDArray[np.float64], y: NDArray[np.float64]) -> str | None:
    """Tell why there is no number, if so."""
    if x.size == 0:
        return "no_data"
    if x.size < MINIMUM_SUBJECTS or y.min() == y.max():
        return "too_few"
    if task.binary and min(int(y.sum()), int((1 - y).sum())) < MINIMUM_CLASS:
        return "too_few"
    return "constant" if np.ptp(x) <= 1e-12 * float(np.abs(x).max()) else None


def partial_slope(
    others: NDArray[np.float64], y: NDArray[np.float64], x: NDArray[np.float64], *, level: float
) -> dict[str, float] | None:
    """Regress x on y and the other columns; give the slope of y with its HC3 standard error and Student's t.

    A row that a column of its own explains wholly (a site with one subject) has no say and no HC3 residual:
    it is left out with that column, which changes neither slope nor degrees of freedom. None without a slope.

    References
    ----------
    MacKinnon, White 1985, doi:10.1016/0304-4076(85)90158-7
    """
    from scipy.special import stdtr, stdtrit

    while True:
        basis = _basis(others)
        rest = y - basis @ (basis.T @ y)
        size = float(rest @ rest)
        df = len(y) - basis.shape[1] - 1
        if df < 1 or size <= 1e-14 * float(y @ y):
            return None
        leverage = np.einsum("ij,ij->i", basis, basis) + rest**2 / size
        alone = leverage > 1 - 1e-9
        if not alone.any():
            break
        others, y, x = others[~alone], y[~alone], x[~alone]
    slope = float(rest @ x) / size
    residual = x - basis @ (basis.T @ x) - rest * slope
    se = float(np.sqrt(np.sum((rest * residual / (1 - leverage)) ** 2))) / size
    if se <= 0:
        return None
    half = float(stdtrit(df, 0.5 + level / 2)) * se
    return {
        "estimate": slope,
        "se": se,
        "lower": slope - half,
        "upper": slope + half,
        "statistic": slope / se,
        "df": float(df),
        "p": float(2 * stdtr(df, -abs(slope / se))),
        "spread": float(np.sqrt(residual @ residual / df)),
    }


def _basis(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give an orthonormal basis of the columns' space."""
    norms = np.linalg.norm(columns, axis=0)
    scaled = columns[:, norms > 0] / norms[norms > 0]
    left, values, _ = np.linalg.svd(scaled, full_matrices=False)
    return np.asarray(left[:, values > 1e-9 * values.max(initial=0.0)])


def _interactions(task: Task, reference: Any) -> Iterator[dict[str, Any]]:
    """Arm by baseline marker on response: Firth's logistic regression, marker standardized over subjects."""
    arms = arms_of(task)
    base = reference if reference in arms else (arms[0] if arms else None)
    others = [arm for arm in arms if arm != base]
    for place, feature in enumerate(task.features):
        x = task.markers[:, place]
        used = np.isfinite(x) & np.isfinite(task.y) & np.isfinite(task.sites).all(axis=1)
        if task.arm is not None:
            used &= np.array([own in arms for own in task.arm])
        for arm in others or [None]:
            row = _row(task, feature, "interaction", used=used, few=0)
            row |= {"measure": "log_odds", "label": MODIFICATION}
            found, reason = _interaction(task, x, used=used, arms=(arm, others))
            if found.get("statistic", 0.0) < -1e-8:
                reason = "several_maxima"
            if reason:
                row["flags"] = join_flags(row["flags"], reason)
            if len(others) > 1:
                row["flags"] = join_flags(row["flags"], f"arm={arm}")
            yield row | found


def _interaction(
    task: Task, x: NDArray[np.float64], *, used: NDArray[np.bool_], arms: tuple[Any, list[Any]]
) -> tuple[dict[str, float], str | None]:
    arm, others = arms
    y = task.y[used]
    reason = "not_binary" if not task.binary else _reason(task, x[used], y)
    if arm is None or task.arm is None:
        reason = "one_arm_only"
    if reason is not None or task.arm is None:
        return {}, reason
    z = (x[used] - x[used].mean()) / x[used].std(ddof=1)
    active = np.column_stack([[own == other for own in task.arm[used]] for other in others]).astype(float)
    design = np.column_stack([np.ones(len(y)), active, z, active * z[:, None], task.sites[used]])
    wanted = 1 + len(others) + 1 + others.index(arm)
    kept = independent(design)
    if wanted not in kept or len(kept) >= len(y):
        return {}, "too_few" if wanted in kept else "not_estimable"
    try:
        fit = firth(design[:, kept], y)
        here = kept.index(wanted)
        statistic, p = fit.test(here)
        lower, upper = fit.limits(here, level=task.level)
    except (ModelError, np.linalg.LinAlgError):
        return {}, "not_converged"
    return {
        "estimate": float(fit.estimate[here]),
        "se": float(fit.se[here]),
        "lower": lower,
        "upper": upper,
        "statistic": statistic,
        "df": 1.0,
        "p": p,
        "spread": 1.0,
    }, None


def independent(matrix: NDArray[np.float64]) -> list[int]:
    """Choose the earliest columns that are no combination of those before."""
    kept: list[int] = []
    for place in range(matrix.shape[1]):
        basis = _basis(matrix[:, kept]) if kept else np.empty((len(matrix), 0))
        column = matrix[:, place]
        if np.linalg.norm(column - basis @ (basis.T @ column)) > 1e-7 * np.linalg.norm(column):
            kept.append(place)
    return kept


def shrink(
    estimate: NDArray[np.float64], se: NDArray[np.float64], spread: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Shrink the estimates of a family towards 0: normal prior, its variance by maximum likelihood.

    Estimates are put on one scale by the residual spread of their feature, so that units do not matter.

    References
    ----------
    Efron, Morris 1975, doi:10.1080/01621459.1975.10479864
    """
    known = np.isfinite(estimate) & np.isfinite(se) & (se > 0) & (spread > 0)
    out = np.full(estimate.shape, np.nan)
    if not known.any():
        return out
    z, v = estimate[known] / spread[known], (se[known] / spread[known]) ** 2
    prior = max(float(np.mean(z**2 - v)), 0.0)
    for _ in range(200):
        weight = (prior + v) ** -2
        after = max(float(np.sum(weight * (z**2 - v)) / np.sum(weight)), 0.0)
        if abs(after - prior) <= 1e-14 * (1 + prior):
            break
        prior = after
    out[known] = estimate[known] * prior / (prior + v)
    return out
