"""A gating strategy: which gate follows which, on which markers, placed by which method, over which scope.

A strategy is data, immutable by its id. What it says is checked when it is loaded.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping  # noqa: TC003 - the types of the file are read from the annotations
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from immunoprofile.core import card_html, card_text, look_up
from immunoprofile.panel import marker_role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from immunoprofile.fcs import Sample
    from immunoprofile.gating._fitted import FittedStrategy
    from immunoprofile.gating._units import PlacementSource
    from immunoprofile.panel import Panel

Scope = Literal["sample", "specimen", "subject", "batch", "panel_version", "study"]
SCOPES: tuple[Scope, ...] = ("sample", "specimen", "subject", "batch", "panel_version", "study")
NARROW: tuple[Scope, ...] = ("sample", "specimen", "subject")
Units = Literal["untreated", "all", "reference", "fmo", "unstimulated", "bridge"]
Rule = Literal["held", "anchored", "per_sample"]
RULES: tuple[Rule, ...] = ("held", "anchored", "per_sample")
Side = Literal["above", "below", "in", "out", "q++", "q+-", "q-+", "q--"]
TREATED_UNITS: tuple[Units, ...] = ("all", "reference")
"""Choices of `units` that let treated full-stain units into a placement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatePopulation:
    """A population that a gate makes.

    Attributes
    ----------
    id : str
    side : str
        ``above``, ``below``, ``in``, ``out`` or a quadrant (``q+-``: first axis positive, second negative).
    """

    id: str
    side: Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One gate of a strategy, before any cut is known.

    Attributes
    ----------
    id, parent : str
        The gate and the population that it divides.
    dims : tuple of str
        Markers, ``Viability``, ``Time``, scatter names, or a ratio (``FSC-A/FSC-H``).
    method : str
        Placement method.
    scope : str
        Over what one cut is learnt: sample, specimen, subject, batch, panel_version, study.
    populations : tuple of GatePopulation
    units : str
        Which units a cut may be learnt from.
    widen : tuple of str
        Wider scopes to use where this one holds too little.
    fallback : tuple of str
        Methods to use, in order, where the method finds nothing.
    rules : tuple of str
        Rules of which the table has rows.
    anchor : mapping of str to str
        Marker to reference population, for the rule anchored.
    place_on : str or None
        Population on which the cut is learnt, if another than the parent.
    scale : str or None
        ``log``: decades of the linear value, for scatter.
    params : mapping
        Parameters of the method.
    window : tuple of float or None
        Where the cut may lie, in robust units of the parent.
    plausible_percent : tuple of float or None
        Percent of parent outside which a value is flagged.
    """

    id: str
    parent: str
    dims: tuple[str, ...]
    method: str
    scope: Scope
    populations: tuple[GatePopulation, ...]
    units: Units = "all"
    widen: tuple[Scope, ...] = ()
    fallback: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ("held",)
    anchor: Mapping[str, str] = field(default_factory=dict)
    place_on: str | None = None
    scale: Literal["log"] | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    window: tuple[float, float] | None = None
    plausible_percent: tuple[float, float] | None = None

    @property
    def markers(self) -> tuple[str, ...]:
        """Single names in the dimensions, ratios taken apart."""
        return tuple(part for dim in self.dims for part in dim.split("/"))

    @property
    def is_hygiene(self) -> bool:
        """Whether the gate cleans, so that it opens where its channel is missing."""
        return self.method in ("time", "boundary", "ratio_band") or all(
            marker_role(marker) == "hygiene" for marker in self.markers
        )

    @property
    def is_lineage(self) -> bool:
        """Whether the gate divides cells by lineage markers alone."""
        return bool(self.dims) and all(marker_role(marker) == "lineage" for marker in self.markers)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatingStrategy:
    """A definition of populations: gates, order, methods, scopes; immutable by its id.

    Attributes
    ----------
    id, title, species : str
    requires, optional : tuple of str
        Markers that it must find, and those that it uses where they are.
    citations : tuple of str
    gates : tuple of Gate
        In the order in which they are applied, those of included strategies first.
    panel : Panel
        The strategy's own panel: markers and roles, no detectors.
    content_hash : str
        SHA-256 over its files and those that it includes.
    """

    id: str
    title: str
    species: str
    requires: tuple[str, ...]
    optional: tuple[str, ...]
    citations: tuple[str, ...]
    gates: tuple[Gate, ...]
    panel: Panel
    content_hash: str
    _maker: Mapping[str, Gate] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        maker = {population.id: gate for gate in self.gates for population in gate.populations}
        object.__setattr__(self, "_maker", maker)

    @property
    def populations(self) -> tuple[str, ...]:
        """Ids of all populations, in tree order."""
        return tuple(self._maker)

    def gate(self, gate_id: str) -> Gate:
        """Give a gate by its id."""
        look_up(gate_id, [gate.id for gate in self.gates], what="gate")
        return next(gate for gate in self.gates if gate.id == gate_id)

    def gate_of(self, population: str) -> Gate:
        """Give the gate that makes a population."""
        if population not in self._maker:
            look_up(population, self.populations, what="population")
        return self._maker[population]

    def ancestors(self, population: str) -> tuple[str, ...]:
        """Give the parents of a population, nearest first, ``root`` last."""
        found = []
        while population != "root":
            population = self.gate_of(population).parent
            found.append(population)
        return tuple(found)

    def place(
        self, samples_or_study: Sequence[Sample] | PlacementSource, panel: Panel | None = None
    ) -> FittedStrategy:
        """Learn the cuts.

        Parameters
        ----------
        samples_or_study : list of Sample, or Study
            Bare samples are placed together, all taken as untreated (flag ``SCOPE_SMALL``).
        panel : Panel, optional
            In place of the strategy's own.

        Returns
        -------
        FittedStrategy
        """
        from immunoprofile.gating._place import place

        return place(self, samples_or_study, panel=panel)

    def to_dict(self) -> dict[str, Any]:
        """Give the definition as plain values (JSON), without the panel."""
        plain = {
            name: getattr(self, name)
            for name in self.__dataclass_fields__
            if name not in ("gates", "panel", "_maker")
        }
        return plain | {"gates": [dataclasses.asdict(gate) for gate in self.gates]}

    def __repr__(self) -> str:
        return card_text(f"GatingStrategy {self.id}", self._facts(), following="strategy.place(samples)")

    def _repr_html_(self) -> str:
        return card_html(f"GatingStrategy {self.id}", self._facts(), following="strategy.place(samples)")

    def _facts(self) -> list[tuple[str, object]]:
        return [
            ("title", self.title),
            ("requires", ", ".join(self.requires) or "-"),
            ("populations", ", ".join(self.populations)),
            ("gates", len(self.gates)),
        ]


def hash_of(texts: Sequence[str]) -> str:
    """Hash the texts that define a strategy."""
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.replace("\r\n", "\n").encode("utf-8") + b"\0")
    return digest.hexdigest()


def median_markers(strategy: GatingStrategy) -> tuple[str, ...]:
    """Name the markers of which median intensities are worth a row: those that may move, and phenotypes."""
    wanted = ("treatment_responsive", "phenotype", "function")
    return tuple(m for m in (*strategy.requires, *strategy.optional) if strategy.panel.role(m) in wanted)
