"""Files that were once answered wrongly, or might easily be: tiny, named by the fault, kept for good."""

from __future__ import annotations

import csv
import hashlib
import warnings
from pathlib import Path

import numpy as np
import pytest

from immunoprofile.core import FcsError, FcsWarning
from immunoprofile.fcs import read_fcs

from .mutants import judge

FOLDER = Path(__file__).parent / "regressions"
ROWS = list(csv.DictReader((FOLDER / "regressions.csv").read_text(encoding="utf-8").splitlines()))


@pytest.mark.parametrize("row", ROWS, ids=[row["file"] for row in ROWS])
def test_a_fault_stays_mended(row):
    path = FOLDER / row["file"]
    answer = judge(path, row["mode"])
    assert answer.kind in {"read", "refused"}, answer
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FcsWarning)
        if row["code"]:
            with pytest.raises(FcsError) as caught:
                read_fcs(path, mode=row["mode"])
            assert caught.value.code == row["code"]
            return
        events = read_fcs(path, mode=row["mode"], scale="stored").events
    assert "x".join(map(str, events.shape)) == row["shape"]
    with np.errstate(invalid="ignore"):
        assert hashlib.sha256(np.ascontiguousarray(events, "<f8").tobytes()).hexdigest() == row["sha256"]


def test_every_file_has_its_row_and_is_small():
    files = {path.name: path.stat().st_size for path in FOLDER.iterdir() if path.suffix != ".csv"}
    assert set(files) == {row["file"] for row in ROWS}
    assert max(files.values()) <= 4096
