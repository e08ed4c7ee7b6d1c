"""pipeline: a study from its files to its tables; resumable, parallel, on one machine or a cluster."""

from immunoprofile.pipeline._analysis import Results, analyse, profile
from immunoprofile.pipeline._draft import draft_study
from immunoprofile.pipeline._gating import StudyGating
from immunoprofile.pipeline._provenance import write_provenance
from immunoprofile.pipeline._reported import drawn_once
from immunoprofile.pipeline._run import run
from immunoprofile.pipeline._tube import Tube, strategy_of
from immunoprofile.pipeline._verify import Verification, verify_results
from immunoprofile.pipeline._write import (
    cuts_table,
    exclusions_table,
    flags_table,
    hidden_populations,
    write_results,
)

__all__ = [
    "Results",
    "StudyGating",
    "Tube",
    "Verification",
    "analyse",
    "cuts_table",
    "draft_study",
    "drawn_once",
    "exclusions_table",
    "flags_table",
    "hidden_populations",
    "profile",
    "run",
    "strategy_of",
    "verify_results",
    "write_provenance",
    "write_results",
]
