"""Mutants whose truth is known: the builder of the file says what must come out, never a reader."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

TYPES = {("I", 8): "u1", ("I", 16): "u2", ("I", 32): "u4", ("F", 32): "f4", ("D", 64): "f8"}
HEADER = 58
TAIL = b"00000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A file, and what may come out of it.

    Attributes
    ----------
    content : bytes
    values : ndarray or None
        Stored values that must come out by default; None where the file must be refused.
    forced : ndarray or None
        Those that ``mode="force"`` must give, where the file must be refused.
    may_refuse : bool
        Whether a refusal is an honest answer as well.
    """

    content: bytes
    values: NDArray[np.float64] | None
    forced: NDArray[np.float64] | None = None
    may_refuse: bool = False


@dataclass(slots=True, kw_only=True)
class Draft:
    """A file under construction: pairs of TEXT, the bytes of DATA, and what stands around them."""

    version: str
    kind: str
    bits: int
    order: str
    body: bytes
    shape: tuple[int, int]
    pairs: list[tuple[str, str]]
    delimiter: str = "/"
    gap: bytes = b""
    tail: bytes = TAIL
    shift_header: tuple[int, int] = (0, 0)
    shift_text: tuple[int, int] = (0, 0)

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Type of the stored values."""
        return np.dtype(("<" if self.order.startswith("1") else ">") + TYPES[self.kind, self.bits])

    def values(self, body: bytes | None = None) -> NDArray[np.float64]:
        """Give the stored values of DATA as the standard reads them: every bit counts here."""
        stored = np.frombuffer(self.body if body is None else body, dtype=self.dtype)
        return stored.astype(np.float64).reshape(-1, self.shape[1])

    def _text(self, begin: int, end: int) -> bytes:
        places = [("$BEGINDATA", f"{begin + self.shift_text[0]:012d}")]
        places.append(("$ENDDATA", f"{end + self.shift_text[1]:012d}"))
        twice = self.delimiter * 2
        tokens = [token.replace(self.delimiter, twice) for pair in (*self.pairs, *places) for token in pair]
        return (self.delimiter + self.delimiter.join(tokens) + self.delimiter).encode()

    @property
    def begin(self) -> int:
        """First byte of DATA."""
        return HEADER + len(self._text(0, 0)) + len(self.gap)

    def content(self) -> bytes:
        """Lay the file out."""
        begin, end = self.begin, self.begin + len(self.body) - 1
        text = self._text(begin, end)
        fields = (
            HEADER,
            HEADER + len(text) - 1,
            begin + self.shift_header[0],
            end + self.shift_header[1],
            0,
            0,
        )
        head = f"FCS{self.version}    " + "".join(f"{field:>8d}" for field in fields)
        return head.encode() + text + self.gap + self.body + self.tail


def draft(rng: np.random.Generator) -> Draft:
    """Draw a legal file; its first events are never padding."""
    kind, bits = list(TYPES)[rng.integers(len(TYPES))]
    rows, columns = int(rng.integers(2, 40)), int(rng.integers(1, 6))
    order = "1,2,3,4" if rng.random() < 0.5 else "4,3,2,1"
    made = Draft(
        version=str(rng.choice(["3.0", "3.1", "3.2"])), kind=kind, bits=bits, order=order,
        body=b"", shape=(rows, columns), pairs=[],
    )  # fmt: skip
    drawn = rng.integers(65, 250, (rows, columns)) if kind == "I" else rng.normal(500, 300, (rows, columns))
    made.body = drawn.astype(made.dtype).tobytes()
    made.pairs = [
        ("$BYTEORD", order), ("$DATATYPE", kind), ("$MODE", "L"), ("$NEXTDATA", "0"), ("$PAR", str(columns)),
        ("$TOT", str(rows)), ("$BEGINANALYSIS", "0"), ("$ENDANALYSIS", "0"), ("$BEGINSTEXT", "0"),
        ("$ENDSTEXT", "0"), ("$FIL", "one.fcs"), ("$OP", "someone"), ("VENDOR VERSION", "7.1"),
    ]  # fmt: skip
    for number in range(1, columns + 1):
        made.pairs += [
            (f"$P{number}N", f"FL{number}-A"), (f"$P{number}S", f"CD{number}"), (f"$P{number}B", str(bits)),
            (f"$P{number}R", str(2**bits)), (f"$P{number}E", "0,0"),
        ]  # fmt: skip
    return made


def other_value(rng: np.random.Generator) -> Trial:
    """Another value of a keyword on which no event hangs."""
    made = draft(rng)
    free = [i for i, (name, _) in enumerate(made.pairs) if name in {"$FIL", "$OP", "VENDOR VERSION", "$P1S"}]
    place = int(rng.choice(free))
    words = ("x", "a/b", "$TOT", "Größe", "9" * 400, "\x1b[31m", "ends in/", "=1+1", "a\r\nb")
    made.pairs[place] = (made.pairs[place][0], words[rng.integers(len(words))])
    return Trial(content=made.content(), values=made.values())


def flipped_bit(rng: np.random.Generator) -> Trial:
    """One bit of DATA: at most one stored value differs, and it is that one."""
    made = draft(rng)
    body = bytearray(made.body)
    body[rng.integers(len(body))] ^= 1 << int(rng.integers(8))
    before, after = made.values(), made.values(bytes(body))
    same = (before == after) | (np.isnan(before) & np.isnan(after))
    assert np.count_nonzero(~same) <= 1
    made.body = bytes(body)
    return Trial(content=made.content(), values=after)


def cut_inside(rng: np.random.Generator) -> Trial:
    """The end of DATA is not there."""
    made = draft(rng)
    stride = len(made.body) // made.shape[0]
    left = int(rng.integers(1, len(made.body)))
    whole = left // stride * stride
    return Trial(
        content=made.content()[: made.begin + left], values=None, forced=made.values(made.body[:whole])
    )


def other_tail(rng: np.random.Generator) -> Trial:
    """Cut or junk behind DATA."""
    made = draft(rng)
    made.tail = rng.bytes(int(rng.integers(0, 300))) if rng.random() < 0.7 else TAIL[: rng.integers(8)]
    return Trial(content=made.content(), values=made.values())


def _shift(rng: np.random.Generator) -> tuple[int, int]:
    by = int(rng.choice([-200, -46, -8, -4, -3, -2, -1, 1, 2, 3, 4, 8, 46, 434]))
    return [(by, 0), (0, by), (by, by)][rng.integers(3)]


def header_shifted(rng: np.random.Generator) -> Trial:
    """One or both of the HEADER's offsets of DATA are wrong, those of TEXT are right."""
    made = draft(rng)
    made.shift_header = _shift(rng)
    return Trial(content=made.content(), values=made.values(), may_refuse=True)


