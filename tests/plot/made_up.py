"""Made-up values with the attributes that pictures read: gates, tables, samples."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

COFACTOR = 150.0
TOP = 262144.0


def asinh(values):
    return np.arcsinh(np.asarray(values, dtype=float) / COFACTOR)


FLUOR = (float(asinh(-1000)), float(asinh(TOP)))
FLUOR_TICKS = tuple(
    [
        (float(asinh(v)), t, True)
        for v, t in ((-1e3, "$-10^3$"), (0, "0"), (1e3, "$10^3$"), (1e4, "$10^4$"), (1e5, "$10^5$"))
    ]
    + [(float(asinh(m * 10.0**k)), "", False) for k in (3, 4, 5) for m in range(2, 10) if m * 10.0**k <= TOP]
)
SCATTER = (0.0, TOP)
SCATTER_TICKS = tuple((k * 65536.0, f"{64 * k}k" if k else "0", True) for k in range(5))


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    gate_id: str
    number: int = 1
    parent: str = "t"
    populations: tuple = ()
    kind: str = "1d"
    dimensions: tuple = ()
    values: np.ndarray = field(default_factory=lambda: np.empty((0, 1), np.float32))
    limits: tuple = ()
    cuts: tuple = ()
    intervals: tuple = ()
    vertices: np.ndarray | None = None
    quadrants: tuple = ()
    window: tuple | None = None
    depth: float = math.nan
    method: str = "valley"
    flags: tuple = ()
    ticks: tuple = ()
    message: str = ""


def _peaks(random, *parts):
    return np.concatenate([random.normal(asinh(middle), sd, n) for middle, sd, n in parts])


def drawn_gates(n=12000):
    random = np.random.default_rng(7)
    f = n / 12000
    scatter = np.column_stack(
        [
            np.concatenate(
                [random.normal(90e3, 14e3, int(8000 * f)), random.normal(30e3, 12e3, int(4000 * f))]
            ),
            np.concatenate(
                [random.normal(30e3, 9e3, int(8000 * f)), random.normal(20e3, 10e3, int(4000 * f))]
            ),
        ]
    )
    ratio = np.column_stack([random.normal(0.08, 0.05, n), random.normal(90e3, 18e3, n)])
    cd3 = _peaks(random, (200, 0.6, int(4000 * f)), (9000, 0.35, int(8000 * f)))
    cd4 = np.column_stack(
        [
            _peaks(random, (9000, 0.3, int(6500 * f)), (150, 0.6, int(3500 * f)), (200, 0.6, int(2000 * f))),
            _peaks(
                random, (100, 0.6, int(6500 * f)), (12000, 0.35, int(3500 * f)), (150, 0.6, int(2000 * f))
            ),
        ]
    )
    treg = np.column_stack(
        [
            _peaks(random, (600, 0.7, int(11000 * f)), (6000, 0.45, int(1000 * f))),
            _peaks(random, (4000, 0.5, int(11000 * f)), (600, 0.6, int(1000 * f))),
        ]
    )
    few = treg[:900]
    polygon = asinh(np.array([[2200.0, -400], [60000, -400], [60000, 2600], [9000, 2100], [2200, 900]]))
    two = (FLUOR_TICKS, FLUOR_TICKS)

    def counted(name, share, total):
        return (name, 100 * share, round(share * total), total)

    return (
        Drawn(
            gate_id="lymphocytes",
            number=1,
            parent="root",
            kind="2d",
            dimensions=("FSC-A", "SSC-A"),
            values=scatter,
            populations=(counted("Lymphocytes", 0.664, n),),
            limits=(SCATTER, SCATTER),
            method="ellipse",
            vertices=np.array([[55e3, 5e3], [130e3, 8e3], [138e3, 50e3], [90e3, 66e3], [52e3, 40e3]]),
            ticks=(SCATTER_TICKS, SCATTER_TICKS),
        ),
        Drawn(
            gate_id="singlets",
            number=2,
            parent="lymphocytes",
            kind="2d",
            dimensions=("FSC-A / FSC-H (ln)", "FSC-A"),
            values=ratio,
            populations=(counted("Single cells", 0.951, n),),
            limits=((-0.6, 1.0), SCATTER),
            intervals=((0, -0.02, 0.19),),
            ticks=(tuple((v, f"{v:g}", True) for v in (-0.5, 0.0, 0.5, 1.0)), SCATTER_TICKS),
        ),
        Drawn(
            gate_id="t",
            number=3,
            parent="singlets",
            dimensions=("CD3 \u00b7 BV510-A",),
            values=cd3[:, None],
            populations=(counted("T cells", 0.671, n),),
            limits=(FLUOR,),
            cuts=((0, float(asinh(1900)), 0.09),),
            window=(float(asinh(500)), float(asinh(5000))),
            depth=0.91,
            ticks=(FLUOR_TICKS,),
        ),
        Drawn(
            gate_id="cd4_cd8",
            number=4,
            parent="t",
            kind="2d",
            dimensions=("CD4 \u00b7 BV605-A", "CD8 \u00b7 APC-H7-A"),
            values=cd4,
            populations=(counted("CD4 T cells", 0.541, n), counted("CD8 T cells", 0.292, n)),
            limits=(FLUOR, FLUOR),
            cuts=((0, float(asinh(1500)), 0.06), (1, float(asinh(1700)), 0.05)),
            quadrants=("+-", "-+"),
            ticks=two,
            method="quadrant",
        ),
        Drawn(
            gate_id="treg",
            number=5,
            parent="cd4_t",
            kind="2d",
            dimensions=("CD25 \u00b7 PE-A", "CD127 \u00b7 BV421-A"),
            values=treg,
            populations=(counted("Regulatory T cells", 0.0612, n),),
            limits=(FLUOR, FLUOR),
            cuts=((0, float(asinh(2200)), 0.11), (1, float(asinh(1500)), 0.08)),
            quadrants=("+-",),
            ticks=two,
            flags=("SHALLOW_VALLEY",),
            method="quadrant",
        ),
        Drawn(
            gate_id="treg_polygon",
            number=6,
            parent="cd4_t",
            kind="2d",
            dimensions=("CD25 \u00b7 PE-A", "CD127 \u00b7 BV421-A"),
            values=few,
            limits=(FLUOR, FLUOR),
            ticks=two,
            populations=(counted("Regulatory T cells", 0.0344, 900),),
            vertices=polygon,
            method="density_region",
        ),
        Drawn(
            gate_id="memory_treg",
            number=7,
            parent="treg",
            kind="none",
            dimensions=("CD45RA",),
            limits=((0.0, 1.0),),
            populations=(("Memory Treg", math.nan, 0, 0),),
            message="not gated: CD45RA missing",
        ),
        Drawn(
            gate_id="hla_dr",
            number=8,
            parent="treg",
            dimensions=("HLA-DR $x$ <b> \u00b7 PerCP-Cy5-5-A",),
            values=cd3[:, None],
            populations=(counted("HLA-DR+ Treg", 0.182, 734),),
            limits=(FLUOR,),
            ticks=(FLUOR_TICKS,),
            cuts=((0, float(asinh(9000)), 0.0),),
            depth=0.22,
            flags=("SHALLOW_VALLEY", "FALLBACK"),
        ),
    )


VISITS = ("W0", "W4", "W8", "W12", "W24")
TIMES = {"W0": 0.0, "W4": 4.0, "W8": 8.0, "W12": 12.0, "W24": 24.0}
FEATURE = "treg_percent_cd4_t"


def arms(subjects=40, *, dummy=False):
    names = [f"S{k:03d}" for k in range(1, subjects + 1)]
    found = pd.Series(
        ["IL2" if k % 2 else "PBO" for k in range(subjects)],
        index=pd.Index(names, name="subject"),
        name="arm (DUMMY)" if dummy else "arm",
        dtype="string",
    )
    found.attrs = {"reference": "PBO", "dummy": dummy, "study": "made up"}
    return found


def profile(subjects=40):
    random = np.random.default_rng(3)
    effect = {"W0": 0.0, "W4": 0.45, "W8": 0.6, "W12": 0.65, "W24": 0.35}
    rows = []
    for subject, arm in arms(subjects).items():
        level = random.normal(math.log(6), 0.35)
        for visit in VISITS:
            if random.random() < 0.06:
                continue
            value = math.exp(level + random.normal(0, 0.15) + (effect[visit] if arm == "IL2" else 0))
            rows.append((subject, visit, "treg", "percent", pd.NA, "cd4_t", "held", value, ""))
    columns = [
        "subject",
        "visit",
        "population",
        "statistic",
        "marker",
        "denominator",
        "rule",
        "value",
        "flags",
    ]
    return pd.DataFrame(rows, columns=columns)


def change(subjects=40):
    wide = profile(subjects).pivot_table(index="subject", columns="visit", values="value")
    rows = []
    for subject in wide.index:
        for visit in VISITS[1:]:
            base, value = wide.loc[subject, "W0"], wide.loc[subject, visit]
            rows.append(
                (subject, visit, FEATURE, "held", "log_ratio", base, value, math.log(value / base), "")
            )
    columns = ["subject", "visit", "feature", "rule", "scale", "baseline", "value", "change", "flags"]
    return pd.DataFrame(rows, columns=columns)


def effects():
    features = [
        ("treg_percent_cd4_t", "primary", 0.62, 0.11, "GATE_SENSITIVE"),
        ("treg_percent_t", "primary", 0.58, 0.13, ""),
        ("tconv_percent_cd4_t", "lineage", -0.05, 0.03, ""),
        ("cd4_t_percent_t", "lineage", 0.06, 0.05, ""),
        ("cd8_t_percent_t", "lineage", -0.07, 0.08, ""),
        ("nk_percent_lymphocytes", "lineage", math.nan, math.nan, ""),
        ("treg_median_intensity_CD25", "intensity", 0.41, 0.09, ""),
        ("treg_median_intensity_CD127", "intensity", -0.12, 0.08, ""),
    ]
    rows = []
    for feature, family, estimate, se, flags in features:
        rules = [("held", 0.0)] + ([("anchored", -0.2), ("per_sample", -0.48)] if flags else [])
        for rule, shift in rules:
            mid, half = estimate + shift, 2.03 * se
            rows.append(
                {
                    "feature": feature,
                    "visit": "W12",
                    "contrast": "IL2 - PBO",
                    "rule": rule,
                    "estimate": mid,
                    "se": se,
                    "lower": mid - half,
                    "upper": mid + half,
                    "gate_lower": mid - 1.2 * half,
                    "gate_upper": mid + 1.2 * half,
                    "ratio": math.exp(mid),
                    "ratio_lower": math.exp(mid - half),
                    "ratio_upper": math.exp(mid + half),
                    "q": 0.0004 if abs(mid) > 0.3 else 0.31,
                    "family": family,
                    "status": "ok" if math.isfinite(mid) else "too_few_subjects",
                    "flags": flags,
                }
            )
    return pd.DataFrame(rows)


PARTS = {
    "physician_global": (0, 7.5, 15, 17.5, 20),
    "patient_global": (0, 2.5, 5, 7.5, 10),
    "mmt8": (0, 10, 20, 27.5, 32.5),
    "haq": (0, 5, 7.5, 7.5, 10),
    "enzymes": (0, 2.5, 5, 7.5, 7.5),
    "extramuscular": (0, 7.5, 12.5, 15, 20),
}


def response(subjects=40):
    random = np.random.default_rng(11)
    rows = []
    for subject, arm in arms(subjects).items():
        better = random.normal(2.0 if arm == "IL2" else 1.0, 0.8)
        parts = {k: float(v[int(np.clip(random.normal(better, 1), 0, 4))]) for k, v in PARTS.items()}
        score = sum(parts.values())
        missing = random.random() < 0.07
        if missing:
            parts["enzymes"] = math.nan
        rows.append(
            {
                "subject": subject,
                "visit": "W12",
                "score": math.nan if missing else score,
                "level": "minimal",
                "responder": score >= 20,
                "lower": score - 7.5 if missing else score,
                "upper": score,
                "status": "missing" if missing else "observed",
                "attainable_max": 92.5,
                **parts,
            }
        )
    frame = pd.DataFrame(rows)
    frame.attrs["levels"] = {"minimal": 20, "moderate": 40, "major": 60}
    return frame


def link():
    return pd.DataFrame(
        [
            {
                "feature": FEATURE,
                "visit": "W12",
                "response": "tis_2016_adult",
                "response_visit": "W12",
                "scope": "across",
                "measure": "mean_difference",
                "estimate": 0.21,
                "lower": 0.02,
                "upper": 0.4,
                "q": 0.034,
                "label": "association, not causal",
                "n": 36,
            }
        ]
    )


def accountability():
    stages = [
        "scheduled",
        "collected",
        "received",
        "file_present",
        "readable",
        "placed",
        "enough_events",
        "in_analysis",
    ]
    rows = []
    for site in ("A", "B"):
        for place, visit in enumerate(VISITS):
            counts = [
                20 - place,
                19 - place,
                19 - place,
                18 - place,
                18 - place,
                18 - place,
                17 - place,
                17 - 2 * place,
            ]
            if (site, visit) == ("B", "W24"):
                counts[-1] = math.nan
            rows.append(
                {"site": site, "visit": visit, "tube": "treg", **dict(zip(stages, counts, strict=True))}
            )
    return pd.DataFrame(rows)


def states(subjects=40):
    random = np.random.default_rng(5)
    rows = []
    for subject in arms(subjects).index:
        for visit in VISITS:
            state = random.choice(["present", "late", "excluded", "missing"], p=[0.86, 0.04, 0.04, 0.06])
            if state != "missing":
                rows.append((subject, visit, str(state)))
    frame = pd.DataFrame(rows, columns=["subject", "visit", "state"])
    frame["visit"] = pd.Categorical(frame["visit"], categories=list(VISITS), ordered=True)
    return frame.sample(frac=1, random_state=1).sort_values("subject")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    name: str
    detectors: tuple
    labels: tuple
    ranges: np.ndarray
    events: np.ndarray

    def column(self, index):
        return self.events[:, index].astype(float)


def sample():
    lymphocytes, _, _, cd4, *_ = drawn_gates()
    raw = np.sinh(np.asarray(cd4.values, dtype=float)) * COFACTOR
    return Sample(
        name="donor_07_V2",
        detectors=("FSC-A", "SSC-A", "BV605-A", "APC-H7-A", "Time"),
        labels=("", "", "CD4", "CD8", ""),
        ranges=np.array([TOP, TOP, TOP, TOP, np.nan]),
        events=np.column_stack([lymphocytes.values, raw, np.arange(raw.shape[0])]),  # noqa: PD011
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bag:
    """A value with any attributes."""

    grids: tuple = ()
    units: tuple = ()
    counts: np.ndarray | None = None
    n: int = 0
    low: float = 0.0
    high: float = 0.0
    pool: object = None
    cuts: tuple = ()
    wide: dict = field(default_factory=dict)
    dimension: str = ""
    kind: str = ""
    number: float = math.nan


def fitted(units=14):
    random = np.random.default_rng(9)
    wide = {}
    for group in ("batch_1", "batch_2"):
        held = []
        for _ in range(units):
            shift = random.normal(0, 0.1)
            values = np.concatenate(
                [random.normal(1.2 + shift, 0.6, 900), random.normal(4.8 + shift, 0.35, 1700)]
            )
            counts, _ = np.histogram(values, bins=256, range=FLUOR)
            held.append(Bag(counts=counts, n=int(counts.sum())))
        grid = Bag(low=FLUOR[0], high=FLUOR[1])
        cut = Bag(dimension="CD3", kind="cut", number=3.2)
        pool = Bag(grids=(grid,), units=tuple(held))
        wide["t", group] = Bag(pool=pool, cuts=(cut,))
    return Bag(wide=wide)
