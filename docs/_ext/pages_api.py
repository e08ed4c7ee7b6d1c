"""One page a room, from its ``__all__``."""

from __future__ import annotations

import importlib
import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOMS = (
    "fcs", "panel", "transform", "gating", "quantify", "trial", "longitudinal", "biomarker", "pipeline",
    "report", "simulate", "interchange", "plot", "core",
)  # fmt: skip
"""In the order of the road."""


def kind_of(value: Any) -> str:
    """Sort a public name: error, class, function or value."""
    if inspect.isclass(value):
        return "error" if issubclass(value, Exception | Warning) else "class"
    return "function" if inspect.isfunction(value) or inspect.isbuiltin(value) else "value"


def api_pages() -> Iterator[tuple[str, str]]:
    """Give the page of every room, and the page that lists them."""
    yield "reference/api/index.md", _index()
    for room in ROOMS:
        yield f"reference/api/{room}.md", _room(room)


def _index() -> str:
    import immunoprofile as ip

    lines = [
        "# Python interface",
        "",
        "What a user types is at the top level: `import immunoprofile as ip`. Each name leads to its room.",
        "",
        "| name | what it does |",
        "|---|---|",
    ]
    for name, door in ip._DOORS.items():
        summary = _summary(getattr(ip, name))
        lines.append(f"| {{py:obj}}`ip.{name} <{door}.{name}>` | {summary} |")
    lines += ["", "## Rooms", "", "| room | what is in it |", "|---|---|"]
    for room in ROOMS:
        says = (importlib.import_module(f"immunoprofile.{room}").__doc__ or "").split("\n\n")[0]
        says = says.split(": ", 1)[1].replace("\n", " ")
        lines.append(f"| [{room}]({room}.md) | {says} |")
    return "\n".join([*lines, "", "```{toctree}", ":hidden:", "", *ROOMS, "```", ""])


def _said(module: Any) -> str:
    """Give what a door says of its room, as a sentence."""
    text = (module.__doc__ or "").strip().split(": ", 1)[1]
    return text[0].upper() + text[1:]


def _summary(value: Any) -> str:
    first = (inspect.getdoc(value) or "").strip().split("\n\n")[0].replace("\n", " ")
    return first.replace("``", "`").replace("|", "\\|")


def _room(room: str) -> str:
    module = importlib.import_module(f"immunoprofile.{room}")
    groups: dict[str, list[str]] = {"function": [], "class": [], "error": [], "value": []}
    for name in module.__all__:
        groups[kind_of(getattr(module, name))].append(name)
    lines = [f"# {room}", "", "```{eval-rst}", _said(module), "```", ""]
    titles = {"function": "Functions", "class": "Classes", "error": "Errors", "value": "Values"}
    for kind, names in groups.items():
        if names:
            lines += [f"## {titles[kind]}", "", *_entries(room, module, kind=kind, names=names)]
    return "\n".join(lines)


def _entries(room: str, module: Any, *, kind: str, names: list[str]) -> list[str]:
    if kind == "value":
        return [_value_line(module, name) for name in names] + [""]
    full = [f"immunoprofile.{room}.{name}" for name in names]
    lines = ["```{eval-rst}", ".. autosummary::", "   :nosignatures:", ""]
    lines += [f"   ~{name}" for name in full]
    for name in full:
        lines += ["", f".. auto{'function' if kind == 'function' else 'class'}:: {name}"]
        if kind == "class":
            lines.append("   :members:")
    return [*lines, "```", ""]


def _value_line(module: Any, name: str) -> str:
    value = getattr(module, name)
    if isinstance(value, tuple) and value and hasattr(value[0], "meaning"):
        return f"- `{name}`: columns of a table, see [tables](../tables.md)."
    if isinstance(value, dict):
        return f"- `{name}`: {len(value)} entries by name."
    if isinstance(value, tuple):
        return f"- `{name}`: " + ", ".join(f"`{item}`" for item in value) + "."
    return f"- `{name}`: {type(value).__name__}."
