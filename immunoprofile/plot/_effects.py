"""Effects with their intervals, a row a question, the numbers beside them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.core import choose, split_flags
from immunoprofile.plot._course import ratio_axis
from immunoprofile.plot._style import (
    AXIS,
    FULL,
    MUTE,
    SOFT,
    TEXT,
    TEXT2,
    axis_labels,
    dress,
    new_axes,
    open_frame,
    plain,
    stamp,
    styled,
    text_width,
    title,
)
from immunoprofile.plot._tables import (
    frame_of,
    interval_text,
    keep,
    name_of,
    need,
    order_of,
    p_text,
    rows_for,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from matplotlib.axes import Axes

MARKS = {"held": "o", "anchored": "D", "per_sample": "^", "deconvolved": "s"}
"""One marker a rule of gating."""
FINE = ("", "ok", "converged", "estimated", "fitted", "fallback")
"""Status of a row that has an estimate."""
_OTHER = "GATE_SENSITIVE"
_INDENT = "\u00a0" * 5
"""Spaces that a browser does not drop at the start of a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a forest: a heading (no numbers) or an effect.

    Attributes
    ----------
    label : str
    numbers : tuple of float
        Estimate, lower, upper, gate_lower, gate_upper.
    rule : str
    q : float
    words : str
        Why there is no estimate.
    inset : bool
        Another rule, under the row it goes with.
    heading : bool
    """

    label: str
    numbers: tuple[float, float, float, float, float] = (math.nan,) * 5
    rule: str = "held"
    q: float = math.nan
    words: str = ""
    inset: bool = False
    heading: bool = False


def forest(
    effects: Any,
    *,
    others: str = "disagree",
    visit: str | None = None,
    names: Mapping[str, str] | None = None,
    ends: tuple[str, str] = ("lower", "higher on active"),
    ax: Axes | None = None,
) -> Axes:
    """Draw effects with their intervals, in the order given, grouped by family, with the numbers beside them.

    A filled marker has an interval that excludes the null. The thin line is the interval with the doubt of
    the cuts in it. Rows without an estimate keep their place, with the reason in words.

    Parameters
    ----------
    effects : EffectTable, LinkTable or DataFrame
    others : str
        Rows of other rules than held: ``disagree`` (where the held row is flagged GATE_SENSITIVE), ``all``,
        ``none``.
    visit : str, optional
        One visit alone.
    names : mapping of str to str, optional
        Feature to the name that people read.
    ends : tuple of str
        What lies left and right of the null.
    ax : Axes, optional
        It gives up its right part to the columns of numbers.

    Returns
    -------
    Axes
    """
    choose(others, ("disagree", "all", "none"), what="others")
    frame = frame_of(effects)
    need(frame, "feature", "estimate", "lower", "upper")
    if visit is not None and "visit" in frame.columns:
        frame = frame[frame["visit"] == visit]
    ratio = _is_ratio(frame)
    rows = _grouped(frame, others, names, ratio=ratio)
    return _draw(rows, frame, ends=ends, ratio=ratio, ax=ax)


def rules(
    effects: Any,
    feature: str,
    *,
    names: Mapping[str, str] | None = None,
    ends: tuple[str, str] = ("lower", "higher on active"),
    ax: Axes | None = None,
) -> Axes:
    """Draw one effect under every rule of gating, to see whether it holds wherever the cut lies.

    Parameters
    ----------
    effects : EffectTable or DataFrame
    feature : str
    names : mapping of str to str, optional
    ends : tuple of str
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    frame = rows_for(frame_of(effects), feature, rule=None)
    need(frame, "estimate", "lower", "upper", "rule")
    ratio = _is_ratio(frame)
    visits = order_of(frame["visit"]) if "visit" in frame.columns else []
    rows: list[Row] = []
    for visit in visits or [""]:
        own = frame[frame["visit"] == visit] if visit else frame
        if len(visits) > 1:
            rows.append(Row(label=visit, heading=True))
        for record in own.to_dict("records"):
            rule = _text(record, "rule") or "held"
            rows.append(_row(record, rule.replace("_", " "), ratio=ratio))
    ax = _draw(rows, frame, ends=ends, ratio=ratio, ax=ax)
    with styled():
        title(ax, f"{name_of(feature, names)}: by rule", pad=20)
    return ax


def _is_ratio(frame: pd.DataFrame) -> bool:
    return {"ratio", "ratio_lower", "ratio_upper"} <= set(frame.columns) and bool(
        frame["ratio"].notna().any()
    )


def _text(record: Mapping[Any, Any], column: str) -> str:
    value = record.get(column)
    return value if isinstance(value, str) else ""


