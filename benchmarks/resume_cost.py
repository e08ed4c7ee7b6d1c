"""What it costs to run a finished study again: CPU as a part of the first run's, and wall time.

    python benchmarks/resume_cost.py [--subjects 125] [--visits 4] [--events 20000] [--rounds 3]

Each run is a fresh `immunoprofile run`, its report and its workers included.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SECONDS, SECONDS_A_FILE, PART = 3.0, 0.005, 0.05
"""What is aimed at: wall time, and CPU as a part of the first run's."""


def used() -> float:
    """Give the CPU seconds of the children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def run(study: Path) -> tuple[float, float]:
    """Run the study; give wall and CPU seconds."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    wall, cpu = time.perf_counter(), used()
    command = [sys.executable, "-m", "immunoprofile", "run", str(study), "--quiet"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(result.stderr)
    return time.perf_counter() - wall, used() - cpu


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--subjects", type=int, default=125)
    parser.add_argument("--visits", type=int, default=4)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()

    import immunoprofile as ip

    with tempfile.TemporaryDirectory() as place:
        study = Path(place) / "study"
        settings = {name: getattr(options, name) for name in ("subjects", "visits", "events")}
        ip.simulate.trial(study, sites=2, seed=0, progress=False, **settings)
        files = len(list((study / "fcs").rglob("*.fcs")))
        first = run(study)
        again = [run(study) for _ in range(options.rounds)]
    wall, cpu = min(seconds for seconds, _ in again), min(seconds for _, seconds in again)
    allowed = SECONDS + SECONDS_A_FILE * files
    print(f"{files} files of {options.events} events")
    print(f"first run     {first[0]:8.1f} s wall {first[1]:8.1f} s CPU")
    print(f"once more     {wall:8.1f} s wall {cpu:8.1f} s CPU (best of {options.rounds})")
    print(f"CPU, part of the first run  {cpu / first[1]:8.1%} (at most {PART:.0%})")
    print(f"wall                        {wall:8.1f} s (at most {allowed:.1f} s)")
    raise SystemExit(cpu / first[1] > PART or wall > allowed)


if __name__ == "__main__":
    main()
