"""Gates over the density of the events that they divide, with the doubt of each cut."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.core import look_up
from immunoprofile.plot._density import draw_density, draw_filled
from immunoprofile.plot._style import (
    FULL,
    GATE,
    LEVELS,
    MUTE,
    PALETTE,
    TEXT,
    axis_labels,
    dress,
    frame_all,
    halo,
    new_axes,
    new_figure,
    plain,
    styled,
    text_width,
    title,
)
from immunoprofile.plot._tables import keep

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_POWER = re.compile(r"\$-?10\^\{?\d+\}?\$")
"""Tick labels that are set as a power of ten; any other text is drawn as it is."""
_LINE = 10.5
"""Points between two lines of numbers above a frame."""
_LEFT, _RIGHT, _HEAD, _FOOT, _BOTTOM = 0.52, 0.08, 0.27, 0.44, 0.14
"""Inches around the box of a gate: labels of y, air, title, labels of x; below all a strip for a stamp."""
_WIDEST = 3.0
_TOP = 0.87
"""Share of the height that lines of a histogram take: the words above them stay clear."""
_SHOWN = 4
"""Most populations with a line of their own."""


def gates(gated: Any, *, columns: int = 5, cmap: str = "ip_ink") -> Figure:
    """Draw every gate of a gated sample over its parent's events, in the order of the tree.

    Parameters
    ----------
    gated : GatedSample, or sequence of drawn gates
    columns : int
        Pictures in a row.
    cmap : str
        ``ip_ink``, or any of Matplotlib's; ``turbo`` gives the familiar pseudocolor.

    Returns
    -------
    Figure
    """
    drawn = tuple(gated.drawn_gates()) if hasattr(gated, "drawn_gates") else tuple(gated)
    across = max(1, min(columns, len(drawn)))
    rows = [drawn[start : start + across] for start in range(0, len(drawn), across)]
    heads = [_HEAD + _LINE / 72 * max(_lines_above(one) for one in row) for row in rows]
    side = min(FULL / columns, _WIDEST)
    box = side - _LEFT - _RIGHT
    width, height = side * across, sum(heads) + len(rows) * (box + _FOOT) + _BOTTOM
    with styled():
        figure = new_figure(width, max(height, 1.0))
        figure.set_layout_engine("none")  # every box of one size, whatever stands around it
        top = height
        for row, head in zip(rows, heads, strict=True):
            top -= head + box
            for place, one in enumerate(row):
                at = ((place * side + _LEFT) / width, top / height, box / width, box / height)
                gate(one, ax=figure.add_axes(at), cmap=cmap)
            top -= _FOOT
    return figure


def gate(gated: Any, gate_id: str | None = None, *, ax: Axes | None = None, cmap: str = "ip_ink") -> Axes:
    """Draw one gate.

    Parameters
    ----------
    gated : GatedSample, or one drawn gate
    gate_id : str, optional
        Which gate of a gated sample.
    ax : Axes, optional
    cmap : str
        See :func:`gates`.

    Returns
    -------
    Axes

    Raises
    ------
    UnknownNameError
        ``unknown_name`` for a gate that the strategy does not have.
    """
    drawn = _pick(gated, gate_id)
    with styled():
        ax = ax or new_axes(2.9, 3.0)
        dress(ax)
        frame_all(ax)
        ax.set_box_aspect(1)
        if drawn.kind == "none":
            _nothing(ax, drawn)
        else:
            _picture(ax, drawn, cmap)
        _head(ax, drawn)
    return keep(ax, _table(drawn))


def _pick(gated: Any, gate_id: str | None) -> Any:
    if not hasattr(gated, "drawn_gates"):
        return gated
    known = {one.gate_id: one for one in gated.drawn_gates()}
    return known[look_up(gate_id or "", known, what="gate")]


def _picture(ax: Axes, drawn: Any, cmap: str) -> None:
    if drawn.kind == "1d":
        draw_filled(ax, drawn.values[:, 0], limits=drawn.limits[0])
        _window(ax, drawn)
        write_depth(ax, drawn)
    else:
        draw_density(ax, drawn.values[:, 0], drawn.values[:, 1], limits=tuple(drawn.limits[:2]), cmap=cmap)
    _ticks(ax, drawn)
    if drawn.vertices is not None:
        draw_region(ax, drawn.vertices)
    _stretches(ax, drawn)
    if len(drawn.cuts) == 2 and drawn.kind == "2d":
        draw_cross(ax, drawn)
    else:
        for axis, at, se in drawn.cuts:
            cut_line(ax, axis, at, se=se, top=_TOP if drawn.kind == "1d" else 1.0)
    names = [plain(name, 30) for name in drawn.dimensions]
    axis_labels(ax, names[0], names[1] if drawn.kind == "2d" else None)


def _nothing(ax: Axes, drawn: Any) -> None:
    ax.set_xticks([])
    ax.set_yticks([])
    words = plain(drawn.message or "not gated").replace(": ", ":\n", 1)
    ax.text(
        0.5, 0.5, words, transform=ax.transAxes, ha="center", va="center", color=MUTE, fontsize=8,
        parse_math=False, wrap=True,
    )  # fmt: skip
    axis_labels(ax, ", ".join(drawn.dimensions))


# --- words above the frame ---------------------------------------------------------------------------------


def _notes(drawn: Any) -> list[str]:
    """Words of warning that stand above a picture: why it is open, or its flags; two lines at most."""
    if drawn.kind == "none":
        return []
    parts = str(drawn.message or ", ".join(drawn.flags)).split(", ")
    more = f" and {len(parts) - 2} more" if len(parts) > 2 else ""
    return [part + (more if place else "") for place, part in enumerate(parts[:2]) if part]


def _lines_above(drawn: Any) -> int:
    return max(1, min(len(drawn.populations), _SHOWN)) + len(_notes(drawn))


def _head(ax: Axes, drawn: Any) -> None:
    """Write title, percent and counts between title and frame: numbers never lie over the population."""
    dim = drawn.kind == "none"
    notes = _notes(drawn)
    # the frame's width and a little: the words of the last gate of a row end with the figure
    figure = ax.figure.get_figure(root=True)
    room = 72 * (float(ax.get_position(original=True).width * figure.get_size_inches()[0]) + _RIGHT)
    shown = [] if dim else list(drawn.populations[:_SHOWN])
    lines = len(shown) + len(notes)
    only = len(drawn.populations) == 1
    # several populations have no one name: the markers that part them are one
    words = str(drawn.populations[0][0] if only else _markers(drawn)).replace("_", " ")
    title(ax, f"{drawn.number}. {plain(words, 26)}", dim=dim, pad=5 + _LINE * lines)
    for place, note in enumerate(reversed(notes)):
        _line(ax, place, [(_fitting(f"! {plain(note)}", room), LEVELS["warning"]["ink"], "normal")])
    for place, (name, percent, count, total) in enumerate(reversed(shown), start=len(notes)):
        share = f"{_percent(percent)} %" if math.isfinite(percent) else "\u2013"
        if len(shown) == 1:
            rest = f"{count:,} of {total:,}" if total or count else plain(name, 24)
        else:
            taken = 5 + text_width(share, 7.5, bold=True)
            rest = _fitting(f"{count:,} {plain(name)}", room - taken)
        _line(ax, place, [(share, GATE, "bold"), (rest, MUTE, "normal")])


def _markers(drawn: Any) -> str:
    names = [str(name).partition(" \u00b7 ")[0] for name in drawn.dimensions]
    return " \u00d7 ".join(filter(None, names)) or str(drawn.gate_id)


def _line(ax: Axes, place: int, parts: list[tuple[str, str, str]]) -> None:
    """Write one line above the frame, its parts one after the other."""
    anchor: Any = ax.transAxes
    at, offset = (0.0, 1.0), (0.0, 3.0 + _LINE * place)
    for text, ink, weight in parts:
        anchor = ax.annotate(
            text, at, xycoords=anchor, xytext=offset, textcoords="offset points", color=ink, fontsize=7.5,
            fontweight=weight, va="bottom", annotation_clip=False, parse_math=False,
        )  # fmt: skip
        at, offset = (1.0, 0.0), (4.0, 0.0)


def _fitting(text: str, room: float) -> str:
    """Cut a text by an ellipsis where it is wider than `room` points."""
    if text_width(text, 7.5) <= room:
        return text
    while text and text_width(text + "\u2026", 7.5) > room:
        text = text[:-1]
    return text.rstrip() + "\u2026"


def _percent(value: float) -> str:
    if value == 0:
        return "0"
    decimals = 1 if value >= 10 else 2 if value >= 0.1 else 3
    return f"{value:.{decimals}f}"


# --- lines of the gate -------------------------------------------------------------------------------------


def cut_line(ax: Axes, axis: int, at: float, *, se: float = math.nan, top: float = 1.0) -> None:
    """Draw a cut over the whole frame with its band of one standard error."""
    if not math.isfinite(at):
        return
    line, band = (ax.axvline, ax.axvspan) if axis == 0 else (ax.axhline, ax.axhspan)
    if math.isfinite(se) and se > 0:
        band(at - se, at + se, 0, top, color=GATE, alpha=PALETTE["gate"]["band_alpha"], linewidth=0, zorder=3)
    line(at, 0, top, color=GATE, linewidth=1.4, path_effects=halo(), zorder=4)


def draw_cross(ax: Axes, drawn: Any) -> None:
    """Draw two crossing cuts: arms that bound a chosen quadrant solid, the rest dashed and veiled."""
    (x_axis, x, x_se), (_, y, y_se) = drawn.cuts
    if x_axis == 1:
        x, x_se, y, y_se = y, y_se, x, x_se
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    chosen = set(drawn.quadrants) or {"++", "+-", "-+", "--"}
    for quadrant in sorted({"++", "+-", "-+", "--"} - chosen):
        xs = (x, right) if quadrant[0] == "+" else (left, x)
        ys = (y, high) if quadrant[1] == "+" else (low, y)
        _veil(ax, xs, ys)
    alpha = PALETTE["gate"]["band_alpha"]
    if math.isfinite(x_se) and x_se > 0:
        ax.axvspan(x - x_se, x + x_se, color=GATE, alpha=alpha, linewidth=0, zorder=3)
    if math.isfinite(y_se) and y_se > 0:
        ax.axhspan(y - y_se, y + y_se, color=GATE, alpha=alpha, linewidth=0, zorder=3)
    arms = {
        ("-+", "++"): ([x, x], [y, high]),
        ("--", "+-"): ([x, x], [low, y]),
        ("--", "-+"): ([left, x], [y, y]),
        ("+-", "++"): ([x, right], [y, y]),
    }
    for beside, (xs_, ys_) in arms.items():
        solid = bool(chosen.intersection(beside))
        ax.plot(
            xs_, ys_, color=GATE, linewidth=1.4 if solid else 1.0, linestyle="-" if solid else (0, (3, 2.2)),
            path_effects=halo() if solid else None, zorder=4, scalex=False, scaley=False,
        )  # fmt: skip


def _veil(ax: Axes, xs: tuple[float, float], ys: tuple[float, float]) -> None:
    from matplotlib.patches import Rectangle

    color, alpha = PALETTE["gate"]["outside_veil"], PALETTE["gate"]["outside_veil_alpha"]
    corner, width, height = (xs[0], ys[0]), xs[1] - xs[0], ys[1] - ys[0]
    ax.add_patch(Rectangle(corner, width, height, facecolor=color, alpha=alpha, linewidth=0, zorder=2))


def draw_region(ax: Axes, vertices: Any) -> None:
    from matplotlib.patches import Polygon

    ax.add_patch(
        Polygon(
            np.asarray(vertices), closed=True, fill=False, edgecolor=GATE, linewidth=1.4,
            path_effects=halo(), zorder=4, joinstyle="round",
        )
    )  # fmt: skip


def _stretches(ax: Axes, drawn: Any) -> None:
    """Draw kept stretches of an axis: their edges as lines, what lies outside veiled."""
    for axis in sorted({axis for axis, _, _ in drawn.intervals}):
        low, high = ax.get_xlim() if axis == 0 else ax.get_ylim()
        kept = sorted((a, b) for ax_, a, b in drawn.intervals if ax_ == axis)
        edges = [low] + [edge for pair in kept for edge in pair] + [high]
        for start, stop in zip(edges[::2], edges[1::2], strict=True):
            start, stop = max(start, low), min(stop, high)  # noqa: PLW2901 - open ends stop at the frame
            if stop > start:
                other = ax.get_ylim() if axis == 0 else ax.get_xlim()
                _veil(ax, *((start, stop), other) if axis == 0 else (other, (start, stop)))
        for edge in edges[1:-1]:
            if low < edge < high:
                cut_line(ax, axis, edge)


def _window(ax: Axes, drawn: Any) -> None:
    """Draw the declared window of a cut as a thin bar at the bottom."""
    if drawn.window is None:
        return
    low, high = ax.get_xlim()
    start, stop = max(drawn.window[0], low), min(drawn.window[1], high)
    if stop > start:
        ax.plot(
            [start, stop], [0.022, 0.022], color=MUTE, linewidth=2.4, solid_capstyle="butt", zorder=5,
            transform=ax.get_xaxis_transform(), scalex=False, scaley=False,
        )  # fmt: skip


def write_depth(ax: Axes, drawn: Any) -> None:
    """Write the depth of the valley into the upper corner away from the cut."""
    cuts = [at for axis, at, _ in drawn.cuts if axis == 0 and math.isfinite(at)]
    if not math.isfinite(drawn.depth):
        return
    low, high = ax.get_xlim()
    right = bool(cuts) and (cuts[0] - low) / (high - low) < 0.5
    place, side = (0.97, "right") if right or not cuts else (0.03, "left")
    ax.text(
        place, 0.965, f"valley depth {drawn.depth:.2f}", transform=ax.transAxes, ha=side, va="top",
        fontsize=7.5, color=TEXT, zorder=6,
    )  # fmt: skip


def _ticks(ax: Axes, drawn: Any) -> None:
    """Set the ticks that the transform gives; only powers of ten are set as mathematics."""
    for axis, ticks in zip((ax.xaxis, ax.yaxis), drawn.ticks, strict=False):
        low, high = axis.get_view_interval()
        inside = [tick for tick in ticks if low <= tick[0] <= high]
        major = [tick for tick in inside if tick[2]]
        labels = [str(text) if _POWER.fullmatch(str(text)) else plain(text, 12) for _, text, _ in major]
        axis.set_ticks([tick[0] for tick in major], labels, fontsize=7.5)
        axis.set_ticks([tick[0] for tick in inside if not tick[2]], minor=True)
        for tick, text in zip(axis.get_major_ticks(), labels, strict=False):
            math_text = bool(_POWER.fullmatch(text))
            tick.label1.set_parse_math(math_text)
        if not ticks:
            axis.set_ticks([])


def _table(drawn: Any) -> Any:
    import pandas as pd

    cut = "; ".join(f"{at:.6g}" for _, at, _ in drawn.cuts)
    error = "; ".join(f"{se:.3g}" for _, _, se in drawn.cuts)
    rows = [
        (
            drawn.gate_id,
            drawn.parent,
            name,
            percent,
            count,
            total,
            cut,
            error,
            drawn.method,
            ";".join(drawn.flags),
        )
        for name, percent, count, total in drawn.populations
    ]
    columns = [
        "gate",
        "parent",
        "population",
        "percent",
        "count",
        "parent_count",
        "cut",
        "se",
        "method",
        "flags",
    ]
    return pd.DataFrame(rows, columns=columns)
