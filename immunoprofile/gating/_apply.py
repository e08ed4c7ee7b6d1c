"""Application: geometry over one sample, a pure function of the fitted cuts and the sample."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.core import StrategyError
from immunoprofile.gating._advance import MINIMUM_PARENT, missing_cuts, own_cuts, without_absent
from immunoprofile.gating._engine import gate_events
from immunoprofile.gating._gated import GatedSample
from immunoprofile.gating._lending import median_cuts
from immunoprofile.gating._place import scope_key
from immunoprofile.gating._tree import build_tree
from immunoprofile.gating._view import view_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from immunoprofile.fcs import Sample
    from immunoprofile.gating._cuts import FittedCut
    from immunoprofile.gating._fitted import FittedStrategy, UnitRecord
    from immunoprofile.gating._strategy import Gate, GatingStrategy
    from immunoprofile.gating._view import SampleView
    from immunoprofile.gating._wide import WideCut
    from immunoprofile.panel import Resolution

BATCH_FLAGS = {"SCOPE_WIDENED", "CUT_OUTLIER"}
"""Of a cut that the batch has lent."""
STAINED_SHARE = 0.01
"""Share of lymphocytes above a lineage marker's cut from which a tube counts as stained."""


def gate(
    sample_or_samples: Sample | Sequence[Sample], strategy: str | Path | GatingStrategy
) -> GatedSample | list[GatedSample]:
    """Place a strategy on samples and gate them, in one breath.

    Parameters
    ----------
    sample_or_samples : Sample or sequence of Sample
        A list is placed together.
    strategy : str, path or GatingStrategy
        A shipped id, a folder, or a loaded strategy.

    Returns
    -------
    GatedSample or list of GatedSample
        A list for a list, in its order.
    """
    from immunoprofile.gating._load import load_strategy

    loaded = load_strategy(strategy) if not hasattr(strategy, "place") else strategy
    alone = hasattr(sample_or_samples, "n_events")
    samples: Any = [sample_or_samples] if alone else list(sample_or_samples)  # type: ignore[arg-type]
    fitted = loaded.place(samples)
    gated = [fitted.apply(sample) for sample in samples]
    return gated[0] if alone else gated


def apply(
    fitted: FittedStrategy, sample: Sample, *, batch: str | None = None, resolution: Resolution
) -> GatedSample:
    """Gate one sample with fitted cuts (see :meth:`FittedStrategy.apply`)."""
    group = fitted.batch_for(sample, batch)
    view = view_of(sample, fitted.panel, resolution=resolution)
    record = fitted.units.get(sample.content_id)
    cuts: dict[str, tuple[FittedCut, ...]] = {}
    wide: dict[str, WideCut] = {}
    for step in fitted.strategy.gates:
        if step.scope == "sample":
            cuts[step.id] = _sample_cuts(fitted, step, record, group=group, view=view)
            continue
        found = _wide_cut(fitted, step, record if batch is None else None, group=group)
        lacking = missing_cuts(step, view)
        if lacking is not None or found is None:
            cuts[step.id] = lacking or ()
        else:
            cuts[step.id], wide[step.id] = found.cuts, found
    gated = _gated(fitted.strategy, cuts, view, batch=group, wide=wide)
    bare = _unstained(gated)
    return _gated(fitted.strategy, cuts | bare, view, batch=group, wide=wide) if bare else gated


def _gated(
    strategy: GatingStrategy,
    cuts: dict[str, tuple[FittedCut, ...]],
    view: SampleView,
    *,
    batch: str,
    wide: dict[str, WideCut],
) -> GatedSample:
    tree = build_tree(strategy, cuts, view)
    return GatedSample(
        view=view,
        strategy=strategy,
        batch=batch,
        cuts=cuts,
        wide=wide,
        tree_=tree,
        membership=gate_events(view.sample, tree.populations, view.compensation),
    )


def _unstained(gated: GatedSample) -> dict[str, tuple[FittedCut, ...]]:
    """Give missing cuts for the lineage gates of a tube in which no lineage marker is stained; else nothing.

    Such a tube has no valley of its own, so that all its lineage cuts are the batch's, and none of the
    markers reaches them.
    """
    gates = [step for step in gated.strategy.gates if step.is_lineage and step.scope == "sample"]
    held = [cut for step in gates for cut in gated.cuts[step.id] if cut.kind != "missing"]
    if not held or not all(BATCH_FLAGS & set(cut.flags) for cut in held) or gates[0].parent in gated.missing:
        return {}
    parent = gated.mask(gates[0].parent)
    if parent.sum() < MINIMUM_PARENT:
        return {}
    for cut in held:
        axis = gated.view.dimension(cut.dimension)
        if axis is None or (gated.view.column(axis, parent) >= cut.number).mean() > STAINED_SHARE:
            return {}
    return {
        step.id: tuple(
            replace(cut, kind="missing", value=math.nan, se=math.nan, flags=("UNSTAINED",))
            for cut in gated.cuts[step.id]
        )
        for step in gates
    }


def _sample_cuts(
    fitted: FittedStrategy, step: Gate, record: UnitRecord | None, *, group: str, view: SampleView
) -> tuple[FittedCut, ...]:
    """Give the sample's own cuts; for one that was not placed, the median of its batch."""
    if record is not None and record.key in fitted.own:
        return fitted.own[record.key].get(step.id, ())
    key = view.sample.content_id
    if step.method in ("time", "boundary"):  # cleaning is not placement: it looks at this sample alone
        every = np.ones(view.sample.n_events, dtype=bool)
        own = own_cuts(step, view, every, unit=key, strategy_id=fitted.strategy.id, forced=True)
        return own or ()
    lacking = missing_cuts(step, view)
    if lacking is not None:
        return lacking
    others = [
        fitted.own[unit.key][step.id]
        for unit in fitted.units.values()
        if unit.batch_key == group and step.id in fitted.own.get(unit.key, {})
    ]
    lent = median_cuts(others, unit=key)
    if lent is not None:
        return without_absent(step, lent, view)
    opened = [cuts for cuts in others if cuts and all(cut.kind == "open" for cut in cuts)]
    return tuple(replace(cut, unit=key) for cut in opened[0]) if opened else ()


def _wide_cut(fitted: FittedStrategy, step: Gate, record: UnitRecord | None, *, group: str) -> WideCut | None:
    if record is not None:
        return fitted.wide.get((step.id, scope_key(step, record)))
    key = group if step.scope == "batch" else "study" if step.scope == "study" else None
    if key is None:
        keys = {scope_key(step, unit) for unit in fitted.units.values() if unit.batch_key == group}
        if len(keys) != 1:
            problem = f"gate {step.id} has the scope {step.scope}, and this sample was not placed"
            raise StrategyError("BATCH_NEEDED", problem, hint="place the sample with the others")
        key = keys.pop()
    return fitted.wide.get((step.id, key))
