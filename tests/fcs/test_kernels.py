"""Two roads from bytes to numbers, numpy and compiled kernels: the same bits, the same counts."""

from __future__ import annotations

import builtins
import importlib
import logging
import os
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from immunoprofile.core import FcsError, FcsWarning
from immunoprofile.fcs import _columns, _compiled, _decode, read_fcs
from immunoprofile.fcs import _kernels as kernels
from immunoprofile.fcs._columns import HIGH, INFINITE, LARGE, NAN, Columns
from immunoprofile.fcs._layout import Field, Layout

little = pytest.mark.skipif(sys.byteorder == "big", reason="kernels are for little-endian processors")
EDGES = np.array(
    [0, 1, 0x7F800000, 0x7FC00000, 0xFF800000, 0x7F800001, 2**53, 2**53 + 1, 2**63 + 1, 2**64 - 1, 2**60],
    dtype=np.uint64,
)


def layout_of(shapes, order="little", significance=None):
    """Lay columns of (kind, size, bits) side by side."""
    fields, offset = [], 0
    for kind, size, bits in shapes:
        fields.append(Field(offset=offset, size=size, kind=kind, bits=bits))
        offset += size
    kinds = {(kind == "I", size) for kind, size, _ in shapes}
    dtype = None
    if len(kinds) == 1 and order != "mixed" and shapes[0][1] in {1, 2, 4, 8}:
        letter = "u" if shapes[0][0] == "I" else "f"
        dtype = np.dtype(f"{'<' if order == 'little' else '>'}{letter}{shapes[0][1]}")
    return Layout(
        fields=tuple(fields),
        stride=offset,
        significance=tuple(significance or range(shapes[0][1])),
        order=order,
        dtype=dtype,
    )


def true_words(rows, layout, field):
    """The stored numbers of a column, byte by byte, as Python's whole numbers."""
    ranks = range(field.size)
    if layout.order == "big":
        ranks = reversed(ranks)
    elif layout.order == "mixed":
        ranks = layout.significance
    ranks = list(ranks)
    cells = rows[:, field.offset : field.offset + field.size].tolist()
    return [sum(byte << 8 * rank for byte, rank in zip(row, ranks, strict=True)) for row in cells]


def true_counts(words, field, keep):
    counts = [0, 0, 0, 0]
    for word in words:
        if field.kind == "I":
            counts[HIGH] += word >= 1 << field.bits
            kept = word if keep else word % (1 << field.bits)
            counts[LARGE] += int(float(kept)) != kept
        else:
            value = np.array(word, f"u{field.size}").view(f"f{field.size}")
            counts[NAN] += bool(np.isnan(value))
            counts[INFINITE] += bool(np.isinf(value))
    return counts


@st.composite
def columns(draw):
    """Columns of any width, kind and order, some of one type, some mixed."""
    order = draw(st.sampled_from(["little", "big", "mixed"]))
    size = draw(st.integers(1, 8))
    significance = draw(st.permutations(range(size))) if order == "mixed" else None
    is_uniform = draw(st.booleans()) or order == "mixed"
    shapes = []
    for _ in range(draw(st.integers(1, 5))):
        width = size if is_uniform else draw(st.integers(1, 8))
        kinds = ["I"] + (["F"] if width == 4 else ["D"] if width == 8 else [])
        kind = draw(st.sampled_from(kinds))
        shapes.append((kind, width, draw(st.integers(0, 8 * width)) if kind == "I" else 8 * width))
    if is_uniform and draw(st.booleans()):
        shapes = [shapes[0]] * len(shapes)
    layout = layout_of(shapes, order, significance)
    picked = draw(st.lists(st.integers(0, len(shapes) - 1), max_size=6))
    chosen = draw(st.sampled_from([tuple(range(len(shapes))), tuple(picked)]))
    return Columns(layout=layout, chosen=chosen, keep_bits=draw(st.booleans()))


