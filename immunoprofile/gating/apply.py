"""Application: geometry over one sample, a pure function of the fitted cuts and the sample."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from immunoprofile.core import ImmunoprofileError
from immunoprofile.gating.advance import missing_cuts, own_cuts
from immunoprofile.gating.engine import gate_events
from immunoprofile.gating.gated import GatedSample
from immunoprofile.gating.lending import median_cuts
from immunoprofile.gating.place import scope_key
from immunoprofile.gating.tree import build_tree
from immunoprofile.gating.view import view_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from immunoprofile.fcs import Sample
    from immunoprofile.gating.cuts import FittedCut
    from immunoprofile.gating.fitted import FittedStrategy, UnitRecord
    from immunoprofile.gating.strategy import Gate, GatingStrategy
    from immunoprofile.gating.view import SampleView
    from immunoprofile.gating.wide import WideCut
    from immunoprofile.panel import Resolution


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
    from immunoprofile.gating.load import load_strategy

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
        found = _wide_cut(fitted, step, record, group=group)
        lacking = missing_cuts(step, view)
        if lacking is not None or found is None:
            cuts[step.id] = lacking or ()
        else:
            cuts[step.id], wide[step.id] = found.cuts, found
    tree = build_tree(fitted.strategy, cuts, view)
    return GatedSample(
        view=view,
        strategy=fitted.strategy,
        batch=group,
        cuts=cuts,
        wide=wide,
        tree_=tree,
        membership=gate_events(sample, tree.populations, view.compensation),
    )


def _sample_cuts(
    fitted: FittedStrategy, step: Gate, record: UnitRecord | None, *, group: str, view: SampleView
) -> tuple[FittedCut, ...]:
    """Give the sample's own cuts; for one that was not placed, the median of its batch."""
    if record is not None and record.key in fitted.own:
        return fitted.own[record.key].get(step.id, ())
    key = view.sample.content_id
    if step.method in ("time", "boundary"):  # cleaning is not placement: it looks at this sample alone
        import numpy as np

        every = np.ones(view.sample.n_events, dtype=bool)
        return own_cuts(step, view, every, unit=key, forced=True) or ()
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
        return lent
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
            raise ImmunoprofileError("BATCH_NEEDED", problem, hint="place the sample with the others")
        key = keys.pop()
    return fitted.wide.get((step.id, key))
