"""The methods paragraph, generated from what ran: what was done, with the citation of each method."""

from __future__ import annotations

from typing import TYPE_CHECKING

from immunoprofile.core import versions
from immunoprofile.report._words import count_text

if TYPE_CHECKING:
    from immunoprofile.pipeline import Results, Tube


OWN_CUT = "cut is a valley or band of the sample's own density, or the batch's median where it has none"


def methods_text(results: Results) -> tuple[str, ...]:
    """Give the paragraphs of the methods section."""
    parts = [_gating(results), _numbers(results)]
    if results.change is not None and results.effects is not None:
        parts += [_change(results), _effects(results)]
    if results.response is not None:
        parts.append(_response(results))
    if results.link is not None:
        parts.append(_link())
    parts.append(_software())
    return tuple(parts)


def _gating(results: Results) -> str:
    sentences = []
    for tube in results.gating.tubes:
        strategy = tube.fitted.strategy
        batches = len(tube.fitted.batches)
        cited = "; ".join([f"SHA-256 {strategy.content_hash[:12]}", *strategy.citations])
        sentences.append(
            f"{count_text(len(tube.units), 'FCS file')} in {batches} batch{'' if batches == 1 else 'es'} "
            f"were gated with the strategy {strategy.id} ({cited})."
        )
        sentences += _wide_gating(tube)
    return " ".join(sentences)


def _wide_gating(tube: Tube) -> list[str]:
    """Say how the cuts of wider scope were learnt, and which rules stand beside them."""
    gated = {
        name
        for (name, _), found in tube.fitted.wide.items()
        if any(cut.kind not in ("open", "missing") for cut in found.cuts)
    }
    wide = [gate for gate in tube.fitted.strategy.gates if gate.scope != "sample" and gate.id in gated]
    if not wide:
        return [f"Each {OWN_CUT}."]
    names = ", ".join(gate.id for gate in wide)
    untreated = all(gate.units == "untreated" for gate in wide)
    learnt = sum(1 for unit in tube.units.values() if unit.is_untreated or not untreated)
    kind = "untreated specimens" if untreated else "specimens"
    held = (
        f"The cuts of {names} were learnt per {wide[0].scope} on pooled histograms of {learnt} {kind} with "
        "equal weight, and held for all specimens; placement saw neither arm, visit nor outcome. "
        f"Each other {OWN_CUT}."
    )
    sentences = [held]
    if any(len(gate.rules) > 1 for gate in wide):
        sentences.append(
            "Beside the held region two other rules were computed: the region moved by the shift of the "
            "tube's CD8 T cells (anchored), and a cut on each sample alone (per sample)."
        )
    return sentences


def _numbers(results: Results) -> str:
    del results
    return (
        "Percentages carry Wilson 95 % intervals (doi:10.1080/01621459.1927.10502953), which cover counting "
        "alone; the standard error from the place of the cuts (bootstrap, 200 replicates; "
        "doi:10.1214/aos/1176344552) stands beside them. Percentages of fewer than 20 cells are flagged, and "
        "changes from them left out."
    )


def _change(results: Results) -> str:
    baseline = next((v.label for v in results.study.visit_values if v.role == "baseline"), "baseline")
    return (
        f"Change is from {baseline}: the difference of logs for percentages, ratios and intensities, of "
        "logits for percentages that may pass 50 %."
    )


def _effects(results: Results) -> str:
    table = results.effects.table if results.effects is not None else None
    method = (
        "BH" if table is None or table["method"].dropna().empty else str(table["method"].dropna().iloc[0])
    )
    covariates = ", ".join(results.study.covariates)
    more = f", {covariates}" if covariates else ""
    return (
        "Arms were compared by analysis of covariance of the change at each visit, with the baseline value, "
        f"site{more} as covariates (ordinary least squares). The p values of a visit and rule form one "
        f"family, adjusted by {method}. GATE_SENSITIVE marks a contrast that another placement "
        "rule would change."
    )


def _response(results: Results) -> str:
    ids = ", ".join(str(e.response) for e in results.study.endpoints if e.response)
    return (
        f"Clinical response: {ids}, the ACR/EULAR total improvement score from the six core set measures in "
        "decimal arithmetic (doi:10.1136/annrheumdis-2017-211400)."
    )


def _link() -> str:
    return (
        "Responders and non-responders were compared by least squares of the change on response, with "
        "baseline, arm and site, and heteroscedasticity-consistent (HC3) standard errors. These are "
        "associations, not causal effects."
    )


def _software() -> str:
    known = versions()
    names = ("python", "numpy", "pandas", "scipy", "statsmodels", "formulaic", "numba")
    listed = ", ".join(f"{name} {known[name]}" for name in names if name in known)
    return f"Software: immunoprofile {known.get('immunoprofile', '')}, {listed}."
