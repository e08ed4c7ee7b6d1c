"""Clinical response: scores by subject in their parts, and immune change beside response."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.plot._arms import is_dummy, joined, looks_of, stamp_dummy
from immunoprofile.plot._course import _changes
from immunoprofile.plot._style import (
    AXIS,
    FULL,
    GRID,
    MUTE,
    TEXT2,
    WIDE,
    axis_labels,
    dress,
    halo,
    new_axes,
    open_frame,
    plain,
    set_ticks,
    styled,
    tiles,
    title,
)
from immunoprofile.plot._svg import name_on_hover
from immunoprofile.plot._tables import (
    frame_of,
    interval_text,
    keep,
    name_of,
    need,
    numbers,
    order_of,
    p_text,
    rows_for,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

STACKS = ("#332288", "#3D8BBF", "#A9C6DE", "#882255", "#C9A0B4", "#8A96A3")
"""Parts of a score, bottom to top; each beside one that is much lighter or darker."""
_NOT_PARTS = (
    "score", "lower", "upper", "attainable_max", "responder", "visit", "subject", "level", "status",
    "reasons",
)  # fmt: skip


def waterfall(
    response: Any,
    *,
    visit: str | None = None,
    levels: Mapping[str, float] | None = None,
    parts: Sequence[str] | None = None,
    title_text: str = "Response score by subject",
    ax: Axes | None = None,
) -> Axes:
    """Draw a score by subject, best first, stacked of its parts, with the thresholds of its levels.

    A score that is missing is drawn as the span of its bounds, where those are known.

    Parameters
    ----------
    response : DataFrame
        Rows with subject, score, and every part as a column; visit, lower, upper where there are some.
    visit : str, optional
        The last one in the order of the table by default.
    levels : mapping of str to float, optional
        Name and lowest score of each level, from the definition of the index; by default the table's own
        ``attrs["levels"]``, else no lines are drawn.
    parts : sequence of str, optional
        Columns of the parts, bottom first; by default every numeric column that is no other fact.
    title_text : str
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    frame = frame_of(response)
    need(frame, "subject", "score")
    lines = dict(levels if levels is not None else frame.attrs.get("levels", {}))
    if "visit" in frame.columns and len(frame):
        frame = _at_visit(frame, visit)
        title_text = f"{title_text}, {frame['visit'].iloc[0]}"
    shown = list(parts) if parts is not None else _parts(frame)
    frame = frame.assign(score=numbers(frame["score"]))
    frame = frame.sort_values(
        ["score", "subject"], ascending=[False, True], na_position="last", kind="stable"
    )
    with styled():
        ax = ax or new_axes(FULL, 3.2)
        dress(ax)
        open_frame(ax)
        ax.grid(visible=True, axis="y", color=GRID, linewidth=0.6)
        _stack(ax, frame, shown)
        _bounds(ax, frame)
        _thresholds(ax, lines, len(frame))
        _subjects(ax, frame)
        axis_labels(ax, y="score (points)")
        title(ax, title_text, pad=20)
        _keys(ax, shown)
    return keep(ax, frame)


def _parts(frame: pd.DataFrame) -> list[str]:
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    return [
        str(name) for name in frame.columns
        if name not in _NOT_PARTS and is_numeric_dtype(frame[name]) and not is_bool_dtype(frame[name])
    ]  # fmt: skip


def _stack(ax: Axes, frame: pd.DataFrame, parts: Sequence[str]) -> None:
    known = np.isfinite(frame["score"].to_numpy(float))
    below = np.zeros(len(frame))
    for place, part in enumerate(parts):
        height = np.where(known, np.nan_to_num(numbers(frame[part])), 0.0)
        _bars(ax, below, height, color=STACKS[place % len(STACKS)])
        below = below + height
    if not parts:
        _bars(ax, below, np.where(known, frame["score"].to_numpy(float), 0.0), color=STACKS[1])


def _bars(ax: Axes, below: NDArray[np.float64], height: NDArray[np.float64], *, color: str) -> None:
    """Draw all bars of one part as a single path: an SVG of hundreds of subjects stays small."""
    tiles(
        ax, [(x, y, 0.78, h) for x, (y, h) in enumerate(zip(below, height, strict=True)) if h > 0], face=color
    )


def _bounds(ax: Axes, frame: pd.DataFrame) -> None:
    if not {"lower", "upper"} <= set(frame.columns):
        return
    lower, upper = numbers(frame["lower"]), numbers(frame["upper"])
    open_ones = ~np.isfinite(frame["score"].to_numpy(float)) & np.isfinite(upper)
    for x in (int(place) for place in np.flatnonzero(open_ones)):
        ax.plot([x, x], [lower[x], upper[x]], color=AXIS, linewidth=1.2, linestyle=(0, (1.5, 1.5)))
        ax.text(
            x, upper[x] + 1, "?", ha="center", va="bottom", fontsize=7.5, color=MUTE, path_effects=halo(2)
        )


def _thresholds(ax: Axes, levels: Mapping[str, float], count: int) -> None:
    ax.set_xlim(-0.7, count - 0.3)
    ax.set_ylim(0, 104)
    for name, at in levels.items():
        ax.axhline(at, color=TEXT2, linewidth=0.9, linestyle=(0, (4, 2.5)), zorder=3)
        ax.annotate(
            f"{plain(name, 16)} \u2265 {at:g}", (1, at), xycoords=ax.get_yaxis_transform(), xytext=(4, 0),
            textcoords="offset points", va="center", fontsize=7.5, color=TEXT2, annotation_clip=False,
            parse_math=False,
        )  # fmt: skip


