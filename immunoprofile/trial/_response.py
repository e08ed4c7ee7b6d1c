"""The clinical response of a study: one row a subject and visit, scored by a response index."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from immunoprofile.core import Column, StudyError, tidy
from immunoprofile.trial._measures import ENZYMES
from immunoprofile.trial._visits import Record, choose_visits, dates_of
from immunoprofile.trial.indexes import ScoreContext, find_index
from immunoprofile.trial.indexes._exact import exact

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from immunoprofile.trial._schema import Visit
    from immunoprofile.trial._study import Study
    from immunoprofile.trial.indexes import Response, ResponseIndex

RULE = re.compile(r"\s*(score|level)\s*(>=|>|<=|<|==|!=)\s*(\S+)\s*")
FRONT = (
    Column(name="subject", dtype="string", meaning="subject"),
    Column(name="visit", dtype="string", meaning="visit"),
    Column(name="score", dtype="float64", meaning="score; missing where it is not known"),
    Column(name="level", dtype="string", meaning="highest level reached; missing where it is open"),
    Column(name="responder", dtype="boolean", meaning="by the endpoint's rule, else level minimal or better"),
    Column(name="lower", dtype="float64", meaning="least that the score can be"),
    Column(name="upper", dtype="float64", meaning="most that the score can be"),
    Column(name="status", dtype="string", meaning="observed, determined_by_bounds, missing, intercurrent"),
    Column(name="attainable_max", dtype="float64", meaning="most that can be reached from this baseline"),
)


def response(study: Study, index: str) -> pd.DataFrame:
    """Score every subject at every visit after the baseline.

    Parameters
    ----------
    study : Study
        Its clinical table carries the measures; the baseline is chosen by the declared rule.
    index : str
        Id of a response index, as ``tis_2016_adult``.

    Returns
    -------
    DataFrame
        subject, visit, score, level, responder, lower, upper, status, attainable_max, the points of every
        component by its name, enzyme_used, reasons. ``attrs``: index, levels, rule.

    Raises
    ------
    StudyError
        ``index_unknown``, ``clinical_missing``, ``mmt_max_missing``, ``scale_unsupported``,
        ``rule_invalid``; a value that an index refuses, with subject and visit.
    """
    import pandas as pd

    found = find_index(index)
    clinical = study.clinical
    names = {measure.name for measure in found.measures}
    clinical = clinical[clinical["measure"].isin(names)]
    if not len(clinical):
        hint = f"clinical.csv needs {', '.join(sorted(names))}"
        raise StudyError("clinical_missing", f"no measure of {index} is in the study", hint=hint)
    judge = _Judge.of(study, found)
    scorer = _Scorer(study=study, index=found, mmt_max=_muscle_maximum(study))
    visits = [
        visit
        for visit in study.visit_values
        if visit.role not in ("baseline", "screening") and (clinical["visit"] == visit.id).any()
    ]
    rows = []
    for subject, records in clinical.groupby("subject", sort=True):
        values = scorer.values_of(str(subject), records)
        for visit in visits:
            answer = scorer.score(str(subject), values, visit)
            rows.append(_row(str(subject), visit.id, answer, responder=judge.says(answer, visit.id)))
    frame = tidy(pd.DataFrame(rows), _columns(found))
    frame.attrs.update(index=found.id, levels=dict(found.levels), rule=judge.words)
    return frame


def _columns(index: ResponseIndex) -> tuple[Column, ...]:
    parts = tuple(
        Column(name=n, dtype="float64", meaning="points of this component") for n in index.components
    )
    rest = (
        Column(name="enzyme_used", dtype="string", meaning="the enzyme that counts"),
        Column(name="reasons", dtype="string", meaning="why a level or the score is out of reach"),
    )
    return (*FRONT, *parts, *rest)


def _row(subject: str, visit: str, answer: Response, *, responder: bool | None) -> dict[str, Any]:
    names = ("score", "level", "lower", "upper", "status", "attainable_max")
    used = [part.enzyme_used for part in answer.components.values() if part.enzyme_used]
    return {
        "subject": subject,
        "visit": visit,
        **{name: getattr(answer, name) for name in names},
        "responder": responder,
        **{name: part.points for name, part in answer.components.items()},
        "enzyme_used": used[0] if used else None,
        "reasons": ";".join(answer.reasons),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judge:
    """Who is a responder: by the endpoint's rule, true where every completion of missing values agrees."""

    rules: Mapping[str, tuple[str, str, str]]
    levels: tuple[str, ...]
    higher: bool
    words: str

    @classmethod
    def of(cls, study: Study, index: ResponseIndex) -> _Judge:
        levels = tuple(name for name, _ in index.levels)
        rules: dict[str, tuple[str, str, str]] = {}
        declared = [e for e in study.endpoints if e.response == index.id and e.rule]
        for endpoint in declared:
            rules.setdefault(endpoint.visit, cls._parsed(endpoint.rule, endpoint.id, levels))
        if declared:  # the first endpoint's rule holds for the visits that no endpoint names
            rules.setdefault("", rules[declared[0].visit])
        words = declared[0].rule if declared else f"level >= {levels[0]}"
        return cls(rules=rules, levels=levels, higher=index.direction == "higher", words=words)

    @staticmethod
    def _parsed(rule: str, endpoint: str, levels: Sequence[str]) -> tuple[str, str, str]:
        found = RULE.fullmatch(rule)
        where = f"study.toml, endpoint {endpoint}"
        hint = f'"score >= 20" or "level >= {levels[0]}"'
        if found is None:
            raise StudyError("rule_invalid", f"cannot read the rule {rule!r}", where=where, hint=hint)
        what, operator, bound = found.groups()
        numeric = re.fullmatch(r"-?\d+(\.\d+)?", bound) is not None
        if (what == "score") != numeric or (what == "level" and bound not in ("none", *levels)):
            raise StudyError("rule_invalid", f"cannot read the bound {bound!r}", where=where, hint=hint)
        return what, operator, bound

    def says(self, answer: Response, visit: str) -> bool | None:
        what, operator, bound = self.rules.get(visit, self.rules.get("", ("level", ">=", self.levels[0])))
        if what == "level":
            order = ("none", *self.levels)
            if answer.level is None:
                return None
            return _compare(order.index(answer.level), operator, order.index(bound))
        limit = float(bound)
        if answer.score is not None:
            return _compare(answer.score, operator, limit)
        if answer.lower is None or answer.upper is None or operator in ("==", "!="):
            return None
        ends = {_compare(answer.lower, operator, limit), _compare(answer.upper, operator, limit)}
        return ends.pop() if len(ends) == 1 else None


