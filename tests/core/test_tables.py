"""Tables are typed, ordered, whole, and the same bytes each time; text cannot act in a spreadsheet."""

from __future__ import annotations

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from immunoprofile.core import Column, read_table, tidy, write_table

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
