"""Time a fitted strategy on one large file, from the file to the counts, against FlowKit.

    python benchmarks/gating_speed.py [--events 1000000] [--rounds 5]

Ours: ``fitted.apply(read_fcs(path))`` and the count of every population of treg_surface_v1. FlowKit: the same
cuts, written as GatingML 2.0 by ``write_gatingml``, parsed once, applied to the same file (scatter ratios,
which GatingML has as well, included). Sides take turns in one process; CPU time. Memory is the highest
anonymous memory (RssAnon, Linux only) above that of the imported libraries, read every 5 ms.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from engine_speed import Peak, anonymous_megabytes

SIMULATE = "import sys, immunoprofile.simulate as s; s.sample(sys.argv[1], events=int(sys.argv[2]), seed=1)"


def simulated(folder, name, events):
    """Write a file from another process, whose memory is not ours."""
    path = Path(folder) / f"{name}.fcs"
    subprocess.run([sys.executable, "-c", SIMULATE, str(path), str(events)], check=True)
    return path


def ours(fitted):
    from immunoprofile.fcs import read_fcs

    def run(path):
        gated = fitted.apply(read_fcs(path))
        return {name: gated.count(name) for name in gated.populations if name not in gated.missing}

    return run


def flowkit(fitted, sample, folder):
    """Give the same work done by FlowKit."""
    import flowkit as fk

    from immunoprofile.interchange import write_gatingml

    document = Path(folder) / "strategy.xml"
    write_gatingml(fitted, document, sample=sample)
    strategy = fk.parse_gating_xml(str(document))

    def run(path):
        results = strategy.gate_sample(fk.Sample(str(path), filename_as_id=True))
        report = results.report
        return dict(zip(report["gate_name"], report["count"].astype(int), strict=True))

    return run


def timed(run, path):
    with Peak() as peak:
        begin = time.process_time()
        counts = run(path)
        seconds = time.process_time() - begin
    return seconds, peak.highest, counts


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        large = simulated(folder, "large", given.events)
        compare(folder, large, given.rounds)


def compare(folder, large, rounds):
    from immunoprofile.fcs import read_fcs
    from immunoprofile.gating import FittedStrategy

    # Placed and saved by another process: what is timed here is the application of known cuts.
    saved = Path(folder) / "fitted.npz"
    place = (
        "import sys, immunoprofile as ip; "
        "ip.load_strategy('treg_surface_v1').place([ip.read_fcs(sys.argv[1])]).save(sys.argv[2])"
    )
    subprocess.run([sys.executable, "-c", place, str(large), str(saved)], check=True)
    fitted = FittedStrategy.load(saved)
    sides = {"immunoprofile": ours(fitted), "flowkit": flowkit(fitted, read_fcs(large), folder)}
    small = simulated(folder, "small", 5000)
    for run in sides.values():
        run(small)  # imports, kernels, caches of the interpreter
    base = anonymous_megabytes()
    seconds, memory, counts = {name: [] for name in sides}, dict.fromkeys(sides, 0.0), {}
    for _ in range(rounds):
        for name, run in sides.items():
            took, highest, counts[name] = timed(run, large)
            seconds[name].append(took)
            memory[name] = max(memory[name], highest - base)
    sample = read_fcs(large)
    print(f"{sample.n_events} events x {sample.n_channels} channels, rounds: {rounds}")
    print(f"{'':16}{'best ms':>10}{'median ms':>11}{'ns/event':>10}{'MB above imports':>18}")
    for name, taken in seconds.items():
        best, middle = min(taken), statistics.median(taken)
        row = f"{name:16}{1e3 * best:10.1f}{1e3 * middle:11.1f}{1e9 * best / sample.n_events:10.1f}"
        print(f"{row}{memory[name]:18.1f}")
    mine, other = seconds["immunoprofile"], seconds["flowkit"]
    middle = statistics.median(other) / statistics.median(mine)
    print(f"flowkit / immunoprofile: best {min(other) / min(mine):.1f}, median {middle:.1f}")
    report_differences(counts["immunoprofile"], counts["flowkit"])


def report_differences(mine, other):
    """Say which populations both sides have, and where their counts differ."""
    both = [name for name in mine if name in other]
    print(f"populations: {len(mine)} here, {len(other)} gates in FlowKit, {len(both)} of one name")
    differ = {name: (mine[name], other[name]) for name in both if mine[name] != other[name]}
    print(f"counts that differ: {differ or 'none'}")


if __name__ == "__main__":
    main()
