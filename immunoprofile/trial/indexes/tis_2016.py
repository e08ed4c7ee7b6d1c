"""Total improvement score (TIS), ACR/EULAR 2016, adult and juvenile: 0 to 100 points from six measures.

Aggarwal 2017, doi:10.1136/annrheumdis-2017-211400; Rider 2017, doi:10.1136/annrheumdis-2017-211401. The table
is data (``data/tis_2016.toml``); the arithmetic is on the decimals as written, because a change of exactly
5 % earns nothing and binary floats cannot say "exactly".
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal

from immunoprofile.core import choose
from immunoprofile.trial.indexes._contract import (
    Component,
    FrozenMap,
    Measure,
    Response,
    ScoreContext,
)
from immunoprofile.trial.indexes._core_set import (
    SCALES,
    declared_maximum,
    known_enzymes,
    known_limits,
    known_measures,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from immunoprofile.trial.indexes._contract import Status

Population = Literal["adult", "juvenile"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A row of the point table."""

    key: str
    label: str
    cells: tuple[tuple[Fraction, float], ...]

    @property
    def top(self) -> float:
        return self.cells[-1][1]

    def points(self, percent: Fraction) -> float:
        earned = 0.0
        for above, points in self.cells:
            if percent > above:
                earned = points
        return earned


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    version: str
    rows: tuple[_Row, ...]
    enzymes: tuple[tuple[str, int], ...]
    levels: FrozenMap[tuple[tuple[str, float], ...]]


