"""Run the public data sets of tests/real from study.toml to report, and say what came out.

    python benchmarks/real_studies.py [--data ../shared/data] [--out FOLDER]
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--out", type=Path, default=None)
    options = parser.parse_args()
    out = options.out or Path(tempfile.mkdtemp())
    for name in STUDIES:
        study = lay_out(name, options.data, out)
        result = subprocess.run([sys.executable, "-m", "immunoprofile", "run", str(study), "--quiet"], check=False)
        print(f"{name}: exit {result.returncode}, {study.parent / 'results' / 'report.html'}")


if __name__ == "__main__":
    main()
