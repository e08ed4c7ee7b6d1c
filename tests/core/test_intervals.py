"""Intervals of counts, medians and ratios."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from immunoprofile.core.intervals import clopper_pearson, median_interval, ratio_interval, wilson

COUNTS = st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(COUNTS)
def test_wilson_and_clopper_pearson_equal_statsmodels(pair):
    k, n = pair
    for ours, method in ((wilson, "wilson"), (clopper_pearson, "beta")):
        expected = proportion_confint(k, n, method=method)
        assert np.allclose(ours(k, n), 100 * np.nan_to_num(np.array(expected), nan=0.0), atol=1e-9) or k in (
            0,
            n,
        )


def test_none_of_n_has_the_exact_upper_limit():
    lower, upper = clopper_pearson(0, 50)
    assert lower == 0
    assert upper == pytest.approx(100 * (1 - 0.025 ** (1 / 50)))
    assert wilson(0, 50)[0] == 0
    assert wilson(50, 50)[1] == 100


def test_an_empty_denominator_is_missing_and_not_zero():
    assert all(np.isnan(wilson(0, 0)))
    assert all(np.isnan(clopper_pearson(0, 0)))


def test_the_median_interval_covers_and_is_missing_below_twenty():
    rng = np.random.default_rng(20)
    hits = 0
    for _ in range(400):
        median, lower, upper = median_interval(rng.lognormal(size=101))
        assert lower <= median <= upper
        hits += lower <= 1.0 <= upper
    assert 0.92 <= hits / 400 <= 0.985
    assert all(math.isnan(x) for x in median_interval(np.arange(19.0)))


@given(st.lists(st.floats(-1e6, 1e6), min_size=20, max_size=200))
def test_the_median_is_numpys(values):
    assert median_interval(np.array(values))[0] == pytest.approx(np.median(values), abs=1e-9)


def test_a_ratio_has_a_log_symmetric_interval_about_the_corrected_ratio():
    ratio, lower, upper = ratio_interval(50, 500)
    assert ratio == 0.1
    z = stats.norm.ppf(0.975)
    half = z * math.sqrt(1 / 50.5 + 1 / 500.5)
    assert (lower, upper) == pytest.approx((50.5 / 500.5 * math.exp(-half), 50.5 / 500.5 * math.exp(half)))
    assert all(math.isnan(x) for x in ratio_interval(5, 0))
