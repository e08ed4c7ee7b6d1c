"""Densities of the simulated Treg tube, frozen in ``data/treg_reference.toml``.

Every marker is Gaussian in z = asinh(signal / 150), independent given the cell type.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

DOUBLET, DEBRIS, DEAD = "doublet", "debris", "dead"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Densities:
    """What each cell type looks like, and how many there are.

    Attributes
    ----------
    cofactor : float
        Of the arcsinh scale on which the densities are Gaussian.
    markers : tuple of str
    types : tuple of str
        Cell types; the position of a type is its label code.
    mean, sd : ndarray (n_types, n_markers)
        In z.
    share : ndarray (n_types,)
        Share of all cells, artefacts apart; sums to 1.
    is_cd4, is_treg : bool ndarray (n_types,)
    fsc, ssc : ndarray (n_types,)
        Medians of the scatter, linear.
    doublets, debris, dead : float
        Shares of the artefacts among all events.
    """

    cofactor: float
    markers: tuple[str, ...]
    types: tuple[str, ...]
    mean: NDArray[np.float64]
    sd: NDArray[np.float64]
    share: NDArray[np.float64]
    is_cd4: NDArray[np.bool_]
    is_treg: NDArray[np.bool_]
    fsc: NDArray[np.float64]
    ssc: NDArray[np.float64]
    doublets: float
    debris: float
    dead: float

    @property
    def labels(self) -> tuple[str, ...]:
        """Name of each label code: the cell types, then the artefacts."""
        return (*self.types, DOUBLET, DEBRIS, DEAD)

    @property
    def treg_share(self) -> float:
        """Treg among CD4 T cells where nothing moves it."""
        return float(self.share[self.is_treg].sum() / self.share[self.is_cd4].sum())

    def position(self, marker: str) -> int:
        """Give the column of a marker."""
        return self.markers.index(marker)

    def composition(self, log_ratio: float) -> NDArray[np.float64]:
        """Give the shares of the types where the Treg share of CD4 T cells is exp(`log_ratio`) times its own.

        The other CD4 T cells shrink alike; all else stays. The share is held at 90 % at most.
        """
        treg = min(self.treg_share * float(np.exp(log_ratio)), 0.9)
        share = self.share.copy()
        share[self.is_treg] *= treg / self.treg_share
        share[self.is_cd4 & ~self.is_treg] *= (1 - treg) / (1 - self.treg_share)
        return share

    def to_dict(self) -> dict[str, Any]:
        """Give the densities as plain values for ``truth.json``."""
        types = [
            {
                "id": name,
                "share": float(self.share[row]),
                "cd4": bool(self.is_cd4[row]),
                "treg": bool(self.is_treg[row]),
                "mean": self.mean[row].tolist(),
                "sd": self.sd[row].tolist(),
                "fsc": float(self.fsc[row]),
                "ssc": float(self.ssc[row]),
            }
            for row, name in enumerate(self.types)
        ]
        artefacts = {DOUBLET: self.doublets, DEBRIS: self.debris, DEAD: self.dead}
        return {
            "cofactor": self.cofactor,
            "markers": list(self.markers),
            "types": types,
            "artefacts": artefacts,
        }


@cache
def reference() -> Densities:
    """Read the shipped densities."""
    source = files("immunoprofile.simulate").joinpath("data", "treg_reference.toml")
    table = tomllib.loads(source.read_text(encoding="utf-8"))
    rows, cd4 = table["types"], table["cd4_share"]
    share = [row["share_of_cd4"] * cd4 if "share_of_cd4" in row else row["share_of_all"] for row in rows]
    return Densities(
        cofactor=table["cofactor"],
        markers=tuple(table["markers"]),
        types=tuple(row["id"] for row in rows),
        mean=_fixed([row["mean"] for row in rows]),
        sd=_fixed([row["sd"] for row in rows]),
        share=_fixed(share),
        is_cd4=_flags(["share_of_cd4" in row for row in rows]),
        is_treg=_flags([row["treg"] for row in rows]),
        fsc=_fixed([row["fsc"] for row in rows]),
        ssc=_fixed([row["ssc"] for row in rows]),
        **{name: table["artefacts"][name] for name in ("doublets", "debris", "dead")},
    )


def _fixed(values: list[Any]) -> NDArray[np.float64]:
    array = np.array(values, dtype=np.float64)
    array.flags.writeable = False
    return array


def _flags(values: list[bool]) -> NDArray[np.bool_]:
    array = np.array(values, dtype=np.bool_)
    array.flags.writeable = False
    return array
