"""Two or three deviations in one file: each is named."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ._case import Case, case_of
from ._columns import draw_columns
from ._entry import Entry, entry
from ._layout import At, Plan, inserted, plan_of

if TYPE_CHECKING:
    from collections.abc import Callable

Rng = np.random.Generator


def _with(plan: Plan, key: str, value: str | None) -> Plan:
    """Add a keyword."""
    return inserted(plan, (key, value or ""), place=5)


def _end_one_far(plan: Plan) -> Plan:
    words = tuple((k, At(edge="data_end", shift=1) if k == "$ENDDATA" else v) for k, v in plan.keywords)
    return replace(plan, keywords=words, header={**plan.header, "data_end": At(edge="data_end", shift=1)})


def _analysis(plan: Plan) -> Plan:
    begin, end = At(edge="next", shift=100), At(edge="next", shift=300)
    places = {"$BEGINANALYSIS": begin, "$ENDANALYSIS": end}
    words = tuple((k, places.get(str(k), v)) for k, v in plan.keywords)
    return replace(plan, keywords=words, header={**plan.header, "analysis_begin": begin, "analysis_end": end})


def _nan(plan: Plan) -> Plan:
    raw = plan.columns[0].raw.copy()
    raw[3] = np.nan
    return replace(plan, columns=(replace(plan.columns[0], raw=raw), *plan.columns[1:]))


def _next(plan: Plan) -> Plan:
    return replace(plan, keywords=tuple((k, "abc" if k == "$NEXTDATA" else v) for k, v in plan.keywords))


DEVIATIONS: tuple[tuple[str, Callable[[Plan], Plan]], ...] = (
    ("data-end-off-by-one", _end_one_far),
    ("text-no-final-delimiter", lambda plan: replace(plan, final=False)),
    ("png-invalid", lambda plan: _with(plan, "$P1G", "0")),
    ("keyword-duplicate", lambda plan: inserted(plan, ("$CYT", "another"), place=1000)),
    ("analysis-bounds", _analysis),
    ("nan-events", _nan),
    ("nextdata-invalid", _next),
    ("spillover-invalid", lambda plan: _with(plan, "$SPILLOVER", "2,FSC-A,SSC-A")),
    ("timestep-invalid", lambda plan: _with(plan, "$TIMESTEP", "fast")),
)


def combined(rng: Rng, version: str) -> Case:
    columns = draw_columns(rng, "F", n_columns=4)
    columns = (*columns[:3], replace(columns[3], name="Time"))
    plan = plan_of(version, columns)
    chosen = [DEVIATIONS[int(i)] for i in rng.permutation(len(DEVIATIONS))[: int(rng.integers(2, 4))]]
    for _, change in chosen:
        plan = change(plan)
    codes = [code for code, _ in chosen]
    return case_of("warn", plan, *codes)


ENTRIES: tuple[Entry, ...] = (entry("combined", combined, repeats=5),)
