from __future__ import annotations

import base64
import errno
import json
import os
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from immunoprofile.core import FcsError, FcsWarning, StorageError, UnknownNameError
from immunoprofile.fcs import Spillover, read_fcs, read_fcs_all, sample_from_arrays, write_fcs
from immunoprofile.fcs._write_text import OURS

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
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
    keywords = draw(st.dictionaries(names.map(lambda key: key.strip().upper()), values, max_size=4))
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
            value
            and not OURS.fullmatch(keyword)
            and keyword not in {"SPILL", "SPILLOVER"}
            and [key.strip().upper() for key in keywords].count(keyword.strip().upper()) == 1
        ):
            assert sample.keywords[keyword.strip(" \t\r\n\0").upper()] == value


def test_a_written_file_obeys_the_strictest_reading(tmp_path, matrix):
    path = write_fcs(
        tmp_path / "a.fcs", matrix, ["A", "B", "C"], labels=["CD3", "", None], keywords={"$CYT": "ours"}
    )
    sample = read_fcs(path, mode="strict")
    assert sample.issues == ()
    assert (sample.version, sample.datatype, sample.labels) == ("3.1", "F", ("CD3", None, None))
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
    assert (again.detectors, again.labels) == (("C3", "C1"), ("CD3", None))
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


def test_doubles_stand_alone_in_3_2_and_make_all_columns_double_in_3_1(tmp_path):
    events = pd.DataFrame(
        {"A": [0.1, 2.0], "B": [1.5, np.float32(0.1)], "C": pd.array([2**40 + 1, None], "Int64")}
    )
    new = read_fcs(write_fcs(tmp_path / "new.fcs", events.fillna(1), version="3.2"), mode="strict")
    old = read_fcs(write_fcs(tmp_path / "old.fcs", events.fillna(1)), mode="strict")
    assert (new.version, new.datatype, old.version, old.datatype) == ("3.2", "F", "3.1", "D")
    assert [new.keywords.get(f"$P{i}DATATYPE") for i in (1, 2, 3)] == ["D", None, "D"]
    assert [new.keywords[f"$P{i}B"] for i in (1, 2, 3)] == ["64", "32", "64"]
    assert (new.keywords["$CYT"], "$CYT" in old.keywords) == ("unknown", False)
    for sample in (new, old):
        np.testing.assert_array_equal(sample.events, events.fillna(1).to_numpy(dtype=float))
        assert (sample.issues, sample.detectors) == ((), ("A", "B", "C"))
    with pytest.warns(FcsWarning, match="nan-events"):
        assert np.isnan(read_fcs(write_fcs(tmp_path / "na.fcs", events)).events[1, 2])
    with pytest.raises(UnknownNameError):
        write_fcs(tmp_path / "a.fcs", events, version="3.3")


@pytest.mark.parametrize(
    "dtype", ["?", "i1", "u1", "i2", ">u2", "i4", ">u4", "i8", "u8", "f2", ">f4", "f4", "f8", ">f8", "g"]
)
def test_any_real_type_is_written_without_loss(tmp_path, dtype):
    events = np.arange(24).reshape(8, 3).astype(dtype)
    sample = read_fcs(write_fcs(tmp_path / "a.fcs", events, list("ABC")), mode="strict")
    np.testing.assert_array_equal(sample.events, events.astype(float))
    assert sample.datatype == "F"


@pytest.mark.parametrize(
    "events",
    [
        np.array([[2**64 - 1]], dtype="u8"),
        np.array([[-(2**63) + 1]], dtype="i8"),
        np.array([[np.longdouble(1) / 3]]),
        np.ma.array([[1.0]], mask=[[True]]),
        pd.DataFrame({"A": ["x"]}),
        pd.DataFrame({"A": pd.array([2**60 + 1], "Int64")}),
        pd.DataFrame(index=[0]),
    ],
)
def test_numbers_that_would_be_rounded_are_refused(tmp_path, events):
    with pytest.raises(FcsError) as caught:
        write_fcs(tmp_path / "a.fcs", events, ["A"])
    assert caught.value.code == "write-values"
    assert list(tmp_path.iterdir()) == []


