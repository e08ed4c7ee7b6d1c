"""The gating engine: who of a sample is inside which shape, in one pass over the events.

:func:`gate_events` gives exactly the memberships that ``shape.contains(transform.apply(values))`` gives,
event for event, for a small part of the work (see the kernels in ``_kernels.py``). :func:`gather` gives the
transformed values of chosen events. Neither copies more than a chunk of events.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from immunoprofile.core import look_up
from immunoprofile.gating._plan import column_of, make_plan
from immunoprofile.gating._program import BITS_ROW
from immunoprofile.gating._shapes import ROOT, Boolean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from immunoprofile.fcs import Sample
    from immunoprofile.gating._plan import Plan
    from immunoprofile.gating._shapes import Dimension, Population
    from immunoprofile.transform import Compensation

CHUNK = 65_536
"""Events that the driver hands to a kernel at a time; a multiple of the kernel's block."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Membership:
    """Who is in which population, a bit an event and population.

    Attributes
    ----------
    names : tuple of str
        Populations, as they were given.
    n_events : int
        Events of the sample.
    counts : dict of str to int
        Events of each population, and of ``root`` (all).
    packed : ndarray of uint8, shape (n_populations, ceil(n_events / 8))
        Bit ``i % 8`` of byte ``i // 8`` is event i.
    """

    names: tuple[str, ...]
    n_events: int
    counts: Mapping[str, int]
    packed: NDArray[np.uint8]

    def mask(self, name: str) -> NDArray[np.bool_]:
        """Give the members of a population (or of ``root``) as a bool array of all events.

        Raises
        ------
        UnknownNameError
            ``unknown_name``, with the nearest names.
        """
        if look_up(name, (*self.names, ROOT), what="population") == ROOT:
            return np.ones(self.n_events, dtype=np.bool_)
        row = self.packed[self.names.index(name)]
        return np.unpackbits(row, count=self.n_events, bitorder="little").view(np.bool_)

    def __repr__(self) -> str:
        return f"Membership({len(self.names)} populations, {self.n_events} events)"


def warm_kernels() -> None:
    """Load the kernels, or compile them where no cache holds them: for the start of a worker."""
    from immunoprofile.fcs import warm_kernels as warm_reader
    from immunoprofile.gating import _kernels  # noqa: F401 - importing it is what compiles

    warm_reader()


