from __future__ import annotations

import os
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from immunoprofile.core import FcsError, FcsWarning
from immunoprofile.fcs import Spillover, read_fcs, sample_from_arrays, write_fcs

names = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs"), exclude_characters=","),
    min_size=1,
    max_size=12,
).filter(str.strip)
values = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


@st.composite
def contents(draw):
    count, channels = draw(st.integers(0, 12)), draw(st.integers(1, 5))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    width = 32 if dtype == np.float32 else 64
    events = draw(
        arrays.arrays(
            dtype, (count, channels), elements=st.floats(width=width, allow_nan=False, allow_infinity=False)
        )
    )
    detectors = draw(st.lists(names, min_size=channels, max_size=channels, unique=True))
    labels = draw(st.lists(names, min_size=channels, max_size=channels))
    keywords = draw(st.dictionaries(names, values, max_size=4))
    matrix = draw(arrays.arrays(np.float64, (channels, channels), elements=st.floats(-1, 1)))
    return events, detectors, labels, keywords, Spillover(detectors=tuple(detectors), matrix=matrix)


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(contents())
def test_what_is_written_is_read_back_identical(tmp_path, content):
    events, detectors, labels, keywords, spillover = content
    path = write_fcs(
        tmp_path / "round.fcs",
        events,
        detectors,
        labels=labels,
        keywords=keywords,
        spillover=spillover,
        overwrite=True,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a random matrix may be singular, two keywords may differ in case
        sample = read_fcs(path)
    assert not {issue.code for issue in sample.issues} - {
        "spillover-singular",
        "spillover-identity",
        "spillover-names",
    }
    assert sample.events.astype(events.dtype).tobytes() == events.tobytes()
    assert sample.detectors == tuple(detectors)
    assert sample.labels == tuple(labels)
    assert [name.strip() for name in sample.spillover.detectors] == [name.strip() for name in detectors]
    np.testing.assert_array_equal(sample.spillover.matrix, spillover.matrix)
    for keyword, value in keywords.items():
        if (
            value.strip(" \t\r\n\0")
            and [key.strip().upper() for key in keywords].count(keyword.strip().upper()) == 1
        ):
            assert sample.keywords[keyword.strip(" \t\r\n\0").upper()] == value


def test_a_written_file_obeys_the_strictest_reading(tmp_path, matrix):
    path = write_fcs(
        tmp_path / "a.fcs", matrix, ["A", "B", "C"], labels=["CD3", "", None], keywords={"$CYT": "ours"}
    )
    sample = read_fcs(path, mode="strict")
    assert sample.issues == ()
    assert (sample.version, sample.datatype, sample.labels) == ("3.1", "F", ("CD3", "", ""))
    assert int(sample.keywords["$BEGINDATA"]) % 64 == 0


def test_values_that_float32_cannot_hold_are_written_as_doubles(tmp_path):
    events = np.array([[0.1, 16777217.0]])
    sample = read_fcs(write_fcs(tmp_path / "d.fcs", events, ["A", "B"]))
    assert sample.datatype == "D"
    np.testing.assert_array_equal(sample.events, events)


def test_ranges_are_raised_above_the_largest_value(tmp_path):
    events = [[10.0, 3e5, 1024.0], [2000.0, 1.0, np.nan]]
    with pytest.warns(FcsWarning, match="nan-events"):
        sample = read_fcs(write_fcs(tmp_path / "r.fcs", events, ["A", "B", "C"], ranges=[1024, 4096, 1024]))
    assert sample.ranges.tolist() == [2001, 300001, 1025]


def test_a_read_sample_is_written_with_its_channels_renumbered(tmp_path, build, matrix):
    path = build(
        matrix,
        keywords={
            "$P3S": "CD3",
            "$P3V": "450",
            "$P1V": "300",
            "$P3G": "2",
            "SPILL": "2,C1,C3,1,0.1,0,1",
            "$CYT": "x",
        },
    )
    sample = read_fcs(path, channels=["C3", "C1"])
    again = read_fcs(write_fcs(tmp_path / "again.fcs", sample))
    np.testing.assert_array_equal(again.events, sample.events)
    assert (again.detectors, again.labels) == (("C3", "C1"), ("CD3", ""))
    assert (again.keywords["$P1V"], again.keywords["$P2V"], again.keywords["$CYT"]) == ("450", "300", "x")
    assert "$P1G" not in again.keywords
    assert again.spillover == sample.spillover
    assert "SPILL" not in again.keywords


def test_an_existing_file_is_kept(tmp_path, matrix):
    path = tmp_path / "a.fcs"
    path.write_bytes(b"precious")
    with pytest.raises(FcsError) as caught:
        write_fcs(path, matrix, ["A", "B", "C"])
    assert caught.value.code == "write-exists"
    assert path.read_bytes() == b"precious"
    write_fcs(path, matrix, ["A", "B", "C"], overwrite=True)
    assert read_fcs(path).n_events == 37


def test_a_sample_is_not_written_over_its_own_file(build, matrix):
    sample = read_fcs(build(matrix))
    with pytest.raises(FcsError, match="same file"):
        write_fcs(sample.path, sample, overwrite=True)


@pytest.mark.parametrize(
    ("detectors", "code"),
    [
        (["A", "B"], "write-names"),
        (["A", "B", "A"], "write-names"),
        (["A", "B,C", "D"], "write-names"),
        (["A", " ", "C"], "write-names"),
    ],
)
def test_names_that_cannot_be_read_again_are_refused(tmp_path, matrix, detectors, code):
    with pytest.raises(FcsError) as caught:
        write_fcs(tmp_path / "a.fcs", matrix, detectors)
    assert caught.value.code == code
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "events", [np.zeros(5), np.zeros((5, 0)), np.array([["a"]]), np.array([[2**60 + 1]]), np.array([[1j]])]
)
def test_events_that_are_no_table_of_numbers_are_refused(tmp_path, events):
    with pytest.raises(FcsError) as caught:
        write_fcs(tmp_path / "a.fcs", events, ["A"])
    assert caught.value.code == "write-values"


