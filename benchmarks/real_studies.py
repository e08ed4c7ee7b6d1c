"""Run the public data sets of tests/real from study.toml to report, and say what came out.

    python benchmarks/real_studies.py [--data ../shared/data] [--out FOLDER]

Ends with 0 where both runs end with 0 or 1 and both reports are there.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STUDIES = {"gvhd": "gvhd", "itn": "itn_flowstats"}


def lay_out(name: str, data: Path, out: Path) -> Path:
    """Copy a study's files and its FCS files into one folder; give its study.toml."""
    folder = out / name
    shutil.copytree(ROOT / "tests" / "real" / name, folder)
    for path in sorted((data / STUDIES[name]).iterdir()):
        if path.suffix == ".fcs" or path.name == "samples.csv":
            shutil.copy(path, folder / path.name)
    return folder / "study.toml"


def summary(results: Path) -> None:
    """Print the medians of percentages and the flags."""
    values: dict[tuple[str, str], list[float]] = {}
    with (results / "populations.csv").open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            if row["statistic"] == "percent" and row["rule"] == "held" and row["value"]:
                values.setdefault((row["population"], row["denominator"]), []).append(float(row["value"]))
    for (population, denominator), found in values.items():
        middle = sorted(found)[len(found) // 2]
        print(f"    {population:<20} % of {denominator:<20} {middle:7.2f}  ({len(found)} samples)")
    with (results / "flags.csv").open(newline="", encoding="utf-8") as stream:
        flags = Counter((row["level"], row["code"]) for row in csv.DictReader(stream))
    print("    flags: " + ", ".join(f"{code} {n} ({level})" for (level, code), n in sorted(flags.items())))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--out", type=Path, default=None)
    options = parser.parse_args()
    out = options.out or Path(tempfile.mkdtemp())
    good = True
    for name in STUDIES:
        study = lay_out(name, options.data, out)
        start = time.perf_counter()
        command = [sys.executable, "-m", "immunoprofile", "run", str(study), "--quiet"]
        result = subprocess.run(command, check=False)
        report = study.parent / "results" / "report.html"
        good &= result.returncode in (0, 1) and report.is_file()
        print(f"{name}: exit {result.returncode} in {time.perf_counter() - start:.1f} s, {report}")
        if report.is_file():
            summary(study.parent / "results")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
