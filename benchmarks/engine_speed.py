"""File to gates to counts: our engine against FlowKit, in one process, in turn; CPU time and memory.

    python benchmarks/engine_speed.py [--events 1000000] [--rounds 3]

"strategy new" compiles the strategy for every file, "strategy kept" once, as a study does. Memory is the
highest anonymous memory (RssAnon) above that of the imported libraries, read every 5 ms (Linux only).
"""

from __future__ import annotations

import argparse
import gc
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import _gating_workload as workload


def anonymous_megabytes():
    status = Path("/proc/self/status")
    if not status.exists():
        return float("nan")
    line = next(line for line in status.read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1024


class Peak:
    """The highest anonymous memory while the block runs."""

    def __enter__(self):
        gc.collect()
        self.highest, self._stop = anonymous_megabytes(), threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self):
        while not self._stop.wait(0.005):
            self.highest = max(self.highest, anonymous_megabytes())

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        self.highest = max(self.highest, anonymous_megabytes())


def forget():
    from immunoprofile.gating import _plan, _tables
    from immunoprofile.transform import linear_threshold

    for cached in (_plan.make_plan, _tables._table, linear_threshold):
        cached.cache_clear()


def ours(path, populations):
    from immunoprofile.fcs import read_fcs
    from immunoprofile.gating._engine import gate_events
    from immunoprofile.transform import compensation_of

    sample = read_fcs(path)
    return gate_events(sample, populations, compensation_of(sample)).counts


def ours_new(path, populations):
    forget()
    return ours(path, populations)


def flowkit(path, populations):
    import flowkit as fk
    from _flowkit_side import strategy_of

    results = strategy_of(populations).gate_sample(fk.Sample(path, filename_as_id=True))
    return {population.name: results.get_gate_count(population.name) for population in populations}


def timed(run, path, populations):
    gc.collect()
    with Peak() as peak:
        begin = time.process_time()
        counts = run(path, populations)
        seconds = time.process_time() - begin
    return seconds, peak.highest, counts


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path, small = Path(folder) / "events.fcs", Path(folder) / "small.fcs"
        for out, count in ((path, given.events), (small, 5000)):
            writer = Path(workload.__file__)
            subprocess.run([sys.executable, writer, out, "--events", str(count)], check=True)
        compare(str(path), str(small), given.events, given.rounds)


def compare(path, small, events, rounds):
    populations = workload.populations()
    sides = {
        "immunoprofile, strategy new": ours_new,
        "immunoprofile, strategy kept": ours,
        "flowkit": flowkit,
    }
    for run in sides.values():
        run(small, populations)  # imports, kernels, caches of the interpreter
    base = anonymous_megabytes()
    seconds, memory, counts = {name: [] for name in sides}, dict.fromkeys(sides, 0.0), {}
    for _ in range(rounds):
        for name, run in sides.items():
            took, highest, counts[name] = timed(run, path, populations)
            seconds[name].append(took)
            memory[name] = max(memory[name], highest - base)
    size = f"{events} events x {len(workload.DETECTORS)} channels"
    print(f"{size}, {len(populations)} populations, rounds: {rounds}")
    print(f"{'':30}{'best ms':>10}{'median ms':>11}{'ns/event':>10}{'MB above imports':>18}")
    for name, taken in seconds.items():
        best, middle = min(taken), statistics.median(taken)
        print(
            f"{name:30}{1e3 * best:10.1f}{1e3 * middle:11.1f}{1e9 * best / events:10.1f}{memory[name]:18.1f}"
        )
    for name in list(sides)[:2]:
        best = min(seconds["flowkit"]) / min(seconds[name])
        middle = statistics.median(seconds["flowkit"]) / statistics.median(seconds[name])
        print(f"flowkit / {name}: best {best:.1f}, median {middle:.1f}")
    differ = [p.name for p in populations if len({side[p.name] for side in counts.values()}) > 1]
    print(f"populations whose counts differ: {', '.join(differ) if differ else 'none'}")
    raise SystemExit(1 if differ else 0)


if __name__ == "__main__":
    main()
