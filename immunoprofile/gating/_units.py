"""What placement may see of a sample: opaque keys, its batch, whether it is untreated. Never an arm."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from immunoprofile.fcs import read_fcs
from immunoprofile.panel import read_panel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from immunoprofile.fcs import Sample
    from immunoprofile.panel import Panel, Resolution


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PlacementUnit:
    """A sample as placement sees it.

    Attributes
    ----------
    key, subject_key, specimen_key : str
        Opaque and random; equal subject keys mean one subject.
    batch_key : str
        Epoch of one instrument, panel lot and set-up.
    panel_version : str
        Version of the panel that stained it.
    is_untreated : bool
        Baseline or screening specimen, healthy control or bridging control.
    control : str
        ``full``, ``fmo:<marker>``, ``unstimulated``, ``bridge`` or ``unstained``.
    load : callable
        Gives the sample and its resolution; only the sketching of histograms calls it.
    """

    key: str
    subject_key: str
    specimen_key: str
    batch_key: str
    panel_version: str
    is_untreated: bool
    control: str
    load: Callable[[], tuple[Sample, Resolution]]

    def __repr__(self) -> str:  # no file name, which `load` may hold
        return (
            f"PlacementUnit(key={self.key!r}, batch_key={self.batch_key!r}, is_untreated={self.is_untreated})"
        )


class PlacementSource(Protocol):
    """What a study offers to placement."""

    def placement_units(self, strategy: str, panel: Panel | None = None) -> Sequence[PlacementUnit]:
        """Give the units stained for a strategy, sorted by their random keys."""
        ...


def load_sample(path: Path, panel: Panel | Path, site: str | None = None) -> tuple[Sample, Resolution]:
    """Read a sample and resolve its markers.

    Parameters
    ----------
    path : Path
        FCS file.
    panel : Panel or Path
        Panel, or its file.
    site : str or None
        Site whose overrides of the panel hold.
    """
    sample = read_fcs(path, mmap=False)  # a file that shrinks under a map would end the whole run
    known = read_panel(panel) if isinstance(panel, Path) else panel
    return sample, known.resolve(sample, site=site)
