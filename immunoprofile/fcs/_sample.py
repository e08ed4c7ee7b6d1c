"""A read FCS file as a value: names, keywords, findings, and events that are decoded when asked for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.core import FcsError, card_html, card_text, close_names, listed, sha256_of
from immunoprofile.fcs._decode import EventTable, changed
from immunoprofile.fcs._file import Stamp
from immunoprofile.fcs._numbers import BLANKS, real_number
from immunoprofile.fcs._scale import is_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from immunoprofile.fcs._issues import Issue
    from immunoprofile.fcs._spillover import Spillover


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Sample:
    """The events of one FCS data set.

    Made by :func:`read_fcs` and :func:`sample_from_arrays`. Nothing in it can be changed.

    Attributes
    ----------
    name : str
        Stem of the file's name.
    path : Path or None
        The file; None for events that were made in memory.
    version : str
        ``2.0``, ``3.0``, ``3.1``, ``3.2``; empty in memory.
    n_events : int
    detectors : tuple of str
        ``$PnN`` of the chosen channels, as written.
    labels : tuple of (str or None)
        ``$PnS``; None where there is none.
    keywords : mapping of str to str
        All keywords of TEXT, primary and supplemental, upper case; values as written.
    analysis : mapping of str to str
        Keywords of the ANALYSIS segment; empty where there is none.
    ranges : ndarray of float64, shape (n_channels,)
        ``$PnR``; NaN where it cannot be used.
    amplification : ndarray of float64, shape (n_channels, 2)
        ``$PnE``: decades and offset, an offset of 0 repaired to 1.
    datatype : str
        ``$DATATYPE``: ``I``, ``F`` or ``D``.
    integer_log : ndarray of bool, shape (n_channels,)
        Integers with log amplification.
    scale : str
        ``linear`` or ``stored``: what the events are.
    bits : str
        ``mask`` or ``keep``: whether integers were masked by ``$PnR``.
    spillover : Spillover or None
        As the file gives it; never applied.
    legacy_compensation : ndarray or None
        ``$COMP`` or ``$DFCmTOn``, percent; never applied.
    issues : tuple of Issue
        What was found in the file.

    Examples
    --------
    >>> import numpy as np
    >>> from immunoprofile.fcs import sample_from_arrays
    >>> sample = sample_from_arrays(np.ones((5, 2)), ["FSC-A", "FL1-A"], labels=[None, "CD4"])
    >>> sample.n_events, sample.index("FL1-A"), sample.labels
    (5, 1, (None, 'CD4'))
    """

    name: str
    path: Path | None
    version: str
    n_events: int
    detectors: tuple[str, ...]
    labels: tuple[str | None, ...]
    keywords: Mapping[str, str]
    ranges: NDArray[np.float64]
    amplification: NDArray[np.float64]
    datatype: str
    integer_log: NDArray[np.bool_]
    analysis: Mapping[str, str] = field(default_factory=dict)
    scale: str = "linear"
    bits: str = "mask"
    spillover: Spillover | None = None
    legacy_compensation: NDArray[np.float64] | None = None
    issues: tuple[Issue, ...] = ()
    positions: tuple[int, ...] = ()
    """Places of the chosen channels among those of the file, from 0."""
    data_set: int = 1
    """Which data set of the file, from 1."""
    _table: EventTable | None = field(default=None)
    _stamp: Stamp | None = field(default=None)
    _reading: Any = field(default=None)
    _cache: dict[str, Any] = field(default_factory=dict)  # the one thing that changes: what was computed once

    def __post_init__(self) -> None:
        object.__setattr__(self, "keywords", MappingProxyType(dict(self.keywords)))
        object.__setattr__(self, "analysis", MappingProxyType(dict(self.analysis)))
        for array in (self.ranges, self.amplification, self.integer_log):
            array.flags.writeable = False

    @property
    def n_channels(self) -> int:
        """Number of chosen channels."""
        return len(self.detectors)

    # -- events ------------------------------------------------------------------------------------------

    def _events_table(self) -> EventTable:
        if self._table is None:
            raise FcsError(
                self.path,
                "metadata-only",
                problem="the events were left out when the file was read",
                hint="read_fcs(path) without metadata_only=True reads them",
            )
        return self._table

    @property
    def events(self) -> NDArray[Any]:
        """All events, shape (n_events, n_channels), read-only; float32 where every value is exact in it."""
        if "events" not in self._cache:
            self._cache["events"] = self._events_table().events()
        events: NDArray[Any] = self._cache["events"]
        return events

    def block(self, start: int, stop: int, columns: Sequence[int | str] | None = None) -> NDArray[np.float64]:
        """Decode some events.

        Parameters
        ----------
        start, stop : int
            Events, as in a slice.
        columns : sequence of int or str, optional
            Channels in the order wanted; by default all.

        Returns
        -------
        ndarray of float64, shape (stop - start, n_columns), C-contiguous
        """
        table = self._events_table()
        first, last, _ = slice(start, stop).indices(self.n_events)
        chosen = range(self.n_channels) if columns is None else [self.index(column) for column in columns]
        return table.block(first, max(first, last), chosen)

    def column(self, channel: int | str) -> NDArray[np.float64]:
        """Decode all events of one channel, shape (n_events,)."""
        return self.block(0, self.n_events, [channel])[:, 0]

    def raw_float32(self) -> NDArray[np.float32] | None:
        """Give the events as native float32 that needs no scale, where they lie or were decoded at opening.

        Returns
        -------
        ndarray of float32, shape (n_events, n_channels), read-only, or None
            C-contiguous. In a mapped file it may start at any byte: see ``flags.aligned``. None where float32
            would not hold every value, where a gain or an amplification applies, and where nothing is held.
        """
        lying = self._events_table().native()
        if lying is None or lying.dtype != np.float32:
            return None
        return lying

    @property
    def time_seconds(self) -> NDArray[np.float64] | None:
        """Time of each event: channel Time times ``$TIMESTEP``; None without either."""
        step = real_number(self.keywords.get("$TIMESTEP", ""))
        clocks = [i for i, name in enumerate(self.detectors) if is_time(name)]
        if step is None or step <= 0 or not clocks:
            return None
        with np.errstate(over="ignore"):  # a step past all reason gives infinite times
            return self.column(clocks[0]) * step

    # -- names -------------------------------------------------------------------------------------------

    def index(self, detector: int | str) -> int:
        """Give the place of a detector among the channels.

        Raises
        ------
        FcsError
            ``channel-unknown``, ``channel-ambiguous``.
        """
        return channel_index(detector, self.detectors, self.path or self.name)

    @property
    def content_id(self) -> str:
        """SHA-256 of the file's bytes (of names and events, where there is no file), in hexadecimal.

        A further data set of one file adds its number.

        Raises
        ------
        FcsError
            ``io``: the file has gone or changed since it was read.
        """
        if "content_id" not in self._cache:
            self._cache["content_id"] = (
                self._content_of_memory() if self.path is None else self._content_of_file(self.path)
            )
        return str(self._cache["content_id"])

    def _content_of_file(self, path: Path) -> str:
        try:
            if self._stamp is not None and Stamp.of(path.stat()) != self._stamp:
                raise changed(str(path))
            digest = sha256_of(path)
        except OSError as error:
            raise FcsError(path, "io", problem=f"the system refuses: {error.strerror}") from error
        if self.data_set == 1:
            return digest
        return hashlib.sha256(f"{digest}:{self.data_set}".encode()).hexdigest()

    def _content_of_memory(self) -> str:
        named = (*self.detectors, *(label or "" for label in self.labels))
        digest = hashlib.sha256("\0".join(named).encode())
        events = np.ascontiguousarray(self.events)
        little = events.astype(events.dtype.newbyteorder("<"), copy=False)
        digest.update(f"{little.dtype.str}{little.shape}".encode())
        if little.size:
            digest.update(little.view(np.uint8).data)
        return digest.hexdigest()

    # -- a value among values ----------------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        """Whether both are the same channels of the same content, read the same way."""
        if not isinstance(other, Sample):
            return NotImplemented
        same = (self.detectors, self.n_events, self.scale, self.bits, self.positions) == (
            other.detectors, other.n_events, other.scale, other.bits, other.positions,
        )  # fmt: skip
        return same and self.content_id == other.content_id

    def __hash__(self) -> int:
        return hash((self.detectors, self.n_events, self.scale, self.positions))

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel by path, not by events; a sample in memory takes its events along."""
        if self.path is not None:
            from immunoprofile.fcs._read import reopened

            return reopened, (str(self.path), self._reading)
        given = {
            "labels": self.labels, "ranges": np.array(self.ranges), "spillover": self.spillover,
            "keywords": dict(self.keywords), "name": self.name,
        }  # fmt: skip
        return _from_memory, (np.array(self.events), self.detectors, given)

    def _facts(self) -> list[tuple[str, object]]:
        kind = f"FCS {self.version}" if self.version else "in memory"
        shown = [label or name for name, label in zip(self.detectors, self.labels, strict=True)]
        warned = [issue.code for issue in self.issues if issue.level == "warning"]
        return [
            ("events", f"{self.n_events:,} x {self.n_channels} channels ({kind})"),
            ("channels", ", ".join(shown[:8]) + (f" and {len(shown) - 8} more" if len(shown) > 8 else "")),
            (
                "spillover",
                f"{len(self.spillover.detectors)} detectors" if self.spillover else "none in the file",
            ),
            ("findings", ", ".join(warned) or "none"),
        ]

    def __repr__(self) -> str:
        return card_text(f"Sample {self.name}", self._facts(), following="ip.gate(sample, strategy)")

    def _repr_html_(self) -> str:
        return card_html(f"Sample {self.name}", self._facts(), following="ip.gate(sample, strategy)")


