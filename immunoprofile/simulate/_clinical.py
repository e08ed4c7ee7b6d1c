"""Clinical response: the score that Treg expansion drives, and six core set measures that give it exactly.

Points of the total improvement score: ACR/EULAR 2016, doi:10.1136/annrheumdis-2017-211400. Values stand on
whole steps of their scale, so that a percent change is a ratio of integers and no rounding decides a point.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from immunoprofile.simulate._cohort import CLINICAL, random_stream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.random import Generator
    from numpy.typing import NDArray

    from immunoprofile.simulate._cohort import Cohort

INTERCEPT, SLOPE, NOISE = -0.85, 1.2, 0.3
"""logit P(TIS >= 20) = INTERCEPT + SLOPE (ln Treg ratio, change from baseline) + NOISE u, u ~ N(0, 1)."""
THRESHOLD, SPREAD = 20.0, 15.0
"""Latent score = THRESHOLD + SPREAD (probit(P) + e), e ~ N(0, 1)."""
VISIT_CORRELATION = 0.9
"""Of e between another visit and the one that the endpoint is judged at."""
CK_ULN, LDH_ULN = 200, 250


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A core set measure on whole steps.

    Attributes
    ----------
    id : str
    decimals, per_unit : int
        How a number of steps is written: steps / per_unit with so many decimals.
    span : int
        Range of the score's percent change, in steps.
    limits : tuple of int
        Percent above which the next points are given.
    points : tuple of float
    baseline : tuple of int
        Lowest and highest steps at baseline.
    upward : bool
        Whether more is better.
    unit : str
    uln : int or None
    """

    id: str
    decimals: int
    per_unit: int
    span: int
    limits: tuple[int, ...]
    points: tuple[float, ...]
    baseline: tuple[int, int]
    upward: bool = False
    unit: str = "cm"
    uln: int | None = None

    def level(self, improvement: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give the row of the point table that an improvement (in steps) falls in."""
        limits = np.array(self.limits).reshape(-1, *[1] * improvement.ndim)
        return np.asarray(np.sum(100 * improvement > limits * self.span, axis=0), dtype=np.int64)

    def reach(self, baseline: int) -> int:
        """Give the largest improvement from a baseline."""
        return self.span - baseline if self.upward else baseline

    def text(self, steps: int) -> str:
        """Write a value."""
        return f"{steps / self.per_unit:.{self.decimals}f}"


_USUAL = (5, 15, 25, 40)
MEASURES: tuple[Measure, ...] = (
    Measure(
        id="physician_global",
        decimals=1,
        per_unit=10,
        span=100,
        limits=_USUAL,
        points=(0, 7.5, 15, 17.5, 20),
        baseline=(38, 82),
    ),
    Measure(
        id="patient_global",
        decimals=1,
        per_unit=10,
        span=100,
        limits=_USUAL,
        points=(0, 2.5, 5, 7.5, 10),
        baseline=(35, 85),
    ),
    Measure(
        id="mmt8",
        decimals=0,
        per_unit=1,
        span=150,
        limits=(2, 10, 20, 30),
        points=(0, 10, 20, 27.5, 32.5),
        baseline=(85, 125),
        upward=True,
        unit="points",
    ),
    Measure(
        id="haq",
        decimals=3,
        per_unit=8,
        span=24,
        limits=_USUAL,
        points=(0, 5, 7.5, 7.5, 10),
        baseline=(6, 19),
        unit="points",
    ),
    Measure(
        id="ck",
        decimals=0,
        per_unit=1,
        span=15 * CK_ULN,
        limits=_USUAL,
        points=(0, 2.5, 5, 7.5, 7.5),
        baseline=(500, 2600),
        unit="U/L",
        uln=CK_ULN,
    ),
    Measure(
        id="extramuscular",
        decimals=1,
        per_unit=10,
        span=100,
        limits=_USUAL,
        points=(0, 7.5, 12.5, 15, 20),
        baseline=(15, 65),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What was drawn for a subject at a visit."""

    probability: float
    latent: float
    score: float


def responses(cohort: Cohort) -> dict[tuple[int, int], tuple[Score | None, dict[str, int]]]:
    """Draw the course of every subject.

    Returns
    -------
    dict
        (subject, visit) to the score (none at baseline) and the values of all measures in steps, ``ldh``
        (U/L) among them.
    """
    out: dict[tuple[int, int], tuple[Score | None, dict[str, int]]] = {}
    for subject in cohort.subjects:
        rng = random_stream(cohort.seed, CLINICAL, subject.number)
        u, e = rng.standard_normal(2)
        baseline = {m.id: int(rng.integers(m.baseline[0], m.baseline[1] + 1)) for m in MEASURES}
        ldh = int(rng.integers(200, 450))
        out[subject.number, 0] = None, {**baseline, "ldh": ldh}
        before = cohort.of(subject.number, 0).log_ratio
        for visit in range(1, len(cohort.visits)):
            rng = random_stream(cohort.seed, CLINICAL, subject.number, visit)
            own = e
            if visit != cohort.response_visit:
                own = VISIT_CORRELATION * e + (1 - VISIT_CORRELATION**2) ** 0.5 * rng.standard_normal()
            change = cohort.of(subject.number, visit).log_ratio - before
            drawn = _drawn(change, float(u), float(own))
            score, values = back_fill(rng, baseline, drawn.latent)
            values["ldh"] = max(100, ldh + int(rng.integers(-60, 61)))
            out[subject.number, visit] = (
                Score(probability=drawn.probability, latent=drawn.latent, score=score),
                values,
            )
    return out


def _drawn(change: float, u: float, e: float) -> Score:
    logit = INTERCEPT + SLOPE * change + NOISE * u
    probability = 1 / (1 + float(np.exp(-logit)))
    latent = THRESHOLD + SPREAD * (NormalDist().inv_cdf(probability) + e)
    return Score(probability=probability, latent=latent, score=float("nan"))


@cache
def _combinations() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Give every combination of point levels (n, 6) and its score."""
    levels = np.array(list(product(*(range(len(m.points)) for m in MEASURES))), dtype=np.int64)
    points = [np.array(m.points)[levels[:, column]] for column, m in enumerate(MEASURES)]
    return levels, np.sum(points, axis=0)


def back_fill(rng: Generator, baseline: Mapping[str, int], wanted: float) -> tuple[float, dict[str, int]]:
    """Give the attainable score nearest to `wanted`, and values of the six measures that give it exactly."""
    levels, scores = _combinations()
    best = [int(m.level(np.array(m.reach(baseline[m.id])))) for m in MEASURES]
    within = np.flatnonzero((levels <= best).all(axis=1))
    distance = np.abs(scores[within] - min(max(wanted, 0.0), 100.0))
    nearest = scores[within[np.argmin(distance)]]
    fitting = within[scores[within] == nearest]
    chosen = levels[fitting[int(rng.integers(fitting.size))]]
    values = {
        m.id: _value(rng, m, baseline=baseline[m.id], level=int(level))
        for m, level in zip(MEASURES, chosen, strict=True)
    }
    return float(nearest), values


def _value(rng: Generator, measure: Measure, *, baseline: int, level: int) -> int:
    """Choose a value that earns the points of `level`; exactly on a limit only where nothing else does."""
    worse = min(measure.span * 3 // 100, baseline if measure.upward else measure.span - baseline)
    improvement = np.arange(-worse, measure.reach(baseline) + 1)
    fitting = improvement[measure.level(improvement) == level]
    inside = fitting[~np.isin(100 * fitting, [limit * measure.span for limit in measure.limits])]
    options = inside if inside.size else fitting
    step = int(options[int(rng.integers(options.size))])
    return baseline + step if measure.upward else baseline - step
