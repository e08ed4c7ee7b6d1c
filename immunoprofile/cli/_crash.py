"""A fault of this program: told in one line, kept in a file that may be sent, without a value or a folder."""

from __future__ import annotations

import platform
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from immunoprofile import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).resolve().parents[1]


def crash_line(error: BaseException, results: Path | None) -> str:
    """Give the line for the terminal; where there is a results folder, write ``crash-<time>.txt`` there.

    Parameters
    ----------
    error : BaseException
    results : Path or None
        Folder of the results.
    """
    name = _written(error, results) if results is not None and results.is_dir() else ""
    kept = f"; results/{name} tells where" if name else ""
    where = next(reversed(list(_frames(error))), "an unknown place")
    return f"unexpected_error: {type(error).__name__} at {where}; this is a fault of immunoprofile{kept}"


def _written(error: BaseException, results: Path) -> str:
    from immunoprofile.core import write_text

    name = f"crash-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.txt"
    try:
        write_text(results / name, crash_text(error))
    except OSError:
        return ""
    return name


def crash_text(error: BaseException) -> str:
    """Give versions, kinds of errors, and the frames of this package: no message, no variable, no folder."""
    lines = [f"immunoprofile {__version__}, Python {platform.python_version()}, {sys.platform}"]
    met: BaseException | None = error
    seen: set[int] = set()
    while met is not None and id(met) not in seen:
        seen.add(id(met))
        lines += [f"{'caused by ' if len(seen) > 1 else ''}{type(met).__name__}"]
        lines += [f"  {frame}" for frame in _frames(met)]
        met = met.__cause__ or met.__context__
    return "\n".join(lines) + "\n"


def _frames(error: BaseException) -> Iterator[str]:
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        if PACKAGE in path.parents:
            yield f"{path.relative_to(PACKAGE).as_posix()}:{frame.lineno} in {frame.name}"
