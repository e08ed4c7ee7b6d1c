"""Rows of populations.csv of one gated sample."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from immunoprofile.core import join_flags, split_flags, tidy
from immunoprofile.core.intervals import MEDIAN_MINIMUM, ratio_interval
from immunoprofile.quantify._columns import POPULATION_COLUMNS, TEXTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from immunoprofile.gating._gated import GatedSample

RATIOS = (("treg", "tconv", True), ("cd4_t", "cd8_t", False))
"""Ratios that are given: first, second, and whether one cut divides the two (its doubt moves them apart)."""
FEW_CELLS = 20
_OF_PERCENT = {"CUT_UNCERTAIN", "DOUBLETS_MANY", "EMPTY_PARENT", "FEW_EVENTS", "IMPLAUSIBLE", "LOW_VIABILITY"}
"""Codes that speak of one percentage, or of one count, and not of the gates of a population."""
_ORDER = ("count", "percent", "median_intensity", "ratio", "cells_per_ul")


def rows_of(
    gated: GatedSample, *, specimen: str, sample: str, tube: str, medians: Sequence[str] = ()
) -> pd.DataFrame:
    """Give the numbers of one gated sample as rows of populations.csv.

    Counts, percentages of every denominator, medians and ratios, under every rule of gating.

    Parameters
    ----------
    gated : GatedSample
    specimen, sample, tube : str
        Ids written into the rows.
    medians : sequence of str
        Markers whose median (compensated, linear) is given in every population.

    Returns
    -------
    DataFrame
        Columns :data:`POPULATION_COLUMNS`. A number that cannot be had is a row with a missing value and
        flags: ``FEW_EVENTS`` below 20 cells, ``EMPTY_PARENT`` where the denominator holds none.
    """
    import pandas as pd

    table = gated.table()
    records = [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
    counts = _counts(records)
    rows = [
        *counts.values(),
        *(_percent(record) for record in records),
        *_medians(gated, counts, medians=medians),
        *_ratios(records, counts),
    ]
    ids = {"specimen": specimen, "sample": sample, "tube": tube, "strategy": gated.strategy_id}
    frame = pd.DataFrame([ids | row for row in rows], columns=[column.name for column in POPULATION_COLUMNS])
    frame["statistic"] = pd.Categorical(frame["statistic"], categories=_ORDER, ordered=True)
    frame = frame.sort_values("statistic", kind="stable")
    out = tidy(frame.astype({"statistic": "string"}), POPULATION_COLUMNS)
    return out.fillna(dict.fromkeys(TEXTS, ""))


def _whole(value: Any) -> int | None:
    """Give a count, or None where it is missing."""
    return None if value is None or value != value or str(value) == "<NA>" else int(value)  # noqa: PLR0124


def _counts(records: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """Give a count row a population and rule; its flags are those of all gates on the way."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for record in records:
        key = (str(record["population"]), str(record["rule"]))
        count = _whole(record["count"])
        row = rows.setdefault(
            key,
            {
                "population": key[0],
                "statistic": "count",
                "rule": key[1],
                "value": math.nan if count is None else float(count),
                "count": count,
                "flags": "FEW_EVENTS" if count is not None and count < FEW_CELLS else "",
            },
        )
        row["flags"] = join_flags(row["flags"], set(split_flags(record["flags"])) - _OF_PERCENT)
    return rows


def _percent(record: dict[str, Any]) -> dict[str, Any]:
    return {
        "population": record["population"],
        "statistic": "percent",
        "denominator": record["denominator"],
        "rule": record["rule"],
        "value": record["percent"],
        "count": _whole(record["count"]),
        "denominator_count": _whole(record["denominator_count"]),
        **{name: record[name] for name in ("lower", "upper", "cut_se")},
        "flags": join_flags(record["flags"]),
    }


def _medians(
    gated: GatedSample, counts: dict[tuple[str, str], dict[str, Any]], *, medians: Sequence[str]
) -> Iterator[dict[str, Any]]:
    if not medians:
        return
    for record in gated.medians(medians).to_dict("records"):
        key = (str(record["population"]), str(record["rule"]))
        count = _whole(record["count"])
        few = "FEW_EVENTS" if count is not None and count < MEDIAN_MINIMUM else ""
        inherited = counts[key]["flags"] if key in counts else ""
        yield {
            "population": key[0],
            "statistic": "median_intensity",
            "marker": record["marker"],
            "rule": key[1],
            **{name: record[name] for name in ("value", "lower", "upper")},
            "count": count,
            "flags": join_flags(inherited, few, "MISSING_MARKER" if count is None and not inherited else ""),
        }


def _ratios(
    records: list[dict[str, Any]], counts: dict[tuple[str, str], dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    present = {population for population, _ in counts}
    for first, second, one_cut in RATIOS:
        if not {first, second} <= present:
            continue
        for rule in sorted({rule for population, rule in counts if population == first}):
            over = counts.get((second, rule)) or counts.get((second, "held"))
            if over is not None:
                spread = _relative_cut_se(records, (first, second), rule=rule, one_cut=one_cut)
                yield _ratio(counts[first, rule], over, spread=spread)


def _ratio(top: dict[str, Any], over: dict[str, Any], *, spread: float) -> dict[str, Any]:
    row = {
        "population": top["population"],
        "statistic": "ratio",
        "denominator": over["population"],
        "rule": top["rule"],
        "count": top["count"],
        "denominator_count": over["count"],
    }
    flags = join_flags(top["flags"], over["flags"], "EMPTY_PARENT" if over["count"] == 0 else "")
    if top["count"] is None or over["count"] is None:
        return row | {"flags": flags}
    value, lower, upper = ratio_interval(top["count"], over["count"])
    return row | {"value": value, "lower": lower, "upper": upper, "cut_se": spread * value, "flags": flags}


def _relative_cut_se(
    records: list[dict[str, Any]], pair: tuple[str, str], *, rule: str, one_cut: bool
) -> float:
    """Give the standard error of the log of a ratio from the place of cuts (delta method).

    Where one cut divides the two, what one gains the other loses: the parts add. Else they are independent.
    """
    parts = []
    for population in pair:
        own = [r for r in records if r["population"] == population and r["rule"] in (rule, "held")]
        own.sort(key=lambda record: record["rule"] != rule)
        if not own or not own[0]["percent"] > 0:
            return math.nan
        parts.append(float(own[0]["cut_se"]) / float(own[0]["percent"]))
    return sum(parts) if one_cut else math.hypot(*parts)
