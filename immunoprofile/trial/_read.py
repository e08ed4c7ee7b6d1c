"""From a folder to a `Study`: every table read, every problem found in one pass, faulty rows set apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from immunoprofile.trial._blinding import ArmWords, arms_in_names, arms_in_sheet, codes_grouped, sentinels_of
from immunoprofile.trial._files import Files
from immunoprofile.trial._frames import FrameParts, frames_of
from immunoprofile.trial._ids import load_ids
from immunoprofile.trial._open_arms import read_open_arms
from immunoprofile.trial._problems import Problem, Problems
from immunoprofile.trial._reading import Reading
from immunoprofile.trial._rules_clinical import read_clinical
from immunoprofile.trial._rules_courses import read_doses, read_events
from immunoprofile.trial._rules_design import check_design
from immunoprofile.trial._rules_samples import read_samples
from immunoprofile.trial._rules_subjects import read_subjects
from immunoprofile.trial._schema import TableSpec
from immunoprofile.trial._sheet import read_sheet
from immunoprofile.trial._study import Study
from immunoprofile.trial._toml import read_design

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from immunoprofile.trial._schema import StudyDesign

Rows = list[dict[str, Any]]
NAMES = ("subjects", "samples", "clinical", "doses", "events")


def read_study(path: str | Path, *, strict: bool = True) -> Study:
    """Read a study: its design and tables, validated with every problem at once.

    Parameters
    ----------
    path : path
        study.toml, or its folder.
    strict : bool
        True: any error refuses the study. False: a row with an error is left out, into ``study.excluded``;
        what no row can be left out for still refuses the study.

    Returns
    -------
    Study
        Blinded where it declares arms and does not say otherwise. Nothing is written.

    Raises
    ------
    StudyError
        ``.problems`` lists all of them; the code is theirs where they have one, else ``study_invalid``.
    """
    file = Path(path)
    file = file / "study.toml" if file.is_dir() else file
    problems = Problems()
    design, faults = read_design(file)
    problems.extend(faults)
    if design is None:
        problems.refuse(study_scope_only=True, where=str(path))
        raise AssertionError("a design without a problem")  # pragma: no cover
    problems.extend(check_design(design))
    root = file.resolve().parent
    problems.extend(_paths_outside(design, root))
    work = _Work(design=design, root=root, problems=problems, inputs=[file.resolve()])
    rows = work.read_all()
    open_arms, faults = read_open_arms(design, root) if not problems.holds("path_outside") else (None, [])
    problems.extend(faults)
    problems.refuse(study_scope_only=not strict, where=str(path))
    ids = load_ids(root)
    return Study(
        design=design,
        root=root,
        sentinels=sentinels_of(design.blinding.sentinels),
        _tables=frames_of(FrameParts(design=design, rows=rows, problems=problems, ids=ids)),
        _ids=ids,
        _inputs=tuple(work.inputs),
        _open_arms=open_arms,
    )


def _files(design: StudyDesign, root: Path) -> Files:
    return Files(root=root, roots=tuple((root / folder).resolve() for folder in design.study.roots))


def _paths_outside(design: StudyDesign, root: Path) -> Iterator[Problem]:
    """Give a problem for each file that study.toml names outside its folder and the declared roots."""
    files = _files(design, root)
    for column, name in _named_files(design):
        if name and files.place(name) is None:
            yield Problem(
                code="path_outside",
                table="study.toml",
                column=column,
                found=name,
                what="leaves the study folder",
                hint="a path below the study folder, or below a folder of [study] roots",
                scope="study",
            )


def _named_files(design: StudyDesign) -> Iterator[tuple[str, str]]:
    for name in NAMES:
        spec: TableSpec | None = getattr(design.tables, name)
        yield f"tables.{name}", (spec.file if spec is not None else "") or f"{name}.csv"
    for tube in design.tubes:
        yield "tubes.strategy", tube.strategy
        yield "tubes.panel", tube.panel
    for plate in design.plates:
        yield from (
            ("plates.file", plate.file),
            ("plates.panel", plate.panel),
            ("plates.layout", plate.layout),
        )
    for profile in design.profiles:
        yield "profiles.file", profile.file
    for event in design.time_to_event:
        yield "time_to_event.file", event.file
    yield "open_arms.file", design.open_arms.file if design.open_arms is not None else ""


@dataclass(slots=True, kw_only=True)
class _Work:
    """The reading of one study."""

    design: StudyDesign
    root: Path
    problems: Problems
    inputs: list[Path] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)

    def read_all(self) -> dict[str, Rows]:
        rows: dict[str, Rows] = {name: [] for name in NAMES}
        sites = self.design.sites.ids
        reading = self._open("subjects")
        subjects: Mapping[str, Any] | None = None
        if reading is not None:
            rows["subjects"] = read_subjects(reading, self.design, sites=sites)
            subjects = {row["subject"]: row for row in rows["subjects"] if row["subject"]} or None
        reading = self._open("samples", required=True)
        if reading is not None:
            files = _files(self.design, self.root)
            rows["samples"] = read_samples(reading, self.design, files=files, subjects=subjects, sites=sites)
        reading = self._open("clinical")
        if reading is not None:
            rows["clinical"] = read_clinical(reading, self.design, subjects=subjects)
        reading = self._open("doses")
        if reading is not None:
            rows["doses"] = read_doses(reading, subjects=subjects)
        reading = self._open("events")
        if reading is not None:
            rows["events"] = read_events(reading, subjects=subjects)
        if self.design.blinded:
            self._search_arms()
        return rows

    def _open(self, name: str, *, required: bool = False) -> Reading | None:
        """Open a table: a declared one must be there, one of a default name may be absent."""
        declared: TableSpec | None = getattr(self.design.tables, name)
        spec = declared or TableSpec(file=f"{name}.csv")
        file = spec.file or f"{name}.csv"
        path = _files(self.design, self.root).place(file)
        if path is None:  # noted already: it lies outside
            return None
        if not path.is_file():
            if declared is not None or required:
                self.problems.add(
                    Problem(
                        code="table_missing",
                        table=file,
                        what="there is no such table",
                        expected=f"{file} beside study.toml",
                        scope="study",
                    )
                )
            return None
        self.inputs.append(path)
        sheet, faults = read_sheet(path, table=Path(file).name, sheet=spec.sheet)
        self.problems.extend(faults)
        if sheet is None:
            return None
        tables = self.design.tables
        reading = Reading(
            sheet=sheet,
            spec=spec,
            problems=self.problems,
            decimal=spec.decimal or tables.decimal,
            date_format=spec.date_format or tables.date_format,
        )
        self.readings.append(reading)
        return reading

    def _search_arms(self) -> None:
        words = ArmWords(self.design)
        for reading in self.readings:
            self.problems.extend(arms_in_sheet(reading, words))
            self.problems.extend(codes_grouped(reading, self.design))
            self.problems.extend(arms_in_names(reading, words))