def gate_events(
    sample: Sample, populations: Sequence[Population], compensation: Compensation | None = None
) -> Membership:
    """Gate a sample.

    Parameters
    ----------
    sample : Sample
    populations : sequence of Population
        In any order; parents and operands are found by name.
    compensation : Compensation or None
        Of this sample.

    Returns
    -------
    Membership

    Raises
    ------
    StrategyError
        ``STRATEGY_SCHEMA``: a population twice, unknown, or its own ancestor.
    FcsError
        ``channel-unknown``, ``channel-ambiguous``: a detector that the sample does not have, or has twice.

    Notes
    -----
    A missing value (nan) is in no shape; the complement of a population holds it. A channel is compensated
    with the inverse of the spillover matrix, products added in the order of its detectors.
    """
    from immunoprofile.gating import _kernels

    plan = make_plan(tuple(populations), (), _compensated(compensation))
    source = _Source.of(sample, plan, compensation)
    bits = np.zeros((len(populations) + 1, (sample.n_events + 7) // 8), dtype=np.uint8)
    counts = np.zeros(len(populations) + 1, dtype=np.int64)
    for start, events in source.chunks():
        _kernels.gate_chunk(
            source.pair(events), source.columns, source.inverse, plan.program, bits, counts, start
        )
        doubtful = np.unpackbits(bits[-1, start // 8 :][: (len(events) + 7) // 8], bitorder="little")
        if doubtful.any():
            rows = np.flatnonzero(doubtful)
            _settle(source.read(plan, events[rows]), start + rows, plan=plan, bits=bits, counts=counts)
    bits.flags.writeable = False
    names = tuple(population.name for population in populations)
    held = {ROOT: sample.n_events} | {
        population.name: int(count) for population, count in zip(plan.populations, counts[1:], strict=True)
    }
    return Membership(
        names=names,
        n_events=sample.n_events,
        counts={name: held[name] for name in (ROOT, *names)},
        packed=bits[:-1],
    )


def gather(
    sample: Sample,
    dimensions: Sequence[Dimension],
    compensation: Compensation | None = None,
    *,
    mask: NDArray[np.bool_] | None = None,
) -> NDArray[np.float64]:
    """Give the transformed values of chosen events.

    Parameters
    ----------
    sample : Sample
    dimensions : sequence of Dimension
    compensation : Compensation or None
    mask : ndarray of bool, shape (n_events,), or None
        The chosen events; None: all.

    Returns
    -------
    ndarray of float64, shape (n_chosen, n_dimensions)
        The same values that :func:`gate_events` judges.
    """
    if mask is not None and (mask.dtype != np.bool_ or mask.shape != (sample.n_events,)):
        raise TypeError(f"mask is {mask.dtype} of shape {mask.shape}, not bool of ({sample.n_events},)")
    plan = make_plan((), tuple(dimensions), _compensated(compensation))
    source = _Source.of(sample, plan, compensation)
    places = [plan.columns[column_of(dimension, source.compensated)] for dimension in dimensions]
    chosen = sample.n_events if mask is None else int(np.count_nonzero(mask))
    out = np.empty((chosen, len(dimensions)))
    done = 0
    for start, events in source.chunks():
        within = None if mask is None else mask[start : start + len(events)]
        if within is not None and not within.all():
            events = events[within]  # noqa: PLW2901 - the chosen ones of this chunk
        columns = source.read(plan, events)
        for number, (dimension, place) in enumerate(zip(dimensions, places, strict=True)):
            out[done : done + len(events), number] = dimension.transform.apply(columns[place])
        done += len(events)
    return out


def _compensated(compensation: Compensation | None) -> tuple[str, ...]:
    return () if compensation is None or compensation.is_identity else compensation.detectors


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Source:
    """The events of a sample as the kernels want them.

    Attributes
    ----------
    sample : Sample
    raw : ndarray of float32, shape (n_events, n_channels), or None
        The file's own numbers where they are linear float32.
    channels : tuple of int
        Channels of the sample that the plan reads.
    columns : ndarray of int64
        Where each of them lies in a chunk.
    compensated : tuple of str
    inverse : ndarray, shape (k, k)
        Transposed: row c holds the weights of compensated channel c.
    """

    sample: Sample
    raw: NDArray[np.float32] | None
    channels: tuple[int, ...]
    columns: NDArray[np.int64]
    compensated: tuple[str, ...]
    inverse: NDArray[np.float64]

    @classmethod
    def of(cls, sample: Sample, plan: Plan, compensation: Compensation | None) -> _Source:
        """Find the detectors of a plan in a sample."""
        compensated = _compensated(compensation)
        known: dict[str, int] = {}
        inverse = np.zeros((0, 0))
        if compensation is not None and plan.uses_compensation:
            known = dict(zip(compensated, map(int, compensation.channels), strict=True))
            inverse = np.ascontiguousarray(compensation.inverse.T, dtype=np.float64)
        channels = tuple(known[name] if name in known else sample.index(name) for name in plan.detectors)
        raw = sample.raw_float32()
        columns = np.array(channels if raw is not None else range(len(channels)), dtype=np.int64)
        return cls(
            sample=sample, raw=raw, channels=channels, columns=columns, compensated=compensated,
            inverse=inverse if inverse.flags.writeable else inverse.copy(),
        )  # fmt: skip

    def chunks(self) -> Iterator[tuple[int, NDArray[np.float32] | NDArray[np.float64]]]:
        """Yield the first event's number and the events, float32 or float64, C-contiguous and aligned."""
        for start in range(0, self.sample.n_events, CHUNK):
            stop = min(start + CHUNK, self.sample.n_events)
            if self.raw is not None:
                yield start, np.require(self.raw[start:stop], np.float32, ["C", "A"])
            elif self.channels:
                block = self.sample.block(start, stop, list(self.channels))
                yield start, np.require(block, np.float64, ["C", "A"])
            else:
                yield start, np.empty((stop - start, 0))

    @staticmethod
    def pair(
        events: NDArray[np.float32] | NDArray[np.float64],
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Put events beside an empty array of the other type, both read-only: one kernel serves both."""
        narrow, wide = np.empty((0, 1), np.float32), np.empty((0, 1), np.float64)
        if events.dtype == np.float32:
            narrow = events.view(np.ndarray)
        else:
            wide = events.view(np.ndarray)
        narrow.flags.writeable = wide.flags.writeable = False
        return narrow, wide

    def read(self, plan: Plan, events: NDArray[np.float32] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Read all columns of a plan for some events, shape (n_columns, n)."""
        from immunoprofile.gating import _kernels

        out = np.empty((len(plan.columns), len(events)))
        _kernels.read_columns(self.pair(events), self.columns, self.inverse, plan.program, out)
        return out


def _settle(
    columns: NDArray[np.float64],
    events: NDArray[np.intp],
    *,
    plan: Plan,
    bits: NDArray[np.uint8],
    counts: NDArray[np.int64],
) -> None:
    """Gate the events that lie too near an edge for the tables with the exact transform; mend their bits."""
    compensated = {column[0] for column in plan.columns if column[2]}
    members = {ROOT: np.ones(len(events), dtype=np.bool_)}
    byte, bit = events >> 3, (1 << (events & 7)).astype(np.uint8)
    for row, population in enumerate(plan.populations, start=1):
        shape = population.shape
        if isinstance(shape, Boolean):
            operands = [members[name] for name in shape.operands]
            combine = np.logical_or if shape.operator == "or" else np.logical_and
            inside = ~operands[0] if shape.operator == "not" else combine.reduce(operands)
        else:
            places = [plan.columns[column_of(dimension, compensated)] for dimension in shape.dimensions]
            values = [d.transform.apply(columns[at]) for d, at in zip(shape.dimensions, places, strict=True)]
            inside = shape.contains(values)
        members[population.name] = inside = inside & members[population.parent]
        flags = bits[plan.program.nodes[row, BITS_ROW]]
        counts[row] += np.count_nonzero(inside) - np.count_nonzero(flags[byte] & bit)
        np.bitwise_and.at(flags, byte, ~bit)
        np.bitwise_or.at(flags, byte[inside], bit[inside])
