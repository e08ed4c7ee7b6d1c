"""Same input, same bytes: however many workers, in whatever order, under whatever locale, name and folder."""

from __future__ import annotations

import csv
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from immunoprofile.pipeline import _runners

from .study_cases import bytes_of, files_of, run_study, sheet, table, write_sheet

SCRIPT = Path(sys.executable).with_name("immunoprofile")
ODD = ("a b", "größe", "細胞", "-x", "two\nlines", "x" * 200, "'q\"", "%s{0}$HOME")


def again(root):
    """Forget all numbers, not the ids."""
    shutil.rmtree(root / "results" / "cache")
    for path in (root / "results").glob("*.csv"):
        if path.name != "private_ids.csv":
            path.unlink()


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("way", ["threads", "processes"])
def test_any_number_of_workers_gives_the_same_bytes(done, workers, way, monkeypatch):
    if (workers, way) == (1, "processes"):
        pytest.skip("one worker is a thread")
    before = bytes_of(done)
    again(done)
    monkeypatch.setattr(_runners, "PROCESS_START_SECONDS", 0.0 if way == "processes" else 1e9)
    run_study(done, workers=workers)
    assert bytes_of(done) == before


def test_files_and_rows_in_any_order_give_the_same_bytes(done):
    before = bytes_of(done)
    again(done)
    chance = random.Random("order")
    files = files_of(done)
    chance.shuffle(files)
    for path in files:  # made anew: the folder lists them in another order, with other times and inodes
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
        os.utime(path, (2_000_000_000, 4_000_000_000))
    rows = sheet(done)
    body = rows[1:]
    chance.shuffle(body)
    write_sheet(done, [rows[0], *body])
    run_study(done, workers=2)
    assert bytes_of(done) == before


def ran(command, *, cwd=None, **environment):
    names = ("PATH", "HOME", "PYTHONPATH", "IMMUNOPROFILE_CACHE", "OMP_NUM_THREADS")
    kept = {name: os.environ[name] for name in names if name in os.environ}
    return subprocess.run(
        command, cwd=cwd, env=kept | environment, capture_output=True, timeout=120, check=False
    )


def test_the_locale_does_not_matter(done):
    before = bytes_of(done)
    again(done)
    command = [sys.executable, "-m", "immunoprofile", "run", str(done), "--quiet"]
    outcome = ran(command, LANG="C", LC_ALL="C", PYTHONCOERCECLOCALE="0", TZ="Pacific/Kiritimati")
    assert outcome.returncode == 0, outcome.stderr
    assert bytes_of(done) == before


def test_odd_names_of_files_and_folders_are_no_fault(done, tmp_path):
    rows = sheet(done)
    place = tmp_path / "größe 細胞 -x\nnext"
    place.mkdir()
    root = shutil.copytree(done, place / "-study")
    before = table(done, "populations")
    shutil.rmtree(root / "results")
    for row, name in zip(rows[1:], ODD, strict=True):
        new = f"fcs/{name}/{name}.fcs"
        (root / new).parent.mkdir(exist_ok=True)
        (root / row[0]).rename(root / new)
        row[0] = new
    write_sheet(root, rows)
    command = [sys.executable, "-m", "immunoprofile", "run", "--quiet", "--workers", "2", "--", "-study"]
    outcome = ran(command, cwd=place, LANG="C", LC_ALL="C")
    assert outcome.returncode == 0, outcome.stderr
    found = table(root, "populations")
    for one in (before, found):
        one.sort_values(["population", "statistic", "denominator", "rule", "value"], inplace=True)
    assert found["value"].dropna().tolist() == before["value"].dropna().tolist()
    with (root / "results" / "exclusions.csv").open(newline="", encoding="utf-8") as stream:
        assert len(list(csv.reader(stream))) == 1


@pytest.mark.skipif(not SCRIPT.is_file(), reason="the command is not installed beside this interpreter")
def test_the_command_imports_nothing_from_the_folder_it_stands_in(done, tmp_path):
    """A module beside the data would run with the rights of whoever looks at them."""
    for name in ("numpy", "random", "pandas", "immunoprofile", "click", "tempfile", "sitecustomize"):
        (done / f"{name}.py").write_text("raise SystemExit('hijacked')\n", encoding="utf-8")
    outcome = ran([str(SCRIPT), "run", "study.toml", "--quiet"], cwd=done)
    assert outcome.returncode == 0, outcome.stderr
    assert b"hijacked" not in outcome.stderr + outcome.stdout


def test_workers_import_nothing_from_the_folder_they_stand_in(tmp_path):
    data, script = tmp_path / "data", tmp_path / "script.py"
    data.mkdir()
    for name in ("numpy", "random", "tempfile", "signal", "selectors", "socket"):
        (data / f"{name}.py").write_text("raise SystemExit('hijacked')\n", encoding="utf-8")
    script.write_text(
        "import math, os\n"
        "from immunoprofile.pipeline import _runners\n"
        "_runners.PROCESS_START_SECONDS = 0.0\n"
        "with _runners.Workers(workers=2, progress=False) as team:\n"
        "    print(team.map(math.sqrt, [4, 9], what='x', failed=print, sizes=[1, 1], keep=pow))\n"
        "print(os.environ.get('PYTHONSAFEPATH'))\n",
        encoding="utf-8",
    )
    outcome = ran([sys.executable, str(script)], cwd=data)
    assert (outcome.stdout, outcome.stderr) == (b"[2.0, 3.0]\nNone\n", b"")
