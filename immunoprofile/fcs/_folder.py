"""Which files of a folder are FCS files: by their endings, or by their first three bytes."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FCS_SUFFIX = re.compile(r"\.(?:fcs|lmd|[0-9]{3}|[a-p][0-9]{2})", re.IGNORECASE | re.ASCII)
"""Endings that are always judged; another file only if it begins with ``FCS``."""


def expand(paths: Sequence[str | Path]) -> tuple[list[Path], list[str], list[str]]:
    """Walk folders: files to judge, files to leave alone, paths that are not there."""
    found: dict[Path, None] = {}
    skipped: list[str] = []
    missing: list[str] = []
    for given in map(Path, paths):
        if given.is_dir():
            for path in _walk(given, skipped):
                if _is_candidate(path):
                    found[path] = None
                else:
                    skipped.append(str(path))
        elif given.exists() or given.is_symlink():
            found[given] = None
        else:
            missing.append(str(given))
    return list(found), skipped, missing


def _walk(folder: Path, skipped: list[str]) -> Iterator[Path]:
    """Give the files below a folder, hidden ones left out; what cannot be listed is skipped."""

    def note(error: OSError) -> None:
        skipped.append(str(error.filename))

    # links to folders are not followed: they may be loops
    for root, folders, names in os.walk(folder, onerror=note):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield Path(root, name)
            elif FCS_SUFFIX.fullmatch(Path(name).suffix):  # as the shadows that macOS leaves on other disks
                skipped.append(str(Path(root, name)))


def _is_candidate(path: Path) -> bool:
    if FCS_SUFFIX.fullmatch(path.suffix):
        return True
    if not path.is_file():
        return False
    try:
        with path.open("rb") as stream:
            return stream.read(3) == b"FCS"
    except OSError:
        return False
