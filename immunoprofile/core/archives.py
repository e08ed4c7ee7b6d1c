"""ZIP archives and NumPy arrays from strangers: what a directory says of sizes is counted, never believed."""

from __future__ import annotations

import io
import json
import math
import struct
import zipfile
import zlib
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from immunoprofile.core.errors import ImmunoprofileError

if TYPE_CHECKING:
    from pathlib import Path

MOST_MEMBERS = 10_000
MOST_UNPACKED = 4_000_000_000
MOST_RATIO = 200
SMALL = 64_000_000
"""Bytes that any archive may unpack to, whatever its size: a table of zeros packs better than any text."""
_BLOCK = 1 << 18
_HEADER = struct.Struct("<4s5H3L2H")
"""Local header of a member: signature, ..., length of its name, length of its extra field."""
_NESTED = (b"PK\x03\x04", b"PK\x05\x06")
_ENCRYPTED = 0x1


def check_archive(source: Path | IO[bytes], *, nesting: bool = False) -> None:
    """Refuse an archive that would cost more to unpack than it may.

    Every member is unpacked block by block and counted: at most 10,000 members, 4 GB in all, 200 times the
    size of the archive (or 64 MB, if that is more); none encrypted, none over another, none larger or
    smaller than it says, none an archive itself.

    Parameters
    ----------
    source : path or binary file
    nesting : bool
        Whether members may be archives.

    Raises
    ------
    ImmunoprofileError
        ``archive_refused``.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            _check(archive, nesting=nesting)
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, RuntimeError) as error:
        raise _refused("it is damaged") from error


def _check(archive: zipfile.ZipFile, *, nesting: bool) -> None:
    members = sorted(archive.infolist(), key=lambda member: member.header_offset)
    if len(members) > MOST_MEMBERS:
        raise _refused("it has more than 10,000 members")
    stream = archive.fp
    if stream is None:  # pragma: no cover - an open archive has its file
        raise _refused("it is closed")
    size = stream.seek(0, io.SEEK_END)
    left = min(MOST_UNPACKED, max(MOST_RATIO * size, SMALL))
    end = 0
    for member in members:
        if member.flag_bits & _ENCRYPTED:
            raise _refused("a member is encrypted")
        start = _start_of(stream, member)
        if member.header_offset < end or start + member.compress_size > size:
            raise _refused("members lie over each other")
        end = start + member.compress_size
        left -= _counted(stream, member, start=start, most=left, nesting=nesting)


def _start_of(stream: IO[bytes], member: zipfile.ZipInfo) -> int:
    stream.seek(member.header_offset)
    head = _HEADER.unpack(stream.read(_HEADER.size))
    if head[0] != b"PK\x03\x04":
        raise _refused("it is damaged")
    return member.header_offset + _HEADER.size + int(head[-2]) + int(head[-1])


def _counted(stream: IO[bytes], member: zipfile.ZipInfo, *, start: int, most: int, nesting: bool) -> int:
    """Count the bytes of a member as they come."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _refused("a member is packed in an unusual way")
    stream.seek(start)
    total, first = 0, b""
    for block in _blocks(stream, member):
        first = first or block[:4]
        total += len(block)
        if total > most:
            raise _refused("it unpacks to more than 200 times its size, or to more than 4 GB")
    if total != member.file_size:
        raise _refused("a member is not of the size that it claims")
    if first in _NESTED and not nesting:
        raise _refused("a member is an archive itself")
    return total


def _blocks(stream: IO[bytes], member: zipfile.ZipInfo) -> Any:
    left = member.compress_size
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS) if member.compress_type == zipfile.ZIP_DEFLATED else None
    while left > 0:
        content = stream.read(min(left, _BLOCK))
        if not content:
            raise EOFError
        left -= len(content)
        if unpacker is None:
            yield content
            continue
        while content:
            yield unpacker.decompress(content, _BLOCK)
            content = unpacker.unconsumed_tail
    if unpacker is not None:
        yield unpacker.flush(_BLOCK)
        if not unpacker.eof:
            raise EOFError


def _refused(what: str) -> ImmunoprofileError:
    return ImmunoprofileError("archive_refused", f"the archive is refused: {what}", hint="pack it anew")


def load_arrays(content: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Unpack arrays, and the JSON that stands as bytes under ``head``, from the bytes of an ``.npz``.

    No array of Python objects is made, and none larger than its member.

    Raises
    ------
    ValueError
        For anything else.
    """
    try:
        check_archive(io.BytesIO(content))
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            arrays = {
                member.filename.removesuffix(".npy"): _array(archive.read(member))
                for member in archive.infolist()
            }
        head = json.loads(arrays.pop("head").tobytes().decode("utf-8"))
    except ImmunoprofileError as error:
        raise ValueError(error.problem) from error
    except (LookupError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError, TypeError) as error:
        raise ValueError("not an archive of arrays with a head") from error
    if not isinstance(head, dict):
        raise ValueError("the head is no table")
    return head, arrays


def _array(content: bytes) -> np.ndarray[Any, Any]:
    """Read an ``.npy``: its shape is held against its bytes before anything is allocated."""
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in read:
        raise ValueError("an array of an unknown version")
    shape, fortran, dtype = read[version](stream)
    if dtype.hasobject or math.prod(shape) * dtype.itemsize != len(content) - stream.tell():
        raise ValueError("an array that is not of the size that it claims")
    found = np.frombuffer(content, dtype=dtype, offset=stream.tell())
    return found.reshape(shape, order="F" if fortran else "C")
