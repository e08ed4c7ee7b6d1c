"""A look at the events of one file, before any gate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.core import look_up
from immunoprofile.plot._density import draw_density, draw_filled
from immunoprofile.plot._style import (
    axis_labels,
    dress,
    frame_all,
    new_axes,
    open_frame,
    plain,
    styled,
    title,
)
from immunoprofile.plot._tables import keep

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

COFACTOR = 150.0
"""Of the asinh scale that fluorescence is shown on unless told otherwise."""
MOST_STEPS = 64
"""Steps of 64k that a linear axis may have; a file may claim any range."""
_LINEAR = ("fsc", "ssc", "time", "event", "width", "height")
Tick = tuple[float, str, bool]


def histogram(
    sample: Any,
    x: str | int,
    *,
    panel: Any = None,
    transform: Any = None,
    mask: Any = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the histogram of one channel, as it is in the file: not compensated.

    Parameters
    ----------
    sample : Sample
    x : str or int
        Detector, label, place, or (with `panel`) marker.
    panel : Panel, optional
        Resolves markers.
    transform : Transform, optional
        By default scatter and time are linear and fluorescence is asinh with cofactor 150.
    mask : ndarray of bool, optional
        Events to draw.
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    values, limits, ticks, label = _axis(sample, x, panel=panel, transform=transform, mask=mask)
    with styled():
        ax = ax or new_axes(3.7, 2.6)
        dress(ax)
        open_frame(ax, left=False)
        heights = draw_filled(ax, values, limits=limits)
        _set_ticks(ax.xaxis, ticks)
        axis_labels(ax, label)
        title(ax, f"{plain(sample.name, 34)}, {np.count_nonzero(~np.isnan(values)):,} events")
    import pandas as pd

    edges = np.linspace(*limits, heights.size + 1)
    return keep(ax, pd.DataFrame({"low": edges[:-1], "high": edges[1:], "events": heights}))


def density(
    sample: Any,
    x: str | int,
    y: str | int,
    *,
    panel: Any = None,
    transforms: tuple[Any, Any] = (None, None),
    mask: Any = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the density of two channels, as they are in the file: not compensated.

    Parameters
    ----------
    sample : Sample
    x, y : str or int
        Detector, label, place, or (with `panel`) marker.
    panel : Panel, optional
    transforms : tuple of Transform or None
        Of x and y; see :func:`histogram`.
    mask : ndarray of bool, optional
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    one = _axis(sample, x, panel=panel, transform=transforms[0], mask=mask)
    two = _axis(sample, y, panel=panel, transform=transforms[1], mask=mask)
    with styled():
        ax = ax or new_axes(3.4, 3.4)
        dress(ax)
        frame_all(ax)
        ax.set_box_aspect(1)
        draw_density(ax, one[0], two[0], limits=(one[1], two[1]))
        _set_ticks(ax.xaxis, one[2])
        _set_ticks(ax.yaxis, two[2])
        axis_labels(ax, one[3], two[3])
        title(ax, f"{plain(sample.name, 28)}, {one[0].size:,} events")
    import pandas as pd

    return keep(ax, pd.DataFrame({"x": one[0], "y": two[0]}))


def _axis(
    sample: Any, name: str | int, *, panel: Any, transform: Any, mask: Any
) -> tuple[NDArray[np.float64], tuple[float, float], list[Tick], str]:
    """Give transformed values, limits from the range of the channel, ticks, and the label."""
    channel, marker = _channel(sample, name, panel)
    detector, label = str(sample.detectors[channel]), str(sample.labels[channel] or "")
    raw = np.asarray(sample.column(channel), dtype=np.float64)
    raw = raw if mask is None else raw[np.asarray(mask, dtype=bool)]
    top = float(sample.ranges[channel])
    top = top if math.isfinite(top) and top > 0 else float(np.nanmax(raw, initial=1.0))
    titled = f"{marker or label} \u00b7 {detector}" if marker or label not in ("", detector) else detector
    if transform is None and detector.casefold().startswith(_LINEAR):
        if detector.casefold().startswith("time"):
            top = float(np.nanmax(raw, initial=1.0))
        return raw, (0.0, top), _linear_ticks(top), titled
    apply: Callable[[Any], Any] = _asinh if transform is None else transform.apply
    low = float(apply(np.array([-1000.0]))[0])
    high = float(apply(np.array([top]))[0])
    low = low if math.isfinite(low) else float(apply(np.array([1.0]))[0])
    return np.asarray(apply(raw)), (low, high), _decades(apply, top), titled


def _channel(sample: Any, name: str | int, panel: Any) -> tuple[int, str]:
    if isinstance(name, int):
        return range(len(sample.detectors))[name], ""
    if panel is not None:
        found = panel.resolve(sample).channels
        if name in found:
            return int(found[name]), name
    for names in (sample.detectors, sample.labels):
        if list(names).count(name) == 1:
            return list(names).index(name), ""
    known = look_up(name, [*sample.detectors, *filter(None, sample.labels)], what="channel")
    return list(sample.detectors).index(known), ""


def _asinh(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.arcsinh(values / COFACTOR)


def _linear_ticks(top: float) -> list[Tick]:
    if 131072 <= top <= MOST_STEPS * 65536:  # a range that no instrument has gets ticks like any other
        return [(k * 65536.0, f"{64 * k}k" if k else "0", True) for k in range(int((top + 1) // 65536) + 1)]
    step = 10.0 ** math.floor(math.log10(top / 2)) if top > 0 else 1.0
    while top / step > 5:
        step *= 2
    return [(k * step, f"{k * step:g}", True) for k in range(int(top // step) + 1)]


def _decades(apply: Callable[[Any], Any], top: float) -> list[Tick]:
    powers = range(3, math.floor(math.log10(max(top, 1000.0)) + 1e-6) + 1)
    major = [(-1e3, r"$-10^{3}$"), (0.0, "0")] + [(10.0**k, rf"$10^{{{k}}}$") for k in powers]
    minor = [m * 10.0**k for k in powers for m in range(2, 10) if m * 10.0**k <= top]
    at = np.asarray(apply(np.array([value for value, _ in major] + minor)))
    labels = [text for _, text in major] + [""] * len(minor)
    return [(float(z), text, bool(text)) for z, text in zip(at, labels, strict=True) if math.isfinite(z)]


def _set_ticks(axis: Any, ticks: list[Tick]) -> None:
    labels = [text for _, text, major in ticks if major]  # ours alone: powers of ten are mathematics
    axis.set_ticks([z for z, _, major in ticks if major], labels, parse_math=True)
    axis.set_ticks([z for z, _, major in ticks if not major], minor=True)
