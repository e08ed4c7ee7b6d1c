"""The plan of a simulated trial: who, when, which arm, how many Treg, and what shifts the tubes.

Every draw has a random stream of its own, named by subject and visit, so that nothing depends on the order of
work and the first subjects stay the same when more are asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count
from math import log
from typing import TYPE_CHECKING

import numpy as np

from immunoprofile.simulate._events import Tube

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

    from immunoprofile.simulate._densities import Densities

ACTIVE, CONTROL = "IL2", "PBO"
DESIGN, SITE, SUBJECT, TUBE, MISSING, CLINICAL, DOSES = range(7)
"""Names of the random streams."""
BETWEEN_SD, WITHIN_SD = 0.25, 0.08
"""Of the ln Treg ratio: between subjects, and between the specimens of one."""
TUBE_SD, SITE_CD25, SITE_OTHER = 0.05, 0.6, 0.3
"""Shifts in z: sd of a tube's CD25 and CD127; half range of a site's CD25 and of its other markers."""
MISSING_SHARE, NEAR_EMPTY_SHARE, NEAR_EMPTY_EVENTS = (0.05, 0.10), 0.02, 200
BASELINES_NEEDED = 3
"""Full baseline tubes that a site keeps (where it has as many): a batch places its own cuts from three on."""
MARKER_SHIFTS = {("tconv", "CD25"): 0.25, ("treg", "CD25"): 0.35, ("tconv", "CD127"): -0.20}
"""Shift in z of CD4 T cells in the active arm after baseline, at a marker shift of 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A visit of the schedule; `delta` is the mean ln Treg ratio of the active arm."""

    id: str
    label: str
    day: int
    before: int
    after: int
    delta: float


VISITS: tuple[Visit, ...] = (
    Visit(id="W0", label="Baseline", day=1, before=28, after=0, delta=0.0),
    Visit(id="W4", label="Week 4", day=29, before=7, after=7, delta=0.45),
    Visit(id="W12", label="Week 12", day=85, before=7, after=7, delta=0.69),
    Visit(id="W24", label="Week 24", day=169, before=14, after=14, delta=0.60),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A participant."""

    number: int
    id: str
    site: int
    arm: str
    sex: str
    age_years: int
    weight_kg: int
    first_dose: date
    randomised: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Specimen:
    """One tube of one draw; `missing` where it never came, `n_events` small where the tube was near empty."""

    subject: int
    visit: int
    collected: date
    log_ratio: float
    tube_shift: tuple[float, float]
    n_events: int
    missing: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cohort:
    """All that is decided before a tube is drawn.

    Attributes
    ----------
    seed : int
    visits : tuple of Visit
        With the deltas in force.
    subjects : tuple of Subject
    site_ids : tuple of str
    site_shift : ndarray (n_sites, n_markers)
    specimens : tuple of Specimen
        Of every subject and visit, in this order, the missing ones too.
    marker_shift, drift : float
    """

    seed: int
    visits: tuple[Visit, ...]
    subjects: tuple[Subject, ...]
    site_ids: tuple[str, ...]
    site_shift: NDArray[np.float64]
    specimens: tuple[Specimen, ...]
    marker_shift: float
    drift: float

    @property
    def response_visit(self) -> int:
        """Position of week 12, or of the last visit where there are fewer than three."""
        return _response_visit(len(self.visits))

    def of(self, subject: int, visit: int) -> Specimen:
        """Give the specimen of a subject at a visit."""
        return self.specimens[subject * len(self.visits) + visit]

    def stem(self, specimen: Specimen) -> str:
        """Name of the specimen's file, without suffix: subject and visit, nothing else."""
        return f"{self.subjects[specimen.subject].id}_{self.visits[specimen.visit].id}"


