"""The report behind ``immunoprofile check``: every file judged, none of them stops another."""

from __future__ import annotations

import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from immunoprofile.core import (
    SIGNS,
    Column,
    FcsError,
    card_html,
    card_text,
    choose,
    clean,
    explain,
    tidy,
    track,
)
from immunoprofile.fcs._issues import MODES, Issue, Mode
from immunoprofile.fcs._read import Options, read_quietly

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

FCS_SUFFIX = re.compile(r"\.(?:fcs|lmd|[0-9]{3}|[a-p][0-9]{2})", re.IGNORECASE | re.ASCII)
"""Endings that are always judged; another file only if it begins with ``FCS``."""
COLUMNS = (
    Column(name="file", dtype="string", meaning="path as found"),
    Column(name="version", dtype="string", meaning="version of the standard; empty where refused"),
    Column(name="n_events", dtype="Int64", meaning="number of events"),
    Column(name="level", dtype="string", meaning="ok, info, warning or error"),
    Column(name="code", dtype="string", meaning="code of the finding"),
    Column(name="keyword", dtype="string", meaning="keyword at fault"),
    Column(name="offset", dtype="Int64", meaning="byte of the file"),
    Column(name="message", dtype="string", meaning="what was found and done"),
)
_LEVELS = ("ok", "info", "warning", "error")
_WORKERS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """What was found in one file.

    Attributes
    ----------
    path : str
    version, instrument : str
        Empty where the file was refused.
    n_events, n_channels : int or None
    readable : bool
    issues : tuple of Issue
        Findings; the reason of a refusal is one of level ``error``.
    """

    path: str
    version: str = ""
    instrument: str = ""
    n_events: int | None = None
    n_channels: int | None = None
    readable: bool = False
    issues: tuple[Issue, ...] = ()

    @property
    def worst(self) -> str:
        """Highest level of the findings: ``ok``, ``info``, ``warning`` or ``error``."""
        return max((issue.level for issue in self.issues), key=_LEVELS.index, default="ok")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CheckReport:
    """What was found in some files.

    Attributes
    ----------
    files : tuple of FileReport
        In the order given, folders by name.
    skipped : tuple of str
        Files of the folders that are no FCS files.
    missing : tuple of str
        Paths that do not exist.
    """

    files: tuple[FileReport, ...]
    skipped: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def worst(self) -> str:
        """Highest level of all files."""
        return max((file.worst for file in self.files), key=_LEVELS.index, default="ok")

    @property
    def exit_code(self) -> int:
        """0: all can be read; 1: some file was refused; 2: no file was found, or a path does not exist."""
        if self.missing or not self.files:
            return 2
        return 0 if all(file.readable for file in self.files) else 1

    @property
    def table(self) -> pd.DataFrame:
        """One row a finding, and one of level ``ok`` for a file without."""
        import pandas as pd

        rows = [
            (
                file.path,
                file.version or None,
                file.n_events,
                issue.level,
                issue.code,
                issue.keyword,
                issue.offset,
                issue.message,
            )
            for file in self.files
            for issue in file.issues
        ]
        rows += [
            (file.path, file.version, file.n_events, "ok", None, None, None, None)  # type: ignore[misc]
            for file in self.files
            if not file.issues
        ]
        frame = pd.DataFrame(rows, columns=[column.name for column in COLUMNS])
        return tidy(frame, COLUMNS, key=("file", "level", "code"))

    def to_json(self) -> str:
        """Give one JSON value: files with their findings, and the worst level."""
        files = [
            {
                "path": file.path,
                "version": file.version or None,
                "instrument": file.instrument or None,
                "events": file.n_events,
                "channels": file.n_channels,
                "readable": file.readable,
                "worst": file.worst,
                "issues": [
                    {
                        "level": issue.level,
                        "code": issue.code,
                        "keyword": issue.keyword,
                        "offset": issue.offset,
                        "message": issue.message,
                    }
                    for issue in file.issues
                ],
            }
            for file in self.files
        ]
        value = {
            "files": files,
            "worst": self.worst,
            "missing": list(self.missing),
            "skipped": list(self.skipped),
        }
        return json.dumps(value, indent=2, ensure_ascii=True, allow_nan=False)

    def to_text(self) -> str:
        """Give a readable text: a line a file, then its findings."""
        lines = [line for file in self.files for line in _file_lines(file)]
        lines += [f"no such path: {clean(path)}" for path in self.missing]
        if self.skipped:
            lines.append(f"{len(self.skipped)} other files in the folders were left alone")
        refused = sum(not file.readable for file in self.files)
        warned = sum(file.worst == "warning" for file in self.files)
        lines.append(f"{len(self.files)} files: {refused} refused, {warned} with warnings")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return card_text("FCS check", self._facts(), following="report.table")

    def _repr_html_(self) -> str:
        return card_html("FCS check", self._facts(), following="report.table")

    def _facts(self) -> list[tuple[str, object]]:
        refused = [clean(Path(file.path).name) for file in self.files if not file.readable]
        return [
            ("files", len(self.files)),
            ("refused", ", ".join(refused[:5]) or "none"),
            ("warnings", sum(file.worst == "warning" for file in self.files)),
        ]


