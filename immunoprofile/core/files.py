"""Files that are whole or absent: temporary name, fsync, rename; and hashes of content.

Every file that the product writes comes through here, so that one place knows what a full or failing disk
means. A temporary file carries the process that made it in its name; :func:`sweep` removes those of the dead.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from immunoprofile.core._processes import host_tag, is_alive, start_of
from immunoprofile.core.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TEMPORARY_PREFIX = ".immunoprofile-tmp-"
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""No space, no quota, or a file larger than this process may write."""
REFUSED = (
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL,
    errno.ELOOP, errno.EEXIST, errno.ENOTEMPTY,
)  # fmt: skip
"""What the same command would meet again: a matter of permissions and names, not of the moment."""
NO_FOLDER_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)
"""How file systems say that a folder cannot be synchronised."""
ABANDONED_SECONDS = 86_400
"""Age from which a temporary file of another machine is taken for one of a dead process."""


def storage_error(error: OSError, folder: Path, *, size: int | None = None) -> StorageError:
    """Tell what the system said of a write, in which folder, and how many bytes were to be written.

    Parameters
    ----------
    error : OSError
    folder : Path
    size : int or None
        Bytes of the file that was written, where known.

    Returns
    -------
    StorageError
        ``disk_full``, ``path_unwritable`` or ``write_failed``; it keeps `errno` and `strerror`.
    """
    if isinstance(error, StorageError):
        return error
    reason = error.strerror or type(error).__name__
    if error.errno in FULL:
        needed = f"; {size:,} bytes were to be written" if size is not None else ""
        hint = "make room there, then run the same command again"
        return StorageError.of(error, "disk_full", f"{reason}{needed}", where=str(folder), hint=hint)
    if error.errno in REFUSED:
        hint = "give the folder write permission, or name another"
        return StorageError.of(error, "path_unwritable", reason, where=str(folder), hint=hint)
    hint = "look at the disk, then run the same command again"
    return StorageError.of(error, "write_failed", reason, where=str(folder), hint=hint)


@contextlib.contextmanager
def _telling(folder: Path, size: int | None = None) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise storage_error(error, folder, size=size) from error


@contextlib.contextmanager
def atomic_path(
    path: str | Path, *, mode: int | None = None, durable: bool = True, size: int | None = None
) -> Iterator[Path]:
    """Yield a temporary path in the same folder; on success it takes the place of `path`, else it is removed.

    Parameters
    ----------
    path : path
        Final name.
    mode : int or None
        Permission bits of the final file; by default those that the umask leaves.
    durable : bool
        Whether file and folder are synchronised to disk (results and audit log; not cache entries).
    size : int or None
        Bytes that will be written, for the message of a full disk.

    Raises
    ------
    StorageError
        ``disk_full``, ``path_unwritable``, ``write_failed``; what was there before is untouched.
    """
    final = Path(path)
    temporary = _created(final.parent, mode)
    try:
        try:
            yield temporary
        except OSError as error:
            if error.errno in FULL:
                raise storage_error(error, final.parent, size=size) from error
            raise
        with _telling(final.parent, size):
            if durable:
                _sync_file(temporary)
            os.replace(temporary, final)  # noqa: PTH105 - the one call that tests of power cuts watch
            if durable:
                sync_folder(final.parent)
    except BaseException:
        _removed(temporary)
        raise


def _created(folder: Path, mode: int | None) -> Path:
    """Make an empty file of an unused name; the system applies the umask, unless a mode is asked for."""
    with _telling(folder):
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / temporary_name()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
        handle = os.open(path, flags, 0o666 if mode is None else mode & 0o700)
        try:
            if mode is not None and hasattr(os, "fchmod"):
                os.fchmod(handle, mode)
        finally:
            os.close(handle)
    return path


def _removed(path: Path) -> None:
    """Remove a file; one that cannot be removed is swept by the next run."""
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def temporary_name() -> str:
    """Give a new name that tells machine and process: see :func:`sweep`."""
    process = os.getpid()
    return f"{TEMPORARY_PREFIX}{host_tag()}-{process}-{start_of(process)}-{secrets.token_hex(6)}"