def test_stored_numbers_are_not_written_as_linear_ones(tmp_path, build, matrix):
    path = build(matrix, kind="I", bits=16, keywords={"$P1E": "4,1"})
    with pytest.raises(FcsError, match="stored") as caught:
        write_fcs(tmp_path / "a.fcs", read_fcs(path, scale="stored"))
    assert caught.value.code == "write-values"
    assert read_fcs(write_fcs(tmp_path / "a.fcs", read_fcs(path))) is not None


def test_a_failure_leaves_nothing_behind(tmp_path, matrix):
    if os.name != "posix" or os.geteuid() == 0:
        target = tmp_path / "file" / "a.fcs"
        (tmp_path / "file").write_text("no folder")
    else:
        (tmp_path / "locked").mkdir(mode=0o555)
        target = tmp_path / "locked" / "a.fcs"
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(FcsError) as caught:
        write_fcs(target, matrix, ["A", "B", "C"])
    assert caught.value.code == "io"
    assert sorted(tmp_path.rglob("*")) == before


def test_a_delimiter_is_found_even_where_most_are_taken(tmp_path, matrix):
    every = "".join(map(chr, range(1, 127)))
    sample = read_fcs(write_fcs(tmp_path / "a.fcs", matrix, ["A", "B", "C"], keywords={"ALL": f"a{every}z"}))
    assert sample.keywords["ALL"] == f"a{every}z"


def test_the_same_content_gives_the_same_bytes(tmp_path, matrix):
    sample = sample_from_arrays(matrix, ["A", "B", "C"])
    first, second = (write_fcs(tmp_path / f"{i}.fcs", sample).read_bytes() for i in range(2))
    assert first == second


def test_what_is_no_text_is_a_wrong_type(tmp_path, matrix):
    path = tmp_path / "a.fcs"
    for wrong in (
        {"detectors": [1, 2, 3]},
        {"detectors": None},
        {"detectors": list("ABC"), "keywords": {"A": 1}},
    ):
        with pytest.raises(TypeError):
            write_fcs(path, matrix, **wrong)
    assert not path.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"keywords": {" ": "x"}},
        {"keywords": {"A": "\ud800"}},
        {"ranges": [1, 2]},
        {"spillover": Spillover(detectors=("A",), matrix=np.full((1, 1), np.inf))},
    ],
)
def test_what_cannot_be_written_truthfully_is_refused(tmp_path, matrix, wrong):
    with pytest.raises(FcsError) as caught:
        write_fcs(tmp_path / "a.fcs", matrix, ["A", "B", "C"], **wrong)
    assert caught.value.code == "write-values"
    assert list(tmp_path.iterdir()) == []


def test_labels_are_one_a_channel(tmp_path, matrix):
    with pytest.raises(FcsError, match="2 labels for 3 channels"):
        write_fcs(tmp_path / "a.fcs", matrix, ["A", "B", "C"], labels=["", ""])
    with pytest.raises(FcsError, match="ranges"):
        sample_from_arrays(matrix, ["A", "B", "C"], ranges=[1])


def test_a_path_that_cannot_be_is_an_error_of_ours(tmp_path, matrix):
    with pytest.raises(FcsError) as caught:
        write_fcs(tmp_path / "a\0b.fcs", matrix, ["A", "B", "C"])
    assert caught.value.code in {"io", "write-exists"}
    with pytest.raises(FcsError, match="folder"):
        write_fcs(tmp_path, matrix, ["A", "B", "C"], overwrite=True)


class TestOtherReaders:
    @pytest.fixture
    def written(self, tmp_path, request):
        rng = np.random.default_rng(list(request.node.name.encode()))
        events = rng.normal(500, 300, (200, 4)).astype(np.float32)
        matrix = np.eye(2) + 0.1
        spillover = Spillover(detectors=("FITC-A", "PE-A"), matrix=matrix)
        path = write_fcs(
            tmp_path / "others.fcs", events, ["FSC-A", "FITC-A", "PE-A", "Time"],
            labels=["", "CD3", "CD4", ""],
            spillover=spillover, keywords={"$CYT": "ours", "$TIMESTEP": "0.01"},
        )  # fmt: skip
        return path, events

    def test_flowio_reads_equal_values(self, written):
        flowio = pytest.importorskip("flowio")
        data = flowio.FlowData(str(written[0]))
        np.testing.assert_array_equal(data.as_array(preprocess=False), written[1])
        assert data.pnn_labels == ["FSC-A", "FITC-A", "PE-A", "Time"]
        assert data.pns_labels == ["", "CD3", "CD4", ""]

    def test_flowcal_reads_equal_values(self, written):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            flowcal = pytest.importorskip("FlowCal")
            data = flowcal.io.FCSData(str(written[0]))
        np.testing.assert_array_equal(np.asarray(data), written[1])

    def test_fcsparser_reads_equal_values(self, written):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fcsparser = pytest.importorskip("fcsparser")
            _, frame = fcsparser.parse(str(written[0]))
        np.testing.assert_array_equal(frame.to_numpy(), written[1])
