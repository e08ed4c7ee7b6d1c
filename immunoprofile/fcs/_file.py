"""The file under the reader: regular files only, sizes known before bytes are asked for, no bare OSError."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from immunoprofile.core import UnknownNameError
from immunoprofile.fcs._numbers import MAX_DIGITS

if TYPE_CHECKING:
    from types import TracebackType

    from immunoprofile.fcs._issues import Findings


@dataclass(frozen=True, slots=True, kw_only=True)
class FcsLimits:
    """Bounds that are checked before anything is allocated.

    Attributes
    ----------
    text_bytes : int
        Longest TEXT, longest supplemental TEXT, longest ANALYSIS.
    keywords : int
        Most keywords of a segment: short ones take many times their bytes in memory.
    parameters : int
        Largest ``$PAR``.
    digits : int
        Longest whole number; 2**64 has 20 digits.
    data_sets : int
        Longest chain of data sets in one file.
    """

    text_bytes: int = 64 * 2**20
    keywords: int = 1_000_000
    parameters: int = 100_000
    digits: int = MAX_DIGITS
    data_sets: int = 10_000

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"the limit {name} is a whole number, not {type(value).__name__}")
            if value < 1:
                raise UnknownNameError(
                    "unknown_choice", f"the limit {name} is {value}", hint="give a whole number above 0"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What tells whether a file is still the one that was read: size, time of change, inode."""

    size: int
    changed: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """Take the stamp from the answer of the system."""
        return cls(size=status.st_size, changed=status.st_mtime_ns, inode=status.st_ino)


class InputFile:
    """An open regular file; a context manager.

    Attributes
    ----------
    size : int
        Bytes of the file when it was opened.
    stamp : Stamp
        To see later whether it has changed.
    """

    __slots__ = ("_stream", "findings", "size", "stamp")

    def __init__(self, path: str | Path, findings: Findings) -> None:
        self.findings = findings
        try:
            self._check_kind(Path(path).stat().st_mode)  # before opening: a FIFO would block
            self._stream: BinaryIO = Path(path).open("rb")  # noqa: SIM115 - closed by __exit__
        except (OSError, ValueError) as error:
            raise findings.error("io", _reason(error), hint="check the path and the permissions") from error
        status = os.fstat(self._stream.fileno())
        self.size, self.stamp = status.st_size, Stamp.of(status)

    def _check_kind(self, mode: int) -> None:
        if stat.S_ISREG(mode):
            return
        kind = "a folder" if stat.S_ISDIR(mode) else "a pipe, socket or device"
        raise self.findings.error(
            "not-regular-file", f"the path is {kind}, not a file", hint="name the FCS file itself"
        )

    def __enter__(self) -> InputFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    @property
    def descriptor(self) -> int:
        """File descriptor, for mapping."""
        return self._stream.fileno()

    def read(self, offset: int, count: int) -> bytes:
        """Read exactly `count` bytes that the caller knows to lie in the file."""
        try:
            self._stream.seek(offset)
            content = self._stream.read(count)
        except (OSError, ValueError, OverflowError) as error:
            raise self.findings.error("io", _reason(error), offset=offset) from error
        if len(content) != count:
            raise self.findings.error(
                "io",
                f"the file became shorter while it was read ({len(content)} of {count} bytes)",
                offset=offset,
                hint="read it again when its copy is complete",
            )
        return content


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return f"the system refuses: {text}"
