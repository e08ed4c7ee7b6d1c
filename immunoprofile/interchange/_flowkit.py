"""Samples to and from FlowKit, in memory and without rounding.

FlowKit holds Time in seconds (stored ticks times ``$TIMESTEP``); a sample here holds the ticks. That is the
one value that changes on the way, and it changes back.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.core import InterchangeError
from immunoprofile.fcs import Spillover, sample_from_arrays

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from immunoprofile.fcs import Sample

_STRUCTURE = re.compile(
    r"\$?(?:P\d+[A-Z]+|PAR|TOT|MODE|BYTEORD|DATATYPE|NEXTDATA|(?:BEGIN|END)(?:DATA|STEXT|ANALYSIS)|SPILL(?:OVER)?)"
)
"""Keywords that say how values lie in a file; the values are here already."""
_STANDARD = frozenset(
    {
        "ABRT", "BTIM", "CELLS", "COM", "CYT", "CYTSN", "DATE", "ETIM", "EXP", "FIL", "GATE", "INST",
        "LAST_MODIFIED", "LAST_MODIFIER", "LOST", "OP", "ORIGINALITY", "PLATEID", "PLATENAME", "PROJ", "SMNO",
        "SRC", "SYS", "TIMESTEP", "TR", "VOL", "WELLID",
    }
)  # fmt: skip
"""Keywords of FCS 3.1 that begin with $, which FlowKit takes away."""


def to_flowkit(sample: Sample) -> Any:
    """Give a sample as a FlowKit sample with the same values.

    Parameters
    ----------
    sample : Sample

    Returns
    -------
    flowkit.Sample
        Raw events are the linear values of `sample` as float64, but Time, which FlowKit holds in seconds.

    Notes
    -----
    The metadata say that the values are linear (amplification 0,0 and no gain), as they are.
    """
    import flowkit

    return flowkit.Sample(_flow_data(sample), sample_id=sample.name)


def _flow_data(sample: Sample) -> Any:
    import flowio

    class LinearEvents(flowio.FlowData):  # type: ignore[misc]  # flowio has no types
        """What flowkit.Sample asks of a file, answered from memory."""

        def __init__(self) -> None:
            names = sample.detectors
            self.name = sample.name
            self.version = sample.version or "3.1"
            self.event_count, self.channel_count = sample.n_events, sample.n_channels
            self.text = _text(sample)
            self.channels = {number: _channel(sample, number) for number in range(1, len(names) + 1)}
            self.pnn_labels, self.pns_labels = list(names), [label or "" for label in sample.labels]
            self.pnr_values = [channel["pnr"] for channel in self.channels.values()]
            self.null_channels: list[str] = []
            starts = [name.lower()[:4] for name in names]
            self.scatter_indices = [i for i, start in enumerate(starts) if start in ("fsc-", "ssc-")]
            self.fluoro_indices = [i for i, s in enumerate(starts) if s not in ("fsc-", "ssc-", "time")]
            self.time_index = time_channel(names)

        def as_array(self, preprocess: bool = True) -> NDArray[np.float64]:  # noqa: FBT001, FBT002 - flowio's
            events = sample.block(0, sample.n_events)
            clock = time_channel(sample.detectors)
            if preprocess and clock is not None:
                events[:, clock] *= time_step(sample.keywords)
            return events

    return LinearEvents()


def _channel(sample: Sample, number: int) -> dict[str, object]:
    return {
        "pnn": sample.detectors[number - 1],
        "pns": sample.labels[number - 1] or "",
        "pne": (0.0, 0.0),
        "png": 1.0,
        "pnr": _range(sample, number),
    }


def _range(sample: Sample, number: int) -> float:
    top = float(sample.ranges[number - 1])
    return top if np.isfinite(top) else 262144.0


def _text(sample: Sample) -> dict[str, str]:
    """Give the metadata as FlowKit keeps them: lower case, without $, and of linear values."""
    kept = {
        keyword.removeprefix("$").lower(): value
        for keyword, value in sample.keywords.items()
        if not _STRUCTURE.fullmatch(keyword)
    }
    kept |= {"par": str(sample.n_channels), "tot": str(sample.n_events), "mode": "L", "datatype": "F"}
    for number, (detector, label) in enumerate(zip(sample.detectors, sample.labels, strict=True), start=1):
        named = {"n": detector, "s": label, "e": "0,0", "r": f"{_range(sample, number):.17g}", "b": "32"}
        kept |= {f"p{number}{letter}": value for letter, value in named.items() if value}
    if sample.spillover is not None:
        names, matrix = sample.spillover.detectors, sample.spillover.matrix
        kept["spillover"] = ",".join([str(len(names)), *names, *(repr(float(v)) for v in matrix.ravel())])
    return kept


def time_channel(detectors: tuple[str, ...]) -> int | None:
    """Give the channel that FlowKit scales to seconds."""
    return next((i for i in reversed(range(len(detectors))) if detectors[i].lower() == "time"), None)


def time_step(keywords: Mapping[str, str]) -> float:
    """Give the seconds of one tick; 1 where the file does not say."""
    try:
        step = float(keywords.get("$TIMESTEP", "1"))
    except ValueError:
        return 1.0
    return step if np.isfinite(step) and step > 0 else 1.0


def from_flowkit(fk_sample: Any) -> Sample:
    """Give a FlowKit sample's raw events as a sample.

    Parameters
    ----------
    fk_sample : flowkit.Sample
        Its raw events are taken; compensation and transforms applied in FlowKit are not.

    Returns
    -------
    Sample
        Time in ticks again, where the metadata hold ``$TIMESTEP``.

    Raises
    ------
    InterchangeError
        ``flowkit_sample_unusable``: made with ``preprocess=False`` (values are not linear), or a spillover
        that cannot be read.
    """
    if not fk_sample.is_preprocessed:
        raise _unusable(
            "the sample was read with preprocess=False, so that its values are not linear", fk_sample.id,
            hint="read it with preprocess=True",
        )  # fmt: skip
    metadata = {str(name): str(value) for name, value in fk_sample.get_metadata().items()}
    keywords = {
        (f"${name.upper()}" if name.upper() in _STANDARD else name.upper()): value
        for name, value in metadata.items()
        if not _STRUCTURE.fullmatch(name.upper())
    }
    events = np.array(fk_sample.get_events(source="raw"), dtype=np.float64)
    clock = time_channel(tuple(fk_sample.pnn_labels))
    if clock is not None:
        events[:, clock] = _ticks(events[:, clock], time_step(keywords))
    return sample_from_arrays(
        events,
        [str(name) for name in fk_sample.pnn_labels],
        labels=[str(label) for label in fk_sample.pns_labels],
        ranges=np.array(fk_sample.channels["pnr"], dtype=np.float64),
        spillover=_spillover(metadata, fk_sample.id),
        keywords=keywords,
        name=str(fk_sample.id).removesuffix(".fcs"),
    )


def _ticks(seconds: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    """Undo the scaling; a float32 tick that gives the very seconds is the one that was stored."""
    ticks = seconds / step
    stored = ticks.astype(np.float32).astype(np.float64)
    return np.where(stored * step == seconds, stored, ticks)


def _spillover(metadata: Mapping[str, str], name: object) -> Spillover | None:
    text = metadata.get("spillover", metadata.get("spill", "")).strip()
    if not text:
        return None
    cells = [cell.strip() for cell in text.split(",")]
    try:
        count = int(cells[0])
        names = tuple(cells[1 : count + 1])
        matrix = np.array([float(cell) for cell in cells[count + 1 :]]).reshape(count, count)
    except ValueError as error:
        raise _unusable("its spillover cannot be read", name, hint="correct or drop its metadata") from error
    return Spillover(detectors=names, matrix=matrix)


def _unusable(problem: str, name: object, *, hint: str) -> InterchangeError:
    return InterchangeError("flowkit_sample_unusable", problem, where=str(name), hint=hint)