def random_rows(chosen, count, seed):
    """Bytes of events, among them those of numbers that are special."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 256, (count, chosen.layout.stride), dtype=np.uint8)
    for field in chosen.layout.fields:
        special = rng.choice(EDGES, count // 2)
        cells = special[:, None].view(np.uint8).reshape(-1, 8)[:, : field.size]
        cells = cells[:, ::-1] if chosen.layout.order == "big" else cells
        rows[: len(cells), field.offset : field.offset + field.size] = cells
    return rows


def by_kernels(chosen, rows, dtype):
    out = np.empty((len(rows), len(chosen.chosen)), dtype)
    counts = np.zeros((len(chosen.chosen), 4), np.int64)
    _compiled.Program.of(chosen).decode(rows, out, counts)
    return out, counts


def by_numpy(chosen, rows, dtype):
    out = np.empty((len(rows), len(chosen.chosen)), dtype)
    counts = np.zeros((len(chosen.chosen), 4), np.int64)
    _columns.decode(chosen, rows, out)
    _columns.count(chosen, rows, counts)
    return out, counts


@little
@settings(max_examples=300, deadline=None)
@given(chosen=columns(), count=st.integers(0, 700), seed=st.integers(0, 2**32 - 1))
def test_both_roads_give_the_same_bits_and_counts(chosen, count, seed):
    rows = random_rows(chosen, count, seed)
    for dtype in (np.float32, np.float64) if chosen.are_exact_in_float32 else (np.float64,):
        fast, plain = by_kernels(chosen, rows, dtype), by_numpy(chosen, rows, dtype)
        assert fast[0].tobytes() == plain[0].tobytes()
        np.testing.assert_array_equal(fast[1], plain[1])


@settings(max_examples=100, deadline=None)
@given(chosen=columns(), seed=st.integers(0, 2**32 - 1))
def test_numbers_and_counts_are_those_of_exact_arithmetic(chosen, seed):
    rows = random_rows(chosen, 40, seed)
    out, counts = by_numpy(chosen, rows, np.float64)
    for k, field in enumerate(chosen.fields):
        words = true_words(rows, chosen.layout, field)
        assert counts[k].tolist() == true_counts(words, field, chosen.keep_bits)
        if field.kind == "I":
            kept = [word if chosen.keep_bits else word % (1 << field.bits) for word in words]
            assert out[:, k].tolist() == [float(word) for word in kept]
        else:
            numbers = np.array(words, f"u{field.size}").view(f"f{field.size}")
            with np.errstate(invalid="ignore"):  # a signalling NaN becomes a quiet one
                np.testing.assert_array_equal(out[:, k], numbers.astype(np.float64))


@little
@pytest.mark.parametrize("count", [1, 2, 63, 64, 319, 320, 321, 5000])
@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("order", ["little", "big"])
def test_the_flat_kernel_ends_where_the_bytes_end(size, order, count):
    chosen = Columns(
        layout=layout_of([("I", size, 7), ("I", size, 5), ("I", size, 8)], order), chosen=(0, 1, 2)
    )
    rows = random_rows(chosen, count, 3)
    fast, plain = by_kernels(chosen, rows, np.float32), by_numpy(chosen, rows, np.float32)
    np.testing.assert_array_equal(fast[0], plain[0])
    np.testing.assert_array_equal(fast[1], plain[1])


@little
def test_more_columns_than_a_tile_holds_are_decoded():
    chosen = Columns(layout=layout_of([("I", 2, 10)] * 500), chosen=tuple(range(500)))
    rows = random_rows(chosen, 9, 1)
    np.testing.assert_array_equal(
        by_kernels(chosen, rows, np.float32)[0], by_numpy(chosen, rows, np.float32)[0]
    )


@little
def test_each_kernel_is_compiled_for_its_types_alone():
    for kernel, count in ((kernels.decode, 2), (kernels.decode_flat, 1), (kernels.swap_singles, 1)):
        assert len(kernel.signatures) == count


GUARDED = """
import ctypes, mmap
import numpy as np
from immunoprofile.fcs import _kernels as k
page = mmap.PAGESIZE
block = np.frombuffer(mmap.mmap(-1, 2 * page), np.uint8)
assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(block.ctypes.data + page), page, mmap.PROT_READ * 0) == 0
for size in (1, 2, 3, 4, 5, 8):
    for order in (k.LITTLE, k.BIG):
        for count in (1, 7, 320, 333):
            cells = block[page - size * count : page]
            cells.flags.writeable = False
            bits, counts = np.zeros(320, np.uint32), np.zeros((1, 4), np.int64)
            if size < 5:
                out = np.empty(count, np.float32)
                k.decode_flat(cells, size, order == k.BIG, bits, bits, out, np.zeros(320, np.int64))
            out, masks = np.empty((count, 1)), np.zeros((1, 2), np.uint64)
            k.decode(cells, size, order, np.array([[0, size, 0]]), masks, np.arange(8), out, counts)
            if size == 4:
                k.swap_singles(cells, np.empty(count, np.uint32))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="pages are guarded by a call of Linux")
