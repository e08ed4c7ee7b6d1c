"""What a placement method takes and gives: a pool of histograms in, a frozen finding out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from immunoprofile.gating._histograms import Pool

MINIMUM_EVENTS = 200
"""Events in the parent below which a cut is flagged ``FEW_EVENTS``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A finding on one axis.

    Attributes
    ----------
    at : float
        Cut in transformed units; the lower limit of a band; ``nan`` where nothing was found and the declared
        fallback is to be used.
    depth : float
        1 - valley / lower peak, from 0 (none) to 1 (empty); ``nan`` where the method has no valley.
    method : str
        Method that made it.
    flags : tuple of str
    upper : float
        Upper limit of a band; ``nan`` for a single cut.
    """

    at: float
    depth: float
    method: str
    flags: tuple[str, ...] = ()
    upper: float = math.nan

    @property
    def found(self) -> bool:
        """Whether there is a cut; if not, the caller uses the declared fallback."""
        return not math.isnan(self.at)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Components:
    """A Gaussian mixture in two axes, in transformed units.

    Attributes
    ----------
    weights : ndarray, shape (k,)
    means : ndarray, shape (k, 2)
    covariances : ndarray, shape (k, 2, 2)
    target : ndarray of bool, shape (k,)
        Components of the wanted population.
    """

    weights: NDArray[np.float64]
    means: NDArray[np.float64]
    covariances: NDArray[np.float64]
    target: NDArray[np.bool_]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Components) and all(
            np.array_equal(getattr(self, name), getattr(other, name)) for name in self.__slots__
        )

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Region:
    """A finding on two axes: a polygon.

    Attributes
    ----------
    vertices : ndarray, shape (n, 2)
        Corners in transformed units; none where nothing was found.
    share : float
        Share of the pool inside, 0 to 1.
    depth : float
        1 - lowest density on the boundary / smaller peak.
    method : str
    flags : tuple of str
    components : Components or None
        The mixture behind the region, where it is one.
    """

    vertices: NDArray[np.float64]
    share: float
    depth: float
    method: str
    flags: tuple[str, ...] = ()
    components: Components | None = None

    def __post_init__(self) -> None:
        vertices = np.array(self.vertices, dtype=np.float64).reshape(-1, 2)
        vertices.flags.writeable = False
        object.__setattr__(self, "vertices", vertices)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Region)
            and np.array_equal(self.vertices, other.vertices)
            and (self.method, self.flags, self.components) == (other.method, other.flags, other.components)
        )

    __hash__ = None  # type: ignore[assignment]

    @property
    def found(self) -> bool:
        """Whether there is a region; if not, the caller uses the declared fallback."""
        return len(self.vertices) > 2


class Method(Protocol):
    """A placement method: a pure function of a pool of histograms."""

    def __call__(
        self, pool: Pool, params: Mapping[str, object], window: tuple[float, float] | None
    ) -> Cut | Region:
        """Place a cut.

        Parameters
        ----------
        pool : Pool
            Units of the scope, on one axis, or two for a region.
        params : mapping
            Parameters of the method, checked by :func:`check_params`; absent ones have their defaults.
        window : tuple of float or None
            Where the cut may lie, in robust units of the pool: (z - median) / IQR.
        """
        ...


def nothing(method: str, *flags: str) -> Cut:
    """Give the finding that there is no cut."""
    return Cut(at=math.nan, depth=0.0, method=method, flags=tuple(sorted(flags)))


def nowhere(method: str, *flags: str) -> Region:
    """Give the finding that there is no region."""
    return Region(
        vertices=np.empty((0, 2)), share=math.nan, depth=0.0, method=method, flags=tuple(sorted(flags))
    )
