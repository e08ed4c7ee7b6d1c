"""Random ids of subjects, specimens, samples and batches: drawn once, kept in a private map, told to nobody.

An id that is a hash of the subject can be guessed and one that counts gives the order away; so these come
from the system's random source. The map is ``results/private_ids.csv``, readable by its owner alone.
"""

from __future__ import annotations

import csv
import io
import secrets
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from immunoprofile.core import ImmunoprofileWarning, StorageError, StudyError, write_text
from immunoprofile.core.tables import disarm, with_line_feeds

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = ("kind", "id", "subject", "visit", "file", "batch")
LETTERS = {"subject": "u", "specimen": "s", "sample": "f", "batch": "b"}
FIELDS = {"subject": ("subject",), "specimen": ("subject", "visit"), "sample": ("file",), "batch": ("batch",)}
_BYTES = 6


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class PrivateIds:
    """The map of names to random ids.

    Attributes
    ----------
    path : Path
        Where it is kept.
    """

    path: Path
    _known: dict[tuple[str, ...], str] = field(default_factory=dict)
    _used: set[str] = field(default_factory=set)
    _new: set[tuple[str, ...]] = field(default_factory=set)

    def of(self, kind: str, *names: str) -> str:
        """Give the id of a thing; a new one is drawn where it has none."""
        key = (kind, *names)
        if key not in self._known:
            drawn = _drawn(kind)
            while drawn in self._used:
                drawn = _drawn(kind)
            self._known[key] = drawn
            self._used.add(drawn)
            self._new.add(key)
        return self._known[key]

    def persist(self) -> None:
        """Write the map, mode 0600; in a folder that cannot be written it stays in memory, with a warning.

        Raises
        ------
        StudyError
            ``ids_changed`` where another session wrote other ids meanwhile; ``ids_unreadable``.
        StorageError
            ``disk_full``, ``write_failed``: ids that are lost would leave tables that nobody can link.
        """
        if not self._new:
            return
        on_disk = _read(self.path)
        if any(on_disk.get(key, self._known[key]) != self._known[key] for key in self._known):
            hint = "call read_study again"
            problem = "another session gave this study its ids meanwhile"
            raise StudyError("ids_changed", problem, where="results/private_ids.csv", hint=hint)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_text(self.path, _text({**on_disk, **self._known}), mode=0o600)
        except OSError as error:
            if isinstance(error, StorageError) and error.code != "path_unwritable":
                raise
            message = (
                f"the ids of specimens are kept in memory only: results/ cannot be written ({error.strerror})"
            )
            warnings.warn(ImmunoprofileWarning(message, "ids_in_memory"), stacklevel=3)
            return
        self._new.clear()

    def __repr__(self) -> str:
        return f"PrivateIds({len(self._known)} ids)"


def load_ids(root: Path) -> PrivateIds:
    """Read the private map of a study, or begin a new one.

    Raises
    ------
    StudyError
        ``ids_unreadable``.
    """
    path = root / "results" / "private_ids.csv"
    known = _read(path)
    return PrivateIds(path=path, _known=known, _used=set(known.values()))


def sample_files(results: Path) -> dict[str, str]:
    """Give the file of each sample id, as the sheet names it; nothing where the private map is not at hand.

    Parameters
    ----------
    results : Path
        The results folder.
    """
    try:
        known = _read(results / "private_ids.csv")
    except StudyError:
        return {}
    return {drawn: names[0] for (kind, *names), drawn in known.items() if kind == "sample"}


def _drawn(kind: str) -> str:
    return LETTERS[kind] + secrets.token_hex(_BYTES)


def _read(path: Path) -> dict[tuple[str, ...], str]:
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise _unreadable(f"cannot be read ({error.strerror})") from None
    try:
        rows = list(csv.DictReader(io.StringIO(content.decode("utf-8"), newline="")))
        found = {
            (row["kind"], *(_bare(row[name]) for name in FIELDS[row["kind"]])): row["id"] for row in rows
        }
    except (UnicodeDecodeError, KeyError, TypeError, csv.Error, AttributeError):
        raise _unreadable("is damaged") from None
    if len(set(found.values())) != len(rows) or not all(found.values()):
        raise _unreadable("is damaged: an id stands twice or is empty")
    return found


def _unreadable(what: str) -> StudyError:
    hint = "restore it from a copy; without it, earlier results cannot be linked to their specimens"
    return StudyError("ids_unreadable", f"the private map {what}", where="results/private_ids.csv", hint=hint)


def _text(known: dict[tuple[str, ...], str]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for (kind, *names), drawn in sorted(known.items(), key=lambda item: item[1]):
        named = dict(zip(FIELDS[kind], (_safe(name) for name in names), strict=True))
        writer.writerow([kind, drawn, *(named.get(column, "") for column in COLUMNS[2:])])
    return with_line_feeds(stream.getvalue())


def _safe(cell: str) -> str:
    """Keep a spreadsheet from running a cell."""
    return "'" + cell if cell.startswith("'") or disarm(cell) != cell else cell


def _bare(cell: str) -> str:
    return cell.removeprefix("'")
