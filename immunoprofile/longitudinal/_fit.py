"""Many features over one design: one factorization, many right-hand sides.

For complete rows let X = [C, W]: C the columns that all features share, W those that carry the feature's own
covariate (its baseline). With C = QR, a contrast l = [c, v] is estimated by ``w'y``:

    a = R^-T c,  V = W - QQ'W,  g = (V'V)^-1 (v - W'Q a),  w = Q a + V g

and ``se^2 = s^2 w'w``, s^2 the residual mean square. Only V is the feature's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.longitudinal._design import Design, Parsed, build, grid, pivoted, with_levels

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

Floats = Any  # NDArray[np.float64]; short for signatures of algebra


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimate:
    """One contrast of one feature.

    Attributes
    ----------
    status : str
        ``ok``, ``not_estimable``, ``constant``, ``too_few``, ``no_data``, ``error``.
    estimate, se : float
    df : int
    n : int
        Rows used.
    rows : ndarray of int
        Their places.
    weights, shift : ndarray
        Derivative of the estimate by the response, and by the own covariate, of each row used.
    """

    status: str
    estimate: float = float("nan")
    se: float = float("nan")
    df: int = 0
    n: int = 0
    rows: Any = None
    weights: Any = None
    shift: Any = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    """What is asked of every feature.

    Attributes
    ----------
    parsed : Parsed
        Formula of one visit.
    arm : str
        The factor whose levels are compared.
    contrasts : tuple of (level, reference)
    own : str or None
        Covariate that belongs to the feature; a plain numeric factor of the formula.
    """

    parsed: Parsed
    arm: str
    contrasts: tuple[tuple[Any, Any], ...]
    own: str | None

    def without_own(self) -> Model:
        """Give the model without the feature's own covariate."""
        if self.own is None:
            return self
        return Model(parsed=self.parsed.without(self.own), arm=self.arm, contrasts=self.contrasts, own=None)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shared:
    """The shared part of a design over some rows, factorized.

    Attributes
    ----------
    q, r : ndarray
        Factors of the columns kept.
    kept : list of int
        Of the shared columns.
    common, slopes : ndarray
        Shared columns; columns that the own covariate multiplies.
    rows_common, rows_slope : mapping of contrast to ndarray
        The contrast in the shared columns, and per unit of the own covariate.
    """

    q: Floats
    r: Floats
    kept: list[int]
    common: Floats
    slopes: Floats
    rows_common: Mapping[tuple[Any, Any], Floats]
    rows_slope: Mapping[tuple[Any, Any], Floats]


def fit_features(
    model: Model, frame: pd.DataFrame, values: Floats, *, own: Floats, usable: NDArray[np.bool_]
) -> list[dict[tuple[Any, Any], Estimate]]:
    """Fit every feature of one visit.

    Parameters
    ----------
    model : Model
    frame : DataFrame, n_subjects rows
        The columns of the formula that all features share, the arm among them; complete rows count.
    values, own : ndarray, shape (n_subjects, n_features)
        Response and own covariate.
    usable : ndarray of bool, shape (n_subjects, n_features)

    Returns
    -------
    list of dict
        An Estimate a contrast, for each feature.
    """
    complete = frame.notna().all(axis=1).to_numpy(bool)
    known = usable & complete[:, None] & np.isfinite(values)
    if model.own is not None:
        known &= np.isfinite(own)
    out: list[dict[tuple[Any, Any], Estimate]] = [{} for _ in range(values.shape[1])]
    designs = _Designs(model, frame)
    for mask, features in _patterns(known):
        rows = np.flatnonzero(mask)
        shared = designs.over(rows) if rows.size else None
        for place in features:
            if shared is None:
                out[place] = dict.fromkeys(model.contrasts, Estimate(status="no_data"))
            else:
                out[place] = _fit_one(model, shared, values[rows, place], own=own[rows, place], rows=rows)
    return out


def _patterns(known: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.bool_], list[int]]]:
    """Group features by the rows that they have."""
    groups: dict[bytes, list[int]] = {}
    for place in range(known.shape[1]):
        groups.setdefault(np.packbits(known[:, place]).tobytes(), []).append(place)
    for features in groups.values():
        yield known[:, features[0]], features


