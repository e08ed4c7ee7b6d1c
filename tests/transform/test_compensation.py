"""Compensation: equal to FlowKit's, and refused where it would be noise."""

from __future__ import annotations

import numpy as np
import pytest
from flowutils import compensate as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from immunoprofile.core import ImmunoprofileWarning, PanelError
from immunoprofile.fcs import Spillover, sample_from_arrays
from immunoprofile.transform import compensation_of

DETECTORS = ("FSC-A", "PE-A", "APC-A", "FITC-A")
MATRIX = np.array([[1.0, 0.1, 0.02], [0.03, 1.0, 0.2], [0.3, 0.0, 1.0]])


def sample(matrix=MATRIX, names=("FITC-A", "PE-A", "APC-A"), detectors=DETECTORS):
    events = np.random.default_rng(1).normal(1000, 400, (200, len(detectors)))
    spill = (
        None if matrix is None else Spillover(detectors=tuple(names), matrix=np.asarray(matrix, dtype=float))
    )
    return sample_from_arrays(events, detectors, spillover=spill)


def test_the_files_own_matrix_is_bound_to_its_channels():
    found = compensation_of(sample())
    assert found.detectors == ("FITC-A", "PE-A", "APC-A")
    assert found.channels.tolist() == [3, 1, 2]
    assert not found.is_identity
    assert found.condition == pytest.approx(np.linalg.cond(MATRIX))


def test_compensated_values_equal_flowkits():
    one = sample()
    found = compensation_of(one)
    ours = found.compensate(one.block(0, one.n_events, found.channels.tolist()))
    theirs = reference.compensate(one.block(0, one.n_events), MATRIX, [3, 1, 2])[:, [3, 1, 2]]
    np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-8)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 8))
def test_compensating_what_was_spilled_gives_the_truth(seed, k):
    rng = np.random.default_rng(seed)
    spill = np.eye(k) + rng.uniform(0, 0.5 / k, (k, k)) * (1 - np.eye(k))
    names = [f"D{i}" for i in range(k)]
    truth = rng.normal(100, 300, (50, k))
    found = compensation_of(
        sample_from_arrays(truth @ spill, names, spillover=Spillover(detectors=tuple(names), matrix=spill))
    )
    np.testing.assert_allclose(found.compensate(truth @ spill), truth, rtol=1e-9, atol=1e-6)


def test_none_and_a_file_without_a_matrix_give_none():
    assert compensation_of(sample(), "none") is None
    assert compensation_of(sample(None), "file") is None


def test_names_are_found_after_trimming_case_and_comp():
    one = sample(None, detectors=("FSC-A", " PE-A ", "apc-a", "FITC-A"))
    text = "Comp-FITC-A,PE-A,APC-A\n" + "\n".join(",".join(map(str, row)) for row in MATRIX) + "\n"
    assert compensation_of(one, text).channels.tolist() == [3, 1, 2]


def test_a_matrix_can_be_a_csv_file_with_or_without_row_names(tmp_path):
    plain = tmp_path / "plain.csv"
    plain.write_text("FITC-A,PE-A,APC-A\n1,0.1,0.02\n0.03,1,0.2\n0.3,0,1\n", encoding="utf-8")
    named = tmp_path / "named.csv"
    named.write_text(
        ",FITC-A,PE-A,APC-A\nAPC-A,0.3,0,1\nFITC-A,1,0.1,0.02\nPE-A,0.03,1,0.2\n", encoding="utf-8-sig"
    )
    one = sample(None)
    assert compensation_of(one, plain) == compensation_of(one, named) == compensation_of(sample())


def test_the_identity_is_reported_and_not_applied():
    one = sample(np.eye(3))
    found = compensation_of(one)
    values = one.block(0, 5, found.channels.tolist())
    assert found.is_identity
    assert found.flags == ("COMPENSATION_IDENTITY",)
    assert found.compensate(values) is values


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("PE-A,APC-A\n1,0.1\n", "2 detectors, 1 rows"),
        ("PE-A,APC-A\n1,0.1\n0.1,1,5\n", "2 detectors"),
        ("PE-A,APD-A\n1,0.1\n0.1,1\n", "'APC-A'"),
        ("PE-A,PE-A\n1,0.1\n0.1,1\n", "twice"),
        ("PE-A,APC-A\n1,x\n0.1,1\n", "'x' is no finite number"),
        ("PE-A,APC-A\n1,nan\n0.1,1\n", "no finite number"),
        ("PE-A,APC-A\n1,1\n1,1\n", "no usable inverse"),
        ("PE-A,APC-A\n1,1\n1,1.00000000000001\n", "no usable inverse"),
        ("PE-A,APC-A\n", "no rows"),
    ],
)
def test_a_matrix_that_cannot_be_used_is_refused(text, said):
    with pytest.raises(PanelError, match="COMPENSATION_INVALID") as caught:
        compensation_of(sample(None), text)
    assert said in str(caught.value)


def test_a_missing_file_is_refused_with_its_name(tmp_path):
    with pytest.raises(PanelError, match="COMPENSATION_INVALID") as caught:
        compensation_of(sample(None), tmp_path / "absent.csv")
    assert "absent.csv" in str(caught.value)


def test_an_ill_conditioned_matrix_warns_and_is_used():
    near = np.array([[1.0, 1.0], [1.0, 1.0 + 1e-7]])
    with pytest.warns(ImmunoprofileWarning, match="COMPENSATION_ILL"):
        found = compensation_of(sample(near, ("PE-A", "APC-A")))
    assert found.flags == ("COMPENSATION_ILL",)
