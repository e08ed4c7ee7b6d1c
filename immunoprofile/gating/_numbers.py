"""Numbers of one gated sample: counts, percentages with their intervals, the doubt of the cuts, medians.

The interval covers counting alone; what the place of the cut adds stands beside it as ``cut_se``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from immunoprofile.core import Column, join_flags, tidy
from immunoprofile.core.intervals import median_interval, wilson
from immunoprofile.gating._doubt import fraction_replicates, robust_sds
from immunoprofile.gating._populations import population_entries

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from immunoprofile.gating._gated import GatedSample
    from immunoprofile.gating._strategy import Gate

NAMED_DENOMINATORS = ("cd4_t", "t", "lymphocytes", "leukocytes")
"""Ancestors that a percentage is given of, beside the parent."""
FEW_CELLS = 20
UNCERTAIN_SHARE = 0.10
LOW_VIABILITY = 80.0
LOW_VIABILITY_FRESH = 90.0
"""Percent of single cells: after thawing, and of cells that were never frozen."""
FRESH_SPECIMENS = ("whole_blood", "pbmc")
DOUBLETS_SHARE = 30.0

ROW_COLUMNS = (
    Column(name="population", dtype="string", meaning="population id"),
    Column(name="rule", dtype="string", meaning="held, anchored, per_sample"),
    Column(name="denominator", dtype="string", meaning="population that the percentage is of"),
    Column(name="count", dtype="Int64", meaning="events inside"),
    Column(name="denominator_count", dtype="Int64", meaning="events of the denominator"),
    Column(name="percent", dtype="float64", meaning="0-100; missing where the denominator is empty"),
    Column(name="lower", dtype="float64", meaning="Wilson 95 %, counting alone"),
    Column(name="upper", dtype="float64", meaning="Wilson 95 %, counting alone"),
    Column(name="cut_se", dtype="float64", meaning="percent points, from the place of the cuts"),
    Column(name="flags", dtype="string", meaning="codes joined by ;"),
)


def denominators(gated: GatedSample, population: str) -> tuple[str, ...]:
    """Give the denominators of a population, nearest first: parent, named ancestors, the dictionary's."""
    ancestors = gated.strategy.ancestors(population)
    entry = population_entries().get(population)
    wanted = {ancestors[0], *NAMED_DENOMINATORS, entry.denominator if entry else ""}
    return tuple(name for name in ancestors if name in wanted)


def rules_of(gated: GatedSample, population: str) -> tuple[str, ...]:
    """Give the rules that a population has rows of: those of the responsive gate at or above it."""
    for name in (population, *gated.strategy.ancestors(population)[:-1]):
        gate = gated.strategy.gate_of(name)
        if len(gate.rules) > 1:
            return gate.rules
    return ("held",)


