"""Events as ink: a smoothed histogram on a fixed grid, or dots where events are few."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.plot._style import BLUE, PALETTE, ink_map

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

BINS = 110
SIGMA = 0.9
"""Bins: smooths the grain of single events, leaves a valley of 3 bins open."""
WHITE_BELOW = 0.12
"""Smoothed events per bin that are drawn white."""
POWER = 0.45
DOTS_BELOW = 2000
Limits = tuple[float, float]


def spread(limits: Limits) -> Limits:
    """Give limits that differ: an axis of one value (time in a short file) has a width too."""
    low, high = limits
    return (low, high) if high > low else (low, low + 1.0)


def bin_of(values: NDArray[Any], limits: Limits, bins: int) -> NDArray[np.int64]:
    """Give the bin of each value; values outside fall into the end bins."""
    low, high = spread(limits)
    scaled = np.clip((values.astype(np.float64) - low) * (bins / (high - low)), 0, bins - 1)
    return scaled.astype(np.int64)


def histogram_1d(values: NDArray[Any], limits: Limits, bins: int = 256) -> NDArray[np.float64]:
    """Count values in bins, smoothed; shape (bins,)."""
    from scipy.ndimage import gaussian_filter1d

    kept = values[~np.isnan(values)]
    counts = np.bincount(bin_of(kept, limits, bins), minlength=bins).astype(np.float64)
    smooth: NDArray[np.float64] = gaussian_filter1d(counts, bins / 256 * 1.8, mode="reflect")
    return smooth


def histogram_2d(x: NDArray[Any], y: NDArray[Any], limits: tuple[Limits, Limits]) -> NDArray[np.float64]:
    """Count pairs on the grid, smoothed; shape (BINS, BINS), rows along y."""
    from scipy.ndimage import gaussian_filter

    flat = bin_of(y, limits[1], BINS) * BINS + bin_of(x, limits[0], BINS)
    counts = np.bincount(flat, minlength=BINS * BINS).reshape(BINS, BINS).astype(np.float64)
    smooth: NDArray[np.float64] = gaussian_filter(counts, SIGMA, mode="reflect")
    return smooth


def draw_density(
    ax: Axes, x: NDArray[Any], y: NDArray[Any], *, limits: tuple[Limits, Limits], cmap: str = "ip_ink"
) -> None:
    """Draw pairs of values: a density, or dots for fewer than 2,000."""
    from matplotlib.colors import PowerNorm

    limits = spread(limits[0]), spread(limits[1])
    seen = ~(np.isnan(x) | np.isnan(y))
    x, y = x[seen], y[seen]
    if x.size < DOTS_BELOW:
        dots = [np.clip(v, *lim) for v, lim in ((x, limits[0]), (y, limits[1]))]
        ink = PALETTE["density"]["anchors"][4]
        ax.plot(
            *dots, linestyle="", marker="o", markersize=1.7, markeredgewidth=0, color=ink, alpha=0.5,
            rasterized=True, zorder=1,
        )  # fmt: skip
    else:
        grid = histogram_2d(x, y, limits)
        shown = np.ma.masked_less(grid, WHITE_BELOW)
        # interpolation "none" puts the 110 x 110 picture itself into an SVG; the browser scales it
        ax.imshow(
            shown, origin="lower", extent=(*limits[0], *limits[1]), aspect="auto", interpolation="none",
            cmap=ink_map(cmap), norm=PowerNorm(POWER, vmin=0, vmax=float(grid.max()) or 1.0), zorder=1,
        )  # fmt: skip
    ax.set_xlim(*limits[0])
    ax.set_ylim(*limits[1])


def draw_filled(ax: Axes, values: NDArray[Any], *, limits: Limits) -> NDArray[np.float64]:
    """Draw a filled histogram of values; give its heights."""
    heights = histogram_1d(values, limits)
    draw_heights(ax, heights, limits=limits)
    return heights


def draw_heights(ax: Axes, heights: NDArray[np.float64], *, limits: Limits) -> None:
    """Draw a filled histogram, its top at 1, with room above it for words."""
    limits = spread(limits)
    edges = np.linspace(*limits, heights.size + 1)
    centers = (edges[1:] + edges[:-1]) / 2
    top = float(heights.max()) or 1.0
    ax.fill_between(centers, heights / top, color=BLUE, alpha=0.22, linewidth=0, zorder=1)
    ax.plot(centers, heights / top, color=BLUE, linewidth=1.0, zorder=2)
    ax.set_xlim(*limits)
    ax.set_ylim(0, 1.22)
    ax.set_yticks([])
