"""The two pure tasks of a sample, placing and gating: what goes out, what comes back, and its bytes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from immunoprofile.core import ImmunoprofileError, explain, tidy
from immunoprofile.gating._advance import Report
from immunoprofile.quantify import POPULATION_COLUMNS, rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from immunoprofile.fcs import Sample
    from immunoprofile.gating import FittedStrategy, PlacementUnit

NOTE_COLUMNS = ["population", "level", "code", "message"]
NOTE_COLUMNS_OF_ALL = [*NOTE_COLUMNS, "sample"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GateTask:
    """One sample to gate with its cuts."""

    unit: PlacementUnit
    fitted: FittedStrategy
    medians: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GateResult:
    """Numbers and notes of one sample, or why there are none."""

    key: str
    rows: pd.DataFrame | None = None
    notes: pd.DataFrame | None = None
    failure: ImmunoprofileError | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TubeNumbers:
    """Numbers and notes of all samples of a tube, each row with the key of its sample.

    Attributes
    ----------
    rows, notes : DataFrame
    """

    rows: pd.DataFrame
    notes: pd.DataFrame

    @classmethod
    def of(cls, results: Sequence[GateResult]) -> TubeNumbers:
        """Join the results of single samples; failures have neither."""
        import pandas as pd

        rows = [r.rows.assign(sample=r.key) for r in results if r.rows is not None]
        notes = [r.notes.assign(sample=r.key) for r in results if r.notes is not None]
        columns = [column.name for column in POPULATION_COLUMNS]
        noted = pd.concat(notes, ignore_index=True) if notes else pd.DataFrame(columns=NOTE_COLUMNS_OF_ALL)
        return cls(
            rows=tidy(pd.concat(rows, ignore_index=True), POPULATION_COLUMNS)
            if rows
            else pd.DataFrame(columns=columns),
            notes=noted.astype("string"),
        )


def gate_one(task: GateTask) -> GateResult:
    """Gate one sample: the pure task of application."""
    import pandas as pd

    sample, resolution = task.unit.load()
    if sample.content_id not in task.fitted.units:
        raise changed()
    gated = task.fitted.apply(sample, resolution=resolution)
    rows = rows_of(gated, specimen="", sample="", tube="", medians=task.medians)
    notes = pd.concat([_reading_notes(sample), gated.notes()], ignore_index=True)
    return GateResult(key=task.unit.key, rows=rows, notes=notes.astype("string"))


def changed() -> ImmunoprofileError:
    """Make the error of a file that is not what it was when the run began."""
    problem = "the file changed while the run was going on"
    return ImmunoprofileError("file_changed", problem, hint="run the same command again")


def gate_failed(task: GateTask, error: ImmunoprofileError) -> GateResult:
    """Give the result of a sample that could not be gated."""
    return GateResult(key=task.unit.key, failure=error)


def place_failed(task: Any, error: ImmunoprofileError) -> Report:
    """Give the report of a sample that could not be read for placement."""
    return Report(key=task.unit.key, failure=error)


def _reading_notes(sample: Sample) -> pd.DataFrame:
    """Note what was odd or repaired in a file: in the words of its code, since a value may name somebody."""
    import pandas as pd

    rows = []
    for issue in sample.issues:
        if issue.level != "info":
            known = explain(issue.code)
            about = f" ({issue.keyword})" if issue.keyword else ""
            rows.append(("", issue.level, issue.code, f"{known.meaning}{about}; {known.done}"))
    return pd.DataFrame(list(dict.fromkeys(rows)), columns=NOTE_COLUMNS, dtype="string")


def result_bytes(result: GateResult) -> bytes:
    """Give rows and notes as bytes; missing and empty stay apart, numbers round-trip."""
    if result.rows is None or result.notes is None:
        raise ValueError("a failure is not kept")
    return json.dumps([_plain(result.rows), _plain(result.notes)]).encode("utf-8")


def _plain(frame: pd.DataFrame) -> dict[str, list[Any]]:
    missing = frame.isna()
    return {
        name: [
            None if lacks else value for value, lacks in zip(frame[name].tolist(), missing[name], strict=True)
        ]
        for name in frame.columns
    }


def result_of(content: bytes, *, key: str) -> GateResult:
    """Rebuild a result, for the sample that now has `key`.

    Raises
    ------
    ValueError, KeyError, TypeError
        For anything that :func:`result_bytes` did not make.
    """
    rows, notes = json.loads(content.decode("utf-8"))
    return GateResult(key=key, rows=_rows_of(rows), notes=_notes_of(notes, NOTE_COLUMNS))


def _rows_of(plain: Mapping[str, Any]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({c.name: pd.Series(plain[c.name], dtype=c.dtype) for c in POPULATION_COLUMNS})


def _notes_of(plain: Mapping[str, Any], columns: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({name: pd.Series(plain[name], dtype="string") for name in columns})


def numbers_bytes(numbers: TubeNumbers, fitted: bytes) -> bytes:
    """Give a whole tube as bytes: a line with the length of the numbers, the numbers, the fitted strategy."""
    plain = json.dumps([_plain(numbers.rows), _plain(numbers.notes)]).encode("utf-8")
    return b"%d\n%b%b" % (len(plain), plain, fitted)


def numbers_of(content: bytes) -> tuple[FittedStrategy, TubeNumbers]:
    """Rebuild what :func:`numbers_bytes` packed.

    Raises
    ------
    ValueError, KeyError, TypeError
        For anything else.
    """
    from immunoprofile.gating import FittedStrategy

    head, _, rest = content.partition(b"\n")
    length = int(head)
    rows, notes = json.loads(rest[:length].decode("utf-8"))
    numbers = TubeNumbers(rows=_rows_of(rows), notes=_notes_of(notes, NOTE_COLUMNS_OF_ALL))
    return FittedStrategy.from_bytes(rest[length:]), numbers
