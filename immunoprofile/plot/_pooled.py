"""A cut over the pooled histogram that it was learnt from: no sample, no count, nothing that unblinds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.core import look_up
from immunoprofile.plot._density import POWER, SIGMA, WHITE_BELOW, draw_heights
from immunoprofile.plot._gates import cut_line, draw_cross, draw_region, write_depth
from immunoprofile.plot._style import (
    MUTE,
    axis_labels,
    dress,
    frame_all,
    ink_map,
    new_axes,
    plain,
    styled,
    title,
)
from immunoprofile.plot._tables import keep

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TOP = 0.87


def pooled_gate(
    fitted: Any, gate: str, *, group: str | None = None, cmap: str = "ip_ink", ax: Axes | None = None
) -> Axes:
    """Draw a cut over the pooled histogram of the specimens that taught it, without any number of a sample.

    Parameters
    ----------
    fitted : FittedStrategy
    gate : str
        A gate whose cut holds for a batch, or wider.
    group : str, optional
        Batch; the first one by default.
    cmap : str
        See :func:`gates`.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    UnknownNameError
        ``unknown_name`` for a gate without a pool, or another group.
    """
    pools = {key: wide for key, wide in sorted(fitted.wide.items()) if wide.pool is not None}
    look_up(gate, sorted({name for name, _ in pools}), what="gate with a pooled histogram")
    groups = [one for name, one in pools if name == gate]
    chosen = groups[0] if group is None else look_up(group, groups, what="group")
    wide = pools[gate, chosen]
    with styled():
        ax = ax or new_axes(2.9, 3.0)
        dress(ax)
        frame_all(ax)
        ax.set_box_aspect(1)
        drawn = _drawn(fitted, gate, wide)
        if len(wide.pool.grids) == 1:
            _one_axis(ax, wide, drawn)
        else:
            _two_axes(ax, wide, drawn, cmap=cmap)
        ax.set_xticks([])
        ax.set_yticks([])
        names = [*(cut.dimension for cut in wide.cuts), gate]
        names = names[0].split(" x ") if len(wide.cuts) == 1 else names[:2]
        axis_labels(ax, plain(names[0], 30), plain(names[1], 30) if len(names) > 1 else None)
        title(ax, plain(f"{gate.replace('_', ' ')}: {chosen}", 34), pad=15)
        words = f"pool of {wide.pool.n_units} specimens, equal weight"
        ax.annotate(
            words, (0, 1), xycoords="axes fraction", xytext=(0, 3), textcoords="offset points", va="bottom",
            fontsize=7.5, color=MUTE, annotation_clip=False,
        )  # fmt: skip
    return keep(ax, _table(gate, chosen, wide))


def _drawn(fitted: Any, gate: str, wide: Any) -> SimpleNamespace:
    """Give cuts the way a drawn gate has them."""
    strategy = getattr(fitted, "strategy", None)
    sides = [
        str(population.side)
        for one in getattr(strategy, "gates", ())
        if one.id == gate
        for population in one.populations
    ]
    cuts = tuple((axis, cut.number, cut.se) for axis, cut in enumerate(wide.cuts) if cut.kind == "cut")
    depths = [cut.depth for cut in wide.cuts if np.isfinite(cut.depth)]
    return SimpleNamespace(
        cuts=cuts,
        quadrants=tuple(side[1:] for side in sides if side.startswith("q")),
        depth=min(depths, default=float("nan")),
    )


def _one_axis(ax: Axes, wide: Any, drawn: SimpleNamespace) -> None:
    grid = wide.pool.grids[0]
    draw_heights(ax, np.asarray(wide.pool.density, dtype=float), limits=(grid.low, grid.high))
    for axis, at, se in drawn.cuts:
        cut_line(ax, axis, at, se=se, top=TOP)
    for cut in wide.cuts:
        for edge in (edge for pair in cut.pairs for edge in pair) if cut.kind == "interval" else ():
            cut_line(ax, 0, edge, top=TOP)
    write_depth(ax, drawn)


def _two_axes(ax: Axes, wide: Any, drawn: SimpleNamespace, *, cmap: str) -> None:
    from matplotlib.colors import PowerNorm
    from scipy.ndimage import gaussian_filter

    first, second = wide.pool.grids
    counts = gaussian_filter(np.asarray(wide.pool.density).T * wide.pool.n_events, SIGMA, mode="reflect")
    ax.imshow(
        np.ma.masked_less(counts, WHITE_BELOW), origin="lower", aspect="auto", interpolation="none",
        extent=(first.low, first.high, second.low, second.high), cmap=ink_map(cmap), zorder=1,
        norm=PowerNorm(POWER, vmin=0, vmax=float(counts.max()) or 1.0),
    )  # fmt: skip
    ax.set_xlim(first.low, first.high)
    ax.set_ylim(second.low, second.high)
    for cut in wide.cuts:
        if cut.kind == "region":
            draw_region(ax, np.array(cut.pairs))
    if len(drawn.cuts) == 2:
        draw_cross(ax, drawn)
    else:
        for axis, at, se in drawn.cuts:
            cut_line(ax, axis, at, se=se)


def _table(gate: str, group: str, wide: Any) -> Any:
    import pandas as pd

    rows = [(gate, group, cut.dimension, cut.kind, str(cut.value), cut.se, cut.depth) for cut in wide.cuts]
    return pd.DataFrame(rows, columns=["gate", "group", "dimension", "kind", "cut", "se", "depth"])
