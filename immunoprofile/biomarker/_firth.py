"""Logistic regression by Firth's penalized likelihood: finite under separation, calibrated in small samples.

The penalized log likelihood is ``l(b) + log|I(b)| / 2`` with I the information of all columns; a restricted
fit keeps that penalty, so that the likelihood ratio compares like with like.

References
----------
Firth 1993, doi:10.1093/biomet/80.1.27; Heinze, Schemper 2002, doi:10.1002/sim.1047
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from immunoprofile.core import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

MOST_STEPS = 60
"""Steps after which a quasi-Newton search takes over: separated data are flat."""
SCORING_STEPS = 6
"""Steps of Fisher scoring before Newton takes over near the maximum."""
LONGEST_STEP = 5.0
"""Largest change of a coefficient in one step (as in logistf)."""
SCORE, SCORE_HELD = 1e-10, 1e-7
"""Largest penalized score at the maximum, relative to the largest sum of a column; the second where one
coefficient is held and only the likelihood counts, whose error is of second order."""
NEAR = 1e-6
"""Difference of log likelihoods that a profile limit may be off."""
FARTHEST = 1e4
"""Coefficient beyond which a profile limit counts as infinite."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FirthFit:
    """A fitted penalized logistic regression.

    Attributes
    ----------
    estimate, se : ndarray, shape (n_terms,)
        Log odds; standard errors from the information.
    log_likelihood : float
        Penalized.
    matrix, y : ndarray
        Design and 0/1 response.
    """

    estimate: NDArray[np.float64]
    se: NDArray[np.float64]
    log_likelihood: float
    matrix: NDArray[np.float64]
    y: NDArray[np.float64]

    def test(self, place: int) -> tuple[float, float]:
        """Give chi-square (1 df) and p of the penalized likelihood ratio that a term is 0.

        Separated data may have several maxima; a restricted one above this fit gives a statistic below 0.
        """
        from scipy.special import chdtrc

        _, without = _maximize(self.matrix, self.y, start=self.estimate, fixed=(place, 0.0))
        statistic = 2 * (self.log_likelihood - without)
        return statistic, float(chdtrc(1, max(statistic, 0.0)))

    def limits(self, place: int, *, level: float = 0.95) -> tuple[float, float]:
        """Give the profile likelihood interval of a term; infinite where it never falls so far."""
        from scipy.special import chdtri

        target = self.log_likelihood - 0.5 * float(chdtri(1, 1 - level))
        return self._found(place, -1.0, target), self._found(place, 1.0, target)

    def _found(self, place: int, side: float, target: float) -> float:
        """Give a limit; missing where the profile is too rough, or a design too thin, to follow it."""
        try:
            return self._limit(place, side, target)
        except (ValueError, np.linalg.LinAlgError):
            return float("nan")

    def _limit(self, place: int, side: float, target: float) -> float:
        """Find where the profile falls to the target, from the estimate outwards."""
        warm = self.estimate

        def followed(value: float) -> float:  # each fit starts at the one before
            nonlocal warm
            warm, found = _maximize(self.matrix, self.y, start=warm, fixed=(place, value))
            return found - target

        def best(value: float) -> float:  # separated data have several maxima: the better of two starts
            starts = (self.estimate, np.zeros_like(self.estimate))
            found = [_maximize(self.matrix, self.y, start=s, fixed=(place, value))[1] for s in starts]
            return max(found) - target

        limit = _crossing(followed, float(self.estimate[place]), side * float(self.se[place]))
        if limit is None or (np.isfinite(limit) and best(limit) > NEAR):
            limit = _crossing(best, float(self.estimate[place]), side * float(self.se[place]))
        return side * float("inf") if limit is None else limit


def _crossing(gap: Callable[[float], float], center: float, step: float) -> float | None:
    """Find where a gap that is positive at the center turns 0; infinite if never, None without a turn."""
    from scipy.optimize import brentq

    inner, reach = center, 1.8 * step
    while gap(center + reach) > 0:
        inner, reach = center + reach, 2 * reach
        if abs(reach) > FARTHEST * max(1.0, abs(step)):
            return float(np.copysign(np.inf, step))
    if gap(inner) <= 0:
        return None
    outer = center + reach
    return float(brentq(gap, inner, outer, xtol=1e-8 * max(1.0, abs(outer)), rtol=1e-10))


