"""The clinical measures that a study may carry: their scales, limits and units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from immunoprofile.trial._schema import MeasureSpec, StudyDesign

VAS = ("physician_global", "patient_global", "extramuscular", "cutaneous_vas")
ENZYMES = ("ck", "aldolase", "ldh", "ast", "alt")
KNOWN = (*VAS, "mmt8", "haq", *ENZYMES, "cdasi_activity", "cdasi_damage", "esr", "crp", "pain")
"""Measures known without a declaration."""
LIMITS: dict[str, tuple[float, float]] = {
    "mmt8": (0, 150),
    "haq": (0, 3),
    "cdasi_activity": (0, 100),
    "cdasi_damage": (0, 32),
}
SCALE_LIMITS = {"vas_cm": (0.0, 10.0), "vas_mm": (0.0, 100.0), "likert_0_4": (0.0, 4.0)}
UNITS = {
    "vas": ("cm", "mm", "points"),
    "points": ("points", "score"),
    "enzyme": ("U/L", "IU/L", "ukat/L", "\u00b5kat/L", "\u03bckat/L", "nkat/L"),
}
_SPELLED = {"IU/L": "U/L", "\u00b5kat/L": "ukat/L", "\u03bckat/L": "ukat/L", "score": "points"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a value of a measure has to meet.

    Attributes
    ----------
    name : str
    scale : str
        ``vas_cm``, ``vas_mm``, ``likert_0_4``, or empty.
    scale_declared : bool
    lower, upper : float
    units : tuple of str
        Units that are known; empty: any.
    is_enzyme, censored : bool
    uln : float or None
        Where the study declares one for all.
    muscle_maximum : float or None
    """

    name: str
    scale: str
    scale_declared: bool
    lower: float
    upper: float
    units: tuple[str, ...]
    is_enzyme: bool
    censored: bool
    uln: float | None
    muscle_maximum: float | None


def rules_of(design: StudyDesign) -> Mapping[str, Rule]:
    """Give the rule of each measure that a study may carry."""
    names = [*KNOWN, *design.measures, *(design.tables.clinical.measures if design.tables.clinical else ())]
    names += [endpoint.measure for endpoint in design.endpoints if endpoint.measure]
    return {name: _rule(name, design.measures.get(name)) for name in dict.fromkeys(names)}


def _rule(name: str, spec: MeasureSpec | None) -> Rule:
    is_enzyme = name in ENZYMES
    scale = spec.scale if spec is not None and spec.scale is not None else "vas_cm" if name in VAS else ""
    lower, upper = SCALE_LIMITS.get(scale, LIMITS.get(name, (float("-inf"), float("inf"))))
    lower = 0.0 if is_enzyme else lower
    if spec is not None:
        lower = spec.minimum if spec.minimum is not None else lower
        upper = spec.maximum if spec.maximum is not None else upper
    units: tuple[str, ...] = ()
    if scale in SCALE_LIMITS:
        units = UNITS["vas"]
    elif is_enzyme:
        units = UNITS["enzyme"]
    elif name in LIMITS:
        units = UNITS["points"]
    if spec is not None and spec.unit:
        units = (*units, spec.unit)
    return Rule(
        name=name,
        scale=scale,
        scale_declared=spec is not None and spec.scale is not None,
        lower=lower,
        upper=upper,
        units=units,
        is_enzyme=is_enzyme,
        censored=spec is not None and spec.censored,
        uln=spec.uln if spec is not None else None,
        muscle_maximum=spec.maximum if spec is not None and name == "mmt8" else None,
    )


def one_spelling(unit: str) -> str:
    """Give one spelling of a unit: ``IU/L`` is ``U/L``."""
    return _SPELLED.get(unit, unit)