def sweep(folders: Iterable[Path], *, everything: bool = False) -> None:
    """Remove the temporary files of dead processes: of this machine, and old ones of another.

    Parameters
    ----------
    folders : iterable of Path
    everything : bool
        Take every process of another machine for dead.
    """
    for folder in folders:
        for path in folder.glob(f"{TEMPORARY_PREFIX}*"):
            if _is_litter(path, everything=everything):
                _removed(path)


def _is_litter(path: Path, *, everything: bool) -> bool:
    parts = path.name.removeprefix(TEMPORARY_PREFIX).split("-")
    if len(parts) != 4 or not parts[1].isdigit() or not parts[2].isdigit():
        return True
    if parts[0] == host_tag():
        return not is_alive(int(parts[1]), start=int(parts[2]))
    try:
        return everything or time.time() - path.stat().st_mtime > ABANDONED_SECONDS
    except OSError:
        return False


def _sync_file(path: Path) -> None:
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Make the names of a folder last through a power cut, where the system can."""
    if os.name != "posix":  # Windows cannot open a folder
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in NO_FOLDER_SYNC:
            raise
    finally:
        os.close(handle)


def write_bytes(path: str | Path, content: bytes, *, mode: int | None = None, durable: bool = True) -> Path:
    """Write bytes, atomically; see :func:`atomic_path`."""
    final = Path(path)
    with atomic_path(final, mode=mode, durable=durable, size=len(content)) as temporary:
        put(temporary, content, folder=final.parent)
    return final


def put(temporary: Path, content: bytes, *, folder: Path) -> None:
    """Fill a temporary file."""
    with _telling(folder, len(content)), temporary.open("wb", buffering=0) as stream:
        view = memoryview(content)
        while view:
            view = view[stream.write(view) :]


def write_text(path: str | Path, text: str, *, mode: int | None = None, durable: bool = True) -> Path:
    """Write UTF-8 text as it is, atomically; see :func:`atomic_path`."""
    return write_bytes(path, text.encode("utf-8"), mode=mode, durable=durable)


def write_json(path: str | Path, value: Any, *, mode: int | None = None) -> Path:
    """Write JSON (sorted keys, no NaN), atomically."""
    return write_text(path, json_text(value), mode=mode)


def json_text(value: Any) -> str:
    """Give JSON with sorted keys and no NaN."""
    return json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"


class Stage:
    """Files that appear together: all are written and synchronised before the first one takes its place.

    A disk that fills while they are written leaves every old file as it was. To be used in a ``with`` block;
    what was not committed is removed.

    Parameters
    ----------
    folder : Path
        Where the files will be.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._waiting: dict[str, Path] = {}

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        for temporary in self._waiting.values():
            _removed(temporary)
        self._waiting.clear()

    @property
    def files(self) -> dict[str, Path]:
        """Final name to the temporary file that waits for it."""
        return dict(self._waiting)

    def add(self, name: str, content: bytes) -> None:
        """Write the content of a file that is to appear."""
        temporary = _created(self.folder, None)
        self._waiting[name] = temporary
        put(temporary, content, folder=self.folder)
        with _telling(self.folder, len(content)):
            _sync_file(temporary)

    def commit(self, *, last: str, gone: Iterable[Path] = ()) -> list[Path]:
        """Let the files appear.

        Parameters
        ----------
        last : str
            The file that says that all are there: the old one goes before the first file is replaced, the
            new one comes when the others are safe.
        gone : iterable of Path
            Files that are no longer to be there.

        Returns
        -------
        list of Path
            In the order of their writing, `last` at the end.
        """
        order = [name for name in self._waiting if name != last]
        with _telling(self.folder):
            (self.folder / last).unlink(missing_ok=True)
            sync_folder(self.folder)
            for name in order:
                self._reveal(name)
            for path in gone:
                path.unlink(missing_ok=True)
            sync_folder(self.folder)
            self._reveal(last)
            sync_folder(self.folder)
        return [self.folder / name for name in (*order, last)]

    def _reveal(self, name: str) -> None:
        os.replace(self._waiting[name], self.folder / name)  # noqa: PTH105 - as in atomic_path
        del self._waiting[name]


def sha256_of(path: str | Path) -> str:
    """Hash the content of a file."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_text(text: str) -> str:
    """Hash a text (UTF-8)."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
