"""Compensation: the spillover matrix of a sample, checked before it touches an event."""

from __future__ import annotations

import csv
import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from immunoprofile.core import ImmunoprofileWarning, PanelError, close_names, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from immunoprofile.fcs import Sample

ILL = 1e6
"""Condition above which compensation warns (panel specification, section 3)."""
LIMIT = 1e10
"""Condition above which the matrix is refused: ten of the sixteen digits of a double would be noise."""
_SMALLEST = 2


class _Matrix(Protocol):
    """A spillover matrix with the names of its detectors."""

    @property
    def detectors(self) -> tuple[str, ...]: ...
    @property
    def matrix(self) -> NDArray[np.float64]: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Compensation:
    """A checked spillover matrix, bound to the channels of a sample.

    Attributes
    ----------
    detectors : tuple of str
        Names as the sample writes them, in the order of the matrix.
    channels : ndarray of int, shape (k,)
        Their channels in the sample.
    matrix : ndarray, shape (k, k)
        Row: dye, column: detector.
    inverse : ndarray, shape (k, k)
    condition : float
        Condition number (2-norm) of `matrix`.
    is_identity : bool
        Nothing spills: the values are left as they are.
    flags : tuple of str
        ``COMPENSATION_ILL``, ``COMPENSATION_IDENTITY``.
    """

    detectors: tuple[str, ...]
    channels: NDArray[np.intp]
    matrix: NDArray[np.float64]
    inverse: NDArray[np.float64]
    condition: float
    is_identity: bool
    flags: tuple[str, ...] = ()

    def compensate(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Compensate linear values of the matrix' detectors, shape (n_events, k), in its order."""
        return values if self.is_identity else values @ self.inverse

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Compensation):
            return NotImplemented
        return self.detectors == other.detectors and bool(
            np.array_equal(self.channels, other.channels) and np.array_equal(self.matrix, other.matrix)
        )

    def __hash__(self) -> int:
        return hash((self.detectors, self.matrix.tobytes()))

    def __repr__(self) -> str:
        kind = "identity" if self.is_identity else f"condition {self.condition:.3g}"
        return f"Compensation({len(self.detectors)} detectors, {kind})"


def compensation_of(sample: Sample, source: str | Path | _Matrix = "file") -> Compensation | None:
    """Give the compensation of a sample.

    Parameters
    ----------
    sample : Sample
    source : str, Path or matrix
        ``"file"``: the file's own spillover; ``"none"``; the path of a CSV file; the text of such a file
        (anything with a line end); or a value with ``.detectors`` and ``.matrix``. The CSV has a head line of
        detector names and one line of numbers a dye, with or without its name before them.

    Returns
    -------
    Compensation or None
        None where there is none: ``"none"``, or no spillover in the file.

    Raises
    ------
    PanelError
        ``COMPENSATION_INVALID``: not square, a detector that the file does not have or has twice, a value
        that is no finite number, no inverse, or a condition above 1e10.

    Warns
    -----
    ImmunoprofileWarning
        ``COMPENSATION_ILL``: condition above 1e6.
    """
    if isinstance(source, str) and source == "none":
        return None
    if isinstance(source, str) and source == "file":
        if sample.spillover is None:
            return None
        return _checked(sample, sample.spillover.detectors, matrix=sample.spillover.matrix, where=sample.name)
    if isinstance(source, str | Path):
        names, matrix, where = _read(source)
        return _checked(sample, names, matrix=matrix, where=f"{sample.name}, {where}")
    return _checked(sample, source.detectors, matrix=source.matrix, where=sample.name)