class _Designs:
    """Designs over subsets of the rows, built again only where the subset changes what a contrast means."""

    def __init__(self, model: Model, frame: pd.DataFrame) -> None:
        self.model, self.frame = model, frame
        partners = set(model.parsed.partners(model.arm)) - {model.own}
        self.rebuild = bool(partners)
        self.whole: tuple[Shared, NDArray[np.int64]] | None = None

    def over(self, rows: NDArray[np.int64]) -> Shared:
        if self.rebuild:
            return _factorized(*_parts(self.model, self.frame.iloc[rows]))
        if self.whole is None:
            complete = np.flatnonzero(self.frame.notna().all(axis=1).to_numpy(bool))
            places = np.full(len(self.frame), -1)
            places[complete] = np.arange(complete.size)
            self.parts, self.places = _parts(self.model, self.frame.iloc[complete]), places
            self.whole = _factorized(*self.parts), places
        common, slopes, contrasts = self.parts
        chosen = self.places[rows]
        return _factorized(common[chosen], slopes[chosen], contrasts)


def _parts(model: Model, frame: pd.DataFrame) -> tuple[Floats, Floats, tuple[Any, Any]]:
    """Build shared columns, own columns per unit of the own covariate, and contrasts."""
    names = [str(name) for name in frame.columns if name != model.own]
    leveled = with_levels(frame, names)
    at_zero = build(model.parsed, _with_own(leveled, model.own, 0.0))
    zero = at_zero.matrix
    slope = at_zero.encoded(_with_own(leveled, model.own, 1.0)) - zero if model.own else np.zeros_like(zero)
    is_own = np.abs(slope).max(axis=0) > 0 if len(zero) else np.zeros(zero.shape[1], dtype=bool)
    rows_common, rows_slope = {}, {}
    for contrast in model.contrasts:
        found = _contrast(at_zero, model, contrast)
        if found is not None:
            rows_common[contrast], rows_slope[contrast] = found[0][~is_own], found[1][is_own]
    return zero[:, ~is_own], slope[:, is_own], (rows_common, rows_slope)


def _with_own(frame: pd.DataFrame, own: str | None, value: float) -> pd.DataFrame:
    return frame.assign(**{own: value}) if own else frame


def _contrast(design: Design, model: Model, contrast: tuple[Any, Any]) -> tuple[Floats, Floats] | None:
    """Give the contrast's row with the own covariate at 0, and what a unit of it adds; None without a level.

    Only factors that meet the arm in a term are averaged over (equal weights); the others cancel.
    """
    levels = design.levels[model.arm]
    if not set(contrast) <= set(levels):
        return None
    others = [name for name in model.parsed.partners(model.arm) if name != model.own]
    cells, keys = grid(design, model.arm, others=others)
    first, reference = (np.array([key == level for key in keys]) for level in contrast)

    def difference(value: float) -> Floats:
        encoded = design.encoded(_with_own(cells, model.own, value))
        return encoded[first].mean(axis=0) - encoded[reference].mean(axis=0)

    zero = difference(0.0)
    return zero, difference(1.0) - zero if model.own else np.zeros_like(zero)


def _factorized(common: Floats, slopes: Floats, contrasts: tuple[Any, Any]) -> Shared:
    kept = pivoted(common)
    q, r = np.linalg.qr(common[:, kept])
    return Shared(
        q=q,
        r=r,
        kept=kept,
        common=common,
        slopes=slopes,
        rows_common=contrasts[0],
        rows_slope=contrasts[1],
    )


