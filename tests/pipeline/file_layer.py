"""A substitute for the file calls of the system below one folder: it fails the n-th, or records them all.

It stands in for ``open`` with a mode that writes, ``os.open``, ``os.mkdir``, ``os.fsync``, ``os.replace`` and
``os.unlink``, and for the writes of the files that those give. What was recorded can be played back onto an
imagined disk up to any call, as if the power had gone there.
"""

# ruff: noqa: PTH100, PTH110, PTH112, PTH120
from __future__ import annotations

import builtins
import contextlib
import io
import os
from dataclasses import dataclass, field
from pathlib import Path

COUNTED = ("create", "write", "fsync", "replace", "mkdir")
"""Calls that need room or a working disk."""


@dataclass
class Op:
    kind: str
    path: str
    target: str = ""
    data: bytes = b""
    offset: int = 0


@dataclass
class FileLayer:
    """Fails call number `fail_at` (from 1) below `root`, all later ones if it `stays`; records all."""

    root: Path
    fail_at: int = 0
    error: int = 0
    stays: bool = True
    calls: int = 0
    failures: int = 0
    log: list[Op] = field(default_factory=list)
    counted: list[str] = field(default_factory=list)
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _inside: int = 0

    def __enter__(self) -> FileLayer:
        self._real = {name: getattr(os, name) for name in ("open", "mkdir", "fsync", "replace", "unlink")}
        self._open = builtins.open
        self.root = Path(os.path.realpath(self.root))
        for name in self._real:
            self._put(os, name, getattr(self, f"_{name}_"))
        self._put(io, "open", self._opened)
        self._put(builtins, "open", self._opened)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _put(self, module, name, value):
        self._stack.callback(setattr, module, name, getattr(module, name))
        setattr(module, name, value)

    def _mine(self, path) -> str:
        """Give the whole name of a path below the root, else nothing."""
        if isinstance(path, int):
            return ""
        name = os.path.abspath(os.fspath(path))
        return name if isinstance(name, str) and name.startswith(str(self.root)) else ""

    def _count(self, kind: str, path: str) -> None:
        if kind in COUNTED:
            self.calls += 1
            self.counted.append(f"{kind} {path}")
            if self.fail_at and (self.calls == self.fail_at or (self.stays and self.calls > self.fail_at)):
                self.failures += 1
                raise OSError(self.error, os.strerror(self.error), path)

    # -- calls -----------------------------------------------------------------------------------------------

    def _open_(self, path, flags, mode=0o777, **more):
        name = self._mine(path)
        if name and flags & os.O_CREAT and not self._inside:
            self._count("create", name)
            handle = self._real["open"](path, flags, mode, **more)
            self.log.append(Op("create", name))
            return handle
        return self._real["open"](path, flags, mode, **more)

    def _mkdir_(self, path, mode=0o777, **more):
        name = self._mine(path)
        if name and not os.path.isdir(name):
            self._count("mkdir", name)
        self._real["mkdir"](path, mode, **more)

    def _fsync_(self, handle):
        name = self._mine(
            os.path.realpath(f"/proc/self/fd/{handle if isinstance(handle, int) else handle.fileno()}")
        )
        if name:
            self._count("fsync", name)
            self.log.append(Op("fsync", name))
        self._real["fsync"](handle)

    def _replace_(self, source, target, **more):
        name = self._mine(source)
        if name:
            self._count("replace", name)
        self._real["replace"](source, target, **more)
        if name:
            self.log.append(Op("replace", name, target=self._mine(target)))

    def _unlink_(self, path, **more):
        self._real["unlink"](path, **more)
        if name := self._mine(path):
            self.log.append(Op("unlink", name))

    def _opened(self, file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, **more):
        name = self._mine(file)
        if not name or not set(mode) & set("wax+"):
            return self._open(file, mode, buffering, encoding, errors, newline, **more)
        there = os.path.exists(name)
        if not there:
            self._count("create", name)
        self._inside += 1
        try:
            raw = _Raw(self, name, mode.replace("b", "").replace("t", ""))
        finally:
            self._inside -= 1
        if not there or "w" in mode:
            self.log.append(Op("create", name))
        if buffering == 0:
            return raw
        whole = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return whole if "b" in mode else io.TextIOWrapper(whole, encoding, errors, newline)


class _Raw(io.FileIO):
    def __init__(self, layer: FileLayer, name: str, mode: str) -> None:
        super().__init__(name, mode)
        self._layer, self._path, self._appends = layer, name, "a" in mode

    def write(self, data) -> int:
        """Write; of a write that is to fail, a half is on the disk before the rest is refused."""
        content = bytes(data)
        try:
            self._layer._count("write", self._path)
        except OSError:
            self._put(content[: len(content) // 2])
            raise
        self._put(content)
        return len(content)

    def _put(self, content: bytes) -> None:
        offset = os.fstat(self.fileno()).st_size if self._appends else self.tell()
        super().write(content)
        self._layer.log.append(Op("write", self._path, data=content, offset=offset))

    def truncate(self, size=None) -> int:
        size = self.tell() if size is None else size
        self._layer.log.append(Op("truncate", self._path, offset=size))
        return super().truncate(size)


# -- power cuts ----------------------------------------------------------------------------------------------


@dataclass
class Disk:
    """An imagined disk: what programs see, and what would still be there after a power cut."""

    names: dict[str, int] = field(default_factory=dict)
    seen: dict[int, bytearray] = field(default_factory=dict)
    kept_names: dict[str, int] = field(default_factory=dict)
    kept: dict[int, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path) -> Disk:
        """Begin with the files of a folder, all of them safe."""
        disk = cls()
        for path in sorted(Path(os.path.realpath(folder)).rglob("*")):
            if path.is_file():
                disk._add(str(path), path.read_bytes())
        disk.kept_names = dict(disk.names)
        disk.kept = {number: bytes(content) for number, content in disk.seen.items()}
        return disk

    def _add(self, name: str, content: bytes) -> None:
        number = len(self.seen)
        self.names[name], self.seen[number] = number, bytearray(content)

    def play(self, op: Op) -> None:
        """Do what one recorded call did."""
        if op.kind == "create":
            self._add(op.path, b"")
        elif op.kind == "write":
            content = self.seen[self.names[op.path]]
            content[op.offset : op.offset + len(op.data)] = op.data
        elif op.kind == "truncate":
            del self.seen[self.names[op.path]][op.offset :]
        elif op.kind == "replace":
            self.names[op.target] = self.names.pop(op.path)
        elif op.kind == "unlink":
            self.names.pop(op.path, None)
        elif op.path in self.names:
            number = self.names[op.path]
            self.kept[number] = bytes(self.seen[number])
        else:
            self._keep_names(op.path)

    def _keep_names(self, folder: str) -> None:
        def inside(name: str) -> bool:
            return os.path.dirname(name) == folder

        others = {name: number for name, number in self.kept_names.items() if not inside(name)}
        self.kept_names = others | {name: number for name, number in self.names.items() if inside(name)}

    def after(self, cut: str) -> dict[str, bytes]:
        """Give the files after the program was killed, or after the power went.

        ``killed``: all that was written is there. ``contents lost``: names lasted, contents that were not
        synchronised did not. ``all lost``: neither did.
        """
        if cut == "killed":
            return {name: bytes(self.seen[number]) for name, number in self.names.items()}
        names = self.names if cut == "contents lost" else self.kept_names
        return {name: self.kept.get(number, b"") for name, number in names.items()}


CUTS = ("killed", "contents lost", "all lost")
