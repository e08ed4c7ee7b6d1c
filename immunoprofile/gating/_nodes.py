"""The tree of populations: an order with parents first, common ancestors, and who may share a list."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from immunoprofile.core import StrategyError, close_names, listed
from immunoprofile.gating._shapes import ROOT, Boolean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from immunoprofile.gating._shapes import Population


def ordered(populations: Sequence[Population]) -> tuple[Population, ...]:
    """Sort populations so that parents and operands come first, children soon after their parent.

    Raises
    ------
    StrategyError
        ``STRATEGY_SCHEMA``: a name twice, a name that is not there, or populations that wait for each other.
    """
    by_name = {population.name: population for population in populations}
    if len(by_name) != len(populations):
        names = [population.name for population in populations]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise StrategyError(
            "STRATEGY_SCHEMA", f"population {listed(twice)} stands there twice", hint="give each its own name"
        )
    waiting: dict[str, int] = {}
    followers: dict[str, list[str]] = defaultdict(list)
    for population in populations:
        needs = {name for name in _needs(population) if name != ROOT}
        for name in needs:
            _check_known(name, by_name, of=population)
            followers[name].append(population.name)
        waiting[population.name] = len(needs)
    ready = [name for name in reversed(by_name) if waiting[name] == 0]
    order: list[Population] = []
    while ready:
        name = ready.pop()
        order.append(by_name[name])
        for follower in reversed(followers[name]):
            waiting[follower] -= 1
            if waiting[follower] == 0:
                ready.append(follower)
    if len(order) < len(by_name):
        circle = [name for name, count in waiting.items() if count]
        raise StrategyError(
            "STRATEGY_SCHEMA",
            f"populations {listed(circle)} wait for each other",
            hint="a parent or an operand may not depend on its own child",
        )
    return tuple(order)


def _needs(population: Population) -> tuple[str, ...]:
    operands = population.shape.operands if isinstance(population.shape, Boolean) else ()
    return (population.parent, *operands)


def _check_known(name: str, known: Iterable[str], *, of: Population) -> None:
    names = list(known)
    if name in names:
        return
    like = close_names(name, names)
    raise StrategyError(
        "STRATEGY_SCHEMA",
        f"population {of.name!r} names {name!r}, which is not there",
        hint=f"nearest: {listed(like)}" if like else "parents and operands are populations, or root",
    )


def common_ancestors(parents: Sequence[int], uses: Sequence[Sequence[int]]) -> list[int]:
    """Give the lowest common ancestor of each group of rows.

    Parameters
    ----------
    parents : sequence of int
        Row of each row's parent, always smaller; row 0 is the root.
    uses : sequence of sequence of int
        Groups of rows.
    """
    found = []
    for group in uses:
        home = group[0]
        for other in group[1:]:
            row = other
            while home != row:  # a parent's row is the smaller one
                if home > row:
                    home = parents[home]
                else:
                    row = parents[row]
            if home == 0:
                break
        found.append(home)
    return found


def list_places(parents: Sequence[int]) -> list[int]:
    """Give each row a place for its list of survivors; a place is free again after the row's last child."""
    last_use = list(range(len(parents)))
    for row, parent in enumerate(parents):
        last_use[parent] = max(last_use[parent], row)
    last_use[0] = len(parents)  # the root's list serves every block
    ending: dict[int, list[int]] = defaultdict(list)
    for row, last in enumerate(last_use):
        ending[last].append(row)
    places, free, count = [0] * len(parents), list[int](), 0
    for row in range(len(parents)):
        if free:
            places[row] = free.pop()
        else:
            places[row], count = count, count + 1
        free.extend(places[done] for done in ending[row])
    return places
