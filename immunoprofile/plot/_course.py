"""Courses over time: every subject as a thin line, the mean as a bold one, change with its interval."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.core import split_flags
from immunoprofile.plot._arms import Look, is_dummy, joined, looks_of, stamp_dummy
from immunoprofile.plot._style import (
    FULL,
    GRID,
    MUTE,
    TEXT,
    WIDE,
    axis_labels,
    dress,
    new_axes,
    new_figure,
    open_frame,
    plain,
    set_ticks,
    styled,
    title,
)
from immunoprofile.plot._svg import name_on_hover
from immunoprofile.plot._tables import frame_of, keep, name_of, need, number_text, numbers, order_of, rows_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEVEL = 0.95
_STEPS = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)


def spaghetti(
    profile: Any,
    feature: str,
    arms: pd.Series | None = None,
    *,
    change: Any = None,
    times: Mapping[str, float] | None = None,
    unit: str = "",
) -> Figure:
    """Draw the course of a feature: a panel an arm, a thin line a subject, the geometric mean in bold.

    Parameters
    ----------
    profile : ImmuneProfile or DataFrame
        Rows with subject, visit, value and either feature or population, statistic, marker, denominator.
    feature : str
    arms : Series, optional
        Subject to arm; without it all subjects stand in one panel.
    change : Change or DataFrame, optional
        Adds a panel of change from baseline with its interval, see :func:`arm_means`.
    times : mapping of str to float, optional
        Time of each visit, to scale; without it visits stand at equal steps in the order of the table.
    unit : str
        Unit of `times`, for the axis.

    Returns
    -------
    Figure
    """
    frame = frame_of(profile)
    need(frame, "subject", "visit", "value")
    rows = joined(rows_for(frame, feature), arms)
    clock = _clock(rows["visit"], times)
    rows = rows.assign(
        time=[clock.get(str(v), math.nan) for v in rows["visit"]], value=numbers(rows["value"])
    )
    rows = rows[np.isfinite(rows["time"]) & np.isfinite(rows["value"])]
    looks = looks_of(arms)
    logarithmic = bool((rows["value"] > 0).all()) and "_count" not in feature
    with styled():
        panels = len(looks) + (change is not None)
        figure = new_figure(FULL if panels > 1 else WIDE, 3.0)
        grid = figure.subplots(
            1, panels, squeeze=False, width_ratios=[1] * len(looks) + [1.15] * (panels - len(looks))
        )[0]
        for ax, look in zip(grid, looks.values(), strict=False):
            _panel(
                ax,
                rows[rows["arm"] == look.arm],
                look,
                logarithmic=logarithmic,
                name=arms is not None and not is_dummy(arms),
            )
            _clock_axis(ax, clock, unit)
        _share_y(grid[: len(looks)], rows["value"], logarithmic=logarithmic)
        axis_labels(grid[0], y=name_of(feature))
        if change is not None:
            arm_means(change, feature, arms, times=clock, unit=unit, ax=grid[-1])
        stamp_dummy(figure, arms)
    return figure


def _panel(ax: Axes, rows: pd.DataFrame, look: Look, *, logarithmic: bool, name: bool) -> None:
    dress(ax)
    open_frame(ax)
    for subject, own in rows.groupby("subject", sort=True, observed=True):
        own = own.sort_values("time")  # noqa: PLW2901
        (line,) = ax.plot(own["time"], own["value"], color=look.color, alpha=0.22, linewidth=0.8, zorder=2)
        if name:
            course = ", ".join(
                f"{v} {number_text(x)}" for v, x in zip(own["visit"], own["value"], strict=True)
            )
            name_on_hover(line, f"{subject}: {course}")
    means = rows.groupby("time", sort=True)["value"].agg(_geometric if logarithmic else "mean")
    ax.plot(
        means.index, means, linestyle=look.line, linewidth=1.9, zorder=4, markersize=5.2, **look.marks
    )  # fmt: skip
    n = rows["subject"].nunique()
    title(ax, f"{look.arm or 'all subjects'}, n = {n}")
    table = rows[["subject", "visit", "time", "value"]].assign(arm=look.arm)
    keep(ax, table)


def _geometric(values: pd.Series) -> float:
    return float(np.exp(np.log(values).mean()))


def arm_means(
    change: Any,
    feature: str,
    arms: pd.Series | None = None,
    *,
    times: Mapping[str, float] | None = None,
    unit: str = "",
    leave_out: Sequence[str] = ("FEW_EVENTS",),
    ax: Axes | None = None,
) -> Axes:
    """Draw the mean change from baseline of each arm and visit, with its 95 % t interval and n.

    A log ratio is drawn as the geometric mean ratio to baseline, a logit as an odds ratio. These are plain
    means, adjusted for nothing; adjusted contrasts of arms are in the forest.

    Parameters
    ----------
    change : Change or DataFrame
        Rows with subject, visit, feature, scale, change, flags.
    feature : str
    arms : Series, optional
        Subject to arm.
    times : mapping of str to float, optional
        Time of each visit; a visit of `times` that the changes lack and that comes first is the baseline.
    unit : str
        Unit of `times`.
    leave_out : sequence of str
        Codes whose rows are not averaged, as in the analysis.
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    rows = joined(rows_for(_changes(change, arms), feature), arms)
    need(rows, "subject", "visit", "change")
    if "flags" in rows.columns and len(leave_out):
        flagged = [
            bool(set(split_flags(f if isinstance(f, str) else "")) & set(leave_out)) for f in rows["flags"]
        ]
        rows = rows[~np.array(flagged, dtype=bool)]
    scale = str(rows["scale"].iloc[0]) if "scale" in rows.columns and len(rows) else "difference"
    clock = dict(times) if times else _clock(rows["visit"], None)
    means = _means(rows.assign(change=numbers(rows["change"])), clock, ratio=scale in _WORDS)
    with styled():
        ax = ax or new_axes(WIDE, 3.0)
        drawn = _from_baseline(means, clock, null=1.0 if scale in _WORDS else 0.0)
        _draw_means(ax, drawn, looks=looks_of(arms), clock=clock)
        _means_axis(ax, means, ratio=scale in _WORDS)
        _clock_axis(ax, clock, unit, pad=11 * len(set(means["arm"])))
        title(ax, f"{_WORDS.get(scale, 'Change from baseline')}, mean and 95 % interval")
        axis_labels(ax, y=name_of(feature))
        stamp_dummy(ax.figure, arms)  # type: ignore[arg-type]
    return keep(ax, means)