def gated_rows(gated: GatedSample) -> pd.DataFrame:
    """Build the rows of :meth:`GatedSample.table`."""
    import numpy as np
    import pandas as pd

    rows = [row for population in gated.populations for row in _population_rows(gated, population)]
    known = [row for row in rows if row.count is not None and row.total is not None]
    counts, totals = (np.array([getattr(row, name) for row in known], float) for name in ("count", "total"))
    lower, upper = wilson(counts, totals)
    percents = 100 * counts / np.where(totals > 0, totals, math.nan)
    spreads = [100 * spread for spread in robust_sds([_path_shares(gated, row) for row in known])]
    numbers = {
        id(row): dict(zip(("percent", "lower", "upper", "cut_se"), map(float, values), strict=True))
        for row, *values in zip(known, percents, lower, upper, spreads, strict=True)
    }
    records = [_record(gated, row, numbers.get(id(row), {})) for row in rows]
    return tidy(pd.DataFrame(records, columns=[column.name for column in ROW_COLUMNS]), ROW_COLUMNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A row before its numbers: which population, by which rule, of what; how many events; its codes."""

    population: str
    rule: str
    denominator: str
    count: int | None
    total: int | None
    flags: tuple[str, ...]


def _population_rows(gated: GatedSample, population: str) -> Iterator[_Row]:
    for rule in rules_of(gated, population):
        mask_flags: tuple[str, ...] = ()
        if population in gated.missing:
            count, mask_flags = None, gated.missing[population]
        elif rule == "held":
            count = gated.count(population)
        else:
            found = gated.rule(rule)
            mask, mask_flags = found.masks.get(population), found.flags
            count = None if mask is None else int(mask.sum())
        for denominator in denominators(gated, population):
            flags = {*path_flags(gated, population, denominator), *mask_flags}
            if rule == "per_sample":
                flags -= {"SCOPE_SMALL", "SCOPE_WIDENED", "DIAGONAL_SEED"}  # of the held cut, not of this one
            yield _Row(
                population=population,
                rule=rule,
                denominator=denominator,
                count=count,
                total=_denominator_count(gated, denominator, rule),
                flags=tuple(flags),
            )


def _record(gated: GatedSample, row: _Row, numbers: Mapping[str, float]) -> dict[str, Any]:
    flags = set(row.flags)
    if numbers:
        flags |= _number_flags(gated, row, percent=numbers["percent"], spread=numbers["cut_se"])
    return {
        "population": row.population,
        "rule": row.rule,
        "denominator": row.denominator,
        "count": row.count,
        "denominator_count": row.total,
        **numbers,
        "flags": join_flags(flags),
    }


def _denominator_count(gated: GatedSample, denominator: str, rule: str) -> int | None:
    if denominator in gated.missing:
        return None
    if rule != "held":
        masks = gated.rule(rule).masks
        if denominator in masks:
            mask = masks[denominator]
            return None if mask is None else int(mask.sum())
    return gated.count(denominator)


def path_flags(gated: GatedSample, population: str, denominator: str = "root") -> tuple[str, ...]:
    """Give the codes of the gates from below a denominator down to a population."""
    flags: set[str] = set()
    name = population
    while name not in (denominator, "root"):
        gate = gated.strategy.gate_of(name)
        flags |= {flag for cut in gated.cuts.get(gate.id, ()) for flag in cut.flags if cut.kind != "missing"}
        name = gate.parent
    return tuple(sorted(flags))


def _number_flags(gated: GatedSample, row: _Row, *, percent: float, spread: float) -> set[str]:
    if row.total == 0:
        return {"EMPTY_PARENT"}
    flags = set()
    if row.count is not None and row.count < FEW_CELLS:
        flags.add("FEW_EVENTS")
    gate = gated.strategy.gate_of(row.population)
    limits = _plausible(gate, row)
    if limits and not limits[0] <= percent <= limits[1]:
        flags.add("IMPLAUSIBLE")
    if percent > 0 and spread / percent > UNCERTAIN_SHARE:
        flags.add("CUT_UNCERTAIN")
    if row.denominator == gate.parent and not all(c.kind == "open" for c in gated.cuts.get(gate.id, ())):
        if gate.method == "ratio_band" and 100 - percent > DOUBLETS_SHARE:
            flags.add("DOUBLETS_MANY")
        frozen = gated.view.panel.specimen not in FRESH_SPECIMENS
        if row.population == "viable" and percent < (LOW_VIABILITY if frozen else LOW_VIABILITY_FRESH):
            flags.add("LOW_VIABILITY")
    return flags


def _plausible(gate: Gate, row: _Row) -> tuple[float, float] | None:
    """Give the limits of a percentage: the gate's for its first population, else the dictionary's."""
    if gate.plausible_percent and gate.populations[0].id == row.population and row.denominator == gate.parent:
        return gate.plausible_percent
    entry = population_entries().get(row.population)
    return entry.plausible if entry and entry.denominator == row.denominator else None


def _path_shares(gated: GatedSample, row: _Row) -> NDArray[np.float64] | None:
    """Give the share of a path under replicate cuts of all its gates; None where no gate has a doubt.

    The replicates of different gates are independent, so the share of the path is the product of the shares
    of its steps, replicate by replicate.
    """
    import numpy as np

    if row.rule == "per_sample" or not row.total:
        return np.full(1, math.nan)
    product: NDArray[np.float64] | None = None
    name = row.population
    while name not in (row.denominator, "root"):
        steps = fraction_replicates(gated, name, rule=row.rule)
        if steps is not None:
            product = steps if product is None else product * steps
        elif product is not None:
            product = product * _share(gated, name, row.rule)
        name = gated.strategy.gate_of(name).parent
    return product


def _share(gated: GatedSample, population: str, rule: str) -> float:
    parent = _denominator_count(gated, gated.strategy.gate_of(population).parent, rule)
    count = _denominator_count(gated, population, rule)
    return count / parent if count is not None and parent else 0.0


def gated_medians(gated: GatedSample, markers: Sequence[str]) -> pd.DataFrame:
    """Build the table of :meth:`GatedSample.medians`."""
    import pandas as pd

    from immunoprofile.gating._shapes import Dimension
    from immunoprofile.transform import Linear

    rows = []
    for marker in markers:
        axis = gated.view.dimension(marker)
        linear = None
        if axis is not None:
            linear = Dimension(detector=axis.detector, transform=Linear(), compensated=axis.compensated)
        for population in gated.populations:
            for rule in rules_of(gated, population):
                mask = _mask(gated, population, rule) if linear is not None else None
                found = (math.nan, math.nan, math.nan)
                if mask is not None and linear is not None:
                    found = median_interval(gated.view.column(linear, mask))
                rows.append((population, rule, marker, None if mask is None else int(mask.sum()), *found))
    columns = ["population", "rule", "marker", "count", "value", "lower", "upper"]
    table = pd.DataFrame(rows, columns=columns)
    return table.astype({"population": "string", "rule": "string", "marker": "string", "count": "Int64"})


def _mask(gated: GatedSample, population: str, rule: str) -> NDArray[np.bool_] | None:
    if population in gated.missing:
        return None
    return gated.mask(population) if rule == "held" else gated.rule(rule).masks.get(population)
