"""The specimens of a study: each with the visit that it counts for, and the one that is the baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from immunoprofile.trial._covariates import covariates_of
from immunoprofile.trial._visits import Record, choose_visits, dates_of, is_later

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from immunoprofile.trial._schema import StudyDesign, Visit


class _Chosen(NamedTuple):
    visit: str
    early: bool | None
    is_baseline: bool
    flags: str


def specimens_frame(
    samples: pd.DataFrame, subjects: pd.DataFrame, *, design: StudyDesign, visits: Sequence[Visit]
) -> pd.DataFrame:
    """Give one row a specimen of full stain."""
    import pandas as pd

    full = samples[samples["control"] == "none"].drop_duplicates("specimen").reset_index(drop=True)
    chosen = _chosen(full, subjects, design=design, visits=visits)
    found = [chosen[name] for name in full["specimen"]]
    frame = full[["specimen", "subject", "visit", "site", "batch"]].astype("string")
    frame["visit"] = pd.array([one.visit or pd.NA for one in found], dtype="string")
    frame["before_first_dose"] = pd.array([one.early for one in found], dtype="boolean")
    frame["is_baseline"] = pd.array([one.is_baseline for one in found], dtype="boolean")
    frame["visit_flags"] = pd.array([one.flags for one in found], dtype="string")
    extra = covariates_of(subjects, design.analysis.covariates)
    names = [name for name in extra.columns if name not in frame.columns]
    return frame.merge(extra[["subject", *names]], on="subject", how="left")


def _chosen(
    full: pd.DataFrame, subjects: pd.DataFrame, *, design: StudyDesign, visits: Sequence[Visit]
) -> Mapping[str, _Chosen]:
    first, randomised = dates_of(subjects, "first_dose"), dates_of(subjects, "randomised")
    out: dict[str, _Chosen] = {}
    for subject, rows in full.groupby("subject", sort=False):
        name = str(subject)
        anchor = first.get(name) or randomised.get(name)
        dated = [when if isinstance(when, str) else None for when in rows["collected"]]
        records = [
            Record(key=specimen, visit=visit, when=when)
            for specimen, visit, when in zip(rows["specimen"], rows["visit"], dated, strict=True)
        ]
        choices = choose_visits(
            records,
            visits,
            first_dose=first.get(name),
            randomised=randomised.get(name),
            rule=design.baseline.rule,
        )
        for choice, when in zip(choices, dated, strict=True):
            early = None if when is None or anchor is None else not is_later(when, anchor)
            out[str(choice.key)] = _Chosen(choice.visit, early, choice.is_baseline, choice.flags)
    return out