@cache
def _table() -> _Table:
    text = resources.files("immunoprofile.trial").joinpath("data/tis_2016.toml").read_text(encoding="utf-8")
    content = tomllib.loads(text)
    rows = tuple(
        _Row(
            key=row["key"],
            label=row["label"],
            cells=tuple((Fraction(cell["above"]), float(cell["points"])) for cell in row["cells"]),
        )
        for row in content["measures"]
    )
    levels = {
        population: tuple((name, float(level[name])) for name in ("minimal", "moderate", "major"))
        for population, level in content["levels"].items()
    }
    enzymes = tuple((enzyme["key"], int(enzyme["range"])) for enzyme in content["enzymes"])
    return _Table(version=content["version"], rows=rows, enzymes=enzymes, levels=FrozenMap(levels))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One component before it is told: its percent, and the most it could be."""

    row: _Row
    percent: Fraction | None
    best_percent: Fraction | None
    """Most that a missing component could reach; None: anything."""
    attainable: float
    enzyme: str | None = None

    @property
    def points(self) -> float | None:
        return None if self.percent is None else self.row.points(self.percent)

    @property
    def most(self) -> float:
        known = self.points
        if known is not None:
            return known
        return self.row.top if self.best_percent is None else self.row.points(self.best_percent)

    def component(self) -> Component:
        return Component(
            absolute_percent=None if self.percent is None else float(self.percent),
            points=self.points,
            enzyme_used=self.enzyme,
            has_enzyme=self.row.key == "enzyme",
        )

    def words(self) -> str:
        label = (
            self.enzyme.upper() if self.enzyme not in (None, "aldolase") else self.enzyme or self.row.label
        )
        points = self.points
        return f"{label} {'missing' if points is None else format(points, 'g')}"


def _simple_part(
    row: _Row, before: Fraction | None, after: Fraction | None, *, span: int, higher_is_better: bool
) -> _Part:
    """Score a measure with a fixed range; `span` is both its range and the distance from worst to best."""
    best, worst = (Fraction(span), Fraction(0)) if higher_is_better else (Fraction(0), Fraction(span))
    sign = 1 if higher_is_better else -1

    def percent(start: Fraction, end: Fraction) -> Fraction:
        return 100 * sign * (end - start) / span

    known = percent(before, after) if before is not None and after is not None else None
    reach = percent(before, best) if before is not None else None
    from_worst = percent(worst, after) if before is None and after is not None else reach
    attainable = row.top if reach is None else row.points(reach)
    return _Part(row=row, percent=known, best_percent=from_worst, attainable=attainable)


def _enzyme_part(
    row: _Row, before: Mapping[str, Fraction], after: Mapping[str, Fraction], *, uln: Mapping[str, Fraction]
) -> _Part:
    """Score the enzyme with the highest multiple of its limit at baseline; the first wins ties."""
    used, span, multiple = None, 1, Fraction(-1)
    for key, enzyme_range in _table().enzymes:
        if key in before and before[key] / uln[key] > multiple:
            used, span, multiple = key, enzyme_range, before[key] / uln[key]
    if used is None:
        return _Part(row=row, percent=None, best_percent=None, attainable=row.top)
    reach = 100 * multiple / span
    percent = 100 * (multiple - after[used] / uln[used]) / span if used in after else None
    return _Part(row=row, percent=percent, best_percent=reach, attainable=row.points(reach), enzyme=used)


@dataclass(frozen=True, slots=True, kw_only=True)
class TotalImprovementScore:
    """The total improvement score of one population.

    Attributes
    ----------
    id : str
    population : str
        ``adult`` or ``juvenile``: the same points, other levels.
    """

    id: str
    population: Population

    @property
    def version(self) -> str:
        """Version of the point table."""
        return _table().version

    @property
    def title(self) -> str:
        """Short name."""
        return "TIS"

    @property
    def direction(self) -> str:
        """A higher score is better."""
        return "higher"

    @property
    def confirmed(self) -> bool:
        """Points and levels stand in the published table."""
        return True

    @property
    def levels(self) -> tuple[tuple[str, float], ...]:
        """Names of the levels and their lowest scores."""
        return _table().levels[self.population]

    @property
    def components(self) -> tuple[str, ...]:
        """Names of the six components."""
        return tuple(row.key for row in _table().rows)

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The measures that a study has to carry."""
        plain = [
            Measure(name=name, scale="points" if name == "haq" else "vas_cm", lower=0, upper=top)
            for name, top in SCALES.items()
        ]
        muscle = Measure(name="mmt8", scale="points", lower=0, upper=None, higher_is_better=True)
        enzymes = [
            Measure(name=key, scale="multiple of ULN", lower=0, upper=None, required=False)
            for key, _ in _table().enzymes
        ]
        return (*plain, muscle, *enzymes)

    def score(
        self, baseline: Mapping[str, Any], current: Mapping[str, Any], context: ScoreContext
    ) -> Response:
        """Score the values of a visit against those of the baseline."""
        mmt_max = declared_maximum(context.mmt_max)
        uln = known_limits(context.uln)
        before = known_measures(baseline, mmt_max=mmt_max, when="baseline")
        after = known_measures(current, mmt_max=mmt_max, when="current")
        names = [key for key, _ in _table().enzymes]
        enzymes = [
            known_enzymes(values.get("enzymes"), uln, when=when, known=names)
            for values, when in ((baseline, "baseline"), (current, "current"))
        ]
        parts = []
        for row in _table().rows:
            if row.key == "enzyme":
                parts.append(_enzyme_part(row, enzymes[0], enzymes[1], uln=uln))
            else:
                span = SCALES.get(row.key, mmt_max)
                values = before.get(row.key), after.get(row.key)
                parts.append(_simple_part(row, *values, span=span, higher_is_better=row.key == "mmt8"))
        return self._answer(parts, context)

    def _answer(self, parts: list[_Part], context: ScoreContext) -> Response:
        missing = tuple(part.row.key for part in parts if part.percent is None)
        lower = sum(part.points or 0.0 for part in parts)
        upper = sum(part.most for part in parts)
        attainable = sum(part.attainable for part in parts)
        score = lower if not missing or context.missing == "zero" else None
        level = None if score is None else self._level(score)
        status: Status = "missing" if missing else "observed"
        if missing and context.bounds and self._level(lower) == self._level(upper):
            status, level = "determined_by_bounds", self._level(lower)
        shown = not missing or context.bounds
        reasons = tuple(f"level_unattainable:{name}" for name, least in self.levels if attainable < least)
        return Response(
            score=score,
            level=level,
            lower=lower if shown else None,
            upper=upper if shown else None,
            components=FrozenMap({part.row.key: part.component() for part in parts}),
            attainable_max=attainable,
            status=status,
            reasons=(*reasons, *(f"component_missing:{name}" for name in missing)),
            missing=missing,
            text=self._text(parts, score=score, level=level, bounds=(lower, upper)),
        )

    def _level(self, score: float) -> str:
        reached = "none"
        for name, least in self.levels:
            if score >= least:
                reached = name
        return reached

    def _text(
        self, parts: list[_Part], *, score: float | None, level: str | None, bounds: tuple[float, float]
    ) -> str:
        head = f"{score:g}" if score is not None else f"missing, {bounds[0]:g} to {bounds[1]:g}"
        terms = " + ".join(part.words() for part in parts)
        attainable = sum(part.attainable for part in parts)
        return f"{self.title} {head} ({level or 'level open'}) = {terms}; most reachable {attainable:g}"


