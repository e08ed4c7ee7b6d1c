"""The result of relating features to response; its label cannot be switched off."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from immunoprofile.core import Column, card_html, card_text

if TYPE_CHECKING:
    import pandas as pd

ASSOCIATION = "association, not causal"
MODIFICATION = "effect modification; exploratory unless pre-specified"
LINK_COLUMNS = (
    Column(name="feature", dtype="string", meaning="feature"),
    Column(name="visit", dtype="string", meaning="visit of the feature"),
    Column(name="response", dtype="string", meaning="name of the response"),
    Column(name="response_visit", dtype="string", meaning="visit of the response"),
    Column(name="scope", dtype="string", meaning="across, within:<arm>, interaction"),
    Column(name="measure", dtype="string", meaning="mean_difference, log_odds"),
    Column(name="estimate", dtype="float64", meaning="of the measure"),
    Column(name="estimate_shrunk", dtype="float64", meaning="empirical Bayes, normal prior around 0"),
    Column(name="se", dtype="float64", meaning="standard error (HC3; of log odds from the information)"),
    Column(name="lower", dtype="float64", meaning="interval (t; of log odds by profile likelihood)"),
    Column(name="upper", dtype="float64", meaning="interval"),
    Column(name="statistic", dtype="float64", meaning="t; of log odds chi-square of the likelihood ratio"),
    Column(name="df", dtype="float64", meaning="degrees of freedom"),
    Column(name="p", dtype="float64", meaning="two-sided"),
    Column(name="q", dtype="float64", meaning="p adjusted within the family"),
    Column(name="family", dtype="string", meaning="what is adjusted together"),
    Column(name="m", dtype="Int64", meaning="tests of the family that have a p"),
    Column(name="method", dtype="string", meaning="of adjustment"),
    Column(name="n", dtype="Int64", meaning="subjects in the fit"),
    Column(name="n_events", dtype="Int64", meaning="responders in the fit"),
    Column(name="n_missing", dtype="Int64", meaning="subjects of the scope that are not in the fit"),
    Column(name="label", dtype="string", meaning="what the row may be taken for"),
    Column(name="flags", dtype="string", meaning="codes joined by ;, empty where clean"),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LinkTable:
    """How features relate to response.

    Attributes
    ----------
    response : str
    level : float
        Of the intervals.
    dummy : bool
        Whether the arms are dummies: then nothing here is a result.
    """

    _table: pd.DataFrame = field(repr=False)
    response: str
    level: float
    dummy: bool = False

    @property
    def table(self) -> pd.DataFrame:
        """The rows (:data:`LINK_COLUMNS`)."""
        return self._table

    def to_frame(self) -> pd.DataFrame:
        """Give a copy of the table."""
        return self._table.copy()

    def plot(self, *, scope: str = "across", most: int = 20, ax: Any = None) -> Any:
        """Draw the estimates of one scope with their intervals, as a forest; those of the smallest p.

        One feature against response is :func:`immunoprofile.plot.response_relation`.
        """
        from immunoprofile.plot import forest

        own = self._table[self._table["scope"] == scope].sort_values("p", kind="stable").head(most)
        ends = ("lower", "higher in responders")
        return forest(own.assign(rule="held", status="ok", family=f"{scope}: association"), ends=ends, ax=ax)

    def __repr__(self) -> str:
        return card_text(self._title(), self._facts(), following="link.table")

    def _repr_html_(self) -> str:
        shown = self._table.sort_values("p", kind="stable").head(10).to_html(index=False)
        return card_html(self._title(), self._facts(), following="link.table", details=shown)

    def _title(self) -> str:
        return f"LinkTable {self.response}" + (" of DUMMY arms" if self.dummy else "")

    def _facts(self) -> list[tuple[str, object]]:
        table = self._table
        return [
            ("label", "; ".join(sorted(set(table["label"])))),
            ("scopes", ", ".join(dict.fromkeys(table["scope"]))),
            ("rows", f"{len(table)}, {int(table['p'].isna().sum())} without an estimate"),
            ("q <= 0.05", int((table["q"] <= 0.05).sum())),
        ]
