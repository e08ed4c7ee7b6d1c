"""Lay out FCS data sets byte by byte: any HEADER field, keyword, order of segments, gap and tail can be set.

The length of TEXT never depends on the offsets in it: an offset is an `At`, written with a fixed width.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ._columns import Column
from ._columns import encode as encode_of

if TYPE_CHECKING:
    from collections.abc import Mapping

SEGMENTS = ("text", "stext", "data", "analysis", "other")


@dataclass(frozen=True, slots=True, kw_only=True)
class At:
    """An edge of a segment (``data_begin``, ``text_end``, ``next``...), shifted, as zero-padded digits."""

    edge: str
    shift: int = 0
    width: int = 12

    def value(self, edges: Mapping[str, int]) -> int:
        """Offset in this layout."""
        return max(edges[self.edge] + self.shift, 0)

    def text(self, edges: Mapping[str, int]) -> str:
        """Offset as it stands in TEXT."""
        return str(self.value(edges)).zfill(self.width)


Word = str | bytes | At
Pairs = tuple[tuple[str | bytes, Word], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """Everything that stands in one data set, in the order in which it stands.

    Attributes
    ----------
    keywords : tuple of pairs
        Primary TEXT, keyword by keyword; bytes are written as they are, text is UTF-8; both are escaped.
    header : mapping
        The six fields by name (``data_begin``...), as `At`, number or eight characters.
    segments, gaps
        Order in the file and the bytes (or the size of a hole) before a segment; ``gaps["end"]`` is the tail.
    text_suffix : bytes
        Written after the last delimiter, inside TEXT.
    final : bool
        Whether TEXT ends in its delimiter (before the suffix).
    crc : str
        ``zero``, ``right``, ``wrong`` or eight characters; empty: none.
    """

    version: str
    columns: tuple[Column, ...]
    keywords: Pairs
    order: str = "1,2,3,4"
    delimiter: bytes = b"/"
    header: Mapping[str, object] = field(default_factory=dict)
    segments: tuple[str, ...] = ("text", "data")
    gaps: Mapping[str, bytes | int] = field(default_factory=dict)
    stext: Pairs | bytes = ()
    analysis: Pairs | bytes = ()
    other: bytes = b""
    body: bytes | None = None
    text_suffix: bytes = b""
    final: bool = True
    crc: str = "zero"

    @property
    def n_events(self) -> int:
        """Number of events of every column."""
        return len(self.columns[0].raw) if self.columns else 0


def escaped(pairs: Pairs, delimiter: bytes, edges: Mapping[str, int]) -> bytes:
    """Write keywords and values between delimiters; a delimiter inside them is doubled."""
    tokens = []
    for pair in pairs:
        for word in pair:
            plain = word.text(edges) if isinstance(word, At) else word
            token = plain if isinstance(plain, bytes) else plain.encode()
            tokens.append(token.replace(delimiter, delimiter * 2))
    return delimiter + b"".join(token + delimiter for token in tokens)


def _segment(plan: Plan, name: str, edges: Mapping[str, int]) -> bytes:
    """Bytes of one segment."""
    if name == "data":
        return encode_of(plan.columns, plan.order) if plan.body is None else plan.body
    if name == "other":
        return plan.other
    if name == "text":
        text = escaped(plan.keywords, plan.delimiter, edges)
        return (text if plan.final else text[:-1]) + plan.text_suffix
    pairs = plan.stext if name == "stext" else plan.analysis
    return pairs if isinstance(pairs, bytes) else escaped(pairs, plan.delimiter, edges)


def _measure(plan: Plan) -> tuple[dict[str, int], int]:
    """Edges of all segments (0 and 0 where one is empty), and where the first begins."""
    blank = {f"{name}_{end}": 0 for name in SEGMENTS for end in ("begin", "end")} | {"next": 0, "last": 0}
    start = position = 58 + (16 if plan.other else 0)
    edges = dict(blank)
    for name in plan.segments:
        gap = plan.gaps.get(name, b"")
        position += gap if isinstance(gap, int) else len(gap)
        size = len(_segment(plan, name, blank))
        if size:
            edges[f"{name}_begin"], edges[f"{name}_end"] = position, position + size - 1
        position += size
    edges["last"] = position
    tail = plan.gaps.get("end", b"")
    edges["next"] = position + (8 if plan.crc else 0) + (tail if isinstance(tail, int) else len(tail))
    return edges, start


FIELDS = ("text_begin", "text_end", "data_begin", "data_end", "analysis_begin", "analysis_end")


def header_bytes(plan: Plan, edges: Mapping[str, int]) -> bytes:
    """Write HEADER; an offset beyond eight digits stands as 0, as the standard asks from 3.0 on."""
    fields = []
    for name in (*FIELDS, "other_begin", "other_end")[: 8 if plan.other else 6]:
        given = plan.header.get(name, At(edge=name))
        if isinstance(given, str):
            fields.append(given)
            continue
        value = given.value(edges) if isinstance(given, At) else int(given)
        far = name in plan.header or edges[name.split("_")[0] + "_end"] <= 99_999_999
        fields.append(f"{value if far else 0:>8d}")
    head = f"FCS{plan.version}    " if len(plan.version) == 3 else plan.version
    return (head + "".join(fields)).encode("latin-1")


def kermit(block: bytes) -> int:
    """CRC of FCS 3.0, section 3.5 (CRC-16/KERMIT), bit by bit."""
    value = 0
    for byte in block:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x8408 if value & 1 else 0)
    return value


assert kermit(b"123456789") == 0x2189

Pieces = tuple[tuple[int, bytes], ...]


def pieces_of(plan: Plan) -> tuple[Pieces, int]:
    """Lay the data set out: (offset, bytes) pieces with holes between them, and the whole size."""
    edges, _ = _measure(plan)
    pieces = [(0, header_bytes(plan, edges))]
    position = 58 + (16 if plan.other else 0)
    for name in plan.segments:
        gap = plan.gaps.get(name, b"")
        if isinstance(gap, bytes):
            pieces.append((position, gap))
        position += gap if isinstance(gap, int) else len(gap)
        segment = _segment(plan, name, edges)
        pieces.append((position, segment))
        position += len(segment)
    if plan.crc:
        pieces.append((position, _checksum(plan.crc, pieces)))
        position += 8
    tail = plan.gaps.get("end", b"")
    if isinstance(tail, bytes):
        pieces.append((position, tail))
    return tuple(pieces), edges["next"]


def _checksum(kind: str, pieces: list[tuple[int, bytes]]) -> bytes:
    """Eight bytes after the last segment."""
    if kind == "zero":
        return b"00000000"
    if kind not in {"right", "wrong"}:
        return kind.encode("latin-1")
    value = kermit(b"".join(block for _, block in pieces))
    return b"%08d" % (value if kind == "right" else value ^ 0x35)


def bytes_of(*plans: Plan) -> bytes:
    """Join data sets one behind the other."""
    out = bytearray()
    for plan in plans:
        pieces, size = pieces_of(plan)
        block = bytearray(size)
        for offset, part in pieces:
            block[offset : offset + len(part)] = part
        out += block
    return bytes(out)


def edges_of(plan: Plan) -> dict[str, int]:
    """Where everything stands."""
    return _measure(plan)[0]


def _required(version: str, columns: tuple[Column, ...], order: str, datatype: str) -> dict[str, Word]:
    """Keywords that a version asks for, all true."""
    pairs: dict[str, Word] = {"$BYTEORD": order, "$DATATYPE": datatype, "$MODE": "L", "$NEXTDATA": "0"}
    if version != "2.0":
        pairs |= {f"${word}{part}": At(edge=f"{part.lower()}_{word.lower()}")
                  for part in ("DATA", "STEXT", "ANALYSIS") for word in ("BEGIN", "END")}  # fmt: skip
    events = len(columns[0].raw) if columns else 0
    pairs |= {"$PAR": str(len(columns)), "$TOT": str(events)}
    for number, column in enumerate(columns, start=1):
        pairs |= {
            f"$P{number}N": column.name,
            f"$P{number}B": str(column.bits),
            f"$P{number}R": str(column.range_value),
            f"$P{number}E": f"{column.decades:g},{column.offset:g}",
        }
        if column.label is not None:
            pairs[f"$P{number}S"] = column.label
        if column.gain != 1.0:
            pairs[f"$P{number}G"] = f"{column.gain:g}"
        if version == "3.2" and column.kind != datatype:
            pairs[f"$P{number}DATATYPE"] = column.kind
    return pairs


def plan_of(
    version: str,
    columns: tuple[Column, ...],
    keywords: Mapping[str, Word | None] | None = None,
    *,
    datatype: str | None = None,
    **layout: object,
) -> Plan:
    """Make a sound plan; ``keywords`` override (None drops), ``layout`` sets fields of `Plan`."""
    order = str(layout.get("order", "1,2,3,4"))
    pairs = _required(version, columns, order, datatype or (columns[0].kind if columns else "F"))
    pairs |= {"$CYT": "Made Cytometer", "$FIL": "made.fcs"}
    pairs |= keywords or {}
    kept = tuple((key, value) for key, value in pairs.items() if value is not None)
    return Plan(version=version, columns=columns, keywords=kept, **layout)  # type: ignore[arg-type]


def inserted(plan: Plan, *pairs: tuple[str | bytes, Word], place: int = 4) -> Plan:
    """Put further keywords (also a second time) into the primary TEXT."""
    return replace(plan, keywords=(*plan.keywords[:place], *pairs, *plan.keywords[place:]))