def test_numbers_at_the_edge_of_their_type_are_kept(tmp_path):
    events = np.array([[2**63, 2**53], [2**60, 0]], dtype="u8")
    np.testing.assert_array_equal(
        read_fcs(write_fcs(tmp_path / "a.fcs", events, ["A", "B"])).events, events.astype(float)
    )
    frame = pd.DataFrame({"A": pd.array([1.5, None], "Float64"), "B": pd.array([True, None], "boolean")})
    with pytest.warns(FcsWarning, match="nan-events"):
        found = read_fcs(write_fcs(tmp_path / "b.fcs", frame)).events
    np.testing.assert_array_equal(found, [[1.5, 1], [np.nan, np.nan]])


def test_bits_of_nan_and_negative_zero_are_kept(tmp_path):
    words = np.array([[0x7FC00001, 0x80000000], [0xFFC12345, 0x7F800000]], dtype="<u4")
    payload = np.array([[0x7FF8000000000001]], dtype="<u8").view("<f8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sample = read_fcs(write_fcs(tmp_path / "a.fcs", words.view("<f4"), ["A", "B"]))
        double = read_fcs(write_fcs(tmp_path / "b.fcs", payload, ["A"]))
    assert sample.events.tobytes() == words.tobytes()
    assert (sample.keywords["$P1R"], sample.keywords["$P2R"]) == ("262144", "262144")
    assert double.events.tobytes() == payload.tobytes()


def test_only_chosen_events_are_written(tmp_path, matrix):
    chosen = matrix[:, 0] > 100
    sample = sample_from_arrays(matrix, list("ABC"))
    np.testing.assert_array_equal(
        read_fcs(write_fcs(tmp_path / "a.fcs", sample, where=chosen)).events, matrix[chosen]
    )
    none = read_fcs(write_fcs(tmp_path / "b.fcs", sample, where=chosen & False), mode="strict")
    assert none.events.shape == (0, 3)
    with pytest.raises(FcsError, match="where"):
        write_fcs(tmp_path / "c.fcs", sample, where=[True])


def test_structural_keywords_are_left_to_the_writer(tmp_path, matrix, build):
    source = read_fcs(build(matrix, keywords={"$P1S": "CD3", "$P1G": "1", "SPILL": "2,C1,C2,1,0.5,0,1"}))
    sample = read_fcs(
        write_fcs(tmp_path / "a.fcs", matrix[:4], source.detectors, keywords=source.keywords), mode="strict"
    )
    assert (sample.n_events, sample.labels) == (4, ("CD3", None, None))
    assert sample.spillover == source.spillover
    assert "SPILL" not in sample.keywords
    again = read_fcs(write_fcs(tmp_path / "b.fcs", source, ["X", "Y", "Z"], keywords={"$CYT": "", "x ": "1"}))
    assert again.spillover.detectors == ("X", "Y")
    assert again.keywords["X"] == "1"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"keywords": {"a": "1", "A": "2"}}, "write-values"),
        ({"keywords": {"$TIMESTEP": "soon"}}, "write-values"),
        ({"keywords": {"$SPILLOVER": "2,A,B"}}, "write-values"),
        ({"spillover": (["A", "B"], [["x", 1], [1, 1]])}, "write-values"),
        ({"spillover": ([], np.zeros((0, 0)))}, "write-values"),
        ({"spillover": (["1", "2"], np.eye(2))}, "write-names"),
        ({"spillover": (["A,B", "C"], np.eye(2))}, "write-names"),
    ],
)
def test_words_that_would_be_read_otherwise_are_refused(tmp_path, matrix, wrong, code):
    with pytest.raises(FcsError) as caught:
        write_fcs(tmp_path / "new" / "a.fcs", matrix, list("ABC"), **wrong)
    assert caught.value.code == code
    assert list(tmp_path.iterdir()) == []
    for typed in ({"spillover": 3}, {"labels": [1, 2, 3]}, {"spillover": ([1, 2], np.eye(2))}):
        with pytest.raises(TypeError):
            write_fcs(tmp_path / "a.fcs", matrix, list("ABC"), **typed)


