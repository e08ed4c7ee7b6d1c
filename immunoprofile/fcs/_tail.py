"""What lies after DATA: the checksum, unclaimed bytes, and the next data set."""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING

from immunoprofile.fcs._header import HEADER_BYTES, Header
from immunoprofile.fcs._numbers import BLANKS, whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from immunoprofile.fcs._file import InputFile

CRC_BYTES = 8
_CRC = re.compile(rb"[0-9]{8}")
_CHUNK = 2**20
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def next_data_set(file: InputFile, header: Header, keywords: Mapping[str, str]) -> int | None:
    """Give the first byte of the next data set in the file, or None; a chain that leads nowhere is noted."""
    text = keywords.get("$NEXTDATA", "")
    if not text.strip(BLANKS):
        return None
    step = whole_number(text)
    if step == 0:
        return None
    begin = -1 if step is None else header.base + step
    if step is None or step < HEADER_BYTES or begin + 3 > file.size or file.read(begin, 3) != b"FCS":
        file.findings.warn(
            "nextdata-invalid",
            "$NEXTDATA leads to no further data set and was ignored",
            keyword="$NEXTDATA",
        )
        return None
    return begin


def check_tail(
    file: InputFile,
    header: Header,
    *,
    end: int,
    following: int | None,
) -> None:
    """Check the checksum after the last claimed byte `end` (of the data set), and note unclaimed bytes."""
    last = file.size if following is None else following
    left = last - (header.base + end + 1)
    if left > CRC_BYTES:
        file.findings.info(
            "unclaimed-bytes",
            f"{left} bytes after the last segment are not explained",
            offset=header.base + end + 1,
        )
    if header.version < "3.0" or left < CRC_BYTES:
        return
    written = file.read(header.base + end + 1, CRC_BYTES)
    if not _CRC.fullmatch(written) or written == b"00000000":
        return
    found = crc(file, header.base, header.base + end)
    if int(written) != found:
        file.findings.warn(
            "crc-mismatch",
            f"the file's checksum is {int(written)}, its bytes give {found}: they have changed since",
            offset=header.base + end + 1,
        )


def crc(file: InputFile, begin: int, end: int) -> int:
    """Compute the checksum of FCS 3.0 (CCITT polynomial, bits reversed in and out; CRC-16/KERMIT)."""
    value = 0
    for position in range(begin, end + 1, _CHUNK):
        chunk = file.read(position, min(_CHUNK, end + 1 - position))
        value = binascii.crc_hqx(chunk.translate(_REVERSED), value)
    return int(f"{value:016b}"[::-1], 2)
