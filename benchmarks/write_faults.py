"""Every write of a run fails once: is anything torn, and does the same command then go on?

A small study is run by the command line in this process while the n-th call that creates, writes,
synchronises or renames a file below its results fails, for every n and each error. After each run every
result must be the old or the new one, no temporary file may be left, the exit code must be 3 (2 for a folder
without permission), and no traceback may be shown. Power cuts are tried by tests/pipeline/test_faults.py.

    python benchmarks/write_faults.py [--every 1] [--events 600]
"""

from __future__ import annotations

import argparse
import errno
import importlib.util
import shutil
import sys
import tempfile
import time
from pathlib import Path

import immunoprofile as ip

TESTS = Path(__file__).resolve().parents[1] / "tests" / "pipeline"
ERRORS = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EFBIG)


def load(name: str):
    """Load a module of the tests, which are no package."""
    found = importlib.util.spec_from_file_location(name, TESTS / f"{name}.py")
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    found.loader.exec_module(module)
    return module


def command(cases, root: Path):
    return cases.run_cli("run", root / "study.toml", "--quiet", "--workers", "1")


def study(folder: Path, cases, *, events: int):
    """Make a study that has run on all but one of its files; give the bytes of its old and new tables."""
    root = folder / "trial"
    ip.simulate.trial(root, subjects=4, visits=1, sites=1, events=events, seed=1)
    rows = cases.sheet(root)
    command(cases, root)
    new = cases.bytes_of(root)
    cases.write_sheet(root, rows[:-1])
    shutil.rmtree(root / "results" / "cache")
    command(cases, root)
    old = cases.bytes_of(root)
    cases.write_sheet(root, rows)
    return root, old, new


def torn(root: Path, cases, old: dict, new: dict) -> int:
    found = cases.bytes_of(root)
    return sum(found.get(name) not in (old.get(name), new.get(name)) for name in old | new)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--events", type=int, default=600)
    asked = parser.parse_args()
    layers, cases = load("file_layer"), load("study_cases")
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        source, old, new = study(Path(folder), cases, events=asked.events)
        work = Path(folder) / "work"

        def fresh() -> Path:
            shutil.rmtree(work, ignore_errors=True)
            return shutil.copytree(source, work)

        with layers.FileLayer(fresh()) as layer:
            command(cases, work)
        total = layer.calls
        print(f"{total} calls a run")
        for error in ERRORS:
            counts = {
                "runs": 0,
                "torn": 0,
                "left": 0,
                "other exit codes": 0,
                "tracebacks": 0,
                "not resumed": 0,
            }
            for number in range(1, total + 1, asked.every):
                root = fresh()
                with layers.FileLayer(root, fail_at=number, error=error):
                    outcome = command(cases, root)
                counts["runs"] += 1
                counts["torn"] += torn(root, cases, old, new)
                counts["left"] += len(list((root / "results").rglob(".immunoprofile-tmp-*")))
                counts["other exit codes"] += outcome.code != 3
                counts["tracebacks"] += "Traceback" in outcome.err + outcome.out
                if number % 10 == 1:
                    counts["not resumed"] += command(cases, root).code != 0 or cases.bytes_of(root) != new
            print(
                f"{errno.errorcode[error]:<7}"
                + ", ".join(f"{name} {value}" for name, value in counts.items())
            )
        root = fresh()
        with layers.FileLayer(root, fail_at=1, error=errno.EACCES):
            print(f"EACCES at the start: exit {command(cases, root).code}")
        print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
