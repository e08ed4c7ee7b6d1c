"""Arms as a value: real ones open a blinded table, dummy ones only serve a dry run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from immunoprofile.core import BlindedError, ModelError

if TYPE_CHECKING:
    import pandas as pd


def is_dummy(arms: pd.Series) -> bool:
    """Tell whether arms are dummies, drawn at random for a dry run."""
    return bool(arms.attrs.get("dummy", False)) or "DUMMY" in str(arms.name)


def check_arms(arms: pd.Series, subjects: pd.Series) -> pd.Series:
    """Give arms as text by subject; refuse what is no assignment of these subjects.

    Raises
    ------
    ModelError
        ``arms_duplicate``, ``arms_unmatched``.
    """
    import pandas as pd

    if not isinstance(arms, pd.Series):
        raise TypeError(f"arms is a {type(arms).__name__}, not a Series of subject to arm")
    by_subject = pd.Series(arms.to_numpy(), index=arms.index.astype("string"), dtype="string", name="arm")
    if by_subject.index.has_duplicates:
        count = int(by_subject.index.duplicated().sum())
        hint = "give one arm a subject, the subject as index"
        raise ModelError("arms_duplicate", f"{count} subjects stand in arms more than once", hint=hint)
    if not by_subject.index.isin(subjects.dropna().unique()).any() and len(subjects):
        hint = "the index of arms holds the subjects as the study writes them"
        raise ModelError("arms_unmatched", "no subject of the study has an arm", hint=hint)
    return by_subject


def guard(arms: pd.Series | None, *, blinded: bool, what: str) -> None:
    """Refuse to show a table of a blinded study without real arms.

    Raises
    ------
    BlindedError
        ``blinded`` without arms, ``dummy_arms`` with dummy ones.
    """
    if not blinded:
        return
    if arms is None:
        hint = 'arms = study.unblind("arm_key.csv", who=..., reason=...), then .reveal(arms)'
        raise BlindedError("blinded", f"the study is blinded: {what} is not shown", hint=hint)
    if is_dummy(arms):
        hint = "analyses take dummy arms; tables of subjects open with the real ones only"
        raise BlindedError("dummy_arms", f"dummy arms do not open {what}", hint=hint)
