"""trial: study.toml and its sheets, visits, blinding, arms, clinical response."""

from immunoprofile.trial._audit import verify_audit_log
from immunoprofile.trial._ids import sample_files
from immunoprofile.trial._read import read_study
from immunoprofile.trial._response import response
from immunoprofile.trial._schema import Arm, Endpoint, Family, StudyDesign, Tube, Visit
from immunoprofile.trial._study import Study
from immunoprofile.trial._visits import Choice, Record, choose_visits, study_day
from immunoprofile.trial.indexes import (
    INDEXES,
    Component,
    Measure,
    Response,
    ResponseIndex,
    ScoreContext,
    register,
    total_improvement_score,
)

__all__ = [
    "INDEXES",
    "Arm",
    "Choice",
    "Component",
    "Endpoint",
    "Family",
    "Measure",
    "Record",
    "Response",
    "ResponseIndex",
    "ScoreContext",
    "Study",
    "StudyDesign",
    "Tube",
    "Visit",
    "choose_visits",
    "read_study",
    "register",
    "response",
    "sample_files",
    "study_day",
    "total_improvement_score",
    "verify_audit_log",
]
