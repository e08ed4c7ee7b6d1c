"""Columns of a made file: what is stored, and what it means by the standard.

A column holds its raw words and the true meaning of its keywords as numbers; the words of the keywords are
written apart, so that a broken keyword cannot change the truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Kind = Literal["I", "F", "D"]
FLOAT_BITS = {"F": 32, "D": 64}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Column:
    """One parameter of a made file.

    Attributes
    ----------
    name, label : str or None
        ``$PnN`` and ``$PnS`` as the reader must show them.
    kind : str
        ``I``, ``F`` or ``D``.
    bits : int
        Width of the stored field, a multiple of 8.
    raw : array of shape (n_events,)
        Stored numbers: unsigned 64-bit integers for ``I``, doubles else.
    range_value : int
        True ``$PnR``; the mask of an integer follows from it.
    decades, offset : float
        True ``$PnE``: 0 and 0 is linear.
    gain : float
        True ``$PnG``; 1 is none.
    """

    name: str
    kind: Kind
    bits: int
    raw: NDArray[np.generic]
    label: str | None = None
    range_value: int = 262144
    decades: float = 0.0
    offset: float = 0.0
    gain: float = 1.0

    @property
    def stored(self) -> NDArray[np.float64]:
        """Numbers of the file after the mask."""
        if self.kind != "I":
            return self.raw.astype(np.float64)
        keep = min((self.range_value - 1).bit_length(), self.bits)
        return (self.raw & np.uint64(2**keep - 1)).astype(np.float64)

    @property
    def linear(self) -> NDArray[np.float64]:
        """Numbers on the linear scale."""
        if self.kind == "I" and self.decades > 0:
            return 10 ** (self.decades * self.stored / self.range_value) * (self.offset or 1.0)
        if (self.name or "").lower() == "time" or self.gain <= 0:
            return self.stored
        return self.stored / self.gain

    def words(self) -> NDArray[np.uint64]:
        """Give the stored numbers as whole words, bit by bit."""
        if self.kind == "I":
            return self.raw.astype(np.uint64)
        if self.kind == "F":
            return self.raw.astype(np.float32).view(np.uint32).astype(np.uint64)
        return self.raw.astype(np.float64).view(np.uint64)


def significance(order: str, size: int) -> NDArray[np.uint64]:
    """Rank (0 = least) of each stored byte of a word of ``size`` bytes under ``$BYTEORD``."""
    ranks = [int(part) for part in order.split(",")]
    if ranks == sorted(ranks):
        return np.arange(size, dtype=np.uint64)
    if ranks == sorted(ranks, reverse=True):
        return np.arange(size, dtype=np.uint64)[::-1]
    assert len(ranks) == size, "a mixed order fits only words of its own length"
    return np.array(ranks, dtype=np.uint64) - np.uint64(1)


def encode(columns: tuple[Column, ...], order: str) -> bytes:
    """Write the DATA segment, event by event."""
    fields = []
    for column in columns:
        ranks = significance(order, column.bits // 8)
        shifted = column.words()[:, None] >> (np.uint64(8) * ranks)
        fields.append((shifted & np.uint64(255)).astype(np.uint8))
    return np.concatenate(fields, axis=1).tobytes()


NAMES = (
    "FSC-A",
    "FSC-H",
    "SSC-A",
    "FL1-A",
    "FL2-H",
    "APC-Cy7-A",
    "Pacific Blue-A",
    "BV421-A",
    "PE-A",
    "R670-H",
)
LABELS = ("CD3", "CD4 FITC", "CD8a", "CD25 (IL-2Ra)", "CD127", "FoxP3", "HLA-DR", "CD45RA", "Viability")


def draw_raw(rng: np.random.Generator, kind: Kind, shape: tuple[int, int]) -> NDArray[np.generic]:
    """Draw numbers of one width for ``shape`` = (n_events, bits)."""
    events, bits = shape
    if kind == "I":
        words = rng.integers(0, 2**63, events, dtype=np.uint64) * np.uint64(2)
        words += rng.integers(0, 2, events, dtype=np.uint64)
        return words >> np.uint64(64 - bits)
    spread = 10.0 ** rng.integers(1, 6)
    drawn = rng.normal(0.2 * spread, spread, events)
    return drawn.astype(np.float32).astype(np.float64) if kind == "F" else drawn


def draw_columns(
    rng: np.random.Generator,
    kind: Kind = "F",
    bits: int | None = None,
    *,
    n_columns: int | None = None,
    n_events: int | None = None,
) -> tuple[Column, ...]:
    """Draw sound columns: names that differ, labels on some, ranges that mask nothing."""
    width = bits or FLOAT_BITS.get(kind, 16)
    count = n_columns if n_columns is not None else int(rng.integers(2, 8))
    events = n_events if n_events is not None else int(rng.integers(20, 61))
    names = rng.permutation(NAMES)
    columns = []
    for number in range(count):
        name = str(names[number]) if number < len(names) else f"Par {number + 1}-A"
        label = str(rng.choice(LABELS)) if rng.random() < 0.6 else None
        columns.append(
            Column(
                name=name,
                label=label,
                kind=kind,
                bits=width,
                raw=draw_raw(rng, kind, (events, width)),
                range_value=2**width if kind == "I" else 262144,
            )
        )
    return tuple(columns)


def solid_columns(rng: np.random.Generator, *, n_columns: int = 3, n_events: int = 30) -> tuple[Column, ...]:
    """16-bit columns no byte of which could be taken for padding."""
    columns = []
    for column in draw_columns(rng, "I", 16, n_columns=n_columns, n_events=n_events):
        low, high = (rng.integers(0x41, 0x5B, n_events, dtype=np.uint64) for _ in range(2))
        columns.append(replace_raw(column, high * np.uint64(256) + low))
    return tuple(columns)


def replace_raw(column: Column, raw: NDArray[np.generic]) -> Column:
    """Give the column other numbers."""
    from dataclasses import replace

    return replace(column, raw=raw)
