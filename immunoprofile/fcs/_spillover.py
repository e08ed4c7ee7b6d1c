"""Spillover and older compensation keywords: parsed, checked, never applied here.

A row is a dye, a column a detector; compensated events are the observed ones times the inverse.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from immunoprofile.fcs._issues import listing
from immunoprofile.fcs._numbers import real_number, whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from immunoprofile.fcs._issues import Findings

KEYWORDS = ("$SPILLOVER", "SPILL", "$SPILL", "SPILLOVER")
MAX_CONDITION = 1e10
"""Above it, inverting the matrix loses ten of sixteen digits."""
_LARGEST_CHECKED = 1000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spillover:
    """A spillover matrix as the file gives it.

    Attributes
    ----------
    detectors : tuple of str
        Names of rows (dyes) and columns (detectors).
    matrix : ndarray of float64, shape (n, n)
        Read-only.
    """

    detectors: tuple[str, ...]
    matrix: NDArray[np.float64]

    def __post_init__(self) -> None:
        matrix = np.array(self.matrix, dtype=np.float64)
        matrix.flags.writeable = False
        object.__setattr__(self, "matrix", matrix)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Spillover):
            return NotImplemented
        return self.detectors == other.detectors and np.array_equal(self.matrix, other.matrix)

    def __hash__(self) -> int:
        return hash(self.detectors)

    def __repr__(self) -> str:
        return f"Spillover({len(self.detectors)} detectors: {listing(self.detectors)})"


def spillover_text(spillover: Spillover) -> str:
    """Write a matrix as the value of ``$SPILLOVER``."""
    numbers = (repr(float(number)) for number in spillover.matrix.ravel())
    return ",".join([str(len(spillover.detectors)), *spillover.detectors, *numbers])


def read_spillover(keywords: Mapping[str, str], names: Sequence[str], findings: Findings) -> Spillover | None:
    """Read the first spillover keyword that the file has; None where there is none or it is broken."""
    keyword = next((name for name in KEYWORDS if keywords.get(name, "").strip()), None)
    if keyword is None:
        return None
    parsed = _parse(keywords[keyword])
    if parsed is None:
        findings.warn(
            "spillover-invalid",
            f"{keyword} is not n names and n x n numbers and was left out",
            keyword=keyword,
        )
        return None
    detectors, matrix = parsed
    detectors = _checked_names(detectors, names, keyword=keyword, findings=findings)
    _check_matrix(matrix, keyword, findings)
    return Spillover(detectors=detectors, matrix=matrix)


def _parse(text: str) -> tuple[tuple[str, ...], NDArray[np.float64]] | None:
    cells = [cell.strip() for cell in text.split(",")]
    if cells[-1] == "":
        cells.pop()
    count = whole_number(cells[0]) if cells else None
    if not count or len(cells) != 1 + count + count * count:
        return None
    numbers = [real_number(cell) for cell in cells[1 + count :]]
    if any(number is None for number in numbers):
        return None
    return tuple(cells[1 : 1 + count]), np.array(numbers, dtype=np.float64).reshape(count, count)


def _checked_names(
    detectors: tuple[str, ...], names: Sequence[str], *, keyword: str, findings: Findings
) -> tuple[str, ...]:
    written = {name.strip(): name for name in reversed(names)}
    known = set(written)
    numbers = [whole_number(name) or 0 for name in detectors]
    if not known.intersection(detectors) and all(1 <= number <= len(names) for number in numbers):
        findings.warn(
            "spillover-indices",
            f"{keyword} names detectors by their numbers; they were mapped",
            keyword=keyword,
        )
        detectors = tuple(names[number - 1] for number in numbers)
    else:
        detectors = tuple(written.get(name, name) for name in detectors)
    unknown = [name for name in detectors if name.strip() not in known]
    twice = [name for name, count in Counter(detectors).items() if count > 1]
    if unknown or twice:
        findings.warn(
            "spillover-names",
            f"{keyword} names detectors that the file does not have, or twice: {listing([*unknown, *twice])}",
            keyword=keyword,
        )
    return detectors


def _check_matrix(matrix: NDArray[np.float64], keyword: str, findings: Findings) -> None:
    if np.array_equal(matrix, np.eye(len(matrix))):
        findings.info(
            "spillover-identity", f"{keyword} is the identity: nothing to compensate", keyword=keyword
        )
        return
    if not _condition(matrix) <= MAX_CONDITION:
        findings.warn(
            "spillover-singular",
            f"{keyword} cannot be inverted with confidence; kept as it is",
            keyword=keyword,
        )


def _condition(matrix: NDArray[np.float64]) -> float:
    if len(matrix) > _LARGEST_CHECKED:
        return float("inf")
    with np.errstate(all="ignore"):
        try:
            return float(np.linalg.cond(matrix))
        except np.linalg.LinAlgError:
            return float("inf")


def read_legacy_compensation(
    keywords: Mapping[str, str], count: int, findings: Findings
) -> NDArray[np.float64] | None:
    """Read ``$COMP`` (3.0) or ``$DFCmTOn`` (2.0): percent, sign as written; None where there is none."""
    matrix: NDArray[np.float64] | None = None
    keyword = "$COMP"
    if keyword in keywords:
        cells = keywords[keyword].split(",")
        numbers = [real_number(cell) for cell in cells[1:]]
        if whole_number(cells[0]) == count and len(numbers) == count * count and None not in numbers:
            matrix = np.array(numbers, dtype=np.float64).reshape(count, count)
    else:
        keyword = next((name for name in keywords if name.startswith("$DFC")), "")
        if not keyword:
            return None
        matrix = _pairwise(keywords, count)
    if matrix is None:
        findings.info(
            "legacy-compensation",
            f"{keyword} gives no matrix of all {count} columns and was left out",
            keyword=keyword,
        )
        return None
    matrix.flags.writeable = False
    findings.info(
        "legacy-compensation",
        f"{keyword} gives compensation in percent, which is not applied",
        keyword=keyword,
    )
    return matrix


def _pairwise(keywords: Mapping[str, str], count: int) -> NDArray[np.float64] | None:
    if count > _LARGEST_CHECKED:
        return None
    matrix = np.zeros((count, count))
    found = False
    for name, text in keywords.items():
        source, to, target = name.removeprefix("$DFC").partition("TO")
        row, column = whole_number(source) or 0, whole_number(target) or 0
        value = real_number(text)
        if (
            name.startswith("$DFC")
            and to
            and 1 <= row <= count
            and 1 <= column <= count
            and value is not None
        ):
            matrix[row - 1, column - 1] = value
            found = True
    return matrix if found else None
