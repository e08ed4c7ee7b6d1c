from __future__ import annotations

import dataclasses
import pickle
import sys
import warnings

import numpy as np
import pytest

from immunoprofile.core import FcsError, FcsWarning, ImmunoprofileError
from immunoprofile.fcs import read_fcs, read_fcs_all, sample_from_arrays, write_fcs


def codes(sample, level="warning"):
    return [issue.code for issue in sample.issues if issue.level == level]


@pytest.mark.parametrize("order", ["1,2,3,4", "4,3,2,1"])
@pytest.mark.parametrize(("kind", "bits"), [("I", 8), ("I", 16), ("I", 32), ("I", 64), ("F", 32), ("D", 64)])
@pytest.mark.parametrize("version", ["2.0", "3.0", "3.1"])
def test_every_type_in_either_byte_order_is_read_without_a_warning(build, matrix, kind, bits, order, version):
    sample = read_fcs(build(matrix, kind=kind, bits=bits, order=order, version=version))
    np.testing.assert_array_equal(sample.events, matrix)
    assert codes(sample) == []
    assert (sample.version, sample.n_events, sample.n_channels, sample.datatype) == (version, 37, 3, kind)


@pytest.mark.parametrize(
    ("ranges", "kept"), [(1000, 10), (1024, 10), (1025, 11), ("1024.0", 10), (65536, 16)]
)
def test_integers_keep_the_bits_of_their_range(build, ranges, kept):
    stored = np.full((20, 1), 0xFFFF)
    sample = read_fcs(build(stored, kind="I", bits=16, keywords={"$P1R": str(ranges)}))
    assert (sample.events == 2**kept - 1).all()
    assert codes(sample, "info") == ([] if kept == 16 else ["bits-masked"])


def test_a_few_values_above_the_range_are_a_warning_with_counts(build):
    stored = np.full((400, 2), 5)
    stored[7, 1] = 1030
    with pytest.warns(FcsWarning, match=r"C2 \(1\)"):
        sample = read_fcs(build(stored, kind="I", bits=16, keywords={"$P1R": "1024", "$P2R": "1024"}))
    assert sample.events[7, 1] == 6
    assert codes(sample) == ["bits-overrange"]


def test_saturated_32_bit_integers_keep_every_digit(build):
    stored = np.array([[4294967295], [16777217]])
    sample = read_fcs(build(stored, kind="I", bits=32))
    assert sample.events.dtype == np.float64
    assert sample.events[:, 0].tolist() == [4294967295.0, 16777217.0]


def test_24_bit_and_mixed_widths_are_read(build):
    body = b"".join(
        bytes([i]) + (i * 70000).to_bytes(3, "big") + (i * 300).to_bytes(2, "big") for i in range(5)
    )
    keywords = {"$P1B": "8", "$P2B": "24", "$P3B": "16", "$P1R": "256", "$P2R": str(2**24), "$P3R": "65536"}
    sample = read_fcs(build(np.zeros((5, 3)), kind="I", order="4,3,2,1", body=body, keywords=keywords))
    np.testing.assert_array_equal(sample.events, [[i, i * 70000, i * 300] for i in range(5)])


def test_log_amplification_gain_and_time_follow_the_standard(build):
    stored = np.array([[512, 100, 100, 7]])
    keywords = {
        "$P1R": "1024", "$P1E": "4,1", "$P2G": "2", "$P3E": "0,0", "$P4G": "0.01", "$TIMESTEP": "0.5",
    }  # fmt: skip
    path = build(stored, names=["FL1", "FL2", "FL3", "Time"], kind="I", bits=16, keywords=keywords)
    sample = read_fcs(path)
    np.testing.assert_allclose(sample.events, [[100.0, 50.0, 100.0, 7.0]], rtol=1e-14)
    assert sample.integer_log.tolist() == [True, False, False, False]
    assert sample.amplification[0].tolist() == [4.0, 1.0]
    assert sample.time_seconds.tolist() == [3.5]
    assert read_fcs(path, scale="stored").events.tolist() == stored.tolist()


def test_a_log_offset_of_zero_is_repaired_and_a_warning_from_3_1_only(build):
    layout = {"kind": "I", "bits": 16, "keywords": {"$P1R": "1024", "$P1E": "4,0"}}
    old = read_fcs(build(np.array([[512]]), version="3.0", **layout))
    assert (codes(old), codes(old, "info")) == ([], ["pne-zero-offset"])
    with pytest.warns(FcsWarning, match="pne-zero-offset"):
        new = read_fcs(build(np.array([[512]]), version="3.1", **layout))
    assert old.events[0, 0] == new.events[0, 0] == pytest.approx(100.0)
    assert new.amplification[0, 1] == 1


