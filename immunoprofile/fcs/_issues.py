"""Findings of a reading: collected in order, turned into errors in strict mode, emitted as warnings once."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from immunoprofile.core import FcsError, FcsWarning, clean, explain

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from immunoprofile.core._code import Level

Mode = Literal["default", "strict", "force"]
MODES = ("default", "strict", "force")


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """A finding about a file.

    Attributes
    ----------
    level : str
        ``info``, ``warning`` or ``error``.
    code : str
        A code of :mod:`immunoprofile.core.codes`.
    message : str
        What was found and what was done.
    keyword : str or None
        Keyword at fault.
    offset : int or None
        Byte of the file.
    """

    level: Level
    code: str
    message: str
    keyword: str | None = None
    offset: int | None = None


class Findings:
    """The notes of one reading of one file; every part of the reader writes into it.

    Parameters
    ----------
    path : str or path
        The file, as the caller named it.
    mode : str
        ``strict`` turns a warning into an error at once.
    """

    __slots__ = ("_issues", "mode", "path")

    def __init__(self, path: str | Path, mode: Mode) -> None:
        self.path, self.mode = path, mode
        self._issues: list[Issue] = []

    @property
    def issues(self) -> tuple[Issue, ...]:
        """What was found so far."""
        return tuple(self._issues)

    def info(self, code: str, message: str, *, keyword: str | None = None, offset: int | None = None) -> None:
        """Note a harmless oddity."""
        self._issues.append(Issue(level="info", code=code, message=message, keyword=keyword, offset=offset))

    def warn(self, code: str, message: str, *, keyword: str | None = None, offset: int | None = None) -> None:
        """Note a repair or a deviation; in strict mode it is an error."""
        if self.mode == "strict":
            raise self.error(
                code, message, keyword=keyword, offset=offset, hint=f'{explain(code).to_do} (mode="strict")'
            )
        self._issues.append(
            Issue(level="warning", code=code, message=message, keyword=keyword, offset=offset)
        )

    def graded(self, code: str, message: str, *, warn: bool, keyword: str | None = None) -> None:
        """Note a finding whose level depends on the version of the standard."""
        (self.warn if warn else self.info)(code, message, keyword=keyword)

    def error(
        self,
        code: str,
        problem: str,
        *,
        keyword: str | None = None,
        offset: int | None = None,
        hint: str = "",
    ) -> FcsError:
        """Build the error that ends the reading; the caller raises it.

        What comes from the file may hold control characters: they are shown, never sent to a terminal.
        """
        named = None if keyword is None else clean(keyword)
        return FcsError(self.path, code, offset, keyword=named, problem=clean(problem), hint=clean(hint))


def emit(issues: Iterable[Issue], path: str | Path, *, stacklevel: int) -> None:
    """Emit the findings of level warning as ``FcsWarning``."""
    for issue in issues:
        if issue.level == "warning":
            warnings.warn(
                FcsWarning(f"{clean(path)}: {clean(issue.message)}", issue.code), stacklevel=stacklevel + 1
            )


def listing(names: Iterable[str], limit: int = 4) -> str:
    """Join names of a file, made printable, for a message: at most `limit` of them, the rest counted."""
    shown = [clean(name) for name in names]
    rest = f" and {len(shown) - limit} more" if len(shown) > limit else ""
    return ", ".join(shown[:limit]) + rest
