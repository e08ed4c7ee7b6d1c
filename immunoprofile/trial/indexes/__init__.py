"""Response indexes: one file each, one contract, one registry."""

from __future__ import annotations

from immunoprofile.core import StudyError, listed
from immunoprofile.core.names import close_names
from immunoprofile.trial.indexes._contract import (
    Component,
    Measure,
    Response,
    ResponseIndex,
    ScoreContext,
)
from immunoprofile.trial.indexes.tis_2016 import (
    TIS_2016_ADULT,
    TIS_2016_JUVENILE,
    total_improvement_score,
)

__all__ = [
    "INDEXES",
    "Component",
    "Measure",
    "Response",
    "ResponseIndex",
    "ScoreContext",
    "find_index",
    "register",
    "total_improvement_score",
]

INDEXES: dict[str, ResponseIndex] = {
    "tis_2016_adult": TIS_2016_ADULT,
    "tis_2016_juvenile": TIS_2016_JUVENILE,
}


def register(index: ResponseIndex) -> ResponseIndex:
    """Add a response index of your own, so that studies can name it.

    Parameters
    ----------
    index : ResponseIndex
        A value with ``id``, ``version``, ``title``, ``measures``, ``levels``, ``direction``, ``confirmed``,
        ``components`` and ``score(baseline, current, context)``.

    Returns
    -------
    ResponseIndex
        The same value.

    Raises
    ------
    StudyError
        ``index_known`` if another index has this id.
    TypeError
        If a part of the contract is absent.
    """
    if not isinstance(index, ResponseIndex):
        needed = (
            "id",
            "version",
            "title",
            "measures",
            "levels",
            "direction",
            "confirmed",
            "components",
            "score",
        )
        absent = [name for name in needed if not hasattr(index, name)]
        raise TypeError(f"not a response index: {listed(absent, 10)} absent")
    if INDEXES.setdefault(index.id, index) is not index:
        hint = "choose another id; a new version is a new id"
        raise StudyError("index_known", f"there is another index {index.id!r}", hint=hint)
    return index


def find_index(name: str) -> ResponseIndex:
    """Give an index by its id.

    Raises
    ------
    StudyError
        ``index_unknown``, with the nearest ids.
    """
    if name not in INDEXES:
        like = close_names(name, INDEXES) or sorted(INDEXES)
        raise StudyError("index_unknown", f"no response index {name!r}", hint=f"nearest: {listed(like)}")
    return INDEXES[name]
