"""Blinding of sheets: what gives an arm away by its name, by a code, or by the course of a sentinel."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from immunoprofile.core import fold
from immunoprofile.trial._problems import Problem, folded_set

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    import pandas as pd

    from immunoprofile.trial._reading import Reading
    from immunoprofile.trial._schema import StudyDesign

NOT_SEARCHED = frozenset(("measure", "unit", "scale", "control", "file", "sample"))
"""Our columns whose words may be those of an arm without telling one (IL-2 is a cytokine too)."""
IDS = frozenset(("subject", "visit", "site", "tube"))
CODE_NAMES = frozenset(
    fold(name)
    for name in (
        "arm", "armcd", "arm_code", "arm_id", "treatment", "treatment_arm", "treatment_group",
        "treatment_code", "trt", "trt01p", "trt01a", "trtcd", "allocation", "randomisation", "randomization",
        "randomisation_code",
        "randomisation_arm", "randomization_code", "randomization_arm", "kit",
    )
)  # fmt: skip
"""Columns that hold codes of arms by their name."""
_WORDS = re.compile(r"[^\W_]+")
_SENTINELS_BESIDE = ("eosinophils",)
"""Not defined by a responsive marker, and yet raised by the drug within weeks."""


class ArmWords:
    """The words that name an arm, searched as whole words whatever their spelling."""

    def __init__(self, design: StudyDesign) -> None:
        names = [name for arm in design.arms for name in (arm.id, arm.label) if name.strip()]
        every = folded_set(names)
        self.clear = frozenset(name for name in every if len(name) > 1 and not name.isdigit())
        self.every = every

    def found_in(self, text: str) -> bool:
        """Tell whether a text holds a clear word of an arm."""
        if not self.clear:
            return False
        if fold(text) in self.clear:
            return True
        words = [word.casefold() for word in _WORDS.findall(text)]
        longest = max(len(name) for name in self.clear)
        for start in range(len(words)):
            joined = ""
            for word in words[start:]:
                joined += word
                if joined in self.clear:
                    return True
                if len(joined) > longest:
                    break
        return False


def arms_in_sheet(reading: Reading, words: ArmWords) -> Iterator[Problem]:
    """Give a problem for each cell that names an arm; the cell itself is not repeated."""
    ours = {position: name for name, position in reading.columns.items()}
    for position, title in enumerate(reading.sheet.header):
        name = ours.get(position, title)
        if name in NOT_SEARCHED or name.startswith(("value of ", "uln of ")):
            continue
        cells = {row: cells[position].strip() for row, cells in reading.sheet.rows}
        distinct = {cell for cell in cells.values() if cell}
        told = {cell for cell in distinct if words.found_in(cell)}
        if name not in IDS and _is_arm_column(distinct, words):
            told = distinct
        if told:
            for row, cell in cells.items():
                if cell in told:
                    yield Problem(
                        code="arm_in_sheet",
                        table=reading.table,
                        row=row,
                        column=title,
                        expected="no word of an arm in the tables of a blinded study",
                        what="this cell names an arm",
                        hint="remove it; the key is read at unblinding alone",
                        scope="study",
                    )


def _is_arm_column(distinct: Collection[str], words: ArmWords) -> bool:
    """Tell whether a column holds nothing but ids of arms, even short ones like A and B."""
    folded = {fold(cell) for cell in distinct}
    return len(folded) > 1 and not all(cell.isdigit() for cell in folded) and folded <= words.every


def codes_grouped(reading: Reading, design: StudyDesign) -> Iterator[Problem]:
    """Give a problem for each code column with fewer codes than subjects: arms under other names."""
    subject = reading.columns.get("subject")
    if subject is None:
        return
    for position, title in enumerate(reading.sheet.header):
        code = title == design.blinding.code or position == reading.columns.get(design.blinding.code)
        if not code and fold(title) not in CODE_NAMES:
            continue
        pairs = {(cells[subject].strip(), cells[position].strip()) for _, cells in reading.sheet.rows}
        coded = {who for who, cell in pairs if cell and who}
        codes = {cell for who, cell in pairs if cell and who}
        if len(codes) < len(coded):
            yield Problem(
                code="code_grouped",
                table=reading.table,
                row=1,
                column=title,
                found=f"{len(codes)} codes for {len(coded)} subjects",
                expected="a code of its own for each subject",
                what="subjects share a code: an arm under another name",
                hint="remove the column, or give one code a subject",
                scope="study",
            )


def arms_in_names(reading: Reading, words: ArmWords) -> Iterator[Problem]:
    """Warn for each listed file whose name or folder holds a word of an arm."""
    position = reading.columns.get("file")
    if position is None:
        return
    for row, cells in reading.sheet.rows:
        if words.found_in(cells[position]):
            yield Problem(
                level="warning",
                code="arm_in_name",
                table=reading.table,
                row=row,
                column=reading.titles["file"],
                what="the name or folder of this file holds a word of an arm",
                hint="rename it; blinded tables, plots and reports never show names of files",
            )


def sentinels_of(declared: Collection[str] | None) -> tuple[str, ...]:
    """Give the sentinel populations: the declared or the shipped ones, their descendants and complements."""
    from immunoprofile.gating import population_entries

    entries = population_entries()
    if declared is None:
        chosen = {name for name, entry in entries.items() if entry.responsive} | set(_SENTINELS_BESIDE)
    else:
        chosen = set(declared)
    parents = {name: entry.parent for name, entry in entries.items()}
    complements = {
        name: fold(entry.definition.removeprefix("not "))
        for name, entry in entries.items()
        if entry.definition.startswith("not ")
    }
    grown = True
    while grown:
        added = {name for name, parent in parents.items() if parent in chosen}
        told = folded_set(chosen)
        added |= {name for name, other in complements.items() if other in told}
        grown = not added <= chosen
        chosen |= added
    return tuple(sorted(chosen))


def without_sentinels(frame: pd.DataFrame, sentinels: Collection[str]) -> pd.DataFrame:
    """Drop the rows that hold a sentinel: as population, as denominator, or as a part of a ratio."""
    hidden = frozenset(sentinels)
    keep = ~frame["population"].astype("string").map(lambda name: names_sentinel(name, hidden)).astype(bool)
    for column in ("denominator", "feature"):
        if column in frame.columns:
            keep &= ~frame[column].astype("string").map(lambda name: names_sentinel(name, hidden)).astype(
                bool
            )
    return frame[keep]


def names_sentinel(name: object, sentinels: Collection[str]) -> bool:
    """Tell whether a name is a sentinel, or a ratio or feature made of one."""
    if not isinstance(name, str) or not name:
        return False
    if name in sentinels:
        return True
    words = f"_{re.sub('[^a-z0-9]+', '_', name.casefold())}_"
    return any(f"_{re.sub('[^a-z0-9]+', '_', other.casefold())}_" in words for other in sentinels)


def key_codes(subjects: pd.DataFrame, code: str) -> Mapping[str, str]:
    """Map each randomisation code to its subject."""
    if code not in subjects.columns:
        return {}
    known = subjects[subjects[code].notna()]
    return dict(zip(known[code].astype(str), known["subject"].astype(str), strict=True))
