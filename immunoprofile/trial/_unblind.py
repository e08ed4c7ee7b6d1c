"""Opening the key, and showing a table to a blinded reader."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from immunoprofile.core import StudyError, join_flags, listed, sha256_of, versions
from immunoprofile.trial._arms import arm_series
from immunoprofile.trial._audit import plans_locked_blind, verify_audit_log
from immunoprofile.trial._blinding import key_codes, without_sentinels
from immunoprofile.trial._key import read_key

if TYPE_CHECKING:
    import pandas as pd

    from immunoprofile.trial._study import Study

SHOWN = ("specimen", "population", "statistic", "value", "flags")


def unblind(study: Study, key: str | Path, *, who: str, reason: str) -> pd.Series:
    """Open the key of a study and log it."""
    _signed(who, reason)
    _declared(study)
    path = _key_path(study, key)
    _log_holds(study)
    subjects = study.subjects
    names = [str(name) for name in subjects["subject"]]
    arms, problems = read_key(
        path,
        arms=study.design.arms,
        subjects=set(names),
        needed=_needed(subjects),
        codes=key_codes(subjects, study.design.blinding.code),
        closed=bool(subjects["declared"].any()),
    )
    if problems.errors:
        study.log("unblind_refused", who=who, reason=reason, problems=len(problems.errors))
        problems.refuse(study_scope_only=False, where=path.name)
    digest = sha256_of(path)
    series = arm_series(arms, study=study.id, reference=study.reference)
    del arms
    # a result of a plan that was not locked while the study was blinded says so in its rows and figures
    series.attrs["post_hoc"] = study.plan_hash not in plans_locked_blind(study.audit_path)
    try:
        study.log(
            "unblind",
            who=who,
            reason=reason,
            key_sha256=digest,
            plan_sha256=study.plan_hash,
            inputs=study.input_hashes(),
            versions=versions(),
            subjects=len(series),
        )
    except StudyError:
        del series  # no frame of the error holds an assignment
        raise
    return series


def _signed(who: str, reason: str) -> None:
    absent = [name for name, text in (("who", who), ("reason", reason)) if not str(text).strip()]
    if absent:
        hint = 'study.unblind(key, who="A. Reader", reason="database lock")'
        raise StudyError("unblind_unsigned", f"{' and '.join(absent)} is empty", hint=hint)


def _declared(study: Study) -> None:
    if not study.design.arms:
        hint = "declare [[arms]] in study.toml"
        raise StudyError(
            "arms_undeclared", "the study declares no arms to unblind", where="study.toml", hint=hint
        )


def _key_path(study: Study, key: str | Path) -> Path:
    given = Path(key)
    for path in (given, study.root / given):
        if path.is_file():
            return path
    hint = "give the path of the table with subject and arm"
    raise StudyError("key_missing", "there is no such key", where=given.name, hint=hint)


def _log_holds(study: Study) -> None:
    """Refuse before the key is opened where the audit log is broken."""
    if study.audit_path.is_file():
        broken = verify_audit_log(study.audit_path)
        if broken is not None:
            hint = "find out who changed it; move it away to start a new log"
            where = f"results/audit.jsonl line {broken}"
            raise StudyError("audit_broken", "the audit log does not hold", where=where, hint=hint)


def _needed(subjects: pd.DataFrame) -> set[str]:
    """Name the subjects that must have an arm: those randomised, where the table tells, else all."""
    if "randomised" in subjects.columns and subjects["randomised"].notna().any():
        subjects = subjects[subjects["randomised"].notna()]
    return {str(name) for name in subjects["subject"]}


def blinded_table(study: Study, frame: pd.DataFrame) -> pd.DataFrame:
    """Show a table to a blinded reader: random ids, no sentinels, no order."""
    import pandas as pd

    needed = [name for name in ("population", "value") if name not in frame.columns]
    if "specimen" not in frame.columns:
        needed += [name for name in ("subject", "visit") if name not in frame.columns]
    if needed:
        hint = "a long table with subject, visit (or specimen), population and value"
        raise StudyError("column_missing", f"the table lacks {listed(needed)}", hint=hint)
    shown = without_sentinels(frame, study.sentinels).reset_index(drop=True)
    if "specimen" not in shown.columns:
        known = study.samples.drop_duplicates(["subject", "visit"]).set_index(["subject", "visit"])[
            "specimen"
        ]
        pairs = list(zip(shown["subject"].astype(str), shown["visit"].astype(str), strict=True))
        absent = sorted({position for position, pair in enumerate(pairs) if pair not in known.index})
        if absent:
            where = f"row {absent[0]} of the table"
            raise StudyError("unknown_specimen", "no sample has this subject and visit", where=where)
        shown = shown.assign(specimen=[known[pair] for pair in pairs])
    out = pd.DataFrame({name: shown[name] if name in shown.columns else pd.NA for name in SHOWN})
    out["flags"] = out["flags"].map(lambda text: join_flags(text) if isinstance(text, str) else "")
    types = {name: "string" for name in SHOWN if name != "value"}
    out = out.astype({**types, "value": "float64"})
    return out.sort_values(list(SHOWN[:3]), kind="stable", na_position="first").reset_index(drop=True)
