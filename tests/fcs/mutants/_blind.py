"""A blind mutator: it knows where numbers and keywords stand, and nothing of what they mean."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

VALUES = (
    b"0", b"-1", b"1" + b"0" * 20, b"9" * 400, b"nan", b"inf", b"", b"\xff\xfe", "³".encode(), b"1e3",
    b"1e400",
    b"999999999", b"18446744073709551616", b"2,a,b,1,0,0,1e308", b"1,a,nan", b"64", b"7", b"3,4,1,2", b"1,2",
    b"1,1", b"4294967295", b"D", b"I", b"A", b"C", b" ", b"\0", b"\x1b[31m", "\u202e".encode(), b"<script>",
    b"0,0", b"4,0", b"-4,1", b"1e308,1e308", b"0x10", b"+5", b"12.0", b"12.5", b"U" * 3000,
)  # fmt: skip
KEYWORDS = (
    b"$PAR", b"$TOT", b"$P1B", b"$P1R", b"$P1N", b"$P2N", b"$P1E", b"$P1S", b"$P1G", b"$P1DATATYPE",
    b"$DATATYPE",
    b"$BYTEORD", b"$MODE", b"$NEXTDATA", b"$BEGINDATA", b"$ENDDATA", b"$BEGINSTEXT", b"$ENDSTEXT",
    b"$BEGINANALYSIS", b"$ENDANALYSIS", b"$SPILLOVER", b"SPILL", b"$COMP", b"$DFC1TO2", b"$TIMESTEP",
    b"$UNICODE",
    b"$CYT", b"$FIL",
)  # fmt: skip
_KEYWORD = re.compile(rb"\$[A-Z0-9]{2,14}(?=[\x01-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e])")
_LONGEST = 2**17


def mutant(content: bytes, rng: Random, *, others: Sequence[bytes] = ()) -> bytes:
    """Change a file in one to three ways."""
    out = bytearray(content)
    for _ in range(rng.randint(1, 3)):
        rng.choice(WAYS)(out, rng, others)
        out += b" " * max(0, 59 - len(out))
    return bytes(out[:_LONGEST])


def _flip(out: bytearray, rng: Random, _: Sequence[bytes]) -> None:
    out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)


def _header_byte(out: bytearray, rng: Random, _: Sequence[bytes]) -> None:
    out[rng.randrange(58)] = rng.randrange(256)


def _truncate(out: bytearray, rng: Random, _: Sequence[bytes]) -> None:
    del out[max(rng.randrange(len(out)), rng.choice((0, 59))) :]


def _delete(out: bytearray, rng: Random, _: Sequence[bytes]) -> None:
    place = rng.randrange(len(out))
    del out[place : place + rng.randint(1, 20)]


def _insert(out: bytearray, rng: Random, _: Sequence[bytes]) -> None:
    place = rng.randrange(len(out))
    out[place:place] = rng.randbytes(rng.randint(1, 20))


def _header_field(out: bytearray, rng: Random, _: Sequence[bytes]) -> None:
    field = 10 + 8 * rng.randrange(6)
    number = rng.choice((0, 1, 57, 58, len(out) - 1, len(out), 99_999_999, rng.randrange(len(out) + 20)))
    words = (f"{number:>8d}".encode()[:8], b"        ", b"      -1", b"  1e3   ", b"\xff" * 8, b"0x100000")
    out[field : field + 8] = rng.choice((words[0], words[0], words[0], *words))


def _value(out: bytearray, rng: Random, _: Sequence[bytes]) -> None:
    found = list(_KEYWORD.finditer(out))
    if not found:
        return
    match = rng.choice(found)
    start = match.end() + 1
    stop = out.find(out[match.end()], start)
    if stop >= 0:
        out[start:stop] = rng.choice(VALUES)


def _rename(out: bytearray, rng: Random, _: Sequence[bytes]) -> None:
    """Put the name of one keyword over another: swapped, doubled, missing ones."""
    found = list(_KEYWORD.finditer(out))
    if found:
        match = rng.choice(found)
        out[match.start() : match.end()] = rng.choice(KEYWORDS)


def _swap(out: bytearray, rng: Random, _: Sequence[bytes]) -> None:
    found = list(_KEYWORD.finditer(out))
    if len(found) < 2:
        return
    first, second = sorted(rng.sample(found, 2), key=lambda match: match.start())
    names = first[0], second[0]
    out[second.start() : second.end()] = names[0]
    out[first.start() : first.end()] = names[1]


def _repeat(out: bytearray, rng: Random, _: Sequence[bytes]) -> None:
    """Repeat a stretch, sometimes the whole file."""
    start = rng.choice((0, 58, rng.randrange(len(out))))
    stretch = out[start : start + rng.choice((100, 1000, len(out)))]
    place = rng.choice((len(out), rng.randrange(len(out))))
    out[place:place] = stretch


def _delimiter(out: bytearray, rng: Random, _: Sequence[bytes]) -> None:
    """Change the first delimiter, some, or all of them."""
    if len(out) < 60:
        return
    old, new = out[58], rng.choice(b"/|\\\x0c\x1e!*,.$ A0\0\x7f\xff\n")
    if rng.random() < 0.3:
        out[58] = new
        return
    places = [i for i, byte in enumerate(out[:8192]) if byte == old]
    for place in places if rng.random() < 0.5 else rng.sample(places, min(3, len(places))):
        out[place] = new


def _splice(out: bytearray, rng: Random, others: Sequence[bytes]) -> None:
    """Go on with another file."""
    if others:
        other = rng.choice(others)
        out[rng.randrange(len(out)) :] = other[rng.randrange(len(other)) :]


def _chain(out: bytearray, rng: Random, others: Sequence[bytes]) -> None:
    """Hang a data set behind, and point at it."""
    where = len(out)
    found = re.search(rb"\$NEXTDATA(.)([0-9 ]+)", out, re.DOTALL)
    if found and others:
        number = rng.choice((where, where - 1, 0, 1, 58, where + 1))
        out[found.start(2) : found.end(2)] = str(number).encode().rjust(len(found[2]))
        out += rng.choice(others)


WAYS: tuple[Callable[[bytearray, Random, Sequence[bytes]], None], ...] = (
    _flip, _header_byte, _truncate, _delete, _insert, _header_field, _value, _value, _rename, _swap, _repeat,
    _delimiter, _splice, _chain,
)  # fmt: skip
