"""One visit, one feature: analysis of covariance by least squares, its LS means and contrasts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.core import card_html, card_text, choose
from immunoprofile.longitudinal._design import (
    Design,
    build,
    check_columns,
    check_reference,
    grid,
    parse,
    pivoted,
    variables_of,
    with_levels,
)
from immunoprofile.longitudinal._errors import ConstantResponseError, DesignError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

LEVEL = 0.95


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AncovaFit:
    """A fitted analysis of covariance.

    Attributes
    ----------
    formula : str
    coefficients : DataFrame
        term, estimate, se, df, t, p of the estimated terms.
    aliased : tuple of str
        Terms that are combinations of earlier ones and were dropped.
    vcov : ndarray
        Covariance of the coefficients, in their order.
    residual_sd : float
    df : int
        Rows minus estimated terms.
    n_observations : int
    log_likelihood : float
        Of the normal model, by maximum likelihood.
    """

    formula: str
    coefficients: pd.DataFrame
    aliased: tuple[str, ...]
    vcov: NDArray[np.float64]
    residual_sd: float
    df: int
    n_observations: int
    log_likelihood: float
    _design: Design = field(repr=False)
    _kept: tuple[int, ...] = field(repr=False)

    def ls_means(self, factor: str, *, margins: str = "equal", level: float = LEVEL) -> pd.DataFrame:
        """Give the mean of each level of a factor over a reference grid.

        Parameters
        ----------
        factor : str
        margins : str
            ``equal`` weights of the other factors' levels, or those ``observed`` in the rows.
        level : float

        Returns
        -------
        DataFrame
            The factor, estimate, se, df, lower, upper, t, p, status.

        References
        ----------
        Searle, Speed, Milliken 1980, doi:10.1080/00031305.1980.10483031
        """
        import pandas as pd

        rows, levels = self._mean_rows(factor, margins=margins)
        return pd.concat([pd.DataFrame({factor: levels}), self._inference(rows, level=level)], axis=1)

    def contrast(
        self, factor: str, *, reference: str, margins: str = "equal", level: float = LEVEL
    ) -> pd.DataFrame:
        """Give the difference of each level of a factor from the reference.

        Returns
        -------
        DataFrame
            The factor (level compared), reference, estimate, se, df, lower, upper, t, p, status.

        Raises
        ------
        DesignError
            ``reference_unknown`` (a KeyError too), ``factor_unknown``.
        """
        import pandas as pd

        rows, levels = self._mean_rows(factor, margins=margins)
        check_reference(reference, levels, factor)
        base = rows[levels.index(reference)]
        others = [place for place, name in enumerate(levels) if name != reference]
        names = pd.DataFrame({factor: [levels[place] for place in others], "reference": reference})
        return pd.concat([names, self._inference(rows[others] - base, level=level)], axis=1)

    def _mean_rows(self, factor: str, *, margins: str) -> tuple[NDArray[np.float64], list[Any]]:
        choose(margins, ("equal", "observed"), what="margins")
        others = [name for name in self._design.levels if name != factor]
        cells, keys = grid(self._design, factor, others=others)
        weight = np.ones(len(cells))
        if margins == "observed" and others:
            rows = self._design.rows[others].astype(object).value_counts(normalize=True)
            seen = {key if isinstance(key, tuple) else (key,): share for key, share in rows.items()}
            weight = np.array(
                [seen.get(tuple(cell), 0.0) for cell in cells[others].astype(object).to_numpy()]
            )
        encoded = self._design.encoded(cells)
        levels = list(dict.fromkeys(keys))
        means = []
        for name in levels:
            here = np.array([key == name for key in keys])
            means.append(weight[here] @ encoded[here] / weight[here].sum())
        return np.array(means), levels

    def _inference(self, rows: NDArray[np.float64], *, level: float) -> pd.DataFrame:
        import pandas as pd

        kept = list(self._kept)
        beta = self.coefficients["estimate"].to_numpy(float)
        estimate = rows[:, kept] @ beta
        se = np.sqrt(np.einsum("ij,jk,ik->i", rows[:, kept], self.vcov, rows[:, kept]))
        bad = ~estimable(rows, self._design.matrix, kept)
        estimate, se = np.where(bad, np.nan, estimate), np.where(bad, np.nan, se)
        out = t_table(estimate, se, np.full(len(rows), float(self.df)), level=level)
        status = pd.Series(np.where(bad, "not_estimable", "ok"), dtype="string")
        return out.assign(df=out["df"].where(~bad), status=status)

    def __repr__(self) -> str:
        return card_text(
            f"ANCOVA {self.formula}", self._facts(), following='fit.contrast("arm", reference=...)'
        )

    def _repr_html_(self) -> str:
        details = self.coefficients.to_html(index=False)
        return card_html(f"ANCOVA {self.formula}", self._facts(), details=details)

    def _facts(self) -> list[tuple[str, object]]:
        return [
            ("rows", self.n_observations),
            ("df", self.df),
            ("residual SD", f"{self.residual_sd:.4g}"),
            ("aliased", ", ".join(self.aliased) or "none"),
        ]


def estimable(rows: NDArray[np.float64], matrix: NDArray[np.float64], kept: list[int]) -> NDArray[np.bool_]:
    """Tell which contrast rows (of all columns) are combinations of the design's rows."""
    dropped = [place for place in range(matrix.shape[1]) if place not in kept]
    if not dropped:
        return np.ones(len(rows), dtype=bool)
    # each dropped column is a combination C of the kept ones, so a contrast must be the same one there
    combination, *_ = np.linalg.lstsq(matrix[:, kept], matrix[:, dropped], rcond=None)
    gap = np.abs(rows[:, kept] @ combination - rows[:, dropped])
    size = np.abs(rows[:, kept]) @ np.abs(combination) + np.abs(rows[:, dropped]) + 1.0
    return np.asarray((gap <= 1e-7 * size).all(axis=1))


