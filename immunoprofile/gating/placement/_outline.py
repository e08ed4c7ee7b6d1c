"""Polygons: the outline of a field on a grid, made simple, and the bins that a polygon holds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

VERTICES = 64
"""Most corners of an outline."""
LIMIT = 30.0
"""Log odds beyond which one is as sure as another."""


def outline(field: NDArray[np.float64], density: NDArray[np.float64], *, level: float) -> NDArray[np.float64]:
    """Give the outline of ``field >= level`` around its heaviest connected part, holes filled.

    Parameters
    ----------
    field : ndarray, shape (bins_x, bins_y)
        Smooth; clipped to +-30.
    density : ndarray, shape (bins_x, bins_y)
        What is heavy.
    level : float

    Returns
    -------
    ndarray, shape (n, 2)
        Corners in bins, not closed; none where the field stays below. A part that touches the end of the grid
        reaches a whole grid's width beyond it: events out there belong to the end bins.
    """
    from contourpy import contour_generator

    places = [_padded(size) for size in field.shape]
    values = np.pad(np.pad(np.clip(field, -LIMIT, LIMIT), 1, mode="edge"), 1, constant_values=-LIMIT)
    lines = contour_generator(places[1], places[0], values, name="serial").lines(level)
    best, most = np.empty((0, 2)), 0.0
    for line in lines:
        corners = np.asarray(line, dtype=np.float64)[:-1, ::-1]
        held = float(density[polygon_bins(corners, field.shape)].sum()) if len(corners) > 2 else 0.0
        if held > most:
            best, most = corners, held
    return best


def _padded(size: int) -> NDArray[np.float64]:
    inner = np.arange(size, dtype=np.float64)
    return np.concatenate([[-size - 1.0, -size], inner, [2.0 * size, 2.0 * size + 1]])


def polygon_bins(corners: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Say which bins have their middle inside a polygon (odd winding); corners in bins."""
    x0, y0 = corners.T
    x1, y1 = np.roll(corners, -1, axis=0).T
    rows = np.arange(shape[0])
    inside = np.zeros(shape, dtype=bool)
    columns = np.arange(shape[1])
    for ax, ay, bx, by in zip(x0, y0, x1, y1, strict=True):
        if ax == bx:
            continue
        crossed = rows[(rows >= min(ax, bx)) & (rows < max(ax, bx))]
        height = ay + (crossed - ax) * (by - ay) / (bx - ax)
        inside[crossed] ^= columns[None, :] < height[:, None]
    return inside


def simplified(corners: NDArray[np.float64], tolerance: float) -> NDArray[np.float64]:
    """Drop corners that lie within a tolerance of what is left (Douglas-Peucker), until at most 64 remain.

    References
    ----------
    Douglas, Peucker 1973, doi:10.3138/FM57-6770-U75U-7727
    """
    while True:
        kept = _douglas_peucker(corners, tolerance)
        if len(kept) <= VERTICES:
            return kept
        tolerance *= 1.5


def _douglas_peucker(corners: NDArray[np.float64], tolerance: float) -> NDArray[np.float64]:
    """Simplify a ring: split at its first corner and the one farthest from it, each half as an open line."""
    ring = np.concatenate([corners, corners[:1]])
    far = int(np.argmax(((corners - corners[0]) ** 2).sum(axis=1)))
    keep = np.zeros(len(ring), dtype=bool)
    keep[[0, far]] = True
    spans = [(0, far), (far, len(ring) - 1)]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        distance = _distances(ring[first + 1 : last], ring[first], ring[last])
        worst = int(np.argmax(distance))
        if distance[worst] > tolerance:
            middle = first + 1 + worst
            keep[middle] = True
            spans += [(first, middle), (middle, last)]
    return ring[:-1][keep[:-1]]


def _distances(
    points: NDArray[np.float64], start: NDArray[np.float64], end: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Give the distance of points from a segment."""
    along = end - start
    length = float(along @ along)
    part = np.clip((points - start) @ along / length, 0, 1) if length > 0 else np.zeros(len(points))
    return np.asarray(np.hypot(*(points - start - part[:, None] * along).T))


def clipped_half_plane(
    corners: NDArray[np.float64], normal: tuple[float, float], least: float
) -> NDArray[np.float64]:
    """Give the part of a convex polygon in which ``normal . point >= least`` (Sutherland-Hodgman)."""
    kept: list[NDArray[np.float64]] = []
    height = corners @ np.asarray(normal) - least
    for i in range(len(corners)):
        j = (i + 1) % len(corners)
        if height[i] >= 0:
            kept.append(corners[i])
        if (height[i] >= 0) != (height[j] >= 0):
            part = height[i] / (height[i] - height[j])
            kept.append(corners[i] + part * (corners[j] - corners[i]))
    return np.array(kept).reshape(-1, 2)


def far_box(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Give the corners, in bins, of a box that reaches a grid's width beyond the grid on every side."""
    (a, b), (c, d) = ((-size - 0.5, 2 * size - 0.5) for size in shape)
    return np.array([(a, c), (b, c), (b, d), (a, d)], dtype=np.float64)


def logit(share: float) -> float:
    """Give the log odds of a share."""
    return math.log(share / (1 - share))
