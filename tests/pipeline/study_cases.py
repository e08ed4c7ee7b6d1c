"""Small simulated studies that each test spoils in its own way, and the command line in this process."""

from __future__ import annotations

import contextlib
import csv
import io
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

import immunoprofile as ip
from immunoprofile.cli import main
from immunoprofile.fcs import Spillover, write_fcs

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


def run_cli(*words: object) -> Outcome:
    """Call the command line in this process, as the installed command does."""
    out, err = io.StringIO(), io.StringIO()
    argv, handlers = sys.argv, {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    sys.argv = ["immunoprofile", *map(str, words)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as end:
        return Outcome(int(end.code or 0), out.getvalue(), err.getvalue())
    finally:
        sys.argv = argv
        for number, handler in handlers.items():
            signal.signal(number, handler)
    raise AssertionError("the command line ends with an exit code")


def run_study(root: Path, **settings):
    """Run a study as the command does, without the report."""
    return ip.run(ip.read_study(root / "study.toml", strict=False), **{"workers": 1, **settings})


def table(root: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(root / "results" / f"{name}.csv", keep_default_na=False, na_values=[""])


def sheet(root: Path) -> list[list[str]]:
    with (root / "samples.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.reader(stream))


def write_sheet(root: Path, rows: list[list[str]]) -> None:
    with (root / "samples.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows(rows)


def files_of(root: Path) -> list[Path]:
    """Give the files in the order of the sheet."""
    return [root / row[0] for row in sheet(root)[1:]]


def truncate(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])


def drop_marker(path: Path, marker: str) -> None:
    """Write a file again without the channel of one marker."""
    rewrite(path, without=marker)


def rewrite(path: Path, *, events: int | None = None, without: str | None = None) -> None:
    """Write a file again with its first events, or without a channel."""
    sample = ip.read_fcs(path)
    gone = {
        i
        for i, label in enumerate(sample.labels)
        if without is not None and without.casefold() in (label or "").casefold()
    }
    kept = [i for i in range(sample.n_channels) if i not in gone]
    spill = sample.spillover
    stained = [i for i, name in enumerate(spill.detectors) if name in {sample.detectors[k] for k in kept}]
    write_fcs(
        path,
        np.asarray(sample.events)[:events, kept],
        [sample.detectors[i] for i in kept],
        labels=[sample.labels[i] for i in kept],
        ranges=[sample.ranges[i] for i in kept],
        spillover=Spillover(
            detectors=tuple(spill.detectors[i] for i in stained),
            matrix=spill.matrix[np.ix_(stained, stained)],
        ),
        overwrite=True,
    )


def sample_ids(root: Path) -> dict[str, str]:
    """Give file to random id, from the private map."""
    ids = pd.read_csv(root / "results" / "private_ids.csv", keep_default_na=False)
    ids = ids[ids["kind"] == "sample"]
    return dict(zip(ids["file"], ids["id"], strict=True))


def bytes_of(root: Path) -> dict[str, bytes]:
    """Give the bytes of every table of a run."""
    return {
        path.name: path.read_bytes()
        for path in sorted((root / "results").iterdir())
        if path.suffix in (".csv", ".parquet") and path.name != "private_ids.csv"
    }
