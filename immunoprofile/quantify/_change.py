"""Change from baseline as a value: shut while the study is blinded, open to analyses with arms."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from immunoprofile.core import BlindedError, Column, card_html, card_text, tidy
from immunoprofile.quantify._arms import check_arms, guard
from immunoprofile.quantify._columns import CHANGE_COLUMNS

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True, init=False, eq=False)
class Change:
    """Change of every feature from baseline, one row a subject, visit, feature and rule.

    Attributes
    ----------
    scales : DataFrame
        feature, scale, reason: on which scale each feature changes, and why.
    visits : tuple
        Visits of the study in order (``id``, ``role``, ``period``).
    blinded : bool
    covariates : tuple of str
        Columns that analyses adjust for.
    reference : str or None
        Control arm.
    """

    _rows: pd.DataFrame = field(repr=False)
    scales: pd.DataFrame
    visits: tuple[Any, ...]
    blinded: bool
    covariates: tuple[str, ...]
    reference: str | None

    def __init__(
        self,
        *,
        rows: pd.DataFrame,
        scales: pd.DataFrame,
        visits: tuple[Any, ...] = (),
        blinded: bool = False,
        covariates: tuple[str, ...] = (),
        reference: str | None = None,
    ) -> None:
        for name, value in {
            "_rows": rows,
            "scales": scales,
            "visits": tuple(visits),
            "blinded": bool(blinded),
            "covariates": tuple(covariates),
            "reference": reference,
        }.items():
            object.__setattr__(self, name, value)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features, sorted."""
        return tuple(self.scales["feature"])

    @property
    def table(self) -> pd.DataFrame:
        """The rows, where the study is open.

        Raises
        ------
        BlindedError
            ``blinded``: the course of a subject gives its arm away.
        """
        if self.blinded:
            hint = "change.reveal(arms) with what study.unblind gave; analyses take the change with arms="
            raise BlindedError("blinded", "the study is blinded: changes are not shown", hint=hint)
        return tidy(self._rows, self._columns())

    def reveal(self, arms: pd.Series | None = None) -> pd.DataFrame:
        """Give the rows of a study that was unblinded.

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
        guard(arms, blinded=self.blinded, what="the change of subjects")
        if arms is not None and self.blinded:
            check_arms(arms, self._rows["subject"])
        return tidy(self._rows, self._columns())

    def joined(self, arms: pd.Series | None) -> pd.DataFrame:
        """Give the rows to an analysis, with the arm of each subject.

        Parameters
        ----------
        arms : Series or None
            Real or dummy arms by subject; None (every arm missing) in an open study only.

        Returns
        -------
        DataFrame
            The table, arm, the baseline on the scale of the change (``baseline_scaled``), and the parts of
            the cuts' doubt: ``cut_value`` of ``batch``, ``cut_baseline`` of ``baseline_batch``.

        Raises
        ------
        BlindedError
            ``blinded`` without arms.
        ModelError
            ``arms_duplicate``, ``arms_unmatched``.
        """
        import pandas as pd

        if arms is None:
            guard(None, blinded=self.blinded, what="the change of subjects")
        extra = ("baseline_scaled", "cut_value", "cut_baseline")
        columns = (
            *self._columns(),
            *(Column(name=name, dtype="float64", meaning="on the scale of the change") for name in extra),
            Column(name="baseline_batch", dtype="string", meaning="batch of the baseline specimen"),
        )
        frame = tidy(self._rows, columns)
        if arms is None:
            return frame.assign(arm=pd.Series(pd.NA, index=frame.index, dtype="string"))
        by_subject = check_arms(arms, frame["subject"])
        return frame.assign(arm=frame["subject"].map(by_subject).astype("string"))

    def _columns(self) -> tuple[Column, ...]:
        import pandas as pd

        *front, flags = CHANGE_COLUMNS
        named = {column.name for column in CHANGE_COLUMNS}
        own = [name for name in self.covariates if name in self._rows.columns and name not in named]
        numeric = {name: pd.api.types.is_numeric_dtype(self._rows[name]) for name in own}
        between = [
            Column(name=name, dtype="float64" if numeric[name] else "string", meaning="covariate")
            for name in own
        ]
        return (*front, *between, flags)

    def __repr__(self) -> str:
        return card_text("Change from baseline", self._facts(), following=self._following())

    def _repr_html_(self) -> str:
        details = self.scales.to_html(index=False)
        return card_html("Change from baseline", self._facts(), following=self._following(), details=details)

    def _following(self) -> str:
        return "effects = ip.longitudinal.screen(change, arms=arms)"

    def _facts(self) -> list[tuple[str, object]]:
        counts = self.scales["scale"].value_counts()
        known = self._rows["change"].notna()
        return [
            ("state", "blinded" if self.blinded else "open"),
            ("features", ", ".join(f"{counts[name]} {name}" for name in sorted(counts.index)) or "none"),
            ("subjects", self._rows["subject"].nunique()),
            ("changes", f"{int(known.sum())}, {int((~known).sum())} missing"),
        ]
