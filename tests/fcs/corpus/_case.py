"""A case: the bytes of a file and the truth about it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from ._layout import At, Pieces, Plan, bytes_of, edges_of, pieces_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from ._columns import Column

Kind = Literal["legal", "harmless", "warn", "error"]
Groups = tuple[frozenset[str], ...]
VERSIONS = ("2.0", "3.0", "3.1", "3.2")
NEW = VERSIONS[1:]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Truth:
    """What one data set must show.

    Attributes
    ----------
    stored, kept, linear : array of shape (n_events, n_channels)
        Numbers after the mask, before the mask (``bits="keep"``), and on the linear scale.
    keywords : mapping or None
        All of TEXT; a value of None is not judged; None: not judged at all.
    spillover : (names, matrix) or None
    legacy : mapping
        Entries of the older compensation that are written, by (row, column).
    time_seconds : array or None
    free_labels : bool
        An empty ``$PnS`` may show as None or as empty text.
    """

    stored: NDArray[np.float64]
    kept: NDArray[np.float64]
    linear: NDArray[np.float64]
    detectors: tuple[str, ...]
    labels: tuple[str | None, ...]
    keywords: Mapping[str, str | None] | None = None
    spillover: tuple[tuple[str, ...], NDArray[np.float64]] | None = None
    legacy: Mapping[tuple[int, int], float] = field(default_factory=dict)
    analysis: Mapping[str, str] = field(default_factory=dict)
    time_seconds: NDArray[np.float64] | None = None
    free_labels: bool = False

    def first(self, count: int) -> Truth:
        """Truth of the first ``count`` events."""
        time = None if self.time_seconds is None else self.time_seconds[:count]
        stored, kept, linear = self.stored[:count], self.kept[:count], self.linear[:count]
        return replace(self, stored=stored, kept=kept, linear=linear, time_seconds=time)

    def picked(self, columns: tuple[int, ...]) -> Truth:
        """Truth of chosen channels, in the order asked for."""
        index = list(columns)
        return replace(
            self,
            stored=self.stored[:, index],
            kept=self.kept[:, index],
            linear=self.linear[:, index],
            detectors=tuple(self.detectors[i] for i in index),
            labels=tuple(self.labels[i] for i in index),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """A file of the corpus.

    Attributes
    ----------
    codes : tuple of sets
        Warnings (or, for an error, the one set of codes) that must come: one of each set, and no other.
    infos : frozenset
        Findings of level info that must be there.
    channels : tuple or None
        To be asked for.
    truths : tuple of Truth
        One a data set; `read_fcs` shows the first.
    force : Truth or None
        What ``mode="force"`` must give where it lifts the error.
    special : str
        ``directory``, ``absent`` or ``fifo``: no file is written.
    says : str
        A word that the error must contain.
    """

    name: str
    kind: Kind
    pieces: Pieces = ()
    size: int = 0
    codes: Groups = ()
    infos: frozenset[str] = frozenset()
    channels: tuple[str | int, ...] | None = None
    truths: tuple[Truth, ...] = ()
    force: Truth | None = None
    special: str = ""
    says: str = ""

    def content(self) -> bytes:
        """Bytes of the file."""
        block = bytearray(self.size)
        for offset, part in self.pieces:
            block[offset : offset + len(part)] = part
        return bytes(block[: self.size])

    def write(self, folder: Path) -> Path:
        """Write the file (with holes where it has any) and give its path."""
        path = folder / f"{self.name}.fcs"
        if self.special == "directory":
            path.mkdir()
        elif self.special == "fifo":
            import os

            os.mkfifo(path)
        elif not self.special:
            with path.open("wb") as stream:
                for offset, part in self.pieces:
                    stream.seek(offset)
                    stream.write(part)
                stream.truncate(self.size)
        return path


def groups(*codes: str | frozenset[str]) -> Groups:
    """Make sets of codes; ``a|b`` means either."""
    return tuple(frozenset(code.split("|")) if isinstance(code, str) else code for code in codes)


def _table(columns: tuple[Column, ...], of: Callable[[Column], NDArray[np.float64]]) -> NDArray[np.float64]:
    """Join one array a column."""
    if not columns:
        return np.empty((0, 0))
    return np.column_stack([of(column) for column in columns]).reshape(-1, len(columns))


def _texts(plan: Plan) -> dict[str, str | None]:
    """TEXT as it must be shown: the first of two, upper-case; bytes and empty values are not judged."""
    edges = edges_of(plan)
    shown: dict[str, str | None] = {}
    pairs = plan.keywords + (plan.stext if isinstance(plan.stext, tuple) else ())
    for key, value in pairs:
        if isinstance(key, bytes):
            continue
        text = None if isinstance(value, bytes) else value.text(edges) if isinstance(value, At) else value
        shown.setdefault(key.strip().upper(), text or None)
    return shown


def truth_of(plan: Plan, *, timestep: float | None = None, **facts: object) -> Truth:
    """Truth of a plan whose columns say what is meant; ``facts`` set further fields."""
    columns = plan.columns
    clock = [c for c in columns if c.name.lower() == "time"]
    kept = _table(columns, lambda c: c.raw.astype(np.float64))
    truth = Truth(
        stored=_table(columns, lambda c: c.stored),
        kept=kept,
        linear=_table(columns, lambda c: c.linear),
        detectors=tuple(c.name for c in columns),
        labels=tuple(c.label for c in columns),
        keywords=_texts(plan),
        time_seconds=clock[0].linear * timestep if clock and timestep is not None else None,
    )
    return replace(truth, **facts)


def case_of(kind: Kind, plans: Plan | tuple[Plan, ...], *codes: str, **facts: object) -> Case:
    """Make a case without a name; ``truth`` or ``truths`` among the facts replace the plan's own."""
    sets = plans if isinstance(plans, tuple) else (plans,)
    if len(sets) == 1:
        pieces, size = pieces_of(sets[0])
    else:
        whole = bytes_of(*sets)
        pieces, size = ((0, whole),), len(whole)
    truth = facts.pop("truth", None)
    truths = (truth,) if truth is not None else facts.pop("truths", None)
    if truths is None:
        truths = () if kind == "error" else tuple(truth_of(plan) for plan in sets)
    named = {"name": "", "kind": kind, "pieces": pieces, "size": size, "codes": groups(*codes)}
    return Case(**{**named, "truths": truths, **facts})  # type: ignore[arg-type]


def raw_case(kind: Kind, content: bytes, *codes: str, **facts: object) -> Case:
    """Make a case of given bytes."""
    named = {"name": "", "kind": kind, "pieces": ((0, content),), "size": len(content)}
    return Case(**{**named, "codes": groups(*codes), **facts})  # type: ignore[arg-type]
