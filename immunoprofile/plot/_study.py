"""The study at a glance: what became of every expected specimen."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.core import UnknownNameError
from immunoprofile.plot._style import (
    AXIS,
    FULL,
    LEVELS,
    MUTE,
    TEXT,
    TEXT2,
    WIDE,
    axis_labels,
    dress,
    ink_map,
    new_axes,
    plain,
    set_ticks,
    styled,
    text_width,
    tiles,
    title,
)
from immunoprofile.plot._tables import frame_of, keep, need, numbers, order_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from matplotlib.axes import Axes

STAGES = (
    "scheduled", "collected", "received", "file_present", "readable", "placed", "enough_events",
    "in_analysis",
)  # fmt: skip
STATES: Mapping[str, tuple[str, str, str]] = {
    "present": ("#86ABCB", "", TEXT),
    "late": ("#F0D48A", "!", TEXT),
    "excluded": ("#E8B4B7", "\u00d7", LEVELS["error"]["ink"]),
    "missing": ("#FFFFFF", "\u2013", MUTE),
}
"""State of a specimen: fill, sign, ink of the sign."""
_ACROSS = 60
"""Subjects in one band of tiles."""


def accountability(
    table: Any, *, stages: Sequence[str] | None = None, by: str = "visit", ax: Axes | None = None
) -> Axes:
    """Draw how many specimens passed each stage, from scheduled to analysed, by visit.

    Parameters
    ----------
    table : DataFrame
        Counts: a column a stage, and `by`; rows of sites and tubes are added up. A missing count is
        one that a blinded reader may not see.
    stages : sequence of str, optional
        By default the stages of ``study.accountability()`` that the table has.
    by : str
        Column of the groups.
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    frame = frame_of(table)
    need(frame, by)
    shown = list(stages) if stages is not None else [name for name in STAGES if name in frame.columns]
    if not shown:
        hint = f"columns such as {', '.join(STAGES[:3])} are looked for"
        raise UnknownNameError("unknown_name", "the table has no column of a stage", hint=hint)
    need(frame, *shown)
    groups = order_of(frame[by])
    counts = np.array(
        [[_total(frame.loc[frame[by].astype(str) == group, stage]) for group in groups] for stage in shown]
    )
    with styled():
        ax = ax or new_axes(WIDE, 0.26 * len(shown) + 0.7)
        dress(ax)
        first = np.where(counts[0] > 0, counts[0], np.nan)
        _table_tiles(ax, counts, counts / first)
        set_ticks(ax.xaxis, range(len(groups)), groups)
        set_ticks(ax.yaxis, range(len(shown)), [stage.replace("_", " ") for stage in shown])
        ax.tick_params(length=0)
        title(ax, f"Specimens by stage and {by}")
    return keep(ax, frame[[by, *shown]])


def _total(values: pd.Series) -> float:
    found = numbers(values)
    return math.nan if not found.size or np.isnan(found).any() else float(found.sum())


def _table_tiles(ax: Axes, counts: Any, shares: Any) -> None:
    shade = ink_map()
    rows, across = counts.shape
    for row in range(rows):
        for column in range(across):
            share, count = shares[row, column], counts[row, column]
            known = math.isfinite(count)
            # light to mid tones only: dark text on each keeps more than 4.5:1
            face = shade(0.42 * float(np.clip(share, 0, 1))) if math.isfinite(share) else "white"
            tiles(ax, [(column, row - 0.47, 0.94, 0.94)], face=face)
            words = f"{count:,.0f}" if known else "hidden"
            ax.text(column, row, words, ha="center", va="center", fontsize=7.5, color=TEXT if known else MUTE)
    _frame(ax, across, rows)


def _frame(ax: Axes, across: float, down: float) -> None:
    ax.set_xlim(-0.5, across - 0.5)
    ax.set_ylim(down - 0.5, -0.5)
    for spine in ax.spines.values():
        spine.set_visible(False)


def missingness(table: Any, *, state: str = "state", ax: Axes | None = None) -> Axes:
    """Draw a tile for every subject and visit: present, late, excluded, missing.

    Parameters
    ----------
    table : DataFrame
        Rows with subject, visit and a state; a pair without a row is missing.
    state : str
        Column of the state.
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    frame = frame_of(table)
    need(frame, "subject", "visit", state)
    visits, subjects = order_of(frame["visit"]), order_of(frame["subject"])
    known = {
        (str(s), str(v)): str(found)
        for s, v, found in zip(frame["subject"], frame["visit"], frame[state], strict=True)
    }
    unknown = sorted(set(known.values()) - set(STATES))
    if unknown:
        raise UnknownNameError(
            "unknown_choice", f"state is {unknown[0]!r}", hint=f"choose one of {', '.join(STATES)}"
        )
    bands = [subjects[start : start + _ACROSS] for start in range(0, len(subjects), _ACROSS)] or [[]]
    down = len(bands) * (len(visits) + 1) - 1
    across = max(len(band) for band in bands)
    one = [plain(s, 12) for s in bands[0]] if len(bands) == 1 and across <= 40 else []
    with styled():
        width = FULL if across > 24 else WIDE
        names = max((text_width(s, 7.5) for s in one), default=0.0) / 72  # long ones take room below
        ax = ax or new_axes(width, max(0.185 * down + max(1.15, 0.85 + names), 1.2))
        dress(ax)
        for place, band in enumerate(bands):
            _band(ax, band, visits, known=known, top=place * (len(visits) + 1))
        _frame(ax, max(across, 1), down)
        rows = [
            (place * (len(visits) + 1) + i, v) for place in range(len(bands)) for i, v in enumerate(visits)
        ]
        set_ticks(ax.yaxis, [at for at, _ in rows], [visit for _, visit in rows])
        set_ticks(ax.xaxis, range(len(one)), one, rotation=90)
        ax.tick_params(length=0)
        axis_labels(ax, "subject" if one else f"{len(subjects)} subjects, in the order of the table")
        title(ax, "Specimens by subject and visit", pad=18)
        _state_keys(ax, [known.get((s, v), "missing") for s in subjects for v in visits])
    return keep(ax, frame[["subject", "visit", state]])


def _band(
    ax: Axes, band: Sequence[str], visits: Sequence[str], *, known: Mapping[tuple[str, str], str], top: int
) -> None:
    boxes: dict[str, list[tuple[float, float, float, float]]] = {}
    for x, subject in enumerate(band):
        for row, visit in enumerate(visits):
            found = known.get((subject, visit), "missing")
            boxes.setdefault(found, []).append((x, top + row - 0.44, 0.88, 0.88))
            _, sign, ink = STATES[found]
            if sign:
                ax.text(
                    x, top + row, sign, ha="center", va="center", fontsize=7, fontweight="bold", color=ink
                )
    for found, own in boxes.items():
        tiles(ax, own, face=STATES[found][0], edge=AXIS if found == "missing" else "white")


def _state_keys(ax: Axes, found: Sequence[str]) -> None:
    from matplotlib.patches import Patch

    handles, words = [], []
    for name, (face, sign, _) in STATES.items():
        handles.append(Patch(facecolor=face, edgecolor=AXIS, linewidth=0.5))
        words.append(f"{f'{sign} ' if sign else ''}{name} {found.count(name):,}")
    ax.legend(
        handles, words, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, fontsize=7.5, frameon=False,
        handlelength=0.9, handleheight=0.9, handletextpad=0.4, columnspacing=1.3, borderaxespad=0.2,
        borderpad=0, labelcolor=TEXT2,
    )  # fmt: skip
