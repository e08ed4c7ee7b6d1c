"""A sample seen through its panel: axes by marker name, the grid of each, transformed values of events."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from immunoprofile.gating._engine import gather
from immunoprofile.gating._histograms import Grid, Histogram, histogram
from immunoprofile.gating._shapes import Dimension
from immunoprofile.transform import Linear, Log, channel_transform, compensation_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from immunoprofile.fcs import Sample
    from immunoprofile.panel import Panel, Resolution
    from immunoprofile.transform import Compensation, Transform

BINS = 1024
"""Bins of a 1-D grid."""
PLANE_BINS = 256
"""Bins of each axis of a 2-D grid."""
CACHED_EVENTS = 100_000
"""A sample of up to this many events keeps its transformed columns: 0.8 MB each at most."""
LOG_DECADES = 4.0
"""Decades below $PnR that a log scatter axis shows."""
LOG10 = Log(T=10.0, M=1.0)
"""z = log10(x): decades, for scatter."""
LN = Log(T=math.e, M=1 / math.log(10))
"""z = ln(x): for the ratio of area to height."""
LN_RATIO_RANGE = (-2.0, 2.0)
HYGIENE_FLAGS = {
    "Time": "NO_TIME",
    "FSC-A": "NO_SCATTER",
    "SSC-A": "NO_SCATTER",
    "FSC-A/FSC-H": "NO_HEIGHT",
    "Viability": "NO_VIABILITY",
    "CD45": "NO_CD45",
}
"""Dimensions whose gate opens, with this flag, where the channel is missing."""
_STAND_INS = {"FSC-A": "FSC-H", "SSC-A": "SSC-H"}
_UNCOMPENSATED = ("Time", "FSC-A", "FSC-H", "FSC-W", "SSC-A", "SSC-H", "SSC-W")


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleView:
    """A sample with its markers resolved and its compensation checked.

    Attributes
    ----------
    sample : Sample
    resolution : Resolution
    panel : Panel
    compensation : Compensation or None
    """

    sample: Sample
    resolution: Resolution
    panel: Panel
    compensation: Compensation | None
    _seen: dict[Dimension, NDArray[np.float64]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def channel(self, name: str) -> int | None:
        """Give the channel of a marker or scatter name (height where there is no area), or None."""
        found = self.resolution.channels.get(name)
        if found is None and name in _STAND_INS:
            found = self.resolution.channels.get(_STAND_INS[name])
        return found

    def dimension(self, name: str, *, scale: Literal["log"] | None = None) -> Dimension | None:
        """Give the axis of a strategy's dimension in this sample, or None where a channel is missing."""
        if "/" in name:
            return self._ratio(*name.split("/"))
        channel = self.channel(name)
        if channel is None:
            return None
        detector = self.sample.detectors[channel]
        if name in _UNCOMPENSATED:
            return Dimension(
                detector=detector, transform=LOG10 if scale == "log" else Linear(), compensated=False
            )
        transform = channel_transform(self.sample, channel, spec=self.panel.transform_spec(name))
        return Dimension(detector=detector, transform=transform, compensated=self._compensates(detector))

    def _ratio(self, area: str, height: str) -> Dimension | None:
        channels = self.resolution.channels
        if area not in channels or height not in channels:
            return None
        detectors = self.sample.detectors
        return Dimension(
            detector=detectors[channels[area]],
            over=detectors[channels[height]],
            transform=LN,
            compensated=False,
        )

    def _compensates(self, detector: str) -> bool:
        used = self.compensation
        return used is not None and not used.is_identity and detector in used.detectors

    def fluorescence(self) -> list[Dimension]:
        """Give the axes of all channels that are neither scatter nor time."""
        other = {self.resolution.channels.get(name) for name in _UNCOMPENSATED}
        named = {channel: name for name, channel in self.resolution.channels.items()}
        found = []
        for channel, detector in enumerate(self.sample.detectors):
            if channel in other or detector.casefold().startswith(("time", "fsc", "ssc", "fs ", "ss ")):
                continue
            spec = self.panel.transform_spec(named[channel]) if channel in named else None
            transform = channel_transform(self.sample, channel, spec=spec)
            found.append(
                Dimension(detector=detector, transform=transform, compensated=self._compensates(detector))
            )
        return found

    def values(self, dimensions: Sequence[Dimension], mask: NDArray[np.bool_] | None) -> NDArray[np.float64]:
        """Give transformed values, shape (n_selected, n_dimensions)."""
        if self.sample.n_events > CACHED_EVENTS or not dimensions:
            return gather(self.sample, dimensions, self.compensation, mask=mask)
        return np.stack([self.column(dimension, mask) for dimension in dimensions], axis=1)

    def column(self, dimension: Dimension, mask: NDArray[np.bool_] | None) -> NDArray[np.float64]:
        """Give the transformed values of one axis, shape (n_selected,); not to be written to."""
        if self.sample.n_events > CACHED_EVENTS:
            return gather(self.sample, [dimension], self.compensation, mask=mask)[:, 0]
        whole = self._seen.get(dimension)
        if whole is None:
            whole = gather(self.sample, [dimension], self.compensation)[:, 0]
            whole.flags.writeable = False
            self._seen[dimension] = whole
        return whole if mask is None else whole[mask]

    def grid(self, dimension: Dimension, *, bins: int = BINS) -> Grid:
        """Give the grid of an axis; fixed by the transform and $PnR, not by the events (spec 1.3)."""
        if dimension.over is not None:
            return Grid(low=LN_RATIO_RANGE[0], high=LN_RATIO_RANGE[1], bins=bins)
        channel = self.sample.index(dimension.detector)
        top = float(self.sample.ranges[channel])
        if dimension.transform == LOG10:
            high = math.log10(top) if top > 0 else math.log10(262144.0)
            return Grid(low=high - LOG_DECADES, high=high, bins=bins)
        if self.sample.integer_log[channel] and isinstance(dimension.transform, Log):
            return _integer_log_grid(self.sample, channel, bins)
        if not top > 0:
            top = _own_top(dimension.transform)
        low, high = dimension.transform.apply(np.array([-0.1 * top, top]))
        if not math.isfinite(low):
            low = high - 1.1
        return Grid(low=float(low), high=float(high), bins=bins)

    def sketch(
        self, dimensions: Sequence[Dimension], mask: NDArray[np.bool_] | None, *, bins: int | None = None
    ) -> Histogram:
        """Give the histogram of chosen events on the axes' grids.

        Of integer data the lowest and the highest channel stay out: the pile at 0 is no peak.
        """
        count = bins or (BINS if len(dimensions) == 1 else PLANE_BINS)
        values = self.values(dimensions, mask)
        return histogram(self.inner(dimensions, values), [self.grid(d, bins=count) for d in dimensions])

    def inner(self, dimensions: Sequence[Dimension], values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Leave out events in the lowest or highest channel of an integer axis."""
        keep = np.ones(len(values), dtype=bool)
        for column, dimension in enumerate(dimensions):
            if self.sample.datatype != "I" or dimension.over is not None or dimension.compensated:
                continue
            low, high = dimension.transform.apply(self._integer_ends(self.sample.index(dimension.detector)))
            keep &= (values[:, column] > low) & (values[:, column] < high)
        return values if keep.all() else values[keep]

    def _integer_ends(self, channel: int) -> NDArray[np.float64]:
        """Give the linear values of stored 0 and of the highest channel."""
        top = float(self.sample.ranges[channel])
        decades, offset = self.sample.amplification[channel]
        if self.sample.integer_log[channel]:
            return np.array([offset, offset * 10 ** (decades * (top - 1) / top)])
        return np.array([0.0, top - 1 if top > 0 else np.inf])


def view_of(sample: Sample, panel: Panel, *, resolution: Resolution | None = None) -> SampleView:
    """Resolve a sample's markers (where that is not done yet) and check its compensation."""
    return SampleView(
        sample=sample,
        resolution=panel.resolve(sample) if resolution is None else resolution,
        panel=panel,
        compensation=compensation_of(sample, panel.compensation),
    )


def _integer_log_grid(sample: Sample, channel: int, bins: int) -> Grid:
    """One bin a channel (or a whole number of channels), and .1 f1 decades below: no comb of empty bins."""
    top = max(round(float(sample.ranges[channel])), 1)
    per_bin = max(1, math.ceil(1.1 * top / (1.2 * bins)))
    below = math.ceil(0.1 * top / per_bin)
    above = math.ceil(top / per_bin)
    step = per_bin / top
    return Grid(low=(-below - 0.5) * step, high=(above - 0.5) * step, bins=below + above)


def _own_top(transform: Transform) -> float:
    parameters = transform.parameters()
    return float(parameters.get("T", 262144.0))
