"""Arms as a value of their own: real ones from the key, open ones from a table, dummy ones from chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from immunoprofile.core import StudyError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from immunoprofile.trial._schema import Arm

DUMMY_NAME = "arm (DUMMY)"


def arm_series(
    arms: Mapping[str, str], *, study: str, reference: str | None, dummy: bool = False
) -> pd.Series:
    """Give arms by subject, sorted; ``attrs`` hold reference, dummy and study."""
    import pandas as pd

    subjects = sorted(arms)
    series = pd.Series(
        [arms[subject] for subject in subjects],
        index=pd.Index(subjects, name="subject", dtype="string"),
        name=DUMMY_NAME if dummy else "arm",
        dtype="string",
    )
    series.attrs.update(reference=reference, dummy=dummy, study=study)
    return series


def strata_of(subjects: pd.DataFrame, columns: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Map each subject to the values of its strata."""
    known = subjects[[name for name in columns if name in subjects.columns]].astype("string").fillna("")
    values = [tuple(str(cell) for cell in row) for row in known.itertuples(index=False)]
    return dict(zip(subjects["subject"].astype(str), values, strict=True))


def draw_dummies(strata: Mapping[str, tuple[str, ...]], arms: Sequence[Arm], *, seed: int) -> dict[str, str]:
    """Draw an arm for each subject by chance alone: by allocation within each stratum, as evenly as it goes.

    Parameters
    ----------
    strata : mapping of str to tuple of str
        Subject to the values of its strata.
    arms : sequence of Arm
    seed : int

    Raises
    ------
    StudyError
        ``arms_undeclared`` where fewer than two arms are declared.
    """
    if len(arms) < 2:
        hint = "declare [[arms]] with id, role and allocation in study.toml"
        raise StudyError("arms_undeclared", "the study declares fewer than two arms", hint=hint)
    rng = np.random.default_rng(seed)
    groups: dict[tuple[str, ...], list[str]] = {}
    for subject in sorted(strata):
        groups.setdefault(strata[subject], []).append(subject)
    drawn: dict[str, str] = {}
    for stratum in sorted(groups):
        members = groups[stratum]
        drawn.update(zip(members, _deal(len(members), arms, rng), strict=True))
    return drawn


def _deal(count: int, arms: Sequence[Arm], rng: np.random.Generator) -> list[str]:
    """Give `count` arm ids in whole blocks of the allocation, the rest of a block by chance, shuffled."""
    block = [arm.id for arm in arms for _ in range(arm.allocation)]
    whole, rest = divmod(count, len(block))
    dealt = block * whole + [block[i] for i in rng.permutation(len(block))[:rest]]
    return [dealt[i] for i in rng.permutation(len(dealt))]
