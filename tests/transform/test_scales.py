"""The scales against the formulas of Gating-ML and against flowutils, which FlowKit uses.

Tolerance: 1e-9 of scale (1.0), which is far below any bin of a histogram and any doubt of a cut.
"""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from flowutils import transforms as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from immunoprofile.core import PanelError
from immunoprofile.transform import Arcsinh, Linear, Log, Logicle, linear_threshold, make_transform

TOLERANCE = 1e-9
VALUES = np.concatenate(
    [-np.logspace(-3, 5.5, 300), [0.0], np.logspace(-3, 6.5, 300), np.linspace(-500, 2000, 500)]
)
LOGICLES = [
    Logicle(T=top, W=width, M=decades, A=below)
    for top in (262144.0, 1024.0, 1e7)
    for decades in (4.0, 4.5, 6.0)
    for width in (0.0, 0.03, 0.5, 1.5, 1.99)
    for below in (0.0, -width / 2, 0.4)
    if below <= decades - 2 * width
]
SCALES = [
    Linear(),
    Log(T=10000.0, M=4.0),
    Arcsinh(cofactor=150.0),
    Logicle(),
    Logicle(T=1e5, W=1.0, M=5.0, A=0.5),
]


def test_logicle_equals_flowkit_to_a_billionth_of_scale():
    for scale in LOGICLES:
        ours = scale.apply(VALUES)
        theirs = reference._logicle(VALUES, scale.T, scale.M, scale.W, scale.A)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE, err_msg=repr(scale))


def test_the_inverse_of_logicle_equals_flowkit():
    z = np.linspace(-0.2, 1.1, 501)
    for scale in LOGICLES:
        theirs = reference._logicle_inverse(z, scale.T, scale.M, scale.W, scale.A)
        np.testing.assert_allclose(scale.inverse(z), theirs, rtol=1e-9, atol=scale.T * 1e-9)


def test_log_equals_flowkit_and_is_below_everything_for_what_is_not_positive():
    scale, positive = Log(T=10000.0, M=4.0), VALUES[VALUES > 0]
    np.testing.assert_allclose(
        scale.apply(positive), reference.log(positive, None, 10000.0, 4.0), rtol=0, atol=TOLERANCE
    )
    assert (scale.apply([0.0, -0.0, -5.0, -np.inf]) == -np.inf).all()


def test_arcsinh_equals_the_form_of_gating_ml_that_stands_for_it():
    ours = Arcsinh(cofactor=150.0).apply(VALUES)
    theirs = reference.asinh(VALUES, None, 150.0 * math.sinh(1.0), 1 / math.log(10), 0)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("scale", SCALES, ids=repr)
def test_the_inverse_gives_the_value_back(scale):
    x = VALUES if scale.kind != "log" else VALUES[VALUES > 0]
    np.testing.assert_allclose(scale.inverse(scale.apply(x)), x, rtol=1e-10, atol=1e-7)


@pytest.mark.parametrize("scale", SCALES, ids=repr)
def test_scales_keep_missing_and_infinite_values(scale):
    z = scale.apply([np.nan, np.inf, -np.inf])
    assert math.isnan(z[0])
    assert z[1] == np.inf
    assert z[2] == -np.inf


@pytest.mark.parametrize("scale", SCALES, ids=repr)
def test_a_value_alone_and_in_a_crowd_is_the_same_to_the_bit(scale):
    crowd = np.random.default_rng(3).normal(200, 3000, 20_001)
    together = scale.apply(crowd)
    alone = [float(scale.apply(crowd[i])) for i in (0, 1, 8191, 8192, 20_000)]
    assert alone == [together[i] for i in (0, 1, 8191, 8192, 20_000)]


def test_logicle_shows_zero_at_the_middle_of_its_linear_zone():
    assert Logicle(W=0.5, M=4.5).apply(0.0) == pytest.approx(0.5 / 4.5, abs=1e-15)
    assert Logicle().apply(262144.0) == pytest.approx(1.0, abs=1e-12)


def test_values_beyond_any_cytometer_do_not_overflow():
    z = Logicle().apply([1e300, -1e300, 5e-324])
    assert np.isfinite(z).all()
    assert z[1] < 0 < z[2] < z[0]


@settings(max_examples=60, deadline=None)
@given(
    scale=st.sampled_from(SCALES),
    events=st.lists(st.floats(-1e6, 1e7, width=32), min_size=1, max_size=50),
    cut=st.floats(-1.0, 12.0),
)
def test_a_cut_in_linear_units_chooses_the_same_events(scale, events, cut):
    x = np.array(events)
    assert ((x >= linear_threshold(scale, cut)) == (scale.apply(x) >= cut)).all()


@pytest.mark.parametrize("scale", SCALES, ids=repr)
def test_an_event_exactly_on_the_cut_is_above_it_on_both_sides_of_the_mapping(scale):
    rng = np.random.default_rng(5)
    events = np.concatenate([rng.normal(0, width, 100) for width in (0.01, 1.0, 800.0)])
    events = events.astype(np.float32).astype(np.float64)
    for cut in scale.apply(events).tolist():
        assert ((events >= linear_threshold(scale, cut)) == (scale.apply(events) >= cut)).all()


def test_open_and_missing_cuts_stay_open_and_missing():
    assert linear_threshold(Logicle(), -math.inf) == -math.inf
    assert linear_threshold(Arcsinh(), math.inf) == math.inf
    assert math.isnan(linear_threshold(Linear(), math.nan))
    assert linear_threshold(Linear(), 2.5) == 2.5
    assert math.copysign(1, linear_threshold(Linear(), -0.0)) == 1


def test_scales_are_values_that_travel():
    for scale in SCALES:
        assert pickle.loads(pickle.dumps(scale)) == scale
        assert hash(scale) == hash(make_transform(scale.kind, **scale.parameters()))
        assert make_transform(scale.kind, **scale.parameters()) == scale


@pytest.mark.parametrize(
    ("kind", "parameters", "said"),
    [
        ("logicel", {}, "logicle"),
        ("arcsinh", {"cofactor": 0.0}, "above 0"),
        ("arcsinh", {"cofactors": 5.0}, "cofactor"),
        ("arcsinh", {"cofactor": math.inf}, "finite"),
        ("logicle", {"W": 3.0}, "M / 2"),
        ("logicle", {"A": 5.0}, "M - 2 W"),
        ("log", {"T": -1.0}, "above 0"),
        ("log", {"T": "262144"}, "no number"),
    ],
)
def test_a_wrong_transform_says_what_would_be_right(kind, parameters, said):
    with pytest.raises(PanelError, match="TRANSFORM_INVALID") as caught:
        make_transform(kind, **parameters)
    assert said in str(caught.value)
