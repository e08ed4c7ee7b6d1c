"""What a simulated trial holds in truth: the value of ``truth.json``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from immunoprofile.simulate._clinical import (
    INTERCEPT,
    NOISE,
    SLOPE,
    SPREAD,
    THRESHOLD,
    VISIT_CORRELATION,
)
from immunoprofile.simulate._cohort import (
    BETWEEN_SD,
    NEAR_EMPTY_EVENTS,
    WITHIN_SD,
    effect_ratios,
    marker_shifts,
    realised_ratios,
)
from immunoprofile.simulate._dialects import dialect_of
from immunoprofile.simulate._folder import batch_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from immunoprofile.simulate._clinical import Score
    from immunoprofile.simulate._cohort import Cohort, Specimen
    from immunoprofile.simulate._densities import Densities

SCHEMA = 1


def truth_of(
    cohort: Cohort,
    densities: Densities,
    counts: Mapping[str, NDArray[np.int64]],
    *,
    matrices: Sequence[NDArray[np.float64]],
    clinical: Mapping[tuple[int, int], tuple[Score | None, Mapping[str, int]]],
) -> dict[str, Any]:
    """Give the truth as plain values."""
    present = [specimen for specimen in cohort.specimens if not specimen.missing]
    return {
        "schema": SCHEMA,
        "seed": cohort.seed,
        "labels": {str(code): name for code, name in enumerate(densities.labels)},
        "densities": densities.to_dict(),
        "treg_effect_ratio": effect_ratios(cohort),
        "treg_realised_ratio": realised_ratios(cohort),
        "treg_model": {
            "between_sd": BETWEEN_SD,
            "within_sd": WITHIN_SD,
            "share_of_cd4": densities.treg_share,
        },
        "arms": {subject.id: subject.arm for subject in cohort.subjects},
        "shifts": _shifts(cohort, densities),
        "spillover": {
            cohort.site_ids[site]: _spillover(site, matrix) for site, matrix in enumerate(matrices)
        },
        "specimens": {
            cohort.stem(specimen): _specimen(
                cohort, densities, specimen, counts=counts[cohort.stem(specimen)]
            )
            for specimen in present
        },
        "missing": sorted(cohort.stem(specimen) for specimen in cohort.specimens if specimen.missing),
        "response": _response(cohort, clinical),
    }


def _shifts(cohort: Cohort, densities: Densities) -> dict[str, Any]:
    drug = marker_shifts(densities, cohort.marker_shift)
    return {
        "site": {
            name: dict(zip(densities.markers, shift.tolist(), strict=True))
            for name, shift in zip(cohort.site_ids, cohort.site_shift, strict=True)
        },
        "drift": {"CD25": cohort.drift},
        "marker_shift": cohort.marker_shift,
        "active": {
            name: {
                marker: float(shift) for marker, shift in zip(densities.markers, row, strict=True) if shift
            }
            for name, row in zip(densities.types, drug, strict=True)
            if row.any()
        },
    }


def _spillover(site: int, matrix: NDArray[np.float64]) -> dict[str, Any]:
    dialect = dialect_of(site)
    detectors = [dialect.detector(marker) for marker in dialect.markers]
    return {"detectors": detectors, "markers": list(dialect.markers), "matrix": matrix.tolist()}


def _specimen(
    cohort: Cohort, densities: Densities, specimen: Specimen, *, counts: NDArray[np.int64]
) -> dict[str, Any]:
    subject = cohort.subjects[specimen.subject]
    return {
        "file": f"fcs/{cohort.stem(specimen)}.fcs",
        "subject": subject.id,
        "visit": cohort.visits[specimen.visit].id,
        "site": cohort.site_ids[subject.site],
        "batch": batch_of(cohort, subject.site),
        "untreated": specimen.visit == 0,
        "counts": dict(zip(densities.labels, counts.tolist(), strict=True)),
        "ln_treg_ratio": specimen.log_ratio,
        "tube_shift": dict(zip(("CD25", "CD127"), specimen.tube_shift, strict=True)),
        "near_empty": specimen.n_events <= NEAR_EMPTY_EVENTS,
    }


def _response(
    cohort: Cohort, clinical: Mapping[tuple[int, int], tuple[Score | None, Mapping[str, int]]]
) -> dict[str, Any]:
    scores: dict[str, dict[str, Any]] = {}
    for (number, position), (drawn, _) in clinical.items():
        if drawn is not None:
            scores.setdefault(cohort.visits[position].id, {})[cohort.subjects[number].id] = {
                "probability": drawn.probability,
                "latent": drawn.latent,
                "score": drawn.score,
            }
    coefficients = {"intercept": INTERCEPT, "ln_treg_ratio_change": SLOPE, "noise": NOISE}
    score = {"threshold": THRESHOLD, "spread": SPREAD, "visit_correlation": VISIT_CORRELATION}
    visit = cohort.visits[cohort.response_visit].id if scores else None
    return {
        "index": "tis_2016_adult",
        "visit": visit,
        "logit": coefficients,
        "score": score,
        "subjects": scores,
    }
