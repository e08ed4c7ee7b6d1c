"""Flags of one gated sample in words, each with its level."""

from __future__ import annotations

from typing import TYPE_CHECKING

from immunoprofile.core import explain, split_flags
from immunoprofile.gating._cleaning import UNSTABLE_ERROR_SHARE

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from immunoprofile.gating._cuts import FittedCut
    from immunoprofile.gating._gated import GatedSample
    from immunoprofile.gating._strategy import Gate

OF_THE_NUMBER = (
    "FEW_EVENTS",
    "EMPTY_PARENT",
    "IMPLAUSIBLE",
    "CUT_UNCERTAIN",
    "LOW_VIABILITY",
    "DOUBLETS_MANY",
)
"""Codes that a percentage gets, beside those of its gates."""
Note = tuple[str, str, str, str]


def gated_notes(gated: GatedSample) -> pd.DataFrame:
    """Build the table of :meth:`GatedSample.notes`: one row a population and code."""
    import pandas as pd

    rows = [*_gate_notes(gated), *_number_notes(gated)]
    unique = list(dict.fromkeys(rows))
    return pd.DataFrame(unique, columns=["population", "level", "code", "message"], dtype="string")


def _gate_notes(gated: GatedSample) -> Iterator[Note]:
    for gate in gated.strategy.gates:
        for cut in gated.cuts.get(gate.id, ()):
            for code in cut.flags:
                row = explain(code)
                level = _level(gated, gate, cut, code=code)
                about = f" ({cut.dimension}, {cut.method})" if cut.dimension else ""
                yield gate.populations[0].id, level, code, f"{row.meaning}{about}; {row.done}"
    for rule in ("anchored", "per_sample"):
        found = gated.rule(rule)
        for code in found.flags:
            row = explain(code)
            name = next(iter(found.masks), "")
            # the sample's own cut is there to be compared with: that it is weak is no fault of the sample
            level = "info" if rule == "per_sample" else row.level
            yield name, level, code, f"rule {rule}: {row.meaning}; {row.done}"


def _number_notes(gated: GatedSample) -> Iterator[Note]:
    table = gated.table()
    held = table[table["rule"] == "held"]
    for name, denominator, flags in zip(held["population"], held["denominator"], held["flags"], strict=True):
        gate = gated.strategy.gate_of(name)
        if denominator != gate.parent:
            continue
        carried = set(gated.path_flags(name, gate.parent))
        for code in split_flags(flags):
            if code in OF_THE_NUMBER and code not in carried:
                known = explain(code)
                level = "warning" if code == "EMPTY_PARENT" and not gate.is_lineage else known.level
                yield name, level, code, f"{known.meaning}; {known.done}"


def _level(gated: GatedSample, gate: Gate, cut: FittedCut, *, code: str) -> str:
    """Give the level of a gate's code; a clean sample has nothing to cut, and that is no warning."""
    if gate.is_hygiene and cut.kind == "open" and code in ("NO_VALLEY", "FALLBACK", "SHALLOW_VALLEY"):
        return "info"
    if code == "MISSING_MARKER":
        return "error" if cut.dimension in gated.strategy.requires else "warning"
    if code == "EMPTY_PARENT":
        return "error" if gate.is_lineage else "warning"
    if code == "TIME_UNSTABLE" and gate.parent == "root":
        removed = 1 - gated.count(gate.populations[0].id) / max(gated.sample.n_events, 1)
        return "error" if removed > UNSTABLE_ERROR_SHARE or cut.kind == "open" else "warning"
    return explain(code).level
