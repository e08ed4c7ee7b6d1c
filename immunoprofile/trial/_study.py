"""The value `Study`: design, tables and problems of a study; arms are never in it while it is blinded."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from immunoprofile.core import BlindedError, StudyError, sha256_of, sha256_text
from immunoprofile.trial import _unblind
from immunoprofile.trial._accountability import account
from immunoprofile.trial._arms import arm_series, draw_dummies, strata_of
from immunoprofile.trial._audit import append_entry, canonical, plans_locked_blind
from immunoprofile.trial._card import html_card, text_card
from immunoprofile.trial._covariates import covariates_of
from immunoprofile.trial._schema import Visit
from immunoprofile.trial._specimens import specimens_frame
from immunoprofile.trial._visits import visits_frame

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

    from immunoprofile.gating import PlacementUnit
    from immunoprofile.panel import Panel
    from immunoprofile.trial._ids import PrivateIds
    from immunoprofile.trial._schema import Endpoint, Family, StudyDesign, Tube


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class Study:
    """A study: its design, its tables, and what is wrong with them.

    Attributes
    ----------
    design : StudyDesign
        All that study.toml declares.
    root : Path
        The study folder.
    sentinels : tuple of str
        Populations whose course gives an arm away, descendants and complements included.
    """

    design: StudyDesign
    root: Path
    sentinels: tuple[str, ...]
    _tables: Mapping[str, pd.DataFrame]
    _ids: PrivateIds
    _inputs: tuple[Path, ...]
    _open_arms: Mapping[str, str] | None = field(default=None)

    @property
    def id(self) -> str:
        """Id of the study."""
        return self.design.study.id

    @property
    def title(self) -> str:
        """Title of the study."""
        return self.design.study.title

    @property
    def blinded(self) -> bool:
        """Whether arms are hidden; unblinding leaves it so, because arms travel as a value of their own."""
        return self.design.blinded

    @property
    def arm_ids(self) -> tuple[str, ...]:
        """Ids of the declared arms; nobody's assignment."""
        return tuple(arm.id for arm in self.design.arms)

    @property
    def arm_labels(self) -> dict[str, str]:
        """Arm id to label."""
        return {arm.id: arm.label or arm.id for arm in self.design.arms}

    @property
    def arm_roles(self) -> dict[str, str]:
        """Arm id to role, ``active`` or ``control``."""
        return {arm.id: arm.role for arm in self.design.arms}

    @property
    def reference(self) -> str | None:
        """The arm that others are compared with: as declared, else the one with the role control."""
        controls = [arm.id for arm in self.design.arms if arm.role == "control"]
        declared = self.design.analysis.reference
        return declared or (controls[0] if len(controls) == 1 else None)

    @property
    def visit_values(self) -> tuple[Visit, ...]:
        """The visits as frozen values; of a study that declares none, those of samples.csv."""
        if self.design.visits:
            return self.design.visits
        return tuple(Visit(id=name) for name in sorted(set(self._tables["samples"]["visit"].dropna())))

    @property
    def visits(self) -> pd.DataFrame:
        """The visits: visit, label, day, before, after, role, period."""
        return visits_frame(self.visit_values)

    @property
    def baseline_rule(self) -> str:
        """``last_before_first_dose`` or ``visit``."""
        return self.design.baseline.rule

    @property
    def tubes(self) -> tuple[Tube, ...]:
        """What is done with the samples of each tube."""
        return self.design.tubes

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The declared endpoints."""
        return self.design.endpoints

    @property
    def families(self) -> tuple[Family, ...]:
        """The declared families of questions."""
        return self.design.families

    @property
    def covariates(self) -> tuple[str, ...]:
        """Columns of subjects.csv that analyses adjust for."""
        return self.design.analysis.covariates

    @property
    def analysis_visit(self) -> str | None:
        """The visit at which arms are compared, where it is declared."""
        declared = self.design.analysis.visit
        return declared or next((e.visit for e in self.endpoints if e.visit), None)

    @property
    def plan(self) -> dict[str, Any]:
        """The analysis plan as declared: endpoints, families, estimands, populations, tubes, settings."""
        names = (
            "endpoints",
            "families",
            "estimands",
            "analysis_populations",
            "tubes",
            "analysis",
            "baseline",
        )
        whole = asdict(self.design)
        return {name: whole[name] for name in names}

    @property
    def plan_hash(self) -> str:
        """SHA-256 of the plan."""
        return sha256_text(canonical(self.plan).decode("utf-8"))

    @property
    def samples(self) -> pd.DataFrame:
        """One row a file, with the random ids ``specimen`` and ``sample``; ``path`` is absolute."""
        return self._tables["samples"].copy()

    @property
    def subjects(self) -> pd.DataFrame:
        """One row a subject."""
        return self._tables["subjects"].copy()

    @property
    def clinical(self) -> pd.DataFrame:
        """One row a measure of a visit: subject, visit, measure, value, unit, scale, uln, lln, date."""
        return self._tables["clinical"].copy()

    @property
    def doses(self) -> pd.DataFrame:
        """One row a course of a drug."""
        return self._tables["doses"].copy()

    @property
    def events(self) -> pd.DataFrame:
        """One row an adverse event."""
        return self._tables["events"].copy()

    @property
    def problems(self) -> pd.DataFrame:
        """All that is wrong or odd: level, code, table, row, column, found, expected, nearest, message."""
        return self._tables["problems"].copy()

    @property
    def notes(self) -> pd.DataFrame:
        """Warnings of the tables that belong to the results, in the columns of flags.csv.

        Names of files that hold a word of an arm are counted and not told apart: which they are may be who
        is in which arm.
        """
        import pandas as pd

        found = self._tables["problems"]
        count = int((found["code"] == "arm_in_name").sum())
        message = f"the name or folder of {count} listed files holds a word of an arm; rename them"
        row = {"level": "warning", "code": "arm_in_name", "message": message}
        columns = ["specimen", "sample", "population", "level", "code", "message"]
        return pd.DataFrame([row] if count else [], columns=columns, dtype="string")

    @property
    def excluded(self) -> pd.DataFrame:
        """Rows that were left out: specimen, sample, stage, code, problem, hint, file, table, row."""
        return self._tables["excluded"].copy()

    @property
    def batch_names(self) -> dict[str, str]:
        """Batch key, as gating sees it, to the name of the batch."""
        names = self._tables["samples"]["batch"].dropna().unique()
        return {self._ids.of("batch", str(name)): str(name) for name in sorted(names)}

    @property
    def specimens(self) -> pd.DataFrame:
        """One row a specimen: specimen, subject, visit, site, batch, what dates tell, covariates.

        ``visit`` is the visit that the specimen counts for; missing where it lies outside every window or
        another specimen is closer to the target day.
        """
        samples, subjects = self._tables["samples"], self._tables["subjects"]
        return specimens_frame(samples, subjects, design=self.design, visits=self.visit_values)

    def covariates_frame(self) -> pd.DataFrame:
        """Give subject and the covariates that [analysis] names, numbers as numbers.

        ``age_years`` is the age that subjects.csv states, else the year of the first dose or randomisation
        minus the year of birth.
        """
        return covariates_of(self._tables["subjects"], self.covariates)

    def accountability(
        self, outcomes: Mapping[str, str] | None = None, *, blinded: bool | None = None
    ) -> pd.DataFrame:
        """Count, per site, visit and tube, how far the scheduled tubes came; the columns sum.

        Parameters
        ----------
        outcomes : mapping of str to str, optional
            Sample to the code for which it was left out after it was read.
        blinded : bool, optional
            Whether the reader may not know the arms; by default as the study is.

        Returns
        -------
        DataFrame
            While the study is blinded no group of fewer than five subjects is shown, and no count of one to
            four: it is missing, and so is what would tell it.
        """
        return account(
            self._tables["subjects"],
            self._tables["tubes"],
            self.visit_values,
            outcomes=outcomes,
            blinded=self.blinded if blinded is None else blinded,
        )

    @property
    def arms(self) -> pd.Series:
        """Arms of an open study.

        Raises
        ------
        BlindedError
            ``blinded``, always while the study is blinded.
        StudyError
            ``arms_undeclared`` where an open study declares no table of arms.
        """
        found = self.open_arms
        if found is None:
            hint = 'add [open_arms] with file = "..." to study.toml'
            raise StudyError("arms_undeclared", "no table of arms is declared", where="study.toml", hint=hint)
        return found

    @property
    def open_arms(self) -> pd.Series | None:
        """Arms of an open study, or None where it declares none.

        Raises
        ------
        BlindedError
            ``blinded``.
        """
        if self.blinded:
            hint = "arms = study.unblind(key, who=..., reason=...); or study.dummy_arms(seed) to rehearse"
            raise BlindedError("blinded", "the study is blinded", where=f"study {self.id}", hint=hint)
        if self._open_arms is None:
            return None
        return arm_series(self._open_arms, study=self.id, reference=self.reference)

    def unblind(self, key: str | Path, *, who: str, reason: str) -> pd.Series:
        """Open the key: give the arm of each subject, and write who did so and why into the audit log.

        Parameters
        ----------
        key : path
            Table with subject (or randomisation) and arm; relative to the folder one stands in, else to the
            study folder.
        who, reason : str
            Kept in ``results/audit.jsonl``.

        Returns
        -------
        Series
            Subject to arm id, name ``arm``; the study itself stays blinded.

        Raises
        ------
        StudyError
            ``unblind_unsigned``, ``key_missing``, ``audit_unwritable``, ``audit_broken``; the faults of the
            key, all at once and without any assignment.
        """
        return _unblind.unblind(self, key, who=who, reason=reason)

    def dummy_arms(self, seed: int) -> pd.Series:
        """Draw arms by chance alone, to rehearse an analysis before unblinding.

        Returns
        -------
        Series
            Name ``arm (DUMMY)``, ``attrs["dummy"]`` True; by allocation within the declared strata.

        Raises
        ------
        StudyError
            ``arms_undeclared``.
        """
        subjects, strata = self._tables["subjects"], self.design.strata.columns
        drawn = draw_dummies(strata_of(subjects, strata), self.design.arms, seed=seed)
        return arm_series(drawn, study=self.id, reference=self.reference, dummy=True)

    def blinded_table(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Give the form of a table that a blinded reader may see.

        Parameters
        ----------
        frame : DataFrame
            Long: subject and visit (or specimen), population, value, and where there, statistic and flags.

        Returns
        -------
        DataFrame
            specimen, population, statistic, value, flags; no sentinels; sorted by the random id.

        Raises
        ------
        StudyError
            ``column_missing``, ``unknown_specimen``.
        """
        return _unblind.blinded_table(self, frame)

    def placement_units(
        self, strategy: str, panel: Panel | None = None, *, tube: str | None = None
    ) -> list[PlacementUnit]:
        """Give the samples stained for a strategy as placement may see them: random keys, batch, untreated.

        Parameters
        ----------
        strategy : str
            Id of the strategy; samples of the tubes that name it (of all, where no tube is declared).
        panel : Panel, optional
            Panel that resolves the markers; by default the tube's own, else the strategy's.
        tube : str, optional
            One tube only.

        Returns
        -------
        list of PlacementUnit
            Sorted by key. Full-stain samples only.
        """
        from immunoprofile.trial._placement import units_of

        return units_of(self, strategy, panel, tube=tube)

    def opaque(self, kind: str, name: str) -> str:
        """Give the random id of a subject or a batch."""
        return self._ids.of(kind, str(name))

    def check_content(self, hashes: Mapping[str, str]) -> pd.DataFrame:
        """Find samples whose files hold the same bytes.

        Parameters
        ----------
        hashes : mapping of str to str
            Sample to the hash of its file's content.

        Returns
        -------
        DataFrame
            Samples to leave out, each with its code: ``duplicate_file`` for the same specimen, where the
            first row is kept; ``same_content_two_specimens``, where none can be trusted.
        """
        from immunoprofile.trial._placement import same_content

        return same_content(self._tables["samples"], hashes)

    def lock_plan(self) -> None:
        """Log the hash of the analysis plan, once, while the study is blinded.

        Results under a plan that was not locked before the key was opened carry ``post_hoc``.

        Raises
        ------
        StudyError
            ``audit_broken``, ``audit_unwritable``.
        """
        if self.blinded and self.plan_hash not in plans_locked_blind(self.audit_path):
            self.log("plan_locked", plan_sha256=self.plan_hash)

    def persist_ids(self) -> None:
        """Write the private map of ids (mode 0600), so that later runs use the same ones.

        Warns
        -----
        ImmunoprofileWarning
            ``ids_in_memory`` where the folder cannot be written.
        """
        self._ids.persist()

    def log(self, event: str, *, who: str = "", reason: str = "", **payload: Any) -> dict[str, Any]:
        """Append an event to the audit log.

        Parameters
        ----------
        event : str
            Such as ``study_read``, ``plan_locked``, ``dry_run``, ``post_hoc``, ``export``.
        who, reason : str
        **payload
            What JSON can hold.

        Returns
        -------
        dict
            The entry.
        """
        return append_entry(self.audit_path, event, who=who, reason=reason, payload=payload)

    @property
    def audit_path(self) -> Path:
        """Where the audit log is kept."""
        return self.root / "results" / "audit.jsonl"

    def input_hashes(self) -> dict[str, dict[str, Any]]:
        """Give SHA-256 and size of study.toml and of every table that was read, by relative path."""
        return {
            path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else path.name: {
                "sha256": sha256_of(path),
                "bytes": path.stat().st_size,
            }
            for path in self._inputs
        }

    def __repr__(self) -> str:
        return text_card(self)

    def _repr_html_(self) -> str:
        return html_card(self)
