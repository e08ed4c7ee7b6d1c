"""Problems of a study: all of them, each with its place, what was found and what would be right."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from immunoprofile.core import StudyError, clean, fold, nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    import pandas as pd

Level = Literal["info", "warning", "error"]
Scope = Literal["row", "study"]
PROBLEM_COLUMNS = (
    "level", "code", "table", "row", "column", "found", "expected", "nearest", "message", "hint",
)  # fmt: skip
LEVELS: tuple[Level, ...] = ("error", "warning", "info")
LISTED = 1000
"""Most problems that a table lists; the rest are counted."""
SHOWN = 12
"""Most problems in the text of an error."""
_CELL = 60
"""Most characters of a cell that a message repeats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One fault.

    Attributes
    ----------
    level : str
        ``error``, ``warning`` or ``info``.
    code, table, column : str
    row : int or None
        Line as a spreadsheet shows it: header 1, first record 2.
    what : str
        The fault in words without any value of the table.
    found : str or None
        The cell; None where it may not be repeated.
    expected, nearest, hint : str
    scope : str
        ``row``: the row can be left out; ``study``: the study is refused.
    """

    level: Level = "error"
    code: str
    table: str
    row: int | None = None
    column: str = ""
    what: str
    found: str | None = None
    expected: str = ""
    nearest: str = ""
    hint: str = ""
    scope: Scope = "row"

    @property
    def place(self) -> str:
        """Where it is, without any value."""
        unit = "line" if self.table.endswith(".toml") else "row"
        row = f" {unit} {self.row}" if self.row is not None else ""
        return f"{self.table}{row}" + (f", column {self.column}" if self.column else "")

    @property
    def message(self) -> str:
        """Say it all, for the eyes of whoever wrote the table."""
        parts = [f"found {short(self.found)}" if self.found is not None else "", self.what]
        parts.append(f"nearest {self.nearest!r}" if self.nearest else "")
        return f"{self.place}: " + "; ".join(part for part in parts if part)

    @property
    def discreet(self) -> str:
        """Say it without any value of the table: what a log or a blinded run may show."""
        return f"{self.place}: {self.what}"


def short(text: str | None) -> str:
    """Quote a cell, its control characters shown, cut where it is long."""
    shown = clean(text if text is not None else "")
    return f"'{shown[:_CELL]}{'...' if len(shown) > _CELL else ''}'"


@dataclass(slots=True)
class Problems:
    """A growing list of problems; the rows at fault are known by table."""

    items: list[Problem] = field(default_factory=list)
    faulty: dict[str, set[int]] = field(default_factory=dict)

    def add(self, problem: Problem) -> None:
        """Add one."""
        self.items.append(problem)
        if problem.level == "error" and problem.scope == "row" and problem.row is not None:
            self.faulty.setdefault(problem.table, set()).add(problem.row)

    def extend(self, problems: Iterable[Problem]) -> None:
        """Add many."""
        for problem in problems:
            self.add(problem)

    def rows_of(self, table: str) -> set[int]:
        """Give the rows of a table that have an error."""
        return self.faulty.get(table, set())

    def holds(self, code: str) -> bool:
        """Tell whether a code is among them."""
        return any(problem.code == code for problem in self.items)

    @property
    def errors(self) -> list[Problem]:
        """All errors."""
        return [problem for problem in self.items if problem.level == "error"]

    def ordered(self) -> list[Problem]:
        """Give all in the order of tables and rows, study-wide ones first."""
        rank = {"error": 0, "warning": 1, "info": 2}
        return sorted(
            self.items,
            key=lambda p: (p.table != "study.toml", p.table, p.row or 0, p.column, rank[p.level], p.code),
        )

    def table(self) -> pd.DataFrame:
        """Give the table of problems: the first thousand of each level, then how many more there are.

        ``attrs["counts"]`` has the number of all of them by level.
        """
        import pandas as pd

        ordered = self.ordered()
        listed: list[Problem] = []
        counts: dict[str, int] = {}
        for level in LEVELS:
            found = [problem for problem in ordered if problem.level == level]
            counts[level] = len(found)
            listed += found[:LISTED]
            if len(found) > LISTED:
                listed.append(_unlisted(level, len(found) - LISTED))
        rows = [
            (
                p.level,
                p.code,
                p.table,
                p.row,
                p.column,
                _shown(p.found),
                p.expected,
                p.nearest,
                p.message,
                p.hint,
            )
            for p in listed
        ]
        frame = pd.DataFrame(rows, columns=list(PROBLEM_COLUMNS)).astype("string")
        frame["row"] = pd.array([p.row for p in listed], dtype="Int64")
        frame.attrs["counts"] = counts
        return frame

    def refuse(self, *, study_scope_only: bool, where: str) -> None:
        """Raise where there are errors.

        Parameters
        ----------
        study_scope_only : bool
            Raise for those errors only that no row can be left out for.
        where : str
            The study, for the message.

        Raises
        ------
        StudyError
            With the code of the errors where they have one code, else ``study_invalid``.
        """
        errors = self.errors
        stopping = [p for p in errors if p.scope == "study"] if study_scope_only else errors
        if not stopping:
            return
        codes = {problem.code for problem in errors}
        order = [problem for problem in self.ordered() if problem.level == "error"]
        lines = [f"{problem.code}: {problem.message}" for problem in order[:SHOWN]]
        more = len(order) - SHOWN
        if more > 0:
            lines.append(f"and {more} more in error.problems")
        count = f"{len(order)} problem{'s' if len(order) > 1 else ''}"
        raise StudyError(
            codes.pop() if len(codes) == 1 else "study_invalid",
            f"{count}\n    " + "\n    ".join(lines),
            where=where,
            hint=order[0].hint or (f"expected {order[0].expected}" if order[0].expected else ""),
            problems=self.table(),
        )


def _unlisted(level: Level, count: int) -> Problem:
    what = f"{count:,} more problems of this level are not listed"
    hint = "mend those that are listed, then read the study again"
    return Problem(level=level, code="problems_unlisted", table="study", what=what, hint=hint, scope="study")


def _shown(text: str | None) -> str | None:
    return None if text is None else clean(text)


def suggestion(name: str, known: Collection[str], remembered: dict[str, str]) -> str:
    """Give the nearest known name or an empty text; `remembered` spares the search for repeated names."""
    if name not in remembered:
        close = [other for other in known if abs(len(other) - len(name)) <= 4]
        remembered[name] = nearest(name, close) or ""
    return remembered[name]


def normalised(name: str, spelled: dict[str, str]) -> str | None:
    """Find the known name that differs in case or surrounding blanks alone."""
    return spelled.get(name.strip().casefold())


def spellings(known: Sequence[str]) -> dict[str, str]:
    """Map the folded case of each name to the name; names that clash are left out."""
    found: dict[str, str] = {}
    clashing: set[str] = set()
    for name in known:
        key = name.strip().casefold()
        if key in found and found[key] != name:
            clashing.add(key)
        found[key] = name
    return {key: name for key, name in found.items() if key not in clashing}


def folded_set(names: Iterable[str]) -> frozenset[str]:
    """Fold names for comparison."""
    return frozenset(fold(name) for name in names if fold(name))