def test_no_kernel_reads_past_the_end_of_the_bytes():
    ended = subprocess.run([sys.executable, "-c", GUARDED], check=False)  # a byte too far ends the process
    assert ended.returncode == 0


# -- files ---------------------------------------------------------------------------------------------------

KINDS = {
    "big-endian floats": {"kind": "F", "order": "4,3,2,1"},
    "doubles": {"kind": "D", "order": "4,3,2,1"},
    "shorts with tag bits": {"kind": "I", "bits": 16, "keywords": {f"$P{i}R": "64" for i in (1, 2, 3)}},
    "wide integers": {"kind": "I", "bits": 32, "keywords": {f"$P{i}R": str(2**32) for i in (1, 2, 3)}},
    "a gain": {"kind": "F", "keywords": {"$P2G": "2"}},
    "a log column": {"kind": "I", "bits": 16, "keywords": {"$P1E": "4,0", "$P1R": "128"}},
}


def read(path, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FcsWarning)
        return read_fcs(path, **options)


@pytest.fixture
def always_compiled(monkeypatch):
    monkeypatch.setattr(_compiled, "LOAD_FROM", 0)
    monkeypatch.setattr(_compiled, "USE_FROM", 0)


@pytest.fixture
def never_compiled(monkeypatch):
    monkeypatch.setattr(_compiled, "LOAD_FROM", 2**62)
    monkeypatch.setattr(_compiled, "USE_FROM", 2**62)


def both_roads(monkeypatch, path, **options):
    found = []
    for bound in (2**62, 0):
        monkeypatch.setattr(_compiled, "LOAD_FROM", bound)
        monkeypatch.setattr(_compiled, "USE_FROM", bound)
        sample = read(path, **options)
        parts = [sample.block(3, 30), sample.block(0, 37, [2, 0]), sample.column(1), sample.events]
        found.append((sample.issues, [(part.dtype, part.tobytes()) for part in parts]))
    return found