_WORDS = {"log_ratio": "Ratio to baseline", "logit": "Odds ratio to baseline"}


def _changes(change: Any, arms: pd.Series | None) -> pd.DataFrame:
    """Give the rows of a change; a value that keeps them closed while blinded joins the arms itself."""
    if arms is not None and hasattr(change, "joined"):
        found: pd.DataFrame = change.joined(arms)
        return found.drop(columns=["arm"], errors="ignore")
    return frame_of(change)


def _means(rows: pd.DataFrame, clock: Mapping[str, float], *, ratio: bool) -> pd.DataFrame:
    import pandas as pd
    from scipy.special import stdtrit

    found = []
    back = np.exp if ratio else float
    for (arm, visit), own in rows.groupby(["arm", "visit"], sort=False, observed=True):
        values = own["change"].to_numpy(float)
        values = values[np.isfinite(values)]
        if not values.size or str(visit) not in clock:
            continue
        mean, half = float(values.mean()), math.nan
        if values.size > 1:
            half = float(
                stdtrit(values.size - 1, 0.5 + LEVEL / 2) * values.std(ddof=1) / math.sqrt(values.size)
            )
        bounds = [float(back(mean + side * half)) for side in (0, -1, 1)]
        if not math.isfinite(half):
            bounds[0] = float(back(mean))
        found.append((str(arm), str(visit), clock[str(visit)], int(values.size), *bounds))
    columns = ["arm", "visit", "time", "n", "mean", "lower", "upper"]
    return pd.DataFrame(found, columns=columns).sort_values(["arm", "time"], kind="stable")


def _from_baseline(means: pd.DataFrame, clock: Mapping[str, float], *, null: float) -> pd.DataFrame:
    """Let the courses start at the baseline visit, where there is no change by definition."""
    import pandas as pd

    first = min(clock, key=lambda visit: clock[visit], default="")
    if not len(means) or first in set(means["visit"]):
        return means
    start = pd.DataFrame({"arm": list(dict.fromkeys(means["arm"])), "visit": first, "time": clock[first]})
    return pd.concat([start.assign(n=0, mean=null, lower=null, upper=null), means], ignore_index=True)


def _draw_means(
    ax: Axes, means: pd.DataFrame, *, looks: Mapping[str, Look], clock: Mapping[str, float]
) -> None:
    dress(ax)
    open_frame(ax)
    low, high = min(clock.values(), default=0.0), max(clock.values(), default=1.0)
    span = (high - low) or 1.0
    shown = [look for look in looks.values() if look.arm in set(means["arm"])]
    for place, look in enumerate(shown):
        own = means[means["arm"] == look.arm]
        shift = (place - (len(shown) - 1) / 2) * 0.02 * span  # arms 1 % of the span to either side
        x = own["time"].to_numpy(float) + shift
        ax.vlines(x, own["lower"], own["upper"], color=look.color, linewidth=1.3, zorder=3)
        ax.plot(x, own["mean"], linestyle=look.line, zorder=4, **look.marks)
        for time, n in zip(own["time"], own["n"], strict=True):
            ax.annotate(
                f"{n or ''}", (time, 0), xycoords=ax.get_xaxis_transform(), xytext=(0, -17 - 10 * place),
                textcoords="offset points", ha="center", va="top", fontsize=7, color=look.color,
                annotation_clip=False,
            )  # fmt: skip
        if look.arm:
            _end_label(ax, look, (float(x[-1]), float(own["mean"].iloc[-1])))
        ax.annotate(
            "n", (0, 0), xycoords="axes fraction", xytext=(-9, -17 - 10 * place), textcoords="offset points",
            ha="right", va="top", fontsize=7, color=look.color, annotation_clip=False,
        )  # fmt: skip
    ax.set_xlim(low - 0.05 * span, high + (0.30 if any(look.arm for look in shown) else 0.05) * span)


