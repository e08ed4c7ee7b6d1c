"""How arms look: color, marker and line together, so that none is the only signal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from immunoprofile.plot._style import PALETTE, stamp

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

DUMMY = "DUMMY ARMS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Marks of one arm.

    Attributes
    ----------
    arm : str
    color, marker, line : str
    filled : bool
    """

    arm: str
    color: str
    marker: str
    line: str
    filled: bool

    @property
    def marks(self) -> dict[str, Any]:
        """Keywords of a Matplotlib line."""
        face = self.color if self.filled else "white"
        edge = self.color
        return {"color": edge, "marker": self.marker, "markerfacecolor": face, "markeredgecolor": edge}


def is_dummy(arms: pd.Series | None) -> bool:
    """Tell whether arms are dummy arms."""
    return arms is not None and (bool(arms.attrs.get("dummy")) or "DUMMY" in str(arms.name))


def looks_of(arms: pd.Series | None) -> dict[str, Look]:
    """Give the looks of arms, the reference (or first) as comparator; without arms, that of the pool."""
    if arms is None:
        return {"": _look("", "blinded_A", PALETTE["arms"]["blinded_A"])}
    names = sorted({str(arm) for arm in arms.dropna()})
    reference = str(arms.attrs.get("reference") or "")
    names.sort(key=lambda name: (name != reference, name))
    dummy = is_dummy(arms)
    colors = [
        PALETTE["arms"]["blinded_A" if dummy else "comparator"],
        PALETTE["arms"]["dummy" if dummy else "active"],
    ]
    colors += PALETTE["categories"]
    kinds = ["comparator", "active", "blinded_A", "blinded_B"]
    return {
        name: _look(name, kinds[place % 4], colors[place % len(colors)]) for place, name in enumerate(names)
    }


def _look(name: str, kind: str, color: str) -> Look:
    marks = PALETTE["arm_marks"][kind]
    return Look(
        arm=name, color=color, marker=marks["marker"], line=marks["line"], filled=marks["fill"] == "solid"
    )


def stamp_dummy(figure: Figure, arms: pd.Series | None) -> None:
    """Mark a figure whose arms are not the study's."""
    if is_dummy(arms):
        stamp(figure, DUMMY)


def joined(frame: pd.DataFrame, arms: pd.Series | None) -> pd.DataFrame:
    """Add the arm of each subject; rows of subjects without one are left out."""
    if arms is None:
        return frame.assign(arm="")
    known = {str(subject): str(arm) for subject, arm in arms.dropna().items()}
    placed = frame.assign(arm=[known.get(str(subject), "") for subject in frame["subject"]])
    return placed[placed["arm"] != ""]
