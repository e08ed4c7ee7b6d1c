"""Cleaning of a run: stretches of time in which the machine was steady, events at a detector's ceiling.

These two gates place no cut between populations: they look at one sample and drop what is not measurement.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.core import ImmunoprofileError
from immunoprofile.gating._cuts import FittedCut

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from immunoprofile.gating._strategy import Gate
    from immunoprofile.gating._view import SampleView

STRETCHES = 100
MINIMUM_EVENTS = 2000
RATE_LIMITS = (0.5, 2.0)
"""Event rate of a stretch, relative to the median stretch."""
DRIFT_SD = 5.0
"""Robust SDs of the stretches by which a median may differ from the file's."""
UNSTABLE_SHARE = 0.10
UNSTABLE_ERROR_SHARE = 0.30
CEILING_SHARE = 0.05
"""A channel that would lose more than this share stays open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StableTime:
    """Stretches of the run to keep.

    Attributes
    ----------
    lower, upper : tuple of float
        Kept half-open intervals of the Time channel, outer ends open; empty where the gate stays open.
    flags : tuple of str
    """

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    flags: tuple[str, ...]


def stable_time(time: NDArray[np.float64], fluorescence: Iterable[NDArray[np.float64]]) -> StableTime:
    """Find the stretches of equal time in which rate and medians are those of the file.

    Parameters
    ----------
    time : ndarray, shape (n_events,)
        Ticks.
    fluorescence : iterable of ndarray, shape (n_events,)
        Transformed values, a channel at a time: they are never in memory together.

    Notes
    -----
    min(100, events / 100) stretches; open with ``NO_TIME`` below 2,000 events or with fewer distinct times
    than stretches. Dropped: rate below half or above twice the median stretch, or the median of any
    fluorescence more than 5 robust SD of the stretches from the file's. With 100 stretches whatever the size,
    and 4 SD, clean small files would lose a tenth of their events.
    """
    stretches = min(STRETCHES, time.size // 100)
    finite = np.isfinite(time)
    if time.size < MINIMUM_EVENTS or not finite.all() or np.unique(time).size < max(stretches, 2):
        return StableTime(lower=(), upper=(), flags=("NO_TIME",))
    edges = np.linspace(time.min(), time.max(), stretches + 1)
    stretch = np.clip(np.searchsorted(edges, time, side="right") - 1, 0, stretches - 1)
    keep = _steady_rate(np.bincount(stretch, minlength=stretches))
    keep &= _steady_medians(stretch, fluorescence, stretches)
    removed = 1 - np.isin(stretch, np.flatnonzero(keep)).mean()
    flags = ("TIME_UNSTABLE",) if removed > UNSTABLE_SHARE else ()
    if not keep.any():
        return StableTime(lower=(), upper=(), flags=("TIME_UNSTABLE",))
    return StableTime(**_runs(keep, edges), flags=flags)


def _steady_rate(counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    middle = np.median(counts)
    return (counts >= RATE_LIMITS[0] * middle) & (counts <= RATE_LIMITS[1] * middle)


def _steady_medians(
    stretch: NDArray[np.int64], fluorescence: Iterable[NDArray[np.float64]], stretches: int
) -> NDArray[np.bool_]:
    order = np.argsort(stretch, kind="stable")
    bounds = np.searchsorted(stretch[order], np.arange(stretches + 1)).tolist()
    spans = list(pairwise(bounds))
    steady = np.ones(stretches, dtype=bool)
    for values in fluorescence:
        sorted_by_time = values[order]
        medians = np.array([_median(sorted_by_time[a:b]) if b > a else math.nan for a, b in spans])
        filled = medians[~np.isnan(medians)]
        with np.errstate(invalid="ignore"):  # log axes: events at or below 0 lie at -inf
            spread = 1.4826 * np.median(np.abs(filled - np.median(filled)))
            drifted = np.abs(medians - np.median(values)) > DRIFT_SD * spread
        if spread > 0:
            steady &= ~drifted
    return steady


def _median(values: NDArray[np.float64]) -> float:
    """Give what numpy.median gives, several times as fast on short arrays."""
    half = values.size // 2
    if values.size % 2:
        return float(np.partition(values, half)[half])
    low, high = np.partition(values, (half - 1, half))[half - 1 : half + 1]
    return float((low + high) / 2)


def _runs(keep: NDArray[np.bool_], edges: NDArray[np.float64]) -> dict[str, tuple[float, ...]]:
    """Join neighbouring kept stretches; the first and the last end of the run are open."""
    padded = np.concatenate([[False], keep, [False]])
    starts, ends = np.flatnonzero(padded[1:] & ~padded[:-1]), np.flatnonzero(~padded[1:] & padded[:-1])
    lower = [float(edges[i]) if i > 0 else -math.inf for i in starts]
    upper = [float(edges[i]) if i < keep.size else math.inf for i in ends]
    return {"lower": tuple(lower), "upper": tuple(upper)}


def ceiling(values: NDArray[np.float64], top: float) -> tuple[float, tuple[str, ...]]:
    """Find the value from which a detector is at its ceiling.

    Parameters
    ----------
    values : ndarray, shape (n_events,)
        Linear, uncompensated.
    top : float
        ``$PnR``; not finite where unknown.

    Returns
    -------
    limit : float
        Events below it are kept; infinite where the channel stays open.
    flags : tuple of str
        ``BOUNDARY_MANY`` where more than 5 % of the events lie there (the channel stays open).

    Notes
    -----
    At the ceiling: value >= ``$PnR`` - 1, or in the highest occupied bin of 1,024 when that holds more than
    5 times the mean of its 10 neighbors. The floor removes nothing: negatives lie there.
    """
    if values.size == 0 or not top > 1:
        return math.inf, ()
    limit = top - 1
    highest = float(values.max())
    width = top / 1024
    counts = np.bincount(
        np.clip((values[values > highest - 11.5 * width] - highest + 11.5 * width) // width, 0, 11).astype(
            np.int64
        ),
        minlength=12,
    )
    if highest < limit and counts[11] > 5 * max(counts[1:11].mean(), 1.0):
        limit = highest - 0.5 * width
    share = float((values >= limit).mean())
    if share > CEILING_SHARE:
        return math.inf, ("BOUNDARY_MANY",)
    return (limit, ()) if share > 0 else (math.inf, ())


def time_cut(gate: Gate, view: SampleView, *, unit: str) -> FittedCut:
    """Give the stretches of time of one sample that the gate keeps; open where there is nothing to judge."""
    axis = view.dimension("Time")
    if axis is None:
        raise ImmunoprofileError("NO_TIME", "no Time channel", where=f"gate {gate.id}")
    columns = (view.column(other, None) for other in view.fluorescence())
    steady = stable_time(view.column(axis, None), columns)
    kind: Any = "intervals" if steady.lower else "open"
    return FittedCut(
        gate=gate.id,
        dimension="Time",
        scope=gate.scope,
        unit=unit,
        kind=kind,
        value=tuple(zip(steady.lower, steady.upper, strict=True)) if steady.lower else math.nan,
        method="time",
        flags=steady.flags,
    )


def boundary_cuts(
    gate: Gate, view: SampleView, mask: NDArray[np.bool_], *, unit: str
) -> tuple[FittedCut, ...]:
    """Give the ceilings of one sample's detectors, a cut for each that some event reaches."""
    cuts = []
    sample = view.sample
    for channel, detector in enumerate(sample.detectors):
        if detector.casefold().startswith(("time", "hdr-t")):
            continue
        limit, flags = ceiling(sample.column(channel)[mask], _linear_top(view, channel))
        if math.isfinite(limit) or flags:
            kind: Any = "cut" if math.isfinite(limit) else "open"
            cuts.append(
                FittedCut(
                    gate=gate.id,
                    dimension=detector,
                    scope=gate.scope,
                    unit=unit,
                    kind=kind,
                    value=limit if kind == "cut" else math.nan,
                    method="boundary",
                    flags=flags,
                )
            )
    if not cuts:
        cuts.append(
            FittedCut(
                gate=gate.id,
                dimension="",
                scope=gate.scope,
                unit=unit,
                kind="open",
                value=math.nan,
                method="open",
            )
        )
    return tuple(cuts)


def _linear_top(view: SampleView, channel: int) -> float:
    """Give $PnR in linear units; for log integers, one more than the value of the highest channel."""
    top = float(view.sample.ranges[channel])
    if view.sample.integer_log[channel]:
        decades, offset = view.sample.amplification[channel]
        return float(offset * 10 ** (decades * (top - 1) / top)) + 1
    return top
