"""TOML from strangers: bounded in size and depth before and after it is parsed."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

MOST_BYTES = 1_000_000
MOST_DEPTH = 32
"""Tables in tables, lists in lists: no file of ours needs a quarter of it."""


class TomlError(ValueError):
    """A text that is not TOML, or more than a settings file may be.

    Attributes
    ----------
    line : int or None
        Line at fault, where one is known.
    """

    def __init__(self, problem: str, line: int | None = None) -> None:
        self.problem, self.line = problem, line
        super().__init__(problem if line is None else f"{problem} (line {line})")


def read_toml_text(path: str | Path) -> str:
    """Read the text of a TOML file: UTF-8 with or without mark, at most 1 MB.

    Raises
    ------
    TomlError
    OSError
    """
    file = Path(path)
    if file.exists() and not file.is_file():
        raise TomlError("not a file")
    with file.open("rb") as stream:
        content = stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise TomlError("the file is larger than 1 MB")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise TomlError("not UTF-8", content[: error.start].count(b"\n") + 1) from None


def parse_toml(text: str) -> dict[str, Any]:
    """Parse TOML text.

    Raises
    ------
    TomlError
        For whatever is wrong with it: nothing else leaves the parser.
    """
    if len(text) > MOST_BYTES:
        raise TomlError("the text is larger than 1 MB")
    _refuse_long_keys(text)
    try:
        found = tomllib.loads(text)
    except RecursionError:
        raise TomlError("nested too deep") from None
    except ValueError as error:  # tomllib.TOMLDecodeError, and a whole number of thousands of digits
        raise _said(str(error), text) from error
    _refuse_depth(found)
    return found


def _refuse_long_keys(text: str) -> None:
    """Refuse a dotted key that is deeper than any table may be: its cost grows with its square."""
    for number, line in enumerate(text.split("\n"), start=1):
        bare = line.lstrip()
        key = bare.lstrip("[").partition("]")[0] if bare.startswith("[") else bare.partition("=")[0]
        if key.count(".") > MOST_DEPTH and "," not in key and not set("'\"") & set(key):
            raise TomlError("a key is nested too deep", number)
        if key.count(".") > 50 * MOST_DEPTH and "," not in key:
            raise TomlError("a key is nested too deep", number)


def _refuse_depth(content: dict[str, Any]) -> None:
    level: list[Any] = [content]
    for _ in range(MOST_DEPTH):
        level = [
            inner
            for value in level
            for inner in (value.values() if isinstance(value, dict) else value)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise TomlError("nested too deep")


def _said(message: str, text: str) -> TomlError:
    what, _, place = message.rpartition(" (at ")
    words = place.rstrip(")").replace(",", "").split()
    known = words[:1] == ["line"] and words[1].isdigit()
    line = int(words[1]) if known else text.count("\n") + 1
    what = (what or message)[:200].strip() or "not TOML"
    return TomlError(what[0].lower() + what[1:], line)