def _subjects(ax: Axes, frame: pd.DataFrame) -> None:
    width = float(ax.figure.get_figure(root=True).get_size_inches()[0]) * 0.85
    if len(frame) * 0.135 > width:  # names would touch
        ax.set_xticks([])
        axis_labels(ax, f"{len(frame)} subjects, best score first")
        return
    longest = max((len(str(name)) for name in frame["subject"]), default=0)
    turned = longest * 0.075 * len(frame) > width
    set_ticks(
        ax.xaxis, range(len(frame)), [plain(s, 14) for s in frame["subject"]], rotation=90 if turned else 0
    )
    ax.tick_params(axis="x", length=0)


def _keys(ax: Axes, parts: Sequence[str]) -> None:
    from matplotlib.patches import Patch

    if parts:
        words = [plain(part.replace("_", " "), 22) for part in parts]
        handles = [Patch(facecolor=STACKS[i % len(STACKS)]) for i in range(len(parts))]
        ax.legend(
            handles, words, loc="lower left", ncols=len(parts),
            bbox_to_anchor=(0, 1.0), fontsize=7.5, frameon=False, handlelength=0.9, columnspacing=1.2,
            handletextpad=0.4, borderaxespad=0.2, borderpad=0,
        )  # fmt: skip


def response_relation(
    link: Any,
    feature: str,
    *,
    change: Any,
    response: Any,
    arms: pd.Series | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the change of a feature beside the response score, responders filled, others open.

    Always titled an association: what goes with benefit need not cause it.

    Parameters
    ----------
    link : LinkTable, DataFrame or None
        Its row of the feature (scope ``across``) gives visits and the numbers under the title.
    feature : str
    change : Change or DataFrame
    response : DataFrame
        subject, visit, score, responder.
    arms : Series, optional
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    record = _link_row(link, feature)
    rows = rows_for(_changes(change, arms), feature)
    rows = _at_visit(rows, record.get("visit"))
    scores = _at_visit(frame_of(response), record.get("response_visit"))
    both = rows[["subject", "visit", "change", *(["scale"] if "scale" in rows.columns else [])]].merge(
        scores[["subject", "score", "responder"]], on="subject", how="inner", validate="many_to_one"
    )
    both = joined(both.assign(change=numbers(both["change"]), score=numbers(both["score"])), arms)
    both = both[np.isfinite(both["change"]) & np.isfinite(both["score"])]
    with styled():
        ax = ax or new_axes(WIDE, 3.4)
        dress(ax)
        open_frame(ax)
        ax.grid(visible=True, axis="y", color=GRID, linewidth=0.6)
        _points(ax, both, arms)
        scale = str(both["scale"].iloc[0]) if "scale" in both.columns and len(both) else "change"
        axis_labels(
            ax, f"change of {name_of(feature)} ({scale.replace('_', ' ')})", "response score (points)"
        )
        title(ax, f"Association, not causal (n = {len(both)})", pad=30)
        _relation_line(ax, record)
        stamp_dummy(ax.figure, arms)  # type: ignore[arg-type]
    return keep(ax, both)


def _link_row(link: Any, feature: str) -> dict[Any, Any]:
    if link is None:
        return {}
    frame = frame_of(link)
    rows = frame[frame["feature"] == feature]
    if "scope" in rows.columns:
        rows = rows[rows["scope"].isin(["across"])] if (rows["scope"] == "across").any() else rows
    found: dict[Any, Any] = rows.iloc[0].to_dict() if len(rows) else {}
    return found


def _at_visit(frame: pd.DataFrame, visit: Any) -> pd.DataFrame:
    """Give the rows of one visit, the last one in the table's order if none is named."""
    if "visit" not in frame.columns or not len(frame):
        return frame
    chosen = (
        visit if isinstance(visit, str) and (frame["visit"] == visit).any() else order_of(frame["visit"])[-1]
    )
    return frame[frame["visit"] == chosen]


def _points(ax: Axes, both: pd.DataFrame, arms: pd.Series | None) -> None:
    handles, words = [], []
    for look in looks_of(arms).values():
        for responded in (True, False):
            own = both[
                (both["arm"] == look.arm)
                & (both["responder"].astype("boolean").fillna(value=False) == responded)
            ]
            face = look.color if responded else "white"
            (dots,) = ax.plot(
                own["change"], own["score"], linestyle="", marker=look.marker, markersize=5,
                markerfacecolor=face, markeredgecolor=look.color, markeredgewidth=0.9,
            )  # fmt: skip
            if arms is not None and not is_dummy(arms):
                name_on_hover(dots, f"{look.arm}: {', '.join(map(str, own['subject']))}")
            handles.append(dots)
            who = "responder" if responded else "no response"
            words.append(plain(f"{look.arm}, {who}" if look.arm else who, 34))
    ax.axvline(0, color=AXIS, linewidth=0.8, zorder=1)
    ax.legend(
        handles, words, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, fontsize=7.5, frameon=False,
        handletextpad=0.2, columnspacing=1.0, borderaxespad=0.1, borderpad=0,
    )  # fmt: skip


def _relation_line(ax: Axes, record: Mapping[Any, Any]) -> None:
    """Write the row of the link between title and marks."""
    values = [float(record.get(name, math.nan)) for name in ("estimate", "lower", "upper")]
    if not math.isfinite(values[0]):
        return
    measure = str(record.get("measure", "estimate")).replace("_", " ")
    q = record.get("q", math.nan)
    words = f"{measure}, responders against others: {interval_text(*values)}"
    if isinstance(q, float) and math.isfinite(q):
        words += f", q {p_text(q)}"
    ax.annotate(
        plain(words), (0, 1), xycoords="axes fraction", xytext=(0, 17), textcoords="offset points",
        va="bottom", fontsize=7.5, color=MUTE, annotation_clip=False, parse_math=False,
    )  # fmt: skip
