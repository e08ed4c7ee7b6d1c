"""Draw the events of one tube: cells, doublets, debris, dead cells, scatter, time; and the spillover."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from immunoprofile.simulate._densities import Densities

RANGE = 262_144.0
"""``$PnR`` of every channel; a brighter signal stands at the ceiling, ``RANGE - 1``."""
TIME_STEP = 0.01
"""``$TIMESTEP``, seconds."""
SECONDS = 120.0
"""Length of an acquisition."""
DEBRIS_Z = (0.4, 0.5)
"""Mean and sd of debris in every marker."""
DEBRIS_FSC, DEBRIS_SSC = 11_000.0, 5_000.0
"""Scatter of debris; the side scatter is our choice, below that of any cell."""
DEAD_VIABILITY, DEAD_OTHER = (4.8, 0.5), (0.5, 0.5)
"""Mean and sd of a dead cell's viability dye, and of what is added to its other z."""
CLOG_SECONDS, CLOG_RATE, CLOG_SHIFT = 10.0, 0.2, -0.3
"""A clog: one stretch with a fifth of the rate, in which every z is .3 lower."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Events:
    """Events of a tube before any detector.

    Attributes
    ----------
    labels : uint8 ndarray (n_events,)
        Position in ``Densities.labels``.
    signal : ndarray (n_markers, n_events)
        Linear, without spillover.
    scatter : ndarray (3, n_events)
        FSC-A, FSC-H, SSC-A.
    time : ndarray (n_events,)
        Ticks of ``TIME_STEP``, ascending.
    """

    labels: NDArray[np.uint8]
    signal: NDArray[np.float64]
    scatter: NDArray[np.float64]
    time: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tube:
    """What is in a tube.

    Attributes
    ----------
    log_ratio : float
        Ln of the Treg share of CD4 T cells over that of the densities.
    common : ndarray (n_markers,)
        Shift in z of everything in the tube.
    by_type : ndarray (n_types, n_markers)
        Further shift of each cell type.
    clog : bool
        Whether the cytometer clogs for one stretch.
    """

    log_ratio: float
    common: NDArray[np.float64]
    by_type: NDArray[np.float64]
    clog: bool = False


def plain_tube(densities: Densities, *, clog: bool = False) -> Tube:
    """Give a tube in which nothing is shifted."""
    return Tube(
        log_ratio=0.0,
        common=np.zeros(len(densities.markers)),
        by_type=np.zeros(densities.mean.shape),
        clog=clog,
    )


def draw_events(rng: Generator, densities: Densities, n: int, *, tube: Tube) -> Events:
    """Draw `n` events of a tube."""
    count = len(densities.types)
    time, drop = _times(rng, n, clog=tube.clog)
    artefacts = [densities.doublets, densities.debris, densities.dead]
    kind = np.searchsorted(np.cumsum([1 - sum(artefacts), *artefacts])[:-1], rng.random(n), side="right")
    cumulated = np.cumsum(densities.composition(tube.log_ratio))[:-1]
    types = np.searchsorted(cumulated, rng.random(n), side="right")
    row = np.select([kind == 2, kind == 3], [count, count + 1 + types], types)

    table = _table(densities, tube)
    signal, scatter = _draw_rows(rng, table, row=row, drop=drop)
    pair = np.flatnonzero(kind == 1)
    partner = np.searchsorted(cumulated, rng.random(pair.size), side="right")
    signal_2, scatter_2 = _draw_rows(rng, table, row=partner, drop=drop[pair])
    signal[:, pair] += signal_2
    height = 1.08 * np.maximum(scatter[1, pair], scatter_2[1])
    scatter[:, pair] += scatter_2
    scatter[1, pair] = height
    labels = np.where(kind == 0, types, count - 1 + kind).astype(np.uint8)
    return Events(labels=labels, signal=signal, scatter=scatter, time=time)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Table:
    """One row a live type, one for debris, one a dead type; `mean` and `sd` (n_markers, n_rows)."""

    cofactor: float
    mean: NDArray[np.float64]
    sd: NDArray[np.float64]
    fsc: NDArray[np.float64]
    ssc: NDArray[np.float64]


def _table(densities: Densities, tube: Tube) -> _Table:
    viability = densities.position("Viability")
    dead_mean = densities.mean + DEAD_OTHER[0]
    dead_sd = np.hypot(densities.sd, DEAD_OTHER[1])  # a Gaussian added to a Gaussian
    dead_mean[:, viability], dead_sd[:, viability] = DEAD_VIABILITY
    width = len(densities.markers)
    mean = np.vstack([densities.mean + tube.by_type, np.full(width, DEBRIS_Z[0]), dead_mean + tube.by_type])
    sd = np.vstack([densities.sd, np.full(width, DEBRIS_Z[1]), dead_sd])
    return _Table(
        cofactor=densities.cofactor,
        mean=np.ascontiguousarray((mean + tube.common).T),
        sd=np.ascontiguousarray(sd.T),
        fsc=np.concatenate([densities.fsc, [DEBRIS_FSC], 0.7 * densities.fsc]),
        ssc=np.concatenate([densities.ssc, [DEBRIS_SSC], densities.ssc]),
    )


def _draw_rows(
    rng: Generator, table: _Table, *, row: NDArray[np.intp], drop: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    n = row.size
    signal = np.empty((table.mean.shape[0], n))
    for marker, (mean, sd) in enumerate(zip(table.mean, table.sd, strict=True)):
        signal[marker] = mean[row] + sd[row] * rng.standard_normal(n) + drop
    np.sinh(signal, out=signal)
    signal *= table.cofactor
    common, height, side = rng.standard_normal((3, n))
    area = table.fsc[row] * np.exp(0.12 * common)
    scatter = np.stack(
        [
            area,
            0.92 * area * np.exp(0.025 * height),
            table.ssc[row] * np.exp(0.18 * (0.5 * common + 0.87 * side)),
        ]
    )
    return signal, scatter


def _times(rng: Generator, n: int, *, clog: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the time of each event, ascending, in ticks, and what a clog adds to its z."""
    seconds = np.sort(rng.random(n)) * SECONDS
    drop = np.zeros(n)
    if clog:
        start = rng.uniform(0.2, 0.7) * SECONDS
        lost = CLOG_SECONDS * (1 - CLOG_RATE)
        seconds *= (SECONDS - lost) / SECONDS  # time in units of equal rate, then stretched inside the clog
        inside = (seconds >= start) & (seconds < start + CLOG_SECONDS * CLOG_RATE)
        after = seconds >= start + CLOG_SECONDS * CLOG_RATE
        seconds = np.where(inside, start + (seconds - start) / CLOG_RATE, seconds + lost * after)
        drop[inside] = CLOG_SHIFT
    return np.floor(seconds / TIME_STEP), drop