def test_metadata_alone_reads_no_event(build, matrix):
    sample = read_fcs(build(matrix), metadata_only=True)
    assert (sample.n_events, sample.detectors) == (37, ("C1", "C2", "C3"))
    with pytest.raises(FcsError, match="metadata_only") as caught:
        _ = sample.events
    assert caught.value.code == "metadata-only"


def test_chosen_detectors_come_in_the_order_asked_for(build, matrix):
    sample = read_fcs(build(matrix, keywords={"$P3S": "CD3", "$P3R": "99"}), channels=["C3", 0])
    np.testing.assert_array_equal(sample.events, matrix[:, [2, 0]])
    assert (sample.detectors, sample.labels, sample.ranges[0]) == (("C3", "C1"), ("CD3", None), 99)
    assert sample.raw_float32() is None


def test_an_unknown_channel_names_the_nearest(build, matrix):
    path = build(matrix, names=["FSC-A", "SSC-A", "FITC-A"])
    with pytest.raises(FcsError, match="'FITC-A'") as caught:
        read_fcs(path, channels=["FITC A"])
    assert caught.value.code == "channel-unknown"
    with pytest.raises(FcsError, match="counted from 0 to 2"):
        read_fcs(path).index(3)


def test_a_name_that_stands_twice_is_ambiguous(build, matrix):
    with pytest.warns(FcsWarning, match="duplicate-names"):
        sample = read_fcs(build(matrix, names=["A", "B", "A"]))
    with pytest.raises(FcsError) as caught:
        sample.column("A")
    assert caught.value.code == "channel-ambiguous"
    np.testing.assert_array_equal(sample.column(2), matrix[:, 2])


def test_blocks_and_columns_equal_the_events(build, matrix):
    sample = read_fcs(build(matrix, kind="I", bits=16, order="2,1"))
    block = sample.block(5, 20, ["C3", "C1"])
    np.testing.assert_array_equal(block, matrix[5:20, [2, 0]])
    assert (block.dtype, block.flags.c_contiguous) == (np.float64, True)
    np.testing.assert_array_equal(sample.block(30, 99), matrix[30:])
    assert sample.block(9, 3).shape == (0, 3)


