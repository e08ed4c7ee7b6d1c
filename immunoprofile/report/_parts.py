"""The parts of a section: cards, figures, tables; plain values that the template lays out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from immunoprofile.core import clean
from immunoprofile.report._words import cell_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

NUMERIC_TEXT = frozenset({"p", "q", "n"})
"""Columns of numbers that were turned to text."""
SHORT = frozenset({"sample", "specimen", "visit", "rule", "scale", "scope", "code", "level", "population"})
"""Columns of short words, which don't break."""
MOST_ROWS = 2000
"""Rows of an HTML table; the rest is in the CSV beside the report."""
SECTION_FIGURES = {
    "study": 10,
    "gating": 20,
    "course": 40,
    "effects": 60,
    "response": 80,
}
"""First number of each section's figures: the same figure has the same number in every report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link inside the report."""

    to: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A card of the findings; kind ``lead``, ``look`` or empty."""

    title: str
    number: str = ""
    lines: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of a table, with the level of a flag where it is one."""

    cells: tuple[str, ...]
    level: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table as text."""

    id: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    numeric: frozenset[str] = frozenset()
    short: frozenset[str] = SHORT
    filter: bool = False
    levels: tuple[str, ...] = ()
    more: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plate:
    """A figure: inline SVG, caption, and the numbers behind it."""

    id: str
    number: int
    svg: str
    caption: str
    label: str
    csv: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A section of the report; one without content is not made."""

    id: str
    title: str
    texts: tuple[str, ...] = ()
    cards: tuple[Card, ...] = ()
    figures: tuple[Plate, ...] = ()
    tables: tuple[Table, ...] = ()
    copy: tuple[str, ...] = field(default_factory=tuple)


def table_of(
    frame: pd.DataFrame,
    *,
    name: str,
    caption: str,
    more: str = "",
    with_filter: bool = False,
) -> Table:
    """Turn a DataFrame into a table of the report; all text escaped by the template."""
    shown = frame.head(MOST_ROWS)
    levels = list(shown["level"]) if "level" in shown.columns else [""] * len(shown)
    rows = tuple(
        Row(cells=tuple(clean(cell_text(cell)) for cell in record), level=str(level) if with_filter else "")
        for record, level in zip(shown.itertuples(index=False, name=None), levels, strict=True)
    )
    kept = f"{len(frame) - len(shown):,} more rows are in {more}" if len(frame) > len(shown) else ""
    return Table(
        id=name,
        caption=caption,
        columns=tuple(str(column) for column in frame.columns),
        rows=rows,
        numeric=frozenset(
            str(c) for c in frame.columns if frame[c].dtype.kind in "fiuI" or str(c) in NUMERIC_TEXT
        ),
        filter=with_filter,
        levels=tuple(level for level in ("error", "warning", "info") if level in levels),
        more=kept or more,
    )


def records_of(frame: pd.DataFrame) -> list[Any]:
    """Give the rows of a frame, each with its cells as attributes."""
    return list(frame.itertuples(index=False))


def plate_of(figure: Any, *, section: str, position: int, caption: str, label: str, stamp: str = "") -> Plate:
    """Turn a matplotlib figure into a plate and close it."""
    import matplotlib.pyplot as plt

    from immunoprofile import plot

    number = SECTION_FIGURES[section] + position
    if stamp:
        plot.stamp(figure, stamp)
    svg = plot.svg_of(figure, prefix=f"fig{number}", label=label)
    text = _data_of(figure.axes)
    plt.close(figure)
    return Plate(id=f"fig-{number}", number=number, svg=svg, caption=caption, label=label, csv=text)


def _data_of(axes: Sequence[Any]) -> str:
    """Give the table behind a picture as CSV, where its function kept one that is not large."""
    from immunoprofile import plot
    from immunoprofile.core import ImmunoprofileError

    for ax in axes:
        try:
            frame = plot.data(ax)
        except ImmunoprofileError:
            continue
        if len(frame) <= 500:
            return _csv_of(frame)
    return ""


def _csv_of(frame: pd.DataFrame) -> str:
    """Write a table as CSV whose text a spreadsheet does not run and a terminal does not obey."""
    from immunoprofile.core.tables import FORMULA_STARTS

    def safe(cell: object) -> object:
        if not isinstance(cell, str):
            return cell
        shown = clean(cell)
        return "'" + shown if shown.lstrip("'").startswith(FORMULA_STARTS) else shown

    texts = frame.copy()
    for name in texts.columns:
        if texts[name].dtype.kind not in "biufcmM":
            texts[name] = texts[name].astype("object").map(safe, na_action="ignore")
    texts.columns = [safe(str(name)) for name in texts.columns]
    return texts.to_csv(index=False, lineterminator="\n")
