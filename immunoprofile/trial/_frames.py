"""Tables of a study from its rows: faulty rows out, random ids in, batches named."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from immunoprofile.core import FcsError, ImmunoprofileError, fold

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from immunoprofile.trial._ids import PrivateIds
    from immunoprofile.trial._problems import Problem, Problems
    from immunoprofile.trial._schema import StudyDesign

Rows = list[dict[str, Any]]
SAMPLES = (
    "row", "file", "path", "file_name", "subject", "visit", "site", "tube", "control", "batch", "instrument",
    "lot", "collected", "received", "acquired", "expected_events", "own_sample", "specimen", "sample",
)  # fmt: skip
SUBJECTS = (
    "row", "subject", "site", "sex", "age_years", "birth_year", "weight_kg", "randomised", "first_dose",
    "withdrawn", "withdrawal_reason", "randomisation", "healthy",
)  # fmt: skip
CLINICAL = ("row", "subject", "visit", "measure", "value", "unit", "scale", "uln", "lln", "date", "censored")
DOSES = (
    "row", "subject", "drug", "start", "end", "dose", "unit", "per_day", "every_days", "route", "kind",
)  # fmt: skip
EVENTS = ("row", "subject", "term", "start", "end", "grade", "serious", "related")
EXCLUDED = ("specimen", "sample", "stage", "code", "problem", "hint", "file", "table", "row")
TUBES = ("subject", "visit", "site", "tube", "sample", "received", "has_file", "kept")
NUMBERS = frozenset(
    ("age_years", "birth_year", "weight_kg", "value", "uln", "lln", "dose", "per_day", "every_days")
)
COUNTS = frozenset(("row", "expected_events", "grade"))
TRUTHS = frozenset(("healthy", "serious", "related", "has_file", "kept"))
_NO_SERIAL = frozenset(("", "0", "1", "none", "unknown", "na", "n/a", "notset", "default"))
"""Folded words of $CYTSN that name no instrument."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameParts:
    """What tables are made of."""

    design: StudyDesign
    rows: Mapping[str, Rows]
    problems: Problems
    ids: PrivateIds


def frames_of(parts: FrameParts) -> dict[str, pd.DataFrame]:
    """Give the tables samples, subjects, clinical, doses, events, tubes, problems, excluded."""
    listed = [_with_ids(row, parts.ids) for row in parts.rows["samples"]]
    kept = _kept(listed, parts, "samples")
    _name_batches(kept)
    for row in kept:  # drawn now, so that the private map that a run writes first is complete
        parts.ids.of("subject", row["subject"])
        parts.ids.of("batch", row["batch"])
    known = [name for name in parts.design.analysis.covariates if name not in SUBJECTS]
    known += [name for name in parts.design.strata.columns if name not in (*SUBJECTS, *known)]
    code = parts.design.blinding.code
    extra = [*known, *([code] if code not in (*SUBJECTS, *known) else [])]
    kept_samples = {row["sample"] for row in kept}
    tubes = [
        {**row, "has_file": row["path"] is not None, "kept": row["sample"] in kept_samples} for row in listed
    ]
    return {
        "samples": _frame(kept, SAMPLES),
        "subjects": _subjects(parts, kept, extra),
        "clinical": _frame(_kept(parts.rows["clinical"], parts, "clinical"), CLINICAL),
        "doses": _frame(_kept(parts.rows["doses"], parts, "doses"), DOSES),
        "events": _frame(_kept(parts.rows["events"], parts, "events"), EVENTS),
        "tubes": _frame([t for t in tubes if t["control"] == "none" and t["subject"] and t["visit"]], TUBES),
        "problems": parts.problems.table(),
        "excluded": _excluded(parts, listed),
    }


def _with_ids(row: dict[str, Any], ids: PrivateIds) -> dict[str, Any]:
    """Add the random ids of a row of samples.csv."""
    file = row["file"] or "|".join(
        (row["subject"], row["visit"], row["tube"], row["control"], row["own_sample"] or "")
    )
    specimen = ids.of("specimen", row["subject"], row["visit"]) if row["subject"] and row["visit"] else None
    return {
        **row,
        "file_name": PurePosixPath(row["file"]).name,
        "specimen": specimen,
        "sample": ids.of("sample", file) if file.strip("|") else None,
    }


