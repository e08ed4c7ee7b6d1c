"""study.toml to a design: strict types, every fault at once, each with its line."""

from __future__ import annotations

import bisect
import collections.abc
import math
import sys
import typing
from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from immunoprofile.core import close_names, listed, nearest
from immunoprofile.core.settings import TomlError, parse_toml, read_toml_text
from immunoprofile.trial import _schema
from immunoprofile.trial._problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cattrs import Converter

    from immunoprofile.trial._schema import StudyDesign

TABLE = "study.toml"
MOST_FOUND = 200
"""Characters of a value that a problem repeats."""


class _RefusedError(ValueError):
    """A value of the wrong kind."""

    def __init__(self, found: object, expected: str) -> None:
        self.found, self.expected = found, expected
        super().__init__(expected)


def read_design(path: Path) -> tuple[StudyDesign | None, list[Problem]]:
    """Read study.toml.

    Returns
    -------
    design : StudyDesign or None
        None where there are problems.
    problems : list of Problem
        ``toml_invalid``, ``setting_missing``, ``setting_unknown``, ``setting_invalid``; all of them.
    """
    try:
        text = read_toml_text(path)
        content = parse_toml(text)
    except OSError as error:
        hint = "give the path of study.toml or of its folder"
        return None, [_refused(f"cannot be read ({error.strerror})", hint=hint)]
    except TomlError as error:
        return None, [_refused(error.problem, line=error.line, shown=_line_of(path, error.line))]
    problems = list(_structured(content, text))
    design: StudyDesign | None = None
    if not problems:
        design = _converter().structure(content, _schema.StudyDesign)
    return design, problems


def _refused(what: str, *, hint: str = "", line: int | None = None, shown: str | None = None) -> Problem:
    return Problem(
        code="toml_invalid",
        table=TABLE,
        row=line,
        found=shown,
        what=what,
        hint=hint or (f"line {line} of study.toml" if line else ""),
        scope="study",
    )


def _line_of(path: Path, line: int | None) -> str | None:
    """Give the line at fault, where the file is text."""
    try:
        lines = read_toml_text(path).split("\n") if line else []
    except (OSError, TomlError):
        return None
    return lines[line - 1].strip() if line and line <= len(lines) else None


def _structured(content: dict[str, Any], text: str) -> Iterator[Problem]:
    from cattrs import ClassValidationError, IterableValidationError

    try:
        _converter().structure(content, _schema.StudyDesign)
    except (ClassValidationError, IterableValidationError) as error:
        yield from _walk(error, (), lines=_Lines(text), kind=_schema.StudyDesign)


class _Lines:
    """Finds the line of a key: the n-th header of its table, then the key below it."""

    def __init__(self, text: str) -> None:
        self._headers: dict[str, list[int]] = {}
        self._keys: dict[str, list[int]] = {}
        self._starts: list[int] = []
        for number, line in enumerate(text.split("\n"), start=1):
            bare = line.lstrip()
            if bare.startswith("["):
                self._starts.append(number)
                name = bare.lstrip("[").partition("]")[0].strip()
                self._headers.setdefault(name, []).append(number)
                continue
            key, equals, _ = bare.partition("=")
            for part in key.split(".") if equals else ():
                self._keys.setdefault(part.strip().strip("\"'"), []).append(number)

    def of(self, path: tuple[str | int, ...]) -> int | None:
        names = [str(part) for part in path if not isinstance(part, int)]
        if not names:
            return None
        counts = [part for part in path if isinstance(part, int)]
        index = counts[0] if counts else 0
        start = self._header(names[:-1], index) or self._header(names[:1], index)
        after = bisect.bisect_right(self._starts, start or 0)
        end = self._starts[after] if start and after < len(self._starts) else sys.maxsize
        held = self._keys.get(names[-1], [])
        at = bisect.bisect_left(held, start or 0)
        if at < len(held) and held[at] < end:
            return held[at]
        return start or self._header(names, index)

    def _header(self, names: list[str], index: int) -> int | None:
        hits = self._headers.get(".".join(names), []) if names else []
        return hits[min(index, len(hits) - 1)] if hits else None