def text_shifted(rng: np.random.Generator) -> Trial:
    """One or both of the offsets in TEXT are wrong, those of the HEADER are right."""
    made = draft(rng)
    made.shift_text = _shift(rng)
    return Trial(content=made.content(), values=made.values(), may_refuse=True)


def header_unusable(rng: np.random.Generator) -> Trial:
    """The HEADER's offsets of DATA are 0, blank, no number or 99,999,999; TEXT holds."""
    made = draft(rng)
    content = bytearray(made.content())
    fields = (
        b"       0" * 2,
        b"        " * 2,
        b"  12x456" * 2,
        content[26:34] + b"99999999",
        b"99999999" * 2,
    )
    content[26:42] = fields[rng.integers(len(fields))]
    return Trial(content=bytes(content), values=made.values())


def shuffled(rng: np.random.Generator) -> Trial:
    """Keywords in another order."""
    made = draft(rng)
    made.pairs = [made.pairs[i] for i in rng.permutation(len(made.pairs))]
    return Trial(content=made.content(), values=made.values())


def other_delimiter(rng: np.random.Generator) -> Trial:
    """Another delimiter, escaped where values hold it."""
    made = draft(rng)
    marks = "|\\!*,-.\f\x1e\n;:#"
    made.delimiter = marks[rng.integers(len(marks))]
    return Trial(content=made.content(), values=made.values())


def mirrored(rng: np.random.Generator) -> Trial:
    """The other order of bytes, in DATA and in the keyword."""
    made = draft(rng)
    values = made.values()
    stored = np.frombuffer(made.body, dtype=made.dtype)
    made.order = ",".join(reversed(made.order.split(",")))
    made.body = stored.astype(made.dtype).tobytes()
    made.pairs = [(name, made.order if name == "$BYTEORD" else text) for name, text in made.pairs]
    return Trial(content=made.content(), values=values)


def gapped(rng: np.random.Generator) -> Trial:
    """Bytes between TEXT and DATA, offsets up to date."""
    made = draft(rng)
    made.gap = (
        bytes(int(rng.integers(1, 500))) if rng.random() < 0.5 else rng.bytes(int(rng.integers(1, 500)))
    )
    return Trial(content=made.content(), values=made.values())


def special_float(rng: np.random.Generator) -> Trial:
    """A value that is no number, infinite, or the smallest there is."""
    made = draft(rng)
    if made.kind != "I":
        size = made.bits // 8
        place = size * int(rng.integers(len(made.body) // size))
        code = made.dtype.str[0] + ("f" if size == 4 else "d")
        number = float(rng.choice([np.nan, np.inf, -np.inf, 1e-45, -0.0]))
        made.body = made.body[:place] + struct.pack(code, number) + made.body[place + size :]
    return Trial(content=made.content(), values=made.values())


TRUTHS: dict[str, Callable[[np.random.Generator], Trial]] = {
    made.__name__: made
    for made in (
        other_value, flipped_bit, cut_inside, other_tail, header_shifted, text_shifted, header_unusable,
        shuffled,
        other_delimiter, mirrored, gapped, special_float,
    )
}  # fmt: skip
