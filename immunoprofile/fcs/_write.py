"""The writer: FCS 3.1 or 3.2, little-endian floats, whole or absent.

Values are linear already, so there is no gain and no amplification to be applied a second time. HEADER and
TEXT agree, no value is empty, and a file is written beside its place and then moved there.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from immunoprofile.core import FcsError, StorageError, atomic_path, choose
from immunoprofile.fcs._events import is_frame, source_of, survey
from immunoprofile.fcs._numbers import real_number
from immunoprofile.fcs._sample import Sample
from immunoprofile.fcs._scale import is_time
from immunoprofile.fcs._spillover import Spillover
from immunoprofile.fcs._write_text import (
    Form,
    Wording,
    as_spillover,
    folded_keywords,
    head_of,
    keywords_of,
    pairs_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from immunoprofile.fcs._events import EventSource

Version = Literal["3.1", "3.2"]
NO_CHECKSUM = b"00000000"
"""A checksum would cost every reader a pass over the events; the standard allows this in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A file that is ready to be written: all checks are passed."""

    head: bytes
    source: EventSource
    wide: NDArray[np.bool_]
    size: int


def write_fcs(  # noqa: PLR0913, PLR0917 - one parameter a part of the file
    path: str | Path,
    sample_or_events: Any,
    detectors: Sequence[str] | None = None,
    labels: Sequence[str | None] | None = None,
    keywords: Mapping[str, str] | None = None,
    spillover: Spillover | tuple[Sequence[str], ArrayLike] | None = None,
    version: Version | None = None,
    overwrite: bool = False,  # noqa: FBT001, FBT002 - as the reader of a call expects it
    *,
    ranges: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Path:
    """Write a conformant FCS file.

    Parameters
    ----------
    path : str or Path
    sample_or_events : Sample, DataFrame or array-like, shape (n_events, n_channels)
        Linear values, any real type. Written as 32-bit floats; as 64-bit floats where a value is not exact
        in 32 bits: all columns in 3.1, only those columns in 3.2 (``$PnDATATYPE``).
    detectors : sequence of str, optional
        ``$PnN``; by default those of the sample, or the columns of the data frame.
    labels : sequence of (str or None), optional
        ``$PnS``; None or empty where there is none.
    keywords : mapping of str to str, optional
        Further keywords; they take the place of the sample's. Keywords are written in upper case; one with
        an empty value is left out. Those that describe DATA and channels (``$TOT``, ``$PAR``, ``$PnR``,
        ``$PnG`` ...) are left to the writer and ignored here, so that the keywords of another sample can be
        given; ``$PnS`` and ``$SPILLOVER`` count where `labels` and `spillover` are not given.
    spillover : Spillover or (detectors, matrix), optional
        ``$SPILLOVER``.
    version : {"3.1", "3.2"}, optional
        3.1 by default. In 3.2, ``$CYT`` must be there: ``unknown`` where it is not given.
    overwrite : bool
        Whether a file that exists is replaced.
    ranges : array-like, shape (n_channels,), optional
        ``$PnR``; 262144 by default; raised above the largest value.
    where : array-like of bool, shape (n_events,), optional
        Write only these events.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    FcsError
        ``write-exists``, ``write-names``, ``write-values``, ``io``. The target is then as it was.
    StorageError
        ``disk_full``.

    Notes
    -----
    Read back, events are equal bit by bit, and so are labels, spillover and all keywords that do not
    describe DATA. A sample's spillover keyword that cannot be read is left out. What the content itself asks
    for is still found on reading: NaN, a spillover that cannot be inverted or names detectors which the file
    does not have, a sample's ``$TIMESTEP`` that is no number.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from immunoprofile.fcs import read_fcs, write_fcs
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_fcs(f"{folder}/a.fcs", np.ones((5, 2)), ["FSC-A", "FL1-A"], labels=[None, "CD4"])
    ...     read_fcs(path).labels
    (None, 'CD4')
    """
    target = Path(path)
    refuse_existing(target, overwrite=overwrite)
    if isinstance(sample_or_events, Sample):
        refuse_unwritable(sample_or_events, target)
    plan = plan_file(
        target,
        sample_or_events,
        detectors,
        labels=labels,
        keywords=keywords,
        spillover=spillover,
        version=version,
        ranges=ranges,
        where=where,
    )
    store(target, plan)
    return target


def plan_file(  # noqa: PLR0913 - the parts of write_fcs
    target: Path,
    events: Any,
    detectors: Sequence[str] | None = None,
    *,
    labels: Sequence[str | None] | None = None,
    keywords: Mapping[str, str] | None = None,
    spillover: Any = None,
    version: Version | None = None,
    ranges: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Plan:
    """Check everything, look through the events, and lay out HEADER and TEXT."""
    chosen = "3.1" if version is None else choose(version, ("3.1", "3.2"), what="version")
    extra = folded_keywords(keywords, target)
    matrix = as_spillover(spillover, target)
    if isinstance(events, Sample):
        if matrix is None:
            matrix = _renamed(events, detectors)
        extra = {**keywords_of(events), **extra}
        detectors = events.detectors if detectors is None else detectors
        labels = events.labels if labels is None else labels
        ranges = _ranges_of(events) if ranges is None else ranges
    elif detectors is None and is_frame(events):
        detectors = tuple(events.columns)
    if detectors is None:
        raise TypeError("detectors are needed, unless a Sample or a DataFrame is written")
    source = source_of(events, target, where)
    found = survey(source)
    wide = found.wide if chosen == "3.2" else np.full(source.channels, found.wide.any())
    count = source.count
    size = count * int(np.where(wide, 8, 4).sum())
    form = Form(version=chosen, wide=wide, top=found.top, count=count)
    wording = Wording(detectors=detectors, labels=labels, ranges=ranges, spillover=matrix, keywords=extra)
    head = head_of(pairs_of(form, wording, target), size, version=chosen, path=target)
    return Plan(head=head, source=source, wide=wide, size=size)


def refuse_unwritable(sample: Sample, target: Path) -> None:
    """Refuse a sample without linear events, and one whose own file is the target."""
    stored = sample.scale == "stored" and any(_differs(sample, i) for i in range(sample.n_channels))
    if stored or sample._table is None:  # of the same room
        raise FcsError(
            target,
            "write-values",
            problem="the sample holds stored numbers, not linear ones"
            if stored
            else "the sample holds no events",
            hint='read it with scale="linear" and with its events',
        )
    if sample.path is None:
        return
    with contextlib.suppress(OSError):  # one of them is not there
        if target.samefile(sample.path):
            raise FcsError(
                target,
                "write-exists",
                problem="source and target are the same file",
                hint="name another file",
            )


def _differs(sample: Sample, i: int) -> bool:
    """Whether the linear numbers of a channel are other than the stored ones."""
    gain = real_number(sample.keywords.get(f"$P{sample.positions[i] + 1}G", ""))
    gained = gain is not None and gain > 0 and gain != 1 and not is_time(sample.detectors[i])
    return bool(sample.integer_log[i]) or gained


def _ranges_of(sample: Sample) -> NDArray[np.float64]:
    """Ranges on the linear scale: that of a log channel is its decades."""
    with np.errstate(all="ignore"):
        logs = 10.0 ** sample.amplification[:, 0] * sample.amplification[:, 1]
    return np.where(sample.integer_log & np.isfinite(logs), np.fmax(logs, sample.ranges), sample.ranges)


def _renamed(sample: Sample, detectors: Sequence[str] | None) -> Spillover | None:
    """Give the sample's spillover, its detectors under their new names."""
    found = sample.spillover
    if found is None or detectors is None:
        return found
    names = dict(zip((name.strip() for name in sample.detectors), detectors, strict=False))
    return Spillover(
        detectors=tuple(names.get(name.strip(), name) for name in found.detectors), matrix=found.matrix
    )