def _compare(value: float, operator: str, bound: float) -> bool:
    outcomes = {
        ">=": value >= bound,
        ">": value > bound,
        "<=": value <= bound,
        "<": value < bound,
        "==": value == bound,
        "!=": value != bound,
    }
    return outcomes[operator]


def _muscle_maximum(study: Study) -> int | None:
    spec = study.design.measures.get("mmt8")
    return None if spec is None or spec.maximum is None else int(spec.maximum)


Key = tuple[str, str]
"""Measure and visit; the baseline stands under the visit ``#baseline``."""
BASELINE = "#baseline"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scorer:
    """Picks each measure's record for the baseline and for a visit, and scores them."""

    study: Study
    index: ResponseIndex
    mmt_max: int | None

    def values_of(self, subject: str, records: pd.DataFrame) -> dict[Key, dict[str, Any]]:
        """Give the chosen record of every measure and visit of one subject."""
        subjects = self.study.subjects[self.study.subjects["subject"] == subject]
        first = dates_of(subjects, "first_dose").get(subject)
        randomised = dates_of(subjects, "randomised").get(subject)
        baseline = self.study.design.baseline
        found: dict[Key, dict[str, Any]] = {}
        for measure, rows in records.groupby("measure", sort=False):
            entries: list[Any] = rows.to_dict("records")
            choices = choose_visits(
                [self._record(place, entry) for place, entry in enumerate(entries)],
                self.study.visit_values,
                first_dose=first,
                randomised=randomised,
                rule=baseline.measures.get(str(measure), baseline.rule),
            )
            for choice in choices:
                entry = entries[int(str(choice.key))]
                if choice.visit:
                    found[str(measure), choice.visit] = entry
                if choice.is_baseline:
                    found[str(measure), BASELINE] = entry
        return found

    @staticmethod
    def _record(place: int, entry: Mapping[str, Any]) -> Record:
        when = entry["date"]
        known = entry["value"] == entry["value"]
        return Record(
            key=place, visit=entry["visit"], when=when if isinstance(when, str) else None, known=known
        )

    def score(self, subject: str, values: Mapping[Key, Mapping[str, Any]], visit: Visit) -> Response:
        """Score a visit of a subject."""
        where = f"subject {subject}, visit {visit.id}"
        try:
            before, limits = self._side(values, BASELINE, {})
            after, limits = self._side(values, visit.id, limits)
            return self.index.score(before, after, ScoreContext(uln=limits, mmt_max=self.mmt_max))
        except StudyError as error:
            place = f"{where}, {error.where}" if error.where else where
            raise StudyError(error.code, error.problem, where=place, hint=error.hint) from error

    def _side(
        self, values: Mapping[Key, Mapping[str, Any]], visit: str, limits: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Give the values of a visit; an enzyme in the units of the limit that its baseline has."""
        side: dict[str, Any] = {}
        enzymes: dict[str, Any] = {}
        known = dict(limits)
        for measure in self.index.measures:
            entry = values.get((measure.name, visit))
            if entry is None or entry["value"] != entry["value"]:
                continue
            if measure.name in ENZYMES:
                uln = exact(entry["uln"], where=measure.name)
                value = exact(entry["value"], where=measure.name)
                if uln is not None and value is not None and measure.name in known:
                    value = value / uln * Fraction(known[measure.name])
                elif uln is not None:
                    known[measure.name] = uln
                enzymes[measure.name] = value
            else:
                side[measure.name] = self._plain(measure, entry)
        return ({**side, "enzymes": enzymes} if self._takes_enzymes() else {**side, **enzymes}), known

    def _takes_enzymes(self) -> bool:
        return "enzyme" in self.index.components

    @staticmethod
    def _plain(measure: Any, entry: Mapping[str, Any]) -> Any:
        """Give a value on the scale of the index: millimetres become centimetres."""
        value = exact(entry["value"], where=measure.name)
        if measure.scale == "vas_cm" and entry["scale"] == "vas_mm" and value is not None:
            return value / 10
        if measure.scale == "vas_cm" and entry["scale"] == "likert_0_4":
            hint = "the score is defined on visual analogue scales"
            raise StudyError("scale_unsupported", "a Likert score", where=measure.name, hint=hint)
        return value
