"""Count verdicts, and the goals that the counts must reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._judge import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Counts over a corpus.

    Attributes
    ----------
    files : mapping of kind to number
    right : mapping of kind to number
        Read right (for ``error``: refused).
    """

    files: dict[str, int]
    right: dict[str, int]
    wrong: int
    accepted: int
    unclear: int
    hangs: int
    warned: int
    false_alarms: int
    coded: int

    @property
    def total(self) -> int:
        """Number of files."""
        return sum(self.files.values())

    def lines(self) -> list[str]:
        """A small table."""
        kinds = [f"{kind:<9}{self.right[kind]:>6} of {n:>5}" for kind, n in self.files.items()]
        n_warn, n_sound = self.files["warn"], self.files["legal"] + self.files["harmless"]
        return [
            "read right (broken files: refused)",
            *kinds,
            f"wrong values {self.wrong}, must-refuse accepted {self.accepted}",
            f"unclear errors {self.unclear}, hangs {self.hangs}",
            f"must-warn right and warned {self.warned} of {n_warn}",
            f"false alarms {self.false_alarms} of {n_sound}, codes as tabled {self.coded} of {self.total}",
        ]


def tally(verdicts: Iterable[Verdict]) -> Tally:
    """Count."""
    found = list(verdicts)
    kinds = ("legal", "harmless", "warn", "error")
    good = [v for v in found if v.kind != "error"]
    read = [v for v in good if v.outcome == "read"]
    return Tally(
        files={kind: sum(v.kind == kind for v in found) for kind in kinds},
        right={kind: sum(_right(v) for v in found if v.kind == kind) for kind in kinds},
        wrong=sum(bool(v.wrong) for v in read),
        accepted=sum(v.kind == "error" and v.outcome == "read" for v in found),
        unclear=sum(v.outcome == "unclear" for v in found),
        hangs=sum(v.outcome == "hang" for v in found),
        warned=sum(v.kind == "warn" and _right(v) and bool(v.codes) for v in found),
        false_alarms=sum(v.kind in ("legal", "harmless") and bool(v.codes) for v in read),
        coded=sum(v.coded for v in found),
    )


def _right(verdict: Verdict) -> bool:
    wanted = "refused" if verdict.kind == "error" else "read"
    return verdict.outcome == wanted and not verdict.wrong


def goals(found: Tally) -> list[str]:
    """Name every goal that is missed; all files of the first three kinds must be read right."""
    sound = found.files["legal"] + found.files["harmless"]
    good = sound + found.files["warn"]
    read = found.right["legal"] + found.right["harmless"] + found.right["warn"]
    checks = {
        "wrong values": found.wrong == 0,
        "must-refuse accepted": found.accepted == 0,
        "unclear errors": found.unclear == 0,
        "hangs": found.hangs == 0,
        "every good file read right": read == good,
        "must-warn right and warned >= 97 %": found.warned >= 0.97 * found.files["warn"],
        "false alarms <= 2 %": found.false_alarms <= 0.02 * sound,
        "codes as tabled >= 95 %": found.coded >= 0.95 * found.total,
    }
    return [name for name, reached in checks.items() if not reached]