def _end_label(ax: Axes, look: Look, at: tuple[float, float]) -> None:
    """Write the arm beside the end of its line, clear of the last interval."""
    ax.annotate(
        plain(look.arm, 16), at, xytext=(7, 0), textcoords="offset points",
        va="center", fontsize=8, fontweight="bold", color=look.color, parse_math=False,
    )  # fmt: skip


def _means_axis(ax: Axes, means: pd.DataFrame, *, ratio: bool) -> None:
    ax.grid(visible=True, axis="y", color=GRID, linewidth=0.6)
    ax.axhline(1 if ratio else 0, color=MUTE, linewidth=0.9, zorder=1)
    bounds = np.concatenate([means[c].to_numpy(float) for c in ("mean", "lower", "upper")])
    bounds = bounds[np.isfinite(bounds)]
    if ratio and bounds.size and (bounds > 0).all():
        ratio_axis(ax.yaxis, min(float(bounds.min()), 0.95), max(float(bounds.max()), 1.05))


def ratio_axis(axis: Any, low: float, high: float, *, most: int = 6) -> None:
    """Make an axis logarithmic with plain numbers at round ratios."""
    set_scale = axis.axes.set_xscale if axis.axis_name == "x" else axis.axes.set_yscale
    set_limits = axis.axes.set_xlim if axis.axis_name == "x" else axis.axes.set_ylim
    set_scale("log")
    room = (high / low) ** 0.06
    low, high = low / room, high * room
    set_limits(low, high)
    at = round_ratios(low, high, most=most)
    set_ticks(axis, at, [f"{value:g}" for value in at])


def round_ratios(low: float, high: float, *, most: int = 6) -> list[float]:
    """Give at most `most` + 1 round numbers between two positive bounds, 1 among them where it lies inside.

    Examples
    --------
    >>> round_ratios(0.7, 2.2)
    [0.8, 1.0, 1.25, 1.5, 2.0]
    """
    fine = [0.9, 0.95, 1.0, 1.05, 1.1, 1.2]
    sets = [
        sorted({*fine, 0.7, 0.8, 1.3, 1.4, 1.5}),
        [0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8, *_STEPS, 10.0],
        [s * 10.0**k for k in range(-4, 6) for s in (1, 2, 5)],
        [10.0**k for k in range(-9, 10)],
        [1000.0**k for k in range(-6, 7)],
    ]
    inside: list[float] = []
    for steps in sets:
        inside = [round(value, 10) for value in steps if low <= value <= high]
        if 3 <= len(inside) <= most + 1:
            return inside
    if len(inside) > most + 1:
        return inside
    for steps in sets[1:3]:
        some = [round(value, 10) for value in steps if low <= value <= high]
        if 2 <= len(some) <= most + 4:
            return some[:: max(1, math.ceil(len(some) / (most + 1)))]
    return [float(f"{value:.2g}") for value in np.geomspace(low, high, 5)[1:4]]


def _share_y(axes: Sequence[Axes], values: pd.Series, *, logarithmic: bool) -> None:
    if not len(values):
        return
    low, high = float(values.min()), float(values.max())
    for ax in axes:
        ax.grid(visible=True, axis="y", color=GRID, linewidth=0.6)
        if logarithmic:
            ratio_axis(ax.yaxis, low / 1.03, high * 1.03)
        else:
            room = 0.05 * ((high - low) or 1)
            ax.set_ylim(low - room, high + room)


def _clock(visits: pd.Series, times: Mapping[str, float] | None) -> dict[str, float]:
    """Give the place of each visit in time; equal steps where nothing is said of time."""
    if times:
        return {str(visit): float(at) for visit, at in times.items()}
    return {visit: float(place) for place, visit in enumerate(order_of(visits))}


def _clock_axis(ax: Axes, clock: Mapping[str, float], unit: str, *, pad: float = 0) -> None:
    set_ticks(ax.xaxis, list(clock.values()), list(clock))
    ax.set_xlabel(plain(unit), color=TEXT, fontsize=8.5, labelpad=3 + pad, parse_math=False)
    if not unit:
        ax.set_xlabel("visit", color=TEXT, fontsize=8.5, labelpad=3 + pad)