def refuse_existing(target: Path, *, overwrite: bool) -> None:
    """Refuse a path that is taken."""
    try:
        is_folder, is_there = target.is_dir(), target.exists() or target.is_symlink()
    except (OSError, ValueError) as error:
        raise FcsError(target, "io", problem=f"the system refuses: {error}") from error
    if is_folder or (is_there and not overwrite):
        hint = "the path is a folder" if is_folder else "overwrite=True replaces it"
        raise FcsError(target, "write-exists", problem="the path is taken", hint=hint)


# -- bytes ---------------------------------------------------------------------------------------------------


def store(target: Path, plan: Plan, *, inspect: Callable[[Path], None] | None = None) -> None:
    """Write a file beside its place and move it there.

    Parameters
    ----------
    target : Path
    plan : Plan
    inspect : callable, optional
        Sees the finished file under its temporary name; if it raises, the file is thrown away.
    """
    made = [folder for folder in (target.parent, *target.parent.parents) if not _is_there(folder)]
    try:
        with atomic_path(target, size=plan.size) as temporary:
            with temporary.open("wb") as stream:
                stream.write(plan.head)
                for block in _bytes(plan):
                    stream.write(block)
                stream.write(NO_CHECKSUM)
            if inspect is not None:
                inspect(temporary)
    except BaseException as error:
        for folder in made:
            with contextlib.suppress(OSError):
                folder.rmdir()
        told = isinstance(error, StorageError) and error.code == "disk_full"
        if told or not isinstance(error, (OSError, ValueError)):
            raise
        reason = getattr(error, "strerror", None) or error
        raise FcsError(target, "io", problem=f"the system refuses: {reason}") from error


def _is_there(folder: Path) -> bool:
    try:
        return folder.exists()
    except (OSError, ValueError):
        return True


def _bytes(plan: Plan) -> Iterator[memoryview]:
    wide = plan.wide
    if wide.all() or not wide.any():
        dtype = np.dtype("<f8" if wide.all() else "<f4")
        for block in plan.source.blocks():
            # no value changes: the survey saw that float32 holds all of them
            yield np.ascontiguousarray(block, dtype=dtype).data.cast("B")
        return
    record = np.dtype([(f"{i}", "<f8" if is_wide else "<f4") for i, is_wide in enumerate(wide)])
    for block in plan.source.blocks():
        out = np.empty(len(block), dtype=record)
        for i, name in enumerate(cast("tuple[str, ...]", record.names)):
            out[name] = block[:, i]
        yield out.view(np.uint8).data.cast("B")
