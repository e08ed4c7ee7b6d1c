"""Multiplicity: p values adjusted within declared families."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from immunoprofile.core import choose
from immunoprofile.longitudinal._errors import DesignError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

METHODS = ("holm", "hochberg", "BH", "BY", "bonferroni")


def adjust_p(p: ArrayLike, method: str = "BH") -> NDArray[np.float64]:
    """Adjust p values of one family for multiplicity; a missing p stays missing and does not count.

    Parameters
    ----------
    p : array_like
    method : str
        ``holm``, ``hochberg``, ``BH`` (Benjamini-Hochberg), ``BY`` (Benjamini-Yekutieli), ``bonferroni``.

    Returns
    -------
    ndarray of float, shape of `p`

    Raises
    ------
    UnknownNameError
        ``unknown_choice``.
    DesignError
        ``p_invalid`` for a value outside 0 to 1.

    References
    ----------
    Benjamini, Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x;
    Benjamini, Yekutieli 2001, doi:10.1214/aos/1013699998

    Examples
    --------
    >>> adjust_p([0.01, 0.04, float("nan")]).tolist()
    [0.02, 0.04, nan]
    """
    choose(method, METHODS, what="method")
    values = np.asarray(p, dtype=np.float64)
    out = np.full(values.shape, np.nan)
    known = np.isfinite(values)
    found = values[known]
    if found.size == 0:
        return out
    if found.min() < 0 or found.max() > 1:
        raise DesignError("p_invalid", "a p value lies outside 0 to 1", hint="give p values, not statistics")
    m = found.size
    order = np.argsort(found, kind="stable")
    rank = np.arange(1, m + 1)
    factor = {
        "holm": m - rank + 1,
        "hochberg": m - rank + 1,
        "BH": m / rank,
        "BY": m / rank * float(np.sum(1 / rank)),
        "bonferroni": np.full(m, m),
    }[method]
    stepped = found[order] * factor
    if method == "holm":
        stepped = np.maximum.accumulate(stepped)
    elif method != "bonferroni":
        stepped = np.minimum.accumulate(stepped[::-1])[::-1]
    adjusted = np.empty(m)
    adjusted[order] = np.minimum(stepped, 1.0)
    out[known] = adjusted
    return out


def add_families(table: pd.DataFrame, keys: Sequence[str], method: str) -> pd.DataFrame:
    """Add q, family, m and method: one family a combination of the key columns, and a rule of gating."""
    absent = [key for key in keys if key not in table.columns]
    if absent:
        hint = f"the result has {', '.join(str(name) for name in table.columns)}"
        raise DesignError("family_unknown", f"no column {absent[0]!r} to make families of", hint=hint)
    columns = [*dict.fromkeys(keys), *(["rule"] if "rule" not in keys else [])]
    text = table[columns].astype("string").fillna("")
    parts = [(name + "=" + text[name]).where(text[name] != "", "") for name in columns]
    family = parts[0]
    for part in parts[1:]:
        family = family + (", " + part).where(part != "", "")
    family = family.str.removeprefix(", ").where(lambda names: names != "", "all")
    q = np.full(len(table), np.nan)
    m = np.zeros(len(table), dtype=np.int64)
    p = table["p"].to_numpy(float)
    for rows in table.groupby(family.to_numpy(object), sort=False).indices.values():
        q[rows] = adjust_p(p[rows], method)
        m[rows] = int(np.isfinite(p[rows]).sum())
    return table.assign(q=q, family=family, m=m, method=method)
