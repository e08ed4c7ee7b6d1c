"""Blind mutants: whatever bytes come, the answer is a sample or an ``FcsError``, soon."""

from __future__ import annotations

import base64
import json
import random
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

from immunoprofile.core import FcsError, FcsWarning
from immunoprofile.fcs import read_fcs

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "fcs" / "cases.jsonl"
FILES = [base64.b64decode(json.loads(line)["file_base64"]) for line in GOLDEN.read_text().splitlines()]
FILES = [content for content in FILES if len(content) > 58]
VALUES = (
    b"0", b"-1", b"1" + b"0" * 20, b"9" * 400, b"nan", b"", b"\xff\xfe", "³".encode(), b"1e3", b"999999999",
    b"2,a,b,1,0,0,1e308", b"64", b"7", b"3,4,1,2", b"1,2", b"D", b"I", b"A",
)  # fmt: skip
KEYWORD = re.compile(
    rb"\$(?:PAR|TOT|P\d+[BRNESG]|DATATYPE|BYTEORD|NEXTDATA|(?:BEGIN|END)\w+|SPILLOVER|TIMESTEP)(.)"
)


def mutant(content: bytes, rng: random.Random) -> bytes:
    out = bytearray(content)
    for _ in range(rng.randint(1, 3)):
        place, kind = rng.randrange(len(out)), rng.randrange(7)
        if kind == 0:
            out[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            out[rng.randrange(58)] = rng.randrange(256)
        elif kind == 2:
            del out[max(place, 59) :]
        elif kind == 3:
            out[place : place + rng.randint(1, 20)] = b""
            out += b" " * max(0, 59 - len(out))
        elif kind == 4:
            out[place:place] = rng.randbytes(rng.randint(1, 20))
        elif kind == 5:
            field = 10 + 8 * rng.randrange(6)
            out[field : field + 8] = (
                f"{rng.choice([0, 1, 57, 58, 99999999, len(out), rng.randrange(2000)]):>8d}".encode()
            )
        elif found := list(KEYWORD.finditer(bytes(out))):
            match = rng.choice(found)
            end = out.find(match[1], match.end())
            out[match.end() : max(end, match.end())] = rng.choice(VALUES)
    return bytes(out)


@pytest.mark.parametrize("seed", range(4))
def test_a_mutant_is_read_or_refused_by_name(tmp_path, seed):
    rng = random.Random(seed)
    path = tmp_path / "mutant.fcs"
    answers = {"read": 0, "refused": 0}
    for _ in range(250):
        path.write_bytes(mutant(rng.choice(FILES), rng))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FcsWarning)
            try:
                sample = read_fcs(path, mode=rng.choice(["default", "force"]))
            except FcsError:
                answers["refused"] += 1
                continue
            assert sample.events.shape == (sample.n_events, sample.n_channels)
            assert repr(sample)
        answers["read"] += 1
    assert min(answers.values()) > 20


def test_a_changed_comment_changes_no_event(build, matrix):
    rng = random.Random(5)
    path = build(matrix, keywords={"COMMENT": "x" * 40})
    content = path.read_bytes()
    place = content.index(b"x" * 40)
    for _ in range(50):
        path.write_bytes(
            content[:place] + bytes(rng.choice(b"abcXYZ019 .,-") for _ in range(40)) + content[place + 40 :]
        )
        np.testing.assert_array_equal(read_fcs(path).events, matrix)


def test_a_file_cut_inside_its_events_is_always_refused(build, matrix):
    path = build(matrix, tail=b"")
    content = path.read_bytes()
    for cut in range(1, matrix.size * 4, 7):
        path.write_bytes(content[:-cut])
        with pytest.raises(FcsError):
            read_fcs(path)
