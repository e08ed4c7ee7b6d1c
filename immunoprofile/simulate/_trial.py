"""Write a two-arm trial as real FCS files, with everything around them and the truth."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.core import StudyError, track, write_json
from immunoprofile.simulate._clinical import responses
from immunoprofile.simulate._cohort import SITE, TUBE, VISITS, plan, random_stream, tube_of
from immunoprofile.simulate._densities import reference
from immunoprofile.simulate._dialects import dialect_of
from immunoprofile.simulate._events import draw_events, draw_spillover
from immunoprofile.simulate._folder import write_folder
from immunoprofile.simulate._sample import check_range, write_labels, write_tube
from immunoprofile.simulate._truth import truth_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from immunoprofile.simulate._cohort import Cohort, Specimen
    from immunoprofile.simulate._densities import Densities

LARGEST_EFFECT = 5.0
"""Beyond, the Treg of a subject far above the mean would not fit into CD4 T cells."""


def trial(  # noqa: PLR0913 - a trial has that many sizes, all of them optional
    out: str | Path,
    *,
    subjects: int = 20,
    visits: int = 3,
    sites: int = 2,
    events: int = 20_000,
    seed: int = 0,
    effect: float | None = None,
    marker_shift: float = 0.0,
    drift: float = 0.0,
    progress: bool | None = None,
) -> Path:
    """Simulate a two-arm trial of low-dose IL-2 and write its study folder.

    Parameters
    ----------
    out : path
        Folder to write. One that holds an earlier simulated trial is written anew.
    subjects : int
        Participants, allocated 1:1 within each site.
    visits : int
        The first so many of weeks 0 (baseline), 4, 12 and 24.
    sites : int
        Each with a cytometer that names its channels in its own way.
    events : int
        Events of a tube.
    seed : int
        The same seed gives the same bytes.
    effect : float, optional
        Ratio active / placebo of the Treg share of CD4 T cells at week 12 (with fewer than three visits: at
        the last); the other visits follow in proportion on the log scale. By default 1.57, 1.99 and 1.82 at
        weeks 4, 12 and 24.
    marker_shift : float
        Size of what the drug does to the intensities of CD25 and CD127, beside the expansion; 0 is none.
    drift : float
        Shift of CD25 in all cells of all tubes after baseline, in both arms, on the arcsinh scale.
    progress : bool, optional
        Show a progress bar; by default on a terminal only.

    Returns
    -------
    Path
        The study.toml. Beside it: samples.csv, panel.toml, subjects.csv, clinical.csv, doses.csv,
        arm_key.csv, fcs/, labels/ (a uint8 code an event, ``<stem of the FCS file>.npy``) and truth.json.

    Raises
    ------
    StudyError
        ``out_of_range`` for a size outside its range; ``folder_not_empty`` for a folder of other things.

    Notes
    -----
    ln Treg ratio of a subject at a visit = his level (sd .25) + effect of the arm + noise (sd .08).
    5-10 % of the specimens are missing and 2 % of the tubes near empty, but a site keeps three full baseline
    tubes (or all it has), from which a batch places its cuts.

    Examples
    --------
    >>> import tempfile, immunoprofile as ip
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ip.simulate.trial(folder, subjects=4, visits=2, events=300).name
    'study.toml'
    """
    check_range("subjects", subjects, lowest=2, highest=5_000)
    check_range("visits", visits, lowest=1, highest=len(VISITS))
    check_range("sites", sites, lowest=1, highest=subjects)
    check_range("events", events, lowest=1, highest=100_000_000)
    check_range("seed", seed, lowest=0, highest=2**63 - 1)
    check_range("effect", 1.0 if effect is None else effect, lowest=0.05, highest=LARGEST_EFFECT)
    check_range("marker_shift", marker_shift, lowest=-5, highest=5)
    check_range("drift", drift, lowest=-5, highest=5)
    root = Path(out)
    _clear(root)
    densities = reference()
    cohort = plan(
        densities, subjects=subjects, visits=visits, sites=sites, events=events, seed=seed, effect=effect
    )
    cohort = dataclasses.replace(cohort, marker_shift=float(marker_shift), drift=float(drift))
    matrices = [
        draw_spillover(random_stream(seed, SITE, site, 0), len(dialect_of(site).markers))
        for site in range(sites)
    ]
    counts = {}
    present = [specimen for specimen in cohort.specimens if not specimen.missing]
    for specimen in track(present, what="simulating", progress=progress):
        matrix = matrices[cohort.subjects[specimen.subject].site]
        counts[cohort.stem(specimen)] = _write(root, cohort, densities, specimen=specimen, matrix=matrix)
    clinical = responses(cohort)
    asked = {
        "subjects": subjects, "visits": visits, "sites": sites, "events": events,
        "effect": effect, "marker_shift": float(marker_shift), "drift": float(drift),
    }  # fmt: skip
    write_json(
        root / "truth.json",
        {"parameters": asked, **truth_of(cohort, densities, counts, matrices=matrices, clinical=clinical)},
    )
    return write_folder(root, cohort, clinical)


def _write(
    root: Path, cohort: Cohort, densities: Densities, *, specimen: Specimen, matrix: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Write a tube and its labels; give the number of events of each label."""
    subject, stem = cohort.subjects[specimen.subject], cohort.stem(specimen)
    rng = random_stream(cohort.seed, TUBE, specimen.subject, specimen.visit)
    events = draw_events(rng, densities, specimen.n_events, tube=tube_of(cohort, densities, specimen))
    serial = f"SIM{subject.site + 1:04d}"
    day = specimen.collected.strftime("%d-%b-%Y").upper()
    write_tube(
        root / "fcs" / f"{stem}.fcs",
        events,
        densities,
        dialect=dialect_of(subject.site),
        matrix=matrix,
        keywords={"$CYTSN": serial, "$DATE": day, "$FIL": f"{stem}.fcs"},
    )
    write_labels(root / "labels" / f"{stem}.npy", events.labels)
    return np.bincount(events.labels, minlength=len(densities.labels))


def _clear(root: Path) -> None:
    """Take away the tubes of an earlier simulated trial; refuse a folder that holds something else."""
    truth = root / "truth.json"
    if root.exists() and not truth.is_file() and (not root.is_dir() or any(root.iterdir())):
        hint = "name a new folder, or one that holds a simulated trial"
        raise StudyError("folder_not_empty", "the folder is not empty", where=str(root), hint=hint)
    for stem in _earlier(truth):
        (root / "fcs" / f"{stem}.fcs").unlink(missing_ok=True)
        (root / "labels" / f"{stem}.npy").unlink(missing_ok=True)


def _earlier(truth: Path) -> list[str]:
    """Stems of the tubes that an earlier simulation wrote."""
    if not truth.is_file():
        return []
    held: Any = json.loads(truth.read_text(encoding="utf-8")).get("specimens", {})
    return [stem for stem in held if Path(stem).name == stem]
