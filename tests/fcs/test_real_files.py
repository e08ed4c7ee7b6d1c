"""Files of instruments, where the shared folder stands beside the checkout; their truth by other readers."""

from __future__ import annotations

import csv
import hashlib
import warnings
from pathlib import Path

import numpy as np
import pytest

from immunoprofile.core import FcsError, FcsWarning
from immunoprofile.fcs import read_fcs, read_fcs_all

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SHARED.exists(), reason="no shared data beside the checkout"),
]
TRUTHS = [
    (table.parent, row)
    for table in sorted(SHARED.glob("data/*/truth.csv"))
    for row in csv.DictReader(table.read_text(encoding="utf-8").splitlines())
    if "sha256_of_stored_values_float64_le_row_major" in row
]
FILES = sorted(path for path in SHARED.glob("data/**/*") if path.suffix.lower() in {".fcs", ".lmd"})


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FcsWarning)
        yield


@pytest.mark.parametrize(
    ("folder", "row"), TRUTHS, ids=[f"{row['file']}-{row['data_set']}" for _, row in TRUTHS]
)
def test_an_odd_file_has_its_true_values_and_findings(folder, row):
    path, number = folder / row["file"], int(row["data_set"])
    expected = set(filter(None, row["codes"].split(";")))
    if row["expect"] == "error":
        with pytest.raises(FcsError) as caught:
            read_fcs(path)
        assert caught.value.code in expected
        return
    sample = read_fcs(path, scale="stored") if number == 1 else read_fcs_all(path, scale="stored")[number - 1]
    values = np.ascontiguousarray(sample.events, dtype="<f8")
    assert hashlib.sha256(values.tobytes()).hexdigest() == row["sha256_of_stored_values_float64_le_row_major"]
    assert {issue.code for issue in sample.issues if issue.level == "warning"} == expected


def test_every_file_is_read_or_refused_with_a_reason():
    refused = {}
    for path in FILES:
        try:
            sample = read_fcs(path)
        except FcsError as error:
            refused[path.name] = error.code
            continue
        assert sample.events.shape == (sample.n_events, sample.n_channels)
        assert len(set(sample.detectors)) > 0
    assert len(FILES) > 150
    assert refused == {"corrupted.fcs": "not-fcs", "sample_header.fcs": "data-bounds"}


SOUND = [
    path
    for path in FILES
    if path.parent.name in {"itn_flowstats", "gvhd", "cytonorm_batches", "hipc_multicentre", "flowatlas_treg"}
]


@pytest.mark.parametrize("path", SOUND[::4], ids=lambda path: path.name)
def test_sound_files_have_the_values_that_flowio_gives(path):
    flowio = pytest.importorskip("flowio")
    data = flowio.FlowData(str(path))
    sample = read_fcs(path, scale="stored")
    np.testing.assert_array_equal(sample.events, data.as_array(preprocess=False))
    assert list(sample.detectors) == data.pnn_labels
    assert [label or "" for label in sample.labels] == data.pns_labels
    linear, theirs = read_fcs(path), data.as_array(preprocess=True)
    scaled = [
        i for i, name in enumerate(linear.detectors) if name.lower() != "time"
    ]  # FlowIO scales Time by its step
    np.testing.assert_allclose(linear.events[:, scaled], theirs[:, scaled], rtol=1e-12)
