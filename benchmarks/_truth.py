"""Score gates against a simulated truth: F1 of a mask, and the best F1 that the markers allow.

The optimum is the exact posterior of the densities that a file was drawn from (site, tube and drug shifts and
the specimen's own composition included), cut at the threshold of the highest F1, over events that are no
artefacts.
A mask is scored over all events: doublets, debris and dead cells are negatives whatever they were.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from immunoprofile.fcs import Sample

LINEAGE = ("CD3", "CD4", "CD8")
SURFACE = (*LINEAGE, "CD25", "CD127")
"""What treg_surface_v1 cuts on: lineage, CD25, CD127."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FileTruth:
    """What one file was drawn from.

    Attributes
    ----------
    stem, site, batch, visit : str
    path : Path
    labels : uint8 ndarray (n_events,)
    names : tuple of str
        Name of each label code.
    is_cd4, is_treg : bool ndarray (n_types,)
    share : ndarray (n_types,)
        Composition of the live single cells of this specimen.
    mean, sd : Mapping of str to ndarray (n_types,)
        Per marker, with every shift in force.
    channels : tuple of (str, str)
        Marker and detector, in the order of the spillover matrix.
    cofactor : float
    """

    stem: str
    site: str
    batch: str
    visit: str
    path: Path
    labels: NDArray[np.uint8]
    names: tuple[str, ...]
    is_cd4: NDArray[np.bool_]
    is_treg: NDArray[np.bool_]
    share: NDArray[np.float64]
    mean: Mapping[str, NDArray[np.float64]]
    sd: Mapping[str, NDArray[np.float64]]
    channels: tuple[tuple[str, str], ...]
    cofactor: float

    @property
    def single(self) -> NDArray[np.bool_]:
        """Events that are no artefacts."""
        return self.labels < self.share.size

    @property
    def treg(self) -> NDArray[np.bool_]:
        """True Treg."""
        return self._any_of(self.is_treg)

    @property
    def cd4(self) -> NDArray[np.bool_]:
        """True CD4 T cells."""
        return self._any_of(self.is_cd4)

    def of(self, name: str) -> NDArray[np.bool_]:
        """Events of one label."""
        return self.labels == self.names.index(name)

    def _any_of(self, types: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return np.isin(self.labels, np.flatnonzero(types))


def read_truth(root: str | Path) -> dict[str, Any]:
    """Read truth.json of a simulated trial."""
    return json.loads((Path(root) / "truth.json").read_text(encoding="utf-8"))


def file_truths(root: str | Path) -> list[FileTruth]:
    """Give the truth of every file of a simulated trial, in the order of their names."""
    root, truth = Path(root), read_truth(root)
    return [_file_truth(root, truth, stem) for stem in sorted(truth["specimens"])]


def _file_truth(root: Path, truth: Mapping[str, Any], stem: str) -> FileTruth:
    specimen, shifts = truth["specimens"][stem], truth["shifts"]
    common = dict(shifts["site"][specimen["site"]])
    for marker, shift in specimen["tube_shift"].items():
        common[marker] += shift
    active = {}
    if not specimen["untreated"]:
        for marker, shift in shifts["drift"].items():
            common[marker] += shift
        if truth["arms"][specimen["subject"]] == "IL2":
            active = shifts["active"]
    spillover = truth["spillover"][specimen["site"]]
    return _truth(
        truth["densities"],
        common=common,
        active=active,
        log_ratio=specimen["ln_treg_ratio"],
        stem=stem,
        site=specimen["site"],
        batch=specimen["batch"],
        visit=specimen["visit"],
        path=root / specimen["file"],
        labels=np.load(root / "labels" / f"{stem}.npy"),
        names=tuple(truth["labels"][str(code)] for code in range(len(truth["labels"]))),
        channels=tuple(zip(spillover["markers"], spillover["detectors"], strict=True)),
    )


def sample_truth(path: str | Path) -> FileTruth:
    """Give the truth of a file that ``simulate.sample`` wrote."""
    from immunoprofile.simulate._densities import reference
    from immunoprofile.simulate._dialects import DIALECTS

    path, dialect = Path(path), DIALECTS[0]
    return _truth(
        reference().to_dict(),
        common=dict.fromkeys(reference().markers, 0.0),
        active={},
        log_ratio=0.0,
        stem=path.stem,
        site="",
        batch="",
        visit="",
        path=path,
        labels=np.load(path.with_suffix(".labels.npy")),
        names=reference().labels,
        channels=tuple((marker, dialect.detector(marker)) for marker in dialect.markers),
    )


def _truth(
    densities: Mapping[str, Any],
    *,
    common: Mapping[str, float],
    active: Mapping[str, Mapping[str, float]],
    log_ratio: float,
    **facts: Any,
) -> FileTruth:
    types, markers = densities["types"], densities["markers"]
    is_cd4, is_treg = (np.array([row[key] for row in types]) for key in ("cd4", "treg"))
    share = np.array([row["share"] for row in types])
    before = share[is_treg].sum() / share[is_cd4].sum()
    after = min(before * np.exp(log_ratio), 0.9)
    share = np.where(is_treg, share * after / before, share)
    share = np.where(is_cd4 & ~is_treg, share * (1 - after) / (1 - before), share)
    mean, sd = {}, {}
    for column, marker in enumerate(markers):
        own = [active.get(row["id"], {}).get(marker, 0.0) for row in types]
        mean[marker] = np.array([row["mean"][column] for row in types]) + common[marker] + np.array(own)
        sd[marker] = np.array([row["sd"][column] for row in types])
    return FileTruth(
        is_cd4=is_cd4,
        is_treg=is_treg,
        share=share,
        mean=mean,
        sd=sd,
        cofactor=densities["cofactor"],
        **facts,
    )


def true_z(sample: Sample, truth: FileTruth) -> dict[str, NDArray[np.float64]]:
    """Give z = asinh(signal / cofactor) of every marker, with the file's spillover undone."""
    stored = np.stack([sample.column(detector) for _, detector in truth.channels], axis=1)
    order = [sample.spillover.detectors.index(detector) for _, detector in truth.channels]
    signal = np.linalg.solve(sample.spillover.matrix[np.ix_(order, order)].T, stored.T)
    return {
        marker: np.arcsinh(row / truth.cofactor)
        for (marker, _), row in zip(truth.channels, signal, strict=True)
    }


def posterior(
    z: Mapping[str, NDArray[np.float64]], truth: FileTruth, markers: Sequence[str] = SURFACE
) -> NDArray[np.float64]:
    """Give the exact probability of each event, a live single cell, to be Treg, from these markers."""
    log_density = np.log(truth.share)[:, None]
    for marker in markers:
        distance = (z[marker][None, :] - truth.mean[marker][:, None]) / truth.sd[marker][:, None]
        log_density = log_density - 0.5 * distance**2 - np.log(truth.sd[marker])[:, None]
    density = np.exp(log_density - log_density.max(axis=0))
    return density[truth.is_treg].sum(axis=0) / density.sum(axis=0)


def best_f1(probability: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Give the highest F1 of any threshold of a probability."""
    order = np.argsort(-probability, kind="stable")
    hit = np.cumsum(positive[order])
    called = np.arange(1, order.size + 1)
    return float((2 * hit / (called + positive.sum())).max())


def f1(mask: NDArray[np.bool_], positive: NDArray[np.bool_]) -> float:
    """Give 2 |both| / (|mask| + |positive|); 1 where both are empty."""
    total = int(mask.sum()) + int(positive.sum())
    return 2 * int((mask & positive).sum()) / total if total else 1.0


def optimum_f1(files: Iterable[tuple[Sample, FileTruth]], markers: Sequence[str] = SURFACE) -> float:
    """Give the best F1 of Treg over the events of these files together, artefacts apart."""
    chances, truths = [], []
    for sample, truth in files:
        single = truth.single
        z = {marker: values[single] for marker, values in true_z(sample, truth).items()}
        chances.append(posterior(z, truth, markers))
        truths.append(truth.treg[single])
    return best_f1(np.concatenate(chances), np.concatenate(truths))


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchScore:
    """Scores of the files of a batch, pooled."""

    batch: str
    n_files: int
    cd4_f1: float
    treg_f1: float
    optimum: float
    share: float

    @property
    def of_optimum(self) -> float:
        """Treg F1 as a part of the best possible."""
        return self.treg_f1 / self.optimum


def score_batches(
    files: Iterable[tuple[Sample, FileTruth, NDArray[np.bool_], NDArray[np.bool_]]],
    markers: Sequence[str] = SURFACE,
) -> list[BatchScore]:
    """Score masks per batch.

    Parameters
    ----------
    files : iterable of (Sample, FileTruth, mask of CD4 T cells, mask of Treg)
    markers : sequence of str
        What the optimum may look at.
    """
    grouped = defaultdict(list)
    for entry in files:
        grouped[entry[1].batch].append(entry)
    scores = []
    for batch, entries in sorted(grouped.items()):
        cd4, treg = (np.concatenate([entry[i] for entry in entries]) for i in (2, 3))
        true_cd4 = np.concatenate([entry[1].cd4 for entry in entries])
        true_treg = np.concatenate([entry[1].treg for entry in entries])
        scores.append(
            BatchScore(
                batch=batch,
                n_files=len(entries),
                cd4_f1=f1(cd4, true_cd4),
                treg_f1=f1(treg, true_treg),
                optimum=optimum_f1(((sample, truth) for sample, truth, _, _ in entries), markers),
                share=float(treg.sum() / true_treg.sum() - 1),
            )
        )
    return scores