def _fit_one(
    model: Model, shared: Shared, y: Floats, *, own: Floats, rows: NDArray[np.int64]
) -> dict[tuple[Any, Any], Estimate]:
    """Fit one feature; what forbids it is a status."""
    n = y.size
    if np.ptp(y) <= 1e-12 * float(np.abs(y).max()):
        return dict.fromkeys(model.contrasts, Estimate(status="constant", n=n))
    q = shared.q
    columns = shared.slopes * own[:, None] if shared.slopes.shape[1] else np.zeros((n, 0))
    projected = q.T @ columns
    rest = columns - q @ projected
    kept = _own_kept(columns, rest)
    rest, projected = rest[:, kept], projected[:, kept]
    df = n - q.shape[1] - len(kept)
    if df < 1:
        return dict.fromkeys(model.contrasts, Estimate(status="too_few", n=n))
    y_rest = y - q @ (q.T @ y)
    gram = np.linalg.inv(rest.T @ rest) if kept else np.zeros((0, 0))
    beta = gram @ (rest.T @ y_rest)
    residual = y_rest - rest @ beta
    variance = float(residual @ residual) / df
    if variance <= 1e-24 * float(y @ y) / n:
        return dict.fromkeys(model.contrasts, Estimate(status="constant", n=n))
    out = {}
    for contrast in model.contrasts:
        if contrast not in shared.rows_common:
            out[contrast] = Estimate(status="not_estimable", n=n)
            continue
        row = shared.rows_slope[contrast] * (float(own.mean()) if columns.shape[1] else 0.0)
        a = np.linalg.solve(shared.r.T, shared.rows_common[contrast][shared.kept])
        g = gram @ (row[kept] - projected.T @ a)
        w = q @ a + rest @ g
        if not _reproduced(shared, columns, w, contrast=contrast, row=row):
            out[contrast] = Estimate(status="not_estimable", n=n)
            continue
        slopes = shared.slopes[:, kept]
        out[contrast] = Estimate(
            status="ok",
            estimate=float(w @ y),
            se=float(np.sqrt(variance * (w @ w))),
            df=df,
            n=n,
            rows=rows,
            weights=w,
            shift=(slopes @ g) * residual - (slopes @ beta) * w,
        )
    return out


def _own_kept(columns: Floats, rest: Floats) -> list[int]:
    """Choose own columns that are no combination of the shared ones, nor of own ones before."""
    norms = np.linalg.norm(columns, axis=0)
    far = [place for place in range(columns.shape[1]) if np.linalg.norm(rest[:, place]) > 1e-7 * norms[place]]
    if len(far) <= 1:
        return far
    return [far[place] for place in pivoted(rest[:, far])]


def _reproduced(shared: Shared, columns: Floats, w: Floats, *, contrast: Any, row: Floats) -> bool:
    """Tell whether the contrast is estimable: its weights give it back in every column, dropped ones too."""
    whole = np.hstack([shared.common, columns])
    wanted = np.concatenate([shared.rows_common[contrast], row])
    gap = np.abs(whole.T @ w - wanted)
    return bool((gap <= 1e-7 * (1 + np.abs(wanted) + np.abs(whole).T @ np.abs(w))).all())


def gate_variance(
    found: Estimate, cuts: Mapping[str, Floats], batches: Mapping[str, NDArray[np.int64]]
) -> float:
    """Give the variance that the place of the cuts adds to an estimate (first order).

    One cut serves a batch, so its error moves all values of the batch together, baselines among them: the
    estimate moves by the sum of the derivatives in the batch, and batches are independent. Missing where the
    doubt of a value is.

    Parameters
    ----------
    found : Estimate
    cuts : mapping
        ``value`` and ``baseline``: standard error of each value from the place of the cut, on the scale.
    batches : mapping
        ``value`` and ``baseline``: number of the batch of each row.
    """
    value, baseline = cuts["value"][found.rows], cuts["baseline"][found.rows]
    if not (np.isfinite(value).all() and np.isfinite(baseline).all()):
        return float("nan")
    count = 1 + max(int(numbers.max(initial=0)) for numbers in batches.values())
    # change = value - baseline, and the baseline is a covariate besides
    moved = np.bincount(batches["value"][found.rows], found.weights * value, minlength=count)
    moved = moved + np.bincount(
        batches["baseline"][found.rows], (found.shift - found.weights) * baseline, minlength=count
    )
    return float(moved @ moved)


def plain_use(parsed: Parsed, name: str, variables: Sequence[str]) -> bool:
    """Tell whether a variable enters the formula only as itself, never inside a function."""
    return name in parsed.factors and all(
        factor == name or factor in variables or name not in factor for factor in parsed.factors
    )
