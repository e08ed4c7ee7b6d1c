"""One visit of a question as arrays: subjects down, features (by rule) across."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.longitudinal._design import variables_of
from immunoprofile.longitudinal._fit import Estimate, Model, fit_features

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from immunoprofile.longitudinal._question import Question

Fitted = list[dict[tuple[Any, Any], Estimate]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VisitRows:
    """The rows of one visit.

    Attributes
    ----------
    question : Question
    units : list of (feature, rule)
    shared : DataFrame
        Columns that all features share, one row a subject.
    frame : DataFrame
        The visit's rows of the question.
    place : ndarray of int, shape (n_subjects, n_units)
        Row of `frame`, -1 where there is none.
    values, own : ndarray, shape (n_subjects, n_units)
    few : ndarray of bool
        Left out for few events.
    """

    question: Question
    units: list[tuple[Any, Any]]
    shared: pd.DataFrame
    frame: pd.DataFrame
    place: NDArray[np.int64]
    values: NDArray[np.float64]
    own: NDArray[np.float64]
    few: NDArray[np.bool_]

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Values that are there and not left out."""
        return np.isfinite(self.values) & ~self.few

    def column(self, name: str, *, fill: float = np.nan) -> NDArray[np.float64]:
        """Give a numeric column of the rows as (n_subjects, n_units)."""
        taken = self.frame[name].to_numpy(float, na_value=np.nan)[np.maximum(self.place, 0)]
        return np.where(self.place >= 0, taken, fill)

    def fit(self) -> Fitted:
        """Fit every unit on its own rows."""
        model = self.question.model
        if not self.question.varying:
            return fit_features(model, self.shared, self.values, own=self.own, usable=self.usable)
        return [self._fit_alone(model, unit) for unit in range(len(self.units))]

    def _fit_alone(self, model: Model, unit: int) -> dict[tuple[Any, Any], Estimate]:
        """Fit a unit whose covariates are all its own."""
        rows = self.place[:, unit]
        own = self.frame.iloc[np.maximum(rows, 0)][_shared_names(self.question)]
        usable = (self.usable[:, unit] & (rows >= 0))[:, None]
        values = self.values[:, [unit]]
        return fit_features(model, own, values, own=np.zeros_like(values), usable=usable)[0]


def _shared_names(question: Question) -> list[str]:
    model = question.model
    return sorted({*variables_of(model.parsed), model.arm} - {model.own or ""})


def visit_rows(question: Question, visit: Any, units: list[tuple[Any, Any]]) -> VisitRows:
    """Take the rows of one visit."""
    import pandas as pd

    names, model = question.names, question.model
    frame = question.frame[question.frame[names.visit] == visit].reset_index(drop=True)
    subjects, labels = pd.factorize(frame[names.subject], sort=True)
    columns = pd.MultiIndex.from_tuples(units).get_indexer(
        pd.MultiIndex.from_arrays([frame[names.feature].astype(object), frame["rule"].astype(object)])
    )
    place = np.full((len(labels), len(units)), -1, dtype=np.int64)
    place[subjects, columns] = np.arange(len(frame))
    response = frame[model.parsed.response].to_numpy(float, na_value=np.nan)
    first = frame.iloc[np.unique(subjects, return_index=True)[1]].reset_index(drop=True)
    blank = np.full(place.shape, np.nan)
    there = place >= 0
    values, own = blank.copy(), blank.copy()
    values[there] = response[place[there]]
    if model.own is not None:
        own[there] = frame[model.own].to_numpy(float, na_value=np.nan)[place[there]]
    few = np.zeros(place.shape, dtype=bool)
    few[there] = frame["few"].to_numpy(bool)[place[there]]
    return VisitRows(
        question=question,
        units=units,
        shared=first[_shared_names(question)],
        frame=frame,
        place=place,
        values=values,
        own=own,
        few=few,
    )


def cut_parts(rows: VisitRows) -> tuple[Mapping[str, NDArray[np.float64]], Mapping[str, NDArray[np.int64]]]:
    """Give each value's doubt from the cuts, and its batch as a number, of value and baseline."""
    import pandas as pd

    both = pd.concat([rows.frame["batch"], rows.frame["baseline_batch"]]).fillna("").astype(object)
    numbers = pd.factorize(both)[0]
    half = len(rows.frame)
    safe = np.maximum(rows.place, 0)
    cuts = {"value": rows.column("cut_value"), "baseline": rows.column("cut_baseline")}
    batches = {"value": numbers[:half][safe], "baseline": numbers[half:][safe]}
    return cuts, batches
