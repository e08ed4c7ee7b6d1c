"""Worked examples of the specification: values, names, findings and refusals, made by a generator.

Linear values to 1e-6 relative (the examples are written with six digits); stored values to the last bit.
"""

from __future__ import annotations

import base64
import hashlib
import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from immunoprofile.core import CODES, FcsError, FcsWarning
from immunoprofile.fcs import read_fcs, read_fcs_all

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "fcs" / "cases.jsonl"
CASES = [json.loads(line) for line in GOLDEN.read_text(encoding="utf-8").splitlines()]
BY_NAME = {case["name"]: case for case in CASES}


def written(case, tmp_path):
    path = tmp_path / f"{case['name']}.fcs"
    path.write_bytes(base64.b64decode(case["file_base64"]))
    return path


def read(path, **how):
    """Read with warnings recorded; they must be the findings of level warning."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        sample = read_fcs(path, **how)
    codes = {issue.code for issue in sample.issues if issue.level == "warning"}
    assert {warning.message.code for warning in caught} == codes
    assert all(warning.category is FcsWarning for warning in caught)
    return sample, codes


@pytest.mark.parametrize("case", [c for c in CASES if "shape" in c], ids=lambda c: c["name"])
def test_a_readable_example_has_its_values_names_and_findings(case, tmp_path):
    path = written(case, tmp_path)
    stored, codes = read(path, scale="stored", channels=case.get("channels"))
    linear, _ = read(path, channels=case.get("channels"))
    values = np.ascontiguousarray(stored.events, dtype="<f8")
    assert list(values.shape) == case["shape"]
    assert hashlib.sha256(values.tobytes()).hexdigest() == case["stored_sha256"]
    first = [[np.nan if v is None else float(v) for v in row] for row in case["linear_first_two"]]
    np.testing.assert_allclose(linear.events[:2], np.reshape(first, (-1, values.shape[1])), rtol=1e-6)
    assert list(stored.detectors) == case["detectors"]
    if case["labels"]:
        assert [label or None for label in stored.labels] == case["labels"]
    if "spillover" in case:
        assert list(stored.spillover.detectors) == case["spillover"]["detectors"]
        np.testing.assert_array_equal(stored.spillover.matrix, case["spillover"]["matrix"])
    if case["kind"] == "warn":
        expected = set(case["codes"])
        assert expected <= codes if "combined" in case["name"] else expected & codes
    else:
        assert codes == set()


@pytest.mark.parametrize("case", [c for c in CASES if c["kind"] == "error"], ids=lambda c: c["name"])
def test_a_broken_example_is_refused_with_its_reason(case, tmp_path):
    path = written(case, tmp_path)
    with pytest.raises(FcsError) as caught:
        read(path, channels=case.get("channels"))
    assert caught.value.code in case["codes"]
    assert str(path) in str(caught.value)
    assert caught.value.problem


@pytest.mark.parametrize("case", [c for c in CASES if c["kind"] == "warn"], ids=lambda c: c["name"])
def test_strict_mode_refuses_what_gives_a_warning(case, tmp_path):
    with pytest.raises(FcsError) as caught:
        read_fcs(written(case, tmp_path), mode="strict")
    _, codes = read(written(case, tmp_path))
    assert caught.value.code in codes


@pytest.mark.parametrize(
    "case", [c for c in CASES if c["kind"] in {"legal", "harmless"}], ids=lambda c: c["name"]
)
def test_strict_mode_reads_what_is_legal(case, tmp_path):
    samples = read_fcs_all(written(case, tmp_path), mode="strict")
    assert [list(s.events.shape) for s in samples] == (
        [c["shape"] for c in case["data_sets"]]
        if "data_sets" in case
        else [[*case["shape"][:1], samples[0].n_channels]]
    )


def test_all_data_sets_are_read_one_after_the_other(tmp_path):
    case = next(c for c in CASES if "data_sets" in c)
    path = written(case, tmp_path)
    samples = read_fcs_all(path, scale="stored")
    for number, (sample, truth) in enumerate(zip(samples, case["data_sets"], strict=True), start=1):
        assert list(sample.events.shape) == truth["shape"]
        assert sample.data_set == number
    assert len({sample.content_id for sample in samples}) == len(samples)


def test_force_reads_the_whole_events_of_a_truncated_file(build, matrix):
    path = build(matrix)
    path.write_bytes(path.read_bytes()[: -8 - 30])
    with pytest.raises(FcsError, match="34 whole events") as caught:
        read_fcs(path)
    assert caught.value.code == "data-truncated"
    with pytest.warns(FcsWarning, match="data-truncated"):
        sample = read_fcs(path, mode="force")
    np.testing.assert_array_equal(sample.events, matrix[:34])


def test_force_takes_the_header_where_both_places_fit(tmp_path):
    path = written(BY_NAME["error_offset_ambiguous_1"], tmp_path)
    with pytest.warns(FcsWarning, match="data-offset-ambiguous"):
        sample = read_fcs(path, mode="force")
    assert sample.n_events > 0


def test_force_lifts_nothing_else(tmp_path):
    for case in CASES:
        if case["kind"] == "error" and not {"data-truncated", "data-offset-ambiguous"} & set(case["codes"]):
            with pytest.raises(FcsError), warnings.catch_warnings(action="ignore"):
                read_fcs(written(case, tmp_path), mode="force", channels=case.get("channels"))


def test_every_code_that_a_module_names_has_a_row_in_the_table():
    import re

    import immunoprofile.fcs as room

    pattern = re.compile(r'"([a-z0-9]+(?:-[a-z0-9]+)+)"')
    named = {
        code
        for module in Path(room.__file__).parent.glob("*.py")
        for code in pattern.findall(module.read_text(encoding="utf-8"))
    }
    assert len(named) > 50
    no_codes = {"utf-8", "latin-1", "utf-16-le", "utf-16-be", "de-identifying"}
    assert named - no_codes <= set(CODES)


def test_a_right_checksum_is_silent_and_a_wrong_one_is_named(build, matrix):
    whole = build(matrix, tail=b"").read_bytes()
    value = 0  # the algorithm, bit by bit
    for byte in whole:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x8408 if value & 1 else 0)
    assert read_fcs(build(matrix, tail=f"{value:08d}".encode())).issues == ()
    with pytest.warns(FcsWarning, match="crc-mismatch"):
        read_fcs(build(matrix, tail=f"{value ^ 1:08d}".encode()))


def test_bytes_after_the_end_are_counted(build, matrix):
    sample = read_fcs(build(matrix, tail=b"x" * 50))
    assert [(issue.level, issue.code) for issue in sample.issues] == [("info", "unclaimed-bytes")]


def test_older_compensation_is_kept_and_not_applied(build, matrix):
    sample = read_fcs(build(matrix, version="2.0", kind="I", keywords={"$DFC1TO2": "-10.5"}))
    assert sample.legacy_compensation[0, 1] == -10.5
    assert sample.spillover is None
    comp = read_fcs(build(matrix, version="3.0", keywords={"$COMP": "3,0,1,2,3,0,4,5,6,0"}))
    assert comp.legacy_compensation[2].tolist() == [5, 6, 0]


@pytest.mark.parametrize(
    "looks", [b"PK\x03\x04rest", b"<?xml version='1.0'?>", b"\x89PNG....", b"a,b,c\n1,2,3\n", b""]
)
def test_a_file_of_another_kind_is_called_by_its_name(tmp_path, looks):
    path = tmp_path / "other.fcs"
    path.write_bytes(looks)
    with pytest.raises(FcsError, match=r"empty|ZIP|XML|PNG|CSV") as caught:
        read_fcs(path)
    assert caught.value.code == "not-fcs"


def test_what_is_no_regular_file_is_not_opened(tmp_path):
    import os

    with pytest.raises(FcsError) as caught:
        read_fcs(tmp_path)
    assert caught.value.code == "not-regular-file"
    with pytest.raises(FcsError) as caught:
        read_fcs(tmp_path / "absent.fcs")
    assert caught.value.code == "io"
    with pytest.raises(FcsError) as caught:
        read_fcs("a\0b.fcs")
    assert caught.value.code == "io"
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.fcs")
        with pytest.raises(FcsError) as caught:
            read_fcs(tmp_path / "pipe.fcs")
        assert caught.value.code == "not-regular-file"


def test_a_huge_number_of_parameters_is_refused_before_anything_is_made(build):
    with pytest.raises(FcsError, match="parameters=") as caught:
        read_fcs(build(np.ones((1, 1)), keywords={"$PAR": "999999999"}))
    assert caught.value.code == "limit"


def found(build, values, **layout):
    """Read and give (level, code) of every finding."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FcsWarning)
        sample = read_fcs(build(values, **layout))
    return sample, [(issue.level, issue.code) for issue in sample.issues]


