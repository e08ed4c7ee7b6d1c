"""CPU of `import immunoprofile` and of `immunoprofile --help` in fresh interpreters, beside `import numpy`.

python benchmarks/import_time.py [--rounds 15]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys

CODES = {
    "bare interpreter": "pass",
    "import numpy": "import numpy",
    "import immunoprofile": "import immunoprofile",
    "immunoprofile --help": (
        "import sys; sys.argv = ['immunoprofile', '--help']\n"
        "from immunoprofile.cli import main\n"
        "import contextlib, io\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit): main()"
    ),
}
MEASURE = "import time\n{code}\nprint(time.process_time())"


def seconds(code: str) -> float:
    """Give the CPU seconds that a fresh interpreter has used when the code is done."""
    script = MEASURE.format(code=code)
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return float(result.stdout.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    found: dict[str, list[float]] = {name: [] for name in CODES}
    for _ in range(rounds):  # alternating, so that other load falls on all alike
        for name, code in CODES.items():
            found[name].append(seconds(code))
    bare = min(found["bare interpreter"])
    print(f"{'':<24}{'best':>9}{'median':>9}   CPU seconds, start of the interpreter ({bare:.3f}) taken off")
    for name, times in found.items():
        print(f"{name:<24}{min(times) - bare:>9.3f}{statistics.median(times) - bare:>9.3f}")


if __name__ == "__main__":
    main()
