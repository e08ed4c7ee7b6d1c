"""Anonymous memory (RssAnon) that reading takes above the imports, each case in a fresh process; Linux only.

    python benchmarks/fcs_memory.py [--gigabytes 1.0]

Whole files: at most 3 x DATA + 100 MB, all values touched. 2 of 20 channels of a large file: at most
2 x the result + 150 MB. The highest figure while reading counts, read every 2 ms. Ends with 1 if a bound is
broken.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import fcs_speed
import numpy as np

MB = 1e6
READ = "import fcs_memory; fcs_memory.measure({path!r}, {channels!r})"


def anonymous_bytes():
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) * 1024


def measure(path, channels):
    """Read a file in this process, and print the memory that this took at most."""
    import warnings

    import immunoprofile as ip
    from immunoprofile.fcs._compiled import warm_kernels

    warnings.simplefilter("ignore")
    warm_kernels()
    base = anonymous_bytes()
    highest, stop = [base], threading.Event()

    def watch():
        while not stop.wait(0.002):
            highest[0] = max(highest[0], anonymous_bytes())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    begin = time.process_time()
    events = ip.read_fcs(path, channels=channels).events
    events.max()
    seconds = time.process_time() - begin
    highest[0] = max(highest[0], anonymous_bytes())
    stop.set()
    thread.join()
    print(json.dumps({"above": highest[0] - base, "result": events.nbytes, "seconds": seconds}))


def in_fresh_process(path, channels):
    code = READ.format(path=str(path), channels=channels)
    here = Path(__file__).parent
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=here)
    return json.loads(done.stdout.splitlines()[-1])


def report(name, found, bound):
    passed = found["above"] <= bound
    print(
        f"{name:44}{found['above'] / MB:8.0f} MB above imports, bound {bound / MB:6.0f} MB, "
        f"result {found['result'] / MB:6.0f} MB, {found['seconds']:.2f} s CPU: {'pass' if passed else 'FAIL'}"
    )
    return passed


def whole_files(folder):
    met = True
    for case in fcs_speed.CASES:
        path = folder / "events.fcs"
        body = fcs_speed.stored_bytes(case, np.random.default_rng(7))
        fcs_speed.write_file(path, case, body)
        met &= report(f"{case.name}, whole", in_fresh_process(path, None), 3 * len(body) + 100 * MB)
        path.unlink()
    return met


def large_file(folder, gigabytes):
    met = True
    for case in fcs_speed.CASES[:2]:
        block = replace(case, events=500_000)
        body = fcs_speed.stored_bytes(block, np.random.default_rng(7))
        times = max(1, round(gigabytes * 1e9 / len(body)))
        path = folder / "large.fcs"
        fcs_speed.write_file(path, replace(case, events=times * block.events), body, times=times)
        del body
        found = in_fresh_process(path, ["C3", "C17"])
        met &= report(f"{case.name}, 2 of 20 of {gigabytes:g} GB", found, 2 * found["result"] + 150 * MB)
        path.unlink()
    return met


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=1.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        met = whole_files(Path(folder))
        met &= large_file(Path(folder), given.gigabytes)
    raise SystemExit(0 if met else 1)


if __name__ == "__main__":
    main()
