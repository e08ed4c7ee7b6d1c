"""Other rules of the same gate: the held region moved with reference cells, and this sample's own cut."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from immunoprofile.core import choose
from immunoprofile.gating._advance import MINIMUM_PARENT, divide
from immunoprofile.gating.placement import per_sample_treg

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from immunoprofile.gating._cuts import FittedCut
    from immunoprofile.gating._gated import GatedSample
    from immunoprofile.gating._strategy import Gate

LARGE_SHIFT = 0.3
"""Anchor shift, in z, from which a tube's held percentages are off."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RuleMasks:
    """A rule's populations in one sample.

    Attributes
    ----------
    rule : str
    masks : mapping of str to (ndarray of bool or None)
        Populations at and below the gate; None where the rule cannot give them.
    flags : tuple of str
        ``NO_REFERENCE``, ``ANCHOR_LARGE``, ``FEW_EVENTS``, flags of this sample's own cut.
    shift : tuple of float
        Anchor shift per axis, in z (rule anchored).
    region : tuple of tuple of float or None
        Vertices in force.
    """

    rule: str
    masks: Mapping[str, NDArray[np.bool_] | None]
    flags: tuple[str, ...]
    shift: tuple[float, ...] = ()
    region: tuple[tuple[float, float], ...] | None = None


def ruled_gate(gated: GatedSample, rule: str) -> Gate | None:
    """Give the gate of the strategy that has rows of a rule, if any."""
    for gate in gated.strategy.gates:
        if rule in gate.rules:
            return gate
    return None


def rule_masks(gated: GatedSample, rule: str) -> RuleMasks:
    """Gate this sample by another rule, from the same pool and the sample's own events."""
    choose(rule, ("anchored", "per_sample"), what="rule")
    gate = ruled_gate(gated, rule)
    if gate is None:
        return RuleMasks(rule=rule, masks={}, flags=())
    affected = below(gated, gate)
    missing = dict.fromkeys(affected)
    cuts = gated.cuts.get(gate.id, ())
    if not cuts or cuts[0].kind != "region" or gate.parent in gated.missing:
        return RuleMasks(rule=rule, masks=missing, flags=())
    moved, flags, shift = (_anchored if rule == "anchored" else _own)(gated, gate, cuts[0])
    if moved is None:
        return RuleMasks(rule=rule, masks=missing, flags=flags, shift=shift)
    masks = _masks(gated, gate, moved)
    found = {name: masks.get(name) for name in affected}
    return RuleMasks(rule=rule, masks=found, flags=flags, shift=shift, region=moved.pairs)


def below(gated: GatedSample, gate: Gate) -> tuple[str, ...]:
    """Name the populations that a gate makes, and all below them, in tree order."""
    found = [population.id for population in gate.populations]
    for other in gated.strategy.gates:
        if other.parent in found:
            found += [population.id for population in other.populations]
    return tuple(name for name in gated.populations if name in found)


def _masks(gated: GatedSample, gate: Gate, moved: FittedCut) -> dict[str, NDArray[np.bool_] | None]:
    masks: dict[str, NDArray[np.bool_] | None] = {gate.parent: gated.mask(gate.parent)}
    made = [gate.parent]
    for other in gated.strategy.gates:
        if other.id != gate.id and (other.parent not in made or other.parent == gate.parent):
            continue
        cuts = (moved,) if other.id == gate.id else gated.cuts.get(other.id, ())
        masks.update(divide(other, cuts, gated.view, masks=masks))
        made += [population.id for population in other.populations]
    return masks


Moved = "tuple[FittedCut | None, tuple[str, ...], tuple[float, ...]]"


def _anchored(
    gated: GatedSample, gate: Gate, held: FittedCut
) -> tuple[FittedCut | None, tuple[str, ...], tuple[float, ...]]:
    """Move the held region by median(reference, tube) - median(reference, untreated), axis by axis."""
    known = gated.wide[gate.id].anchors
    shift = []
    for dim in gate.dims:
        population = gate.anchor.get(dim)
        axis = gated.view.dimension(dim)
        if population is None:
            shift.append(0.0)
            continue
        lacking = population in gated.missing or dim not in known or axis is None
        if lacking or gated.count(population) < MINIMUM_PARENT or axis is None:
            return None, ("NO_REFERENCE",), ()
        values = gated.view.column(axis, gated.mask(population))
        shift.append(float(np.median(values)) - known[dim])
    flags = ("ANCHOR_LARGE",) if max(abs(value) for value in shift) > LARGE_SHIFT else ()
    moved = tuple((x + shift[0], y + shift[1]) for x, y in held.pairs)
    return replace(held, value=moved), flags, tuple(shift)


def _own(
    gated: GatedSample, gate: Gate, held: FittedCut
) -> tuple[FittedCut | None, tuple[str, ...], tuple[float, ...]]:
    """Cut this sample alone: today's practice, which follows whatever the drug does to the marker."""
    axes = [gated.view.dimension(dim) for dim in gate.dims]
    present = [axis for axis in axes if axis is not None]
    sketch = gated.view.sketch(present, gated.mask(gate.parent))
    region = per_sample_treg(sketch)
    if len(region.vertices) < 3 or not math.isfinite(region.share):
        return None, region.flags, ()
    vertices = tuple((float(x), float(y)) for x, y in region.vertices)
    return replace(held, value=vertices, method=region.method), region.flags, ()
