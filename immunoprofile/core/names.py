"""Nearest names for messages: offered, never applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from immunoprofile.core.errors import UnknownNameError, listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def fold(name: str) -> str:
    """Fold case and drop blanks, ``-`` and ``_``, so that spellings can be compared."""
    return "".join(char for char in name.casefold() if char not in " -_\t")


def edit_distance(first: str, second: str) -> int:
    """Count insertions, deletions, changes and swaps of neighbours (Damerau-Levenshtein, restricted).

    Examples
    --------
    >>> edit_distance("W21", "W12")
    1
    """
    previous: list[int] = []
    current = list(range(len(second) + 1))
    for i, a in enumerate(first, start=1):
        before, previous, current = previous, current, [i] + [0] * len(second)
        for j, b in enumerate(second, start=1):
            current[j] = min(previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (a != b))
            if i > 1 and j > 1 and a == second[j - 2] and first[i - 2] == b:
                current[j] = min(current[j], before[j - 2] + 1)
    return current[-1]


def nearest(name: str, known: Iterable[str], *, limit: int = 2) -> str | None:
    """Find the one known name within `limit` edits of `name`, or None if there is none or more than one.

    Examples
    --------
    >>> nearest("W 21", ["W0", "W4", "W12"])
    'W12'
    """
    folded = fold(name)
    # a name longer or shorter by more than `limit` is further away: its distance is not worth a count
    near = {other for other in known if abs(len(fold(other)) - len(folded)) <= limit}
    scored = sorted((edit_distance(folded, fold(other)), other) for other in near)
    if not scored or scored[0][0] > limit:
        return None
    if len(scored) > 1 and scored[1][0] == scored[0][0]:
        return None
    return scored[0][1]


def close_names(name: str, known: Iterable[str], *, count: int = 3) -> list[str]:
    """List the known names most like `name`, best first."""
    import difflib

    spelled = {fold(other): other for other in known}
    return [
        spelled[match] for match in difflib.get_close_matches(fold(name), list(spelled), n=count, cutoff=0.5)
    ]


def choose(value: Any, choices: Sequence[str], *, what: str) -> str:
    """Check a value against the literal choices of a parameter.

    Raises
    ------
    UnknownNameError
        ``unknown_choice``; lists the choices.
    """
    if value in choices:
        return str(value)
    raise UnknownNameError(
        "unknown_choice", f"{what} is {value!r}", hint=f"choose one of {listed(choices, 20)}"
    )


def look_up(name: str, known: Iterable[str], *, what: str) -> str:
    """Return `name` if it is known.

    Raises
    ------
    UnknownNameError
        ``unknown_name``, with the nearest names.
    """
    names = list(known)
    if name in names:
        return name
    like = close_names(name, names) or names
    raise UnknownNameError(
        "unknown_name", f"no {what} {name!r}", hint=f"nearest: {listed(like)}" if like else ""
    )
