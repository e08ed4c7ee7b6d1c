"""Drafts for `init`: study.toml, panel.toml and the sheet from FCS headers; what is not known is ??."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from immunoprofile.core import ImmunoprofileError, StudyError, clean, write_text
from immunoprofile.core.tables import FORMULA_STARTS, with_line_feeds
from immunoprofile.fcs import read_fcs
from immunoprofile.gating import list_strategies, load_strategy
from immunoprofile.panel import draft_panel

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from immunoprofile.fcs import Sample

UNKNOWN = "??"
SUFFIXES = (".fcs", ".lmd")
SHEET_COLUMNS = ("file", "subject", "visit", "site")
DRAFT_STARTS = ("# Drafted from the FCS headers", "# Draft made from the names", ",".join(SHEET_COLUMNS))
"""First words of what `init` writes: nothing else is ever replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What was drafted.

    Attributes
    ----------
    study : Path
        The study.toml.
    written : tuple of Path
    to_fill : mapping of str to int
        Name of a draft to the number of its cells, or channels, marked ``??``.
    problems : tuple of str
        Files that could not be read.
    """

    study: Path
    written: tuple[Path, ...]
    to_fill: Mapping[str, int]
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
        Study folder; by default `folder`. The sheet names the files relative to it; where they lie outside,
        relative to `folder`, which study.toml then declares as a root.
    strategy : str
        Strategy of the one tube: a shipped id, or a folder.
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
    source = Path(folder).resolve()  # as read_study will see it, whatever links lead there
    target = Path(out).resolve() if out is not None else source
    definition = load_strategy(strategy)
    samples, problems = _read_headers(source)
    if not samples:
        hint = "give the folder that holds the .fcs files"
        raise StudyError("no_samples", "no readable FCS file", where=str(source), hint=hint)
    files = [path for path, _ in samples]
    sheet, panel = _sheet_name(target), draft_panel([sample for _, sample in samples], id=_id_of(target))
    shipped = strategy in set(list_strategies()["id"])
    named = definition.id if shipped else _relative(Path(strategy).resolve(), target)
    outside = [] if target in (source, *source.parents) else [_relative(source, target)]
    outside += [named] if named.startswith("../") else []
    texts = {
        "study.toml": _study_text(target, outside, strategy=named, sheet=sheet, count=len(files)),
        "panel.toml": panel,
        sheet: _sheet_text(files, start=target if target in (source, *source.parents) else source),
    }
    _refuse_to_replace(target, texts, force=force)
    written = tuple(write_text(target / name, text) for name, text in texts.items())
    channels = sum(line.startswith(f"# {UNKNOWN}") for line in panel.splitlines())
    to_fill = {sheet: texts[sheet].count(UNKNOWN), "panel.toml": channels}
    return Draft(study=target / "study.toml", written=written, to_fill=to_fill, problems=tuple(problems))


def _refuse_to_replace(target: Path, texts: Mapping[str, str], *, force: bool) -> None:
    """Refuse to replace anything; with `force`, anything that is no draft."""
    present = [name for name in texts if (target / name).exists()]
    kept = [name for name in present if not force or not _is_draft(target / name)]
    if kept:
        what = "no draft of init" if force else "there already"
        hint = "give another folder with --out"
        hint += "" if force else ", or replace the drafts with --force"
        problem = f"{', '.join(kept)}: {what}"
        raise StudyError("draft_exists", problem, where=str(target), hint=hint)


def _is_draft(path: Path) -> bool:
    try:
        return path.read_text(encoding="utf-8").startswith(DRAFT_STARTS)
    except (OSError, UnicodeDecodeError):
        return False


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


def _sheet_name(target: Path) -> str:
    """Name the sheet; a samples.csv that somebody else wrote stays."""
    own = target / "samples.csv"
    return "samples_draft.csv" if own.exists() and not _is_draft(own) else "samples.csv"


def _sheet_text(files: Sequence[Path], *, start: Path) -> str:
    import csv
    import io

    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(SHEET_COLUMNS)
    for path in files:
        name = _relative(path, start)
        safe = f"./{name}" if name.startswith(FORMULA_STARTS) else name  # no formula, and the same file
        writer.writerow([safe, UNKNOWN, UNKNOWN, UNKNOWN])
    return with_line_feeds(buffer.getvalue())


def _id_of(target: Path) -> str:
    kept = "".join(
        char if char.isascii() and char.isalnum() else "_" for char in target.resolve().name.casefold()
    )
    return kept.strip("_") or "study"


def _quoted(text: str) -> str:
    """Write a text as TOML."""
    import json

    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _study_text(target: Path, outside: Sequence[str], *, strategy: str, sheet: str, count: int) -> str:
    roots = f"roots = [{', '.join(_quoted(folder) for folder in outside)}]  # what lies elsewhere"
    lines = [
        "# Drafted from the FCS headers. Fill what is marked ?? in the sheet and in panel.toml.",
        "[study]",
        f"id = {_quoted(_id_of(target))}",
        f"title = {_quoted(_id_of(target).replace('_', ' '))}",
        "# No arms are declared: nothing to unblind. With [[arms]] a study is blinded by default.",
        "blinded = false",
        *([roots] if outside else []),
        "",
        "[tables]",
        f"samples = {_quoted(sheet)}  # {count} files",
        "",
        "[[tubes]]",
        'id = "tube_1"',
        f"strategy = {_quoted(strategy)}",
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
