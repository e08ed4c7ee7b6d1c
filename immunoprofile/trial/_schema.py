"""The design of a study as frozen values: every key that study.toml may carry, with its type and default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Role = Literal["screening", "baseline", "treatment", "follow_up", "unscheduled"]
Period = Literal["blinded", "open"]
BaselineRule = Literal["last_before_first_dose", "visit"]
Scale = Literal["vas_cm", "vas_mm", "likert_0_4", "points", "U/L", "ukat/L"]
Texts = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyKeys:
    """``[study]``; ``roots`` are folders beside the study's own that samples.csv may point into."""

    id: str
    title: str = ""
    blinded: bool | None = None
    roots: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """``[[arms]]``: a treatment group by its id; nobody's assignment."""

    id: str
    label: str = ""
    role: Literal["active", "control"] = "active"
    allocation: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """``[[visits]]``: a visit of the schedule.

    Attributes
    ----------
    id, label : str
    day : int or None
        Study day; day 1 is the first dose, there is no day 0.
    before, after : int or None
        Window in days; without both there is no window.
    role : str
        ``screening``, ``baseline``, ``treatment``, ``follow_up`` or ``unscheduled``.
    period : str
        ``blinded`` or ``open``.
    """

    id: str
    label: str = ""
    day: int | None = None
    before: int | None = None
    after: int | None = None
    role: Role = "treatment"
    period: Period = "blinded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """``[baseline]``: the rule, and exceptions per measure and per population."""

    rule: BaselineRule = "last_before_first_dose"
    measures: Mapping[str, BaselineRule] = field(default_factory=dict)
    populations: Mapping[str, BaselineRule] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSpec:
    """``[tables.<name>]``: where a table lies and how its words map to ours.

    Attributes
    ----------
    file : str
    columns : mapping of str to str
        Our column to the table's.
    values : mapping
        Our column to a mapping of the table's word to ours.
    layout : str
        ``long`` or ``wide`` (clinical).
    measures, uln : mapping of str to str
        Measure to the column of its value, and of its upper limit of normal (wide).
    units : mapping of str to str
        Measure to its unit (wide).
    decimal : str or None
    date_format : str or None
        As in ``strptime``.
    sheet : str or None
        Sheet of a workbook; the first by default.
    """

    file: str = ""
    columns: Texts = field(default_factory=dict)
    values: Mapping[str, Texts] = field(default_factory=dict)
    layout: Literal["long", "wide"] = "long"
    measures: Texts = field(default_factory=dict)
    uln: Texts = field(default_factory=dict)
    units: Texts = field(default_factory=dict)
    decimal: Literal[".", ","] | None = None
    date_format: str | None = None
    sheet: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """``[tables]``: a file name or a table of its own for each."""

    samples: TableSpec | None = None
    clinical: TableSpec | None = None
    doses: TableSpec | None = None
    subjects: TableSpec | None = None
    events: TableSpec | None = None
    decimal: Literal[".", ","] = "."
    date_format: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureSpec:
    """``[measures.<name>]``: what is known of a clinical measure."""

    label: str = ""
    scale: Scale | None = None
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    uln: float | None = None
    lln: float | None = None
    censored: bool = False
    direction: Literal["higher", "lower"] | None = None
    minimal_important_difference: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """``[[endpoints]]``: a question with its visit."""

    id: str
    label: str = ""
    response: str = ""
    measure: str = ""
    feature: str = ""
    visit: str = ""
    rule: str = ""
    estimand: str = ""
    population: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """``[[families]]``: the questions that share one correction."""

    id: str
    features: tuple[str, ...] = ()
    visits: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    method: str = "BH"
    alpha: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IntercurrentEvent:
    """``[[estimands.events]]``."""

    kind: str
    strategy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimand:
    """``[[estimands]]``."""

    id: str
    label: str = ""
    population: str = ""
    endpoint: str = ""
    summary: str = ""
    events: tuple[IntercurrentEvent, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisPopulation:
    """``[[analysis_populations]]``."""

    id: str
    rule: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tube:
    """``[[tubes]]``: what is done with the samples of one tube.

    Attributes
    ----------
    id : str
    strategy : str
        A shipped id, or a folder beside study.toml.
    panel : str
        File of the panel; empty: the strategy's own.
    """

    id: str
    strategy: str
    panel: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plate:
    """``[[plates]]``: a cytokine plate or bead run."""

    id: str
    kind: Literal["plate", "beads"]
    file: str
    panel: str = ""
    layout: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileSpec:
    """``[[profiles]]``: populations gated elsewhere."""

    file: str
    key: str = "sample"
    layout: Literal["long", "wide"] = "wide"
    statistic: str = "percent"
    columns: tuple[str, ...] = ()
    duplicates: Literal["error", "first", "mean"] = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenArms:
    """``[open_arms]``: the arms of a study that is not blinded."""

    file: str
    columns: Texts = field(default_factory=dict)
    values: Mapping[str, Texts] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeToEvent:
    """``[[time_to_event]]``."""

    id: str
    file: str
    time: str
    event: str
    unit: str = "days"
    origin: str = "randomisation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Strata:
    """``[strata]``: columns of subjects.csv."""

    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sites:
    """``[sites]``: closes the list of sites."""

    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """``[analysis]``: defaults of the screen and of the relation to response."""

    covariates: tuple[str, ...] = ()
    visit: str = ""
    alpha: float = 0.05
    reference: str = ""
    seed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Blinding:
    """``[blinding]``: what may give the arms away; ``sentinels`` None takes the shipped list."""

    sentinels: tuple[str, ...] | None = None
    code: str = "randomisation"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyDesign:
    """The whole of study.toml."""

    study: StudyKeys
    arms: tuple[Arm, ...] = ()
    visits: tuple[Visit, ...] = ()
    baseline: Baseline = field(default_factory=Baseline)
    tables: Tables = field(default_factory=Tables)
    measures: Mapping[str, MeasureSpec] = field(default_factory=dict)
    endpoints: tuple[Endpoint, ...] = ()
    families: tuple[Family, ...] = ()
    estimands: tuple[Estimand, ...] = ()
    analysis_populations: tuple[AnalysisPopulation, ...] = ()
    tubes: tuple[Tube, ...] = ()
    plates: tuple[Plate, ...] = ()
    strata: Strata = field(default_factory=Strata)
    sites: Sites = field(default_factory=Sites)
    analysis: Analysis = field(default_factory=Analysis)
    blinding: Blinding = field(default_factory=Blinding)
    profiles: tuple[ProfileSpec, ...] = ()
    open_arms: OpenArms | None = None
    time_to_event: tuple[TimeToEvent, ...] = ()

    @property
    def blinded(self) -> bool:
        """As declared, else whether arms are declared."""
        return bool(self.arms) if self.study.blinded is None else self.study.blinded
