"""Drafts for `init`: study.toml, panel.toml and the sheet from FCS headers; what is not known is ??."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from immunoprofile.core import ImmunoprofileError, StudyError, clean, write_text
from immunoprofile.fcs import read_fcs
from immunoprofile.gating import load_strategy
from immunoprofile.panel import draft_panel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from immunoprofile.fcs import Sample
    from immunoprofile.gating import GatingStrategy

UNKNOWN = "??"
SUFFIXES = (".fcs", ".lmd")
SHEET_COLUMNS = ("file", "subject", "visit", "site")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What was drafted.

    Attributes
    ----------
    study : Path
        The study.toml.
    written : tuple of Path
    to_fill : int
        Places marked ``??``.
    problems : tuple of str
        Files that could not be read.
    """

    study: Path
    written: tuple[Path, ...]
    to_fill: int
    problems: tuple[str, ...]


def draft_study(
    folder: str | Path,
    *,
    out: str | Path | None = None,
    strategy: str = "treg_surface_v1",
    force: bool = False,
) -> Draft:
    """Draft a study from the FCS files below a folder.

    Parameters
    ----------
    folder : path
    out : path, optional
        Study folder; by default `folder`. The sheet names the files relative to it.
    strategy : str
        Strategy of the one tube.
    force : bool
        Replace drafts that are there; other files are never replaced.

    Returns
    -------
    Draft

    Raises
    ------
    StudyError
        ``no_samples`` without a readable FCS file; ``draft_exists`` where a draft would replace a file.
    """
    source = Path(folder)
    target = Path(out) if out is not None else source
    definition = load_strategy(strategy)
    samples, problems = _read_headers(source)
    if not samples:
        hint = "give the folder that holds the .fcs files"
        raise StudyError("no_samples", "no readable FCS file", where=str(source), hint=hint)
    files = [path for path, _ in samples]
    texts = {
        "study.toml": _study_text(target, source, definition, files=files),
        "panel.toml": draft_panel([sample for _, sample in samples], id=_id_of(target)),
        _sheet_name(target, force=force): _sheet_text(target, files),
    }
    present = [name for name in texts if (target / name).exists()]
    if present and not force:
        hint = "give another folder with --out, or replace the drafts with --force"
        raise StudyError(
            "draft_exists", f"{', '.join(present)} are there already", where=str(target), hint=hint
        )
    written = tuple(write_text(target / name, text) for name, text in texts.items())
    to_fill = sum(text.count(UNKNOWN) for name, text in texts.items() if name != "study.toml")
    return Draft(study=target / "study.toml", written=written, to_fill=to_fill, problems=tuple(problems))


def _read_headers(source: Path) -> tuple[list[tuple[Path, Sample]], list[str]]:
    import warnings

    from immunoprofile.core import FcsWarning

    samples, problems = [], []
    for path in sorted(p for p in source.rglob("*") if p.suffix.casefold() in SUFFIXES and p.is_file()):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore", FcsWarning
                )  # `check` says what is odd; a draft needs names only
                samples.append((path, read_fcs(path, metadata_only=True)))
        except ImmunoprofileError as error:
            problems.append(f"{error.code}: {clean(path.name)}: {clean(error.problem)}")
    return samples, problems


def _relative(path: Path, start: Path) -> str:
    return Path(os.path.relpath(path, start)).as_posix()


def _sheet_name(target: Path, *, force: bool) -> str:
    """Name the sheet; a samples.csv that somebody else wrote stays."""
    own = target / "samples.csv"
    if own.exists() and not (
        force and own.read_text(encoding="utf-8", errors="replace").startswith("file,subject")
    ):
        return "samples_draft.csv"
    return "samples.csv"


def _sheet_text(target: Path, files: Sequence[Path]) -> str:
    import csv
    import io

    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(SHEET_COLUMNS)
    for path in files:
        writer.writerow([_relative(path, target), UNKNOWN, UNKNOWN, UNKNOWN])
    return buffer.getvalue()


def _id_of(target: Path) -> str:
    kept = "".join(
        char if char.isascii() and char.isalnum() else "_" for char in target.resolve().name.casefold()
    )
    return kept.strip("_") or "study"


def _study_text(target: Path, source: Path, strategy: GatingStrategy, *, files: Sequence[Path]) -> str:
    import json

    inside = target.resolve() in (source.resolve(), *source.resolve().parents)
    sheet = _sheet_name(target, force=True)
    lines = [
        "# Drafted from the FCS headers. Fill what is marked ?? in the sheet and in panel.toml.",
        "[study]",
        f"id = {json.dumps(_id_of(target))}",
        f"title = {json.dumps(_id_of(target).replace('_', ' '))}",
        "# No arms are declared: nothing to unblind. With [[arms]] a study is blinded by default.",
        "blinded = false",
        *(
            []
            if inside
            else [f"roots = [{json.dumps(_relative(source, target))}]  # where the FCS files lie"]
        ),
        "",
        "[tables]",
        f"samples = {json.dumps(sheet)}  # {len(files)} files",
        "",
        "[[tubes]]",
        'id = "tube_1"',
        f"strategy = {json.dumps(strategy.id)}",
        'panel = "panel.toml"',
        "",
        *_example_lines(),
    ]
    return "\n".join(lines) + "\n"


def _example_lines() -> Iterator[str]:
    """Show, as comments, what a trial adds."""
    yield "# [[visits]]          # one block a visit, in time order; day 1 = first dose"
    yield '# id = "W0"'
    yield '# label = "Baseline"'
    yield "# day = 1"
    yield "# before = 28"
    yield "# after = 0"
    yield '# role = "baseline"   # change is computed from it'
    yield "#"
    yield "# [[arms]]            # ids only; who is in which arm stands in arm_key.csv"
    yield '# id = "ACT"'
    yield '# label = "active"'
    yield '# role = "active"'