def _kept(rows: Iterable[dict[str, Any]], parts: FrameParts, name: str) -> Rows:
    faulty = parts.problems.rows_of(_table_name(parts.design, name))
    return [row for row in rows if row["row"] not in faulty]


def _table_name(design: StudyDesign, name: str) -> str:
    spec = getattr(design.tables, name)
    file = (spec.file if spec is not None else "") or f"{name}.csv"
    return PurePosixPath(file).name


def _frame(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    made = {}
    for name in columns:
        values = [row.get(name) for row in rows]
        if name == "path":
            made[name] = pd.Series(values, dtype="object")
        elif name in NUMBERS:
            made[name] = pd.Series([float("nan") if v is None else v for v in values], dtype="float64")
        elif name in COUNTS:
            made[name] = pd.Series(values, dtype="Int64")
        elif name in TRUTHS:
            made[name] = pd.Series(values, dtype="boolean")
        else:
            made[name] = pd.Series(values, dtype="string")
    return pd.DataFrame(made, columns=list(columns))


def _subjects(parts: FrameParts, samples: Rows, extra: Sequence[str]) -> pd.DataFrame:
    """Give the subjects of subjects.csv; without it, those of samples.csv at their commonest site."""
    import pandas as pd

    listed = parts.rows["subjects"]
    sites: dict[str, Counter[str]] = {}
    for row in samples:
        sites.setdefault(row["subject"], Counter())[row["site"]] += 1

    def site_of(subject: str) -> str | None:
        counts = sites.get(subject)
        return min(counts, key=lambda site: (-counts[site], site)) if counts else None

    if listed:
        kept = _kept(listed, parts, "subjects")
        whole = {row["subject"] for row in kept}
        bare = {row["subject"]: {"subject": row["subject"], "site": row["site"]} for row in listed}
        kept += [row for name, row in bare.items() if name and name not in whole]  # known, without its cells
        rows = [{**row, "site": row["site"] or site_of(row["subject"])} for row in kept]
    else:
        rows = [{"subject": subject, "site": site_of(subject)} for subject in sorted(sites)]
    frame = _frame(rows, (*SUBJECTS, *extra))
    frame["declared"] = pd.Series(bool(listed), index=frame.index, dtype="boolean")
    return frame.sort_values("subject", kind="stable").reset_index(drop=True)


def _name_batches(rows: Rows) -> None:
    """Name the batch of each sample: as declared, else instrument (or serial number) and lot, else site."""
    for row in rows:
        if row["batch"]:
            continue
        machine = row["instrument"] or (_serial(row["path"]) if row["path"] is not None else None)
        row["batch"] = " ".join(part for part in (machine or row["site"], row["lot"]) if part) or "all"


def _serial(path: Path) -> str | None:
    """Read $CYTSN of a file; a file that cannot be read has none, and gating says why."""
    from immunoprofile.fcs import read_fcs

    try:
        found = str(read_fcs(path, metadata_only=True).keywords.get("$CYTSN", "")).strip()
    except (FcsError, ImmunoprofileError, OSError):
        return None
    return None if fold(found) in _NO_SERIAL else found


def _excluded(parts: FrameParts, samples: Rows) -> pd.DataFrame:
    """Give one row for each row of a table that was left out; no cell of the table is repeated."""
    by_row = {row["row"]: row for row in samples}
    name = _table_name(parts.design, "samples")
    groups: dict[tuple[str, int], list[Problem]] = {}
    for problem in parts.problems.errors:
        if problem.scope == "row" and problem.row is not None:
            groups.setdefault((problem.table, problem.row), []).append(problem)
    rows = []
    for (table, row), found in sorted(groups.items()):
        sample = by_row.get(row, {}) if table == name else {}
        codes = list(dict.fromkeys(problem.code for problem in found))
        rows.append(
            {
                "specimen": sample.get("specimen"),
                "sample": sample.get("sample"),
                "stage": "sheet",
                "code": codes[0],
                "problem": "; ".join(dict.fromkeys(problem.discreet for problem in found)),
                "hint": next((problem.hint for problem in found if problem.hint), ""),
                "file": sample.get("file"),
                "table": table,
                "row": row,
            }
        )
    return _frame(rows, EXCLUDED)