def random_stream(seed: int, *name: int) -> Generator:
    """Give the generator of a named stream."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=name)))


def _response_visit(visits: int) -> int:
    return 2 if visits >= 3 else visits - 1


def plan(
    densities: Densities,
    *,
    subjects: int,
    visits: int,
    sites: int,
    events: int,
    seed: int,
    effect: float | None,
) -> Cohort:
    """Decide all but the shifts that the caller adds: people, arms, dates, ln ratios, missing tubes."""
    schedule = _schedule(visits, effect)
    people = _people(subjects, sites, seed)
    lost, near_empty = _losses(people, visits=visits, sites=sites, seed=seed)
    specimens = []
    for person in people:
        level = BETWEEN_SD * random_stream(seed, SUBJECT, person.number).standard_normal()
        for position, visit in enumerate(schedule):
            rng = random_stream(seed, SUBJECT, person.number, position)
            delta = visit.delta if person.arm == ACTIVE else 0.0
            key = (person.number, position)
            specimens.append(
                Specimen(
                    subject=person.number,
                    visit=position,
                    collected=_collected(rng, person.first_dose, visit),
                    log_ratio=float(level + delta + WITHIN_SD * rng.standard_normal()),
                    tube_shift=(
                        float(TUBE_SD * rng.standard_normal()),
                        float(TUBE_SD * rng.standard_normal()),
                    ),
                    n_events=min(NEAR_EMPTY_EVENTS, events) if key in near_empty else events,
                    missing=key in lost,
                )
            )
    return Cohort(
        seed=seed,
        visits=schedule,
        subjects=people,
        site_ids=tuple(f"S{_padded(site + 1, sites)}" for site in range(sites)),
        site_shift=np.stack([_site_shift(densities, seed, site) for site in range(sites)]),
        specimens=tuple(specimens),
        marker_shift=0.0,
        drift=0.0,
    )


def _schedule(visits: int, effect: float | None) -> tuple[Visit, ...]:
    chosen = VISITS[:visits]
    reference = chosen[_response_visit(visits)].delta
    scale = log(effect) / reference if effect is not None and reference else 1.0
    return tuple(
        Visit(id=v.id, label=v.label, day=v.day, before=v.before, after=v.after, delta=scale * v.delta)
        for v in chosen
    )


def _padded(number: int, largest: int) -> str:
    return str(number).zfill(len(str(largest)))


def _people(subjects: int, sites: int, seed: int) -> tuple[Subject, ...]:
    arms = _arms([len(range(site, subjects, sites)) for site in range(sites)], seed)
    seen = [count(1) for _ in range(sites)]
    people = []
    for number in range(subjects):
        site = number % sites
        within = next(seen[site])
        rng = random_stream(seed, DESIGN, 1, number)
        first_dose = date(2024, 1, 8) + timedelta(days=int(rng.integers(0, 300)))
        people.append(
            Subject(
                number=number,
                id=f"P{_padded(site + 1, sites)}{within:02d}",
                site=site,
                arm=arms[site][within - 1],
                sex="F" if rng.random() < 0.68 else "M",
                age_years=int(np.clip(round(rng.normal(49, 12)), 18, 75)),
                weight_kg=int(np.clip(round(rng.normal(64, 11)), 42, 110)),
                first_dose=first_dose,
                randomised=first_dose - timedelta(days=int(rng.integers(0, 4))),
            )
        )
    return tuple(people)


def _arms(sizes: Sequence[int], seed: int) -> list[list[str]]:
    """Allocate 1:1 within each site; where a site is odd, the arm that gets one more alternates."""
    rng = random_stream(seed, DESIGN, 0)
    more = int(rng.integers(0, 2))
    out = []
    for size in sizes:
        half = [ACTIVE, CONTROL] * (size // 2)
        if size % 2:
            half.append((ACTIVE, CONTROL)[more])
            more = 1 - more
        out.append([half[place] for place in rng.permutation(size)])
    return out


def _collected(rng: Generator, first_dose: date, visit: Visit) -> date:
    days = -int(rng.integers(1, 8)) if visit.day == 1 else visit.day - 1 + int(rng.integers(-3, 4))
    return first_dose + timedelta(days=days)


def _site_shift(densities: Densities, seed: int, site: int) -> NDArray[np.float64]:
    shift = random_stream(seed, SITE, site).uniform(-1.0, 1.0, len(densities.markers))
    half = np.where(np.array(densities.markers) == "CD25", SITE_CD25, SITE_OTHER)
    return np.asarray(shift * half, dtype=np.float64)


def _losses(
    people: Sequence[Subject], *, visits: int, sites: int, seed: int
) -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
    """Choose the specimens that never came and the tubes that were near empty."""
    rng = random_stream(seed, MISSING)
    total = len(people) * visits
    spare = [len(range(site, len(people), sites)) - BASELINES_NEEDED for site in range(sites)]
    order = []
    for place in rng.permutation(total):
        subject, visit = divmod(int(place), visits)
        if visit == 0:
            spare[people[subject].site] -= 1
            if spare[people[subject].site] < 0:
                continue
        order.append((subject, visit))
    n_lost = _number_lost(rng.uniform(*MISSING_SHARE), total)
    n_empty = int(NEAR_EMPTY_SHARE * (total - n_lost) + 0.5)
    return set(order[:n_lost]), set(order[n_lost : n_lost + n_empty])


def _number_lost(share: float, total: int) -> int:
    low, high = -int(-MISSING_SHARE[0] * total // 1), int(MISSING_SHARE[1] * total)
    drawn = int(share * total + 0.5)
    return min(max(drawn, low), high) if low <= high else drawn


def tube_of(cohort: Cohort, densities: Densities, specimen: Specimen) -> Tube:
    """Give what is in the tube of a specimen, with every shift in force."""
    subject = cohort.subjects[specimen.subject]
    common = cohort.site_shift[subject.site].copy()
    cd25, cd127 = densities.position("CD25"), densities.position("CD127")
    common[cd25] += specimen.tube_shift[0]
    common[cd127] += specimen.tube_shift[1]
    by_type = np.zeros(densities.mean.shape)
    if specimen.visit > 0:
        common[cd25] += cohort.drift
        if subject.arm == ACTIVE:
            by_type += marker_shifts(densities, cohort.marker_shift)
    return Tube(log_ratio=specimen.log_ratio, common=common, by_type=by_type)


def marker_shifts(densities: Densities, size: float) -> NDArray[np.float64]:
    """Give the shift of each type and marker that the drug makes, beside the expansion."""
    groups = {"treg": densities.is_treg, "tconv": densities.is_cd4 & ~densities.is_treg}
    shifts = np.zeros(densities.mean.shape)
    for (group, marker), shift in MARKER_SHIFTS.items():
        shifts[groups[group], densities.position(marker)] = size * shift
    return shifts


def effect_ratios(cohort: Cohort) -> dict[str, float]:
    """Give the ratio active / placebo of the Treg share at each later visit: what an analysis estimates."""
    return {visit.id: float(np.exp(visit.delta)) for visit in cohort.visits[1:]}


def realised_ratios(cohort: Cohort) -> dict[str, float | None]:
    """Give exp of the difference of the arms' mean ln changes, of the subjects whose two tubes are there."""
    out: dict[str, float | None] = {}
    for position, visit in enumerate(cohort.visits[1:], start=1):
        changes: dict[str, list[float]] = {ACTIVE: [], CONTROL: []}
        for subject in cohort.subjects:
            before, later = cohort.of(subject.number, 0), cohort.of(subject.number, position)
            if not (before.missing or later.missing):
                changes[subject.arm].append(later.log_ratio - before.log_ratio)
        known = all(changes.values())
        difference = float(np.mean(changes[ACTIVE]) - np.mean(changes[CONTROL])) if known else 0.0
        out[visit.id] = float(np.exp(difference)) if known else None
    return out
