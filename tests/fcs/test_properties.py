"""Properties of reader and writer, for arbitrary tables, names, keywords and bytes."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from immunoprofile.core import FcsError
from immunoprofile.fcs import Spillover, read_fcs, read_fcs_all, write_fcs

from .conftest import fcs_bytes

pytestmark = pytest.mark.filterwarnings("ignore::immunoprofile.core.FcsWarning")
few = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
LETTERS = {"codec": "utf-8", "exclude_categories": ("C", "Z")}
WORDS = st.text(st.characters(**LETTERS), min_size=1, max_size=12)
NAMES = st.text(st.characters(**LETTERS, exclude_characters=","), min_size=1, max_size=12)
KEYWORDS = st.dictionaries(
    st.from_regex(re.compile(r"VENDOR [A-Z0-9]{1,8}", re.ASCII), fullmatch=True), WORDS, max_size=4
)


@st.composite
def tables(draw):
    shape = draw(st.tuples(st.integers(0, 12), st.integers(1, 5)))
    kind = draw(st.sampled_from([np.float32, np.float64, np.uint16, np.int32]))
    elements = {"allow_nan": False, "allow_infinity": False} if np.issubdtype(kind, np.floating) else None
    events = draw(hnp.arrays(kind, shape, elements=elements))
    names = draw(st.lists(NAMES, min_size=shape[1], max_size=shape[1], unique=True))
    labels = draw(st.lists(st.none() | WORDS, min_size=shape[1], max_size=shape[1]))
    return events, names, labels


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("properties")


def saved(folder, content):
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".fcs", delete=False) as file:
        file.write(content)
    return Path(file.name)


def written(folder, table, **more):
    events, names, labels = table
    return write_fcs(folder / "written.fcs", events, names, labels=labels, overwrite=True, **more)


@few
@given(table=tables(), keywords=KEYWORDS)
def test_what_is_written_is_read(folder, table, keywords):
    events, names, labels = table
    sample = read_fcs(written(folder, table, keywords=keywords))
    np.testing.assert_array_equal(sample.events.astype(np.float64), events.astype(np.float64))
    assert sample.detectors == tuple(names)
    assert sample.labels == tuple(labels)
    assert {name: sample.keywords[name] for name in keywords} == keywords


@few
@given(data=st.data(), count=st.integers(1, 4))
def test_a_spillover_is_read_as_it_was_written(folder, data, count):
    names = [f"FL{i}-A" for i in range(count)]
    numbers = st.floats(-2, 2, allow_nan=False)
    matrix = data.draw(hnp.arrays(np.float64, (count, count), elements=numbers))
    spillover = Spillover(detectors=tuple(names), matrix=matrix)
    sample = read_fcs(written(folder, (np.ones((2, count)), names, [None] * count), spillover=spillover))
    assert sample.spillover == spillover


@few
@given(table=tables(), data=st.data())
def test_blocks_and_chosen_channels_are_parts_of_the_events(folder, table, data):
    path = written(folder, table)
    sample = read_fcs(path)
    events = sample.events.astype(np.float64)
    start, stop = (data.draw(st.integers(0, len(events) + 2)) for _ in range(2))
    columns = data.draw(st.lists(st.integers(0, sample.n_channels - 1), min_size=1, unique=True))
    block = sample.block(start, stop, columns)
    assert block.flags.c_contiguous
    np.testing.assert_array_equal(block, events[start : max(start, stop), columns])
    chosen = read_fcs(path, channels=columns)
    np.testing.assert_array_equal(chosen.events.astype(np.float64), events[:, columns])
    assert chosen.detectors == tuple(sample.detectors[i] for i in columns)


def refusal(read):
    """Give the error of a reading, or None."""
    try:
        read()
    except FcsError as error:
        return error
    return None


@few
@given(st.binary(max_size=400), st.sampled_from(["2.0", "3.0", "3.1", "3.2"]))
def test_arbitrary_bytes_behind_the_version_raise_nothing_else(folder, content, version):
    path = saved(folder, f"FCS{version}".encode() + content)
    for read in (read_fcs, read_fcs_all):
        error = refusal(lambda read=read: read(path))
        assert error is None or path.name in str(error)
    path.unlink()


@few
@given(st.binary(min_size=1, max_size=300), st.sampled_from(["default", "force"]))
def test_arbitrary_text_raises_nothing_else(folder, text, mode):
    head = "FCS3.1    " + "".join(f"{field:>8d}" for field in (58, 57 + len(text), 0, 0, 0, 0))
    path = saved(folder, head.encode() + text)
    error = refusal(lambda: read_fcs(path, mode=mode))
    assert error is None or path.name in str(error)
    path.unlink()


@few
@given(
    values=hnp.arrays(np.uint16, st.tuples(st.integers(1, 9), st.just(2)), elements=st.integers(0, 1023)),
    decades=st.floats(0.5, 8),
    offset=st.floats(0.01, 10),
    gain=st.floats(0.01, 100),
)
def test_linear_values_are_the_stored_ones_scaled(folder, values, decades, offset, gain):
    keywords = {"$P1E": f"{decades!r},{offset!r}", "$P1R": "1024", "$P2R": "1024", "$P2G": repr(gain)}
    path = saved(folder, fcs_bytes(values, kind="I", bits=16, keywords=keywords))
    stored = read_fcs(path, scale="stored").events.astype(np.float64)
    linear = read_fcs(path).events
    np.testing.assert_array_equal(stored, values)
    np.testing.assert_allclose(linear[:, 0], 10 ** (decades * stored[:, 0] / 1024) * offset, rtol=1e-12)
    np.testing.assert_allclose(linear[:, 1], stored[:, 1] / gain, rtol=1e-12)


@few
@given(
    st.lists(hnp.arrays(np.uint16, st.tuples(st.integers(0, 9), st.integers(1, 3))), min_size=1, max_size=4)
)
def test_a_chain_gives_each_data_set_as_alone(folder, sets):
    chain = b""
    for place, table in enumerate(sets, start=1):
        options = {"kind": "I", "bits": 16}
        size = len(fcs_bytes(table, keywords={"$NEXTDATA": "0" * 10}, **options))
        following = size if place < len(sets) else 0
        chain += fcs_bytes(table, keywords={"$NEXTDATA": f"{following:010d}"}, **options)
    path = saved(folder, chain)
    samples = read_fcs_all(path)
    path.unlink()
    assert len(samples) == len(sets)
    for sample, table in zip(samples, sets, strict=True):
        np.testing.assert_array_equal(sample.events, table)
