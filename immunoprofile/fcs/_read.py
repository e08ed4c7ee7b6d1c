"""The reader: HEADER, TEXT, layout, place of DATA, scale, events - each step in its own module."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from immunoprofile.core import choose
from immunoprofile.fcs._decode import EventTable, open_store
from immunoprofile.fcs._file import FcsLimits, InputFile
from immunoprofile.fcs._header import Span, read_header
from immunoprofile.fcs._issues import MODES, Findings, Mode, emit, listing
from immunoprofile.fcs._layout import check_mode, count_parameters, read_widths
from immunoprofile.fcs._locate import locate_data
from immunoprofile.fcs._numbers import real_number
from immunoprofile.fcs._sample import Sample, channel_index
from immunoprofile.fcs._scale import Scaling, read_scales
from immunoprofile.fcs._scan import scan
from immunoprofile.fcs._spillover import read_legacy_compensation, read_spillover
from immunoprofile.fcs._tail import analysis_span, check_tail, next_data_set
from immunoprofile.fcs._text import add_supplemental, read_text, supplemental_span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from immunoprofile.fcs._header import Header
    from immunoprofile.fcs._layout import Layout
    from immunoprofile.fcs._locate import Events
    from immunoprofile.fcs._scale import Scales
    from immunoprofile.fcs._spillover import Spillover

Scale = Literal["linear", "stored"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a file is read; the parameters of :func:`read_fcs`."""

    mode: Mode = "default"
    channels: tuple[int | str, ...] | None = None
    scale: Scale = "linear"
    metadata_only: bool = False
    mmap: bool = True
    limits: FcsLimits = field(default_factory=FcsLimits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Which data set of a file is read, and how."""

    options: Options
    base: int = 0
    number: int = 1
    chained: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What HEADER and TEXT of a data set say."""

    header: Header
    keywords: dict[str, str]
    layout: Layout
    events: Events
    end: int
    following: int | None
    names: tuple[str, ...]
    scales: Scales
    spillover: Spillover | None
    legacy_compensation: NDArray[np.float64] | None


def read_fcs(
    path: str | Path,
    *,
    mode: Mode = "default",
    channels: Sequence[int | str] | None = None,
    scale: Scale = "linear",
    metadata_only: bool = False,
    mmap: bool = True,
    limits: FcsLimits | None = None,
) -> Sample:
    """Read an FCS file (2.0, 3.0, 3.1, 3.2; list mode).

    What is returned is right, or the file is refused. A repair is a finding: in ``sample.issues`` and, from
    level warning, an ``FcsWarning``.

    Parameters
    ----------
    path : str or Path
    mode : {"default", "strict", "force"}
        ``strict``: a warning is an error. ``force``: a truncated file gives its whole events.
    channels : sequence of int or str, optional
        Detectors, by ``$PnN`` or place from 0, in the order wanted; by default all.
    scale : {"linear", "stored"}
        ``linear`` applies amplification and gain as the standard says; ``stored`` gives the file's numbers.
    metadata_only : bool
        Leave the events out; only HEADER and TEXT are read.
    mmap : bool
        Map DATA of 16 MB and more instead of reading it block by block. Not for files that may shrink.
    limits : FcsLimits, optional
        Bounds against hostile files.

    Returns
    -------
    Sample
        Of the first data set, where there are several.

    Raises
    ------
    FcsError
        Every failure, with a code of :func:`immunoprofile.explain`.

    Warns
    -----
    FcsWarning
        Every repair.
    """
    options = _options(
        mode=mode, channels=channels, scale=scale, metadata_only=metadata_only, mmap=mmap, limits=limits
    )
    sample = read_quietly(path, options)
    emit(sample.issues, path, stacklevel=2)
    return sample


def read_fcs_all(
    path: str | Path,
    *,
    mode: Mode = "default",
    scale: Scale = "linear",
    metadata_only: bool = False,
    limits: FcsLimits | None = None,
) -> tuple[Sample, ...]:
    """Read every data set of an FCS file; see :func:`read_fcs`.

    The sets of a Beckman LMD file hold the same events twice: do not join them.

    Returns
    -------
    tuple of Sample
    """
    options = _options(
        mode=mode, channels=None, scale=scale, metadata_only=metadata_only, mmap=True, limits=limits
    )
    samples: list[Sample] = []
    base: int | None = 0
    while base is not None:
        findings = Findings(path, options.mode)
        if len(samples) >= options.limits.data_sets:
            raise findings.error(
                "limit",
                f"the file has more than {options.limits.data_sets} data sets",
                keyword="$NEXTDATA",
                hint="raise it by limits=FcsLimits(data_sets=...)",
            )
        reading = Reading(options=options, base=base, number=len(samples) + 1, chained=True)
        with InputFile(path, findings) as file:
            sample, base = _read_set(file, reading, path=path)
        emit(sample.issues, path, stacklevel=2)
        samples.append(sample)
    return tuple(samples)


def read_quietly(path: str | Path, options: Options) -> Sample:
    """Read the first data set; warnings stay in ``sample.issues``."""
    with InputFile(path, Findings(path, options.mode)) as file:
        return _read_set(file, Reading(options=options), path=path)[0]


def reopened(path: str, reading: Reading) -> Sample:
    """Read a sample again that has travelled to another process as a path."""
    with InputFile(path, Findings(path, reading.options.mode)) as file:
        facts = _read_facts(file, reading)
        return _sample_of(file, facts, reading, path=path)


def _options(
    *,
    mode: str,
    channels: Sequence[int | str] | None,
    scale: str,
    metadata_only: bool,
    mmap: bool,
    limits: FcsLimits | None,
) -> Options:
    chosen = (channels,) if isinstance(channels, (int, str)) else channels
    return Options(
        mode=cast("Mode", choose(mode, MODES, what="mode")),
        channels=None if chosen is None else tuple(chosen),
        scale=cast("Scale", choose(scale, ("linear", "stored"), what="scale")),
        metadata_only=metadata_only,
        mmap=mmap,
        limits=limits or FcsLimits(),
    )


def _read_set(file: InputFile, reading: Reading, *, path: str | Path) -> tuple[Sample, int | None]:
    """Read a data set; give it and the first byte of the next."""
    facts = _read_facts(file, reading)
    return _sample_of(file, facts, reading, path=path), facts.following


def _read_facts(file: InputFile, reading: Reading) -> Facts:
    """Read all that HEADER and TEXT say, and check it against the size of the file."""
    findings, limits = file.findings, reading.options.limits
    header = read_header(file, reading.base)
    keywords, header = read_text(file, header, limits)
    count = count_parameters(keywords, findings, limits)
    check_mode(keywords, header.version, findings)
    widths = read_widths(keywords, count, version=header.version, findings=findings)
    supplemental = supplemental_span(file, header, keywords)
    events = locate_data(file, header, keywords, widths=widths, supplemental=supplemental)
    ends = [header.text.end, events.end, *(span.end for span in header.others)]
    if supplemental is not None:
        ends.append(supplemental.end)
        place = Span(events.begin, events.begin + events.count * widths.layout.stride - 1)
        add_supplemental(keywords, supplemental, file=file, header=header, data=place, limits=limits)
    names = _names(keywords, count, version=header.version, findings=findings)
    scales = read_scales(keywords, names, layout=widths.layout, version=header.version, findings=findings)
    _check_timestep(keywords, findings)
    analysis = analysis_span(file, header, keywords)
    if analysis is not None:
        ends.append(analysis.end)
    following = next_data_set(file, header, keywords)
    if following is not None and not reading.chained:
        findings.warn(
            "multiple-datasets", "the file has further data sets; the first was read", keyword="$NEXTDATA"
        )
    return Facts(
        header=header,
        keywords=keywords,
        layout=widths.layout,
        events=events,
        end=max(ends),
        following=following,
        names=names,
        scales=scales,
        spillover=read_spillover(keywords, names, findings),
        legacy_compensation=read_legacy_compensation(keywords, count, findings),
    )


def _open_events(file: InputFile, facts: Facts, chosen: tuple[int, ...], *, reading: Reading) -> EventTable:
    """Hold the events, and look through them once."""
    check_tail(file, facts.header, end=facts.end, following=facts.following)
    store = open_store(
        file,
        reading.base + facts.events.begin,
        facts.events.count,
        stride=facts.layout.stride,
        use_map=reading.options.mmap,
    )
    linear = reading.options.scale == "linear"
    table = EventTable(
        store=store,
        layout=facts.layout,
        columns=chosen,
        scalings=tuple(facts.scales.scalings[i] if linear else Scaling() for i in chosen),
        count=facts.events.count,
    )
    scan(table, [facts.names[i] for i in chosen], file.findings)
    return table


def _sample_of(file: InputFile, facts: Facts, reading: Reading, *, path: str | Path) -> Sample:
    options, keywords = reading.options, facts.keywords
    chosen = tuple(range(len(facts.names)))
    if options.channels is not None:
        chosen = tuple(channel_index(channel, facts.names, path) for channel in options.channels)
    table = None if options.metadata_only else _open_events(file, facts, chosen, reading=reading)
    picked = np.array(chosen, dtype=np.intp)
    return Sample(
        name=Path(path).stem,
        path=Path(path),
        version=facts.header.version,
        n_events=facts.events.count,
        detectors=tuple(facts.names[i] for i in chosen),
        labels=tuple(keywords.get(f"$P{i + 1}S", "") for i in chosen),
        keywords=keywords,
        ranges=facts.scales.ranges[picked],
        amplification=facts.scales.amplification[picked],
        datatype=keywords["$DATATYPE"].strip().upper(),
        integer_log=facts.scales.integer_log[picked],
        scale=options.scale,
        spillover=facts.spillover,
        legacy_compensation=facts.legacy_compensation,
        issues=file.findings.issues,
        positions=chosen,
        data_set=reading.number,
        _table=table,
        _stamp=file.stamp,
        _reading=reading,
    )


def _names(keywords: Mapping[str, str], count: int, *, version: str, findings: Findings) -> tuple[str, ...]:
    names, missing = [], []
    for number in range(1, count + 1):
        name = keywords.get(f"$P{number}N", "")
        if not name.strip():
            missing.append(f"$P{number}N")
            name = f"P{number}"
        names.append(name)
    if missing:
        findings.graded(
            "name-missing",
            f"named by their places: {listing(missing)}",
            warn=version >= "3.0",
            keyword=missing[0],
        )
    if len(set(names)) < len(names):
        twice = sorted(name for name, times in Counter(names).items() if times > 1)
        findings.warn("duplicate-names", f"detectors of one name: {listing(twice)}")
    return tuple(names)


def _check_timestep(keywords: Mapping[str, str], findings: Findings) -> None:
    text = keywords.get("$TIMESTEP")
    if text is None:
        return
    step = real_number(text)
    if step is None or step <= 0:
        findings.warn(
            "timestep-invalid",
            "$TIMESTEP is no number above 0; there is no time in seconds",
            keyword="$TIMESTEP",
        )