def draw_spillover(rng: Generator, n: int) -> NDArray[np.float64]:
    """Draw a spillover matrix (row: dye, column: detector); 35 % of its off-diagonal entries are .002-.09."""
    matrix = np.eye(n)
    row, column = np.nonzero(~np.eye(n, dtype=bool))
    chosen = rng.permutation(row.size)[: round(0.35 * row.size)]
    # five decimals, so that the text of the keyword is the matrix itself
    matrix[row[chosen], column[chosen]] = np.round(rng.uniform(0.002, 0.09, chosen.size), 5)
    return matrix


def misjudged(rng: Generator, matrix: NDArray[np.float64], error: float) -> NDArray[np.float64]:
    """Give a spillover matrix as a laboratory might write it: each entry off by up to `error` of itself."""
    written = np.round(matrix * rng.uniform(1 - error, 1 + error, matrix.shape), 5)
    np.fill_diagonal(written, 1.0)
    return written


def spill(signal: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give what the detectors store: signal x S, both (n_channels, n_events).

    Summed in a fixed order, not by a matrix product: its rounding depends on the library and its threads.
    """
    stored = signal.copy()
    for dye, detector in zip(*np.nonzero(matrix - np.eye(len(matrix))), strict=True):
        stored[detector] += matrix[dye, detector] * signal[dye]
    return stored
