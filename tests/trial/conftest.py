"""A small study folder that each test spoils in its own way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

HEAD = """\
[study]
id = "DEMO"
[[arms]]
id = "IL2"
label = "low-dose IL-2"
role = "active"
[[arms]]
id = "PBO"
label = "placebo"
role = "control"
[[visits]]
id = "W0"
label = "Baseline"
day = 1
before = 28
after = 0
role = "baseline"
[[visits]]
id = "W4"
day = 29
before = 4
after = 4
[[visits]]
id = "W12"
day = 85
before = 7
after = 7
[[endpoints]]
id = "tis20_w12"
response = "tis_2016_adult"
visit = "W12"
rule = "score >= 20"
[measures.mmt8]
maximum = 150
"""
TUBES = '[[tubes]]\nid = "treg"\nstrategy = "treg_surface_v1"\n'
VISITS = {"W0": "2024-03-01", "W4": "2024-03-29", "W12": "2024-05-24"}
SUBJECTS = [f"S{number:02d}" for number in range(1, 9)]
VALUES = {
    "physician_global": ("6.3", "3.8", "cm", ""),
    "patient_global": ("5.1", "3.2", "cm", ""),
    "mmt8": ("110", "130", "points", ""),
    "haq": ("1.5", "0.75", "points", ""),
    "ck": ("900", "300", "U/L", "200"),
    "extramuscular": ("4.4", "2.1", "cm", ""),
}


@dataclass
class Folder:
    """A study folder under construction: tables as lists of rows, written by `write`."""

    root: Path
    toml: str = HEAD + TUBES
    samples: list[list[str]] = field(default_factory=list)
    subjects: list[list[str]] | None = None
    clinical: list[list[str]] | None = None
    doses: list[list[str]] | None = None
    events: list[list[str]] | None = None
    separator: str = ","
    encoding: str = "utf-8"
    ends: str = "\n"

    def write(self) -> Path:
        (self.root / "study.toml").write_text(self.toml, encoding="utf-8")
        for name in ("samples", "subjects", "clinical", "doses", "events"):
            rows = getattr(self, name)
            if rows is not None:
                self.write_table(name, rows)
        return self.root / "study.toml"

    def write_table(self, name: str, rows: list[list[str]]) -> None:
        text = self.ends.join(self.separator.join(row) for row in rows) + self.ends
        (self.root / f"{name}.csv").write_bytes(text.encode(self.encoding))

    def touch(self, name: str, content: bytes = b"") -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content or name.encode())

    def cell(self, table: str, row: int, column: str, value: str) -> None:
        """Set a cell; `row` is the line that a spreadsheet shows."""
        rows = getattr(self, table)
        rows[row - 1][rows[0].index(column)] = value


def _samples(folder: Folder) -> list[list[str]]:
    rows = [["file", "subject", "visit", "site", "batch", "collected"]]
    for place, subject in enumerate(SUBJECTS):
        for visit, day in VISITS.items():
            name = f"fcs/{subject}_{visit}.fcs"
            folder.touch(name)
            rows.append([name, subject, visit, f"site{place % 2 + 1}", "b1", day])
    return rows


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A study of eight subjects, three visits and two sites without a fault."""
    made = Folder(root=tmp_path)
    made.samples = _samples(made)
    made.subjects = [["subject", "site", "sex", "age_years", "randomised", "first_dose"]]
    made.clinical = [["subject", "visit", "measure", "value", "unit", "uln", "date"]]
    for place, subject in enumerate(SUBJECTS):
        made.subjects.append(
            [subject, f"site{place % 2 + 1}", "FM"[place % 2], "52", "2024-02-28", "2024-03-01"]
        )
        for visit, day in VISITS.items():
            for measure, (before, after, unit, uln) in VALUES.items():
                value = before if visit == "W0" else after
                made.clinical.append([subject, visit, measure, value, unit, uln, day])
    key = [["subject", "arm"], *([s, ("IL2", "PBO")[i % 2]] for i, s in enumerate(SUBJECTS))]
    (tmp_path / "arm_key.csv").write_text("\n".join(",".join(row) for row in key) + "\n")
    return made
