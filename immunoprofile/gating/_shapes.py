"""Shapes of gates as frozen values: where a gate lies, in transformed units, and nothing about any sample.

Every shape answers ``contains(values)`` in plain numpy: the slow, readable truth the engine is held to.
A missing value (nan) is in no shape; only the complement of a boolean gate holds it. Rules of the edges:
``lower <= z < upper`` for cuts, the odd winding number with half-open edges for polygons (as in FlowKit, so
that neighbouring gates share no event), the edge included for ellipses.

References
----------
Spidlen et al. 2015, Gating-ML 2.0, doi:10.1002/cyto.a.22690
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from immunoprofile.core import StrategyError, listed
from immunoprofile.transform import Linear

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from immunoprofile.transform import Transform

ROOT = "root"
"""Name of the parent of all: every event of the file."""
SIDES = ("above", "below")
QUADRANTS = ("++", "+-", "-+", "--")
OPERATORS = ("and", "or", "not")


def _refuse(problem: str, hint: str, *, where: str = "") -> StrategyError:
    return StrategyError("STRATEGY_SCHEMA", problem, where=where, hint=hint)


def _frozen_array(values: ArrayLike, ndim: int, *, what: str) -> NDArray[np.float64]:
    """Copy numbers into a read-only array of finite float64; ``-0.0`` becomes ``0.0``, so equal is equal."""
    try:
        array = np.array(values, dtype=np.float64, order="C") + 0.0
    except (TypeError, ValueError) as error:
        raise _refuse(f"{what} is not an array of numbers", "give finite numbers") from error
    if array.ndim != ndim:
        raise _refuse(f"{what} has {array.ndim} axes", f"give an array of {ndim} axes")
    if not np.isfinite(array).all():
        raise _refuse(f"{what} holds a value that is not finite", "give finite numbers")
    array.flags.writeable = False
    return array


def _below(z: NDArray[np.float64], upper: float) -> NDArray[np.bool_]:
    """Test ``z < upper``; an open upper side holds +inf too, and never nan."""
    return (z < upper) if upper < math.inf else ~np.isnan(z)


def _columns(values: Sequence[NDArray[np.float64]], count: int) -> list[NDArray[np.float64]]:
    if len(values) != count:
        raise _refuse(f"{len(values)} columns for a gate on {count} dimensions", "give one array a dimension")
    return [np.asarray(column, dtype=np.float64) for column in values]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """What a gate looks at: a detector and the scale it is looked at on.

    Attributes
    ----------
    detector : str
        ``$PnN`` of the file.
    transform : Transform
        Scale of the gate's coordinates.
    compensated : bool
        Whether the compensated value is meant, where the compensation holds this detector.
    over : str or None
        A second detector: the dimension is then the ratio of the two on linear, uncompensated values
        (`transform` is applied to the ratio). A denominator of 0 or below gives nan.
    """

    detector: str
    transform: Transform = field(default_factory=Linear)
    compensated: bool = True
    over: str | None = None

    def __post_init__(self) -> None:
        if not self.detector or self.over == "":
            raise _refuse("a dimension without a detector", "name the detector ($PnN) of the file")


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """One cut on one dimension.

    Attributes
    ----------
    dimension : Dimension
    cut : float
        In transformed units; infinite where the side is open.
    side : str
        ``above`` (z >= cut) or ``below`` (z < cut).
    """

    dimension: Dimension
    cut: float
    side: Literal["above", "below"] = "above"

    def __post_init__(self) -> None:
        if math.isnan(self.cut):
            raise _refuse("a cut that is not a number", "give a number, or an infinite one for an open gate")
        if self.side not in SIDES:
            raise _refuse(f"side is {self.side!r}", f"choose one of {listed(SIDES)}")

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """The dimensions, in the order of `contains`."""
        return (self.dimension,)

    def contains(self, values: Sequence[NDArray[np.float64]]) -> NDArray[np.bool_]:
        """Tell which events are inside, from their transformed values (one array)."""
        (z,) = _columns(values, 1)
        return z >= self.cut if self.side == "above" else _below(z, self.cut)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rectangle:
    """A range on each of one or more dimensions: ``lower <= z < upper``.

    Attributes
    ----------
    dimensions : tuple of Dimension
    lower, upper : tuple of float
        Limits in transformed units; -inf and +inf where a side is open.
    """

    dimensions: tuple[Dimension, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]

    def __post_init__(self) -> None:
        for name in ("dimensions", "lower", "upper"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if not self.dimensions or not len(self.dimensions) == len(self.lower) == len(self.upper):
            raise _refuse("a rectangle whose limits do not match its dimensions", "give both limits for each")
        if not all(low < high for low, high in zip(self.lower, self.upper, strict=True)):
            raise _refuse("a rectangle without an inside", "give a lower limit below the upper one")

    def contains(self, values: Sequence[NDArray[np.float64]]) -> NDArray[np.bool_]:
        """Tell which events are inside, from their transformed values (one array a dimension)."""
        columns = _columns(values, len(self.dimensions))
        inside = np.ones(columns[0].shape, dtype=np.bool_)
        for z, low, high in zip(columns, self.lower, self.upper, strict=True):
            inside &= (z >= low) & _below(z, high)
        return inside


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """A union of ranges ``lower <= z < upper`` on one dimension, as the stretches of time that are kept.

    Attributes
    ----------
    dimension : Dimension
    lower, upper : tuple of float
        Limits of each range, rising and not overlapping; none at all holds no event.
    """

    dimension: Dimension
    lower: tuple[float, ...]
    upper: tuple[float, ...]

    def __post_init__(self) -> None:
        for name in ("lower", "upper"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if len(self.lower) != len(self.upper):
            raise _refuse("intervals with an odd limit", "give each interval its lower and its upper limit")
        edges = [edge for pair in zip(self.lower, self.upper, strict=True) for edge in pair]
        ends = range(len(edges) - 1)
        if not all(edges[i] < edges[i + 1] if i % 2 == 0 else edges[i] <= edges[i + 1] for i in ends):
            raise _refuse("intervals that overlap or do not rise", "sort them and join those that overlap")

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """The dimensions, in the order of `contains`."""
        return (self.dimension,)

    def contains(self, values: Sequence[NDArray[np.float64]]) -> NDArray[np.bool_]:
        """Tell which events are inside, from their transformed values (one array)."""
        (z,) = _columns(values, 1)
        inside = np.zeros(z.shape, dtype=np.bool_)
        for low, high in zip(self.lower, self.upper, strict=True):
            inside |= (z >= low) & _below(z, high)
        return inside


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Polygon:
    """A polygon on two dimensions; where edges cross, inside is what is wound round an odd number of times.

    Attributes
    ----------
    dimensions : tuple of Dimension
        Two: x and y.
    vertices : ndarray, shape (n_vertices, 2)
        In transformed units, at least three; closed from the last to the first.
    """

    dimensions: tuple[Dimension, ...]
    vertices: NDArray[np.float64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "dimensions", tuple(self.dimensions))
        object.__setattr__(self, "vertices", _frozen_array(self.vertices, 2, what="the list of vertices"))
        if len(self.dimensions) != 2 or self.vertices.shape[0] < 3 or self.vertices.shape[1] != 2:
            raise _refuse(
                f"a polygon of {len(self.dimensions)} dimensions and {self.vertices.shape[0]} vertices",
                "give two dimensions and at least three vertices (x, y)",
            )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Polygon):
            return NotImplemented
        return self.dimensions == other.dimensions and np.array_equal(self.vertices, other.vertices)

    def __hash__(self) -> int:
        return hash((self.dimensions, self.vertices.tobytes()))

    def contains(self, values: Sequence[NDArray[np.float64]]) -> NDArray[np.bool_]:
        """Tell which events are inside, from their transformed values (x and y)."""
        x, y = _columns(values, 2)
        (x_low, y_low), (x_high, y_high) = self.vertices.min(axis=0), self.vertices.max(axis=0)
        near = (x >= x_low) & (x <= x_high) & (y >= y_low) & (y <= y_high)
        px, py = x[near], y[near]
        odd = np.zeros(px.shape, dtype=np.bool_)
        for (ax, ay), (bx, by) in zip(self.vertices, np.roll(self.vertices, -1, axis=0), strict=True):
            side = (bx - ax) * (py - ay) - (px - ax) * (by - ay)
            odd ^= ((ay <= py) & (py < by) & (side > 0)) | ((by <= py) & (py < ay) & (side < 0))
        inside = np.zeros(x.shape, dtype=np.bool_)
        inside[near] = odd
        return inside


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ellipse:
    """An ellipse: ``(z - mean)' covariance^-1 (z - mean) <= distance_square``, on two or more dimensions.

    Attributes
    ----------
    dimensions : tuple of Dimension
    mean : ndarray, shape (n_dimensions,)
    covariance : ndarray, shape (n_dimensions, n_dimensions)
        Symmetric, positive definite.
    distance_square : float
        Square of the Mahalanobis distance of the edge.
    """

    dimensions: tuple[Dimension, ...]
    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    distance_square: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "dimensions", tuple(self.dimensions))
        object.__setattr__(self, "mean", _frozen_array(self.mean, 1, what="the mean"))
        object.__setattr__(self, "covariance", _frozen_array(self.covariance, 2, what="the covariance"))
        count = len(self.dimensions)
        if count < 2 or self.mean.shape != (count,) or self.covariance.shape != (count, count):
            raise _refuse(
                f"an ellipse of {count} dimensions, a mean of {self.mean.size} and a covariance of "
                f"{self.covariance.shape}",
                "give at least two dimensions, and mean and covariance of their number",
            )
        if not _is_positive_definite(self.covariance):
            raise _refuse("a covariance that is not symmetric and positive definite", "check the covariance")
        if not 0 < self.distance_square < math.inf:
            raise _refuse(f"distance_square is {self.distance_square}", "give a number above 0")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Ellipse):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[object, ...]:
        return self.dimensions, self.mean.tobytes(), self.covariance.tobytes(), self.distance_square

    def contains(self, values: Sequence[NDArray[np.float64]]) -> NDArray[np.bool_]:
        """Tell which events are inside, from their transformed values (one array a dimension)."""
        columns = _columns(values, len(self.dimensions))
        centered = [z - mean for z, mean in zip(columns, self.mean, strict=True)]
        precision = np.linalg.inv(self.covariance)
        distance = np.zeros(columns[0].shape)
        with np.errstate(invalid="ignore", over="ignore"):  # infinite values: nan, hence outside
            for i, first in enumerate(centered):
                for j, second in enumerate(centered):
                    distance += first * precision[i, j] * second
        return distance <= self.distance_square


def _is_positive_definite(matrix: NDArray[np.float64]) -> bool:
    if not np.allclose(matrix, matrix.T, rtol=1e-9, atol=0):
        return False
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return False
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Quadrant:
    """One quarter of a plane that two cuts divide; at or above a cut is ``+``.

    Attributes
    ----------
    dimensions : tuple of Dimension
        Two.
    cuts : tuple of float
        Two, in transformed units.
    quadrant : str
        ``++``, ``+-``, ``-+`` or ``--``: sign on the first dimension, then on the second.
    """

    dimensions: tuple[Dimension, ...]
    cuts: tuple[float, ...]
    quadrant: Literal["++", "+-", "-+", "--"]

    def __post_init__(self) -> None:
        for name in ("dimensions", "cuts"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if len(self.dimensions) != 2 or len(self.cuts) != 2 or any(math.isnan(cut) for cut in self.cuts):
            raise _refuse("a quadrant needs two dimensions and two cuts", "give two of each, as numbers")
        if self.quadrant not in QUADRANTS:
            raise _refuse(f"quadrant is {self.quadrant!r}", f"choose one of {listed(QUADRANTS)}")

    def contains(self, values: Sequence[NDArray[np.float64]]) -> NDArray[np.bool_]:
        """Tell which events are inside, from their transformed values (two arrays)."""
        x, y = (
            z >= cut if sign == "+" else _below(z, cut)
            for z, cut, sign in zip(_columns(values, 2), self.cuts, self.quadrant, strict=True)
        )
        return x & y


@dataclass(frozen=True, slots=True, kw_only=True)
class Boolean:
    """A combination of populations, always within the parent.

    Attributes
    ----------
    operator : str
        ``and``, ``or`` or ``not`` (of one population: the rest of the parent).
    operands : tuple of str
        Names of populations.
    """

    operator: Literal["and", "or", "not"]
    operands: tuple[str, ...]

    def __post_init__(self) -> None:
        if isinstance(self.operands, str):
            raise _refuse("operands are one text", "give a list of names of populations")
        object.__setattr__(self, "operands", tuple(self.operands))
        if self.operator not in OPERATORS:
            raise _refuse(f"operator is {self.operator!r}", f"choose one of {listed(OPERATORS)}")
        if not self.operands or (self.operator == "not" and len(self.operands) != 1):
            raise _refuse(
                f"{len(self.operands)} operands of {self.operator!r}",
                "not takes one, and and or at least one",
            )

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """None: a boolean gate looks at no detector."""
        return ()


Shape = Threshold | Rectangle | Intervals | Polygon | Ellipse | Quadrant | Boolean
"""Any shape of a gate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """A named set of events: those of the parent that lie in a shape.

    Attributes
    ----------
    name : str
    parent : str
        ``root`` (all events) or the name of another population.
    shape : Shape
    """

    name: str
    parent: str
    shape: Shape

    def __post_init__(self) -> None:
        if not self.name or self.name == ROOT:
            raise _refuse(f"a population named {self.name!r}", f"give a name; {ROOT!r} means all events")
