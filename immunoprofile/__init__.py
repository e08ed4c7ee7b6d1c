"""From FCS files to treatment effects on immune cells, with gates that do not see the treatment.

Public names load when they are first used, so that ``import immunoprofile`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_DOORS = {
    "BlindedError": "immunoprofile.core",
    "CytokineError": "immunoprofile.core",
    "FcsError": "immunoprofile.core",
    "FcsWarning": "immunoprofile.core",
    "ImmunoprofileError": "immunoprofile.core",
    "ImmunoprofileWarning": "immunoprofile.core",
    "InterchangeError": "immunoprofile.core",
    "ModelError": "immunoprofile.core",
    "PanelError": "immunoprofile.core",
    "StrategyError": "immunoprofile.core",
    "StudyError": "immunoprofile.core",
    "check_files": "immunoprofile.fcs",
    "explain": "immunoprofile.core",
    "from_flowkit": "immunoprofile.interchange",
    "gate": "immunoprofile.gating",
    "list_strategies": "immunoprofile.gating",
    "load_strategy": "immunoprofile.gating",
    "profile": "immunoprofile.pipeline",
    "read_fcs": "immunoprofile.fcs",
    "read_panel": "immunoprofile.panel",
    "read_study": "immunoprofile.trial",
    "run": "immunoprofile.pipeline",
    "to_flowkit": "immunoprofile.interchange",
    "versions": "immunoprofile.core",
    "write_fcs": "immunoprofile.fcs",
    "write_gatingml": "immunoprofile.interchange",
    "write_report": "immunoprofile.report",
}
_ROOMS = (
    "biomarker", "core", "fcs", "gating", "interchange", "longitudinal", "panel", "pipeline", "plot",
    "quantify", "report", "simulate", "transform", "trial",
)  # fmt: skip

__all__ = sorted((*_DOORS, *_ROOMS, "__version__"))  # noqa: PLE0605 - one source: the map above


def __getattr__(name: str) -> Any:
    if name in _DOORS:
        value = getattr(import_module(_DOORS[name]), name)
    elif name in _ROOMS:
        value = import_module(f"immunoprofile.{name}")
    else:
        raise AttributeError(f"module 'immunoprofile' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
