"""A builder of FCS files, so that the truth of a test never comes from a reader."""

from __future__ import annotations

import numpy as np
import pytest

TYPES = {("I", 8): "u1", ("I", 16): "u2", ("I", 32): "u4", ("I", 64): "u8", ("F", 32): "f4", ("D", 64): "f8"}


def fcs_bytes(
    values,
    *,
    names=None,
    kind="F",
    bits=None,
    version="3.1",
    order="1,2,3,4",
    delimiter="/",
    keywords=None,
    header=None,
    body=None,
    gap=b"",
    tail=b"00000000",
):
    """Lay out one data set. `keywords` override (None drops); `header` overrides the six fields by name."""
    values = np.asarray(values)
    count, channels = values.shape
    bits = bits or {"F": 32, "D": 64, "I": 16}[kind]
    if body is None:
        stored = np.dtype(("<" if order.startswith("1") else ">") + TYPES[kind, bits])
        body = values.astype(stored).tobytes()
    pairs = {
        "$BEGINDATA": "{begin:010d}", "$ENDDATA": "{end:010d}", "$BYTEORD": order, "$DATATYPE": kind,
        "$MODE": "L", "$NEXTDATA": "0", "$PAR": str(channels), "$TOT": str(count),
        "$BEGINANALYSIS": "0", "$ENDANALYSIS": "0", "$BEGINSTEXT": "0", "$ENDSTEXT": "0",
    }  # fmt: skip
    for i, name in enumerate(names or [f"C{i + 1}" for i in range(channels)], start=1):
        pairs |= {f"$P{i}N": name, f"$P{i}B": str(bits), f"$P{i}R": str(2 ** min(bits, 32)), f"$P{i}E": "0,0"}
    pairs |= keywords or {}
    flat = [text for pair in pairs.items() if pair[1] is not None for text in pair]

    def text(begin, end):
        tokens = [
            token.replace("{begin:010d}", f"{begin:010d}").replace("{end:010d}", f"{end:010d}")
            for token in flat
        ]
        return (delimiter + "".join(t.replace(delimiter, delimiter * 2) + delimiter for t in tokens)).encode()

    length = len(text(0, 0))
    begin = 58 + length + len(gap)
    end = begin + len(body) - 1
    fields = {
        "text_begin": 58,
        "text_end": 57 + length,
        "data_begin": begin,
        "data_end": end,
        "analysis_begin": 0,
        "analysis_end": 0,
    }
    fields |= header or {}
    head = f"FCS{version}    " + "".join(v if isinstance(v, str) else f"{v:>8d}" for v in fields.values())
    return head.encode() + text(begin, end) + gap + body + tail


@pytest.fixture
def build(tmp_path):
    """Write a file of `fcs_bytes` and give its path."""

    def write(values, *, name="made.fcs", **layout):
        path = tmp_path / name
        path.write_bytes(fcs_bytes(values, **layout))
        return path

    return write


@pytest.fixture
def matrix(request):
    """Whole numbers that every type holds, seeded by the test's name."""
    rng = np.random.default_rng(list(request.node.name.encode()))
    return rng.integers(0, 200, (37, 3))
