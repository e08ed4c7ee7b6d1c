"""Faults of a design that TOML itself does not show: names twice, windows that overlap, visits unknown."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from immunoprofile.core import listed, nearest
from immunoprofile.trial._problems import Problem
from immunoprofile.trial._visits import window_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from immunoprofile.trial._schema import StudyDesign

TABLE = "study.toml"
_FILE_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)


def check_design(design: StudyDesign) -> Iterator[Problem]:
    """Give every fault of a design."""
    yield from _ids(design)
    yield from _arms(design)
    yield from _visits(design)
    yield from _references(design)
    yield from _measures(design)
    yield from _covariates(design)


def _fault(code: str, column: str, what: str, *, found: str | None = None, expected: str = "") -> Problem:
    return Problem(
        code=code,
        table=TABLE,
        column=column,
        what=what,
        found=found,
        expected=expected,
        scope="study",
    )


def _ids(design: StudyDesign) -> Iterator[Problem]:
    if not design.study.id.strip():
        yield _fault("setting_invalid", "study.id", "the id is empty", found="")
    named: dict[str, Iterable[str]] = {
        "arms": [arm.id for arm in design.arms],
        "visits": [visit.id for visit in design.visits],
        "endpoints": [endpoint.id for endpoint in design.endpoints],
        "families": [family.id for family in design.families],
        "estimands": [estimand.id for estimand in design.estimands],
        "analysis_populations": [population.id for population in design.analysis_populations],
        "tubes": [tube.id for tube in design.tubes],
        "plates": [plate.id for plate in design.plates],
        "time_to_event": [event.id for event in design.time_to_event],
    }
    for table, ids in named.items():
        for name, count in Counter(ids).items():
            if count > 1:
                yield _fault("setting_duplicate", f"{table}.id", "this id is declared twice", found=name)
            if not name.strip():
                yield _fault("setting_invalid", f"{table}.id", "the id is empty", found=name)
    yield from _tube_ids(design)


def _tube_ids(design: StudyDesign) -> Iterator[Problem]:
    """Results of a tube stand in files of its name: it is a plain word, and one in any case of letters."""
    expected = "letters a-z, digits, _ and -"
    for tube in design.tubes:
        if tube.id.strip() and not _FILE_WORD.fullmatch(tube.id):
            yield _fault(
                "setting_invalid", "tubes.id", "no name for a file", found=tube.id, expected=expected
            )
    for name, count in Counter(tube.id.casefold() for tube in design.tubes).items():
        if count > 1 and len({tube.id for tube in design.tubes if tube.id.casefold() == name}) > 1:
            what = "two ids differ in case alone"
            yield _fault("setting_duplicate", "tubes.id", what, found=name)


def _covariates(design: StudyDesign) -> Iterator[Problem]:
    for name in design.analysis.covariates:
        if not name.strip() or "`" in name or not name.isprintable():
            what = "no name that a model can hold"
            yield _fault("setting_invalid", "analysis.covariates", what, found=name, expected="plain text")


def _arms(design: StudyDesign) -> Iterator[Problem]:
    for arm in design.arms:
        if arm.allocation < 1:
            found = str(arm.allocation)
            yield _fault("setting_invalid", "arms.allocation", "an allocation is 1 or more", found=found)
    if design.open_arms is not None and design.blinded:
        what = "only a study with blinded = false reads its arms from a table"
        yield _fault("setting_invalid", "open_arms", what, expected="blinded = false")
    controls = [arm.id for arm in design.arms if arm.role == "control"]
    if len(design.arms) > 1 and len(controls) != 1 and not design.analysis.reference:
        yield Problem(
            level="warning",
            code="control_missing",
            table=TABLE,
            column="arms.role",
            what="no arm, or more than one, has the role control",
            hint='role = "control" on one arm, or [analysis] reference',
            scope="study",
        )


def _visits(design: StudyDesign) -> Iterator[Problem]:
    baselines = [visit.id for visit in design.visits if visit.role == "baseline"]
    if len(baselines) > 1:
        what = "more than one visit has the role baseline"
        yield _fault("baseline_ambiguous", "visits.role", what, found=listed(baselines))
    windows = []
    for visit in design.visits:
        if visit.day == 0:
            yield _fault(
                "setting_invalid", "visits.day", "there is no day 0: day 1 is the first dose", found="0"
            )
        if (visit.before or 0) < 0 or (visit.after or 0) < 0:
            yield _fault("setting_invalid", "visits.before", "a window is 0 days or more", found=visit.id)
        window = window_of(visit)
        if window is not None:
            windows.append((*window, visit.id))
    for (_, end, first), (start, _, second) in zip(sorted(windows), sorted(windows)[1:], strict=False):
        if start <= end:
            what = f"the windows of {first!r} and {second!r} overlap"
            yield _fault("window_overlap", "visits", what, expected="one visit for one day")


def _references(design: StudyDesign) -> Iterator[Problem]:
    visits = {visit.id for visit in design.visits}
    wanted = [("endpoints.visit", endpoint.visit) for endpoint in design.endpoints]
    wanted += [("families.visits", visit) for family in design.families for visit in family.visits]
    wanted.append(("analysis.visit", design.analysis.visit))
    for column, name in wanted:
        if name and name not in visits:
            yield _unknown("unknown_visit", column, name, known=visits, noun="visit")
    estimands = {estimand.id for estimand in design.estimands}
    for endpoint in design.endpoints:
        if endpoint.estimand and estimands and endpoint.estimand not in estimands:
            yield _unknown(
                "unknown_estimand", "endpoints.estimand", endpoint.estimand, known=estimands, noun="estimand"
            )
    reference = design.analysis.reference
    if reference and design.arms and reference not in {arm.id for arm in design.arms}:
        yield _unknown(
            "unknown_arm", "analysis.reference", reference, known={a.id for a in design.arms}, noun="arm"
        )
    if not 0 < design.analysis.alpha < 1:
        found = f"{design.analysis.alpha:g}"
        yield _fault("setting_invalid", "analysis.alpha", "alpha lies between 0 and 1", found=found)


def _unknown(code: str, column: str, name: str, *, known: set[str], noun: str) -> Problem:
    return Problem(
        code=code,
        table=TABLE,
        column=column,
        found=name,
        expected=f"one of {listed(sorted(known), 20)}" if known else f"a declared {noun}",
        nearest=nearest(name, known) or "",
        what=f"no such {noun}",
        scope="study",
    )


def _measures(design: StudyDesign) -> Iterator[Problem]:
    muscle = design.measures.get("mmt8")
    if muscle is not None and muscle.maximum is not None and muscle.maximum not in (80, 150):
        found = f"{muscle.maximum:g}"
        what = "150 for the bilateral MMT-8, 80 for the unilateral"
        yield _fault("mmt_max_invalid", "measures.mmt8.maximum", what, found=found, expected="150 or 80")
    for name, spec in design.measures.items():
        if spec.uln is not None and spec.uln <= 0:
            yield _fault("uln_invalid", f"measures.{name}.uln", "a ULN is above 0", found=f"{spec.uln:g}")
