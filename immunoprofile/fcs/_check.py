"""The report behind ``immunoprofile check``: every file judged, none of them stops another."""

from __future__ import annotations

import json
import os
import textwrap
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from immunoprofile.core import SIGNS, Column, FcsError, card_html, card_text, clean, explain, tidy, track
from immunoprofile.fcs._file import FcsLimits, InputFile
from immunoprofile.fcs._folder import expand
from immunoprofile.fcs._header import VERSIONS, read_header
from immunoprofile.fcs._issues import Findings, Issue
from immunoprofile.fcs._numbers import whole_number
from immunoprofile.fcs._read import Options, Reading, read_set
from immunoprofile.fcs._text import read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pandas as pd

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
_MOST_WORKERS = 4
_WIDTH = 100
_OPTIONS = Options(mmap=False)  # a file that shrinks while it is checked must not end the process


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """What was found in one file.

    Attributes
    ----------
    path : str
    version, instrument : str
        As HEADER and TEXT say; empty where they cannot be read or do not say.
    n_events, n_channels : int or None
        As read; of a refused file as ``$TOT`` and ``$PAR`` promise, if they can be read.
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
    strict : bool
        Whether a warning makes the exit code 1.
    """

    files: tuple[FileReport, ...]
    skipped: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    strict: bool = False

    @property
    def worst(self) -> str:
        """Highest level of all files."""
        return max((file.worst for file in self.files), key=_LEVELS.index, default="ok")

    @property
    def exit_code(self) -> int:
        """0: all can be read; 1: some file was refused, or has a warning where `strict`; 2: nothing to check.

        2 also where a path does not exist.
        """
        if self.missing or not self.files:
            return 2
        refused = any(not file.readable for file in self.files)
        return int(refused or (self.strict and self.worst == "warning"))

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
        value = {"files": [_file_value(file) for file in self.files], "worst": self.worst}
        return json.dumps(value, indent=2, ensure_ascii=True, allow_nan=False)

    def to_text(self) -> str:
        """Give a text that can be sent to a vendor: a line a file, then its findings."""
        lines = [line for file in self.files for line in _file_lines(file)]
        lines += [f"no such path: {clean(path)}" for path in self.missing]
        refused = sum(not file.readable for file in self.files)
        warned = sum(file.worst == "warning" for file in self.files)
        count = f"{len(self.files)} file{'' if len(self.files) == 1 else 's'}"
        lines.append(f"{count}: {refused} refused, {warned} with warnings")
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


def _file_value(file: FileReport) -> dict[str, object]:
    return {
        "path": _unicode(file.path),
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


def _unicode(path: str) -> str:
    """Show bytes of a file name that are no UTF-8 as escapes: JSON cannot hold them."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _file_lines(file: FileReport) -> Iterator[str]:
    counted = file.n_events is not None and file.n_channels is not None
    size = f"{file.n_events:,} x {file.n_channels}" if counted else ""
    codes = ", ".join(dict.fromkeys(issue.code for issue in file.issues))
    facts = (
        file.worst,
        f"FCS {file.version}" if file.version else "",
        file.instrument,
        size,
        "" if file.readable else "refused",
        codes,
    )
    yield f"{clean(file.path)}: " + "; ".join(clean(fact) for fact in facts if fact.strip())
    for issue in file.issues:
        byte = f"byte {issue.offset}" if issue.offset is not None else ""
        where = ", ".join(part for part in (issue.keyword or "", byte) if part)
        yield f"  {SIGNS[issue.level]} {issue.code}" + (f" ({clean(where)})" if where else "")
        row = explain(issue.code)
        done = row.done if issue.level != "error" else "the file was refused"
        named = (("found", clean(issue.message)), ("standard", row.standard), ("done", done))
        for name, text in (*named, ("ask for", row.vendor)):
            if text:
                yield from textwrap.wrap(
                    f"{name + ':':<10}{text}", _WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 16
                )


def check_files(
    paths: str | Path | Iterable[str | Path],
    *,
    strict: bool = False,
    workers: int | None = None,
    progress: bool | None = None,
) -> CheckReport:
    """Check FCS files: read each of them whole and collect what is found.

    Parameters
    ----------
    paths : path or iterable of path
        Files, and folders that are walked for FCS files.
    strict : bool
        A warning makes the exit code 1. What is read does not change.
    workers : int, optional
        Files that are read at once; by default the number of processors, at most 4.
    progress : bool, optional
        Show a bar; by default on a terminal.

    Returns
    -------
    CheckReport
    """
    count = min(_MOST_WORKERS, os.cpu_count() or 1) if workers is None else workers
    if isinstance(count, bool) or not isinstance(count, int):
        raise TypeError(f"workers is a whole number, not {type(count).__name__}")
    given = [paths] if isinstance(paths, (str, Path)) else list(paths)
    found, skipped, missing = expand(given)
    with ThreadPoolExecutor(max_workers=max(count, 1)) as pool:
        reports = pool.map(judge, found)
        files = tuple(track(reports, what="checking", total=len(found), progress=progress))
    return CheckReport(files=files, skipped=tuple(skipped), missing=tuple(missing), strict=strict)


def judge(path: Path) -> FileReport:
    """Read one file and tell what was found, whatever it is."""
    findings = Findings(path, _OPTIONS.mode)
    try:
        with InputFile(path, findings) as file:
            sample = read_set(file, Reading(options=_OPTIONS), path=path)[0]
    except FcsError as error:
        reason = Issue(
            level="error",
            code=error.code,
            message=error.problem + (f" ({error.hint})" if error.hint else ""),
            keyword=error.keyword,
            offset=error.offset,
        )
        return _glance(path, (*findings.issues, reason))
    return FileReport(
        path=str(path),
        version=sample.version,
        instrument=sample.keywords.get("$CYT", "").strip(),
        n_events=sample.n_events,
        n_channels=sample.n_channels,
        readable=True,
        issues=sample.issues,
    )


def _glance(path: Path, issues: tuple[Issue, ...]) -> FileReport:
    """Tell of a refused file what its HEADER and TEXT say, as far as they can be read."""
    version, keywords = "", {}
    try:
        with InputFile(path, Findings(path, "default")) as file:
            written = file.read(0, min(6, file.size)).decode("latin-1")
            version = written[3:] if written[:3] == "FCS" and written[3:] in VERSIONS else ""
            keywords = read_text(file, read_header(file, 0), FcsLimits())[0]
    except FcsError:
        pass  # the reason is among the findings already
    return FileReport(
        path=str(path),
        version=version,
        instrument=keywords.get("$CYT", "").strip(),
        n_events=whole_number(keywords.get("$TOT", "")),
        n_channels=whole_number(keywords.get("$PAR", "")),
        issues=issues,
    )
