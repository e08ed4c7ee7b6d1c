"""What is mutated: worked files of every kind, and files of our own writer."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np

from immunoprofile.fcs import Spillover, write_fcs

CASES = Path(__file__).resolve().parents[2] / "golden" / "fcs" / "cases.jsonl"


def golden_files() -> list[bytes]:
    """Give every worked file that is long enough to be changed anywhere."""
    lines = CASES.read_text(encoding="utf-8").splitlines()
    files = [base64.b64decode(json.loads(line)["file_base64"]) for line in lines]
    return [content for content in files if len(content) > 58]


def written_files(folder: Path) -> list[bytes]:
    """Write some files of small and odd shapes, and give their bytes."""
    rng = np.random.default_rng(20)
    made = []
    for rows, columns in ((0, 1), (1, 1), (7, 3), (40, 5), (100, 12)):
        names = ["Time", *(f"FL{i}-A" for i in range(1, columns))]
        for scale in (1.0, np.pi):
            path = write_fcs(
                folder / f"{rows}_{columns}_{scale:.0f}.fcs",
                np.round(rng.gamma(2, 300, (rows, columns))) * scale,
                names,
                labels=[None, *(f"CD{i}" for i in range(1, columns))],
                spillover=Spillover(detectors=tuple(names[1:]), matrix=np.eye(columns - 1) * 0.9 + 0.1)
                if columns > 1
                else None,
                keywords={"$FIL": "a/b|c.fcs", "$TIMESTEP": "0.01", "NOTE": "Größe µm"},
            )
            made.append(path.read_bytes())
    return made
