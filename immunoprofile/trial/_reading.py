"""A sheet in our words: columns found and mapped, cells read, each fault noted with its place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from immunoprofile.trial._problems import Problem, Problems, normalised, spellings, suggestion
from immunoprofile.trial._values import CellError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from immunoprofile.trial._schema import TableSpec
    from immunoprofile.trial._sheet import Sheet


@dataclass(slots=True, kw_only=True)
class Reading:
    """A sheet under validation.

    Attributes
    ----------
    sheet : Sheet
    spec : TableSpec
    problems : Problems
    columns : dict of str to int
        Our columns to their positions.
    decimal : str
    date_format : str or None
    """

    sheet: Sheet
    spec: TableSpec
    problems: Problems
    decimal: str = "."
    date_format: str | None = None
    columns: dict[str, int] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    _near: dict[str, dict[str, str]] = field(default_factory=dict)
    _spelled: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def table(self) -> str:
        """Name for messages."""
        return self.sheet.table

    def find_columns(
        self, known: Sequence[str], *, required: Sequence[str], used: Collection[str] = ()
    ) -> bool:
        """Find our columns by the declared mapping, else by name; note what is absent or unknown.

        Parameters
        ----------
        known, required : sequence of str
            Our columns.
        used : collection of str
            Columns of the sheet that something else takes (measures of a wide table, strata).

        Returns
        -------
        bool
            Whether every required column is there.
        """
        header = self.sheet.header
        at = {name: position for position, name in reversed(list(enumerate(header)))}
        spelled = spellings(header)
        missing = False
        for name in known:
            wanted = self.spec.columns.get(name, name)
            found = wanted if wanted in at else normalised(wanted, spelled)
            if found is None:
                if name in required or name in self.spec.columns:
                    self._column_missing(name, wanted)
                    missing = missing or name in required
                continue
            if found != wanted:
                self.note_name(None, found, wanted, column=found)
            self.columns[name], self.titles[name] = at[found], found
        self._unknown_columns(used)
        return not missing

    def _column_missing(self, name: str, wanted: str) -> None:
        free = [title for title in self.sheet.header if title and title not in self.titles.values()]
        near = suggestion(wanted, free, self._near.setdefault("#columns", {}))
        self.problems.add(
            Problem(
                code="column_missing",
                table=self.table,
                row=1,
                column=wanted,
                expected=f"a column {wanted}",
                nearest=near,
                what="there is no such column",
                hint=f"columns: {', '.join(self.sheet.header[:20])}"
                if not near
                else f'rename {near!r}, or map it in study.toml: columns = {{{name} = "{near}"}}',
                scope="study",
            )
        )

    def _unknown_columns(self, used: Collection[str]) -> None:
        taken = {*self.titles.values(), *used, ""}
        for title in dict.fromkeys(self.sheet.header):
            if title not in taken:
                self.problems.add(
                    Problem(
                        level="info",
                        code="column_unknown",
                        table=self.table,
                        row=1,
                        column=title,
                        what="this column is kept, and not used",
                    )
                )

    def cell(self, cells: tuple[str, ...], column: str) -> str:
        """Give a cell in our words: blanks at the ends dropped, the declared values mapped."""
        position = self.columns.get(column)
        if position is None:
            return ""
        text = cells[position].strip()
        values = self.spec.values.get(column)
        return values.get(text, text) if values else text

    def raw(self, cells: tuple[str, ...], column: str) -> str:
        """Give a cell as it stands in the sheet."""
        return cells[self.columns[column]]

    def note(self, row: int | None, column: str, *, code: str, what: str, **more: Any) -> None:
        """Note a problem of a cell."""
        title = self.titles.get(column, column)
        self.problems.add(Problem(code=code, table=self.table, row=row, column=title, what=what, **more))

    def note_empty(self, row: int, column: str, *, expected: str = "a value") -> None:
        """Note an empty cell that may not be empty."""
        self.note(row, column, code="value_missing", what="this cell is empty", found="", expected=expected)

    def note_name(self, row: int | None, found: str, meant: str, *, column: str) -> None:
        """Note that a name was taken in spite of its case or blanks."""
        what = "taken in spite of its case or blanks"
        self.note(
            row,
            column,
            code="name_normalised",
            what=what,
            level="warning",
            found=found,
            expected=meant,
            nearest=meant,
        )

    def required(self, row: int, cells: tuple[str, ...], column: str) -> str:
        """Give a cell that may not be empty; noted if it is."""
        text = self.cell(cells, column)
        if not text:
            self.note_empty(row, column)
        elif (raw := self.raw(cells, column)) != raw.strip():
            self.note_name(row, raw, text, column=column)
        return text

    def known(self, row: int, column: str, text: str, *, names: Collection[str], code: str, noun: str) -> str:
        """Check an id against the declared ones; case alone is mended with a warning.

        Returns
        -------
        str
            The declared spelling, or an empty text where it is unknown.
        """
        if not text or text in names:
            return text
        if column not in self._spelled:
            self._spelled[column] = spellings(list(names))
        meant = normalised(text, self._spelled[column])
        if meant is not None:
            self.note_name(row, text, meant, column=column)
            return meant
        shown = ", ".join(list(names)[:12]) + (" ..." if len(names) > 12 else "")
        near = suggestion(text, names, self._near.setdefault(column, {}))
        self.note(
            row,
            column,
            code=code,
            what=f"no such {noun}",
            found=text,
            expected=f"one of {shown}" if shown else "",
            nearest=near,
        )
        return ""

    def value(self, row: int, cells: tuple[str, ...], *, column: str, parse: Callable[[str], Any]) -> Any:
        """Read an optional cell with `parse`; None where it is empty or at fault (noted)."""
        text = self.cell(cells, column)
        if not text:
            return None
        try:
            return parse(text)
        except CellError as error:
            self.note(
                row,
                column,
                code=error.code,
                what=error.what,
                found=text,
                expected=error.expected,
                hint=error.hint,
            )
            return None