@pytest.mark.parametrize(
    ("layout", "finding"),
    [
        ({"keywords": {"$BEGINDATA": "x"}}, ("warning", "begindata-invalid")),
        ({"keywords": {"$P1E": "log"}}, ("warning", "pne-invalid")),
        ({"keywords": {"$P1E": "-1,0"}}, ("warning", "pne-invalid")),
        ({"keywords": {"$P2R": None}}, ("warning", "keyword-missing")),
        ({"keywords": {"$P2R": "wide"}}, ("warning", "keyword-value")),
        ({"keywords": {"$P2G": "0"}}, ("warning", "png-invalid")),
        ({"keywords": {"$P1N": "Time", "$P1G": "0.01"}}, ("info", "png-on-time")),
        ({"keywords": {"$NEXTDATA": "-5"}}, ("warning", "nextdata-invalid")),
        ({"keywords": {"$BEGINSTEXT": "70", "$ENDSTEXT": "80"}}, ("warning", "stext-bounds")),
        ({"keywords": {"$BEGINSTEXT": "x", "$ENDSTEXT": "80"}}, ("warning", "stext-bounds")),
        ({"keywords": {"$SPILLOVER": "2,C1,C2,1,0,0,1"}}, ("info", "spillover-identity")),
        ({"keywords": {"$SPILLOVER": "2,C1,C2,1,0,0"}}, ("warning", "spillover-invalid")),
        ({"keywords": {"$SPILLOVER": "2,C1,C2,1,0,0,nan"}}, ("warning", "spillover-invalid")),
        ({"keywords": {"$SPILLOVER": "2,C1,C2,1,1,1,1,"}}, ("warning", "spillover-singular")),
        ({"keywords": {"$SPILLOVER": "2,C1,C1,1,0,0.1,1"}}, ("warning", "spillover-names")),
        ({"keywords": {"$SPILLOVER": "2,3,1,1,0,0.1,1"}}, ("warning", "spillover-indices")),
        ({"header": {"analysis_begin": "      x ", "analysis_end": 9}}, ("warning", "analysis-bounds")),
        ({"keywords": {"$BEGINANALYSIS": "99999", "$ENDANALYSIS": "999999"}}, ("warning", "analysis-bounds")),
    ],
    ids=str,
)
def test_a_deviation_is_named_and_costs_no_event(build, matrix, layout, finding):
    sample, findings = found(build, matrix, **layout)
    np.testing.assert_array_equal(sample.events, matrix)
    assert findings == [finding]


