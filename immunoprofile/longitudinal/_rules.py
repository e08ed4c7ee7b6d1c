"""Whether an effect survives another rule of gating: GATE_SENSITIVE and GATE_UNRESOLVED.

A contrast is sensitive where, on the same specimens, another rule than held

1. moves the estimate by more than max(0.5 |held|, 0.10), or
2. turns the decision, or the sign of a significant effect, and moves it by more than 0.07, or
3. pulls it towards 0: the paired difference of the two rules, by the model without baseline, points against
   held, exceeds 0.10 and has p < .05.

The thresholds are in log units; on the scale `difference` only a turned decision counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.longitudinal._fit import Estimate, fit_features

if TYPE_CHECKING:
    from immunoprofile.longitudinal._visit import VisitRows

SHARE, LEAST, TURNED, PAIRED, PAIRED_P = 0.5, 0.10, 0.07, 0.10, 0.05
UNRESOLVED = 0.20
"""Share of a contrast's specimens without a per-sample value above which that rule is not scored."""


def rule_flags(rows: VisitRows, *, alpha: float) -> dict[tuple[Any, Any], set[str]]:
    """Give the flags of each feature and contrast of a visit."""
    found: dict[tuple[Any, Any], set[str]] = {}
    where = {unit: place for place, unit in enumerate(rows.units)}
    pairs = [
        (place, where[feature, "held"], rule)
        for (feature, rule), place in where.items()
        if rule not in ("", "held") and (feature, "held") in where
    ]
    if not pairs or rows.question.varying:
        return found
    scored = []
    for place, held, rule in pairs:
        for contrast in rows.question.model.contrasts:
            if rule == "per_sample" and _unresolved(rows, place, held, contrast=contrast):
                found.setdefault((rows.units[held][0], contrast), set()).add("GATE_UNRESOLVED")
            else:
                scored.append((place, held, contrast))
    for (_, held, contrast), sensitive in zip(scored, _compared(rows, scored, alpha=alpha), strict=True):
        if sensitive:
            found.setdefault((rows.units[held][0], contrast), set()).add("GATE_SENSITIVE")
    return found


def _unresolved(rows: VisitRows, place: int, held: int, *, contrast: tuple[Any, Any]) -> bool:
    arm = rows.shared[rows.question.model.arm]
    there = rows.usable[:, held] & arm.isin(list(contrast)).to_numpy(bool)
    missing = there & ~np.isfinite(rows.values[:, place])
    return bool(there.any() and missing.sum() > UNRESOLVED * there.sum())


def _compared(rows: VisitRows, scored: list[tuple[int, int, Any]], *, alpha: float) -> list[bool]:
    """Fit held and the other rule on the specimens that both have, and their paired difference."""
    if not scored:
        return []
    model = rows.question.model
    others = [place for place, _, _ in scored]
    helds = [held for _, held, _ in scored]
    both = rows.usable[:, others] & rows.usable[:, helds]
    if model.own is not None:
        both &= np.isfinite(rows.own[:, others]) & np.isfinite(rows.own[:, helds])
    held = fit_features(model, rows.shared, rows.values[:, helds], own=rows.own[:, helds], usable=both)
    other = fit_features(model, rows.shared, rows.values[:, others], own=rows.own[:, others], usable=both)
    with np.errstate(invalid="ignore"):
        gap = rows.values[:, others] - rows.values[:, helds]
    paired = fit_features(model.without_own(), rows.shared, gap, own=np.zeros_like(gap), usable=both)
    out = []
    for index, (_, place, contrast) in enumerate(scored):
        scale = rows.question.scales.get(str(rows.units[place][0]), "log_ratio")
        parts = (held[index][contrast], other[index][contrast], paired[index][contrast])
        out.append(is_sensitive(*parts, alpha=alpha, logarithmic=scale != "difference"))
    return out


def is_sensitive(
    held: Estimate, other: Estimate, paired: Estimate, *, alpha: float, logarithmic: bool = True
) -> bool:
    """Tell whether two rules disagree about a contrast."""
    if held.status != "ok" or other.status != "ok":
        return False
    gap = abs(other.estimate - held.estimate)
    p_held, p_other = p_of(held), p_of(other)
    turned = (p_held < alpha) != (p_other < alpha)
    opposed = p_held < alpha and p_other < alpha and held.estimate * other.estimate < 0
    if not logarithmic:
        return turned or opposed
    if gap > max(SHARE * abs(held.estimate), LEAST) or ((turned or opposed) and gap > TURNED):
        return True
    towards_zero = paired.status == "ok" and paired.estimate * held.estimate < 0
    return towards_zero and abs(paired.estimate) > PAIRED and p_of(paired) < PAIRED_P


def p_of(found: Estimate) -> float:
    """Give the two-sided p of Student's t."""
    from scipy.special import stdtr

    return float(2 * stdtr(found.df, -abs(found.estimate / found.se)))
