"""Workbooks: the stored values of one sheet, nothing evaluated, followed or believed for a size.

An XLSX is looked through before the reader of workbooks gets it: what it would unpack to, where its cells
lie (two cells far apart make a table of billions), and which cells hold a formula without its result. The
older formats cannot be looked through: they are read by a process of their own, with a limit of memory.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from datetime import date, datetime, time
from posixpath import join, normpath
from typing import IO, TYPE_CHECKING, Any

from immunoprofile.core import ImmunoprofileError, InterchangeError
from immunoprofile.core.archives import check_archive
from immunoprofile.core.markup import parse_xml, refuse_doctype

if TYPE_CHECKING:
    from pathlib import Path

SUFFIXES = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods")
MOST_ROWS = 1_000_000
MOST_COLUMNS = 2_000
MOST_EMPTY = 2_000_000
"""Cells of a table that may be empty where few are filled."""
MOST_SPARSE = 20
"""Cells of a table for each that is filled."""
MOST_BYTES = 1_000_000_000
CHILD_SECONDS = 120
_WHOLE = re.compile(r"[0-9]{1,7}", re.ASCII)
_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})", re.ASCII)
_CHILD = """
import json, sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
except (ImportError, ValueError, OSError):
    pass
from immunoprofile.trial._workbook import records_in
json.dump(records_in(sys.argv[1], sys.argv[2] or None), sys.stdout)
"""


class WorkbookError(ValueError):
    """A workbook that cannot be read: what is wrong, and what would help."""

    def __init__(self, what: str, hint: str = "") -> None:
        self.what, self.hint = what, hint
        super().__init__(what)


@dataclass(slots=True)
class _Extent:
    """Where the cells of a sheet lie."""

    rows: int = 0
    columns: int = 0
    filled: int = 0


def read_workbook(path: Path, sheet: str | None) -> tuple[list[list[str]], list[tuple[int, int]]]:
    """Read the cells of one sheet as texts.

    Returns
    -------
    records : list of list of str
        From the first row and column of the sheet.
    unknown : list of (int, int)
        Row and column, from 0, of each formula whose result is not stored.

    Raises
    ------
    WorkbookError
    """
    if path.stat().st_size > MOST_BYTES:
        raise WorkbookError("larger than 1 GB")
    try:
        known, unknown = _look_through(path, sheet) if zipfile.is_zipfile(path) else (False, [])
    except (ImmunoprofileError, KeyError, zipfile.BadZipFile) as error:
        problem = getattr(error, "problem", "a damaged archive")
        raise WorkbookError(str(problem), "save the table anew, or as CSV") from error
    found = records_in(str(path), sheet) if known else _in_a_process(path, sheet)
    if "error" in found:
        raise WorkbookError(found["error"], found.get("hint", ""))
    return found["records"], unknown


def records_in(path: str, sheet: str | None) -> dict[str, Any]:
    """Read the cells of one sheet: ``records``, or ``error`` and ``hint``."""
    from python_calamine import CalamineWorkbook

    try:
        book = CalamineWorkbook.from_path(path)
        names = book.sheet_names
        if sheet is not None and sheet not in names:
            return {"error": f"no sheet {sheet!r}", "hint": f"sheets: {', '.join(names)}"[:300]}
        found = book.get_sheet_by_name(sheet) if sheet is not None else book.get_sheet_by_index(0)
        start = found.start or (0, 0)
        cells = found.to_python(skip_empty_area=True)
    except BaseException as error:
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        return {"error": f"not a workbook ({type(error).__name__})"}
    if len(cells) + start[0] > MOST_ROWS:
        return {"error": "more than a million rows"}
    blank: list[list[str]] = [[] for _ in range(start[0])]
    indent = [""] * start[1]
    return {"records": blank + [indent + [_written(cell) for cell in row] for row in cells]}


def _in_a_process(path: Path, sheet: str | None) -> dict[str, Any]:
    """Read a workbook that cannot be looked through, in a process whose end costs nothing."""
    command = [sys.executable, "-P", "-c", _CHILD, str(path), sheet or ""]
    try:
        ended = subprocess.run(command, capture_output=True, timeout=CHILD_SECONDS, check=False)
        found = json.loads(ended.stdout) if ended.returncode == 0 else None
    except (subprocess.TimeoutExpired, OSError, ValueError):
        found = None
    return found if isinstance(found, dict) else {"error": "not a workbook that can be read in its limits"}


def _look_through(path: Path, sheet: str | None) -> tuple[bool, list[tuple[int, int]]]:
    """Check an archive and the place of every cell; find the formulas without a result in `sheet`.

    Returns
    -------
    known : bool
        Whether it is an XLSX whose every sheet was looked through.
    unknown : list of (int, int)
    """
    check_archive(path)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if len({name.casefold() for name in names}) != len(names):
            raise InterchangeError("xml_invalid", "two members of one name")
        if not {"xl/workbook.xml", "xl/_rels/workbook.xml.rels"} <= set(names):
            return False, []
        unknown: list[tuple[int, int]] = []
        for number, (title, members) in enumerate(_sheets(archive, names)):
            for name in members:
                with archive.open(name) as stream:
                    without = _scan(stream)
                if title == sheet or (sheet is None and number == 0):
                    unknown = without
    return True, unknown


def _sheets(archive: zipfile.ZipFile, names: list[str]) -> list[tuple[str, list[str]]]:
    """Give the title of each sheet and the members that a lenient reader may take for it."""
    book = parse_xml(archive.read("xl/workbook.xml"), where="workbook")
    links = parse_xml(archive.read("xl/_rels/workbook.xml.rels"), where="workbook")
    targets = {str(one.get("Id")): str(one.get("Target", "")) for one in links if isinstance(one.tag, str)}
    spelled = {name.casefold(): name for name in names}
    found = []
    for sheet in book.iter("{*}sheet"):
        wanted = [targets[value] for value in sheet.attrib.values() if value in targets]
        places = {
            place.casefold()
            for target in wanted
            for place in (target.lstrip("/"), f"xl/{target}", normpath(join("xl", target)))
        }
        found.append(
            (str(sheet.get("name")), [spelled[place] for place in sorted(places) if place in spelled])
        )
    return found


def _scan(stream: IO[bytes]) -> list[tuple[int, int]]:
    """Walk the cells of a sheet, one at a time."""
    from lxml import etree

    head = stream.read(65_536)
    refuse_doctype(head, where="worksheet")
    stream.seek(0)
    extent, unknown = _Extent(), []
    walk = etree.iterparse(
        stream, events=("end",), tag="{*}c", resolve_entities=False, no_network=True, load_dtd=False,
        dtd_validation=False, huge_tree=False,
    )  # fmt: skip
    row = column = -1
    try:
        for _, cell in walk:
            row, column = _place_of(cell, row, column)
            _grow(extent, row, column)
            if cell.find("{*}f") is not None and not (cell.findtext("{*}v") or "").strip():
                unknown.append((row, column))
            _forget(cell)
    except etree.XMLSyntaxError:
        raise InterchangeError("xml_invalid", "a sheet is not XML that can be read") from None
    if (extent.rows + 1) * (extent.columns + 1) > max(MOST_EMPTY, MOST_SPARSE * extent.filled):
        raise InterchangeError("xml_too_large", "few cells that lie millions apart")
    return unknown


def _forget(cell: Any) -> None:
    """Let go of a cell, and of the rows before it."""
    row = cell.getparent()
    cell.clear()
    while cell.getprevious() is not None:
        del row[0]
    rows = row.getparent()
    while rows is not None and row.getprevious() is not None:
        del rows[0]


def _place_of(cell: Any, row: int, column: int) -> tuple[int, int]:
    """Give row and column of a cell, from 0; one without a reference follows the one before."""
    reference = cell.get("r")
    if reference is None:
        number = cell.getparent().get("r")
        if number is not None and not _WHOLE.fullmatch(number):
            raise InterchangeError("xml_invalid", "a row at no place of a sheet")
        here = int(number) - 1 if number is not None else max(row, 0)
        return (row, column + 1) if here == row else (here, 0)
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        raise InterchangeError("xml_invalid", "a cell at no place of a sheet")
    letters = 0
    for letter in found[1]:
        letters = 26 * letters + ord(letter) - 64
    return int(found[2]) - 1, letters - 1


def _grow(extent: _Extent, row: int, column: int) -> None:
    extent.rows, extent.columns = max(extent.rows, row), max(extent.columns, column)
    extent.filled += 1
    if extent.rows >= MOST_ROWS:
        raise InterchangeError("xml_too_large", "more than a million rows")
    if extent.columns >= MOST_COLUMNS:
        raise InterchangeError("xml_too_large", "more than 2,000 columns")


def _written(cell: Any) -> str:
    """Give a workbook's cell as the text that a CSV would hold."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat()
    if isinstance(cell, (date, time)):
        return cell.isoformat()
    return str(cell)