def _checked(
    sample: Sample, names: Sequence[str], *, matrix: NDArray[np.float64], where: str
) -> Compensation:
    spill = np.array(matrix, dtype=np.float64)
    k = len(names)
    if spill.shape != (k, k) or k < 1:
        raise _invalid(
            f"the matrix is {' x '.join(map(str, spill.shape))} for {k} detectors", where=where,
            hint="one row and one column a detector",
        )  # fmt: skip
    if not np.isfinite(spill).all():
        raise _invalid("the matrix holds a value that is no finite number", where=where, hint="")
    channels = _channels(sample, names, where=where)
    condition = float(np.linalg.cond(spill))
    if not condition <= LIMIT:
        raise _invalid(
            f"the matrix has no usable inverse (condition {condition:.3g})", where=where,
            hint="two dyes look alike to it: check the single-stained controls",
        )  # fmt: skip
    flags = ("COMPENSATION_ILL",) if condition > ILL else ()
    if flags:
        warnings.warn(
            ImmunoprofileWarning(
                f"{where}: condition {condition:.3g}; noise of the detectors grows by as much",
                "COMPENSATION_ILL",
            ),
            stacklevel=3,
        )
    identity = bool(np.array_equal(spill, np.eye(k)))
    inverse = np.asarray(spill if identity else np.linalg.inv(spill), dtype=np.float64)
    for array in (spill, inverse, channels):
        array.flags.writeable = False
    return Compensation(
        detectors=tuple(sample.detectors[channel] for channel in channels),
        channels=channels,
        matrix=spill,
        inverse=inverse,
        condition=condition,
        is_identity=identity,
        flags=(*flags, "COMPENSATION_IDENTITY") if identity else flags,
    )


def _channels(sample: Sample, names: Sequence[str], *, where: str) -> NDArray[np.intp]:
    """Match names against $PnN: as written, else trimmed, else without case and ``Comp-``; never two."""
    found = [_channel(sample.detectors, name) for name in names]
    missing = [name for name, channel in zip(names, found, strict=True) if channel is None]
    if missing:
        near = close_names(missing[0], sample.detectors)
        raise _invalid(
            f"the matrix names {listed(missing)}, which the file does not have", where=where,
            hint=f"nearest: {listed(near)}" if near else f"the file has {listed(sample.detectors)}",
        )  # fmt: skip
    channels = np.array(found, dtype=np.intp)
    if len(set(found)) < len(found):
        raise _invalid("the matrix names a detector twice", where=where, hint="one column a detector")
    return channels


def _channel(detectors: Sequence[str], name: str) -> int | None:
    for form in (str, str.strip, _without_case, _bare):
        same = [i for i, detector in enumerate(detectors) if form(detector) == form(name)]
        if len(same) == 1:
            return same[0]
    return None


def _without_case(name: str) -> str:
    return name.strip().casefold()


def _bare(name: str) -> str:
    return _without_case(name).removeprefix("comp-").strip("<>")


def _read(source: str | Path) -> tuple[list[str], NDArray[np.float64], str]:
    """Read a matrix from a CSV file or its text."""
    if isinstance(source, str) and "\n" in source:
        text, where = source, "declared matrix"
    else:
        path = Path(source)
        where = path.name
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise _invalid(
                f"the matrix cannot be read ({error})", where=str(path), hint="a CSV file"
            ) from error
    rows = [
        [cell.strip() for cell in row] for row in csv.reader(text.splitlines()) if any(map(str.strip, row))
    ]
    if len(rows) < _SMALLEST:
        raise _invalid(
            "the matrix has no rows", where=where, hint="a line of detector names, then one line a dye"
        )
    head, body = rows[0], rows[1:]
    named = not _is_number(body[0][0])
    if named and len(head) == len(body[0]):
        head = head[1:]
    labels = [row[0] for row in body] if named else None
    numbers = [[_number(cell, where) for cell in (row[1:] if named else row)] for row in body]
    if len(numbers) != len(head) or any(len(row) != len(head) for row in numbers):
        raise _invalid(
            f"{len(head)} detectors, {len(numbers)} rows of {sorted({len(row) for row in numbers})} numbers",
            where=where, hint="as many rows and numbers in a row as detectors",
        )  # fmt: skip
    matrix = np.array(numbers)
    if labels is not None and sorted(labels) == sorted(head) and len(set(head)) == len(head):
        matrix = matrix[
            [labels.index(name) for name in head]
        ]  # rows by name where they bear the detectors' names
    return head, matrix, where


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _number(cell: str, where: str) -> float:
    if not _is_number(cell) or not math.isfinite(float(cell)):
        raise _invalid(f"{cell!r} is no finite number", where=where, hint="a decimal point, no unit")
    return float(cell)


def _invalid(problem: str, *, where: str, hint: str) -> PanelError:
    return PanelError("COMPENSATION_INVALID", problem, where=where, hint=hint)