def _walk(error: Exception, path: tuple[str | int, ...], *, lines: _Lines, kind: Any) -> Iterator[Problem]:
    from cattrs import BaseValidationError, ForbiddenExtraKeysError

    if isinstance(error, BaseValidationError):
        for inner in error.exceptions:
            step = _note(inner)
            yield from _walk(inner, (*path, *step), lines=lines, kind=getattr(error, "cl", kind))
    elif isinstance(error, ForbiddenExtraKeysError):
        yield from _unknown(error, path, lines)
    elif isinstance(error, KeyError):
        yield _missing(error, path, lines)
    elif isinstance(error, _RefusedError):
        yield _problem(
            "setting_invalid", path, lines=lines, expected=error.expected, found=_shown(error.found)
        )
    else:
        yield _problem("setting_invalid", path, lines=lines, expected="not a value of the right kind")


def _shown(value: object) -> str:
    """Show a value, the start of a long one."""
    text = repr(value)
    return text if len(text) <= MOST_FOUND else text[:MOST_FOUND] + "..."


def _note(error: Exception) -> tuple[str | int, ...]:
    """Give the step of the path that cattrs noted."""
    from cattrs import AttributeValidationNote, IterableValidationNote

    for note in getattr(error, "__notes__", ()):
        if isinstance(note, AttributeValidationNote):
            return (note.name,)
        if isinstance(note, IterableValidationNote):
            return (note.index,)
    return ()


def _unknown(error: Any, path: tuple[str | int, ...], lines: _Lines) -> Iterator[Problem]:
    known = [attribute.name for attribute in fields(error.cl)]
    for name in sorted(error.extra_fields):
        like = nearest(name, known) or next(iter(close_names(name, known, count=1)), "")
        where = _dotted(path) or "study.toml"
        yield Problem(
            code="setting_unknown",
            table=TABLE,
            row=lines.of((*path, name)),
            column=_dotted((*path, name)),
            found=name,
            expected=f"one of {listed(known, 20)}",
            nearest=like,
            what=f"no such setting in {where}",
            hint=f"nearest: {like}" if like else f"{where} takes {listed(known, 20)}",
            scope="study",
        )


def _missing(error: KeyError, path: tuple[str | int, ...], lines: _Lines) -> Problem:
    name = str(error.args[0]) if error.args else ""
    full = path if path and path[-1] == name else (*path, name)
    return Problem(
        code="setting_missing",
        table=TABLE,
        row=lines.of(full[:-1]) if len(full) > 1 else None,
        column=_dotted(full),
        what="this setting is required",
        expected=f"{name} = ...",
        hint=f'add {name} = "..." to [{_dotted(full[:-1])}]' if len(full) > 1 else f"add a table [{name}]",
        scope="study",
    )


def _problem(
    code: str, path: tuple[str | int, ...], *, lines: _Lines, expected: str, found: str | None = None
) -> Problem:
    return Problem(
        code=code,
        table=TABLE,
        row=lines.of(path),
        column=_dotted(path),
        found=found,
        expected=expected,
        what=f"expected {expected}",
        scope="study",
    )


def _dotted(path: tuple[str | int, ...]) -> str:
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _plain(expected: str, *kinds: type) -> Any:
    """Make a hook that takes a value of these types as it is and refuses any other ("3" is not 3)."""

    def hook(value: Any, _: Any) -> Any:
        if isinstance(value, bool) and bool not in kinds:
            raise _RefusedError(value, expected)
        if not isinstance(value, kinds) or (isinstance(value, float) and not math.isfinite(value)):
            raise _RefusedError(value, expected)
        return value

    return hook


def _literal(kind: Any) -> Any:
    choices = get_args(kind)

    def hook(value: Any, _: Any) -> Any:
        if value not in choices or isinstance(value, bool):
            raise _RefusedError(value, f"one of {listed([str(choice) for choice in choices], 20)}")
        return value

    return hook


