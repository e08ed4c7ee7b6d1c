"""Numbers of one gated sample: counts, percentages with their intervals, the doubt of the cuts, medians.

The interval covers counting alone; what the place of the cut adds stands beside it as ``cut_se``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from immunoprofile.core import Column, join_flags, tidy
from immunoprofile.core.intervals import median_interval, wilson
from immunoprofile.gating.doubt import fraction_replicates, robust_sd
from immunoprofile.gating.populations import population_entries

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from immunoprofile.gating.gated import GatedSample

NAMED_DENOMINATORS = ("cd4_t", "t", "lymphocytes", "leukocytes")
"""Ancestors that a percentage is given of, beside the parent."""
FEW_CELLS = 20
UNCERTAIN_SHARE = 0.10
LOW_VIABILITY = 80.0
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
    import pandas as pd

    rows = [row for population in gated.populations for row in _population_rows(gated, population)]
    return tidy(pd.DataFrame(rows, columns=[column.name for column in ROW_COLUMNS]), ROW_COLUMNS)


def _population_rows(gated: GatedSample, population: str) -> Iterator[dict[str, Any]]:
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
            yield _row(gated, population, rule, denominator=denominator, count=count, more=mask_flags)


def _row(
    gated: GatedSample,
    population: str,
    rule: str,
    *,
    denominator: str,
    count: int | None,
    more: tuple[str, ...],
) -> dict[str, Any]:
    total = _denominator_count(gated, denominator, rule)
    row: dict[str, Any] = {"population": population, "rule": rule, "denominator": denominator}
    flags = {*path_flags(gated, population, denominator), *more}
    if rule == "per_sample":
        flags -= {"SCOPE_SMALL", "SCOPE_WIDENED", "DIAGONAL_SEED"}  # of the held cut, not of this one
    if count is None or total is None:
        return row | {"count": count, "denominator_count": total, "flags": join_flags(flags)}
    lower, upper = wilson(count, total)
    percent = 100 * count / total if total else math.nan
    spread = (
        math.nan if rule == "per_sample" or not total else _cut_se(gated, population, denominator, rule=rule)
    )
    flags |= _number_flags(
        gated, population, denominator, count=count, total=total, percent=percent, spread=spread
    )
    return row | {
        "count": count,
        "denominator_count": total,
        "percent": percent,
        "lower": float(lower),
        "upper": float(upper),
        "cut_se": spread,
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


def _number_flags(
    gated: GatedSample,
    population: str,
    denominator: str,
    *,
    count: int,
    total: int,
    percent: float,
    spread: float,
) -> set[str]:
    flags = set()
    if total == 0:
        return {"EMPTY_PARENT"}
    if count < FEW_CELLS:
        flags.add("FEW_EVENTS")
    entry = population_entries().get(population)
    gate = gated.strategy.gate_of(population)
    first = gate.populations[0].id == population and denominator == gate.parent
    limits = entry.plausible if entry and entry.denominator == denominator else None
    limits = gate.plausible_percent if first and gate.plausible_percent else limits
    if limits and not limits[0] <= percent <= limits[1]:
        flags.add("IMPLAUSIBLE")
    if percent > 0 and spread / percent > UNCERTAIN_SHARE:
        flags.add("CUT_UNCERTAIN")
    if gate.method == "ratio_band" and denominator == gate.parent and 100 - percent > DOUBLETS_SHARE:
        flags.add("DOUBLETS_MANY")
    is_open = all(cut.kind == "open" for cut in gated.cuts.get(gate.id, ()))
    if population == "viable" and not is_open and percent < LOW_VIABILITY:
        flags.add("LOW_VIABILITY")
    return flags


def _cut_se(gated: GatedSample, population: str, denominator: str, *, rule: str) -> float:
    """Give the robust SD of a percentage over replicate cuts of all gates of the path.

    The replicates of different gates are independent, so the share of the path is the product of the shares
    of its steps, replicate by replicate.
    """
    product: NDArray[np.float64] | None = None
    name = population
    while name not in (denominator, "root"):
        steps = fraction_replicates(gated, name, rule=rule)
        if steps is not None:
            product = steps if product is None else product * steps
        else:
            share = _share(gated, name, rule)
            product = product if product is None else product * share
        name = gated.strategy.gate_of(name).parent
    return 0.0 if product is None else 100 * robust_sd(product)


def _share(gated: GatedSample, population: str, rule: str) -> float:
    parent = _denominator_count(gated, gated.strategy.gate_of(population).parent, rule)
    count = _denominator_count(gated, population, rule)
    return count / parent if count is not None and parent else 0.0


def gated_medians(gated: GatedSample, markers: Sequence[str]) -> pd.DataFrame:
    """Build the table of :meth:`GatedSample.medians`."""
    import pandas as pd

    from immunoprofile.gating.shapes import Dimension
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
