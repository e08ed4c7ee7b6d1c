"""The dictionary of populations: names, Cell Ontology ids, denominators, limits, what a drug may move."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class PopulationEntry:
    """A population of the dictionary.

    Attributes
    ----------
    id, name, parent, definition : str
    cl_id : str
        Cell Ontology id, or empty.
    denominator : str
        Population that its percentage is usually given of.
    plausible : tuple of float or None
        Percent limits outside which a value is flagged ``IMPLAUSIBLE``.
    responsive : bool
        Whether a treatment may move its defining markers.
    grade : str
        Robustness expected between centers, A to D.
    """

    id: str
    name: str
    parent: str
    definition: str
    cl_id: str
    denominator: str
    plausible: tuple[float, float] | None
    responsive: bool
    grade: str


def population_table() -> pd.DataFrame:
    """Give the dictionary of populations as a table, one row a population (all columns as text)."""
    import pandas as pd

    return pd.DataFrame(_rows(), dtype="string")


@cache
def population_entries() -> Mapping[str, PopulationEntry]:
    """Give the dictionary of populations by id."""
    return {row["id"]: _entry(row) for row in _rows()}


def _rows() -> list[dict[str, str]]:
    text = (
        resources.files("immunoprofile.gating").joinpath("data/populations.csv").read_text(encoding="utf-8")
    )
    return list(csv.DictReader(text.splitlines()))


def _entry(row: dict[str, str]) -> PopulationEntry:
    limits = (float(row["plausible_low"]), float(row["plausible_high"])) if row["plausible_high"] else None
    return PopulationEntry(
        id=row["id"],
        name=row["name"],
        parent=row["parent"],
        definition=row["definition"],
        cl_id=row["cl_id"],
        denominator=row["denominator"],
        plausible=limits,
        responsive=row["responsive"] == "yes",
        grade=row["grade"],
    )