def t_table(
    estimate: NDArray[np.float64], se: NDArray[np.float64], df: NDArray[np.float64], *, level: float
) -> pd.DataFrame:
    """Give estimate, se, df, lower, upper, t, p of Student's t."""
    import pandas as pd
    from scipy.special import stdtr, stdtrit

    with np.errstate(invalid="ignore", divide="ignore"):
        t = estimate / se
        half = stdtrit(df, 0.5 + level / 2) * se
        p = 2 * stdtr(df, -np.abs(t))
    return pd.DataFrame(
        {
            "estimate": estimate,
            "se": se,
            "df": df,
            "lower": estimate - half,
            "upper": estimate + half,
            "t": t,
            "p": p,
        }
    )


def ancova(frame: pd.DataFrame, formula: str, *, vcov: str = "model") -> AncovaFit:
    """Fit an analysis of covariance by least squares.

    Parameters
    ----------
    frame : DataFrame
        Rows of one visit. A row that lacks the response or a column of the formula is left out.
    formula : str
        As ``"change ~ baseline + arm + site"``.
    vcov : str
        ``model``, or ``hc3`` (robust to unequal variances); t with n - p degrees of freedom for both.

    Returns
    -------
    AncovaFit

    Raises
    ------
    DesignError
        ``formula_invalid``, ``no_column``, ``no_rows``, ``infinite_value``, ``too_few_rows``.
    ConstantResponseError
        ``constant_response``.

    References
    ----------
    MacKinnon, White 1985, doi:10.1016/0304-4076(85)90158-7

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"change": [1.0, 2, 4, 3], "arm": ["a", "b", "b", "a"]})
    >>> ancova(frame, "change ~ arm").df
    2
    """
    choose(vcov, ("model", "hc3"), what="vcov")
    parsed = parse(formula)
    names = list(variables_of(parsed))
    check_columns(frame, [parsed.response, *names])
    y = frame[parsed.response].astype("float64")
    known = y.notna() & frame[names].notna().all(axis=1)
    rows = with_levels(frame.loc[known], names)
    response: NDArray[np.float64] = np.asarray(y[known], dtype=np.float64)
    _check_response(frame, response, parsed.response, rows=rows)
    return _fit(build(parsed, rows), response, formula=formula, vcov=vcov)


def _check_response(frame: pd.DataFrame, y: NDArray[np.float64], name: str, *, rows: pd.DataFrame) -> None:
    if y.size == 0:
        hint = f"of {len(frame)} rows none has {name!r} and every column of the formula"
        raise DesignError("no_rows", "there are no rows to fit", hint=hint)
    refuse_infinite(y, rows.index, name)
    for column in rows.columns:
        if rows[column].dtype == "float64":
            refuse_infinite(rows[column].to_numpy(float), rows.index, str(column))
    if np.ptp(y) == 0:
        raise ConstantResponseError("constant_response", f"{name!r} is {y[0]:g} in all {y.size} rows")


def refuse_infinite(values: NDArray[np.float64], index: pd.Index, name: str) -> None:
    """Refuse infinite values, naming their rows."""
    bad = np.isinf(values)
    if bad.any():
        places = ", ".join(str(label) for label in index[bad][:5])
        raise DesignError(
            "infinite_value", f"{name!r} is infinite in {int(bad.sum())} rows", where=f"row {places}"
        )


def _fit(design: Design, y: NDArray[np.float64], *, formula: str, vcov: str) -> AncovaFit:
    import pandas as pd

    kept = pivoted(design.matrix)
    n, p = len(y), len(kept)
    if n <= p:
        hint = "take terms out: with as many sites as subjects leave site out, or pool small sites"
        raise DesignError("too_few_rows", f"{n} rows for {p} terms", hint=hint)
    matrix = design.matrix[:, kept]
    q, r = np.linalg.qr(matrix)
    beta = np.linalg.solve(r, q.T @ y)
    residual = y - matrix @ beta
    rss = float(residual @ residual)
    inverse = np.linalg.inv(r)
    variance = rss / (n - p) * inverse @ inverse.T
    if vcov == "hc3":
        leverage = np.einsum("ij,ij->i", q, q)
        if (leverage > 1 - 1e-10).any():
            hint = "a row that alone determines a term has no robust variance; leave the term out"
            raise DesignError("leverage_one", "a row has leverage 1", hint=hint)
        scaled = inverse @ q.T * (residual / (1 - leverage))
        variance = scaled @ scaled.T
    table = t_table(beta, np.sqrt(np.diag(variance)), np.full(p, float(n - p)), level=LEVEL)
    table.insert(0, "term", pd.Series([design.names[place] for place in kept], dtype="string"))
    return AncovaFit(
        formula=formula,
        coefficients=table[["term", "estimate", "se", "df", "t", "p"]],
        aliased=tuple(name for place, name in enumerate(design.names) if place not in kept),
        vcov=variance,
        residual_sd=float(np.sqrt(rss / (n - p))),
        df=n - p,
        n_observations=n,
        log_likelihood=float(-0.5 * n * (np.log(2 * np.pi * rss / n) + 1)),
        _design=design,
        _kept=tuple(kept),
    )
