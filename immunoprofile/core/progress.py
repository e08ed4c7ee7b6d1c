"""One progress bar a phase, on stderr; silent where stderr is no terminal, never for work under a second."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")


def _wanted(progress: bool | None) -> bool:  # noqa: FBT001 - three-valued, private
    """Decide whether a bar is shown: as asked, else by ``IMMUNOPROFILE_PROGRESS``, else on a terminal."""
    if progress is not None:
        return progress
    setting = os.environ.get("IMMUNOPROFILE_PROGRESS")
    return setting != "0" if setting is not None else sys.stderr.isatty()


def track(
    items: Iterable[T], *, what: str, total: int | None = None, progress: bool | None = None
) -> Iterator[T]:
    """Yield the items while a bar counts them.

    Parameters
    ----------
    items : iterable
    what : str
        The phase, a verb: ``placing``, ``gating``.
    total : int or None
        Number of items, where it is not known from `items`.
    progress : bool or None
        Show the bar; None: on a terminal only.
    """
    if not _wanted(progress):
        yield from items
        return
    from tqdm.std import tqdm

    yield from tqdm(items, desc=what, total=total, delay=1, file=sys.stderr, leave=False, dynamic_ncols=True)
