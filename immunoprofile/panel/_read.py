"""Read panel.toml: every fault of the file in one error."""

from __future__ import annotations

import errno
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from immunoprofile.core import PanelError, close_names, listed
from immunoprofile.core.settings import TomlError, parse_toml, read_toml_text
from immunoprofile.panel._keys import key
from immunoprofile.panel._panel import Override, Panel, PanelChannel, TargetKind
from immunoprofile.panel._schema import ChannelForm, HeadForm, PanelForm, choices, structure
from immunoprofile.panel._tables import ROLES, canonical_marker, marker_role, names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from immunoprofile.panel._tables import Role

SCHEMA = 1
MOST_MATRIX = 4_000_000
"""Bytes of a matrix: a thousand detectors take less."""
SPECIMENS = ("whole_blood", "pbmc", "cryo_pbmc", "cells")
TRANSFORMS: dict[str, tuple[str, ...]] = {
    "logicle": ("T", "W", "M", "A"),
    "arcsinh": ("cofactor",),
    "log": ("T", "M"),
    "linear": (),
    "none": (),
}
_KINDS = tuple(kind for kind in choices(TargetKind) if kind != "marker")
_ID = re.compile(r"[a-z0-9_]+")


def read_panel(path: str | Path) -> Panel:
    """Read a panel.

    Parameters
    ----------
    path : path
        ``panel.toml``, or the folder that holds it.

    Returns
    -------
    Panel

    Raises
    ------
    PanelError
        ``PANEL_SCHEMA``: not readable, no TOML, an unknown or missing key, a value of the wrong type or out
        of its choices; ``PANEL_DUPLICATE``: an id, marker or alias given twice. Every fault of the file is
        named.
    """
    file = Path(path)
    file = file / "panel.toml" if file.is_dir() else file
    try:
        text = read_toml_text(file)
    except (OSError, TomlError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise _broken([f"cannot be read: {said}"], where=str(file)) from error
    return panel_from_text(text, folder=file.parent, where=str(file))


def panel_from_text(text: str, *, folder: Path | None = None, where: str = "panel.toml") -> Panel:
    """Make a panel of TOML text.

    Parameters
    ----------
    text : str
    folder : Path, optional
        Where a matrix that is named by file lies.
    where : str
        Name of the source, for messages.
    """
    try:
        document = parse_toml(text)
    except TomlError as error:
        raise _broken([f"no TOML: {error}"], where=where) from error
    if document.get("schema") != SCHEMA:
        raise _broken([f"schema is {document.get('schema')!r}; this version reads {SCHEMA}"], where=where)
    form, faults = structure(document)
    if form is None:
        raise _broken(faults, where=where)
    faults = _faults_of(form)
    twice = _twice(form)
    if faults:
        raise _broken(faults + twice, where=where)
    if twice:
        raise _broken(twice, where=where, code="PANEL_DUPLICATE")
    return _panel(form, text, matrix=_matrix(form.panel.compensation, folder, where))


def _broken(faults: Sequence[str], *, where: str, code: str = "PANEL_SCHEMA") -> PanelError:
    count = f"{len(faults)} faults:\n    " if len(faults) > 1 else ""
    return PanelError(
        code, count + "\n    ".join(faults), where=where, hint="see a shipped panel.toml for the form"
    )


def _faults_of(form: PanelForm) -> list[str]:
    """Check values against their choices; places as in the file."""
    head = form.panel
    faults = [] if _ID.fullmatch(head.id) else [f".panel.id: {head.id!r} is not of a-z, 0-9 and _"]
    if head.specimen:
        faults += _choice(head.specimen, SPECIMENS, ".panel.specimen")
    faults += _transform_faults(head.transform, ".panel.transform")
    markers = {canonical_marker(c.target.marker) for c in form.channels if c.target.marker}
    for name in head.required:
        if canonical_marker(name) not in markers:
            near = close_names(name, markers)
            faults.append(f".panel.required: {name!r} is no channel's marker{_nearest(near)}")
    for number, channel in enumerate(form.channels, start=1):
        faults += _channel_faults(channel, f".channels[{number}]")
    if _uses_none(form) and head.compensation != "none":
        faults.append(".panel.compensation: transform 'none' (display values) needs compensation = 'none'")
    return faults + _override_faults(form)


def _uses_none(form: PanelForm) -> bool:
    own = [channel.transform for channel in form.channels]
    return any(_spec(transform) == {"kind": "none"} for transform in own)


def _channel_faults(channel: ChannelForm, place: str) -> list[str]:
    faults = []
    target = channel.target
    if (target.marker is None) == (target.kind is None):
        faults.append(f"{place}.target: give exactly one of marker and kind")
    if target.kind is not None:
        faults += _choice(target.kind, _KINDS, f"{place}.target.kind")
    if target.marker is not None and not target.marker.strip():
        faults.append(f"{place}.target.marker: empty")
    if channel.role is not None:
        faults += _choice(channel.role, ROLES, f"{place}.role")
    faults += _role_faults(channel, place)
    faults += _transform_faults(channel.transform, f"{place}.transform")
    for alias in channel.aliases:
        other = names().markers.get(key(alias))
        if other is not None and target.marker is not None and other != canonical_marker(target.marker):
            faults.append(f"{place}.aliases: {alias!r} is a name of {other}")
    return faults


def _role_faults(channel: ChannelForm, place: str) -> list[str]:
    """Refuse, without a reason, to call a marker steady that a drug is known to move."""
    marker = channel.target.marker
    if marker is None or channel.role in (None, "treatment_responsive") or channel.role_reason:
        return []
    if marker_role(marker) == "treatment_responsive":
        return [
            f"{place}.role: {marker} responds to treatment; say in role_reason why it is {channel.role!r}"
        ]
    return []


def _override_faults(form: PanelForm) -> list[str]:
    ids = [channel.id for channel in form.channels]
    faults = []
    for table in ("sites", "cytometers", "serials"):
        for scope, channels in getattr(form, table).items():
            faults += [
                f".{table}.{scope}: no channel {name!r}{_nearest(close_names(name, ids))}"
                for name in channels
                if name not in ids
            ]
    return faults


def _twice(form: PanelForm) -> list[str]:
    ids = Counter(channel.id for channel in form.channels)
    markers = Counter(canonical_marker(c.target.marker) for c in form.channels if c.target.marker)
    aliases = Counter(key(alias) for c in form.channels for alias in set(c.aliases))
    said = [f".channels: id {name!r} is given {n} times" for name, n in ids.items() if n > 1]
    said += [f".channels: marker {name} is given {n} times" for name, n in markers.items() if n > 1]
    return said + [f".channels: alias {name!r} is given {n} times" for name, n in aliases.items() if n > 1]


def _transform_faults(transform: Any, place: str) -> list[str]:
    """Check a transform: its kind as text, or a table with kind and parameters."""
    if transform is None:
        return []
    if not isinstance(transform, str | dict):
        return [f"{place}: {transform!r} is neither a kind nor a table"]
    spec = _spec(transform) or {}
    kind = spec.get("kind")
    if not isinstance(kind, str) or kind not in TRANSFORMS:
        return _choice(str(kind), tuple(TRANSFORMS), f"{place}.kind")
    faults = []
    for name, value in spec.items():
        known = TRANSFORMS[kind]
        if name != "kind" and name not in known:
            faults.append(f"{place}: unknown key {name!r} ({', '.join(known) or 'none'} for {kind})")
        elif name != "kind" and not _is_parameter(name, value):
            faults.append(
                f"{place}.{name}: {value!r} is no number" + (" and not 'PnR'" if name == "T" else "")
            )
    return faults


def _is_parameter(name: str, value: object) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number or (name == "T" and value == "PnR")


def _choice(value: str, options: tuple[str, ...], place: str) -> list[str]:
    if value in options:
        return []
    near = close_names(value, options, count=1)
    return [f"{place}: {value!r} is none of {', '.join(options)}{_nearest(near)}"]


def _nearest(near: Sequence[str]) -> str:
    return f" (nearest {listed(near)})" if near else ""


def _spec(transform: Any) -> dict[str, object] | None:
    if transform is None:
        return None
    return {"kind": transform} if isinstance(transform, str) else dict(transform)


def _matrix(compensation: str, folder: Path | None, where: str) -> str:
    """Give ``file``, ``none``, or the text of the matrix, so that the panel is whole without its folder."""
    if compensation in ("file", "none") or "\n" in compensation:
        return compensation
    home = (folder or Path()).resolve()
    try:
        path = (home / compensation).resolve()
        if not path.is_relative_to(home):
            fault = f".panel.compensation: {compensation!r} lies outside the folder of the panel"
            raise _broken([fault], where=where)
        if not path.is_file():
            raise FileNotFoundError(errno.ENOENT, "no such file")
        with path.open("rb") as stream:
            content = stream.read(MOST_MATRIX + 1)
        if len(content) > MOST_MATRIX:
            raise ValueError("larger than 4 MB")
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: a loop of links
        said = getattr(error, "strerror", None) or str(error)
        fault = (
            f".panel.compensation: {compensation!r} is neither file nor none, and no readable CSV ({said})"
        )
        raise _broken([fault], where=where) from error
    return text if text.endswith("\n") else text + "\n"


def _panel(form: PanelForm, text: str, *, matrix: str) -> Panel:
    head = form.panel
    transform = _spec(head.transform)
    display = transform == {"kind": "none"}  # display values are not compensated
    return Panel(
        id=head.id,
        version=head.version,
        specimen=head.specimen,
        species=head.species,
        required=tuple(canonical_marker(name) for name in head.required),
        transform=transform,
        compensation="none" if display else matrix,
        channels=tuple(_channel(channel, head) for channel in form.channels),
        sites=_overrides(form.sites),
        cytometers=_overrides(form.cytometers),
        serials=_overrides(form.serials),
        controls=_controls(form),
        source=text if matrix == head.compensation else _with_matrix(text, matrix),
    )


def _channel(form: ChannelForm, head: HeadForm) -> PanelChannel:
    marker = canonical_marker(form.target.marker) if form.target.marker else ""
    kind: Any = "marker" if marker else form.target.kind
    shipped: Role = marker_role(marker) if marker else "hygiene"
    role: Any = form.role or shipped
    fallback = head.detectors_fallback if form.detectors_fallback is None else form.detectors_fallback
    return PanelChannel(
        id=form.id,
        kind=kind,
        marker=marker,
        role=role,
        detectors=tuple(form.detectors),
        aliases=tuple(form.aliases),
        detectors_fallback=fallback,
        fluorochrome=form.fluorochrome,
        clone=form.clone,
        transform=_spec(form.transform),
        fmo=form.fmo,
    )


def _overrides(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Override]]:
    return {
        scope: {name: Override(detectors=tuple(form.detectors)) for name, form in channels.items()}
        for scope, channels in tables.items()
    }


def _controls(form: PanelForm) -> dict[str, tuple[str, ...]]:
    said = form.controls
    stems = {"unstained": said.unstained, "unstimulated": said.unstimulated, "bridge": said.bridge}
    stems.update({f"fmo:{canonical_marker(marker)}": found for marker, found in said.fmo.items()})
    return {name: tuple(found) for name, found in stems.items() if found}


def _with_matrix(text: str, matrix: str) -> str:
    """Put the matrix itself where its file was named."""
    import tomlkit

    document = tomlkit.parse(text)
    document["panel"]["compensation"] = tomlkit.string(matrix, multiline=True)
    return tomlkit.dumps(document)
