"""ARCHITECTURE.md is kept true; modules keep their size; rooms import downwards."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PACKAGE = ROOT / "immunoprofile"
TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")


def test_it_names_every_room_and_no_other():
    rooms = {p.name for p in PACKAGE.iterdir() if (p / "__init__.py").is_file()}
    named = set(re.findall(r"`immunoprofile/([a-z]+)/`", TEXT))
    assert named == rooms


def test_it_names_every_top_level_folder():
    tracked = {"gating", "notebooks", "tests", "benchmarks", "docs"}
    assert {f for f in tracked if (ROOT / f).is_dir()} == set(re.findall(r"^\| `([a-z]+)/`", TEXT, re.M))


def test_it_is_short_and_its_paths_exist():
    assert len(TEXT.splitlines()) <= 200
    for path in re.findall(r"`((?:core|gating|pipeline|report)/[a-z_]+\.py)`", TEXT):
        assert (PACKAGE / path).is_file(), path


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_is_of_a_size_one_can_read(path: Path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 600
    assert lines == [] or lines[0].startswith(('"""', 'r"""')), "the first line says what the module is"


def test_rooms_import_downwards_only():
    result = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout


def test_nothing_is_pickled_or_evaluated():
    pattern = re.compile(
        r"\b(pickle\.loads?|joblib|dill|shelve|read_pickle|yaml\.load|allow_pickle=True|eval\(|exec\()"
    )
    for path in PACKAGE.rglob("*.py"):
        assert not pattern.search(path.read_text(encoding="utf-8")), path


def test_no_global_random_state():
    pattern = re.compile(r"np\.random\.(seed|rand|randn|normal|uniform|choice|shuffle|permutation)\b")
    for path in PACKAGE.rglob("*.py"):
        assert not pattern.search(path.read_text(encoding="utf-8")), path
