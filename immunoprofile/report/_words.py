"""Numbers in words, the same everywhere: three decimals for p, intervals as `1.43 to 1.74`."""

from __future__ import annotations

import math
from typing import Any

MISSING = "-"


def is_missing(value: Any) -> bool:
    """Say whether a cell holds nothing."""
    if value is None or str(value) == "<NA>":  # the missing value of pandas: it cannot be compared
        return True
    return bool(value != value)  # noqa: PLR0124 - nan is not itself


def p_text(value: Any) -> str:
    """Give a p or q value."""
    if is_missing(value):
        return MISSING
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def number_text(value: Any) -> str:
    """Give a number with three significant digits."""
    if is_missing(value) or not math.isfinite(value):
        return MISSING
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(digits, 4)}f}"


def interval_text(lower: Any, upper: Any) -> str:
    """Give an interval."""
    return f"{number_text(lower)} to {number_text(upper)}"


def count_text(count: int, noun: str) -> str:
    """Give a count with its noun: `1 sample`, `2 samples`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def cell_text(value: Any) -> str:
    """Give any cell of a table."""
    if is_missing(value):
        return ""
    return number_text(value) if isinstance(value, float) else str(value)


def feature_text(feature: str) -> str:
    """Spell a feature for people: `treg_percent_cd4_t` is `regulatory T cells, percent of CD4 T cells`."""
    from immunoprofile.gating import population_entries

    names = population_entries()
    for statistic, joint in (
        ("percent", "percent of"),
        ("ratio", "ratio to"),
        ("median_intensity", "median"),
    ):
        population, found, rest = feature.partition(f"_{statistic}_")
        if found:
            first = names[population].name if population in names else population
            second = names[rest].name if rest in names else rest
            return f"{first}, {joint} {second}"
    return feature
