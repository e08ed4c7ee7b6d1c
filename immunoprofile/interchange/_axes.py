"""Axes of gates in Gating-ML: how each of our scales is written so that its values are equal there.

arcsinh with cofactor c is ``fasinh`` with M = 1 / ln 10, A = 0 and T = c sinh(1): its value is then asinh(x
/ c). Log and logicle have their own elements; linear has none.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from immunoprofile.transform import Arcsinh, Linear, Log, Logicle, linear_threshold

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from immunoprofile.gating import Dimension
    from immunoprofile.transform import Compensation, Transform

LARGEST = sys.float_info.max
SMALLEST = math.ulp(0.0)
"""The least number above 0: at or above it means above 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A dimension as the document names it.

    Attributes
    ----------
    detector : str
    over : str or None
        Denominator, for a ratio.
    compensated : bool
        By the document's matrix.
    in_matrix : bool
        Whether the matrix holds the detector.
    transform : Transform
        In the document's units (Time in seconds).
    scale : float
        Units of the document in one of ours: the seconds of a tick, else 1.
    """

    detector: str
    over: str | None
    compensated: bool
    in_matrix: bool
    transform: Transform
    scale: float

    @property
    def factor(self) -> float:
        """What coordinates are multiplied by: the scale of a linear axis; others take it into their T."""
        return self.scale if isinstance(self.transform, Linear) else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A range on an axis, in the document's units.

    Attributes
    ----------
    axis : Axis
    transform : Transform or None
        Scale of the limits; None for linear.
    low, high : float or None
        None where open.
    """

    axis: Axis
    transform: Transform | None
    low: float | None
    high: float | None


def axis_of(
    dimension: Dimension, compensation: Compensation | None, *, time_steps: Mapping[str, float]
) -> Axis:
    """Give the axis of a dimension."""
    held = () if compensation is None or compensation.is_identity else compensation.detectors
    scale = 1.0 if dimension.over is not None else time_steps.get(dimension.detector, 1.0)
    return Axis(
        detector=dimension.detector,
        over=dimension.over,
        compensated=dimension.compensated and dimension.over is None and dimension.detector in held,
        in_matrix=dimension.detector in held,
        transform=_rescaled(dimension.transform, scale),
        scale=scale,
    )


def _rescaled(transform: Transform, scale: float) -> Transform:
    """Give the transform whose value of (scale x) is that of x."""
    if scale == 1.0:
        return transform
    if isinstance(transform, Log):
        return Log(T=transform.T * scale, M=transform.M)
    if isinstance(transform, Arcsinh):
        return Arcsinh(cofactor=transform.cofactor * scale)
    if isinstance(transform, Logicle):
        return Logicle(T=transform.T * scale, W=transform.W, M=transform.M, A=transform.A)
    return transform


def sides_of(axis: Axis, low: float, high: float) -> list[Side]:
    """Write ``low <= z < high`` on an axis.

    Two are written in linear units, where a cut maps to the same events: a ratio (readers that know a
    further transform of a ratio are few), and a log axis that is open below (values at or below 0 have no
    logarithm: they are below every cut here, and missing in FlowKit).
    """
    if axis.over is not None:
        return _ratio_sides(axis, low, high)
    open_below = low == -math.inf
    if isinstance(axis.transform, Log) and open_below:
        cut = linear_threshold(axis.transform, high) if high < math.inf else math.inf
        return [_side(axis, None, -math.inf, cut)]
    transform = None if isinstance(axis.transform, Linear) else axis.transform
    return [_side(axis, transform, low * axis.factor, high * axis.factor)]


def _side(axis: Axis, transform: Transform | None, low: float, high: float) -> Side:  # noqa: PLR0917 - private
    """Close what is infinite but not open, and open what is; a range open on both sides still refuses NaN."""
    lower = None if low == -math.inf else min(low, LARGEST)
    upper = None if high == math.inf else max(high, -LARGEST)
    if lower is None and upper is None:
        return Side(axis=axis, transform=None, low=-LARGEST, high=None)
    return Side(axis=axis, transform=transform, low=lower, high=upper)


def _ratio_sides(axis: Axis, low: float, high: float) -> list[Side]:
    """Write both ends of a ratio (FlowKit needs both), and that its denominator is above 0, as it is here."""
    lower = linear_threshold(axis.transform, low)
    upper = linear_threshold(axis.transform, high)
    ratio = Side(axis=axis, transform=None, low=max(lower, -LARGEST), high=min(upper, LARGEST))
    return [ratio, above_zero(axis)]


def above_zero(axis: Axis) -> Side:
    """Write that the denominator of a ratio is above 0."""
    denominator = Axis(
        detector=axis.over or "", over=None, compensated=False, in_matrix=False, transform=Linear(), scale=1.0
    )
    return Side(axis=denominator, transform=None, low=SMALLEST, high=None)


def fits_together(axes: Sequence[Axis]) -> bool:
    """Tell whether one gate may hold these axes for FlowKit to read it rightly.

    FlowKit compensates every detector of the matrix as soon as one axis is compensated, transforms a
    detector once, and knows one ratio a gate.
    """
    plain = [axis.detector for axis in axes if axis.over is None]
    mixed = any(axis.compensated for axis in axes) and any(
        axis.in_matrix and not axis.compensated and axis.over is None for axis in axes
    )
    return len(plain) == len(set(plain)) and len(axes) - len(plain) <= 1 and not mixed


def groups_of(sides: Sequence[Side]) -> list[list[Side]]:
    """Part ranges into gates that FlowKit reads rightly, to be nested one in the other."""
    groups: list[list[Side]] = []
    for side in sides:
        fitting = (g for g in groups if fits_together([*(s.axis for s in g), side.axis]))
        group = next(fitting, None)
        if group is None:
            groups.append([side])
        else:
            group.append(side)
    return groups


def element_of(transform: Transform) -> tuple[str, dict[str, float]]:
    """Give the element and the attributes that stand for a transform."""
    if isinstance(transform, Arcsinh):
        return "fasinh", {"T": transform.cofactor * math.sinh(1.0), "M": 1 / math.log(10), "A": 0.0}
    if isinstance(transform, Log):
        return "flog", {"T": transform.T, "M": transform.M}
    return "logicle", transform.parameters()