def test_odd_keywords_come_back_as_they_were(tmp_path, matrix):
    odd = {
        "A/B|C": "ends in /", "lower": "line\r\nbreak\0", "UMLAUT Ü": "β 🧬", "LONG": "x" * 10**6,
        "BLANK": " ", "EMPTY": "", "$FIL": "a.fcs", "P1DISPLAY": "LOG",
    }  # fmt: skip
    sample = read_fcs(write_fcs(tmp_path / "a.fcs", matrix, list("ABC"), keywords=odd), mode="strict")
    assert {key: sample.keywords.get(key.upper(), "") for key in odd} == odd


def test_a_text_that_no_header_can_hold_is_refused(tmp_path, matrix, monkeypatch):
    monkeypatch.setattr("immunoprofile.fcs._write_text.LAST_HEADER_OFFSET", 2000)
    with pytest.raises(FcsError, match="leave out the longest"):
        write_fcs(tmp_path / "a.fcs", matrix, list("ABC"), keywords={"LONG": "x" * 2000})
    path = write_fcs(tmp_path / "b.fcs", matrix.repeat(9, axis=0), list("ABC"))
    assert path.read_bytes()[26:42] == b"       0       0"
    assert read_fcs(path, mode="strict").n_events == 333


def test_ranges_follow_the_linear_scale(tmp_path, build, matrix):
    path = build(
        matrix, kind="I", bits=16, keywords={"$P1E": "4,1", "$P1R": "1024", "$P2G": "0.5", "$P2R": "10"}
    )
    linear = read_fcs(path)
    sample = read_fcs(write_fcs(tmp_path / "a.fcs", linear), mode="strict")
    np.testing.assert_array_equal(sample.events, linear.events)
    assert sample.ranges[0] == 10_000
    assert sample.ranges[1] == linear.events[:, 1].max() + 1
    assert not sample.integer_log.any()
    huge = read_fcs(write_fcs(tmp_path / "b.fcs", [[1e300]], ["A"]), mode="strict")
    assert int(huge.keywords["$P1R"]) == int(1e300) + 1


def test_time_in_seconds_stays(tmp_path, build, matrix):
    path = build(matrix, names=["FSC-A", "FL1-A", "Time"], keywords={"$P3G": "0.01", "$TIMESTEP": "0.01"})
    source = read_fcs(path)
    stored = read_fcs(path, scale="stored")
    for i, sample in enumerate((source, stored)):  # the gain of Time is never applied: stored is linear here
        again = read_fcs(write_fcs(tmp_path / f"{i}.fcs", sample), mode="strict")
        np.testing.assert_array_equal(again.time_seconds, source.time_seconds)


def test_a_sample_without_events_is_refused(tmp_path, build, matrix):
    with pytest.raises(FcsError, match="no events"):
        write_fcs(tmp_path / "a.fcs", read_fcs(build(matrix), metadata_only=True))
    gained = build(matrix, keywords={"$P1G": "2"})
    with pytest.raises(FcsError, match="stored"):
        write_fcs(tmp_path / "a.fcs", read_fcs(gained, scale="stored"))


