"""Which parameters a method takes, and within what limits: one table, read by the loader of strategies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from immunoprofile.core import StrategyError, close_names, listed

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class _Number:
    low: float
    high: float

    def fault(self, value: object) -> str | None:
        good = (
            isinstance(value, int | float) and not isinstance(value, bool) and self.low <= value <= self.high
        )
        return None if good else f"a number from {self.low:g} to {self.high:g}"


@dataclass(frozen=True, slots=True)
class _Word:
    choices: tuple[str, ...]

    def fault(self, value: object) -> str | None:
        return None if value in self.choices else f"one of {listed(self.choices)}"


@dataclass(frozen=True, slots=True)
class _Steps:
    """Numbers that rise, or start, end and step; within limits."""

    low: float
    high: float
    length: int

    def fault(self, value: object) -> str | None:
        good = isinstance(value, list | tuple) and len(value) == self.length
        if good and isinstance(value, list | tuple):
            each = all(_Number(0.0, self.high).fault(one) is None for one in value)
            good = each and self.low <= value[0] <= value[1] and value[-1] > 0
        return (
            None
            if good
            else f"{self.length} numbers from {self.low:g} to {self.high:g}, the second not below the first"
        )


_BANDWIDTH = _Number(0.7, 2.0)
_ENDS = _Word(("high", "low"))
_TABLE: dict[str, dict[str, _Number | _Word | _Steps]] = {
    "diagonal": {
        "theta": _Steps(0.0, 90.0, 3),
        "posterior": _Number(0.05, 0.95),
        "k": _Steps(3.0, 6.0, 2),
    },
    "fixed": {"value": _Number(-1e9, 1e9)},
    "open": {},
    "quantile": {"q": _Number(0.0001, 0.9999)},
    "ratio_band": {"above": _Number(1.0, 10.0), "below": _Number(1.0, 10.0), "bandwidth": _BANDWIDTH},
    "rectangle_valley": {"x": _ENDS, "y": _ENDS},
    "tail": {"alpha": _Number(0.001, 0.9), "side": _Word(("left", "right")), "bandwidth": _BANDWIDTH},
    "valley": {
        "choose": _Word(("deepest", "left_of_main", "right_of_main", "after_lowest")),
        "below": _Number(0.0, 1e9),
        "share": _Number(0.001, 0.5),
        "bandwidth": _BANDWIDTH,
        "prominence": _Number(0.001, 0.5),
        "accept": _Number(0.0, 1.0),
        "weak": _Number(0.0, 1.0),
    },
}


def check_params(method: str, params: Mapping[str, object]) -> None:
    """Check the parameters of a gate against what its method takes.

    Parameters
    ----------
    method : str
    params : mapping
        Parameters of the method; those of a fallback carry its name before them (``tail_side``).

    Raises
    ------
    StrategyError
        ``STRATEGY_SCHEMA``: an unknown name, with the nearest, or a value out of range, with the range.
    """
    known = dict(_TABLE.get(method, {}))
    for name, table in _TABLE.items():
        known |= {f"{name}_{key}": rule for key, rule in table.items() if name != method}
    for key, value in params.items():
        where = f"{method}, params.{key}"
        if key not in known:
            near = close_names(key, known) or sorted(_TABLE.get(method, {}))
            hint = f"nearest: {listed(near)}" if near else f"{method} takes none"
            raise StrategyError("STRATEGY_SCHEMA", f"unknown parameter {key!r}", where=where, hint=hint)
        fault = known[key].fault(value)
        if fault:
            raise StrategyError("STRATEGY_SCHEMA", f"params.{key} is {value!r}", where=where, hint=fault)
    if method == "fixed" and "value" not in params:
        hint = "value = a number in transformed units"
        raise StrategyError("STRATEGY_SCHEMA", "the method fixed has no value", where=method, hint=hint)
