"""Write one tube as an FCS file, its labels beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from immunoprofile.core import StudyError, atomic_path
from immunoprofile.simulate._densities import reference
from immunoprofile.simulate._dialects import DIALECTS, SCATTER
from immunoprofile.simulate._events import (
    RANGE,
    TIME_STEP,
    draw_events,
    draw_spillover,
    misjudged,
    plain_tube,
    spill,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from immunoprofile.simulate._densities import Densities
    from immunoprofile.simulate._dialects import Dialect
    from immunoprofile.simulate._events import Events


def sample(
    path: str | Path,
    *,
    events: int = 20_000,
    seed: int = 0,
    clog: bool = False,
    matrix_error: float = 0.0,
) -> Path:
    """Simulate one Treg tube of an untreated person, as site 1 of a trial would record it.

    Parameters
    ----------
    path : path
        The FCS file to write; replaced if it is there. The label of each event goes into
        ``path.with_suffix(".labels.npy")``: uint8 codes of naive_tconv, memory_tconv, cd127lo_eff,
        treg_naive, treg_memory, cd8_naive, cd8_memory, dn_t, nk, b, mono, doublet, debris, dead, from 0.
    events : int
        Number of events.
    seed : int
        The same seed gives the same bytes.
    clog : bool
        Let the cytometer clog for ten seconds: a fifth of the rate, every marker dimmer by .3 in z.
    matrix_error : float
        Share by which each entry of the written spillover matrix may be off, at most.

    Returns
    -------
    Path
        The FCS file.

    Raises
    ------
    StudyError
        ``out_of_range`` for a number of events below 1, a negative seed, or an error outside 0 to .5.

    Examples
    --------
    >>> import tempfile, immunoprofile as ip
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = ip.simulate.sample(f"{folder}/donor.fcs", events=500, seed=1)
    ...     ip.read_fcs(path).n_events
    500
    """
    check_range("events", events, lowest=1, highest=100_000_000)
    check_range("seed", seed, lowest=0, highest=2**63 - 1)
    check_range("matrix_error", matrix_error, lowest=0, highest=0.5)
    densities, dialect = reference(), DIALECTS[0]
    site_rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(0,))))
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(1,))))
    matrix = draw_spillover(site_rng, len(dialect.markers))
    drawn = draw_events(rng, densities, events, tube=plain_tube(densities, clog=clog))
    written = misjudged(site_rng, matrix, matrix_error) if matrix_error else matrix
    path = Path(path)
    write_tube(path, drawn, densities, dialect=dialect, matrix=matrix, written=written)
    write_labels(path.with_suffix(".labels.npy"), drawn.labels)
    return path


def write_tube(
    path: Path,
    events: Events,
    densities: Densities,
    *,
    dialect: Dialect,
    matrix: NDArray[np.float64],
    written: NDArray[np.float64] | None = None,
    keywords: Mapping[str, str] | None = None,
) -> None:
    """Write the events as a cytometer of the dialect stores them.

    `matrix` is the spillover that acts (rows, columns: ``dialect.markers``), `written` the one in the file.
    """
    from immunoprofile.fcs import Spillover, write_fcs

    order = [densities.position(marker) for marker in dialect.markers]
    stored = dict(zip(dialect.markers, spill(events.signal[order], matrix), strict=True))
    stored |= dict(zip(SCATTER, events.scatter, strict=True))
    stored["Time"] = events.time
    table = np.empty((events.time.size, len(dialect.channels)), dtype=np.float32)
    for column, (what, _, _) in enumerate(dialect.channels):
        np.minimum(stored[what], RANGE - 1, out=table[:, column], casting="same_kind")
    dyes = tuple(dialect.detector(marker) for marker in dialect.markers)
    write_fcs(
        path,
        table,
        dialect.detectors,
        labels=[label for _, _, label in dialect.channels],
        ranges=[RANGE] * len(dialect.channels),
        spillover=Spillover(detectors=dyes, matrix=matrix if written is None else written),
        keywords={
            "$CYT": dialect.cytometer,
            "$TIMESTEP": f"{TIME_STEP}",
            **(keywords or {}),
        },
        overwrite=True,
    )


def write_labels(path: Path, labels: NDArray[np.uint8]) -> None:
    """Write the label of each event, whole or not at all."""
    with atomic_path(path, durable=False) as temporary, temporary.open("wb") as stream:
        np.save(stream, labels, allow_pickle=False)


def check_range(name: str, value: float, *, lowest: float, highest: float) -> None:
    """Refuse a parameter outside its range."""
    if not lowest <= value <= highest:
        hint = f"{name} is from {lowest:g} to {highest:g}"
        raise StudyError("out_of_range", f"{name} is {value!r}", where=name, hint=hint)