TIS_2016_ADULT = TotalImprovementScore(id="tis_2016_adult", population="adult")
TIS_2016_JUVENILE = TotalImprovementScore(id="tis_2016_juvenile", population="juvenile")


def total_improvement_score(
    baseline: Mapping[str, Any],
    current: Mapping[str, Any],
    uln: Mapping[str, Any] | None = None,
    *,
    mmt_max: int | None = None,
    missing: Literal["strict", "zero"] = "strict",
    bounds: bool = True,
    population: Population = "adult",
) -> Response:
    """Score the 2016 ACR/EULAR total improvement of one subject.

    Parameters
    ----------
    baseline, current : mapping
        ``physician_global``, ``patient_global`` and ``extramuscular`` (0-10 cm), ``mmt8``, ``haq`` (0-3) and
        ``enzymes``, a mapping of ck, aldolase, ldh, ast, alt. None or an absent key is missing.
    uln : mapping, optional
        Upper limits of normal by enzyme, in the unit of the values.
    mmt_max : int
        150 (bilateral) or 80 (unilateral); no default, because a guess would change the score.
    missing : {"strict", "zero"}
        ``strict``: the score is missing unless all six components are known; ``zero``: a missing component
        counts 0, so that the score is the lower bound.
    bounds : bool
        Whether lower and upper bounds are given under missing values.
    population : {"adult", "juvenile"}
        Which levels hold.

    Returns
    -------
    Response

    Raises
    ------
    StudyError
        ``out_of_range``, ``mmt_max_missing``, ``mmt_max_invalid``, ``mmt_above_max``, ``uln_missing``,
        ``uln_invalid``, ``unknown_measure``.

    Examples
    --------
    >>> before = {"physician_global": 6.3, "patient_global": 5.1, "mmt8": 110, "haq": 1.5,
    ...           "enzymes": {"ck": 900}, "extramuscular": 4.4}
    >>> after = {"physician_global": 3.8, "patient_global": 3.2, "mmt8": 130, "haq": 0.75,
    ...          "enzymes": {"ck": 300}, "extramuscular": 2.1}
    >>> total_improvement_score(before, after, {"ck": 200}, mmt_max=150)
    TIS 65 (major) = physician 15 + patient 5 + MMT 20 + HAQ 7.5 + CK 5 + extramuscular 12.5;
    most reachable 95
    """
    choose(missing, ("strict", "zero"), what="missing")
    choose(population, ("adult", "juvenile"), what="population")
    index = TIS_2016_ADULT if population == "adult" else TIS_2016_JUVENILE
    context = ScoreContext(uln=uln or {}, mmt_max=mmt_max, missing=missing, bounds=bounds)
    return index.score(baseline, current, context)
