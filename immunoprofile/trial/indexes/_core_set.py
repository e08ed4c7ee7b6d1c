"""The core set measures as given: known names, values inside their scales, a limit for every enzyme."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from immunoprofile.core import StudyError, nearest
from immunoprofile.trial.indexes._exact import exact

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from fractions import Fraction

SCALES = {"physician_global": 10, "patient_global": 10, "haq": 3, "extramuscular": 10}
"""Worst value of each measure that is better when lower."""
MMT_MAXIMA = (80, 150)
"""Unilateral and bilateral MMT-8."""


def known_measures(values: Mapping[str, Any], *, mmt_max: int, when: str) -> dict[str, Fraction]:
    """Give the known values of the five plain measures, each inside its scale."""
    found: dict[str, Fraction] = {}
    known = [*SCALES, "mmt8", "enzymes"]
    for name in values:
        if name not in known:
            like = nearest(str(name), known)
            hint = (
                f"nearest: {like!r}"
                if like
                else "physician_global, patient_global, mmt8, haq, enzymes, extramuscular"
            )
            raise StudyError("unknown_measure", f"no measure {name!r}", where=when, hint=hint)
    for name in (*SCALES, "mmt8"):
        value = exact(values.get(name), where=f"{name}, {when}")
        if value is None:
            continue
        if name == "mmt8" and value > mmt_max:
            problem = f"{float(value):g} is above the declared maximum {mmt_max}"
            raise StudyError("mmt_above_max", problem, where=f"{name}, {when}", hint="mmt_max is 150 or 80")
        top = SCALES.get(name, mmt_max)
        if not 0 <= value <= top:
            hint = "millimetres?" if top == 10 and 10 < value <= 100 else ""
            problem = f"{float(value):g} is outside 0-{top}"
            raise StudyError("out_of_range", problem, where=f"{name}, {when}", hint=hint)
        found[name] = value
    return found


def known_enzymes(
    values: Any, uln: Mapping[str, Fraction], *, when: str, known: Sequence[str]
) -> dict[str, Fraction]:
    """Give the known enzymes; each needs its upper limit of normal."""
    found: dict[str, Fraction] = {}
    for name, given in (values or {}).items():
        if name not in known:
            like = nearest(str(name), known)
            hint = f"nearest: {like!r}" if like else ", ".join(known)
            raise StudyError("unknown_measure", f"no enzyme {name!r}", where=when, hint=hint)
        value = exact(given, where=f"{name}, {when}")
        if value is None:
            continue
        if value < 0:
            raise StudyError("out_of_range", f"{float(value):g} is negative", where=f"{name}, {when}")
        if name not in uln:
            hint = "give the laboratory's upper limit of normal, in the unit of the value"
            raise StudyError("uln_missing", "a value without its ULN", where=f"{name}, {when}", hint=hint)
        found[name] = value
    return found


def known_limits(uln: Mapping[str, Any] | None) -> dict[str, Fraction]:
    """Give the known upper limits of normal."""
    found: dict[str, Fraction] = {}
    for name, given in (uln or {}).items():
        value = exact(given, where=f"{name}, uln")
        if value is not None and value <= 0:
            raise StudyError("uln_invalid", f"a ULN of {float(value):g}", where=name, hint="a ULN is above 0")
        if value is not None:
            found[name] = value
    return found


def declared_maximum(mmt_max: Any) -> int:
    """Give the declared maximum of MMT-8."""
    hint = "150 for the bilateral MMT-8, 80 for the unilateral; [measures.mmt8] maximum = 150 in study.toml"
    if mmt_max is None:
        raise StudyError("mmt_max_missing", "the maximum of MMT-8 is not declared", where="mmt8", hint=hint)
    if mmt_max not in MMT_MAXIMA:
        raise StudyError("mmt_max_invalid", f"a maximum of {mmt_max!r}", where="mmt8", hint=hint)
    return int(mmt_max)
