"""The form of panel.toml, checked by cattrs: a wrong type or an unknown key is a fault with its place."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, get_args, get_origin

import cattrs
from cattrs import BaseConverter
from cattrs.cols import list_structure_factory
from cattrs.errors import ClassValidationError, ForbiddenExtraKeysError, IterableValidationError

from immunoprofile.core import close_names


@dataclass(frozen=True, kw_only=True)
class TargetForm:
    """``target`` of a channel: exactly one of the two."""

    marker: str | None = None
    kind: str | None = None


@dataclass(frozen=True, kw_only=True)
class ChannelForm:
    """One of ``[[channels]]``."""

    id: str
    target: TargetForm
    role: str | None = None
    role_reason: str | None = None
    detectors: list[str] = field(default_factory=list)
    detectors_fallback: bool | None = None
    aliases: list[str] = field(default_factory=list)
    fluorochrome: str = ""
    clone: str = ""
    transform: Any = None
    fmo: bool = False


@dataclass(frozen=True, kw_only=True)
class HeadForm:
    """``[panel]``."""

    id: str
    version: str
    specimen: str = ""
    species: str = "human"
    required: list[str] = field(default_factory=list)
    transform: Any = None
    compensation: str = "file"
    detectors_fallback: bool = False


@dataclass(frozen=True, kw_only=True)
class OverrideForm:
    """``[sites.S02]`` and its kind, of one channel."""

    detectors: list[str]


@dataclass(frozen=True, kw_only=True)
class ControlsForm:
    """``[controls]``."""

    unstained: list[str] = field(default_factory=list)
    unstimulated: list[str] = field(default_factory=list)
    bridge: list[str] = field(default_factory=list)
    fmo: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PanelForm:
    """The whole file."""

    schema: int
    panel: HeadForm
    channels: list[ChannelForm]
    sites: dict[str, dict[str, OverrideForm]] = field(default_factory=dict)
    cytometers: dict[str, dict[str, OverrideForm]] = field(default_factory=dict)
    serials: dict[str, dict[str, OverrideForm]] = field(default_factory=dict)
    controls: ControlsForm = field(default_factory=ControlsForm)


def _converter() -> cattrs.Converter:
    """Make a converter that coerces nothing: "3" is not 3, and 1 is not true."""
    converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=True)
    for kind in (str, bool, int):
        converter.register_structure_hook(kind, _exactly)
    converter.register_structure_hook_factory(_is_list)(_list_hook)
    return converter


def _is_list(kind: Any) -> bool:
    return bool(get_origin(kind) is list)


class _MistypedError(TypeError):
    """A value of another type, said in the words of the file."""


def _list_hook(kind: Any, converter: BaseConverter) -> Any:
    """Refuse text where a list is asked: text is a sequence of letters to Python."""
    inner = list_structure_factory(kind, converter)

    def hook(value: object, _: Any) -> Any:
        if not isinstance(value, list):
            problem = f"{value!r} is not a list"
            raise _MistypedError(problem)
        return inner(value, kind)

    return hook


def _exactly(value: object, kind: type) -> Any:
    if type(value) is not kind:
        names = {str: "text", bool: "true or false", int: "a whole number"}
        problem = f"{value!r} is not {names[kind]}"
        raise _MistypedError(problem)
    return value


def structure(document: dict[str, Any]) -> tuple[PanelForm | None, list[str]]:
    """Give the file in its form, or the list of its faults, each with its place."""
    try:
        return _converter().structure(document, PanelForm), []
    except ClassValidationError as error:
        return None, _faults(error, "")


def _faults(error: BaseException, place: str) -> list[str]:
    """Flatten cattrs' tree of errors into lines."""
    if isinstance(error, ForbiddenExtraKeysError):
        return [_unknown(key, error.cl, place) for key in sorted(map(str, error.extra_fields))]
    if isinstance(error, ClassValidationError | IterableValidationError):
        return [line for inner in error.exceptions for line in _faults(inner, place + _step(inner))]
    if isinstance(error, KeyError):
        return [f"{place}: missing"]
    said = str(error) if isinstance(error, _MistypedError) else "is not a table of keys"
    return [f"{place or 'file'}: {said}"]


def _step(error: BaseException) -> str:
    """Give the part of the path that a note of cattrs holds."""
    for note in getattr(error, "__notes__", []):
        name = getattr(note, "name", None)
        if name is not None:
            return f".{name}"
        index = getattr(note, "index", None)
        if index is not None:
            return f"[{index + 1}]" if isinstance(index, int) else f".{index}"
    return ""


def _unknown(key: str, form: type, place: str) -> str:
    known = [entry.name for entry in fields(form)]
    near = close_names(key, known, count=1)
    hint = f"nearest {near[0]!r}" if near else f"known: {', '.join(known)}"
    return f"{place or 'file'}: unknown key {key!r} ({hint})"


def choices(literal: object) -> tuple[str, ...]:
    """Give the choices of a Literal type."""
    return tuple(map(str, get_args(literal)))
