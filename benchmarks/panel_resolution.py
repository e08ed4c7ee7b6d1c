"""How many real channel names the resolver gets right: ``python benchmarks/panel_resolution.py [FOLDER]``.

FOLDER holds ``marker_truth.csv`` (id, pnn, pns, class, marker). Every channel is resolved alone, as in a file
of its own. Asked: no channel given to a marker that is not its own, and at least 95 % of the markers found.
"""

from __future__ import annotations

import csv
import sys
import time
from collections import Counter
from pathlib import Path

from immunoprofile.panel import canonical_marker, markers_for_detectors

DEFAULT = Path(__file__).resolve().parents[1].parent / "shared" / "spec"


def measure(truth: Path) -> tuple[Counter[str], list[str]]:
    """Count right, wrong and missed channels; list the wrong and the missed ones."""
    counts: Counter[str] = Counter()
    lines = []
    with truth.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            (found,) = markers_for_detectors([row["pnn"]], [row["pns"]])
            given = found.marker if found.kind == "marker" else None
            is_marker = row["class"] == "marker"
            counts["markers"] += is_marker
            if given is None:
                outcome = "missed" if is_marker else "left alone"
            else:
                outcome = "right" if is_marker and given == canonical_marker(row["marker"]) else "wrong"
            counts[outcome] += 1
            if outcome in ("wrong", "missed"):
                lines.append(
                    f"{outcome}: {row['pnn']!r} {row['pns']!r} is {row['marker'] or row['class']}: {given}"
                )
    return counts, lines


def main(folder: Path) -> int:
    """Print the figures; exit code 1 where the goal is missed."""
    began = time.perf_counter()
    counts, lines = measure(folder / "marker_truth.csv")
    share = 100 * counts["right"] / counts["markers"]
    rows = sum(counts.values()) - counts["markers"]
    print(*lines, sep="\n")
    print(f"{rows} channels in {time.perf_counter() - began:.2f} s")
    print(f"wrong assignments: {counts['wrong']}")
    print(f"markers resolved: {counts['right']} of {counts['markers']} ({share:.1f} %)")
    return int(counts["wrong"] > 0 or share < 95)


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT))
