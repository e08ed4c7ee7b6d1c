"""Arguments of the reader: choices, channels, limits; ANALYSIS, supplemental TEXT and odd characters."""

from __future__ import annotations

import pickle
import socket
import warnings

import numpy as np
import pytest

import immunoprofile as ip
from immunoprofile.core import FcsError, FcsWarning, UnknownNameError
from immunoprofile.fcs import FcsLimits, read_fcs, read_fcs_all, read_metadata


def codes(sample):
    return [(issue.level, issue.code) for issue in sample.issues]


def quietly(path, **how):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FcsWarning)
        return read_fcs(path, **how)


def test_options_stand_in_their_order(build, matrix):
    path = build(matrix, kind="I", bits=16, keywords={"$P1E": "4,1"})
    sample = read_fcs(path, "default", "stored", ["C1"], "keep", FcsLimits())
    np.testing.assert_array_equal(sample.events[:, 0], matrix[:, 0])
    (again,) = ip.read_fcs_all(path, "default", "stored", ["C1"], "keep", FcsLimits())
    assert again == sample
    assert pickle.loads(pickle.dumps(sample)) == sample


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        ({"mode": 3}, TypeError), ({"mode": "lenient"}, UnknownNameError), ({"scale": None}, TypeError),
        ({"bits": "drop"}, UnknownNameError), ({"limits": 5}, TypeError), ({"channels": 5.0}, TypeError),
        ({"channels": [True]}, TypeError), ({"channels": [None]}, TypeError),
        ({"channels": [1.0]}, TypeError),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_named(build, matrix, how, kind):
    with pytest.raises(kind):
        read_fcs(build(matrix), **how)


@pytest.mark.parametrize("path", [5, None, b"a.fcs"])
def test_a_path_is_a_str_or_a_path(path):
    for read in (read_fcs, read_fcs_all, read_metadata):
        with pytest.raises(TypeError, match="a path is a str or a Path"):
            read(path)


def test_a_limit_is_a_whole_number_above_zero():
    with pytest.raises(TypeError, match="text_bytes"):
        FcsLimits(text_bytes="64")
    with pytest.raises(UnknownNameError, match="digits"):
        FcsLimits(digits=0)


@pytest.mark.parametrize(
    ("channels", "columns"),
    [([], []), (["C2", "C2"], [1, 1]), ("C3", [2]), (1, [1]), (np.array([2, 0]), [2, 0])],
)
def test_channels_are_given_as_asked_for(build, matrix, channels, columns):
    sample = read_fcs(build(matrix), channels=channels)
    np.testing.assert_array_equal(sample.events, matrix[:, columns])
    np.testing.assert_array_equal(sample.block(2, 9), matrix[2:9, columns])
    assert sample.n_channels == len(columns)
    assert repr(sample)


@pytest.mark.parametrize("channels", [[3], [-1], ["c1"], [10**30]])
def test_a_channel_that_is_not_there_is_refused(build, matrix, channels):
    with pytest.raises(FcsError) as caught:
        read_fcs(build(matrix), channels=channels)
    assert caught.value.code == "channel-unknown"


def test_metadata_are_read_without_data(build, matrix):
    path = build(matrix, keywords={"$P1S": "CD3", "$P2S": " "})
    sample = read_metadata(path)
    assert (sample.n_events, sample.labels, sample.analysis) == (37, ("CD3", None, None), {})
    with pytest.raises(FcsError) as caught:
        _ = sample.events
    assert caught.value.code == "metadata-only"
    assert read_fcs_all(path, metadata_only=True)[0].n_events == 37


def test_kept_bits_are_the_numbers_of_the_file(build, matrix):
    stored = matrix + 1024 * (np.arange(37)[:, None] < 20)
    layout = {"kind": "I", "bits": 16, "keywords": {f"$P{i}R": "1024" for i in (1, 2, 3)}}
    np.testing.assert_array_equal(read_fcs(build(stored, **layout)).events, matrix)
    kept = read_fcs(build(stored, **layout), bits="keep")
    np.testing.assert_array_equal(kept.events, stored)
    assert kept != read_fcs(build(stored, **layout))


