"""The reader's door: options, one data set or all, events held or left out."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from immunoprofile.core import choose
from immunoprofile.fcs._decode import EventTable, open_store
from immunoprofile.fcs._facts import read_facts
from immunoprofile.fcs._file import FcsLimits, InputFile
from immunoprofile.fcs._issues import MODES, Findings, Mode, emit
from immunoprofile.fcs._sample import Sample, channel_index, label_of
from immunoprofile.fcs._scale import Scaling
from immunoprofile.fcs._scan import scan
from immunoprofile.fcs._tail import check_tail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from immunoprofile.fcs._facts import Facts

Scale = Literal["linear", "stored"]
Bits = Literal["mask", "keep"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a file is read; the parameters of :func:`read_fcs`."""

    mode: Mode = "default"
    scale: Scale = "linear"
    channels: tuple[int | str, ...] | None = None
    bits: Bits = "mask"
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


def read_fcs(  # noqa: PLR0913, PLR0917 - the options of one reading, each with a default
    path: str | Path,
    mode: Mode = "default",
    scale: Scale = "linear",
    channels: Sequence[int | str] | None = None,
    bits: Bits = "mask",
    limits: FcsLimits | None = None,
    *,
    metadata_only: bool = False,
    mmap: bool = True,
) -> Sample:
    """Read an FCS file (2.0, 3.0, 3.1, 3.2; list mode).

    What is returned is right, or the file is refused. A repair is a finding: in ``sample.issues`` and, from
    level warning, an ``FcsWarning``.

    Parameters
    ----------
    path : str or Path
    mode : {"default", "strict", "force"}
        ``strict``: a warning is an error. ``force``: a truncated file gives its whole events.
    scale : {"linear", "stored"}
        ``linear`` applies amplification and gain as the standard says; ``stored`` gives the file's numbers.
    channels : sequence of int or str, optional
        Detectors, by ``$PnN`` or place from 0, in the order wanted; by default all.
    bits : {"mask", "keep"}
        ``mask`` takes away the bits of integers above ``$PnR``, as the standard asks; ``keep`` leaves them.
    limits : FcsLimits, optional
        Bounds against hostile files.
    metadata_only : bool
        Leave the events out; only HEADER, TEXT and ANALYSIS are read.
    mmap : bool
        Map DATA of 16 MB and more. ``False`` for files that may shrink meanwhile, which would end the
        process: DATA is copied, and from 512 MB on read block by block.

    Returns
    -------
    Sample
        Of the first data set, where there are several.

    Raises
    ------
    FcsError
        Every failure of the file, with a code of :func:`immunoprofile.explain`.
    TypeError, UnknownNameError
        An argument of the wrong type, or none of the choices.

    Warns
    -----
    FcsWarning
        Every repair.
    """
    source = checked_path(path)
    options = make_options(
        mode=mode,
        scale=scale,
        channels=channels,
        bits=bits,
        limits=limits,
        metadata_only=metadata_only,
        mmap=mmap,
    )
    sample = _read_first(source, options)
    emit(sample.issues, source, stacklevel=2)
    return sample


def read_metadata(path: str | Path, mode: Mode = "default", limits: FcsLimits | None = None) -> Sample:
    """Read what HEADER, TEXT and ANALYSIS say; DATA is not touched.

    Parameters
    ----------
    path : str or Path
    mode, limits
        As for :func:`read_fcs`.

    Returns
    -------
    Sample
        Without events: asking for them is an ``FcsError`` of code ``metadata-only``.
    """
    source = checked_path(path)
    options = make_options(mode=mode, limits=limits, metadata_only=True)
    sample = _read_first(source, options)
    emit(sample.issues, source, stacklevel=2)
    return sample


