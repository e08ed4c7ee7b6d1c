"""How kernels are compiled: no GIL, explicit signatures, and a cache on disk that belongs to the user.

numba keeps its cache beside the source, which an installed package may not write. So it goes to the user's
cache folder, unless the user told numba (``NUMBA_CACHE_DIR``) or us (``IMMUNOPROFILE_CACHE``) another place.
"""

from __future__ import annotations

import hashlib
import logging
import os
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

F = TypeVar("F", bound="Callable[..., Any]")
_LOG = logging.getLogger("immunoprofile")


def cache_folder(sources: tuple[str, ...]) -> Path:
    """Give the folder that holds the compiled kernels made of some source files.

    The name carries the numba version and a hash of the source: numba does not notice a change of a function
    that another one inlines.
    """
    import numba
    import platformdirs

    base = os.environ.get("IMMUNOPROFILE_CACHE") or platformdirs.user_cache_dir("immunoprofile")
    digest = hashlib.sha256(b"".join(Path(source).read_bytes() for source in sources)).hexdigest()[:12]
    return Path(base) / f"numba-{numba.__version__}-{digest}"


def kernel(*signatures: object, sources: tuple[str, ...]) -> Callable[[F], F]:
    """Compile a function for the given signatures, or load it from the cache.

    Parameters
    ----------
    *signatures : numba signatures
        None: compiled for whatever a kernel calls it with, as part of that kernel.
    sources : tuple of str
        Files that the kernel is made of.
    """

    def compiled(function: F) -> F:
        numba: Any = import_module("numba")  # typed in some versions only

        if not signatures:
            part: F = numba.njit(nogil=True, error_model="numpy")(function)
            return part
        with _cached(sources) as can_cache, _announced():
            whole: F = numba.njit(list(signatures), cache=can_cache, nogil=True, error_model="numpy")(
                function
            )
            return whole

    return compiled


@contextmanager
def _cached(sources: tuple[str, ...]) -> Iterator[bool]:
    """Point numba to our folder for the time of one compilation; tell whether there is one to write to."""
    config: Any = import_module("numba.core.config")
    if config.CACHE_DIR:
        yield True
        return
    folder = cache_folder(sources)
    if not _is_usable(folder):
        _LOG.info("no folder to keep compiled kernels in: they are compiled at every start")
        yield False
        return
    config.CACHE_DIR = str(folder)
    try:
        yield True
    finally:
        config.CACHE_DIR = ""


def _is_usable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


@contextmanager
def _announced() -> Iterator[None]:
    """Log one line if something is really compiled: numba tells of compilations, not of loads from disk."""
    events: Any = import_module("numba.core.event")
    heard = {"on_start": lambda _self, _event: _say_once(), "on_end": lambda _self, _event: None}
    listener = type("Announcement", (events.Listener,), heard)()
    with events.install_listener("numba:compile", listener):
        yield


@cache
def _say_once() -> None:
    """Say it for the first kernel that is compiled and be silent for the others."""
    _LOG.info("compiling kernels (once)")
