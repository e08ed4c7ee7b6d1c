from __future__ import annotations

import csv
import io
import subprocess
import sys

import numpy as np
import pytest

from immunoprofile.fcs import read_fcs, write_fcs


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "immunoprofile", "deidentify", *map(str, arguments)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    for i in range(3):
        write_fcs(
            tmp_path / "in" / f"Smith_{i}.fcs", np.full((4, 2), i), ["A", "B"],
            keywords={"$SMNO": f"Miller {i}", "$COM": "kept"},
        )  # fmt: skip
    return tmp_path / "in"


def test_a_folder_is_copied_without_names(folder, tmp_path):
    result = command(folder, tmp_path / "out", "--map", tmp_path / "map.csv", "--keep", "$COM")
    assert (result.returncode, result.stderr) == (0, "")
    assert "3 copies written" in result.stdout
    rows = dict(csv.reader(io.StringIO((tmp_path / "map.csv").read_text())))
    for i in range(3):
        copy = read_fcs(tmp_path / "out" / rows[f"Smith_{i}.fcs"])
        assert (copy.events == i).all()
        assert copy.keywords["$COM"] == "kept"
    again = command(folder, tmp_path / "out", "--map", tmp_path / "map.csv")
    assert (again.returncode, "3 were there" in again.stdout) == (0, True)


def test_failures_are_told_by_number_and_exit_code(folder, tmp_path):
    write_fcs(folder / "Smith_3.fcs", np.ones((4, 2)), ["A", "B"], labels=["Miller 3", None],
              keywords={"$SMNO": "Miller 3"})  # fmt: skip
    (folder / "Smith_4.fcs").write_bytes(b"FCS3.1")
    result = command(folder, tmp_path / "out", "--map", tmp_path / "map.csv")
    assert result.returncode == 1
    assert "file 4 in the order of names: identifying-text, $P1S" in result.stdout
    assert "file 5 in the order of names: header-truncated" in result.stdout
    assert not any(word in result.stdout + result.stderr for word in ("Smith", "Miller"))
    allowed = command(folder, tmp_path / "out", "--map", tmp_path / "map.csv", "--allow", "$PnS")
    assert (allowed.returncode, "1 copies written, 3 were there" in allowed.stdout) == (1, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["in", "in"],
        ["in", "out"],
        ["in", "out", "--map", "out/map.csv"],
        ["Smith_gone", "out", "--map", "map.csv"],
        ["in/Smith_0.fcs", "in/Smith_1.fcs", "in/Smith_2.fcs", "out", "--map", "map.csv"],
        ["in", "out", "--map", "map.csv", "--nonsense"],
    ],
)
def test_wrong_use_is_exit_2_without_a_name(folder, tmp_path, arguments):
    placed = [word if word.startswith("--") else tmp_path / word for word in arguments]
    result = command(*placed)
    assert result.returncode == 2
    assert "Smith" not in result.stdout + result.stderr
    assert not (tmp_path / "out").exists()
