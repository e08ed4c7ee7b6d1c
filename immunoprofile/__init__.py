"""From FCS files to treatment effects on immune cells, with gates that do not see the treatment.

Public names load when they are first used, so that ``import immunoprofile`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from immunoprofile import (
        biomarker,
        core,
        fcs,
        gating,
        interchange,
        longitudinal,
        panel,
        pipeline,
        plot,
        quantify,
        report,
        simulate,
        transform,
        trial,
    )
    from immunoprofile.core import (
        BlindedError,
        CytokineError,
        FcsError,
        FcsWarning,
        ImmunoprofileError,
        ImmunoprofileWarning,
        InterchangeError,
        ModelError,
        PanelError,
        StrategyError,
        StudyError,
        explain,
        versions,
    )
    from immunoprofile.fcs import (
        check_files,
        read_fcs,
        read_fcs_all,
        write_fcs,
    )
    from immunoprofile.gating import (
        gate,
        list_strategies,
        load_strategy,
    )
    from immunoprofile.interchange import (
        from_flowkit,
        to_flowkit,
        write_gatingml,
    )
    from immunoprofile.panel import (
        read_panel,
    )
    from immunoprofile.pipeline import (
        profile,
        run,
    )
    from immunoprofile.report import (
        write_report,
    )
    from immunoprofile.trial import (
        read_study,
    )

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
    "read_fcs_all": "immunoprofile.fcs",
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

__all__ = [
    "BlindedError",
    "CytokineError",
    "FcsError",
    "FcsWarning",
    "ImmunoprofileError",
    "ImmunoprofileWarning",
    "InterchangeError",
    "ModelError",
    "PanelError",
    "StrategyError",
    "StudyError",
    "__version__",
    "biomarker",
    "check_files",
    "core",
    "explain",
    "fcs",
    "from_flowkit",
    "gate",
    "gating",
    "interchange",
    "list_strategies",
    "load_strategy",
    "longitudinal",
    "panel",
    "pipeline",
    "plot",
    "profile",
    "quantify",
    "read_fcs",
    "read_fcs_all",
    "read_panel",
    "read_study",
    "report",
    "run",
    "simulate",
    "to_flowkit",
    "transform",
    "trial",
    "versions",
    "write_fcs",
    "write_gatingml",
    "write_report",
]


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
