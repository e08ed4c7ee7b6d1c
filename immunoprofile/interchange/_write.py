"""Write a fitted strategy as Gating-ML 2.0."""

from __future__ import annotations

from typing import TYPE_CHECKING

from immunoprofile.core import InterchangeError, atomic_path, versions
from immunoprofile.gating import GatedSample
from immunoprofile.interchange._flowkit import time_channel, time_step
from immunoprofile.interchange._gatingml import gatingml_of

if TYPE_CHECKING:
    from pathlib import Path

    from immunoprofile.fcs import Sample
    from immunoprofile.gating import FittedStrategy


def write_gatingml(
    fitted: FittedStrategy | GatedSample,
    path: str | Path,
    *,
    sample: Sample | None = None,
    batch: str | None = None,
    site: str | None = None,
) -> None:
    """Write the gates of one sample as a Gating-ML 2.0 document that FlowKit gates alike.

    Parameters
    ----------
    fitted : FittedStrategy or GatedSample
    path : path
        Written whole or not at all.
    sample : Sample
        Sample whose gates are written: detectors, scales, compensation and cuts per sample are its own. Not
        needed for a gated sample, or where the strategy was placed on one bare sample.
    batch, site : str, optional
        As for :meth:`FittedStrategy.apply`.

    Raises
    ------
    InterchangeError
        ``sample_needed``; ``gate_not_expressible``.

    Notes
    -----
    Cuts stand on the scale that they were placed on, as the shortest text that gives the same double. Two
    kinds stand in linear units: a ratio, and a log axis that is open below. Time is in seconds where the
    file has ``$TIMESTEP``. Populations of open gates are no gates: the document's custom_info says whose
    events they have.
    """
    if isinstance(fitted, GatedSample):
        gated = fitted
    else:
        gated = fitted.apply(_the_sample(fitted, sample), batch, site=site)
    content = gatingml_of(
        gated.tree,
        gated.compensation,
        time_steps=_time_steps(gated.sample),
        notes=_notes(gated),
    )
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def _the_sample(fitted: FittedStrategy, sample: Sample | None) -> Sample:
    """Give the sample whose gates are written: the one given, else the only one that was placed."""
    if sample is not None:
        return sample
    if len(fitted.placed) == 1:
        return next(iter(fitted.placed.values()))
    raise InterchangeError(
        "sample_needed",
        "a document names the detectors of a file, and it is not clear whose",
        hint="write_gatingml(fitted, path, sample=sample), or write_gatingml(fitted.apply(sample), path)",
    )


def _time_steps(sample: Sample) -> dict[str, float]:
    clock = time_channel(sample.detectors)
    return {} if clock is None else {sample.detectors[clock]: time_step(sample.keywords)}


def _notes(gated: GatedSample) -> dict[str, str]:
    notes = {"strategy": gated.strategy_id, "immunoprofile": versions()["immunoprofile"], "time_unit": "s"}
    if "$TIMESTEP" not in gated.sample.keywords:
        notes["time_unit"] = "tick"
    for population, holder in gated.tree_.alias.items():
        notes[f"open population {population}"] = holder
    for population, codes in gated.missing.items():
        notes[f"missing population {population}"] = ";".join(codes)
    return notes