def test_links_to_the_source_are_the_source(tmp_path, build, matrix):
    sample = read_fcs(build(matrix))
    content = sample.path.read_bytes()
    (tmp_path / "soft.fcs").symlink_to(sample.path)
    (tmp_path / "hard.fcs").hardlink_to(sample.path)
    for name in ("soft.fcs", "hard.fcs"):
        with pytest.raises(FcsError, match="same file"):
            write_fcs(tmp_path / name, sample, overwrite=True)
    assert sample.path.read_bytes() == content


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), StorageError),
        (OSError(errno.EIO, "Input/output error"), FcsError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_whatever_stops_the_writing_leaves_nothing(tmp_path, matrix, monkeypatch, fault, expected):
    (tmp_path / "old.fcs").write_bytes(b"old")

    def stops(plan):
        yield b"some"
        raise fault

    monkeypatch.setattr("immunoprofile.fcs._write._bytes", stops)
    for target in (tmp_path / "old.fcs", tmp_path / "new" / "er" / "a.fcs"):
        with pytest.raises(expected):
            write_fcs(target, matrix, list("ABC"), overwrite=True)
    assert [path.name for path in tmp_path.rglob("*")] == ["old.fcs"]
    assert (tmp_path / "old.fcs").read_bytes() == b"old"


def test_a_large_table_is_written_without_a_copy(tmp_path):
    events = np.ones((500_000, 10), dtype=np.float32)
    tracemalloc.start()
    write_fcs(tmp_path / "a.fcs", events, [f"C{i}" for i in range(10)])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < events.nbytes
    assert (tmp_path / "a.fcs").stat().st_size > events.nbytes


def written_again(path, target, version):
    """Read, write, read; assert that nothing is lost."""
    for first in read_fcs_all(path):
        try:
            second = read_fcs(write_fcs(target, first, version=version, overwrite=True))
        except FcsError:
            assert len(set(first.detectors)) < len(first.detectors), path
            continue
        assert second.events.astype("f8").tobytes() == first.events.astype("f8").tobytes(), path
        assert (second.detectors, second.labels) == (first.detectors, first.labels), path
        assert second.spillover == first.spillover, path
        kept = {
            key: value
            for key, value in first.keywords.items()
            if value and not OURS.fullmatch(key) and key not in {"$SPILLOVER", "SPILL", "$SPILL", "SPILLOVER"}
        }
        assert kept.items() <= second.keywords.items(), path
        times = [sample.time_seconds for sample in (first, second)]
        assert (times[0] is None) == (times[1] is None), path
        assert times[0] is None or np.array_equal(*times, equal_nan=True), path
        content = {"nan-events", "inf-events", "timestep-invalid", "spillover-names", "spillover-singular"}
        assert {issue.code for issue in second.issues if issue.level != "info"} <= content, path


@pytest.mark.shared
@pytest.mark.filterwarnings("ignore::immunoprofile.core.FcsWarning")
@pytest.mark.parametrize("version", ["3.1", "3.2"])
def test_every_readable_file_is_written_and_read_back_identical(tmp_path, version):
    if not SHARED.is_dir():
        pytest.skip("the shared files are not here")
    count = 0
    for line in (SHARED / "golden" / "fcs" / "cases.jsonl").read_text().splitlines():
        case = json.loads(line)
        if case["kind"] != "error":
            path = tmp_path / f"{case['name']}.fcs"
            path.write_bytes(base64.b64decode(case["file_base64"]))
            count += 1
            written_again(path, tmp_path / "out.fcs", version)
    for path in sorted((SHARED / "data").rglob("*")):
        if path.suffix.lower() in {".fcs", ".lmd"} and path.stat().st_size < 2_000_000:
            try:
                written_again(path, tmp_path / "out.fcs", version)
            except FcsError:
                continue  # refused when read
            count += 1
    assert count > 150


class TestOtherReaders:
    @pytest.fixture(params=["float32", "float64"])
    def written(self, tmp_path, request):
        rng = np.random.default_rng(list(request.node.name.encode()))
        events = rng.normal(500, 300, (200, 4)).astype(request.param)
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
        assert data.channels == ("FSC-A", "FITC-A", "PE-A", "Time")

    def test_fcsparser_reads_equal_values(self, written):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fcsparser = pytest.importorskip("fcsparser")
            _, frame = fcsparser.parse(str(written[0]), dtype="float64")
        np.testing.assert_array_equal(frame.to_numpy(), written[1])
        assert list(frame.columns) == ["FSC-A", "FITC-A", "PE-A", "Time"]
