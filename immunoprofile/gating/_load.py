"""Strategies from disk: the shipped ones by id, or a folder with strategy.toml and panel.toml."""

from __future__ import annotations

import dataclasses
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from immunoprofile.core import StrategyError, UnknownStrategyError, close_names, listed
from immunoprofile.core.settings import TomlError, parse_toml, read_toml_text
from immunoprofile.gating._checks import check_gate, check_strategy
from immunoprofile.gating._strategy import Gate, GatePopulation, GatingStrategy, hash_of
from immunoprofile.panel import canonical_marker, read_panel

if TYPE_CHECKING:
    import pandas as pd

    from immunoprofile.panel import Panel

_ID = re.compile(r"[a-z0-9_]{1,100}_v[0-9]{1,6}")
_MOST_INCLUDED = 100
_HEAD_TEXTS = ("id", "title", "species", "license")
_HEAD_LISTS = ("requires", "optional", "citations", "includes")


def strategies_folder() -> Path:
    """Give the folder of the shipped strategies: in the wheel, or of the checkout for an editable install."""
    packed = Path(__file__).resolve().parents[1] / "_data" / "gating"
    return packed if packed.is_dir() else Path(__file__).resolve().parents[2] / "gating"


def list_strategies() -> pd.DataFrame:
    """List the shipped strategies.

    Returns
    -------
    DataFrame
        id, title, requires, populations, citations.

    Examples
    --------
    >>> "treg_surface_v1" in set(list_strategies()["id"])
    True
    """
    import pandas as pd

    rows = []
    for name in _shipped():
        strategy = load_strategy(name)
        rows.append(
            {
                "id": name,
                "title": strategy.title,
                "requires": ", ".join(strategy.requires),
                "populations": ", ".join(strategy.populations),
                "citations": ", ".join(strategy.citations),
            }
        )
    return pd.DataFrame(rows, dtype="string")


def load_strategy(id_or_folder: str | Path) -> GatingStrategy:
    """Load a shipped strategy by its id, or one of your own from its folder.

    Parameters
    ----------
    id_or_folder : str or path
        ``treg_surface_v1``, or a folder that holds ``strategy.toml`` and ``panel.toml``.

    Returns
    -------
    GatingStrategy

    Raises
    ------
    UnknownStrategyError
        ``STRATEGY_UNKNOWN``, with the nearest ids.
    StrategyError
        ``STRATEGY_SCHEMA`` or ``RESPONSIVE_PER_SAMPLE``, naming file, gate and key.

    Examples
    --------
    >>> load_strategy("treg_surface_v1").populations[-4:]
    ('treg', 'tconv', 'treg_naive', 'treg_memory')
    """
    if str(id_or_folder) in _shipped():
        return _load_shipped(str(id_or_folder))
    folder = Path(id_or_folder)
    if folder.is_dir() and (folder / "strategy.toml").is_file():
        return _load_folder(folder)
    near = close_names(str(id_or_folder), _shipped()) or list(_shipped())
    problem = f"no shipped strategy and no folder with a strategy.toml: {str(id_or_folder)!r}"
    raise UnknownStrategyError("STRATEGY_UNKNOWN", problem, hint=f"nearest: {listed(near)}")


@cache
def _shipped() -> tuple[str, ...]:
    return tuple(sorted(path.parent.name for path in strategies_folder().glob("*/strategy.toml")))


@cache
def _load_shipped(name: str) -> GatingStrategy:
    return _load_folder(strategies_folder() / name)


def strategy_from_dict(plain: dict[str, Any], *, panel: Panel) -> GatingStrategy:
    """Rebuild a strategy from :meth:`GatingStrategy.to_dict` and its panel."""
    lists = {name: tuple(plain[name]) for name in ("requires", "optional", "citations")}
    where = f"saved {plain['id']}"
    gates = tuple(_structured(gate, where=where) for gate in plain["gates"])
    return GatingStrategy(**{**plain, **lists, "gates": gates, "panel": panel})


def _load_folder(folder: Path) -> GatingStrategy:
    gates, texts, head = _read(folder, seen=())
    panel_file = folder / "panel.toml"
    if not panel_file.is_file():
        problem, hint = "the folder has no panel.toml", "add the markers and their roles (see a shipped one)"
        raise StrategyError("STRATEGY_SCHEMA", problem, where=folder.name, hint=hint)
    strategy = GatingStrategy(
        id=head["id"],
        title=head.get("title", head["id"]),
        species=head.get("species", "human"),
        requires=tuple(canonical_marker(name) for name in head.get("requires", ())),
        optional=tuple(canonical_marker(name) for name in head.get("optional", ())),
        citations=tuple(head.get("citations", ())),
        gates=tuple(gates),
        panel=read_panel(panel_file),
        content_hash=hash_of([*texts, _panel_text(panel_file)]),
    )
    check_strategy(strategy, where=f"{folder.name}/strategy.toml")
    return strategy


def _panel_text(path: Path) -> str:
    try:
        return read_toml_text(path)
    except (OSError, TomlError) as error:
        raise StrategyError("STRATEGY_SCHEMA", f"panel.toml: {error}", where=path.parent.name) from error


