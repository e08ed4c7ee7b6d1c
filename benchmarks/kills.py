"""Kill -9 of the whole process group of a run, again and again: is every file whole, is the end the same?

    python benchmarks/kills.py [--kills 200] [--subjects 11] [--visits 4] [--events 2000] [--workers 2]

A study is run undisturbed in two states of its sheet (all rows; all but the last). Then rounds follow: the
sheet takes one state, the cache is emptied or not, and the same command is started until it comes to its end.
It is killed at random instants, every second time at the moment when a final name below results/ changes.
After each kill every visible file is checked: a table equals that of one of the two states byte for byte,
Parquet opens, cache entries prove themselves, the audit log and the log hold, and where provenance.json is
there, all that it lists has its hash. At the end of a round the tables are those of the undisturbed run.

The runs are forked from a process that has loaded the package, so that kills fall on work, not on imports.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import hashlib
import io
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from importlib import import_module
from pathlib import Path

TABLES = (".csv", ".parquet")
LOADED = (
    "matplotlib.pyplot", "matplotlib.backends.backend_svg", "pyarrow.parquet", "jinja2",
    "immunoprofile.cli._run", "immunoprofile.report", "immunoprofile.plot", "immunoprofile.longitudinal",
)  # fmt: skip
"""What every run would load; loaded once, before the first fork."""
MOST_KILLS_A_ROUND = 8
EMPTY = 0.4
"""Part of the rounds that begin without a cache."""


class Study:
    """A simulated study in a folder, with two states of its sheet."""

    def __init__(self, folder: Path, *, workers: int) -> None:
        self.folder, self.results, self.workers = folder, folder / "results", workers
        whole = (folder / "samples.csv").read_text(encoding="utf-8")
        self.sheets = (whole, "".join(whole.splitlines(keepends=True)[:-1]))
        self.tables: list[dict[str, bytes]] = []
        self.seconds = {True: 0.0, False: 0.0}

    def reference(self) -> None:
        """Run each state undisturbed, in a folder without a cache."""
        for state, empty in ((0, True), (1, True), (1, False)):
            self.enter(state, empty=empty)
            start = time.monotonic()
            code = self.wait(self.start())
            self.seconds[empty] = time.monotonic() - start
            if code != 0:
                raise SystemExit(f"the undisturbed run ended with {code}")
            if empty:
                self.tables.append(self.visible())

    def enter(self, state: int, *, empty: bool) -> None:
        if empty:
            shutil.rmtree(self.results / "cache", ignore_errors=True)
        (self.folder / "samples.csv").write_text(self.sheets[state], encoding="utf-8")

    def visible(self) -> dict[str, bytes]:
        """Give name and bytes of the tables."""
        return {
            path.name: path.read_bytes()
            for path in sorted(self.results.iterdir())
            if path.suffix in TABLES and path.name != "private_ids.csv" and not path.name.startswith(".")
        }

    def start(self) -> int:
        """Start the run as the leader of its own group."""
        child = os.fork()
        if child:
            with contextlib.suppress(OSError):
                os.setpgid(child, child)
            return child
        os.setpgid(0, 0)
        with Path(os.devnull).open("w") as nothing:
            os.dup2(nothing.fileno(), 1)
            os.dup2(nothing.fileno(), 2)
        sys.argv = ["immunoprofile", "run", str(self.folder), "--quiet", "--workers", str(self.workers)]
        from immunoprofile.cli import main

        code = 70
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            os._exit(code)

    @staticmethod
    def wait(child: int) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def names(self) -> dict[str, tuple[int, int]]:
        """Give what tells a new file from an old one, by name; the cache as one."""
        found = {}
        with contextlib.suppress(OSError):
            for entry in os.scandir(self.results):
                if not entry.name.startswith(".") and entry.name != "run.log":
                    state = entry.stat()
                    found[entry.name] = (state.st_ino, state.st_mtime_ns)
        return found

    def kill_at_a_name(self, child: int, *, after: int) -> bool:
        """Kill when the n-th final name has changed; False where the run ended before."""
        known, changes = self.names(), 0
        while True:
            if os.waitpid(child, os.WNOHANG)[0]:
                return False
            now = self.names()
            if now != known:
                changes, known = changes + 1, now
                if changes >= after:
                    return self.kill(child)
            time.sleep(0.0005)

    def kill_in(self, child: int, seconds: float) -> bool:
        """Kill after so many seconds; False where the run ended before."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if os.waitpid(child, os.WNOHANG)[0]:
                return False
            time.sleep(0.002)
        return self.kill(child)

    def kill(self, child: int) -> bool:
        os.killpg(child, signal.SIGKILL)
        return self.wait(child) == -signal.SIGKILL

    def faults(self) -> list[str]:
        """Name every file that is not whole."""
        found = []
        for path in sorted(self.results.rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                try:
                    self.check(path)
                except Exception as error:  # noqa: BLE001 - whatever is wrong with it is told
                    found.append(f"{path.relative_to(self.results)}: {type(error).__name__}: {error}")
        return found

    def check(self, path: Path) -> None:
        import pandas as pd

        from immunoprofile.pipeline._cache import Cache
        from immunoprofile.trial import verify_audit_log

        content = path.read_bytes()
        if path.suffix in TABLES and path.name != "private_ids.csv":
            assert content in [held.get(path.name) for held in self.tables], "neither the old nor the new one"
        if path.suffix == ".csv":
            rows = list(csv.reader(io.StringIO(content.decode("utf-8"), newline="")))
            assert len({len(row) for row in rows}) == 1, "rows of different lengths"
        elif path.suffix == ".parquet":
            assert len(pd.read_parquet(path).columns), "no columns"
        elif path.name == "report.html":
            assert content.rstrip().endswith(b"</html>"), "no end"
        elif path.name == "audit.jsonl":
            assert verify_audit_log(path) is None, "a broken line"
        elif path.name == "run.log":
            for line in content.splitlines():
                json.loads(line)
        elif path.name == "hashes.json":
            json.loads(content)
        elif path.name == "provenance.json":
            for name, held in json.loads(content)["outputs"].items():
                there = hashlib.sha256((self.results / name).read_bytes()).hexdigest()
                assert there == held["sha256"], f"{name} is not what it lists"
        elif path.parent.parent.name == "cache":
            assert Cache(self.results / "cache").get(path.name) is not None, "does not prove itself"


def torture(study: Study, kills: int, chance: random.Random) -> Counter[str]:
    """Kill so many runs; count what was found."""
    found: Counter[str] = Counter()
    while found["kills"] < kills:
        state = chance.randrange(2)
        empty = chance.random() < EMPTY
        study.enter(state, empty=empty)
        found["rounds"] += 1
        for attempt in range(MOST_KILLS_A_ROUND + 1):
            child = study.start()
            if attempt == MOST_KILLS_A_ROUND or found["kills"] >= kills:
                code, killed = study.wait(child), False
                found["failed resumes"] += code != 0
            elif found["kills"] % 2:
                killed = study.kill_at_a_name(child, after=chance.randint(1, 12))
                found["at a name"] += killed
            else:
                killed = study.kill_in(child, chance.uniform(0, study.seconds[empty]))
            if not killed:
                break
            found["kills"] += 1
            for fault in study.faults():
                found["torn files"] += 1
                print(f"after kill {found['kills']}: {fault}", flush=True)
        if study.visible() != study.tables[state] or not (study.results / "provenance.json").is_file():
            found["differing tables"] += 1
            print(f"round {found['rounds']}: the tables differ", flush=True)
        left = list(study.results.rglob(".immunoprofile-tmp-*"))
        found["temporary files left"] += len(left)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--subjects", type=int, default=11)
    parser.add_argument("--visits", type=int, default=4)
    parser.add_argument("--events", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--processes", action="store_true", help="worker processes, however little there is to do"
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    import immunoprofile as ip
    from immunoprofile.gating import warm_kernels
    from immunoprofile.pipeline import _runners

    for module in LOADED:
        import_module(module)
    warm_kernels()
    if options.processes:
        _runners.PROCESS_START_SECONDS = 0.0
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "study"
        settings = {name: getattr(options, name) for name in ("subjects", "visits", "events", "seed")}
        ip.simulate.trial(folder, sites=1, progress=False, **settings)
        study = Study(folder, workers=options.workers)
        study.reference()
        found = torture(study, options.kills, random.Random(options.seed))  # noqa: S311
    counts = {
        "kills": found["kills"],
        "of them when a final name changed": found["at a name"],
        "torn files": found["torn files"],
        "differing tables": found["differing tables"],
        "temporary files left": found["temporary files left"],
        "manual repairs": found["failed resumes"],
    }
    files = len(study.sheets[0].splitlines()) - 1
    seconds = time.monotonic() - start
    print(f"{files} files, {options.workers} workers, {found['rounds']} rounds, {seconds:.0f} s")
    for name, count in counts.items():
        print(f"{name:<36}{count:>6}")
    bad = ("torn files", "differing tables", "temporary files left", "manual repairs")
    raise SystemExit(any(counts[name] for name in bad))


if __name__ == "__main__":
    main()
