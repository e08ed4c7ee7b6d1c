"""A small trial with something hostile, and a token to search for, in every field that people fill."""

# ruff: noqa: E501 - attacks stand on one line

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import immunoprofile as ip

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "fcs" / "hostile_strings.txt"
OWN = (
    "\u202egnp.exe", "\x1b[31mred\x1b[0m", "\x9b31m", "a\u2028b\u2029c", "\u2066isolate\u2069", "\ufeffmark", "\u200bzero",
    "<b onmouseover=alert(1)>x</b>", "<iframe src=javascript:alert(1)>", "<math><mtext><style><img src=x onerror=alert(1)>",
    "<svg><script>alert(1)</script></svg>", "--><script>alert(1)</script>", "`${alert(1)}`", r"$\mathtt{x}^{2}$", "$", "a$b$c",
    r"\(x\)", "[click](javascript:alert(1))", "url(http://example.invalid/x)", "@import 'http://example.invalid/x.css'",
    "<link rel=stylesheet href=http://example.invalid/x.css>", "<meta http-equiv=refresh content=0;url=http://example.invalid>",
    "<base href=http://example.invalid/>", "&#60;script&#62;alert(1)&#60;/script&#62;", "\x00nul", "line\nbreak", "tab\there",
)  # fmt: skip


def hostile_strings() -> list[str]:
    """Give the golden strings and our own."""
    lines = GOLDEN.read_text(encoding="utf-8").split("\n")
    return [line for line in lines if line.strip()] + list(OWN)


def tame(text: str) -> str:
    """Leave out what a CSV, a TOML file or a file name cannot hold."""
    return "".join(char for char in text if char not in "\0\r\n")


@dataclass(frozen=True)
class Outcome:
    code: int
    out: bytes
    err: bytes


