"""Tables are typed, ordered, whole, and the same bytes each time; text cannot act in a spreadsheet."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from immunoprofile.core import Column, read_table, tidy, write_table
from immunoprofile.core.tables import disarm, rearm

COLUMNS = (
    Column(name="sample", dtype="string", meaning="id"),
    Column(name="count", dtype="Int64", meaning="events"),
    Column(name="value", dtype="float64", meaning="percent"),
    Column(name="ok", dtype="boolean", meaning="-"),
)
TEXT = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=12)


def test_columns_come_in_order_typed_and_sorted():
    frame = pd.DataFrame({"value": [1, 2], "sample": ["b", "a"], "other": [0, 0]})
    table = tidy(frame, COLUMNS, key=["sample"])
    assert list(table.columns) == ["sample", "count", "value", "ok"]
    assert [str(d) for d in table.dtypes] == ["string", "Int64", "float64", "boolean"]
    assert list(table["sample"]) == ["a", "b"]
    assert table["count"].isna().all()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(TEXT, st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 10**12)), min_size=1
    )
)
def test_csv_and_parquet_give_back_what_was_written(tmp_path, rows):
    frame = tidy(pd.DataFrame(rows, columns=["sample", "value", "count"]), COLUMNS)
    csv, parquet = write_table(frame, tmp_path / "t")
    pd.testing.assert_frame_equal(read_table(csv, COLUMNS), frame)
    assert list(pd.read_parquet(parquet)["sample"]) == list(frame["sample"])
    first = csv.read_bytes(), parquet.read_bytes()
    write_table(frame, tmp_path / "t")
    assert (csv.read_bytes(), parquet.read_bytes()) == first


def test_a_formula_is_disarmed_in_csv_only(tmp_path):
    frame = tidy(
        pd.DataFrame({"sample": ["=1+1", "+a", "@b", "'=c", "-d", "plain"], "value": [-1.0] * 6}), COLUMNS
    )
    csv, parquet = write_table(frame, tmp_path / "t")
    cells = [line.split(",")[0] for line in csv.read_text().splitlines()[1:]]
    assert cells == ["'=1+1", "'+a", "'@b", "''=c", "'-d", "plain"]
    assert csv.read_text().count(",-1.0,") == 6
    assert pd.read_parquet(parquet)["sample"].iloc[0] == "=1+1"


SIGNS = "=+-@\uff1d\uff0b\uff0d\uff20"
BEFORE = st.text(st.sampled_from(" \t\r\n\u00a0\u3000\u200b\ufeff\x00\x0b"), max_size=3)
HOSTILE = st.builds(
    lambda before, sign, rest: before + sign + rest, BEFORE, st.sampled_from(SIGNS), st.text()
)


@settings(max_examples=500, deadline=None)
@given(st.one_of(st.text(), HOSTILE))
@example("=cmd|' /C calc'!A0")
@example("\tplain")
@example("\u200b=1+1")
@example("-5+3")
@example("'-2")
def test_no_text_can_act_in_a_spreadsheet_and_its_true_text_comes_back(text):
    shown = disarm(text)
    assert rearm(shown) == text
    first = next((char for char in shown if not char.isspace() and char.isprintable()), "")
    assert shown[:1] not in ("\t", "\r", "\n", *SIGNS) or _is_number(shown)
    assert first not in SIGNS or not first or _is_number(shown)


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return text.strip() == text


@settings(max_examples=200, deadline=None)
@given(HOSTILE)
def test_hostile_text_gets_its_mark(text):
    assert disarm(text) == "'" + text or _is_number(text.lstrip("'"))


def test_numbers_in_a_text_column_stay_as_they_are():
    for text in ("-0.53", "+1.5e-7", "-inf", "-12", "0.5", "inf"):
        assert disarm(text) == text
    for text in ("-1+2", "-0.5e", "- 1", "-inf()", "-1 ", "+", "-1\n"):
        assert disarm(text) == "'" + text
    assert disarm(None) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=30))
@example([float("inf"), float("-inf"), 5e-324, -0.0, 1.7976931348623157e308, 0.1 + 0.2])
def test_every_float_comes_back_as_it_was(tmp_path, values):
    frame = tidy(pd.DataFrame({"value": values}), COLUMNS)
    (csv,) = write_table(frame, tmp_path / "t", parquet=False)
    back = read_table(csv, COLUMNS)["value"]
    assert [repr(float(a)) for a in back] == [repr(float(b)) for b in frame["value"]]


def test_infinities_are_written_as_words(tmp_path):
    frame = tidy(pd.DataFrame({"value": [float("inf"), float("-inf")]}), COLUMNS)
    (csv,) = write_table(frame, tmp_path / "t", parquet=False)
    assert csv.read_bytes() == b"sample,count,value,ok\n,,inf,\n,,-inf,\n"
    assert list(read_table(csv, COLUMNS)["value"]) == [float("inf"), float("-inf")]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
@given(
    st.lists(
        st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), min_size=1),
        min_size=1,
    )
)
def test_any_text_comes_back_from_csv_as_it_was(tmp_path, texts):
    frame = tidy(pd.DataFrame({"sample": texts}), COLUMNS)
    (csv,) = write_table(frame, tmp_path / "t", parquet=False)
    assert list(read_table(csv, COLUMNS)["sample"]) == texts


def test_a_table_of_truth_values_comes_back(tmp_path):
    frame = tidy(pd.DataFrame({"ok": [True, False, None], "count": [1, None, 3]}), COLUMNS)
    (csv,) = write_table(frame, tmp_path / "t", parquet=False)
    pd.testing.assert_frame_equal(read_table(csv, {c.name: c.dtype for c in COLUMNS}), frame)


def test_what_clings_to_a_frame_does_not_reach_its_file(tmp_path):
    frame = tidy(pd.DataFrame({"sample": ["a"], "value": [1.0]}), COLUMNS)
    _, plain = write_table(frame, tmp_path / "plain")
    frame.attrs["arm"] = "active"
    _, clinging = write_table(frame, tmp_path / "clinging")
    assert plain.read_bytes() == clinging.read_bytes()
    assert frame.attrs == {"arm": "active"}


def test_text_that_is_no_number_is_refused_in_a_column_of_numbers():
    with pytest.raises(ValueError, match="parse"):
        tidy(pd.DataFrame({"value": ["high"]}), COLUMNS)
