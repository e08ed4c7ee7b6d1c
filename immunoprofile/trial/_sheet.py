"""Reading sheets: CSV of any common dialect, XLSX, XLS; every cell as the text that was written.

Separator ``,`` ``;`` or tab, whichever the header uses most; UTF-8 with or without BOM, UTF-16; any line end.
A row's number is the line that a spreadsheet shows: header 1, first record 2.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from immunoprofile.trial._problems import Problem
from immunoprofile.trial._workbook import MOST_COLUMNS, MOST_ROWS, WorkbookError, read_workbook
from immunoprofile.trial._workbook import SUFFIXES as WORKBOOKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

MOST_CELL = 32_000
MOST_LINE = MOST_COLUMNS * MOST_CELL
MOST_SEPARATORS = 100_000
"""Separators of a line, those inside quotes among them."""
MOST_BYTES = 1_000_000_000
_MOST_HEADER = 1_000


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

    A formula of a workbook whose result is not stored is an empty cell and a problem.

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
        ``table_unreadable``, ``table_empty``, ``column_duplicate``, ``row_too_wide``, ``value_missing``.
    """
    unknown: list[tuple[int, int]] = []
    separator = ""
    try:
        if path.suffix.lower() in WORKBOOKS:
            records, unknown = _workbook(path, sheet)
        else:
            records, separator = _csv(path)
    except _UnreadableError as error:
        return None, [_refused(table, error.what, error.hint, row=error.row)]
    except OSError as error:
        return None, [_refused(table, f"cannot be read ({error.strerror})")]
    made, problems = _sheet_of(records, table=table, separator=separator)
    return made, [*problems, *_without_results(made, unknown)]


def _without_results(sheet: Sheet | None, unknown: Sequence[tuple[int, int]]) -> Iterator[Problem]:
    for row, column in unknown if sheet is not None else ():
        name = sheet.header[column] if sheet is not None and column < len(sheet.header) else ""
        yield Problem(
            code="value_missing",
            table=sheet.table if sheet is not None else "",
            row=row + 1,
            column=name,
            found="",
            what="this cell holds a formula without its result",
            expected="a value",
            hint="open the workbook in a spreadsheet program and save it again",
        )


class _UnreadableError(Exception):
    def __init__(self, what: str, hint: str = "", row: int | None = None) -> None:
        self.what, self.hint, self.row = what, hint, row
        super().__init__(what)


def _refused(table: str, what: str, hint: str = "", *, row: int | None = None) -> Problem:
    return Problem(code="table_unreadable", table=table, row=row, what=what, hint=hint, scope="study")


def _csv(path: Path) -> tuple[list[list[str]], str]:
    """Read line by line: a line, a cell or a count beyond its limit ends the reading."""
    if path.stat().st_size > MOST_BYTES:
        raise _UnreadableError("larger than 1 GB")
    with path.open("rb") as content:
        encoding = _encoding(content.read(4))
        content.seek(0)
        stream = io.TextIOWrapper(content, encoding=encoding, newline="")
        try:
            return _records(stream)
        except UnicodeError:
            raise _not_text(path, encoding) from None


def _records(stream: io.TextIOWrapper) -> tuple[list[list[str]], str]:
    records: list[list[str]] = []
    lines = _lines(stream, records)
    first = _header_lines(lines)
    separator = _separator("".join(first))
    reader = csv.reader(_narrow(chain(first, lines), separator, records), delimiter=separator, strict=False)
    try:
        for record in reader:
            records.append(record)
            if len(records) > MOST_ROWS:
                raise _UnreadableError("more than a million rows")
    except csv.Error as error:
        raise _UnreadableError(f"not a CSV ({error})", row=len(records) + 1) from error
    return records, separator


def _lines(stream: io.TextIOWrapper, records: list[list[str]]) -> Iterator[str]:
    while line := stream.readline(MOST_LINE + 1):
        if len(line) > MOST_LINE:
            raise _UnreadableError("a line of more than 64 million characters", row=len(records) + 1)
        if "\0" in line:
            hint = "save the table as CSV UTF-8"
            raise _UnreadableError("holds a NUL character", hint, len(records) + 1)
        yield line


def _header_lines(lines: Iterator[str]) -> list[str]:
    """Take the lines up to the end of the first record that is not blank; quotes may hold line ends."""
    taken: list[str] = []
    for line in lines:
        taken.append(line)
        whole = "".join(taken)
        if whole.strip() and whole.count('"') % 2 == 0:
            break
        if len(taken) > _MOST_HEADER:
            break
    return taken


def _narrow(lines: Iterable[str], separator: str, records: list[list[str]]) -> Iterator[str]:
    """Refuse a line of more separators than any row may hold, before it becomes millions of cells."""
    for line in lines:
        if line.count(separator) > MOST_SEPARATORS:
            raise _UnreadableError("more than 2,000 columns", row=len(records) + 1)
        yield line


def _encoding(head: bytes) -> str:
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    if len(head) == 4 and head[1::2] == b"\0\0" and b"\0" not in head[0::2]:
        return "utf-16-le"
    if len(head) == 4 and head[0::2] == b"\0\0" and b"\0" not in head[1::2]:
        return "utf-16-be"
    return "utf-8-sig"


def _not_text(path: Path, encoding: str) -> _UnreadableError:
    """Say in which row the text ends to be text."""
    content = path.read_bytes()
    row: int | None = None
    try:
        content.decode(encoding)
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
    except UnicodeError:
        row = 1
    hint = "save the table as CSV UTF-8"
    return _UnreadableError(f"not {encoding.removesuffix('-sig').upper()}", hint, row)


def _separator(header: str) -> str:
    """Choose the separator that the header has most of, outside quotes; comma where there is none."""
    bare = "".join(header.split('"')[::2])
    return max(",;\t", key=bare.count)


def _workbook(path: Path, sheet: str | None) -> tuple[list[list[str]], list[tuple[int, int]]]:
    try:
        return read_workbook(path, sheet)
    except WorkbookError as error:
        raise _UnreadableError(error.what, error.hint) from error


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
