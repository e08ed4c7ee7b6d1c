"""One hostile trial, run blinded and then unblinded by the command line, for all tests of this folder."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from .hostile_study import Outcome, Planted, command, everything_in, hostile_trial

PRIVATE = ("private_ids.csv", "audit.jsonl")


@dataclass(frozen=True)
class HostileRun:
    """What a hostile trial left behind."""

    root: Path
    plant: Planted
    blinded: Outcome
    opened: Outcome
    contents: dict[str, bytes]
    blinded_results: Path


@pytest.fixture(scope="session")
def hostile(tmp_path_factory) -> HostileRun:
    root = tmp_path_factory.mktemp("hostile") / "trial"
    plant = hostile_trial(root)
    study = root / "study.toml"
    blinded = command("run", study, "--workers", 1)
    contents = everything_in(root / "results", without=PRIVATE)
    kept = Path(shutil.copytree(root / "results", root.parent / "blinded"))
    words = ("--key", root / "arm_key.csv", "--who", "<b>A. Reader</b>", "--reason", "$x$ \x1b[31mlock")
    opened = command("unblind", study, *words)
    return HostileRun(root, plant, blinded, opened, contents, kept)
