"""De-identified copies of a folder: random numbers instead of names, and a private map as the only link.

The map is written line by line, each before its file takes its place: the same command resumes by it. What
is said of a source is its number in the order of names, never its name.
"""

from __future__ import annotations

import csv
import io
import os
import re
import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from immunoprofile.core import FcsError, ImmunoprofileError, StorageError, explain, track
from immunoprofile.core.files import TEMPORARY_PREFIX, atomic_path
from immunoprofile.core.tables import disarm, rearm
from immunoprofile.fcs._deidentify import Rules, data_sets, described, write_clean
from immunoprofile.fcs._folder import expand

if TYPE_CHECKING:
    from collections.abc import Iterable

    from immunoprofile.fcs._read import Reading

COLUMNS = ("source", "target")
_TARGET = re.compile(r"S([0-9]{4,9})\.fcs", re.ASCII)
_PRIVATE = 0o600


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A source that was not copied.

    Attributes
    ----------
    number : int
        Place in the order of names, from 1.
    code : str
    keyword : str or None
    """

    number: int
    code: str
    keyword: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeidentifyReport:
    """What became of the files.

    Attributes
    ----------
    files, written, present : int
        Sources; copies that were written; copies that were there already.
    failures : tuple of Failure
    """

    files: int
    written: int
    present: int
    failures: tuple[Failure, ...] = ()

    @property
    def exit_code(self) -> int:
        """0: all are there; 1: some source was not copied."""
        return 1 if self.failures else 0

    def to_text(self) -> str:
        """Give a readable text that names no source."""
        there = f", {self.present} were there" if self.present else ""
        lines = [
            f"{self.files} files: {self.written} copies written{there}, {len(self.failures)} not written"
        ]
        for failure in self.failures:
            keyword = f", {failure.keyword}" if failure.keyword else ""
            lines.append(f"file {failure.number} in the order of names: {failure.code}{keyword}")
        lines += [
            f"{code}: {explain(code).to_do}" for code in sorted({failure.code for failure in self.failures})
        ]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unit:
    """One data set of one source."""

    number: int
    path: Path
    source: str
    reading: Reading


def deidentify_files(
    source: str | Path,
    out: str | Path,
    map_path: str | Path,
    *,
    keep: Iterable[str] = (),
    allow: Iterable[str] = (),
    progress: bool | None = None,
) -> DeidentifyReport:
    """Write de-identified copies of a file, or of every FCS file of a folder.

    The copies are called ``S0001.fcs``, ... in random order; every data set becomes a file of its own. The
    same call resumes: copies that the map names and that are there are not made again.

    Parameters
    ----------
    source : str or Path
    out : str or Path
        A folder that is new, empty, or of an earlier call with the same map.
    map_path : str or Path
        CSV with the columns ``source`` (path below `source`, ``#2`` for its second data set) and ``target``;
        readable by its owner alone, outside of `out`.
    keep, allow : iterable of str, optional
        As for :func:`deidentify`.
    progress : bool, optional
        Show a bar; by default on a terminal.

    Returns
    -------
    DeidentifyReport

    Raises
    ------
    ImmunoprofileError
        ``deidentify-target``, ``not-fcs``: nothing can be done.
    StorageError
        ``disk_full``: the same call resumes.
    """
    base, folder, private = Path(source), Path(out), Path(map_path)
    files = _sources(base)
    _check_places(base, folder, private)
    known = _read_map(private)
    _check_folder(folder, set(known.values()))
    units, failures = _listed(base, files)
    rules = Rules(keep=tuple(keep), allow=tuple(allow))
    present: set[str] = set()
    for unit in units:
        target = known.get(unit.source)
        if target is not None and (folder / target).exists():
            present.add(unit.source)
            failures += _other_than(unit, folder / target)
    todo = [unit for unit in units if unit.source not in present]
    secrets.SystemRandom().shuffle(todo)
    _start_map(private, known)
    written = 0
    try:
        for unit in track(todo, what="de-identifying", total=len(todo), progress=progress):
            target = known.get(unit.source) or _next_target(known)
            failure = _copied(unit, folder / target, rules=rules, private=private, known=known)
            failures += [failure] if failure else []
            written += failure is None
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(f"{written + len(present)} of {len(units)} done") from stop
    ordered = tuple(sorted(failures, key=lambda failure: failure.number))
    return DeidentifyReport(files=len(files), written=written, present=len(present), failures=ordered)


def _copied(
    unit: _Unit, target: Path, *, rules: Rules, private: Path, known: dict[str, str]
) -> Failure | None:
    def note() -> None:
        if unit.source not in known:
            _append(private, unit.source, target.name)
            known[unit.source] = target.name

    try:
        write_clean(unit.path, unit.reading, target, rules=rules, before=note)
    except FcsError as error:
        return Failure(number=unit.number, code=error.code, keyword=error.keyword)
    except StorageError:
        raise
    except Exception:  # noqa: BLE001 - a fault of ours costs one file, and its words may name the source
        return Failure(number=unit.number, code="unexpected_error")
    return None


def _other_than(unit: _Unit, target: Path) -> list[Failure]:
    """See that a copy that is there belongs to its source: another folder may have the same names."""
    try:
        mine = described(unit.path, unit.reading)
        theirs = described(target, replace(unit.reading, base=0, number=1))
    except FcsError as error:
        return [Failure(number=unit.number, code=error.code, keyword=error.keyword)]
    return [] if mine == theirs else [Failure(number=unit.number, code="deidentify-target")]


# -- sources -------------------------------------------------------------------------------------------------


def _refused(problem: str, hint: str) -> ImmunoprofileError:
    return ImmunoprofileError("deidentify-target", problem, hint=hint)


def _sources(base: Path) -> list[Path]:
    try:
        found, _, missing = expand([base])
    except (OSError, ValueError):
        found, missing = [], [str(base)]
    if missing:
        raise _refused("the input is not there", "name a file, or a folder of files")
    if not found:
        raise ImmunoprofileError("not-fcs", "the input holds no FCS file", hint="name a folder that does")
    return sorted(found)


def _listed(base: Path, files: list[Path]) -> tuple[list[_Unit], list[Failure]]:
    units: list[_Unit] = []
    failures: list[Failure] = []
    for number, path in enumerate(files, start=1):
        name = path.name if path == base else path.relative_to(base).as_posix()
        try:
            readings = data_sets(path)
        except FcsError as error:
            failures.append(Failure(number=number, code=error.code, keyword=error.keyword))
            continue
        units += [
            _Unit(number=number, path=path, source=name if k == 0 else f"{name}#{k + 1}", reading=reading)
            for k, reading in enumerate(readings)
        ]
    return units, failures


def _check_places(base: Path, folder: Path, private: Path) -> None:
    inside, where = folder.resolve(), private.resolve()
    if where == inside or inside in where.parents:
        raise _refused("the map would lie in the folder of the copies", "name a place outside of it")
    root = base.resolve()
    if inside == root or root in inside.parents:
        raise _refused("the folder of the copies lies in the input", "name a folder outside of it")
    if where == root or where.is_dir():
        raise _refused("the map's path is taken", "name a new file, or the map of an earlier call")


def _check_folder(folder: Path, known: set[str]) -> None:
    """See that nothing is in the folder that is not ours; remove what a dead call left."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise _refused("the path for the copies is no folder", "name a new or empty folder")
    for path in folder.iterdir():
        if path.name.startswith(TEMPORARY_PREFIX):
            path.unlink(missing_ok=True)
        elif path.name not in known:
            raise _refused(
                "the folder for the copies holds files that the map does not name", "name an empty folder"
            )


# -- the map -------------------------------------------------------------------------------------------------


def _read_map(private: Path) -> dict[str, str]:
    """Read the map of an earlier call; a last line that a crash cut short is left out."""
    try:
        text = private.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _refused("the map cannot be read", "check its permissions") from error
    rows = list(csv.reader(io.StringIO(text, newline="")))
    whole = [row for row in rows if len(row) == 2 and (row == list(COLUMNS) or _TARGET.fullmatch(row[1]))]
    cut = len(rows) - len(whole)
    if rows[:1] != [list(COLUMNS)] or cut > (not text.endswith("\n")) or whole != rows[: len(whole)]:
        raise _refused("the map is none of an earlier call", "name a new file")
    known = {rearm(source): target for source, target in whole[1:]}
    if len(set(known.values())) != len(whole) - 1:
        raise _refused("the map names a copy twice", "name a new file, and a new folder")
    return known


def _next_target(known: dict[str, str]) -> str:
    used = [int(match[1]) for match in map(_TARGET.fullmatch, known.values()) if match]
    return f"S{max(used, default=0) + 1:04d}.fcs"


def _row(source: str, target: str) -> bytes:
    line = io.StringIO(newline="")
    bare = "\r" in source  # which csv would not quote
    writer = csv.writer(line, lineterminator="\n", quoting=csv.QUOTE_ALL if bare else csv.QUOTE_MINIMAL)
    writer.writerow([disarm(source), target])
    return line.getvalue().encode("utf-8", "surrogateescape")


def _start_map(private: Path, known: dict[str, str]) -> None:
    content = b"".join([_row(*COLUMNS), *(_row(*row) for row in known.items())])
    with atomic_path(private, mode=_PRIVATE, size=len(content)) as temporary:
        temporary.write_bytes(content)


def _append(private: Path, source: str, target: str) -> None:
    """Add a line and see that it is on the disk before the copy is in its place."""
    handle = os.open(private, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(handle, _row(source, target))
        os.fsync(handle)
    finally:
        os.close(handle)