def _number(record: Mapping[Any, Any], column: str) -> float:
    value = record.get(column)
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):  # a missing value of a nullable column
        return math.nan


def _grouped(frame: pd.DataFrame, others: str, names: Mapping[str, str] | None, *, ratio: bool) -> list[Row]:
    """Order the rows: families as they come; in each the held rows, under them other rules if asked for."""
    records = frame.to_dict("records")
    families = list(dict.fromkeys(_text(record, "family") for record in records))
    visits = {_text(record, "visit") for record in records}
    rows: list[Row] = []
    for family in families:
        own = [record for record in records if _text(record, "family") == family]
        if len(families) > 1:
            rows.append(Row(label=family.replace("_", " ") or "no family", heading=True))
        for record in own:
            if _text(record, "rule") in ("", "held"):
                rows.append(_row(record, _label(record, names, visits), ratio=ratio))
                rows += [_row(o, "", ratio=ratio) for o in _beside(record, own, others)]
    return rows


def _beside(
    record: Mapping[Any, Any], own: Sequence[Mapping[Any, Any]], others: str
) -> list[Mapping[Any, Any]]:
    if others == "none" or (others == "disagree" and _OTHER not in split_flags(_text(record, "flags"))):
        return []
    keys = ("feature", "visit", "contrast", "scope")
    return [
        other for other in own
        if _text(other, "rule") not in ("", "held") and all(_text(other, k) == _text(record, k) for k in keys)
    ]  # fmt: skip


def _label(record: Mapping[Any, Any], names: Mapping[str, str] | None, visits: set[str]) -> str:
    parts = [name_of(str(record["feature"]), names)]
    if len(visits) > 1 and _text(record, "visit"):
        parts.append(_text(record, "visit"))
    if _text(record, "scope"):
        parts.append(_text(record, "scope").replace("_", " "))
    return ", ".join(parts)


def _row(record: Mapping[Any, Any], label: str, *, ratio: bool) -> Row:
    columns = ("ratio", "ratio_lower", "ratio_upper") if ratio else ("estimate", "lower", "upper")
    values = [_number(record, column) for column in columns]
    gate = [_number(record, column) for column in ("gate_lower", "gate_upper")]
    if ratio:
        gate = [math.exp(value) if math.isfinite(value) else math.nan for value in gate]
    rule = _text(record, "rule") or "held"
    words = ""
    if not math.isfinite(values[0]):
        status = _text(record, "status")
        words = "other scale" if status.casefold() in FINE else status.replace("_", " ")
    return Row(
        label=label or rule.replace("_", " "), numbers=(values[0], values[1], values[2], gate[0], gate[1]),
        rule=rule, q=_number(record, "q"), words=words, inset=not label,
    )  # fmt: skip


# --- drawing -----------------------------------------------------------------------------------------------


def _draw(
    rows: Sequence[Row], frame: pd.DataFrame, *, ends: tuple[str, str], ratio: bool, ax: Axes | None
) -> Axes:
    with styled():
        ax = ax or new_axes(FULL * 0.72, max(1.3, 0.24 * len(rows) + 0.85))
        dress(ax)
        right = _columns_axes(ax)
        open_frame(ax, left=False)
        null = 1.0 if ratio else 0.0
        _limits(ax, rows, ratio=ratio)
        for place, row in enumerate(rows):
            y = len(rows) - 1 - place
            if place % 2 == 0:
                for one in (ax, right):
                    one.axhspan(y - 0.5, y + 0.5, color=SOFT, linewidth=0, zorder=0)
            _marks(ax, row, y, null=null)
            _numbers(right, row, y)
        ax.axvline(null, color=MUTE, linewidth=0.9, zorder=1)
        _row_labels(ax, rows)
        _heads(ax, right, ends=ends, ratio=ratio)
        if "flags" in frame.columns and any("post_hoc" in str(flags) for flags in frame["flags"].dropna()):
            stamp(ax.figure, "POST HOC")  # type: ignore[arg-type]
    return keep(ax, frame)


def _columns_axes(ax: Axes) -> Axes:
    """Give the Axes of the numbers, right of the marks, sharing y with them."""
    spec = ax.get_subplotspec()
    if spec is None:
        right = ax.inset_axes((1.02, 0, 0.55, 1), sharey=ax)
    else:
        width = float(ax.figure.get_size_inches()[0]) * (spec.get_position(ax.figure).width or 1)  # type: ignore[arg-type,union-attr]
        grid = spec.subgridspec(1, 2, width_ratios=[max(width - 1.85 - 1.5, 1), 1.85], wspace=0.01)
        ax.set_subplotspec(grid[0])
        right = ax.figure.add_subplot(grid[1], sharey=ax)
    right.set_xlim(0, 1)
    right.tick_params(left=False, labelleft=False, bottom=False, labelbottom=False)
    for spine in right.spines.values():
        spine.set_visible(False)
    return right


