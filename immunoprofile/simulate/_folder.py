"""The study folder around the FCS files: study.toml, panel.toml, the sheets and the key."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import TYPE_CHECKING

from immunoprofile.core import write_text
from immunoprofile.simulate._clinical import LDH_ULN, MEASURES
from immunoprofile.simulate._cohort import ACTIVE, CONTROL, DOSES, random_stream

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from immunoprofile.simulate._clinical import Score
    from immunoprofile.simulate._cohort import Cohort, Subject

_HEAD = """\
# A simulated trial: nothing in it is a person. The truth is in truth.json, the arms are in arm_key.csv.
[study]
id = "SIM"
title = "Simulated trial of low-dose IL-2"
blinded = true

[[arms]]
id = "{active}"
label = "low-dose IL-2"
role = "active"
allocation = 1

[[arms]]
id = "{control}"
label = "placebo"
role = "control"
allocation = 1
"""
_VISIT = """
[[visits]]
id = "{id}"
label = "{label}"
day = {day}
before = {before}
after = {after}
role = "{role}"
period = "blinded"
"""
_TABLES = """
[baseline]
rule = "visit"

[strata]
columns = ["site"]

[[tubes]]
id = "treg"
strategy = "treg_surface_v1"
panel = "panel.toml"

[measures.physician_global]
scale = "vas_cm"

[measures.patient_global]
scale = "vas_cm"

[measures.extramuscular]
scale = "vas_cm"

[measures.mmt8]
maximum = 150
"""
_COMPARISON = """
[[endpoints]]
id = "tis20_{lower}"
response = "tis_2016_adult"
visit = "{visit}"
rule = "score >= 20"

[[families]]
id = "immune_confirmatory"
features = ["treg_percent_cd4_t"]
visits = ["{visit}"]
method = "holm"

[analysis]
visit = "{visit}"
alpha = 0.05
"""
_PANEL = """\
# What the tube carries. No detectors: every site names them in its own way, and the labels decide.
schema = 1

[panel]
id = "treg_tube"
version = "1"
specimen = "pbmc"
species = "human"
required = ["CD3", "CD4", "CD25", "CD127"]
compensation = "file"
"""
_CHANNEL = """
[[channels]]
id = "{id}"
target.{kind} = "{target}"
role = "{role}"
"""
ROLES = {
    "CD45": "hygiene",
    "CD3": "lineage",
    "CD4": "lineage",
    "CD8": "lineage",
    "CD25": "treatment_responsive",
    "CD127": "treatment_responsive",
    "CD45RA": "phenotype",
    "FoxP3": "treatment_responsive",
    "Viability": "hygiene",
}
PREDNISONE = 0.6
"""Share of the subjects on a stable dose of prednisone."""


def study_text(cohort: Cohort) -> str:
    """Give study.toml."""
    parts = [_HEAD.format(active=ACTIVE, control=CONTROL)]
    for position, visit in enumerate(cohort.visits):
        role = "treatment" if position else "baseline"
        fields = {name: getattr(visit, name) for name in ("id", "label", "day", "before", "after")}
        parts.append(_VISIT.format(**fields, role=role))
    parts.append(_TABLES)
    if len(cohort.visits) > 1:
        endpoint = cohort.visits[cohort.response_visit].id
        parts.append(_COMPARISON.format(visit=endpoint, lower=endpoint.lower()))
    return "".join(parts)


def panel_text() -> str:
    """Give panel.toml."""
    parts = [_PANEL]
    for marker, role in ROLES.items():
        kind, target = ("kind", "viability") if marker == "Viability" else ("marker", marker)
        parts.append(_CHANNEL.format(id=marker.lower(), kind=kind, target=target, role=role))
    return "".join(parts)


def write_folder(
    root: Path,
    cohort: Cohort,
    clinical: Mapping[tuple[int, int], tuple[Score | None, Mapping[str, int]]],
) -> Path:
    """Write all but the tubes and the truth; give study.toml."""
    write_text(root / "panel.toml", panel_text())
    _write_sheet(root / "samples.csv", _sample_rows(cohort))
    _write_sheet(root / "subjects.csv", _subject_rows(cohort))
    _write_sheet(root / "clinical.csv", _clinical_rows(cohort, clinical))
    _write_sheet(root / "doses.csv", _dose_rows(cohort))
    _write_sheet(root / "arm_key.csv", [("subject", "arm"), *((s.id, s.arm) for s in _by_id(cohort))])
    return write_text(root / "study.toml", study_text(cohort))


def _write_sheet(path: Path, rows: Iterable[Sequence[object]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_text(path, text.getvalue())


def _by_id(cohort: Cohort) -> list[Subject]:
    return sorted(cohort.subjects, key=lambda subject: subject.id)


def batch_of(cohort: Cohort, site: int) -> str:
    """Name the batch: a site's one cytometer with one lot of antibodies."""
    return f"{cohort.site_ids[site]}-lot1"


def _sample_rows(cohort: Cohort) -> list[Sequence[object]]:
    rows: list[Sequence[object]] = [("file", "subject", "visit", "site", "batch", "collected")]
    for subject in _by_id(cohort):
        for position, visit in enumerate(cohort.visits):
            specimen = cohort.of(subject.number, position)
            if not specimen.missing:
                where = (cohort.site_ids[subject.site], batch_of(cohort, subject.site))
                file = f"fcs/{cohort.stem(specimen)}.fcs"
                rows.append((file, subject.id, visit.id, *where, specimen.collected.isoformat()))
    return rows


def _subject_rows(cohort: Cohort) -> list[Sequence[object]]:
    columns = ("subject", "site", "sex", "age_years", "weight_kg", "randomised", "first_dose")
    rows: list[Sequence[object]] = [columns]
    for s in _by_id(cohort):
        dates = (s.randomised.isoformat(), s.first_dose.isoformat())
        rows.append((s.id, cohort.site_ids[s.site], s.sex, s.age_years, s.weight_kg, *dates))
    return rows


def _clinical_rows(
    cohort: Cohort, clinical: Mapping[tuple[int, int], tuple[Score | None, Mapping[str, int]]]
) -> list[Sequence[object]]:
    rows: list[Sequence[object]] = [("subject", "visit", "measure", "value", "unit", "uln", "date")]
    for subject in _by_id(cohort):
        for position, visit in enumerate(cohort.visits):
            _, values = clinical[subject.number, position]
            day = cohort.of(subject.number, position).collected.isoformat()
            for m in MEASURES:
                text = m.text(values[m.id])
                rows.append((subject.id, visit.id, m.id, text, m.unit, m.uln or "", day))
            rows.append((subject.id, visit.id, "ldh", values["ldh"], "U/L", LDH_ULN, day))
    return rows


def _dose_rows(cohort: Cohort) -> list[Sequence[object]]:
    columns = ("subject", "drug", "start", "end", "dose", "unit", "per_day", "every_days", "route", "kind")
    rows: list[Sequence[object]] = [columns]
    for s in _by_id(cohort):
        last = s.first_dose + timedelta(days=max(cohort.visits[-1].day - 1, 1))
        rng = random_stream(cohort.seed, DOSES, s.number)
        if rng.random() < PREDNISONE:
            start = s.first_dose - timedelta(days=int(rng.integers(60, 400)))
            dose = int(rng.choice([5, 10, 15]))
            rows.append((s.id, "prednisone", start, last, dose, "mg", 1, 1, "oral", "glucocorticoid"))
        # the volume that everybody injects: the same in both arms
        rows.append((s.id, "study_drug", s.first_dose, last, 1, "mL", 1, 2, "subcutaneous", "study_drug"))
    return rows