@pytest.mark.skipif(sys.byteorder == "big", reason="the files of this test are little-endian")
def test_little_endian_floats_are_seen_where_they_lie(build, matrix):
    raw = read_fcs(build(matrix)).raw_float32()
    np.testing.assert_array_equal(raw, matrix)
    assert raw.flags.c_contiguous
    assert not raw.flags.writeable
    assert read_fcs(build(matrix, order="4,3,2,1")).raw_float32() is None
    assert read_fcs(build(matrix, keywords={"$P1G": "2"})).raw_float32() is None
    assert read_fcs(build(matrix, kind="D")).raw_float32() is None


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    path = tmp_path_factory.mktemp("large") / "large.fcs"
    events = np.arange(17 * 2**20 // 4, dtype=np.float32).reshape(-1, 4)
    write_fcs(path, events, ["A", "B", "C", "Time"])
    return path, events


def test_a_large_file_is_mapped_aligned_and_equal(large):
    path, events = large
    raw = read_fcs(path).raw_float32()
    assert raw.flags.aligned
    np.testing.assert_array_equal(raw, events)


@pytest.fixture
def never_held(monkeypatch):
    """Let files that must not be mapped be read when asked, whatever their size."""
    monkeypatch.setattr("immunoprofile.fcs._decode.COPY_UNMAPPED_BELOW", 0)


def test_a_large_file_without_a_map_is_copied_and_may_shrink(large, tmp_path):
    path, events = large
    copy = tmp_path / "copy.fcs"
    copy.write_bytes(path.read_bytes())
    sample = read_fcs(copy, mmap=False)
    with copy.open("r+b") as stream:
        stream.truncate(2**20)
    np.testing.assert_array_equal(sample.events, events)


@pytest.mark.usefixtures("never_held")
def test_a_very_large_file_can_be_read_without_a_map(large):
    path, events = large
    sample = read_fcs(path, mmap=False)
    assert sample.raw_float32() is None
    np.testing.assert_array_equal(sample.block(100, 300, [3]), events[100:300, 3:])
    np.testing.assert_array_equal(sample.events, events)


@pytest.mark.usefixtures("never_held")
def test_a_file_that_changes_under_a_sample_is_an_error_not_another_answer(large, tmp_path):
    path, _ = large
    copy = tmp_path / "copy.fcs"
    copy.write_bytes(path.read_bytes())
    sample = read_fcs(copy, mmap=False)
    with copy.open("r+b") as stream:
        stream.truncate(2**20)
    for use in (lambda: sample.block(0, 5), lambda: sample.content_id):
        with pytest.raises(FcsError) as caught:
            use()
        assert caught.value.code == "io"


def test_nothing_in_a_sample_can_be_changed(build, matrix):
    sample = read_fcs(build(matrix))
    with pytest.raises(dataclasses.FrozenInstanceError):
        sample.name = "other"
    with pytest.raises(ValueError, match="read-only"):
        sample.events[0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        sample.ranges[0] = 1
    with pytest.raises(TypeError):
        sample.keywords["$TOT"] = "1"


def test_a_sample_travels_by_its_path(build, matrix):
    sample = read_fcs(build(matrix), channels=["C2"])
    again = pickle.loads(pickle.dumps(sample))
    assert again == sample
    assert hash(again) == hash(sample)
    np.testing.assert_array_equal(again.events, matrix[:, [1]])


def test_a_sample_in_memory_behaves_as_one_of_a_file(matrix):
    sample = sample_from_arrays(
        matrix, ["A", "B", "Time"], labels=["CD3", None, ""], keywords={"$timestep": "2"}
    )
    np.testing.assert_array_equal(sample.events, matrix)
    assert sample.labels == ("CD3", None, None)
    assert sample.path is None
    np.testing.assert_array_equal(sample.time_seconds, 2 * matrix[:, 2])
    assert pickle.loads(pickle.dumps(sample)) == sample
    assert sample != sample_from_arrays(matrix + 1, ["A", "B", "Time"])
    assert len(sample.content_id) == 64


def test_the_content_id_is_the_hash_of_the_file(build, matrix):
    import hashlib

    path = build(matrix)
    assert read_fcs(path).content_id == hashlib.sha256(path.read_bytes()).hexdigest()


def test_cards_show_names_as_text(build, matrix):
    sample = read_fcs(build(matrix, names=["<b>x</b>", "FL\x1b[31m", "C"]))
    assert "<b>x</b>" not in sample._repr_html_()
    assert "\x1b" not in repr(sample)
    assert "37 x 3 channels (FCS 3.1)" in repr(sample)


def test_no_events_is_an_answer(build):
    sample = read_fcs(build(np.zeros((0, 2))))
    assert sample.events.shape == (0, 2)
    assert sample.block(0, 10).shape == (0, 2)


def test_offsets_past_eight_digits_stand_in_text(tmp_path, build):
    path = build(
        np.zeros((0, 2)),
        keywords={"$TOT": "3", "$BEGINDATA": "0120000000", "$ENDDATA": "0120000023"},
        header={"data_begin": 0, "data_end": 0},
        tail=b"",
    )
    with path.open("r+b") as stream:
        stream.seek(120_000_000)
        stream.write(np.arange(6, dtype="<f4").tobytes())
    np.testing.assert_array_equal(read_fcs(path).events, [[0, 1], [2, 3], [4, 5]])


def test_a_file_system_that_cannot_map_is_read_block_by_block(large, monkeypatch):
    path, events = large

    def refuse(*_, **__):
        raise OSError(19, "No such device")

    monkeypatch.setattr("immunoprofile.fcs._decode.mmap.mmap", refuse)
    sample = read_fcs(path)
    assert sample.raw_float32() is None
    np.testing.assert_array_equal(sample.block(5, 9), events[5:9])


@pytest.mark.usefixtures("never_held")
@pytest.mark.parametrize("use_map", [True, False])
def test_a_file_that_is_gone_is_an_error_where_it_is_needed(large, tmp_path, use_map):
    path, _ = large
    copy = tmp_path / "copy.fcs"
    copy.write_bytes(path.read_bytes())
    sample = read_fcs(copy, mmap=use_map)
    copy.unlink()
    with pytest.raises(FcsError) as caught:
        _ = sample.content_id
    assert caught.value.code == "io"
    if not use_map:
        with pytest.raises(FcsError) as caught:
            sample.block(0, 5)
        assert caught.value.code == "io"


def test_a_channel_is_a_name_or_a_place(build, matrix):
    with pytest.raises(TypeError, match="float"):
        read_fcs(build(matrix)).index(1.0)
    assert read_fcs(build(matrix)).index(np.int64(2)) == 2
    assert read_fcs(build(matrix)).__eq__(3) is NotImplemented


def test_choices_are_listed(build, matrix):
    with pytest.raises(ImmunoprofileError, match="'strict'"):
        read_fcs(build(matrix), mode="lenient")


def test_the_memory_of_a_large_file_is_not_taken_for_a_few_columns(large):
    import tracemalloc

    path, events = large
    tracemalloc.start()
    try:
        column = read_fcs(path).column("C")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(column, events[:, 2])
    assert peak < 2 * column.nbytes


def test_the_offset_of_a_log_column_is_its_lowest_value(build):
    path = build(np.array([[0], [512]]), kind="I", bits=16, keywords={"$P1R": "1024", "$P1E": "4,0.1"})
    np.testing.assert_allclose(read_fcs(path).events[:, 0], [0.1, 10.0], rtol=1e-14)


def test_control_characters_of_detector_names_are_shown(build, matrix):
    names = {"$P1N": "A\x1b[31m", "$SPILLOVER": "2,A\x1b[31m,C2,1,0.1,0,1"}
    sample = read_fcs(build(matrix, keywords=names))
    assert sample.spillover.detectors[0] == "A\x1b[31m"
    assert "\x1b" not in repr(sample.spillover) + repr(sample) + sample._repr_html_()


def test_a_time_step_past_all_reason_gives_infinite_times_without_a_word_of_numpy(build, matrix):
    sample = read_fcs(build(matrix + 10, keywords={"$P3N": "Time", "$TIMESTEP": "1e308"}))
    assert np.isinf(sample.time_seconds).all()


def test_events_never_reach_into_the_next_data_set(build, matrix):
    path = build(matrix, tail=b"")
    second, lost = path.read_bytes(), 2 * matrix.shape[1] * 4

    def first(step):
        return build(matrix, tail=b"", keywords={"$NEXTDATA": f"{step:010d}"}).read_bytes()

    whole = first(len(first(0)))
    path.write_bytes(whole + second)
    with pytest.warns(FcsWarning, match="multiple-datasets"):
        np.testing.assert_array_equal(read_fcs(path).events, matrix)
    path.write_bytes(first(len(whole) - lost)[:-lost] + second)  # two events less than all of it says
    for read in (read_fcs, read_fcs_all):
        with pytest.raises(FcsError) as caught:
            read(path)
        assert caught.value.code == "data-truncated"


def test_a_type_of_a_single_column_before_fcs_3_2_is_refused_where_it_differs(build, matrix):
    same = build(matrix, keywords={"$P1DATATYPE": "F"})
    np.testing.assert_array_equal(read_fcs(same).events, matrix)
    with pytest.raises(FcsError) as caught:
        read_fcs(build(matrix, keywords={"$P1DATATYPE": "I"}))
    assert (caught.value.code, caught.value.keyword) == ("keyword-conflict", "$P1DATATYPE")


@pytest.mark.parametrize(
    ("layout", "lost"),
    [
        ({"kind": "I", "bits": 16, "keywords": {"$P1E": "9999,1", "$P1R": "64"}}, True),
        ({"kind": "I", "bits": 16, "keywords": {"$P1E": "4,1", "$P1R": "64"}}, False),
        ({"kind": "D", "keywords": {"$P1G": "1e-308"}}, True),
        ({"kind": "D", "keywords": {"$P1G": "0.5"}}, False),
    ],
)
def test_linear_values_past_the_largest_number_are_named(build, matrix, layout, lost):
    path = build(np.maximum(matrix, 60), **layout)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        sample = read_fcs(path)
    assert np.isinf(sample.events).any() == lost
    assert any("inf-events" in str(warning.message) for warning in caught) == lost


def test_a_path_with_control_characters_is_shown_in_errors(tmp_path):
    with pytest.raises(FcsError) as caught:
        read_fcs(tmp_path / "\x1b[31m\nred.fcs")
    assert "\x1b" not in str(caught.value)
    assert "\nred" not in str(caught.value)