def _limits(ax: Axes, rows: Sequence[Row], *, ratio: bool) -> None:
    bounds = np.array([value for row in rows for value in row.numbers if math.isfinite(value)])
    if ratio:
        bounds = np.append(bounds[bounds > 0], [0.9, 1.1])
        ratio_axis(ax.xaxis, float(bounds.min()), float(bounds.max()))
    else:
        bounds = np.append(bounds, 0.0)
        room = 0.06 * (float(np.ptp(bounds)) or 1)
        ax.set_xlim(float(bounds.min()) - room, float(bounds.max()) + room)
    ax.set_ylim(-0.5, max(len(rows), 1) - 0.5)


def _marks(ax: Axes, row: Row, y: int, *, null: float) -> None:
    middle, lower, upper, gate_lower, gate_upper = row.numbers
    if row.heading or not math.isfinite(middle):
        return
    ink = AXIS if row.inset else TEXT
    if math.isfinite(gate_lower) and math.isfinite(gate_upper):
        ax.hlines(y, gate_lower, gate_upper, color=AXIS, linewidth=0.7, zorder=2)
    clear = lower > null or upper < null
    ax.hlines(y, lower, upper, color=ink, linewidth=1.8 if not row.inset else 1.2, zorder=3)
    face = ink if clear else "white"
    ax.plot(
        [middle], [y], linestyle="", marker=MARKS.get(row.rule, "o"), color=ink, markerfacecolor=face,
        markeredgecolor=ink, markersize=5.2 if not row.inset else 4.4, zorder=4,
    )  # fmt: skip


def _numbers(right: Axes, row: Row, y: int) -> None:
    ink = MUTE if row.inset else TEXT2
    if row.heading:
        return
    if row.words:
        right.text(0.02, y, plain(row.words, 34), va="center", fontsize=7.5, color=MUTE, parse_math=False)
        return
    right.text(0.02, y, interval_text(*row.numbers[:3]), va="center", fontsize=7.5, color=ink)
    if math.isfinite(row.q):
        right.text(0.98, y, p_text(row.q), va="center", ha="right", fontsize=7.5, color=ink)


def _row_labels(ax: Axes, rows: Sequence[Row]) -> None:
    """Write the rows' names left of the frame, all from one edge, other rules indented."""
    at = [len(rows) - 1 - place for place in range(len(rows))]
    shown = [(_INDENT if row.inset else "") + plain(row.label, 46) for row in rows]
    longest = max((len(text) for text in shown), default=0)
    ax.set_yticks(at, shown, parse_math=False)
    ax.tick_params(axis="y", length=0, pad=4)
    for label, row in zip(ax.get_yticklabels(), rows, strict=True):
        label.set_color(MUTE if row.inset or row.heading else TEXT)
        label.set_fontweight("bold" if row.heading else "normal")
        label.set_fontsize(7.5 if row.inset or row.heading else 8)
        label.set_horizontalalignment("left")
    _from_one_edge(ax, longest)


def _from_one_edge(ax: Axes, longest: int) -> None:
    """Move left-aligned names clear of the frame: the pad is the widest name's width."""
    labels = ax.get_yticklabels()
    widths = [
        text_width(one.get_text(), float(one.get_fontsize()), bold=one.get_fontweight() == "bold")
        for one in labels
    ]
    ax.tick_params(axis="y", pad=4 + max(widths, default=4.2 * longest))


def _heads(ax: Axes, right: Axes, *, ends: tuple[str, str], ratio: bool) -> None:
    axis_labels(ax, "ratio" if ratio else "difference")
    style: dict[str, Any] = {"fontsize": 7.5, "color": MUTE, "textcoords": "offset points", "va": "bottom"}
    null = (1.0 if ratio else 0.0, 1.0)
    for text, offset, side in ((f"\u2190 {ends[0]}", -5, "right"), (f"{ends[1]} \u2192", 5, "left")):
        ax.annotate(
            plain(text, 30), null, xycoords=ax.get_xaxis_transform(), xytext=(offset, 3), ha=side,
            annotation_clip=False, parse_math=False, **style,
        )  # fmt: skip
    style |= {"color": TEXT2, "fontweight": "bold"}
    head = "ratio [95 % CI]" if ratio else "estimate [95 % CI]"
    right.annotate(head, (0.02, 1), xycoords="axes fraction", xytext=(0, 3), ha="left", **style)
    right.annotate("q", (0.98, 1), xycoords="axes fraction", xytext=(0, 3), ha="right", **style)