def _file_lines(file: FileReport) -> list[str]:
    size = f"{file.n_events:,} x {file.n_channels}" if file.n_events is not None else "refused"
    facts = [file.worst, f"FCS {file.version}" if file.version else "", file.instrument, size]
    codes = ", ".join(dict.fromkeys(issue.code for issue in file.issues))
    lines = [f"{clean(file.path)}: " + "; ".join(clean(fact) for fact in (*facts, codes) if fact)]
    for issue in file.issues:
        where = ", ".join(
            part
            for part in (issue.keyword or "", f"byte {issue.offset}" if issue.offset is not None else "")
            if part
        )
        lines.append(f"  {SIGNS[issue.level]} {issue.code}" + (f" ({clean(where)})" if where else ""))
        lines.append(f"      {clean(issue.message)}")
        row = explain(issue.code)
        lines.append(f"      {row.done if issue.level != 'error' else row.to_do}")
    return lines


def check_files(
    paths: str | Path | Iterable[str | Path], *, mode: Mode = "default", progress: bool | None = None
) -> CheckReport:
    """Check FCS files: read each of them whole and collect what is found.

    Parameters
    ----------
    paths : path or iterable of path
        Files, and folders, which are walked.
    mode : {"default", "strict", "force"}
        As for :func:`read_fcs`; ``strict`` refuses a file that gives a warning.
    progress : bool, optional
        Show a bar; by default on a terminal.

    Returns
    -------
    CheckReport
    """
    options = Options(mode=cast("Mode", choose(mode, MODES, what="mode")))
    given = [paths] if isinstance(paths, (str, Path)) else list(paths)
    found, skipped, missing = _expand(given)
    with ThreadPoolExecutor(max_workers=min(_WORKERS, os.cpu_count() or 1)) as pool:
        reports = pool.map(lambda path: _judge(path, options), found)
        files = tuple(track(reports, what="checking", total=len(found), progress=progress))
    return CheckReport(files=files, skipped=tuple(skipped), missing=tuple(missing))


def _judge(path: Path, options: Options) -> FileReport:
    try:
        sample = read_quietly(path, options)
    except FcsError as error:
        issue = Issue(
            level="error",
            code=error.code,
            message=error.problem + (f" ({error.hint})" if error.hint else ""),
            keyword=error.keyword,
            offset=error.offset,
        )
        return FileReport(path=str(path), issues=(issue,))
    return FileReport(
        path=str(path),
        version=sample.version,
        instrument=sample.keywords.get("$CYT", ""),
        n_events=sample.n_events,
        n_channels=sample.n_channels,
        readable=True,
        issues=sample.issues,
    )


def _expand(paths: Sequence[str | Path]) -> tuple[list[Path], list[str], list[str]]:
    """Walk folders: files to judge, files to leave alone, paths that are not there."""
    found: dict[Path, None] = {}
    skipped: list[str] = []
    missing: list[str] = []
    for given in map(Path, paths):
        if given.is_dir():
            for path in _walk(given):
                if _is_candidate(path):
                    found[path] = None
                else:
                    skipped.append(str(path))
        elif given.exists():
            found[given] = None
        else:
            missing.append(str(given))
    return list(found), skipped, missing


def _walk(folder: Path) -> Iterable[Path]:
    for root, folders, names in os.walk(folder):  # links to folders are not followed: they may be loops
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(root, name) for name in sorted(names) if not name.startswith("."))


def _is_candidate(path: Path) -> bool:
    if not path.is_file():
        return False
    if FCS_SUFFIX.fullmatch(path.suffix):
        return True
    try:
        with path.open("rb") as stream:
            return stream.read(3) == b"FCS"
    except OSError:
        return False
