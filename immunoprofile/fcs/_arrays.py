"""A sample of events that were made in memory."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.core import FcsError
from immunoprofile.fcs._decode import EventTable, MemoryStore
from immunoprofile.fcs._events import source_of, survey
from immunoprofile.fcs._layout import Field, Layout
from immunoprofile.fcs._sample import Sample
from immunoprofile.fcs._scale import Scaling

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from immunoprofile.fcs._layout import Kind
    from immunoprofile.fcs._spillover import Spillover


def float_events(events: ArrayLike, path: object) -> NDArray[Any]:
    """Bring events into float32 where every value is exact in it, else float64; two axes, C-contiguous."""
    source = source_of(events, path)
    whole = source.take(0, source.rows)
    if whole.dtype == np.float32 or survey(source).wide.any():
        return np.ascontiguousarray(whole)
    return np.ascontiguousarray(whole, dtype=np.float32)


def check_names(detectors: Sequence[str], count: int, path: object) -> tuple[str, ...]:
    """See that detector names can stand in a file: one a channel, not empty, no comma, unique."""
    names = tuple(detectors)
    if not all(isinstance(name, str) for name in names):
        raise TypeError("detector names are texts")
    problem = ""
    if len(names) != count:
        problem = f"{len(names)} names for {count} channels"
    elif any(not name.strip() for name in names):
        problem = f"the name of channel {[not name.strip() for name in names].index(True)} is empty"
    elif any("," in name for name in names):
        problem = f"{next(name for name in names if ',' in name)!r} has a comma"
    elif len(set(names)) != len(names):
        problem = f"{Counter(names).most_common(1)[0][0]!r} stands twice"
    if problem:
        raise FcsError(
            path,
            "write-names",
            problem=problem,
            hint="detector names are not empty, unique and without comma, one a channel",
        )
    return names


def check_labels(labels: Sequence[str | None] | None, count: int, path: object) -> tuple[str, ...]:
    """See that there is one label a channel; None is none."""
    if labels is None:
        return ("",) * count
    if not all(label is None or isinstance(label, str) for label in labels):
        raise TypeError("labels are texts, or None where there is none")
    texts = tuple(label or "" for label in labels)
    if len(texts) != count:
        raise FcsError(path, "write-names", problem=f"{len(texts)} labels for {count} channels")
    return texts


def sample_from_arrays(
    events: ArrayLike,
    detectors: Sequence[str],
    *,
    labels: Sequence[str | None] | None = None,
    ranges: ArrayLike | None = None,
    spillover: Spillover | None = None,
    keywords: Mapping[str, str] | None = None,
    name: str = "sample",
) -> Sample:
    """Make a sample of events in memory.

    Parameters
    ----------
    events : array-like, shape (n_events, n_channels)
        Linear values. Copied, unless they are float32 or float64 already: do not change them afterwards.
    detectors : sequence of str
        One name a channel.
    labels : sequence of str or None, optional
        Markers, None where there is none.
    ranges : array-like, shape (n_channels,), optional
        Upper end of each channel; by default 262144.
    spillover : Spillover, optional
    keywords : mapping, optional
        Further keywords; kept in upper case.
    name : str
        Stands for the file's name.

    Returns
    -------
    Sample

    Raises
    ------
    FcsError
        ``write-names``, ``write-values``.
    """
    table = float_events(events, name).view()
    table.flags.writeable = False
    count, channels = table.shape
    size = table.dtype.itemsize
    kind: Kind = "F" if size == 4 else "D"
    upper = np.full(channels, 262144.0) if ranges is None else np.array(ranges, dtype=np.float64)
    if upper.shape != (channels,):
        raise FcsError(name, "write-values", problem=f"ranges have shape {upper.shape}, not ({channels},)")
    layout = Layout(
        fields=tuple(Field(offset=size * i, size=size, kind=kind, bits=8 * size) for i in range(channels)),
        stride=size * channels,
        significance=tuple(range(size)),
        order="little" if table.dtype.newbyteorder("<").isnative else "big",
        dtype=table.dtype,
    )
    content = table.view(np.uint8) if table.size else np.empty((count, size * channels), dtype=np.uint8)
    columns = tuple(range(channels))
    return Sample(
        name=name,
        path=None,
        version="",
        n_events=count,
        detectors=check_names(detectors, channels, name),
        labels=tuple(label or None for label in check_labels(labels, channels, name)),
        keywords={keyword.strip().upper(): value for keyword, value in (keywords or {}).items()},
        ranges=upper,
        amplification=np.zeros((channels, 2)),
        datatype=kind,
        integer_log=np.zeros(channels, dtype=bool),
        spillover=spillover,
        positions=columns,
        _table=EventTable(
            store=MemoryStore(table=content),
            layout=layout,
            columns=columns,
            scalings=(Scaling(),) * channels,
            count=count,
        ),
    )
