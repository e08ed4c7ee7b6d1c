"""Files that a sheet names: matched inside the study folder or a declared root, never outside it."""

from __future__ import annotations

import os
import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from posixpath import normpath

from immunoprofile.core import edit_distance, fold

SUFFIXES = (".fcs", ".lmd")
"""Files that a sheet is expected to list."""
SKIPPED = ("results", ".git")
_FOREIGN = re.compile(r"^(?:[A-Za-z]:|\\\\|//|[A-Za-z][A-Za-z0-9+.-]*://|file:|~)")
_COMPARED = 200
"""Most names that a missing file is compared with."""


@dataclass(slots=True, kw_only=True)
class FoundFile:
    """What became of a name.

    Attributes
    ----------
    path : Path or None
        Absolute; None where the file is not there or not allowed.
    code : str
        ``file_missing``, ``path_outside`` or empty.
    meant : str
        The file's true name where case alone differs.
    nearest : str
    """

    path: Path | None = None
    code: str = ""
    meant: str = ""
    nearest: str = ""


@dataclass(slots=True, kw_only=True)
class Files:
    """The files of a study.

    Attributes
    ----------
    root : Path
        The study folder, resolved.
    roots : tuple of Path
        Declared roots beside it, resolved.
    """

    root: Path
    roots: tuple[Path, ...] = ()
    _listing: dict[str, Path] | None = None
    _folded: dict[str, list[str]] = field(default_factory=dict)

    def find(self, name: str) -> FoundFile:
        """Find the file that a sheet names."""
        if "\0" in name or _FOREIGN.match(name):
            return FoundFile(code="path_outside")
        plain = normpath(name)
        absolute = PurePosixPath(plain).is_absolute()
        if plain == ".." or plain.startswith("../"):
            return FoundFile(code="path_outside")
        if absolute and not any(self._inside(Path(plain), root) for root in self.roots):
            return FoundFile(code="path_outside")
        for folder in (self.root, *self.roots):
            found = self._candidate(folder, plain)
            if found is not None:
                return found
        return self._like(plain)

    def place(self, name: str) -> Path | None:
        """Give the place of a file or folder that study.toml names, or None where it lies outside."""
        if "\0" in name or _FOREIGN.match(name):
            return None
        try:
            path = (self.root / name).resolve()
        except (OSError, ValueError, RuntimeError):  # a name too long, a loop of links
            return None
        return path if any(self._inside(path, root) for root in (self.root, *self.roots)) else None

    def _candidate(self, folder: Path, plain: str) -> FoundFile | None:
        try:
            path = (folder / plain).resolve()
            exists = path.is_file()
        except (OSError, ValueError, RuntimeError):  # a name too long, a loop of links
            return None
        if not any(self._inside(path, root) for root in (self.root, *self.roots)):
            return FoundFile(code="path_outside") if exists or path.exists() else None
        return FoundFile(path=path) if exists else None

    @staticmethod
    def _inside(path: Path, root: Path) -> bool:
        return path.is_relative_to(root)

    def _like(self, plain: str) -> FoundFile:
        self.listing()
        key = _folded(plain)
        alike = self._folded.get(key, [])
        if len(alike) == 1:
            found = self._candidate(self.root, alike[0])  # a link may lead out of the folder
            return (
                FoundFile(path=found.path, code=found.code, meant=alike[0])
                if found
                else FoundFile(code="file_missing")
            )
        return FoundFile(code="file_missing", nearest=self._nearest(plain))

    def _nearest(self, plain: str) -> str:
        """Name the one listed file within two edits, by its folder and name or by its name alone."""
        name = fold(PurePosixPath(plain).name)
        scored: list[tuple[int, str]] = []
        for other in list(self.listing()):
            base = fold(PurePosixPath(other).name)
            if abs(len(base) - len(name)) <= 2 and len(scored) < _COMPARED:
                scored.append((edit_distance(name, base), other))
        scored.sort()
        if not scored or scored[0][0] > 2 or (len(scored) > 1 and scored[1][0] == scored[0][0]):
            return ""
        return scored[0][1]

    def listing(self) -> dict[str, Path]:
        """List the event files below the study folder, by their path relative to it."""
        if self._listing is None:
            self._listing = {}
            for folder, folders, names in os.walk(self.root):
                folders[:] = sorted(f for f in folders if not (Path(folder) == self.root and f in SKIPPED))
                for name in sorted(names):
                    if name.lower().endswith(SUFFIXES):
                        path = Path(folder) / name
                        self._listing[path.relative_to(self.root).as_posix()] = path
            for relative in self._listing:
                self._folded.setdefault(_folded(relative), []).append(relative)
        return self._listing


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
