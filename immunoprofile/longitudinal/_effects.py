"""The result of a screen: one row a feature, visit, contrast and rule."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from immunoprofile.core import Column, card_html, card_text

if TYPE_CHECKING:
    import pandas as pd

EFFECT_COLUMNS = (
    Column(name="feature", dtype="string", meaning="feature"),
    Column(name="visit", dtype="string", meaning="visit"),
    Column(name="contrast", dtype="string", meaning="arm - reference"),
    Column(name="rule", dtype="string", meaning="rule of gating: held, anchored, per_sample, deconvolved"),
    Column(name="estimate", dtype="float64", meaning="difference of arms in change, adjusted, on the scale"),
    Column(name="se", dtype="float64", meaning="standard error"),
    Column(name="df", dtype="float64", meaning="degrees of freedom"),
    Column(name="lower", dtype="float64", meaning="interval"),
    Column(name="upper", dtype="float64", meaning="interval"),
    Column(name="gate_lower", dtype="float64", meaning="interval with the doubt of the cuts in it"),
    Column(name="gate_upper", dtype="float64", meaning="interval with the doubt of the cuts in it"),
    Column(name="t", dtype="float64", meaning="estimate / se"),
    Column(name="ratio", dtype="float64", meaning="exp(estimate), of a log ratio; else missing"),
    Column(name="ratio_lower", dtype="float64", meaning="interval of the ratio"),
    Column(name="ratio_upper", dtype="float64", meaning="interval of the ratio"),
    Column(name="p", dtype="float64", meaning="two-sided"),
    Column(name="q", dtype="float64", meaning="p adjusted within the family"),
    Column(name="family", dtype="string", meaning="what is adjusted together"),
    Column(name="m", dtype="Int64", meaning="tests of the family that have a p"),
    Column(name="method", dtype="string", meaning="of adjustment"),
    Column(name="status", dtype="string", meaning="ok, not_estimable, constant, no_data, too_few, error"),
    Column(name="covariance", dtype="string", meaning="structure fitted, of a mixed model"),
    Column(name="fallback", dtype="string", meaning="structure in its place and why, of a mixed model"),
    Column(name="n_subjects", dtype="Int64", meaning="subjects in the fit"),
    Column(name="n_observations", dtype="Int64", meaning="rows in the fit"),
    Column(name="estimand", dtype="string", meaning="how intercurrent events are handled"),
    Column(name="period", dtype="string", meaning="blinded, open"),
    Column(name="flags", dtype="string", meaning="codes joined by ;, empty where clean"),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EffectTable:
    """Effects of treatment on many features.

    Attributes
    ----------
    model : str
        ``ancova``.
    formula : str
        As fitted.
    reference : str
        Arm that contrasts subtract.
    level : float
        Of the intervals.
    dummy : bool
        Whether the arms are dummies: then nothing here is a result.
    """

    _table: pd.DataFrame = field(repr=False)
    model: str
    formula: str
    reference: str
    level: float
    dummy: bool = False

    @property
    def table(self) -> pd.DataFrame:
        """The rows (:data:`EFFECT_COLUMNS`; feature and visit under the names that the caller gave)."""
        return self._table

    def to_frame(self) -> pd.DataFrame:
        """Give a copy of the table."""
        return self._table.copy()

    def plot(self, **settings: Any) -> Any:
        """Draw the effects as a forest; keywords go to :func:`immunoprofile.plot.forest`."""
        from immunoprofile.plot import forest

        return forest(self, **settings)

    def __repr__(self) -> str:
        return card_text(self._title(), self._facts(), following="effects.plot()")

    def _repr_html_(self) -> str:
        shown = self._table.sort_values("p", kind="stable").head(10).to_html(index=False)
        return card_html(self._title(), self._facts(), following="effects.plot()", details=shown)

    def _title(self) -> str:
        return "EffectTable of DUMMY arms" if self.dummy else "EffectTable"

    def _facts(self) -> list[tuple[str, object]]:
        table = self._table
        infeasible = int((table["status"] != "ok").sum())
        return [
            ("model", f"{self.model}: {self.formula}"),
            ("rows", f"{len(table)}, {infeasible} without an estimate"),
            ("against", self.reference),
            ("q <= 0.05", int((table["q"] <= 0.05).sum())),
        ]
