"""A study of 500 files of which 50 are broken in every way; then the same study without their rows.

    python benchmarks/broken_files.py [--files 500] [--broken 50] [--workers 2] [--processes]

The broken files are the refused ones among the worked cases of tests/golden/fcs, and cuts, flips and zeros of
sound ones. The other 450 must give the same bytes as without the 50, each of which is in exclusions.csv.
"""

from __future__ import annotations

import argparse
import base64
import csv
import json
import random
import tempfile
import time
from collections import Counter
from pathlib import Path

CASES = Path(__file__).resolve().parents[1] / "tests" / "golden" / "fcs" / "cases.jsonl"


def broken_contents(sound: bytes, chance: random.Random) -> list[bytes]:
    """Give the bytes of broken files, each kind once."""
    with CASES.open(encoding="utf-8") as stream:
        cases = [json.loads(line) for line in stream]
    refused = [
        base64.b64decode(case["file_base64"])
        for case in cases
        if case["kind"] == "error" and not case["codes"][0].startswith("channel-")  # a fault of the question
    ]
    cuts = [sound[: int(len(sound) * part)] for part in (0.001, 0.01, 0.3, 0.7, 0.95)]
    ours = [b"", b"no FCS file\n" * 99, bytes(len(sound)), b"XXX" + sound[3:], *cuts]
    contents = list(dict.fromkeys(refused + ours))
    chance.shuffle(contents)
    return contents


def rows_of(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.reader(stream))


def write_rows(path: Path, rows: list[list[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows(rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--broken", type=int, default=50)
    parser.add_argument("--events", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--processes", action="store_true", help="worker processes even where threads would do"
    )
    options = parser.parse_args()

    import immunoprofile as ip
    from immunoprofile.pipeline import _runners

    if options.processes:
        _runners.PROCESS_START_SECONDS = 0.0
    chance = random.Random(1)  # noqa: S311 - a choice that can be made again
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        root = Path(place) / "study"
        subjects = options.files // 4 + 20  # some visits of a simulated trial are missed
        ip.simulate.trial(
            root, subjects=subjects, visits=4, sites=1, events=options.events, seed=2, progress=False
        )
        sheet = root / "samples.csv"
        rows = rows_of(sheet)[: options.files + 1]
        write_rows(sheet, rows)
        chosen = chance.sample(rows[1:], options.broken)
        contents = broken_contents((root / chosen[0][0]).read_bytes(), chance)
        for number, row in enumerate(chosen):
            content = contents[number % len(contents)]
            (root / row[0]).write_bytes(content + bytes([number]) * (number >= len(contents)))
        mixed = ip.run(ip.read_study(root / "study.toml", strict=False), workers=options.workers)
        populations = (root / "results" / "populations.csv").read_bytes()
        lost = rows_of(root / "results" / "exclusions.csv")
        write_rows(sheet, [row for row in rows if row not in chosen])
        sound = ip.run(ip.read_study(root / "study.toml", strict=False), workers=options.workers)
        same = (root / "results" / "populations.csv").read_bytes() == populations
    column = lost[0].index("code")
    codes = Counter(row[column] for row in lost[1:])
    seconds = time.monotonic() - start
    print(
        f"{len(rows) - 1} files, {options.broken} of them broken, {options.workers} workers, {seconds:.0f} s"
    )
    print(f"exit codes: {mixed.exit_code} with the broken ones, {sound.exit_code} without")
    print(f"rows in exclusions.csv: {len(lost) - 1}, codes: {len(codes)}")
    for code, count in sorted(codes.items()):
        print(f"  {code:<32}{count:>4}")
    print(f"populations.csv of the others: {'the same bytes' if same else 'DIFFERENT'}")
    good = same and (mixed.exit_code, sound.exit_code) == (1, 0) and len(lost) - 1 == options.broken
    raise SystemExit(not good)


if __name__ == "__main__":
    main()
