"""Resolve the markers of a file: rules 1 to 8 in order; what is not certain is proposed, never assigned."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from immunoprofile.core import close_names
from immunoprofile.panel._hygiene import hygiene_channels, is_scatter, is_time, pulse_of, scatter_dimension
from immunoprofile.panel._keys import plain
from immunoprofile.panel._reading import Reading, is_viability_product, read_name
from immunoprofile.panel._resolution import Candidate, Resolution, ResolvedRow, near_channels
from immunoprofile.panel._tables import Names, names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from immunoprofile.panel._panel import Panel, PanelChannel

_PULSE_RANK = {"A": 0, "": 0, "H": 1, "W": 2}


class NamedChannels(Protocol):
    """What resolving needs of a sample."""

    @property
    def name(self) -> str:
        """Name for messages."""
        ...

    @property
    def detectors(self) -> tuple[str, ...]:
        """$PnN."""
        ...

    @property
    def labels(self) -> tuple[str | None, ...]:
        """$PnS, None where there is none."""
        ...

    @property
    def keywords(self) -> Mapping[str, str]:
        """Keywords, upper case."""
        ...


@dataclass(frozen=True, slots=True)
class ChannelReading:
    """What the names of one channel tell.

    Attributes
    ----------
    reading : Reading
    from_detector : bool
        Read from $PnN, because $PnS says nothing.
    """

    reading: Reading
    from_detector: bool


def read_channel(detector: str, label: str, table: Names) -> ChannelReading:
    """Read the label, or the detector where the label is empty, repeats it, or is a bare dye (rule 3)."""
    if is_time(detector, label) or is_scatter(detector, label):
        return ChannelReading(Reading(kind="none", reason="time or scatter"), from_detector=True)
    told = read_name(label, table)
    repeats = plain(label).casefold() == plain(detector).casefold()
    if told.kind != "dye" and plain(label) and not repeats:
        return ChannelReading(told, from_detector=False)
    own = read_name(detector, table)
    if own.kind == "viability" and not is_viability_product(detector, table):
        own = Reading(kind="dye")  # a detector named after 7-AAD is no label
    return ChannelReading(own, from_detector=True)


def resolve(panel: Panel, sample: NamedChannels, *, site: str | None = None) -> Resolution:
    """Resolve the markers of a sample; see :meth:`Panel.resolve`."""
    work = _Work.of(panel, sample, site=site)
    rows = tuple(_row(work, channel) for channel in panel.channels if channel.kind != "ignore")
    channels = dict(work.hygiene)
    channels.update({row.marker: row.channel for row in rows if row.channel is not None})
    if "Viability" not in channels and panel.viability is None:
        found = [i for i, read in enumerate(work.readings) if read.reading.kind == "viability"]
        best = _best_pulse(work, found)
        if len(best) == 1:
            channels["Viability"] = best[0]
    return Resolution(
        name=sample.name,
        rows=rows,
        channels=channels,
        detectors=tuple(sample.detectors),
        labels=label_texts(sample),
        signature=signature(sample),
    )


def label_texts(sample: NamedChannels) -> tuple[str, ...]:
    """Give the labels as texts, empty where a channel has none."""
    return tuple(label or "" for label in sample.labels)


def signature(sample: NamedChannels) -> str:
    """Hash the ordered names and the cytometer of a file, as a known file is told from a new one."""
    named = [
        list(map(list, zip(sample.detectors, label_texts(sample), strict=True))),
        sample.keywords.get("$CYT", ""),
    ]
    return hashlib.sha256(json.dumps(named, ensure_ascii=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """A sample on its way through the rules."""

    panel: Panel
    detectors: tuple[str, ...]
    labels: tuple[str, ...]
    table: Names
    scopes: tuple[str, ...]
    hygiene: dict[str, int]
    readings: tuple[ChannelReading, ...]

    @classmethod
    def of(cls, panel: Panel, sample: NamedChannels, *, site: str | None) -> _Work:
        detectors, labels = tuple(sample.detectors), label_texts(sample)
        scopes = panel.scopes_of(sample.keywords, site)
        table = names(panel.extra_names)
        readings = tuple(read_channel(d, label, table) for d, label in zip(detectors, labels, strict=True))
        ignored = {
            index
            for channel in panel.channels
            if channel.kind == "ignore"
            for wanted in panel.detectors_of(channel, scopes)
            if (index := find_detector(detectors, wanted)) is not None
        }
        taken = _declared(panel, scopes, detectors)
        silent = ChannelReading(Reading(kind="none", reason="declared elsewhere"), from_detector=True)
        readings = tuple(silent if i in ignored | taken else r for i, r in enumerate(readings))
        return cls(
            panel=panel,
            detectors=detectors,
            labels=labels,
            table=table,
            scopes=scopes,
            hygiene={
                k: v for k, v in hygiene_channels(detectors, labels).items() if v not in ignored | taken
            },
            readings=readings,
        )


def _declared(panel: Panel, scopes: tuple[str, ...], detectors: tuple[str, ...]) -> set[int]:
    """Channels that a declaration takes: no other marker may be read from them."""
    taken = set()
    for channel in panel.channels:
        if channel.kind == "ignore":
            continue
        found = (find_detector(detectors, wanted) for wanted in panel.detectors_of(channel, scopes))
        first = next((index for index in found if index is not None), None)
        if first is not None:
            taken.add(first)
    return taken


def find_detector(detectors: Sequence[str], wanted: str) -> int | None:
    """Find a declared detector: exactly after trimming, then without case where that is unique (rule 1)."""
    trimmed = [detector.strip() for detector in detectors]
    for form in (str, str.casefold):
        same = [i for i, detector in enumerate(trimmed) if form(detector) == form(wanted.strip())]
        if len(same) == 1:
            return same[0]
    return None


def _row(work: _Work, channel: PanelChannel) -> ResolvedRow:
    declared = work.panel.detectors_of(channel, work.scopes)
    for wanted in declared:
        index = find_detector(work.detectors, wanted)
        if index is not None:
            return _resolved(work, channel, index=index, rule=1, confidence="declared")
    if declared and not channel.detectors_fallback:
        gone = tuple(
            Candidate(detector=d, label=label, reason=f"declared {declared[0]!r} is not in the file")
            for d, label in _near_detectors(work, declared[0])
        )
        return _unresolved(work, channel, state="missing", candidates=gone)
    if channel.kind == "marker":
        return _by_marker(work, channel)
    return _by_kind(work, channel)


def _near_detectors(work: _Work, wanted: str) -> list[tuple[str, str]]:
    label_of = dict(zip(work.detectors, work.labels, strict=True))
    return [(name, label_of[name]) for name in close_names(wanted, work.detectors) if name in label_of]


def _by_kind(work: _Work, channel: PanelChannel) -> ResolvedRow:
    """Find time, scatter and viability."""
    if channel.kind == "viability":
        found = [i for i, read in enumerate(work.readings) if read.reading.kind == "viability"]
        return _picked(work, channel, found=found, rule=4)
    dimension = channel.dimension
    index = work.hygiene.get(dimension)
    if index is None:
        return _unresolved(work, channel, state="missing", candidates=())
    return _resolved(work, channel, index=index, rule=2, confidence="exact")


def _by_marker(work: _Work, channel: PanelChannel) -> ResolvedRow:
    found = [
        i
        for i, read in enumerate(work.readings)
        if read.reading.kind == "marker" and read.reading.markers == (channel.dimension,)
    ]
    if found:
        return _picked(work, channel, found=found, rule=0)
    shared = [i for i, read in enumerate(work.readings) if channel.dimension in read.reading.markers]
    candidates = tuple(_candidate(work, i, work.readings[i].reading.reason) for i in shared)[:5]
    near = candidates or near_channels(channel.dimension, work.detectors, work.labels)
    return _unresolved(work, channel, state="ambiguous" if shared else "missing", candidates=near)


def _picked(work: _Work, channel: PanelChannel, *, found: list[int], rule: int) -> ResolvedRow:
    """Take the one channel, or area before height before width (rule 7)."""
    if not found:
        near = (
            ()
            if channel.kind == "viability"
            else near_channels(channel.dimension, work.detectors, work.labels)
        )
        return _unresolved(work, channel, state="missing", candidates=near)
    best = _best_pulse(work, found)
    if len(best) > 1:
        both = tuple(_candidate(work, i, f"carries {channel.dimension} too") for i in best)
        return _unresolved(work, channel, state="duplicate", candidates=both[:5])
    reading = work.readings[best[0]].reading
    own = work.table.keys_of(channel.dimension)[0]
    exact = reading.spelled[:1] == (own,) and len(set(reading.spelled)) == 1
    decided = 7 if len(found) > 1 else rule or _rule_of(work.readings[best[0]])
    return _resolved(work, channel, index=best[0], rule=decided, confidence="exact" if exact else "alias")


def _rule_of(read: ChannelReading) -> int:
    if len(set(read.reading.spelled)) > 1:
        return 5
    return 3 if read.reading.alone else 4


def _best_pulse(work: _Work, found: list[int]) -> list[int]:
    ranks = {i: _PULSE_RANK[pulse_of(work.detectors[i], work.labels[i])] for i in found}
    return [i for i in found if ranks[i] == min(ranks.values())]


def _candidate(work: _Work, index: int, reason: str) -> Candidate:
    return Candidate(detector=work.detectors[index], label=work.labels[index], reason=reason)


def _resolved(work: _Work, channel: PanelChannel, *, index: int, rule: int, confidence: str) -> ResolvedRow:
    dimension = channel.dimension
    if channel.kind == "scatter" and not channel.names_scatter:
        dimension = scatter_dimension(work.detectors[index], work.labels[index]) or dimension
    return ResolvedRow(
        id=channel.id,
        marker=dimension,
        state="resolved",
        channel=index,
        detector=work.detectors[index],
        label=work.labels[index],
        rule=rule,
        confidence=confidence,
    )


def _unresolved(
    work: _Work, channel: PanelChannel, *, state: str, candidates: tuple[Candidate, ...]
) -> ResolvedRow:
    return ResolvedRow(
        id=channel.id,
        marker=channel.dimension,
        state=state,  # type: ignore[arg-type]  # one of the literal states, given above
        channel=None,
        detector="",
        label="",
        rule=8,
        confidence="",
        candidates=candidates,
    )
