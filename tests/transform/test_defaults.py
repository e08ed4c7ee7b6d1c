"""Which scale a channel gets by default."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from immunoprofile.transform import Arcsinh, Linear, Log, Logicle, channel_transform

FLOAT = SimpleNamespace(
    integer_log=np.array([False, False]),
    amplification=np.array([[0.0, 0.0], [0.0, 0.0]]),
    ranges=np.array([100000.0, np.nan]),
)
INTEGER = SimpleNamespace(
    integer_log=np.array([True, False]),
    amplification=np.array([[4.0, 1.0], [0.0, 0.0]]),
    ranges=np.array([1024.0, 1024.0]),
)


def test_fluorescence_of_a_digital_cytometer_is_arcsinh():
    assert channel_transform(FLOAT, 0) == Arcsinh(cofactor=150.0)


def test_integer_data_with_log_amplification_are_log_over_their_decades():
    assert channel_transform(INTEGER, 0) == Log(T=10000.0, M=4.0)
    assert channel_transform(INTEGER, 1) == Arcsinh(cofactor=150.0)


def test_scatter_is_linear():
    assert channel_transform(INTEGER, 0, scatter=True) == Linear()


def test_a_declared_transform_goes_first_and_its_top_may_be_the_range_of_the_channel():
    spec = {"kind": "logicle", "W": 0.7, "T": "PnR"}
    assert channel_transform(FLOAT, 0, spec=spec) == Logicle(T=100000.0, W=0.7)
    assert channel_transform(FLOAT, 0, spec={"kind": "log", "M": 5}) == Log(T=100000.0, M=5.0)
    assert channel_transform(FLOAT, 0, spec={"kind": "none"}) == Linear()


def test_a_range_that_is_no_use_gives_the_usual_top():
    assert channel_transform(FLOAT, 1, spec={"kind": "logicle"}) == Logicle(T=262144.0)
