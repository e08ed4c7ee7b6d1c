"""Are results still what the run wrote, and its inputs what it read? Every hash of provenance.json anew."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from immunoprofile.core import StudyError, card_html, card_text, clean, sha256_of
from immunoprofile.pipeline._cache import regular_content
from immunoprofile.pipeline._provenance import NAME, is_output

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

COLUMNS = ("kind", "name", "status", "sha256", "found_sha256")
FAULTS = ("differs", "missing", "extra", "unreadable")
"""What makes results other than the run wrote them; an input that is elsewhere now (``absent``) is none."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Verification:
    """What verifying results found.

    Attributes
    ----------
    folder : Path
        The results folder.
    table : DataFrame
        kind (output, input, sample), name, status (same, differs, missing, extra, unreadable, absent),
        sha256 as the run wrote it, found_sha256 as it is now. Samples go by their random ids.
    """

    folder: Path
    table: pd.DataFrame

    @property
    def differing(self) -> pd.DataFrame:
        """The rows that are not as the run left them."""
        return self.table[self.table["status"].isin(FAULTS)].reset_index(drop=True)

    @property
    def exit_code(self) -> int:
        """0 where all is as the run left it, else 1."""
        return int(len(self.differing) > 0)

    def to_text(self) -> str:
        """Say what was verified, and list what differs."""
        rows = self.differing
        lines = [f"{clean(row.name)}: {row.kind} {row.status}" for row in rows.itertuples(index=False)]
        counted = self.table["status"].value_counts()
        same, absent = int(counted.get("same", 0)), int(counted.get("absent", 0))
        told = f"{same} files as the run left them" + (f", {absent} inputs not there" if absent else "")
        return "\n".join([*lines, told + (f", {len(rows)} not" if len(rows) else "")])

    def to_json(self) -> str:
        """Give the same as JSON."""
        texts = self.table.astype("object").where(self.table.notna(), None)
        content = {"exit_code": self.exit_code, "files": texts.to_dict(orient="records")}
        return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=True)

    def __repr__(self) -> str:
        return card_text("Verification", self._facts())

    def _repr_html_(self) -> str:
        return card_html("Verification", self._facts())

    def _facts(self) -> list[tuple[str, object]]:
        return [("files", len(self.table)), ("differing", len(self.differing))]


def verify_results(path: str | Path) -> Verification:
    """Compare results, and the inputs that are at hand, with the hashes that the run wrote.

    Parameters
    ----------
    path : path
        A results folder, or the study's folder, or its study.toml.

    Returns
    -------
    Verification

    Raises
    ------
    StudyError
        ``verify_unfinished`` where there is no provenance.json, ``verify_unreadable``.

    Notes
    -----
    Names in provenance.json are matched against files found by listing the folder; none leads out of it.
    """
    import pandas as pd

    folder = _results_folder(Path(path))
    written = _read(folder / NAME)
    rows = [*_outputs(folder, written["outputs"]), *_inputs(folder.parent, written["inputs"])]
    rows += _samples(folder, written["samples"])
    return Verification(folder=folder, table=pd.DataFrame(rows, columns=list(COLUMNS), dtype="string"))


def _results_folder(path: Path) -> Path:
    start = path if path.is_dir() else path.parent
    inner = start / "results"
    return inner if not (start / NAME).exists() and inner.is_dir() else start


def _read(path: Path) -> dict[str, dict[str, str]]:
    """Read name to SHA-256 of each kind of file."""
    try:
        content = regular_content(path)
    except FileNotFoundError as error:
        hint = "run the same command again"
        problem = "there is no provenance.json: the run is unfinished"
        raise StudyError("verify_unfinished", problem, where=str(path.parent), hint=hint) from error
    except OSError as error:
        raise _unreadable(path, error.strerror or type(error).__name__) from error
    try:
        found = json.loads(content.decode("utf-8"))
        return {kind: _hashes(found[kind]) for kind in ("outputs", "inputs", "samples")}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _unreadable(path, "not what a run wrote") from error


def _hashes(files: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {str(name): str(held["sha256"]) for name, held in files.items()}


def _unreadable(path: Path, why: str) -> StudyError:
    hint = "run the same command again"
    return StudyError("verify_unreadable", f"provenance.json: {why}", where=str(path.parent), hint=hint)


def _outputs(folder: Path, expected: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    there = {path.name: path for path in folder.iterdir()}
    for name, sha256 in sorted(expected.items()):
        yield _compared("output", name, there.get(name), sha256=sha256, lacking="missing")
    for name, path in sorted(there.items()):
        if name not in expected and is_output(path):
            yield ("output", name, "extra", "", "")


def _inputs(root: Path, expected: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    for name, sha256 in sorted(expected.items()):
        yield _compared("input", name, _inside(root, name), sha256=sha256, lacking="absent")


def _samples(folder: Path, expected: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    """Compare the FCS files, where the private map says which they are."""
    from immunoprofile.trial import sample_files

    files = sample_files(folder)
    for sample, sha256 in sorted(expected.items()):
        path = _inside(folder.parent, files[sample]) if sample in files else None
        yield _compared("sample", sample, path, sha256=sha256, lacking="absent")


def _inside(root: Path, name: str) -> Path | None:
    """Give the file of a name below a folder; None for one that is not there or leads out of it."""
    try:
        path = (root / name).resolve()
        return path if path.is_relative_to(root.resolve()) and path.is_file() else None
    except (OSError, ValueError, RuntimeError):
        return None


def _compared(kind: str, name: str, path: Path | None, *, sha256: str, lacking: str) -> tuple[str, ...]:
    if path is None:
        return (kind, name, lacking, sha256, "")
    if path.is_symlink() or not path.is_file():  # never open a pipe or a device
        return (kind, name, "differs", sha256, "")
    try:
        found = sha256_of(path)
    except OSError:
        return (kind, name, "unreadable", sha256, "")
    return (kind, name, "same" if found == sha256 else "differs", sha256, found)
