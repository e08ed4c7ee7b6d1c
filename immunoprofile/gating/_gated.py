"""Who is where: one gated sample, its populations and their numbers, each with its doubt."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from immunoprofile.core import UnknownNameError, card_html, card_text, look_up
from immunoprofile.gating._notes import gated_notes
from immunoprofile.gating._numbers import gated_medians, gated_rows, path_flags
from immunoprofile.gating._rules import rule_masks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from immunoprofile.fcs import Sample
    from immunoprofile.gating._cuts import FittedCut
    from immunoprofile.gating._drawn import DrawnGate
    from immunoprofile.gating._engine import Membership
    from immunoprofile.gating._rules import RuleMasks
    from immunoprofile.gating._shapes import Population
    from immunoprofile.gating._strategy import GatingStrategy
    from immunoprofile.gating._tree import Tree
    from immunoprofile.gating._view import SampleView
    from immunoprofile.gating._wide import WideCut
    from immunoprofile.panel import Resolution
    from immunoprofile.transform import Compensation


_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
"""As the standard writes them, whatever the language of the machine."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GatedSample:
    """A sample with its populations.

    Attributes
    ----------
    view : SampleView
        The sample seen through its panel.
    strategy : GatingStrategy
    batch : str
        Batch whose cuts were used.
    cuts : mapping of str to tuple of FittedCut
        Cuts in force, by gate.
    wide : mapping of str to WideCut
        For gates of wider scope: the pooled histogram and the doubt of the cut.
    tree_ : Tree
        Shapes, open and missing populations.
    membership : Membership
        Events of each drawn population, packed.
    """

    view: SampleView
    strategy: GatingStrategy
    batch: str
    cuts: Mapping[str, tuple[FittedCut, ...]]
    wide: Mapping[str, WideCut]
    tree_: Tree
    membership: Membership
    _cache: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def sample(self) -> Sample:
        """The sample."""
        return self.view.sample

    @property
    def resolution(self) -> Resolution:
        """Which detector is which marker."""
        return self.view.resolution

    @property
    def compensation(self) -> Compensation | None:
        """The compensation used, or None."""
        return self.view.compensation

    @property
    def strategy_id(self) -> str:
        """Id of the strategy."""
        return self.strategy.id

    @property
    def populations(self) -> tuple[str, ...]:
        """Populations in tree order, missing ones included."""
        return self.strategy.populations

    @property
    def tree(self) -> tuple[Population, ...]:
        """Populations that a shape divides, parents first; open gates are left out."""
        return self.tree_.populations

    @property
    def missing(self) -> Mapping[str, tuple[str, ...]]:
        """Populations that cannot be given, and why."""
        return self.tree_.missing

    @property
    def flags(self) -> tuple[str, ...]:
        """All codes that this sample's gates carry, sorted."""
        return tuple(sorted({flag for cuts in self.cuts.values() for cut in cuts for flag in cut.flags}))

    def mask(self, population: str, *, rule: str = "held") -> NDArray[np.bool_]:
        """Tell which events are in a population.

        Parameters
        ----------
        population : str
            ``root`` is every event.
        rule : str
            ``held``, or another rule that the population has rows of.

        Returns
        -------
        ndarray of bool, shape (n_events,)

        Raises
        ------
        UnknownNameError
            ``unknown_name``; ``MISSING_MARKER``, ``EMPTY_PARENT`` for a population that is missing here.
        """
        self._check(population)
        if rule == "held":
            return self.membership.mask(self.tree_.drawn(population))
        found = self.rule(rule).masks.get(population)
        if found is None:
            raise UnknownNameError("unknown_name", f"population {population!r} has no rule {rule!r} here")
        return found

    def _check(self, population: str) -> None:
        """Refuse a population that is unknown, or missing in this sample."""
        if population in self.missing:
            flags = self.missing[population] or ("EMPTY_PARENT",)
            problem = f"population {population!r} is missing: {';'.join(flags)}"
            raise UnknownNameError(flags[0], problem, where=self.sample.name)
        look_up(population, ("root", *self.populations), what="population")

    def count(self, population: str) -> int:
        """Count the events of a population (rule held); raises what :meth:`mask` raises."""
        self._check(population)
        drawn = self.tree_.drawn(population)
        return self.sample.n_events if drawn == "root" else int(self.membership.counts[drawn])

    def rule(self, rule: str) -> RuleMasks:
        """Give the masks of another rule than held."""
        key = f"rule {rule}"
        if key not in self._cache:
            self._cache[key] = rule_masks(self, rule)
        found: RuleMasks = self._cache[key]
        return found

    def table(self, medians: Sequence[str] | None = None) -> pd.DataFrame:
        """Give the numbers: a row a population, denominator and rule.

        Parameters
        ----------
        medians : sequence of str, optional
            Markers whose median (compensated, linear) is added as ``median_<marker>``.

        Returns
        -------
        DataFrame
            population, rule, denominator, count, denominator_count, percent (0-100), lower, upper (Wilson
            95 %), cut_se (percent points), flags, and the medians asked for.
        """
        if "table" not in self._cache:
            self._cache["table"] = gated_rows(self)
        table: pd.DataFrame = self._cache["table"].copy()
        for marker in medians or ():
            held = self.medians([marker]).set_index(["population", "rule"])["value"]
            keys = zip(table["population"], table["rule"], strict=True)
            table[f"median_{marker}"] = [float(held.get(key, float("nan"))) for key in keys]
        return table

    def medians(self, markers: Sequence[str]) -> pd.DataFrame:
        """Give median intensities with their order-statistic intervals.

        Returns
        -------
        DataFrame
            population, rule, marker, count, value, lower, upper (compensated linear units); missing below
            20 cells.
        """
        return gated_medians(self, markers)

    def notes(self) -> pd.DataFrame:
        """Give every flag as a sentence: population, level, code, message (what was seen and done)."""
        return gated_notes(self)

    def path_flags(self, population: str, denominator: str = "root") -> tuple[str, ...]:
        """Give the codes of the gates between a denominator and a population."""
        return path_flags(self, population, denominator)

    def drawn_gates(self) -> tuple[DrawnGate, ...]:
        """Give every gate as it is drawn: parent events, cuts, doubt, counts."""
        from immunoprofile.gating._drawn import drawn_gates

        return drawn_gates(self)

    def export(self, path: str | Path, population: str, *, overwrite: bool = False) -> Path:
        """Write the events of a population as FCS 3.1; labels, spillover and keywords are kept.

        Parameters
        ----------
        path : path
            New file.
        population : str
            An empty one gives a file of 0 events.
        overwrite : bool
            Replace a file that is there.

        Returns
        -------
        Path

        Raises
        ------
        UnknownNameError
            ``unknown_name``: no such population.
        FcsError
            ``write-exists``, ``write-names``, ``io``.

        Notes
        -----
        Added are ``IMMUNOPROFILE POPULATION``, ``IMMUNOPROFILE STRATEGY``, ``IMMUNOPROFILE STRATEGY HASH``,
        ``$LAST_MODIFIED`` and ``$ORIGINALITY DataModified``.
        """
        from immunoprofile.fcs import write_fcs

        now = datetime.now()  # the standard knows no time zone
        return write_fcs(
            path,
            self.sample,
            where=self.mask(population),
            keywords={
                "IMMUNOPROFILE POPULATION": population,
                "IMMUNOPROFILE STRATEGY": self.strategy.id,
                "IMMUNOPROFILE STRATEGY HASH": self.strategy.content_hash,
                "$LAST_MODIFIED": f"{now.day:02d}-{_MONTHS[now.month - 1]}-{now:%Y %H:%M:%S}",
                "$ORIGINALITY": "DataModified",
            },
            overwrite=overwrite,
        )

    def __repr__(self) -> str:
        return card_text(f"GatedSample {self.sample.name}", self._facts(), following="gated.table()")

    def _repr_html_(self) -> str:
        details = self._cache["table"].to_html(index=False) if "table" in self._cache else ""
        return card_html(
            f"GatedSample {self.sample.name}", self._facts(), following="gated.table()", details=details
        )

    def _facts(self) -> list[tuple[str, object]]:
        return [
            ("strategy", self.strategy.id),
            ("events", self.sample.n_events),
            ("populations", f"{len(self.populations) - len(self.missing)} of {len(self.populations)}"),
            ("flags", ", ".join(self.flags) or "none"),
        ]
