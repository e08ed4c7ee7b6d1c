from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from immunoprofile.core import FcsError, FcsWarning
from immunoprofile.fcs import read_fcs
from immunoprofile.fcs._issues import Findings
from immunoprofile.fcs._numbers import real_number, whole_number
from immunoprofile.fcs._text import note_repairs
from immunoprofile.fcs._tokens import tokenize

ONE = np.array([[1.0]])


@pytest.mark.parametrize(
    ("text", "tokens", "repairs"),
    [
        ("/A/1/B/2/", ("A", "1", "B", "2"), ()),
        ("/A/1//2/", ("A", "1/2"), ()),
        ("/A/1///B/2/", ("A", "1/", "B", "2"), ()),
        ("/A/1/ \r\n\0", ("A", "1"), ()),
        ("/A/1/B/2", ("A", "1", "B", "2"), ("text-no-final-delimiter",)),
        ("/A/1/B/20  ", ("A", "1", "B", "20"), ("text-no-final-delimiter",)),
        ("/A/1/X", ("A", "1"), ("text-end-off-by-one",)),
        ("/A//B/2/", ("A", "", "B", "2"), ("text-empty-value",)),
        ("/A/1/B/", ("A", "1"), ("text-odd-tokens",)),
        ("/$P1N/x/$P1S//$P2N/y/", ("$P1N", "x", "$P1S", "", "$P2N", "y"), ("text-empty-value",)),
    ],
)
def test_tokens_and_repairs(text, tokens, repairs):
    reading = tokenize(text)
    assert (reading.tokens, reading.repairs) == (tokens, repairs)


@pytest.mark.parametrize("text", ["//A/1/", "/A/1/$TOT/", "///", "/A/"[:2] + "/"])
def test_a_text_that_no_reading_explains_is_refused(text):
    assert tokenize(text) is None


words = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="/$"), min_size=1, max_size=8
)


@given(st.lists(st.tuples(words, st.tuples(words, st.integers(0, 3), words)), min_size=1, max_size=5))
def test_escaped_delimiters_come_back_as_they_were(pairs):
    flat = [text for key, (head, run, tail) in pairs for text in (key, f"{head}{'/' * run}x{tail}")]
    text = "/" + "".join(token.replace("/", "//") + "/" for token in flat)
    assert list(tokenize(text).tokens) == flat


@given(st.text(max_size=200).map(lambda text: text.encode("utf-8")[:200].decode("latin-1")))
def test_any_text_is_read_or_refused(text):
    reading = tokenize("/" + text + "x")
    assert reading is None or len(reading.tokens) % 2 == 0


@given(st.text(max_size=30))
def test_numbers_are_numbers_or_none(text):
    whole, real = whole_number(text), real_number(text)
    assert whole is None or whole >= 0
    assert real is None or np.isfinite(real)


@pytest.mark.parametrize(
    ("text", "whole", "real"),
    [
        ("0012", 12, 12.0), ("+3", 3, 3.0), ("12.0", 12, 12.0), ("12.5", None, 12.5), ("-3", None, -3.0),
        ("1e3", None, 1000.0), ("0x10", None, None), ("³", None, None), ("nan", None, None),
        ("1" * 21, None, float("1" * 21)),
        ("", None, None), ("1e999", None, None), ("1" * 500, None, None),
    ],
)  # fmt: skip
def test_numbers_follow_the_ascii_patterns(text, whole, real):
    assert (whole_number(text), real_number(text)) == (whole, real)


@pytest.mark.parametrize("delimiter", ["/", "|", "\x0c", "\\", "\x1e", "\t", "*", "!", "\n"])
def test_any_delimiter_is_taken(build, delimiter):
    sample = read_fcs(build(ONE, delimiter=delimiter, keywords={"CELL": f"a{delimiter}b"}))
    assert sample.keywords["CELL"] == f"a{delimiter}b"
    assert sample.issues == ()


def test_keywords_are_upper_case_and_values_as_written(build):
    sample = read_fcs(build(ONE, keywords={"$cyt": " LSR ", "Größe": "µm"}))
    assert sample.keywords["$CYT"] == " LSR "
    assert sample.keywords["GRÖSSE"] == "µm"


def test_a_structural_keyword_that_contradicts_itself_is_refused(build):
    with pytest.raises(FcsError) as caught:
        read_fcs(build(ONE, keywords={"$par": "2"}))
    assert (caught.value.code, caught.value.keyword) == ("keyword-conflict", "$PAR")


def test_another_keyword_that_stands_twice_keeps_its_first_value(build):
    with pytest.warns(FcsWarning, match="keyword-duplicate"):
        sample = read_fcs(build(ONE, keywords={"OP": "first", "op": "second"}))
    assert sample.keywords["OP"] == "first"


def test_supplemental_text_adds_and_never_replaces(build):
    begin = len(build(ONE, keywords={"$BEGINSTEXT": "000000", "$ENDSTEXT": "000000"}).read_bytes())
    more = b"/$P1S/CD4/$CYT/other/"
    path = build(
        ONE,
        tail=b"00000000" + more,
        keywords={"$BEGINSTEXT": f"{begin:06d}", "$ENDSTEXT": f"{begin + len(more) - 1:06d}"},
    )
    sample = read_fcs(path)
    assert sample.labels == ("CD4",)
    assert sample.keywords["$CYT"] == "other"
    assert sample.issues == ()


def test_limits_stop_a_text_that_is_too_long(build):
    from immunoprofile.fcs import FcsLimits

    with pytest.raises(FcsError, match="text_bytes") as caught:
        read_fcs(build(ONE), limits=FcsLimits(text_bytes=100))
    assert caught.value.code == "limit"


@pytest.mark.parametrize(("last", "level"), [("$P1N/FL1//", "warning"), ("VENDOR/1567//", "info")])
def test_a_doubled_delimiter_at_the_end_is_told(last, level):
    tokens = tokenize(f"/$PAR/1/{last}")
    assert tokens.tokens[-1].endswith("/")
    findings = Findings("donor.fcs", "default")
    note_repairs(tokens, 99, findings, segment="TEXT")
    assert [(issue.code, issue.level) for issue in findings.issues] == [("text-no-final-delimiter", level)]
    assert tokenize(f"/$PAR/1/{last}/").doubled == ""