def command(*words: object) -> Outcome:
    """Run the command line in a process of its own."""
    line = [sys.executable, "-m", "immunoprofile", *map(str, words)]
    ended = subprocess.run(line, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    return Outcome(ended.returncode, ended.stdout, ended.stderr)


def rows_of(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.reader(stream))


def write_rows(path: Path, rows: list[list[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows(rows)


class Planted:
    """Replaces values by hostile ones, each with a token of its own."""

    def __init__(self) -> None:
        self.strings = [tame(text) for text in hostile_strings()]
        self.known: dict[tuple[str, str], str] = {}
        self.tokens: list[str] = []
        self.texts: list[str] = []

    def of(self, kind: str, value: str) -> str:
        if (kind, value) not in self.known:
            number = len(self.tokens)
            token = f"ZQ{kind.upper()}{number:03d}"
            text = f"{self.strings[(7 * number) % len(self.strings)]}{token}"
            self.tokens.append(token)
            self.texts.append(text)
            self.known[kind, value] = text.lstrip() or token
        return self.known[kind, value]

    def token(self, kind: str) -> str:
        token = f"ZQ{kind.upper()}{len(self.tokens):03d}"
        self.tokens.append(token)
        return token


def hostile_trial(root: Path) -> Planted:
    """Write the study; its files fail in every way that a file can."""
    ip.simulate.trial(root, subjects=8, visits=2, sites=2, events=1500, seed=3)
    plant = Planted()
    folder = root / plant.token("folder")
    (root / "fcs").rename(folder)
    for name in ("subjects", "clinical", "doses", "arm_key"):
        rows = rows_of(root / f"{name}.csv")
        for column, kind in (("subject", "subject"), ("site", "site")):
            if column in rows[0]:
                at = rows[0].index(column)
                rows[1:] = [[*row[:at], plant.of(kind, row[at]), *row[at + 1 :]] for row in rows[1:]]
        if name == "clinical":
            rows = [[*rows[0], "comment"], *([*row, plant.of("comment", row[2])] for row in rows[1:])]
        write_rows(root / f"{name}.csv", rows)
    _samples(root, folder, plant)
    _study(root, plant)
    return plant


def _samples(root: Path, folder: Path, plant: Planted) -> None:
    rows = rows_of(root / "samples.csv")
    header = [*rows[0], "instrument", "lot"]
    out = [header]
    for number, row in enumerate(rows[1:]):
        _, subject, visit, site, batch, collected = row
        source = folder / Path(row[0]).name
        stem = plant.of("file", str(number)).translate(str.maketrans("/\\", "__"))[:80]
        path = folder / f"{stem}.fcs"
        _rewrite(source, path, plant, number)
        ids = [plant.of("subject", subject), visit, plant.of("site", site), plant.of("batch", batch)]
        name = path.relative_to(root).as_posix()
        name = f"./{name}" if name.startswith("-") else name
        out.append([name, *ids, collected, plant.of("machine", batch), plant.of("lot", batch)])
    _fail(root, out, plant)
    write_rows(root / "samples.csv", out)


def _fail(root: Path, rows: list[list[str]], plant: Planted) -> None:
    """Spoil some files and rows, each in its own way."""
    broken, garbage, twin = (root / rows[n][0] for n in (2, 4, 6))
    broken.write_bytes(broken.read_bytes()[:-20_000])
    garbage.write_bytes(plant.token("garbage").encode() * 100)
    twin.write_bytes((root / rows[5][0]).read_bytes())
    rows[8][0] = f"fcs/{plant.token('gone')}.fcs"
    named = root / rows[10][0]
    moved = named.with_name(f"placebo {plant.token('armname')}.fcs")
    named.rename(moved)
    rows[10][0] = moved.relative_to(root).as_posix()
    rows.append([f"../{plant.token('outside')}.fcs", *rows[3][1:]])
    rows.append([rows[3][0], rows[3][1], plant.token("visit"), *rows[3][3:]])
    rows.append([rows[3][0], *rows[3][1:5], plant.token("date"), *rows[3][6:]])


def _rewrite(source: Path, path: Path, plant: Planted, number: int) -> None:
    """Write a file anew: hostile keywords, and a channel more with a hostile name and label."""
    sample = ip.read_fcs(source)
    names = [*sample.detectors, plant.of("detector", "extra").replace(",", "_")]
    labels = [*(label or "" for label in sample.labels), plant.of("label", "extra")]
    events = np.column_stack([np.asarray(sample.events), np.arange(sample.n_events, dtype=np.float32)])
    planted = {
        name: plant.of(name[1:], str(number))
        for name in ("$SMNO", "$FIL", "$OP", "$SRC", "$EXP", "$CYT", "$COM")
    }
    keywords = {**planted, "$DATE": "05-JUN-1987", "PATIENT NAME": plant.of("patient", str(number))}
    source.unlink()
    ip.write_fcs(
        path, events, names, labels=labels, keywords=keywords, spillover=sample.spillover, overwrite=True
    )


def _study(root: Path, plant: Planted) -> None:
    path = root / "study.toml"
    text = path.read_text(encoding="utf-8")
    new = {
        '"Simulated trial of low-dose IL-2"': "<script>alert(1)</script> $x$ \u202etitle",
        '"Week 4"': "</style><img src=x onerror=alert(1)> week",
        '"low-dose IL-2"': "<svg onload=alert(1)> $\\frac{1}{0}$ arm",
    }
    for old, value in new.items():
        text = text.replace(old, json.dumps(value))
    path.write_text(text, encoding="utf-8")
    del plant


def everything_in(folder: Path, *, without: tuple[str, ...] = ()) -> dict[str, bytes]:
    """Give the content of every file below a folder, and its name, with what is packed in it unpacked."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in without:
            content = path.read_bytes()
            name = str(path.relative_to(folder))
            found[name] = b"\n".join([name.encode("utf-8", "surrogateescape"), *_expanded(content)])
    return found


def _expanded(content: bytes, depth: int = 0) -> list[bytes]:
    found = [content]
    if content.startswith(b"PAR1"):
        found.append(pd.read_parquet(io.BytesIO(content)).to_csv().encode())
    if depth < 3 and content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                found += [name.encode(), *_expanded(archive.read(name), depth + 1)]
    at = -1
    while depth < 3 and (at := content.find(b"\x78", at + 1)) in range(4096):
        try:
            unpacked = zlib.decompressobj().decompress(content[at:])
        except zlib.error:
            continue
        if len(unpacked) > 8:
            found += _expanded(unpacked, depth + 1)
    return found