@pytest.mark.parametrize(
    ("limits", "keywords"),
    [
        ({"parameters": 2}, {}),
        ({"keywords": 10}, {}),
        ({"digits": 3}, {"$TOT": "1000"}),
        ({}, {"$TOT": "9" * 400}),
        ({}, {"$PAR": "1" * 21}),
        ({}, {"$P1B": "9" * 30}),
    ],
)
def test_a_limit_says_which_it_is_and_how_to_raise_it(build, matrix, limits, keywords):
    with pytest.raises(FcsError, match=r"FcsLimits\(\w+=\.\.\.\)") as caught:
        read_fcs(build(matrix, keywords=keywords), limits=FcsLimits(**limits))
    assert caught.value.code == "limit"


def test_a_limit_of_digits_can_be_raised(build, matrix):
    path = build(matrix, keywords={"$TOT": "1" + "0" * 30})
    with pytest.raises(FcsError) as caught:
        read_fcs(path, limits=FcsLimits(digits=40))
    assert caught.value.code == "data-truncated"


def test_a_socket_and_a_device_are_not_opened(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s.fcs"))
        for path in (tmp_path / "s.fcs", "/dev/null"):
            with pytest.raises(FcsError) as caught:
                read_fcs(path)
            assert caught.value.code == "not-regular-file"


def with_analysis(build, matrix, content, *, header=False, **layout):
    """Put ANALYSIS behind the file, named by TEXT (and by the HEADER)."""
    zero = {"$BEGINANALYSIS": "000000", "$ENDANALYSIS": "000000"}
    size = len(build(matrix, keywords=zero, **layout).read_bytes())
    begin, end = size, size + len(content) - 1
    keywords = {"$BEGINANALYSIS": f"{begin:06d}", "$ENDANALYSIS": f"{end:06d}"}
    fields = {"analysis_begin": begin, "analysis_end": end} if header else {}
    return build(matrix, keywords=keywords, header=fields, tail=b"00000000" + content, **layout)


@pytest.mark.parametrize("header", [True, False])
def test_analysis_is_read_as_text_is(build, matrix, header):
    sample = read_fcs(with_analysis(build, matrix, b"/region/R1/Note/a//b/", header=header))
    assert sample.analysis == {"REGION": "R1", "NOTE": "a/b"}
    assert sample.issues == ()
    with pytest.raises(TypeError):
        sample.analysis["REGION"] = "R2"


@pytest.mark.parametrize(
    ("content", "finding"),
    [
        (b"no delimiter", "analysis-bounds"),
        (b"/", "analysis-bounds"),
        (b"/A/1/B/22", "text-no-final-delimiter"),
        (b"\0\0\0", None),
    ],
)
def test_damaged_analysis_costs_no_event(build, matrix, content, finding):
    sample = quietly(with_analysis(build, matrix, content))
    np.testing.assert_array_equal(sample.events, matrix)
    assert codes(sample) == ([("warning", finding)] if finding else [])


def test_analysis_past_the_limit_or_on_another_segment_is_left_out(build, matrix):
    path = with_analysis(build, matrix, b"/A/" + b"x" * 5000 + b"/")
    sample = quietly(path, limits=FcsLimits(text_bytes=4000))
    assert codes(sample) == [("warning", "analysis-bounds")]
    begin = int(read_fcs(build(matrix)).keywords["$BEGINDATA"])
    sample = quietly(build(matrix, header={"analysis_begin": begin, "analysis_end": begin + 20}))
    assert codes(sample) == [("warning", "analysis-bounds")]
    assert sample.analysis == {}


def test_two_places_of_analysis_are_not_chosen_between(build, matrix):
    path = with_analysis(build, matrix, b"/A/1/B/2/")
    content = path.read_bytes()
    begin = len(content) - 9
    path.write_bytes(content[:42] + f"{begin:>8d}{begin + 4:>8d}".encode() + content[58:])
    sample = quietly(path)
    assert sample.analysis == {}
    assert codes(sample) == [("warning", "analysis-bounds"), ("info", "unclaimed-bytes")]


def test_types_in_supplemental_text_are_followed(build):
    """FCS 3.2 allows the optional $PnDATATYPE there; DATA cannot be read without it."""
    floats = np.arange(6, dtype=np.float32).reshape(6, 1)
    more = b"/$P1DATATYPE/F/$P1S/CD4/"
    zero = {"$BEGINSTEXT": "000000", "$ENDSTEXT": "000000"}
    layout = {"version": "3.2", "kind": "I", "bits": 32}
    size = len(build(floats.view(np.uint32), keywords=zero, **layout).read_bytes())
    span = {"$BEGINSTEXT": f"{size:06d}", "$ENDSTEXT": f"{size + len(more) - 1:06d}"}
    sample = read_fcs(build(floats.view(np.uint32), keywords=span, tail=b"00000000" + more, **layout))
    np.testing.assert_array_equal(sample.events, floats)
    assert (sample.labels, sample.issues) == (("CD4",), ())


def test_types_that_are_events_themselves_are_refused(build):
    more = b"/$P2DATATYPE/F/A/1/"
    body = b"\0\0\0\0\0" + more + b"\0"
    values = np.zeros((5, 1))
    layout = {"version": "3.2", "kind": "I", "bits": 8, "body": body[:25], "names": ["A"]}
    layout["keywords"] = {"$TOT": "25", "$BEGINSTEXT": "000000", "$ENDSTEXT": "000000"}
    begin = int(read_fcs(build(values, **layout)).keywords["$BEGINDATA"]) + 5
    layout["keywords"] |= {"$BEGINSTEXT": f"{begin:06d}", "$ENDSTEXT": f"{begin + len(more) - 1:06d}"}
    with pytest.raises(FcsError) as caught:
        read_fcs(build(values, **layout))
    assert (caught.value.code, caught.value.keyword) == ("keyword-conflict", "$P2DATATYPE")


@pytest.mark.parametrize("first", [0, 0x2020, 0x4141])
def test_a_text_that_ends_in_the_first_byte_of_data_is_cut(build, matrix, first):
    path = build(matrix + first, kind="I", bits=16, order="2,1")
    content = path.read_bytes()
    path.write_bytes(content[:18] + f"{int(content[18:26]) + 1:>8d}".encode() + content[26:])
    sample = quietly(path)
    np.testing.assert_array_equal(sample.events, matrix + first)
    assert codes(sample) == [("warning", "text-end-off-by-one")]


def test_an_escaped_end_is_no_byte_too_many(build, matrix):
    """The last value ends in an escaped delimiter and one letter, and nothing closes it."""
    path = build(matrix, keywords={"ZZ": "x/y"}, gap=b"")
    content = path.read_bytes()
    cut = int(content[18:26]) - 1
    path.write_bytes(content[:18] + f"{cut:>8d}".encode() + content[26:])
    sample = quietly(path)
    assert sample.keywords["ZZ"] == "x/y"
    assert codes(sample) == [("warning", "text-no-final-delimiter")]


@pytest.mark.parametrize(
    ("raw", "label", "finding"),
    [
        ("µCD4".encode("utf-16-be"), "µCD4", ("info", "text-not-utf8")),
        ("µCD4".encode("utf-16-le"), "µCD4", ("info", "text-not-utf8")),
        ("\ufeff中文中".encode("utf-16-be"), "中文中", ("info", "text-not-utf8")),
        (b"\xfe\xff\xd8\x00\x00A\x00B", None, ("warning", "text-not-utf8")),
        (b"\0\0CD4 \x01\x01", None, ("warning", "text-not-utf8")),
        (b"\xff\xff\xff\x01\xff\xff\xff\x01", "ÿÿÿ\x01ÿÿÿ\x01", ("warning", "text-not-utf8")),
        (b"CD4 BV42", "CD4 BV42", None),
        (b"CD4\0    ", "CD4\0    ", ("warning", "text-not-utf8")),
    ],
)
def test_two_byte_values_of_3_0_are_read_or_named(build, matrix, raw, label, finding):
    path = build(matrix, version="3.0", keywords={"$UNICODE": "1200,$p1s", "$P1S": "@" * 8})
    path.write_bytes(path.read_bytes().replace(b"@" * 8, raw))
    if len(raw) != 8:
        pytest.fail("the value must keep its length")
    sample = quietly(path)
    np.testing.assert_array_equal(sample.events, matrix)
    assert codes(sample) == ([finding] if finding else [])
    if label is not None:
        assert sample.labels[0] == label


def test_one_place_of_a_word_is_no_order_of_wider_words(build, matrix):
    assert codes(read_fcs(build(matrix, kind="I", bits=8, keywords={"$BYTEORD": "1"}))) == []
    with pytest.raises(FcsError) as caught:
        read_fcs(build(matrix, kind="I", bits=16, keywords={"$BYTEORD": "1"}))
    assert caught.value.code == "byteord"


@pytest.mark.parametrize("text", ["2,1,0,0,1", "x", "3,a,0,0,0,0,0,0,0,0"])
def test_older_compensation_that_cannot_be_read_is_told(build, matrix, text):
    sample = read_fcs(build(matrix, version="3.0", keywords={"$COMP": text}))
    assert (sample.legacy_compensation, codes(sample)) == (None, [("info", "legacy-compensation")])


def test_spillover_names_are_those_of_the_detectors(build, matrix):
    sample = read_fcs(build(matrix, names=["A ", "B", "C"], keywords={"$SPILLOVER": "2, A ,B,1,0.1,0,1"}))
    assert sample.spillover.detectors == ("A ", "B")
    assert sample.issues == ()


def test_a_mode_that_does_not_exist_is_no_histogram(build, matrix):
    with pytest.raises(FcsError, match="no mode of the standard"):
        read_fcs(build(matrix, keywords={"$MODE": "Q"}))
    with pytest.raises(FcsError, match="histograms"):
        read_fcs(build(matrix, keywords={"$MODE": "C"}))


def test_a_value_of_an_odd_number_of_bytes_is_left_as_it_is(build, matrix):
    path = build(matrix, version="3.0", keywords={"$UNICODE": "1200,$P1S", "$P1S": "@@@"})
    path.write_bytes(path.read_bytes().replace(b"@@@", b"\0\0A"))
    sample = quietly(path)
    assert (sample.labels[0], codes(sample)) == ("\0\0A", [("warning", "text-not-utf8")])


def test_a_disk_that_fails_is_an_error_of_its_name(build, matrix, monkeypatch):
    from immunoprofile.fcs._file import InputFile
    from immunoprofile.fcs._issues import Findings

    path = build(matrix)
    with InputFile(path, Findings(path, "default")) as file:
        for offset, count in ((-1, 5), (10, 10**6)):
            with pytest.raises(FcsError) as caught:
                file.read(offset, count)
            assert (caught.value.code, caught.value.offset) == ("io", offset)


def test_a_spillover_is_a_value(build, matrix):
    sample = read_fcs(build(matrix, keywords={"$SPILLOVER": "2,C1,C2,1,0.1,0,1"}))
    assert hash(sample.spillover) == hash(sample.spillover)
    assert sample.spillover != "2,C1,C2"
    with pytest.raises(ValueError, match="read-only"):
        sample.spillover.matrix[0, 0] = 2


def test_pairwise_compensation_without_a_number_is_told(build, matrix):
    sample = read_fcs(build(matrix, version="2.0", kind="I", keywords={"$DFC1TO2": "x"}))
    assert (sample.legacy_compensation, codes(sample)) == (None, [("info", "legacy-compensation")])
