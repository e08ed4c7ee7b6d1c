"""The card of a study: state, counts and the next call; no subject and no assignment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from immunoprofile.core import card_html, card_text

if TYPE_CHECKING:
    import pandas as pd

    from immunoprofile.trial._study import Study


def text_card(study: Study) -> str:
    """Give the plain form."""
    return card_text(f"Study {study.id}", _facts(study), following=_following(study))


def html_card(study: Study) -> str:
    """Give the HTML form, with the problems behind a fold."""
    problems = study.problems
    details = problems[["level", "code", "message"]].to_html(index=False) if len(problems) else ""
    return card_html(f"Study {study.id}", _facts(study), following=_following(study), details=details)


def _following(study: Study) -> str:
    return "profile = ip.profile(study)" if study.tubes else "study.problems"


def _facts(study: Study) -> list[tuple[str, object]]:
    arms = ", ".join(study.arm_ids)
    state = ("blinded" if study.blinded else "open") + (f", arms {arms}" if arms else "")
    samples, left_out = study.samples, len(study.excluded)
    visits = f"{len(samples)} at {len(study.visit_values)} visits"
    facts: list[tuple[str, object]] = [
        ("state", state),
        ("subjects", f"{len(study.subjects)} at {len(set(samples['site']) - {''})} sites"),
        ("samples", f"{visits}, {left_out} rows left out" if left_out else visits),
    ]
    return [*facts, ("problems", _counts(study.problems))] if len(study.problems) else facts


def _counts(problems: pd.DataFrame) -> str:
    counts = problems["level"].value_counts()
    return f"{int(counts.get('error', 0))} errors, {int(counts.get('warning', 0))} warnings"
