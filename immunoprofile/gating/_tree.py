"""From cuts to the tree of populations of one sample: what is drawn, what is open, what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from immunoprofile.gating._cuts import populations_without, shape_of
from immunoprofile.gating._shapes import Population

if TYPE_CHECKING:
    from collections.abc import Mapping

    from immunoprofile.gating._cuts import FittedCut
    from immunoprofile.gating._strategy import Gate, GatingStrategy
    from immunoprofile.gating._view import SampleView


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """Populations of one sample.

    Attributes
    ----------
    populations : tuple of Population
        Those that a shape divides, parents first.
    alias : mapping of str to str
        Population of an open gate to the one whose events it has.
    missing : mapping of str to tuple of str
        Population that cannot be given to the flags that say why.
    """

    populations: tuple[Population, ...]
    alias: Mapping[str, str]
    missing: Mapping[str, tuple[str, ...]]

    def drawn(self, population: str) -> str:
        """Give the population that holds the events of `population`."""
        return self.alias.get(population, population)


def build_tree(strategy: GatingStrategy, cuts: Mapping[str, tuple[FittedCut, ...]], view: SampleView) -> Tree:
    """Draw each gate's populations with its cuts; gates without cuts are missing."""
    made: list[Population] = []
    alias: dict[str, str] = {}
    missing: dict[str, tuple[str, ...]] = {}
    for gate in strategy.gates:
        held = cuts.get(gate.id, ())
        lost = lost_populations(gate, held)
        reason = tuple(sorted({flag for cut in held if cut.kind == "missing" for flag in cut.flags}))
        parent = alias.get(gate.parent, gate.parent)
        for population in gate.populations:
            if gate.parent in missing:
                missing[population.id] = missing[gate.parent]
            elif population.id in lost:
                missing[population.id] = reason
            else:
                shape = shape_of(gate, held, population, view=view)
                if shape is None:
                    alias[population.id] = parent
                else:
                    made.append(Population(name=population.id, parent=parent, shape=shape))
    return Tree(populations=tuple(made), alias=alias, missing=missing)


def lost_populations(gate: Gate, cuts: tuple[FittedCut, ...]) -> frozenset[str]:
    """Name the gate's populations that its cuts cannot give."""
    every = frozenset(population.id for population in gate.populations)
    if not cuts:
        return every
    absent = tuple(cut.dimension for cut in cuts if cut.kind == "missing")
    if not absent:
        return frozenset()
    if gate.method == "quadrant" and absent == gate.dims[1:]:
        return frozenset(populations_without(gate, absent))
    return every