def test_supplemental_text_that_is_none_is_not_read(build, matrix):
    size = len(build(matrix, keywords={"$BEGINSTEXT": "000000", "$ENDSTEXT": "000000"}).read_bytes())
    keywords = {"$BEGINSTEXT": f"{size:06d}", "$ENDSTEXT": f"{size + 8:06d}"}
    _, findings = found(build, matrix, keywords=keywords, tail=b"00000000PK\x03\x04xxxxx")
    assert findings == [("warning", "stext-parse")]


def test_supplemental_text_on_data_is_not_read(build, matrix):
    begin = int(read_fcs(build(matrix)).keywords["$BEGINDATA"])
    keywords = {"$BEGINSTEXT": f"{begin + 40}", "$ENDSTEXT": f"{begin + 60}"}
    assert found(build, matrix, keywords=keywords)[1] == [("warning", "stext-bounds")]


def test_mapped_spillover_indices_are_names(build, matrix):
    sample, _ = found(build, matrix, keywords={"SPILL": "2,3,1,1,0,0.1,1"})
    assert sample.spillover.detectors == ("C3", "C1")
    assert sample.spillover == sample.spillover
    assert "C3" in repr(sample.spillover)


def test_whole_numbers_past_the_doubles_say_that_they_are_rounded(build):
    sample, findings = found(
        build, np.array([[2**53 + 1], [7]]), kind="I", bits=64, keywords={"$P1R": str(2**64)}
    )
    assert findings == [("info", "integers-rounded")]
    assert sample.events[1, 0] == 7