@little
@pytest.mark.parametrize("use_map", [True, False])
@pytest.mark.parametrize("bits", ["mask", "keep"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_reads_the_same_by_both_roads(kind, bits, use_map, build, matrix, monkeypatch):
    monkeypatch.setattr(_decode, "COPY_BELOW", 0)
    monkeypatch.setattr(_decode, "COPY_UNMAPPED_BELOW", 0)
    plain, fast = both_roads(monkeypatch, build(matrix, **KINDS[kind]), bits=bits, mmap=use_map)
    assert plain == fast


@little
def test_what_is_too_large_to_be_kept_is_decoded_when_asked(build, matrix, monkeypatch):
    monkeypatch.setattr(_decode, "KEEP_BELOW", 0)
    plain, fast = both_roads(monkeypatch, build(matrix, **KINDS["shorts with tag bits"]))
    assert plain == fast


@little
def test_events_that_the_first_look_decoded_are_kept(build, matrix, always_compiled):
    sample = read(build(matrix, order="4,3,2,1"))
    assert sample.events is sample.raw_float32()
    assert not sample.events.flags.writeable
    np.testing.assert_array_equal(sample.events, matrix)


@little
@pytest.mark.parametrize("order", ["1,2,3,4", "4,3,2,1"])
@pytest.mark.parametrize("road", ["always_compiled", "never_compiled"])
def test_odd_floats_are_counted_by_either_road(order, road, build, request):
    request.getfixturevalue(road)
    values = np.zeros((500, 3), np.float32)
    values[[1, 7], 0], values[3, 0], values[[4, 5, 6], 2] = np.nan, -np.inf, [np.inf, -np.inf, -np.nan]
    sample = read(build(values, order=order))
    told = {issue.code: issue.message for issue in sample.issues}
    assert told["nan-events"].endswith("C1 (2), C3 (1)")
    assert told["inf-events"].endswith("C1 (1), C3 (2)")
    np.testing.assert_array_equal(sample.events, values)


@pytest.mark.parametrize("size", [4, 8])
@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("odd", [np.nan, -np.nan, np.inf, -np.inf])
def test_one_float_that_is_not_finite_is_seen(size, order, odd):
    chosen = Columns(
        layout=layout_of([("F" if size == 4 else "D", size, 8 * size)] * 2, order), chosen=(0, 1)
    )
    values = np.full((100, 2), -np.finfo(f"f{size}").max, f"{'<' if order == 'little' else '>'}f{size}")
    assert _columns._are_finite(chosen, values.view(np.uint8))
    values[77, 1] = odd
    assert not _columns._are_finite(chosen, values.view(np.uint8))


def test_bits_that_are_kept_are_told_and_stay(build):
    values = np.array([[70000], [5], [2**24 + 1]])
    path = build(values, kind="I", bits=32, keywords={"$P1R": "1024"})
    sample = read_fcs(path, bits="keep")
    assert [(issue.level, issue.code) for issue in sample.issues] == [("info", "bits-masked")]
    assert "kept" in sample.issues[0].message
    assert (sample.events.dtype, sample.events[:, 0].tolist()) == (np.float64, [70000, 5, 2**24 + 1])
    assert read_fcs(path).events[:, 0].tolist() == [70000 % 1024, 5, 1]


def test_an_overrange_value_that_is_kept_is_no_warning(build):
    values = np.full((100, 1), 9)
    values[50] = 2000
    path = build(values, kind="I", bits=16, keywords={"$P1R": "1024"})
    sample = read_fcs(path, bits="keep")
    assert [(issue.level, issue.code) for issue in sample.issues] == [("info", "bits-overrange")]
    assert sample.events[50, 0] == 2000
    with pytest.warns(FcsWarning, match="bits-overrange"):
        assert read_fcs(path).events[50, 0] == 2000 % 1024


@pytest.mark.parametrize("road", ["always_compiled", "never_compiled"])
def test_only_numbers_that_change_are_called_rounded(road, build, request):
    request.getfixturevalue(road)
    values = np.array([[2**60], [2**53 + 1], [2**64 - 1], [2**53], [3]], dtype=np.uint64)
    sample = read(build(values, kind="I", bits=64, keywords={"$P1R": str(2**64)}))
    assert [issue.message[-6:] for issue in sample.issues] == ["C1 (2)"]


def test_a_tag_bit_above_the_range_is_no_rounded_number(build):
    values = np.array([[2**63 + 5], [2**62 + 1]], dtype=np.uint64)
    sample = read(build(values, kind="I", bits=64, keywords={"$P1R": "1024"}))
    assert [issue.code for issue in sample.issues] == ["bits-masked"]
    assert sample.events[:, 0].tolist() == [5, 1]


@pytest.mark.parametrize("road", ["always_compiled", "never_compiled"])
def test_no_channel_and_one_channel_twice_can_be_chosen(road, build, matrix, request):
    request.getfixturevalue(road)
    path = build(matrix, kind="I", bits=16, order="2,1", keywords={"$P2R": "64"})
    assert read(path, channels=()).events.shape == (37, 0)
    np.testing.assert_array_equal(read(path, channels=(1, 1)).events, matrix[:, [1, 1]] % 64)


@pytest.mark.parametrize("road", ["always_compiled", "never_compiled"])
def test_a_file_without_events_is_read_by_either_road(road, build, request):
    request.getfixturevalue(road)
    sample = read(build(np.zeros((0, 2)), kind="I", bits=16, keywords={"$P1R": "64"}))
    assert (sample.events.shape, sample.issues) == ((0, 2), ())


def test_a_log_column_follows_the_formula_to_the_last_bit(build):
    stored = np.arange(1000)[:, None]
    sample = read_fcs(build(stored, kind="I", bits=16, keywords={"$P1R": "1000", "$P1E": "4.5,0.1"}))
    np.testing.assert_array_equal(sample.events[:, 0], np.power(10.0, 4.5 * stored[:, 0] / 1000) * 0.1)


# -- a file that shrinks --------------------------------------------------------------------------------


def test_a_file_that_shrinks_after_it_was_mapped_is_refused(build, matrix, monkeypatch):
    monkeypatch.setattr(_decode, "COPY_BELOW", 0)
    monkeypatch.setattr(_decode, "COPY_UNMAPPED_BELOW", 0)
    path = build(matrix)
    mapped = _decode.mmap.mmap

    def shrinking(*given, **named):
        view = mapped(*given, **named)
        os.truncate(path, path.stat().st_size // 2)
        return view

    monkeypatch.setattr("immunoprofile.fcs._decode.mmap.mmap", shrinking)
    with pytest.raises(FcsError, match="shorter") as caught:
        read_fcs(path)
    assert caught.value.code == "io"


@pytest.mark.parametrize("road", ["always_compiled", "never_compiled"])
def test_a_small_file_may_shrink_after_it_was_read(road, build, matrix, request):
    request.getfixturevalue(road)
    path = build(matrix, kind="I", bits=16)
    sample = read(path)
    os.truncate(path, 100)
    np.testing.assert_array_equal(sample.events, matrix)


def test_a_small_file_that_shrinks_while_it_is_read_is_refused(build, matrix, monkeypatch):
    path = build(matrix)
    monkeypatch.setattr(os, "preadv", lambda *_: 0)
    with pytest.raises(FcsError, match="shorter") as caught:
        read_fcs(path)
    assert caught.value.code == "io"


def test_a_system_that_refuses_to_read_is_named(build, matrix, monkeypatch):
    def refuse(*_):
        raise OSError(5, "Input/output error")

    path = build(matrix)
    monkeypatch.setattr(os, "preadv", refuse)
    with pytest.raises(FcsError, match="Input/output error") as caught:
        read_fcs(path)
    assert caught.value.code == "io"


def test_a_system_without_vectored_reads_copies_small_files_all_the_same(build, matrix, monkeypatch):
    monkeypatch.delattr(os, "preadv")
    np.testing.assert_array_equal(read_fcs(build(matrix)).events, matrix)


# -- when kernels are loaded ----------------------------------------------------------------------------


def test_a_small_file_and_native_floats_load_no_compiler(build, matrix):
    small = build(matrix, kind="I", bits=16, keywords={"$P1R": "1024"}, name="small.fcs")
    large = build(np.zeros((2**19, 3)), name="large.fcs")
    code = (
        "import sys; from immunoprofile.fcs import read_fcs\n"
        f"[read_fcs(path).events.max() for path in ({str(small)!r}, {str(large)!r})]\n"
        "assert 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_kernels_are_used_sooner_where_they_are_loaded(monkeypatch):
    assert _compiled.are_worth(_compiled.USE_FROM) == (sys.byteorder == "little")
    assert not _compiled.are_worth(_compiled.USE_FROM - 1)
    monkeypatch.delitem(sys.modules, "immunoprofile.fcs._kernels")
    assert not _compiled.are_worth(_compiled.LOAD_FROM - 1)


def test_big_endian_processors_take_the_plain_road(monkeypatch):
    monkeypatch.setattr(sys, "byteorder", "big")
    assert not _compiled.are_worth(2**40)


def test_without_a_compiler_large_files_are_read_all_the_same(
    monkeypatch, caplog, build, matrix, always_compiled
):
    real = builtins.__import__

    def refuse(name, *given, **named):
        if name == "immunoprofile.fcs" and "_kernels" in (given[2] or ()):
            raise ImportError("Numba needs NumPy 2.4 or less")
        return real(name, *given, **named)

    caplog.set_level(logging.WARNING, logger="immunoprofile")
    _compiled._kernels.cache_clear()
    monkeypatch.setattr(builtins, "__import__", refuse)
    try:
        sample = read(build(matrix, kind="I", bits=16, order="2,1"))
        np.testing.assert_array_equal(sample.events, matrix)
    finally:
        monkeypatch.undo()
        _compiled._kernels.cache_clear()
    assert [message for message in caplog.messages if "no compiled kernels" in message] == [
        "no compiled kernels, large files take longer to read: Numba needs NumPy 2.4 or less"
    ]


def test_warming_loads_the_kernels_once():
    importlib.import_module("immunoprofile.gating").warm_kernels()
    assert "immunoprofile.fcs._kernels" in sys.modules
    before = time.process_time()
    _compiled.warm_kernels()
    assert time.process_time() - before < 0.05


def test_reading_by_kernels_raises_no_warning_of_numpy(build, always_compiled):
    values = np.array([[np.nan, np.inf], [1e38, -1e38]])
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        sample = read(build(values, order="4,3,2,1"))
        assert np.isnan(sample.block(0, 2)[0, 0])
