"""Which sample stands for a tube, and what of its gates may be shown."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from immunoprofile.core import ImmunoprofileError
from immunoprofile.gating import pooled_drawing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from immunoprofile.gating import DrawnGate, Gate, GatedSample
    from immunoprofile.pipeline import Tube


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShownGates:
    """Gates that a report may show.

    Attributes
    ----------
    drawn : tuple of DrawnGate
    """

    drawn: tuple[DrawnGate, ...]

    def drawn_gates(self) -> tuple[DrawnGate, ...]:
        """Give the gates."""
        return self.drawn

    @classmethod
    def of(cls, gated: GatedSample, *, hidden: Iterable[str]) -> ShownGates:
        """Take the gates of a sample, without those that make a hidden population."""
        secret = {
            gate.id
            for gate in gated.strategy.gates
            if set(hidden) & {population.id for population in gate.populations}
        }
        return cls(drawn=tuple(gate for gate in gated.drawn_gates() if gate.gate_id not in secret))


def example_of(tube: Tube) -> GatedSample | None:
    """Gate the sample whose own cuts lie nearest to the median of all (robust distance, summed over cuts)."""
    for key in _by_distance(tube):
        try:
            sample, resolution = tube.units[key].load()
            return tube.fitted.apply(sample, resolution=resolution)
        except ImmunoprofileError:
            continue
    return None


def _by_distance(tube: Tube) -> list[str]:
    keys = sorted(tube.fitted.own)
    distance = dict.fromkeys(keys, 0.0)
    for gate in tube.fitted.strategy.gates:
        cuts = {
            key: [cut.number for cut in tube.fitted.own[key].get(gate.id, ()) if cut.kind == "cut"]
            for key in keys
        }
        lengths = [len(values) for values in cuts.values()]
        usual = max(set(lengths), key=lengths.count, default=0)
        whole = np.array([cuts[key] for key in keys if len(cuts[key]) == usual])
        if not whole.size:
            continue
        middle = np.median(whole, axis=0)
        spread = np.median(np.abs(whole - middle), axis=0) + 1e-6
        for key in keys:
            same = len(cuts[key]) == usual
            distance[key] += float(np.abs((np.array(cuts[key]) - middle) / spread).sum()) if same else 10.0
    return sorted(keys, key=lambda key: (distance[key], key))


def pooled_gates(tube: Tube, gates: Sequence[Gate], gated: GatedSample | None) -> ShownGates:
    """Draw gates over the pooled histogram of the untreated specimens of one batch, without numbers."""
    drawn = []
    for gate in gates:
        groups = sorted(group for name, group in tube.fitted.wide if name == gate.id)
        if groups and gated is not None:
            found = pooled_drawing(gate, tube.fitted.wide[gate.id, groups[0]], gated)
            if found is not None:
                drawn.append(dataclasses.replace(found, populations=()))
    return ShownGates(drawn=tuple(drawn))
