"""What a strategy may not say: names out of order, sides that no method gives, cuts that see treatment."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from immunoprofile.core import StrategyError, close_names, listed
from immunoprofile.gating._strategy import NARROW, SCOPES, TREATED_UNITS
from immunoprofile.gating.placement import METHODS, check_params

if TYPE_CHECKING:
    from collections.abc import Sequence

    from immunoprofile.gating._strategy import Gate, GatingStrategy
    from immunoprofile.panel import Panel

SPECIAL_METHODS = ("time", "boundary", "quadrant")
"""Methods that look at more than one histogram; the driver of placement holds them."""
FALLBACK_ONLY = ("quantile", "rectangle_valley", "open")
REGION_METHODS = ("diagonal",)
BANDS = ("time", "boundary", "ratio_band")
"""Methods of which only the inside is a population."""
CONTROL_UNITS = ("fmo", "unstimulated", "bridge")


def _refuse(problem: str, *, where: str, hint: str) -> StrategyError:
    return StrategyError("STRATEGY_SCHEMA", problem, where=where, hint=hint)


def check_gate(gate: Gate, *, where: str) -> None:
    """Check what a gate says by itself: methods, axes, sides, scopes, parameters, limits.

    Raises
    ------
    StrategyError
        ``STRATEGY_SCHEMA``, with the gate and the key.
    """
    for name in (gate.id, *(population.id for population in gate.populations)):
        if not re.fullmatch(r"[a-z0-9_]+", name):
            raise _refuse(f"id is {name!r}", where=where, hint="lower case, digits and _")
    _check_methods(gate, where=where)
    _check_axes(gate, where=where)
    _check_sides(gate, where=where)
    _check_scopes(gate, where=where)
    for key, (low, high) in (("window", (-math.inf, math.inf)), ("plausible_percent", (0.0, 100.0))):
        limits: tuple[float, float] | None = getattr(gate, key)
        if limits is not None and not low <= limits[0] < limits[1] <= high:
            raise _refuse(f"{key} is {list(limits)}", where=where, hint="two numbers, the lower one first")


def _check_methods(gate: Gate, *, where: str) -> None:
    known = [*(name for name in METHODS if name not in FALLBACK_ONLY), *SPECIAL_METHODS]
    _one_of(gate.method, known, key="method", where=where)
    for name in gate.fallback:
        _one_of(name, list(METHODS), key="fallback", where=where)
    places_as = "valley" if gate.method == "quadrant" else gate.method  # a valley an axis
    try:
        check_params(places_as, gate.params)
    except StrategyError as error:
        raise _refuse(error.problem, where=f"{where}, {error.where}", hint=error.hint) from error


def _one_of(name: str, known: Sequence[str], *, key: str, where: str) -> None:
    if name in known:
        return
    near = close_names(name, known)
    hint = f"nearest: {listed(near)}" if near else f"known: {listed(sorted(known), 30)}"
    raise _refuse(f"unknown {key} {name!r}", where=where, hint=hint)


def _check_axes(gate: Gate, *, where: str) -> None:
    counts = {"boundary": 0, "quadrant": 2, "diagonal": 2}
    wanted = counts.get(gate.method, 1)
    if len(gate.dims) != wanted:
        problem = f"dims names {len(gate.dims)} axes, and the method {gate.method} takes {wanted}"
        raise _refuse(problem, where=where, hint="see the methods in the guide to strategies")
    other = [dim for dim in gate.anchor if dim not in gate.dims]
    if other:
        raise _refuse(f"anchor names {other[0]!r}", where=where, hint=f"its dims: {listed(gate.dims)}")


def _check_sides(gate: Gate, *, where: str) -> None:
    sides = [population.side for population in gate.populations]
    if not sides:
        raise _refuse("no populations", where=where, hint="name what the gate makes")
    allowed: tuple[str, ...] = ("above", "below")
    if gate.method in BANDS:
        allowed = ("in",)
    elif gate.method in REGION_METHODS:
        allowed = ("in", "out")
    elif gate.method == "quadrant":
        allowed = ("q++", "q+-", "q-+", "q--")
    wrong = [side for side in sides if side not in allowed]
    if wrong:
        problem = f"side {wrong[0]!r}, which the method {gate.method} does not give"
        raise _refuse(problem, where=where, hint=f"sides: {listed(allowed)}")
    if len(set(sides)) < len(sides):
        raise _refuse("two populations on one side", where=where, hint="give each side one population")
    if sides[0] == "out":
        raise _refuse(
            "'out' stands before 'in', or alone", where=where, hint="name the population inside first"
        )
    if "open" in gate.fallback and len(sides) > 1:
        problem = f"{len(sides)} populations and the fallback open"
        raise _refuse(problem, where=where, hint="an open gate can pass its events on to one population only")


def _check_scopes(gate: Gate, *, where: str) -> None:
    if gate.method in (*SPECIAL_METHODS, "ratio_band") and gate.scope != "sample":
        problem = f"scope {gate.scope!r}: the method {gate.method} looks at one sample"
        raise _refuse(problem, where=where, hint='scope = "sample"')
    if gate.method in REGION_METHODS and gate.scope == "sample":
        problem = f"scope 'sample': the method {gate.method} needs pooled units"
        raise _refuse(problem, where=where, hint="scope batch or wider")
    ranks = [SCOPES.index(scope) for scope in (gate.scope, *gate.widen)]
    if ranks != sorted(set(ranks)):
        problem = f"widen is {list(gate.widen)} for the scope {gate.scope}"
        raise _refuse(problem, where=where, hint=f"from narrow to wide: {listed(SCOPES, 10)}")
    if gate.scope == "sample" and gate.widen not in ((), ("batch",)):
        raise _refuse(
            f"widen is {list(gate.widen)}", where=where, hint='a cut per sample may widen to "batch"'
        )
    if gate.rules[:1] != ("held",):
        raise _refuse(f"rules is {list(gate.rules)}", where=where, hint='the first rule is "held"')
    if len(gate.rules) > 1 and gate.method not in REGION_METHODS:
        problem = f"rules is {list(gate.rules)} for the method {gate.method}"
        raise _refuse(problem, where=where, hint=f"other rules than held: {listed(REGION_METHODS)}")


def check_strategy(strategy: GatingStrategy, *, where: str) -> None:
    """Check order and names of gates and populations, and the treatment-blind rule.

    Raises
    ------
    StrategyError
        ``STRATEGY_SCHEMA`` or ``RESPONSIVE_PER_SAMPLE``, with the gate.
    """
    gates = [gate.id for gate in strategy.gates]
    made: list[str] = ["root"]
    for number, gate in enumerate(strategy.gates):
        place = f"{where}, gate {gate.id}"
        if gate.id in gates[:number]:
            raise _refuse(
                f"gate {gate.id!r} stands there twice", where=place, hint="give each gate its own id"
            )
        for needed in (gate.parent, gate.place_on or gate.parent, *gate.anchor.values()):
            _check_made(needed, made, strategy=strategy, where=place)
        for population in gate.populations:
            if population.id in made:
                problem = f"population {population.id!r} is made twice"
                raise _refuse(problem, where=place, hint="give each population one gate")
            made.append(population.id)
    ruled = [gate.id for gate in strategy.gates if len(gate.rules) > 1]
    if len(ruled) > 1:
        problem = f"gates {listed(ruled)} have other rules than held"
        raise _refuse(problem, where=where, hint="one gate of a strategy may")
    check_blind(strategy, strategy.panel, where=where)


def _check_made(needed: str, made: list[str], *, strategy: GatingStrategy, where: str) -> None:
    if needed in made:
        return
    if needed in strategy.populations:
        problem = f"population {needed!r} is made by this gate or a later one: a circle, or the wrong order"
        raise _refuse(problem, where=where, hint="a gate stands after those that make what it needs")
    near = close_names(needed, made) or made
    raise _refuse(f"unknown population {needed!r}", where=where, hint=f"nearest: {listed(near)}")


def check_blind(strategy: GatingStrategy, panel: Panel, *, where: str) -> None:
    """Refuse a cut that could follow the treatment: on a marker that the drug moves, cut per sample.

    Parameters
    ----------
    strategy : GatingStrategy
    panel : Panel
        The strategy's own, or the study's: it may name more markers as responsive, and fewer only where it
        gives a written reason.
    where : str

    Raises
    ------
    StrategyError
        ``RESPONSIVE_PER_SAMPLE``, naming gate, marker and scope.
    """
    for gate in strategy.gates:
        reason = _unblind_reason(gate, panel)
        if reason:
            hint = "scope batch or wider with units untreated; or reference cells, FMO or bridging controls"
            place = f"{where}, gate {gate.id}"
            raise StrategyError("RESPONSIVE_PER_SAMPLE", reason, where=place, hint=hint)


def _unblind_reason(gate: Gate, panel: Panel) -> str:
    responsive = responsive_markers(gate, panel)
    if not responsive or gate.method == "fixed":
        return ""
    narrow = [scope for scope in (gate.scope, *gate.widen) if scope in NARROW]
    if narrow and (gate.scope == "sample" or gate.units not in CONTROL_UNITS):
        return f"{responsive[0]} may move under treatment, and its cut has the scope {narrow[0]}"
    if gate.units in TREATED_UNITS:
        return f"{responsive[0]} may move under treatment, and its cut is learnt from treated units too"
    return ""


def responsive_markers(gate: Gate, panel: Panel) -> tuple[str, ...]:
    """Name the gate's markers that a treatment may move, by the panel or, unlisted there, as shipped."""
    return tuple(marker for marker in gate.markers if panel.role(marker) == "treatment_responsive")