def firth(matrix: ArrayLike, y: ArrayLike) -> FirthFit:
    """Fit a logistic regression by Firth's penalized likelihood.

    Parameters
    ----------
    matrix : array_like, shape (n, n_terms)
        Columns of full rank, the intercept among them.
    y : array_like of 0 and 1, shape (n,)

    Raises
    ------
    ModelError
        ``one_class``, ``not_binary``, ``rank_deficient``, ``not_converged``.

    Examples
    --------
    >>> fit = firth([[1, 0], [1, 0], [1, 1], [1, 1]], [0, 0, 1, 1])
    >>> bool(abs(fit.estimate[1]) < 10)
    True
    """
    x, response = np.asarray(matrix, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if not np.isin(response, (0.0, 1.0)).all():
        raise ModelError("not_binary", "the response is not 0 and 1", hint="leave missing responses out")
    if response.min(initial=1.0) == response.max(initial=0.0):
        raise ModelError("one_class", "all responses are the same", hint="there is nothing to tell apart")
    if np.linalg.matrix_rank(x) < x.shape[1]:
        raise ModelError("rank_deficient", "columns are combinations of each other", hint="leave one out")
    estimate, log_likelihood = _maximize(x, response, start=np.zeros(x.shape[1]), fixed=None)
    probability = _expit(x @ estimate)
    information = (x * (probability * (1 - probability))[:, None]).T @ x
    se = np.sqrt(np.diag(np.linalg.inv(information)))
    return FirthFit(estimate=estimate, se=se, log_likelihood=log_likelihood, matrix=x, y=response)


def _expit(eta: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.special import expit

    return np.asarray(expit(eta))


def _penalized(x: NDArray[np.float64], y: NDArray[np.float64], beta: NDArray[np.float64]) -> float:
    eta = x @ beta
    likelihood = float(y @ eta - np.logaddexp(0.0, eta).sum())
    probability = _expit(eta)
    sign, log_det = np.linalg.slogdet((x * (probability * (1 - probability))[:, None]).T @ x)
    return likelihood + 0.5 * float(log_det) if sign > 0 else -np.inf


def _maximize(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    *,
    start: NDArray[np.float64],
    fixed: tuple[int, float] | None,
) -> tuple[NDArray[np.float64], float]:
    """Maximize the penalized likelihood by Fisher scoring, then Newton; one coefficient is held if asked."""
    beta = start.copy()
    free = np.ones(x.shape[1], dtype=bool)
    if fixed is not None:
        beta[fixed[0]] = fixed[1]
        free[fixed[0]] = False
    value = _penalized(x, y, beta)
    if value == -np.inf:
        beta = np.where(free, 0.0, beta)
        value = _penalized(x, y, beta)
    enough = (SCORE if fixed is None else SCORE_HELD) * max(1.0, float(np.abs(x).sum(axis=0).max()))
    for count in range(MOST_STEPS):
        score, information = _score(x, y, beta)
        if not free.any() or np.abs(score[free]).max() <= enough:
            return beta, value
        step = np.zeros_like(beta)
        curvature = _curvature(x, beta, information)[np.ix_(free, free)] if count >= SCORING_STEPS else None
        if curvature is None or np.linalg.eigvalsh(curvature)[0] <= 0:
            curvature = information[np.ix_(free, free)]
        step[free] = np.linalg.solve(curvature, score[free])
        step *= min(1.0, LONGEST_STEP / float(np.abs(step).max()))
        beta, risen = _climb(lambda b: _penalized(x, y, b), beta, step=step, value=value)
        if risen <= value and np.abs(step).max() <= 1e-9 * (1 + np.abs(beta).max()):
            return beta, value  # the likelihood no longer tells the two apart
        value = max(risen, value)
    return _searched(x, y, beta, free=free)


def _searched(
    x: NDArray[np.float64], y: NDArray[np.float64], beta: NDArray[np.float64], *, free: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], float]:
    """Go on by BFGS with the exact gradient, in units of the information at the start."""
    from scipy.optimize import minimize

    _, information = _score(x, y, beta)
    root = np.linalg.cholesky(np.linalg.inv(information[np.ix_(free, free)]))

    def placed(u: NDArray[np.float64]) -> NDArray[np.float64]:
        out = beta.copy()
        out[free] = beta[free] + root @ u
        return out

    def loss(u: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        here = placed(u)
        value = _penalized(x, y, here)
        if not np.isfinite(value):
            return 1e300, np.zeros_like(u)
        return -value, -(root.T @ _score(x, y, here)[0][free])

    start = np.zeros(int(free.sum()))
    found = minimize(loss, start, jac=True, method="BFGS", options={"gtol": 1e-10, "maxiter": 500})
    if np.abs(found.jac).max() > 1e-4:
        raise ModelError(
            "not_converged", "the penalized likelihood has no maximum in reach", hint="look at x"
        )
    return placed(found.x), -float(found.fun)


def _score(
    x: NDArray[np.float64], y: NDArray[np.float64], beta: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give Firth's modified score and the information."""
    probability = _expit(x @ beta)
    weighted = x * np.sqrt(probability * (1 - probability))[:, None]
    information = weighted.T @ weighted
    hat = np.einsum("ij,ij->i", weighted, np.linalg.solve(information, weighted.T).T)
    return x.T @ (y - probability + hat * (0.5 - probability)), information


def _curvature(
    x: NDArray[np.float64], beta: NDArray[np.float64], information: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Give minus the derivative of the modified score.

    With w = p(1 - p), A = X I^-1 X', h = w diag(A) and c = w(1 - 2p):
    dh_i/db = c_i A_ii x_i - w_i sum_m A_im^2 c_m x_m.
    """
    probability = _expit(x @ beta)
    w, skew = probability * (1 - probability), 1 - 2 * probability
    across = x @ np.linalg.solve(information, x.T)
    own = np.diag(across)
    leverage = (w * skew * own)[:, None] * x - w[:, None] * (across**2 @ ((w * skew)[:, None] * x))
    rise = x.T @ ((0.5 - probability)[:, None] * leverage) - (x * (w**2 * own)[:, None]).T @ x
    return np.asarray(information - (rise + rise.T) / 2)


def _climb(
    of: Callable[[NDArray[np.float64]], float],
    beta: NDArray[np.float64],
    *,
    step: NDArray[np.float64],
    value: float,
) -> tuple[NDArray[np.float64], float]:
    """Halve a step until the likelihood does not fall."""
    for _ in range(40):
        risen = of(beta + step)
        if risen >= value - 1e-12 * abs(value):
            return beta + step, risen
        step = step / 2
    return beta, value
