from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from statsmodels.stats.multitest import multipletests

from immunoprofile.core import UnknownNameError
from immunoprofile.longitudinal import DesignError, adjust_p

GOLDEN = json.loads((Path(__file__).resolve().parents[1] / "golden/statistics/multiplicity.json").read_text())
METHODS = ["holm", "hochberg", "BH", "BY", "bonferroni"]


def floats(values):
    return np.array([np.nan if value is None else value for value in values], dtype=float)


@pytest.mark.parametrize("method", METHODS)
def test_adjusted_p_values_are_those_of_r(method):
    np.testing.assert_allclose(adjust_p(GOLDEN["p"], method), floats(GOLDEN[method]), rtol=0, atol=1e-8)
    missing = adjust_p(floats(GOLDEN["with_missing"]), method)
    np.testing.assert_allclose(missing, floats(GOLDEN[f"{method}_missing"]), rtol=0, atol=1e-8)


@settings(max_examples=30)
@given(hnp.arrays(float, st.integers(1, 30), elements=st.floats(0, 1)))
def test_statsmodels_agrees(p):
    for ours, theirs in {
        "holm": "holm",
        "hochberg": "simes-hochberg",
        "BH": "fdr_bh",
        "BY": "fdr_by",
        "bonferroni": "bonferroni",
    }.items():
        np.testing.assert_allclose(adjust_p(p, ours), multipletests(p, method=theirs)[1], atol=1e-12)


@given(hnp.arrays(float, st.integers(1, 20), elements=st.floats(0, 1)), st.randoms())
def test_the_order_of_p_values_does_not_matter(p, random):
    order = list(range(p.size))
    random.shuffle(order)
    for method in METHODS:
        np.testing.assert_array_equal(adjust_p(p[order], method), adjust_p(p, method)[order])


def test_no_p_values_give_none():
    assert np.isnan(adjust_p([np.nan, np.nan])).all()
    assert adjust_p([]).size == 0


def test_bad_input_is_named():
    with pytest.raises(UnknownNameError, match="hochberg"):
        adjust_p([0.1], "hommel")
    with pytest.raises(DesignError, match="p_invalid"):
        adjust_p([1.2])