def read_fcs_all(  # noqa: PLR0913, PLR0917 - the options of read_fcs
    path: str | Path,
    mode: Mode = "default",
    scale: Scale = "linear",
    channels: Sequence[int | str] | None = None,
    bits: Bits = "mask",
    limits: FcsLimits | None = None,
    *,
    metadata_only: bool = False,
    mmap: bool = True,
) -> tuple[Sample, ...]:
    """Read every data set of an FCS file, with the options of :func:`read_fcs`.

    The sets of a Beckman LMD file hold the same events twice: do not join them.

    Parameters
    ----------
    path : str or Path
    mode, scale, channels, bits, limits, metadata_only, mmap
        As for :func:`read_fcs`.

    Returns
    -------
    tuple of Sample

    Raises
    ------
    FcsError
        As for :func:`read_fcs`, for any of the sets; ``limit`` where there are too many.

    Warns
    -----
    FcsWarning
        Every repair.
    """
    source = checked_path(path)
    options = make_options(
        mode=mode,
        scale=scale,
        channels=channels,
        bits=bits,
        limits=limits,
        metadata_only=metadata_only,
        mmap=mmap,
    )
    samples: list[Sample] = []
    base: int | None = 0
    while base is not None:
        findings = Findings(source, options.mode)
        if len(samples) >= options.limits.data_sets:
            raise findings.error(
                "limit",
                f"the file has more than {options.limits.data_sets} data sets",
                keyword="$NEXTDATA",
                hint="raise it by limits=FcsLimits(data_sets=...)",
            )
        reading = Reading(options=options, base=base, number=len(samples) + 1, chained=True)
        with InputFile(source, findings) as file:
            sample, base = read_set(file, reading, path=source)
        emit(sample.issues, source, stacklevel=2)
        samples.append(sample)
    return tuple(samples)


def reopened(path: str, reading: Reading) -> Sample:
    """Read a sample again that has travelled to another process as a path."""
    with InputFile(path, Findings(path, reading.options.mode)) as file:
        return read_set(file, reading, path=path)[0]


def _read_first(path: str | Path, options: Options) -> Sample:
    with InputFile(path, Findings(path, options.mode)) as file:
        return read_set(file, Reading(options=options), path=path)[0]


# -- arguments -----------------------------------------------------------------------------------------------


def checked_path(path: str | Path) -> str | Path:
    """See that a path is one."""
    given: object = path
    if isinstance(given, str) or (isinstance(given, os.PathLike) and isinstance(os.fspath(given), str)):
        return path
    raise TypeError(f"a path is a str or a Path, not {type(path).__name__}")


def make_options(
    *,
    mode: str = "default",
    scale: str = "linear",
    channels: Sequence[int | str] | None = None,
    bits: str = "mask",
    limits: FcsLimits | None = None,
    metadata_only: bool = False,
    mmap: bool = True,
) -> Options:
    """Check the arguments of a reading."""
    if limits is not None and not isinstance(limits, FcsLimits):
        raise TypeError(f"limits are an FcsLimits, not {type(limits).__name__}")
    return Options(
        mode=cast("Mode", _choice(mode, MODES, "mode")),
        scale=cast("Scale", _choice(scale, ("linear", "stored"), "scale")),
        channels=None if channels is None else _channels(channels),
        bits=cast("Bits", _choice(bits, ("mask", "keep"), "bits")),
        metadata_only=bool(metadata_only),
        mmap=bool(mmap),
        limits=limits or FcsLimits(),
    )


def _choice(value: Any, choices: tuple[str, ...], what: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{what} is one of {', '.join(choices)}, not {type(value).__name__}")
    return choose(value, choices, what=what)


def _channels(channels: Any) -> tuple[int | str, ...]:
    single = isinstance(channels, (str, int, np.integer))
    try:
        asked = (channels,) if single else tuple(channels)
    except TypeError as error:
        raise TypeError(
            f"channels are a list of names or whole numbers, not {type(channels).__name__}"
        ) from error
    for channel in asked:
        if isinstance(channel, bool) or not isinstance(channel, (str, int, np.integer)):
            raise TypeError(f"a channel is a name or a whole number, not {type(channel).__name__}")
    return tuple(channel if isinstance(channel, str) else int(channel) for channel in asked)


# -- one data set --------------------------------------------------------------------------------------------


def read_set(file: InputFile, reading: Reading, *, path: str | Path) -> tuple[Sample, int | None]:
    """Read a data set; give it and the first byte of the next."""
    facts = read_facts(file, reading.base, limits=reading.options.limits, chained=reading.chained)
    return _sample_of(file, facts, reading, path=path), facts.following


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
        keep_bits=reading.options.bits == "keep",
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
        labels=tuple(label_of(keywords, i + 1) for i in chosen),
        keywords=keywords,
        analysis=facts.analysis,
        ranges=facts.scales.ranges[picked],
        amplification=facts.scales.amplification[picked],
        datatype=keywords["$DATATYPE"].strip().upper(),
        integer_log=facts.scales.integer_log[picked],
        scale=options.scale,
        bits=options.bits,
        spillover=facts.spillover,
        legacy_compensation=facts.legacy_compensation,
        issues=file.findings.issues,
        positions=chosen,
        data_set=reading.number,
        _table=table,
        _stamp=file.stamp,
        _reading=reading,
    )