def test_nan_is_found_in_either_order_and_among_chosen_channels_only(build, matrix):
    values = matrix.astype(float)
    values[3, 1], values[4, 1], values[5, 2] = np.nan, np.inf, -np.inf
    for order in ("1,2,3,4", "4,3,2,1"):
        with pytest.warns(FcsWarning) as caught:
            read_fcs(build(values, order=order))
        assert [str(w.message).rsplit(": ", 1)[1] for w in caught] == ["C2 (1)", "C2 (1), C3 (1)"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_fcs(build(values), channels=["C1"]).issues == ()


def test_a_sum_that_overflows_is_no_infinity(build):
    assert read_fcs(build(np.full((50, 2), 3e38))).issues == ()


def test_a_missing_timestep_or_clock_gives_no_time(build, matrix):
    assert read_fcs(build(matrix, names=["A", "B", "Time"])).time_seconds is None
    assert read_fcs(build(matrix, keywords={"$TIMESTEP": "0.1"})).time_seconds is None


def test_the_chain_of_data_sets_has_a_limit(tmp_path):
    from immunoprofile.fcs import FcsLimits

    path = written(next(c for c in CASES if "data_sets" in c), tmp_path)
    with pytest.raises(FcsError) as caught:
        read_fcs_all(path, limits=FcsLimits(data_sets=1))
    assert caught.value.code == "limit"


def test_a_later_data_set_travels_by_its_path(tmp_path):
    import pickle

    path = written(next(c for c in CASES if "data_sets" in c), tmp_path)
    second = read_fcs_all(path)[1]
    assert pickle.loads(pickle.dumps(second)) == second


def test_two_ends_that_fit_give_the_shorter(build, matrix):
    begin = int(read_fcs(build(matrix)).keywords["$BEGINDATA"])
    sample, findings = found(build, matrix, header={"data_end": begin + matrix.size * 4})
    np.testing.assert_array_equal(sample.events, matrix)
    assert findings == [("warning", "data-end-conflict")]


def test_two_places_are_told_apart_by_the_segments_before_them(build, matrix):
    """Both fit; DATA of TEXT follows supplemental TEXT and padding, that of the HEADER not."""
    more = b"/$CYT/other/EXTRA/" + b"x" * 600 + b"/"
    zero = {"$BEGINSTEXT": "000000", "$ENDSTEXT": "000000"}
    begin = int(read_fcs(build(matrix, keywords=zero)).keywords["$BEGINDATA"])
    span = {"$BEGINSTEXT": f"{begin:06d}", "$ENDSTEXT": f"{begin + len(more) - 1:06d}"}
    wrong = {"data_begin": begin + 30, "data_end": begin + 29 + matrix.size * 4}
    sample, findings = found(build, matrix, keywords=span, gap=more + b" " * 12, header=wrong)
    np.testing.assert_array_equal(sample.events, matrix)
    assert findings == [("warning", "data-offset-conflict")]
    assert sample.keywords["$CYT"] == "other"


def test_a_matrix_too_large_to_judge_is_not_trusted(build, matrix):
    from immunoprofile.fcs._spillover import MAX_CONDITION, _condition

    assert _condition(np.ones((1001, 1001))) > MAX_CONDITION
    assert not _condition(np.full((2, 2), 1e308)) <= MAX_CONDITION


@pytest.mark.parametrize(
    "fields", [{"text_begin": 57}, {"text_begin": "        "}, {"text_end": 58}, {"text_end": "    12x "}]
)
def test_a_header_without_a_place_for_text_is_refused(build, matrix, fields):
    with pytest.raises(FcsError) as caught:
        read_fcs(build(matrix, header=fields))
    assert (caught.value.code, caught.value.offset) == ("header-offsets", 10)
