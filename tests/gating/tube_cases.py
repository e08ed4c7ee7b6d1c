"""Simulated tubes in memory, what placement sees of them, and ways to spoil them."""

from __future__ import annotations

import dataclasses

import numpy as np

import immunoprofile as ip
from immunoprofile.fcs import Spillover, sample_from_arrays
from immunoprofile.gating import PlacementUnit


class Tube:
    """A simulated tube in memory, with the label of each event."""

    def __init__(self, path):
        self.sample = ip.read_fcs(path)
        self.labels = np.load(path.with_suffix(".labels.npy"))


def rebuilt(sample, *, rows=slice(None), columns=None, events=None, name="changed"):
    """Give a sample with some rows, some columns, or other events."""
    kept = list(range(sample.n_channels)) if columns is None else list(columns)
    detectors = [sample.detectors[i] for i in kept]
    spill = sample.spillover
    places = [spill.detectors.index(d) for d in detectors if d in spill.detectors]
    names = tuple(spill.detectors[i] for i in places)
    return sample_from_arrays(
        np.ascontiguousarray((sample.events if events is None else events)[rows][:, kept]),
        detectors,
        labels=[sample.labels[i] for i in kept],
        ranges=[float(sample.ranges[i]) for i in kept],
        spillover=Spillover(detectors=names, matrix=spill.matrix[np.ix_(places, places)]) if places else None,
        keywords={key: sample.keywords[key] for key in ("$TIMESTEP", "$CYT") if key in sample.keywords},
        name=name,
    )


def without(sample, panel, *dimensions, name="without"):
    """Give a sample without the channels of some markers or scatter names."""
    channels = panel.resolve(sample).channels
    gone = {channels[dimension] for dimension in dimensions}
    return rebuilt(sample, columns=[i for i in range(sample.n_channels) if i not in gone], name=name)


def shifted(sample, panel, marker, by, *, rows=None):
    """Give a sample whose compensated marker is moved by some z, spillover kept."""
    spill = sample.spillover
    columns = [sample.index(detector) for detector in spill.detectors]
    events = np.array(sample.events, dtype=np.float64)
    signal = events[:, columns] @ np.linalg.inv(spill.matrix)
    place = columns.index(panel.resolve(sample).channels[marker])
    moved = 150 * np.sinh(np.arcsinh(signal[:, place] / 150) + by)
    signal[:, place] = moved if rows is None else np.where(rows, moved, signal[:, place])
    events[:, columns] = signal @ spill.matrix
    return rebuilt(sample, events=events.astype(np.float32), name="shifted")


class Remembering:
    """A runner of placement that advances each content once: what is decided is all that counts."""

    def __init__(self):
        self.known = {}

    def __call__(self, function, tasks):
        for task in tasks:
            decided = {
                gate: [dataclasses.replace(cut, unit="") for cut in cuts] for gate, cuts in task.known.items()
            }
            content = getattr(getattr(task.unit.load, "sample", None), "content_id", task.unit.key)
            key = (content, repr(decided), task.forced)
            if key not in self.known:
                self.known[key] = function(task)
            yield dataclasses.replace(self.known[key], key=task.unit.key)


class Held:
    """A loader of a sample in memory."""

    def __init__(self, sample, panel):
        self.sample, self.panel = sample, panel

    def __call__(self):
        return self.sample, self.panel.resolve(self.sample)


def units_of(samples, panel, *, batches=None, untreated=None, keys=None):
    """Make placement units, a subject each."""
    count = len(samples)
    return [
        PlacementUnit(
            key=key,
            subject_key=f"subject of {key}",
            specimen_key=f"specimen of {key}",
            batch_key=group,
            panel_version="1",
            is_untreated=calm,
            control="full",
            load=Held(sample, panel),
        )
        for sample, key, group, calm in zip(
            samples,
            keys or [f"k{i}" for i in range(count)],
            batches or ["b"] * count,
            untreated or [True] * count,
            strict=True,
        )
    ]


def f1(mask, truth):
    return 2 * int((mask & truth).sum()) / int(mask.sum() + truth.sum())
