"""Kill -9 at random instants: no torn file, the same tables, nothing to repair (a small benchmark)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "kills.py"


@pytest.mark.skipif(not hasattr(os, "fork") or sys.platform == "darwin", reason="forks a loaded process")
def test_twenty_kills_leave_whole_files_and_the_same_tables():
    words = ["--kills", "20", "--subjects", "2", "--visits", "2", "--events", "1200", "--workers", "1"]
    done = subprocess.run(
        [sys.executable, str(BENCHMARK), *words], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = dict(line.rsplit(maxsplit=1) for line in done.stdout.splitlines()[1:])
    assert told == {
        "kills": "20",
        "of them when a final name changed": "10",
        "torn files": "0",
        "differing tables": "0",
        "temporary files left": "0",
        "manual repairs": "0",
    }
