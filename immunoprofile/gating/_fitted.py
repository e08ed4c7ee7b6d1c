"""A strategy with its cuts: data that can be looked at, saved, signed and applied again next year."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.core import (
    ImmunoprofileError,
    StrategyError,
    atomic_path,
    card_html,
    card_text,
    clean,
    join_flags,
    look_up,
    tidy,
)
from immunoprofile.gating._cuts import CUT_COLUMNS, FittedCut
from immunoprofile.gating._histograms import Grid, Histogram, pool
from immunoprofile.gating._saving import cut_of, packed, plain_cut, unpacked
from immunoprofile.gating._wide import WideCut

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from immunoprofile.fcs import Sample
    from immunoprofile.gating._gated import GatedSample
    from immunoprofile.gating._strategy import GatingStrategy
    from immunoprofile.panel import Panel, Resolution

FORMAT = 1
"""Format of a saved fitted strategy."""
MOST_BYTES = 1_000_000_000
_FOREIGN = (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError)
"""What a file of another kind may raise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitRecord:
    """Which groups a placed sample belongs to; see :class:`PlacementUnit`."""

    key: str
    subject_key: str
    specimen_key: str
    batch_key: str
    panel_version: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedStrategy:
    """A strategy and its cuts.

    Attributes
    ----------
    strategy : GatingStrategy
    panel : Panel
    units : mapping of str to UnitRecord
        Content id of a placed sample to its groups.
    own : mapping of str to (mapping of str to tuple of FittedCut)
        Key of a sample, then gate: cuts that hold for this sample alone.
    wide : mapping of (str, str) to WideCut
        (gate, group): cuts that hold for a batch, or wider.
    failures : mapping of str to ImmunoprofileError
        Key of a sample that could not be read or resolved, and why.
    placed : mapping of str to Sample
        Content id of each bare sample that was placed, to the sample; not saved.
    """

    strategy: GatingStrategy
    panel: Panel
    units: Mapping[str, UnitRecord]
    own: Mapping[str, Mapping[str, tuple[FittedCut, ...]]]
    wide: Mapping[tuple[str, str], WideCut]
    failures: Mapping[str, ImmunoprofileError] = field(default_factory=dict)
    placed: Mapping[str, Sample] = field(default_factory=dict)

    @property
    def batches(self) -> tuple[str, ...]:
        """Keys of the batches that were placed."""
        return tuple(sorted({record.batch_key for record in self.units.values()}))

    @property
    def cuts(self) -> pd.DataFrame:
        """All cuts: gate, dimension, scope, unit, cut, method, depth, se, flags.

        A region, an interval or stretches of time stand as JSON in ``cut``; an open gate has none.
        """
        import pandas as pd

        held = [cut for key in sorted(self.own) for cuts in self.own[key].values() for cut in cuts]
        held += [cut for key in sorted(self.wide) for cut in self.wide[key].cuts]
        order = {gate.id: number for number, gate in enumerate(self.strategy.gates)}
        held.sort(key=lambda cut: (order[cut.gate], cut.unit))
        rows = [
            {
                "gate": cut.gate,
                "dimension": cut.dimension,
                "scope": cut.scope,
                "unit": cut.unit,
                "cut": cut.text or pd.NA,
                "method": cut.method,
                "depth": cut.depth,
                "se": cut.se,
                "flags": join_flags(cut.flags),
            }
            for cut in held
        ]
        return tidy(pd.DataFrame(rows, columns=[c.name for c in CUT_COLUMNS]), CUT_COLUMNS)

    def apply(
        self,
        sample: Sample,
        batch: str | None = None,
        *,
        site: str | None = None,
        resolution: Resolution | None = None,
    ) -> GatedSample:
        """Gate one sample with these cuts.

        Parameters
        ----------
        sample : Sample
            A placed sample is known by its content. Any other takes the cuts of `batch` (of the only one, if
            there is one), and the batch's median where a cut is per sample.
        batch : str, optional
            Key of a batch.
        site : str, optional
            Site whose overrides of the panel hold.
        resolution : Resolution, optional
            Which detector is which marker, where that is known already.

        Raises
        ------
        StrategyError
            ``BATCH_NEEDED`` for a sample that was not placed, where there are several batches.
        """
        from immunoprofile.gating._apply import apply

        found = self.panel.resolve(sample, site=site) if resolution is None else resolution
        return apply(self, sample, batch=batch, resolution=found)

    def only(self, key: str) -> FittedStrategy:
        """Give a small copy that holds what applying to one placed sample needs."""
        from immunoprofile.gating._place import scope_key

        content_id, record = next((c, r) for c, r in self.units.items() if r.key == key)
        keys = [(g.id, scope_key(g, record)) for g in self.strategy.gates if g.scope != "sample"]
        wide = {k: dataclasses.replace(self.wide[k], pool=None) for k in keys if k in self.wide}
        return dataclasses.replace(
            self, units={content_id: record}, own={key: self.own.get(key, {})}, wide=wide, failures={}
        )

    def batch_for(self, sample: Sample, batch: str | None = None) -> str:
        """Give the batch whose cuts a sample takes."""
        record = self.units.get(sample.content_id)
        if record is not None and batch is None:
            return record.batch_key
        if batch is not None:
            return look_up(batch, self.batches, what="batch")
        if len(self.batches) == 1:
            return self.batches[0]
        problem = "this sample was not placed, and the cuts are of several batches"
        hint = f"name one: batch={self.batches[0]!r}"
        raise StrategyError("BATCH_NEEDED", problem, where=sample.name, hint=hint)

    def save(self, path: str | Path) -> Path:
        """Save as one ``.npz`` file without pickled objects: definition, panel, cuts, pools, replicates."""
        with atomic_path(path) as temporary:
            temporary.write_bytes(self.to_bytes())
        return Path(path)

    def to_bytes(self) -> bytes:
        """Give what :meth:`save` writes."""
        return packed(*_packed(self))

    @classmethod
    def load(cls, path: str | Path) -> FittedStrategy:
        """Load what :meth:`save` wrote.

        Raises
        ------
        StrategyError
            ``FITTED_FORMAT`` for another file, or one of a later version.
        """
        hint = "give a file that FittedStrategy.save wrote"
        try:
            return cls.from_bytes(_bytes_of(Path(path)))
        except (*_FOREIGN, ImmunoprofileError) as error:
            said = getattr(error, "strerror", None) or getattr(error, "problem", None) or str(error)
            said = clean(said)[:200]
            raise StrategyError(
                "FITTED_FORMAT", f"cannot be read: {said}", where=str(path), hint=hint
            ) from error

    @classmethod
    def from_bytes(cls, content: bytes) -> FittedStrategy:
        """Rebuild from :meth:`to_bytes`; raises ValueError, KeyError or TypeError for anything else."""
        head, arrays = unpacked(content)
        if head.get("format") != FORMAT:
            raise ValueError(f"format is {str(head.get('format'))[:40]!r}")
        return _unpacked(head, arrays)

    def __repr__(self) -> str:
        return card_text(
            f"FittedStrategy {self.strategy.id}", self._facts(), following="fitted.apply(sample)"
        )

    def _repr_html_(self) -> str:
        return card_html(
            f"FittedStrategy {self.strategy.id}", self._facts(), following="fitted.apply(sample)"
        )

    def _facts(self) -> list[tuple[str, object]]:
        flags = {
            flag for cuts in self.own.values() for held in cuts.values() for cut in held for flag in cut.flags
        }
        flags |= {flag for wide in self.wide.values() for cut in wide.cuts for flag in cut.flags}
        return [
            ("samples", f"{len(self.units)} placed, {len(self.failures)} not read"),
            ("batches", len(self.batches)),
            ("cuts of a batch or wider", len(self.wide)),
            ("flags", ", ".join(sorted(flags)) or "none"),
        ]