@cache
def _converter() -> Converter:
    from cattrs import Converter
    from cattrs.gen import make_dict_structure_fn

    made = Converter(forbid_extra_keys=True, detailed_validation=True)
    made.register_structure_hook(str, _plain("a text in quotes", str))
    made.register_structure_hook(int, _plain("a whole number", int))
    made.register_structure_hook(float, _plain("a number", int, float))
    made.register_structure_hook(bool, _plain("true or false", bool))
    made.register_structure_hook_factory(_is_literal, _literal)
    _containers(made)
    spec = make_dict_structure_fn(
        _schema.TableSpec, made, _cattrs_forbid_extra_keys=True, _cattrs_detailed_validation=True
    )

    def table(value: Any, kind: Any) -> Any:
        return spec({"file": value} if isinstance(value, str) else _a_table(value), kind)

    made.register_structure_hook(_schema.TableSpec, table)
    return made


def _a_table(value: Any) -> Any:
    if not isinstance(value, dict):
        raise _RefusedError(value, "a table, or the name of a file")
    return value


def _containers(made: Converter) -> None:
    """Refuse what is no table or no list before cattrs looks inside."""
    for name in vars(_schema):
        kind = getattr(_schema, name)
        if not hasattr(kind, "__dataclass_fields__"):
            continue
        typing.get_type_hints(kind)
        made.register_structure_hook(kind, _guarded(kind, made))
    made.register_structure_hook_factory(_is_tuple, _tuple_factory(made))
    made.register_structure_hook_factory(_is_mapping, _mapping_factory(made))


def _guarded(kind: Any, made: Converter) -> Any:
    from cattrs.gen import make_dict_structure_fn

    inner: list[Any] = []

    def hook(value: Any, target: Any) -> Any:
        if not isinstance(value, dict):
            raise _RefusedError(value, "a table")
        if not inner:
            inner.append(
                make_dict_structure_fn(
                    kind, made, _cattrs_forbid_extra_keys=True, _cattrs_detailed_validation=True
                )
            )
        return inner[0](value, target)

    return hook


def _is_mapping(kind: Any) -> bool:
    return _origin(kind) is collections.abc.Mapping


def _is_tuple(kind: Any) -> bool:
    return _origin(kind) is tuple


def _is_literal(kind: Any) -> bool:
    return _origin(kind) is Literal


def _origin(kind: Any) -> Any:
    return get_origin(kind)


def _mapping_factory(made: Converter) -> Any:
    def factory(kind: Any) -> Any:
        value_kind = get_args(kind)[1]

        def hook(value: Any, _: Any) -> Any:
            from cattrs import AttributeValidationNote, ClassValidationError

            if not isinstance(value, dict):
                raise _RefusedError(value, "a table")
            found, errors = {}, []
            for name, item in value.items():
                try:
                    found[name] = made.structure(item, value_kind)
                except Exception as error:  # noqa: BLE001 - collected, and raised together below
                    error.__notes__ = [
                        *getattr(error, "__notes__", []),
                        AttributeValidationNote(f"key {name}", name, value_kind),
                    ]
                    errors.append(error)
            if errors:
                raise ClassValidationError("mapping", errors, dict)
            return found

        return hook

    return factory


def _tuple_factory(made: Converter) -> Any:
    def factory(kind: Any) -> Any:
        item_kind = get_args(kind)[0]

        def hook(value: Any, _: Any) -> Any:
            from cattrs import IterableValidationError, IterableValidationNote

            if not isinstance(value, list):
                raise _RefusedError(value, "a list")
            found, errors = [], []
            for index, item in enumerate(value):
                try:
                    found.append(made.structure(item, item_kind))
                except Exception as error:  # noqa: BLE001 - collected, and raised together below
                    error.__notes__ = [
                        *getattr(error, "__notes__", []),
                        IterableValidationNote(f"item {index}", index, item_kind),
                    ]
                    errors.append(error)
            if errors:
                raise IterableValidationError("list", errors, list)
            return tuple(found)

        return hook

    return factory
