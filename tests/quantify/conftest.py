"""Small stand-ins for gated samples and studies."""

from __future__ import annotations

import pandas as pd
import pytest

from immunoprofile.core.intervals import wilson
from immunoprofile.quantify import ImmuneProfile, Visit, rows_of

SENTINELS = frozenset({"treg", "tconv"})


class FakeGated:
    """A gated sample reduced to what `rows_of` asks of it."""

    strategy_id = "treg_surface_v1"

    def __init__(self, counts: dict, *, cut_se: float = 0.1, few_medians: bool = False) -> None:
        self.counts, self.cut_se, self.few_medians = counts, cut_se, few_medians

    def table(self) -> pd.DataFrame:
        parents = {
            "t": ("lymphocytes",),
            "cd4_t": ("t",),
            "cd8_t": ("t",),
            "treg": ("cd4_t", "t"),
            "tconv": ("cd4_t", "t"),
        }
        rows = []
        for (population, rule), count in self.counts.items():
            for denominator in parents.get(population, ("root",)):
                total = self.counts.get((denominator, "held"))
                row = {
                    "population": population,
                    "rule": rule,
                    "denominator": denominator,
                    "count": count,
                    "denominator_count": total,
                    "percent": float("nan"),
                    "lower": float("nan"),
                    "upper": float("nan"),
                    "cut_se": float("nan"),
                    "flags": "NO_TIME",
                }
                if count is None:
                    row["flags"] = "MISSING_MARKER"
                elif total:
                    lower, upper = wilson(count, total)
                    few = ";FEW_EVENTS" if count < 20 else ""
                    row |= {
                        "percent": 100 * count / total,
                        "lower": float(lower),
                        "upper": float(upper),
                        "cut_se": self.cut_se,
                        "flags": "CUT_UNCERTAIN" + few + ";NO_TIME",
                    }
                else:
                    row["flags"] = "EMPTY_PARENT"
                rows.append(row)
        return pd.DataFrame(rows).astype({"count": "Int64", "denominator_count": "Int64"})

    def medians(self, markers) -> pd.DataFrame:
        rows = [
            {
                "population": p,
                "rule": r,
                "marker": m,
                "count": c,
                "value": float("nan") if c is None or c < 20 else -3.0,
                "lower": -4.0,
                "upper": -2.0,
            }
            for m in markers
            for (p, r), c in self.counts.items()
        ]
        return pd.DataFrame(rows).astype({"count": "Int64"})


COUNTS = {
    ("lymphocytes", "held"): 10_000,
    ("t", "held"): 7000,
    ("cd4_t", "held"): 4000,
    ("cd8_t", "held"): 2000,
    ("treg", "held"): 240,
    ("treg", "anchored"): 260,
    ("tconv", "held"): 3760,
    ("tconv", "anchored"): 3740,
}


@pytest.fixture
def gated() -> FakeGated:
    return FakeGated(COUNTS)


def study_rows(treg: dict[tuple[str, str], int | None]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make rows and specimens of a study from Treg counts by subject and visit."""
    rows, specimens = [], []
    for number, ((subject, visit), count) in enumerate(treg.items()):
        name = f"r{(7 * number) % 31:02d}"
        counts = COUNTS | {
            ("treg", "held"): count,
            ("tconv", "held"): None if count is None else 4000 - count,
        }
        counts = {key: value for key, value in counts.items() if key[1] == "held"}
        rows.append(
            rows_of(FakeGated(counts), specimen=name, sample="s" + name, tube="treg", medians=["CD25"])
        )
        specimens.append(
            {
                "specimen": name,
                "subject": subject,
                "visit": visit,
                "site": "S1",
                "batch": "B1" if visit != "W12" else "B2",
                "age_years": 40.0 + len(subject),
                "sex": "f",
            }
        )
    return pd.concat(rows, ignore_index=True), pd.DataFrame(specimens)


VISITS = (Visit(id="W0", role="baseline"), Visit(id="W4"), Visit(id="W12", period="open"))


def profile_of(treg, **settings) -> ImmuneProfile:
    rows, specimens = study_rows(treg)
    return ImmuneProfile(table=rows, specimens=specimens, **({"visits": VISITS} | settings))


TREG = {
    ("A", "W0"): 200,
    ("A", "W4"): 300,
    ("A", "W12"): 400,
    ("B", "W0"): 160,
    ("B", "W4"): 160,
    ("C", "W4"): 100,
    ("D", "W0"): 0,
    ("D", "W4"): 10,
}