def _bytes_of(path: Path) -> bytes:
    if path.stat().st_size > MOST_BYTES:
        raise ValueError("larger than 1 GB")
    return path.read_bytes()


def _packed(fitted: FittedStrategy) -> tuple[dict[str, Any], dict[str, Any]]:
    arrays: dict[str, Any] = {}
    wide = []
    for number, ((gate, group), cut) in enumerate(sorted(fitted.wide.items())):
        entry: dict[str, Any] = {
            "gate": gate,
            "group": group,
            "cuts": [plain_cut(c) for c in cut.cuts],
            "anchors": dict(cut.anchors),
            "n_subjects": cut.n_subjects,
        }
        entry["grids"] = [dataclasses.asdict(grid) for grid in cut.grids]
        if cut.pool is not None:
            arrays[f"pool_{number}"] = np.stack([unit.counts for unit in cut.pool.units])
        if cut.replicates is not None:
            arrays[f"replicates_{number}"] = cut.replicates
        wide.append(entry)
    head = {
        "format": FORMAT,
        "strategy": fitted.strategy.to_dict(),
        "panel": fitted.panel.source,
        "units": {key: dataclasses.asdict(record) for key, record in fitted.units.items()},
        "own": {
            key: {gate: [plain_cut(c) for c in cuts] for gate, cuts in gates.items()}
            for key, gates in fitted.own.items()
        },
        "wide": wide,
    }
    return head, arrays


def _unpacked(head: dict[str, Any], arrays: dict[str, Any]) -> FittedStrategy:
    from immunoprofile.gating._load import strategy_from_dict
    from immunoprofile.panel import panel_from_text

    wide = {}
    for number, entry in enumerate(head["wide"]):
        pooled = None
        grids = tuple(Grid(**grid) for grid in entry["grids"])
        bins = tuple(grid.bins for grid in grids)
        if f"pool_{number}" in arrays:
            counts = arrays[f"pool_{number}"]
            if counts.shape[1:] != bins:
                raise ValueError("a pool that does not fit its grid")
            pooled = pool([Histogram(grids=grids, counts=c, n=int(c.sum())) for c in counts])
        wide[entry["gate"], entry["group"]] = WideCut(
            cuts=tuple(cut_of(c) for c in entry["cuts"]),
            grids=grids,
            pool=pooled,
            replicates=arrays.get(f"replicates_{number}"),
            anchors=entry["anchors"],
            n_subjects=entry["n_subjects"],
        )
    panel = panel_from_text(head["panel"])
    return FittedStrategy(
        strategy=strategy_from_dict(head["strategy"], panel=panel),
        panel=panel,
        units={key: UnitRecord(**record) for key, record in head["units"].items()},
        own={
            key: {gate: tuple(cut_of(c) for c in cuts) for gate, cuts in gates.items()}
            for key, gates in head["own"].items()
        },
        wide=wide,
    )
