"""Reading sheets: CSV of any common dialect, XLSX, XLS; every cell as the text that was written.

Separator ``,`` ``;`` or tab, whichever the header uses most; UTF-8 with or without BOM, UTF-16; any line end.
A row's number is the line that a spreadsheet shows: header 1, first record 2.
"""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

from immunoprofile.trial._problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

MOST_ROWS = 1_000_000
MOST_COLUMNS = 2_000
MOST_CELL = 32_000
MOST_BYTES = 1_000_000_000
MOST_UNPACKED = 4_000_000_000
MOST_RATIO = 200
WORKBOOKS = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A table of texts.

    Attributes
    ----------
    table : str
        Name for messages.
    header : tuple of str
    rows : tuple of (int, tuple of str)
        Number and cells (stripped of nothing); as many cells as the header has columns.
    separator : str
        Of a CSV; empty for a workbook.
    """

    table: str
    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    separator: str = ""


def read_sheet(path: Path, *, table: str, sheet: str | None = None) -> tuple[Sheet | None, list[Problem]]:
    """Read a sheet.

    Parameters
    ----------
    path : Path
    table : str
        Name for messages.
    sheet : str, optional
        Sheet of a workbook.

    Returns
    -------
    sheet : Sheet or None
    problems : list of Problem
        ``table_unreadable``, ``table_empty``, ``column_duplicate``, ``row_too_wide``.
    """
    try:
        if path.suffix.lower() in WORKBOOKS:
            records, separator = _workbook(path, sheet), ""
        else:
            records, separator = _csv(path)
    except _UnreadableError as error:
        return None, [_refused(table, error.what, error.hint, row=error.row)]
    except OSError as error:
        return None, [_refused(table, f"cannot be read ({error.strerror})")]
    return _sheet_of(records, table=table, separator=separator)


class _UnreadableError(Exception):
    def __init__(self, what: str, hint: str = "", row: int | None = None) -> None:
        self.what, self.hint, self.row = what, hint, row
        super().__init__(what)


def _refused(table: str, what: str, hint: str = "", *, row: int | None = None) -> Problem:
    return Problem(code="table_unreadable", table=table, row=row, what=what, hint=hint, scope="study")


def _csv(path: Path) -> tuple[list[list[str]], str]:
    if path.stat().st_size > MOST_BYTES:
        raise _UnreadableError("larger than 1 GB")
    text = _decoded(path.read_bytes())
    separator = _separator(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=False)
    records: list[list[str]] = []
    try:
        for record in reader:
            records.append(record)
            if len(records) > MOST_ROWS:
                raise _UnreadableError("more than a million rows")
    except csv.Error as error:
        raise _UnreadableError(f"not a CSV ({error})", row=len(records) + 1) from error
    return records, separator


def _decoded(content: bytes) -> str:
    hint = "save the table as CSV UTF-8"
    encoding = "utf-8-sig"
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    elif len(content) >= 4 and content[1:4:2] == b"\0\0" and b"\0" not in content[0:4:2]:
        encoding = "utf-16-le"
    elif len(content) >= 4 and content[0:4:2] == b"\0\0" and b"\0" not in content[1:4:2]:
        encoding = "utf-16-be"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        raise _UnreadableError(f"not {encoding.removesuffix('-sig').upper()}", hint, row) from None
    if "\0" in text:
        row = text[: text.index("\0")].count("\n") + 1
        raise _UnreadableError("holds a NUL character", hint, row)
    return text


def _separator(text: str) -> str:
    """Choose the separator that the header has most of, outside quotes; comma where there is none."""
    counts = dict.fromkeys(",;\t", 0)
    quoted = False
    for char in text.lstrip("\r\n"):
        if char == '"':
            quoted = not quoted
        elif char in "\r\n" and not quoted:
            break
        elif char in counts and not quoted:
            counts[char] += 1
    return max(counts, key=lambda separator: counts[separator])


def _workbook(path: Path, sheet: str | None) -> list[list[str]]:
    from python_calamine import CalamineWorkbook

    _check_archive(path)
    try:
        book = CalamineWorkbook.from_path(str(path))
        names = book.sheet_names
        if sheet is not None and sheet not in names:
            raise _UnreadableError(f"no sheet {sheet!r}", f"sheets: {', '.join(names)}")
        found = book.get_sheet_by_name(sheet) if sheet is not None else book.get_sheet_by_index(0)
        start = found.start or (0, 0)
        cells = found.to_python(skip_empty_area=True)
    except _UnreadableError:
        raise
    except Exception as error:
        raise _UnreadableError(f"not a workbook ({type(error).__name__})") from error
    blank: list[list[str]] = [[] for _ in range(start[0])]
    return blank + [[_written(cell) for cell in row] for row in cells]


def _check_archive(path: Path) -> None:
    """Refuse a bomb before it is opened: sizes in the directory are not believed beyond these limits."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if len(members) > 10_000:
            raise _UnreadableError("more than 10,000 members")
        unpacked = 0
        for member in members:
            unpacked += _unpacked(archive, member)
            if unpacked > MOST_UNPACKED:
                raise _UnreadableError("unpacks to more than 4 GB")


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> int:
    """Count the bytes of a member as they come, up to the allowed ratio."""
    most = max(member.compress_size * MOST_RATIO, 1_000_000)
    total = 0
    try:
        with archive.open(member) as stream:
            while block := stream.read(1 << 20):
                total += len(block)
                if total > most:
                    raise _UnreadableError("a member unpacks to more than 200 times its size")
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
        raise _UnreadableError("a damaged or encrypted archive") from error
    return total


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


def _sheet_of(
    records: Sequence[Sequence[str]], *, table: str, separator: str
) -> tuple[Sheet | None, list[Problem]]:
    filled = [number for number, record in enumerate(records) if any(cell.strip() for cell in record)]
    if not filled:
        problem = Problem(code="table_empty", table=table, what="there is no header", scope="study")
        return None, [problem]
    first = filled[0]
    header = tuple(name.strip() for name in records[first])
    while header and not header[-1]:
        header = header[:-1]
    if len(header) > MOST_COLUMNS:
        return None, [_refused(table, "more than 2,000 columns")]
    problems = list(_duplicates(header, table))
    rows: list[tuple[int, tuple[str, ...]]] = []
    for number in filled[1:]:
        row = number + 1
        cells = tuple(records[number])
        if len(cells) > len(header) and any(cell.strip() for cell in cells[len(header) :]):
            problems.append(_too_wide(table, row, found=len(cells), expected=len(header)))
        if any(len(cell) > MOST_CELL for cell in cells):
            problems.append(_refused(table, "a cell of more than 32,000 characters", row=row))
        rows.append((row, (*cells, *[""] * (len(header) - len(cells)))[: len(header)]))
    return Sheet(table=table, header=header, rows=tuple(rows), separator=separator), problems


def _duplicates(header: Iterable[str], table: str) -> Iterable[Problem]:
    seen: set[str] = set()
    for name in header:
        if name and name in seen:
            yield Problem(
                code="column_duplicate",
                table=table,
                row=1,
                column=name,
                found=name,
                what="two columns of one name",
                hint="rename or drop one",
                scope="study",
            )
        seen.add(name)


def _too_wide(table: str, row: int, *, found: int, expected: int) -> Problem:
    return Problem(
        code="row_too_wide",
        table=table,
        row=row,
        found=f"{found} cells",
        expected=f"{expected} cells",
        what=f"more cells than the header has columns ({expected})",
        hint="a separator inside a cell needs quotes",
    )
