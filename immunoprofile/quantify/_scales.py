"""The scale of a change: declared by the kind of number, never by what the arms did.

=================  ============================================================================
log_ratio          ln(value / baseline): ratios, intensities above 0, percentages that stay below 50
logit              difference of log odds: percentages that may exceed 50, where a ratio would hit its ceiling
difference         value - baseline: intensities that reach 0 or below, where a ratio means nothing
=================  ============================================================================

A percentage's range is that of the dictionary of populations; one that the dictionary does not hold is judged
by its largest value over all subjects and visits together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCALES = ("log_ratio", "logit", "difference")
HALF = 50.0
"""Percent above which log odds take the place of the log ratio."""


def choose_scale(
    population: str, statistic: str, *, denominator: str, values: NDArray[np.float64]
) -> tuple[str, str]:
    """Choose the scale of a feature's change, and say why.

    Parameters
    ----------
    population, statistic, denominator : str
        What the feature is.
    values : ndarray
        Its values over all subjects and visits, without regard to arm.

    Returns
    -------
    scale, reason : str

    Examples
    --------
    >>> import numpy as np
    >>> choose_scale("treg", "percent", denominator="cd4_t", values=np.array([6.0, 9.0]))[0]
    'log_ratio'
    >>> choose_scale("tconv", "percent", denominator="cd4_t", values=np.array([94.0]))[0]
    'logit'
    """
    known = values[np.isfinite(values)]
    if statistic == "percent":
        return _of_percent(population, denominator, known)
    if statistic == "median_intensity" and known.size and known.min() <= 0:
        return "difference", "the intensity reaches 0 or below"
    return "log_ratio", f"a {statistic.replace('_', ' ')} is compared by ratio"


def _of_percent(population: str, denominator: str, known: NDArray[np.float64]) -> tuple[str, str]:
    from immunoprofile.gating import population_entries

    entries = population_entries()
    entry = entries.get(population)
    if entry is not None and entry.plausible is not None and _wider(denominator, entry.denominator):
        if entry.plausible[1] <= HALF:
            return "log_ratio", f"at most {entry.plausible[1]:g} % of {entry.denominator}, by the dictionary"
        if denominator == entry.denominator:
            return "logit", f"up to {entry.plausible[1]:g} % of {denominator}, by the dictionary"
    if known.size and known.max() > HALF:
        return "logit", "values above 50 %, all subjects and visits together"
    return "log_ratio", "no value above 50 %, all subjects and visits together"


def _wider(denominator: str, declared: str) -> bool:
    """Tell whether a denominator is the dictionary's or an ancestor: its percentages are smaller."""
    from immunoprofile.gating import population_entries

    entries = population_entries()
    name = declared
    while name:
        if name == denominator:
            return True
        name = entries[name].parent if name in entries else ""
    return False


def on_scale(values: NDArray[np.float64], scale: str) -> NDArray[np.float64]:
    """Transform values: log, log odds of a percentage, or as they are; missing where that is infinite."""
    if scale == "difference":
        return values
    with np.errstate(divide="ignore", invalid="ignore"):
        out = np.log(values) if scale == "log_ratio" else np.log(values / (100.0 - values))
    return np.where(np.isfinite(out), out, np.nan)


def slope_of(values: NDArray[np.float64], scale: str) -> NDArray[np.float64]:
    """Give the derivative of :func:`on_scale`: what a standard error of the value is on the scale."""
    if scale == "difference":
        return np.ones_like(values)
    with np.errstate(divide="ignore", invalid="ignore"):
        out = 1.0 / values if scale == "log_ratio" else 100.0 / (values * (100.0 - values))
    return np.where(np.isfinite(out), out, np.nan)
