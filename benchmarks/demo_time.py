"""Wall and CPU time of `immunoprofile demo`, with cold and with warm kernel caches.

    python benchmarks/demo_time.py [--workers N] [--rounds 2] [--profile]

`--profile` shows where one worker's time goes.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def used() -> float:
    """Give the CPU seconds of the children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def demo(out: Path, *, cache: Path, workers: int | None, profile: bool = False) -> tuple[float, float]:
    """Run the demo in a fresh process; give wall and CPU seconds, its workers included."""
    shutil.rmtree(out, ignore_errors=True)
    start = ["-m", "cProfile", "-s", "cumtime", "-m"] if profile else ["-m"]
    command = [sys.executable, *start, "immunoprofile", "demo", "--out", str(out), "--quiet"]
    command += ["--workers", str(1 if profile else workers)] if workers or profile else []
    environment = {
        **os.environ,
        "IMMUNOPROFILE_CACHE": str(cache),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    wall, cpu = time.perf_counter(), used()
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(result.stderr)
    if profile:
        print("\n".join(result.stdout.splitlines()[:90]))
    return time.perf_counter() - wall, used() - cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=None)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cache, out = Path(folder) / "kernels", Path(folder) / "demo"
        for number in range(options.rounds + 1):
            state = "cold" if number == 0 else "warm"
            wall, cpu = demo(out, cache=cache, workers=options.workers)
            load = os.getloadavg()[0]
            print(
                f"demo, kernels {state}: {wall:6.1f} s wall, {cpu:6.1f} s CPU (load {load:.1f})", flush=True
            )
        if options.profile:
            demo(out, cache=cache, workers=1, profile=True)


if __name__ == "__main__":
    main()