def label_of(keywords: Mapping[str, str], number: int) -> str | None:
    """Give ``$PnS`` of the channel with a number, None where it is not given or blank."""
    label = keywords.get(f"$P{number}S", "")
    return label if label.strip(BLANKS) else None


def channel_index(detector: int | str, detectors: Sequence[str], path: object) -> int:
    """Give the place of a name, or check a place."""
    if isinstance(detector, (int, np.integer)) and not isinstance(detector, bool):
        if 0 <= detector < len(detectors):
            return int(detector)
        raise FcsError(
            path,
            "channel-unknown",
            problem=f"no channel {detector}",
            hint=f"channels are counted from 0 to {len(detectors) - 1}",
        )
    if not isinstance(detector, str):
        raise TypeError(f"a channel is a name or a whole number, not {type(detector).__name__}")
    found = [i for i, name in enumerate(detectors) if name == detector]
    if len(found) == 1:
        return found[0]
    if found:
        raise FcsError(
            path,
            "channel-ambiguous",
            problem=f"{len(found)} channels are called {detector!r}",
            hint=f"ask by place: {', '.join(map(str, found[:5]))}",
        )
    near = close_names(detector, detectors) or list(detectors)
    raise FcsError(
        path,
        "channel-unknown",
        problem=f"no detector {detector!r}",
        hint=f"nearest: {listed(near)}" if near else "",
    )


def _from_memory(events: NDArray[Any], detectors: Sequence[str], given: dict[str, Any]) -> Sample:
    from immunoprofile.fcs._arrays import sample_from_arrays

    return sample_from_arrays(events, detectors, **given)
