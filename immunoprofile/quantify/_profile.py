"""The numbers of a study in one tidy table; blinded where the study is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from immunoprofile.core import BlindedError, card_html, card_text, split_flags, tidy
from immunoprofile.quantify._arms import check_arms, guard
from immunoprofile.quantify._build import ANALYSED, change_rows
from immunoprofile.quantify._change import Change
from immunoprofile.quantify._columns import DESIGN_COLUMNS, POPULATION_COLUMNS, TEXTS, feature_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

_KEY = ("specimen", "sample", "population", "statistic", "marker", "denominator", "rule")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A visit, in the order of the study.

    Attributes
    ----------
    id : str
    role : str
        ``baseline``, ``screening``, ``treatment``, ...
    period : str
        ``blinded`` or ``open``: after an open period began, arms compare early with delayed start.
    """

    id: str
    role: str = "treatment"
    period: str = "blinded"


@dataclass(frozen=True, slots=True, kw_only=True, init=False, eq=False)
class ImmuneProfile:
    """Every number of every sample, and how they hang together.

    Parameters
    ----------
    table : DataFrame
        Rows of :data:`POPULATION_COLUMNS`.
    specimens : DataFrame
        One row a specimen: specimen, and in a study subject, visit, site, batch, covariates; optionally
        ``before_first_dose`` (boolean), which then decides what may be a baseline.
    visits : sequence of Visit
        Values with ``id``, ``role`` and ``period``, in the order of the study.
    baseline_rule : str
        ``last_before_first_dose`` (screening and baseline visits, the last value that is there) or ``visit``.
    blinded : bool
    sentinels : collection of str
        Populations that a blinded study does not show, their descendants and complements included.
    covariates : sequence of str
        Columns of `specimens` that analyses adjust for.
    reference : str or None
        Control arm.
    """

    _rows: pd.DataFrame = field(repr=False)
    _specimens: pd.DataFrame = field(repr=False)
    visits: tuple[Any, ...]
    baseline_rule: str
    blinded: bool
    sentinels: frozenset[str]
    covariates: tuple[str, ...]
    reference: str | None

    def __init__(  # noqa: PLR0913 - the facts of a study, each by name
        self,
        *,
        table: pd.DataFrame,
        specimens: pd.DataFrame,
        visits: Sequence[Any] = (),
        baseline_rule: str = "last_before_first_dose",
        blinded: bool = False,
        sentinels: Sequence[str] | frozenset[str] = (),
        covariates: Sequence[str] = (),
        reference: str | None = None,
    ) -> None:
        rows = tidy(table, POPULATION_COLUMNS, key=_KEY).fillna(dict.fromkeys(TEXTS, ""))
        for name, value in {
            "_rows": rows,
            "_specimens": specimens.reset_index(drop=True).copy(),
            "visits": tuple(visits),
            "baseline_rule": baseline_rule,
            "blinded": bool(blinded),
            "sentinels": frozenset(sentinels),
            "covariates": tuple(covariates),
            "reference": reference,
        }.items():
            object.__setattr__(self, name, value)

    @property
    def table(self) -> pd.DataFrame:
        """The rows of populations.csv.

        While the study is blinded there are no rows of sentinel populations, of ratios with them, or of the
        intensity of markers that a treatment moves, and no subject, visit or site.
        """
        return self._rows[~self._hidden()].reset_index(drop=True) if self.blinded else self._open()

    def reveal(self, arms: pd.Series | None = None) -> pd.DataFrame:
        """Give all rows, with subject, visit and site.

        Parameters
        ----------
        arms : Series, optional
            What ``study.unblind`` gave; not needed where the study is open.

        Raises
        ------
        BlindedError
            ``blinded`` without arms, ``dummy_arms`` with dummy ones.
        ModelError
            ``arms_duplicate``, ``arms_unmatched``.
        """
        guard(arms, blinded=self.blinded, what="the full table")
        if self.blinded and arms is not None:
            check_arms(arms, self._specimens["subject"])
        return self._open()

    def wide(self, *, rule: str = "held") -> pd.DataFrame:
        """Give a row a specimen and a column a feature, under one rule of gating.

        Parameters
        ----------
        rule : str
            ``held``, ``anchored`` or ``per_sample``.

        Returns
        -------
        DataFrame
            specimen (and subject, visit, site where the study is open), then the features in order. Replicate
            samples of a specimen are averaged.
        """
        import pandas as pd

        table = self.table
        feature = feature_names(table)
        shown = table["rule"] == rule
        wide = pd.DataFrame({"specimen": table["specimen"], "feature": feature, "value": table["value"]})[
            shown
        ].pivot_table(index="specimen", columns="feature", values="value", dropna=False, observed=True)
        wide = wide.reset_index().rename_axis(columns=None)
        design = [column.name for column in DESIGN_COLUMNS if column.name in table.columns]
        if design:
            keys = self._specimens[["specimen", *design]].drop_duplicates("specimen")
            wide = keys.astype("string").merge(wide, on="specimen", how="right")
        return wide

    def change(
        self,
        baseline: str | None = None,
        *,
        scale: Mapping[str, str] | None = None,
        statistics: Sequence[str] = ANALYSED,
    ) -> Change:
        """Give the change of every feature from baseline.

        Parameters
        ----------
        baseline : str, optional
            Visit; by default the study's baseline rule chooses.
        scale : mapping of str to str, optional
            Scale of a feature (``log_ratio``, ``logit``, ``difference``) in place of the declared rule.
        statistics : sequence of str
            Statistics that become features. Counts are left out by default: how many events were acquired is
            the instrument's choice.

        Returns
        -------
        Change
            A value without baseline stays a row, its change missing, flagged ``baseline_missing``.

        Raises
        ------
        ModelError
            ``no_subjects``, ``no_baseline_visit``, ``covariate_unknown``.
        UnknownNameError
            ``unknown_name``, ``unknown_choice``.
        """
        rows, scales = change_rows(
            self._rows,
            self._specimens,
            visits=self.visits,
            baseline=baseline,
            baseline_rule=self.baseline_rule,
            covariates=self.covariates,
            options={"scale": dict(scale or {}), "statistics": tuple(statistics)},
        )
        return Change(
            rows=rows,
            scales=scales,
            visits=self.visits,
            blinded=self.blinded,
            covariates=self.covariates,
            reference=self.reference,
        )

    @property
    def specimens(self) -> pd.DataFrame:
        """One row a specimen, with subject, visit and site; a BlindedError while the study is blinded."""
        if self.blinded:
            hint = "profile.table holds what may be seen"
            raise BlindedError(
                "blinded", "the study is blinded: subjects and visits are not shown", hint=hint
            )
        return self._specimens.copy()

    def _hidden(self) -> pd.Series:
        rows = self._rows
        hidden = rows["population"].isin(self.sentinels) | rows["denominator"].isin(self.sentinels)
        if not self.sentinels:
            return hidden
        from immunoprofile.panel import marker_role

        markers = [m for m in rows["marker"].unique() if m and marker_role(m) == "treatment_responsive"]
        return hidden | rows["marker"].isin(markers)

    def _open(self) -> pd.DataFrame:
        """Join subject, visit and site; rows in the order of visits, then of subjects."""
        if "subject" not in self._specimens.columns:
            return self._rows.copy()
        names = [column.name for column in DESIGN_COLUMNS]
        keys = self._specimens.reindex(columns=["specimen", *names]).drop_duplicates("specimen")
        joined = self._rows.merge(keys.astype("string"), on="specimen", how="left")
        first, *rest = POPULATION_COLUMNS
        table = tidy(joined, (first, *DESIGN_COLUMNS, *rest))
        order = {visit.id: place for place, visit in enumerate(self.visits)}
        place = table["visit"].map(order).astype("float64")
        sorted_ = table.assign(_place=place).sort_values(["_place", "subject", *_KEY], kind="stable")
        return sorted_.drop(columns="_place").reset_index(drop=True)

    def __repr__(self) -> str:
        return card_text("ImmuneProfile", self._facts(), following=self._following())

    def _repr_html_(self) -> str:
        details = self.table.head(10).to_html(index=False)
        return card_html("ImmuneProfile", self._facts(), following=self._following(), details=details)

    def _following(self) -> str:
        return "change = profile.change()" if len(self.visits) > 1 else "profile.wide()"

    def _facts(self) -> list[tuple[str, object]]:
        shown = self.table
        state = "blinded" if self.blinded else "open"
        hidden = len(self._rows) - len(shown) if self.blinded else 0
        flagged = sum(1 for flags in shown["flags"] if split_flags(flags))
        return [
            ("state", f"{state}, {hidden} rows not shown" if hidden else state),
            ("specimens", shown["specimen"].nunique()),
            ("populations", shown["population"].nunique()),
            ("rows", f"{len(shown)}, {flagged} flagged"),
        ]