def _read(folder: Path, *, seen: tuple[str, ...]) -> tuple[list[Gate], list[str], dict[str, Any]]:
    """Read a strategy file and, before it, those that it includes."""
    path = folder / "strategy.toml"
    where = f"{folder.name}/strategy.toml"
    try:
        text = read_toml_text(path)
        content = parse_toml(text)
    except (OSError, TomlError) as error:
        raise StrategyError("STRATEGY_SCHEMA", f"not valid TOML: {error}", where=where) from error
    head = _head(content, where=where)
    if head["id"] in seen:
        problem = f"strategies include each other: {' > '.join((*seen, head['id']))}"
        raise StrategyError("STRATEGY_SCHEMA", problem, where=where)
    gates: list[Gate] = []
    texts: list[str] = []
    for included in head.get("includes", ()):
        if not _ID.fullmatch(included):  # an id, never a path
            problem = f"strategy.includes: {included[:80]!r} is no id of a strategy"
            raise StrategyError(
                "STRATEGY_SCHEMA", problem, where=where, hint='includes = ["tcell_lineage_v1"]'
            )
        source = folder.parent / included
        if not (source / "strategy.toml").is_file():
            source = strategies_folder() / included
        if not (source / "strategy.toml").is_file():
            hint = f"nearest: {listed(close_names(included, _shipped()))}"
            raise UnknownStrategyError(
                "STRATEGY_UNKNOWN", f"included strategy {included!r}", where=where, hint=hint
            )
        more, more_texts, _ = _read(source, seen=(*seen, head["id"]))
        gates += [gate for gate in more if gate not in gates]
        texts += more_texts
        if len(texts) > _MOST_INCLUDED:
            problem = f"more than {_MOST_INCLUDED} strategies are included"
            raise StrategyError("STRATEGY_SCHEMA", problem, where=where)
    gates += [_gate(entry, where=where) for entry in content.get("gates", [])]
    return gates, [*texts, text], head


def _head(content: dict[str, Any], *, where: str) -> dict[str, Any]:
    _refuse_unknown(content, {"schema", "strategy", "gates"}, where=where)
    head: Any = content.get("strategy", {})
    entries: Any = content.get("gates", [])
    if not isinstance(head, dict) or not (
        isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries)
    ):
        problem, hint = "strategy or gates is no table", "write [strategy] and [[gates]]"
        raise StrategyError("STRATEGY_SCHEMA", problem, where=where, hint=hint)
    _refuse_unknown(head, {*_HEAD_TEXTS, *_HEAD_LISTS}, where=f"{where}, [strategy]")
    for key, value in head.items():
        if key in _HEAD_LISTS:
            good = isinstance(value, list) and all(isinstance(entry, str) for entry in value)
        else:
            good = isinstance(value, str)
        if not good:
            hint = f'{key} = ["..."]' if key in _HEAD_LISTS else f'{key} = "..."'
            raise StrategyError("STRATEGY_SCHEMA", f"strategy.{key} is {value!r}", where=where, hint=hint)
    if content.get("schema") != 1:
        raise StrategyError(
            "STRATEGY_SCHEMA", f"schema is {content.get('schema')!r}", where=where, hint="schema = 1"
        )
    if not _ID.fullmatch(str(head.get("id", ""))):
        hint = "lower case, digits and _, ending in its version: my_treg_v1"
        raise StrategyError("STRATEGY_SCHEMA", f"strategy.id is {head.get('id')!r}", where=where, hint=hint)
    return dict(head)


def _refuse_unknown(table: dict[str, Any], known: set[str], *, where: str) -> None:
    for key in table:
        if key not in known:
            near = close_names(key, known, count=1)
            hint = f"nearest: {near[0]}" if near else f"known: {listed(sorted(known), 30)}"
            raise StrategyError("STRATEGY_SCHEMA", f"unknown key {key!r}", where=where, hint=hint)


def _gate(entry: dict[str, Any], *, where: str) -> Gate:
    """Turn a [[gates]] entry into a Gate, every fault named with its path."""
    place = f"{where}, gate {entry.get('id', '?')}"
    _refuse_unknown(entry, set(Gate.__dataclass_fields__), where=place)
    gate = _structured(entry, where=place)
    dims = tuple("/".join(canonical_marker(part) for part in dim.split("/")) for dim in gate.dims)
    anchor = {canonical_marker(marker): population for marker, population in gate.anchor.items()}
    gate = dataclasses.replace(gate, dims=dims, anchor=anchor)
    check_gate(gate, where=place)
    return gate


def _structured(entry: dict[str, Any], *, where: str) -> Gate:
    """Build the value; a wrong type is a fault, never converted."""
    import cattrs
    from cattrs.gen import make_dict_structure_fn

    converter = cattrs.Converter(detailed_validation=True, forbid_extra_keys=True)
    converter.register_structure_hook_func(lambda kind: kind is Any, lambda value, _: value)
    for scalar in (str, float, int):
        converter.register_structure_hook(scalar, _strictly)
    for kind in (GatePopulation, Gate):
        hook = make_dict_structure_fn(
            kind, converter, _cattrs_forbid_extra_keys=True, _cattrs_detailed_validation=True
        )
        converter.register_structure_hook(kind, hook)
    try:
        return converter.structure(entry, Gate)
    except cattrs.BaseValidationError as error:
        faults = "; ".join(cattrs.transform_error(error))
        raise StrategyError("STRATEGY_SCHEMA", faults, where=where) from error


def _strictly(value: Any, kind: type) -> Any:
    """Refuse conversions: "3" is not 3."""
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"expected {kind.__name__}, found {value!r}")
    return value
