"""Which scale a channel gets: the one declared, else the one that its file tells."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from immunoprofile.core import PanelError, nearest
from immunoprofile.transform._kinds import Arcsinh, Linear, Log, Logicle

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from immunoprofile.fcs import Sample
    from immunoprofile.transform._kinds import Transform

TOP = 262144.0
"""Top of a scale where $PnR is no use (18 bits, the usual range of digital cytometers)."""
DECADES = 4.5
_PARAMETERS: dict[str, tuple[str, ...]] = {
    "linear": (),
    "none": (),
    "log": ("T", "M"),
    "arcsinh": ("cofactor",),
    "logicle": ("T", "W", "M", "A"),
}


def make_transform(kind: str, **parameters: float) -> Transform:
    """Make a transform by name.

    Parameters
    ----------
    kind : str
        ``linear``, ``none`` (values are display values already: the same as linear), ``log`` (T, M),
        ``arcsinh`` (cofactor) or ``logicle`` (T, W, M, A). A parameter left out takes its usual value.

    Raises
    ------
    PanelError
        ``TRANSFORM_INVALID``: unknown kind or parameter, or a value out of range.

    Examples
    --------
    >>> make_transform("arcsinh", cofactor=5)
    Arcsinh(cofactor=5.0)
    """
    known = _PARAMETERS.get(kind)
    if known is None:
        raise _refused("", f"no transform {kind!r}", options=tuple(_PARAMETERS), found=kind)
    for name, number in parameters.items():
        if name not in known:
            raise _refused(kind, f"no parameter {name!r}", options=known, found=name)
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise _refused(kind, f"{name} is {number!r}, which is no number", options=known, found=name)
    given = {name: float(number) for name, number in parameters.items()}
    if kind == "log":
        return Log(**{"T": TOP, "M": DECADES, **given})
    if kind == "arcsinh":
        return Arcsinh(**given)
    return Logicle(**given) if kind == "logicle" else Linear()


def channel_transform(
    sample: Sample,
    index: int,
    *,
    spec: Mapping[str, object] | None = None,
    scatter: bool = False,
) -> Transform:
    """Choose the transform of a channel.

    Parameters
    ----------
    sample : Sample
        Tells how the channel was recorded.
    index : int
        Channel.
    spec : mapping, optional
        What the panel declares: ``{"kind": "logicle", "W": 0.5, "T": "PnR"}``; ``"PnR"`` is the range of the
        channel. By default integer data with log amplification are ``log`` over their own decades, all else
        ``arcsinh`` with cofactor 150.
    scatter : bool
        Whether the channel is scatter or time, which is linear.
    """
    if spec is not None:
        return _declared(sample, index, spec)
    if scatter:
        return Linear()
    if sample.integer_log[index]:
        decades, lowest = (float(number) for number in sample.amplification[index])
        return Log(T=lowest * 10.0**decades, M=decades)
    return Arcsinh()


def _declared(sample: Sample, index: int, spec: Mapping[str, object]) -> Transform:
    parameters = {name: given for name, given in spec.items() if name != "kind"}
    kind = str(spec["kind"])
    top = _range_of(sample, index)
    if kind in ("log", "logicle"):
        parameters.setdefault("T", top)
    numbers = {name: top if given == "PnR" else given for name, given in parameters.items()}
    return make_transform(kind, **numbers)  # type: ignore[arg-type]  # checked there


def _range_of(sample: Sample, index: int) -> float:
    top = float(sample.ranges[index])
    return top if math.isfinite(top) and top > 0 else TOP


def _refused(kind: str, problem: str, *, options: Sequence[str], found: str) -> PanelError:
    near = nearest(found, options)
    choices = ", ".join(options) or "none"
    hint = f"known: {choices}" + (f"; nearest: {near!r}" if near else "")
    return PanelError("TRANSFORM_INVALID", problem, where=f"transform {kind}".strip(), hint=hint)
