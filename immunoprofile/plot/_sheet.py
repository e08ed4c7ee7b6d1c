"""Did one cut hold everywhere: the histograms of every placed sample of a batch, with the batch's cut."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.core import UnknownNameError, look_up
from immunoprofile.plot._style import (
    AXIS,
    BLUE,
    FULL,
    GATE,
    MUTE,
    axis_labels,
    dress,
    new_figure,
    plain,
    styled,
    title,
)
from immunoprofile.plot._tables import keep

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

ACROSS = 12
_GAP = 0.12
_POINTS = 64
"""Points of a drawn curve: enough for the eye, a third of the bytes."""


def contact_sheet(fitted: Any, gate: str) -> Figure:
    """Draw the histogram of every sample that taught a cut, a row of 12 at a time, batch by batch.

    The samples stand in the order of their content, which says nothing about subject or visit.

    Parameters
    ----------
    fitted : FittedStrategy
    gate : str
        A gate whose cut holds for a batch, or wider, on one axis.

    Returns
    -------
    Figure

    Raises
    ------
    UnknownNameError
        ``unknown_name`` for a gate without histograms of one axis.
    """
    held = {
        group: wide
        for (name, group), wide in sorted(fitted.wide.items())
        if name == gate and wide.pool is not None and len(wide.pool.grids) == 1
    }
    if not held:
        known = sorted({name for (name, _), w in fitted.wide.items() if w.pool and len(w.pool.grids) == 1})
        look_up(gate, known, what="gate with histograms of one axis")
        raise UnknownNameError("unknown_name", f"gate {gate!r} has no histograms")
    rows = [math.ceil(len(wide.pool.units) / ACROSS) for wide in held.values()]
    with styled():
        figure = new_figure(FULL, 0.62 * sum(rows) + 0.32 * len(rows) + 0.3)
        grid = figure.subplots(len(rows), 1, squeeze=False, height_ratios=[r + 0.4 for r in rows])[:, 0]
        for ax, (group, wide) in zip(grid, held.items(), strict=True):
            _batch(ax, plain(group, 40), wide)
        axis_labels(grid[-1], _axis_name(next(iter(held.values())), gate))
    return figure


def _axis_name(wide: Any, gate: str) -> str:
    return str(wide.cuts[0].dimension) if wide.cuts else gate


def _batch(ax: Axes, group: str, wide: Any) -> None:
    """Draw a batch in one Axes: curves offset inside it, in one collection of fills and one of lines."""
    import pandas as pd
    from matplotlib.collections import LineCollection, PolyCollection

    grid, units = wide.pool.grids[0], wide.pool.units
    down = math.ceil(len(units) / ACROSS)
    fills, lines, cuts = [], [], []
    at = [float(cut.number) for cut in wide.cuts if cut.kind == "cut"]
    for place, unit in enumerate(units):
        x0, y0 = (place % ACROSS) * (1 + _GAP), -(place // ACROSS) * 1.3
        curve = _curve(unit.counts) + np.array([x0, y0])
        fills.append(np.vstack([[curve[0, 0], y0], curve, [curve[-1, 0], y0]]))
        lines.append(curve)
        cuts += [
            [(x0 + share, y0), (x0 + share, y0 + 1)]
            for share in ((z - grid.low) / (grid.high - grid.low) for z in at)
            if 0 <= share <= 1
        ]
        ax.text(x0 + 0.02, y0 + 1.02, f"{place + 1}", fontsize=7, color=MUTE, va="bottom")
    dress(ax)
    ax.add_collection(PolyCollection(fills, facecolors=BLUE, alpha=0.22, linewidths=0))
    ax.add_collection(LineCollection(lines, colors=BLUE, linewidths=0.8))
    base = [
        [(line[0, 0], line[0, 1] * 0 + y), (line[-1, 0], y)]
        for line, y in zip(lines, _bases(len(units)), strict=True)
    ]
    ax.add_collection(LineCollection(base, colors=AXIS, linewidths=0.6))
    ax.add_collection(LineCollection(cuts, colors=GATE, linewidths=1.1))
    ax.set_xlim(-0.02, ACROSS * (1 + _GAP) - _GAP + 0.02)
    ax.set_ylim(-(down - 1) * 1.3 - 0.04, 1.28)
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)
    title(ax, f"{group}: {len(units)} samples, one cut", pad=3)
    numbers = [(place + 1, unit.n) for place, unit in enumerate(units)]
    keep(
        ax,
        pd.DataFrame(numbers, columns=["sample", "events"]).assign(
            group=group, cut=at[0] if at else math.nan
        ),
    )


def _bases(count: int) -> list[float]:
    return [-(place // ACROSS) * 1.3 for place in range(count)]


def _curve(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give a curve in the unit square; shape (_POINTS, 2)."""
    from scipy.ndimage import gaussian_filter1d

    smooth = gaussian_filter1d(counts.astype(np.float64), counts.size / 130, mode="nearest")
    x = np.linspace(0, 1, _POINTS)
    y = np.interp(x, (np.arange(counts.size) + 0.5) / counts.size, smooth)
    return np.column_stack([x, 0.95 * y / (y.max() or 1.0)])
