"""Time and scatter by their names: never a marker, and found without a panel."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from immunoprofile.panel._keys import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

Pulse = Literal["A", "H", "W", ""]
SCATTER = ("FSC-A", "FSC-H", "FSC-W", "SSC-A", "SSC-H", "SSC-W")
_TIME = re.compile(r"(?:_?time\d?|hdr-tm?|computed time|tlsw|tmsw)(?:[\s(_].*)?", re.IGNORECASE)
_PURE_TIME = ("time", "hdr-t")
_SCATTER = re.compile(
    r"(?:^|[^a-z]|\d)(?P<long>[fs]sc)(?![a-z]{2})|^(?P<short>[fs]s)(?=[\s_-]|$)"
    r"|(?:^|\s)(?P<side>side|forward) scatter",
    re.IGNORECASE,
)
_PULSES: tuple[tuple[Pulse, re.Pattern[str]], ...] = (
    ("W", re.compile(r"(?:[-_ ]W(?:idth)?|SCW|[-_ ]TOF(?:\s.*)?)$", re.IGNORECASE)),
    (
        "H",
        re.compile(
            r"(?:[-_ ](?:H|Height)|SCH|(?:Lin|Log)H|[-_ ]Peak(?:[-_ ].*)?|Log_Height)$", re.IGNORECASE
        ),
    ),
    ("A", re.compile(r"(?:[-_ ](?:A|Area)|SCA|(?:Lin|Log)A|[-_ ]INT(?:[-_ ].*)?|Log_Area)$", re.IGNORECASE)),
)


def is_time(detector: str, label: str) -> bool:
    """Tell whether a channel is time."""
    return bool(_TIME.fullmatch(plain(detector)) or _TIME.fullmatch(plain(label)))


def is_scatter(detector: str, label: str) -> bool:
    """Tell whether a channel is light scatter, by the detector's name (the label where there is none)."""
    name = plain(detector) or plain(label)
    return bool(_SCATTER.search(name))


def pulse_of(detector: str, label: str = "") -> Pulse:
    """Give area, height or width of a channel, or "" where its name does not tell."""
    for name in (plain(detector), plain(label)):
        for pulse, pattern in _PULSES:
            if pattern.search(name):
                return pulse
    return ""


def scatter_dimension(detector: str, label: str = "") -> str | None:
    """Give ``FSC-A`` ... ``SSC-W`` of a scatter channel.

    A name without a pulse (``FSC``, ``FS Lin``) is the one measure that the cytometer gives, taken as area.
    Imaging features (``LightLoss (Imaging)-A``) are none of the six.
    """
    name = plain(detector) or plain(label)
    match = _SCATTER.search(name)
    if match is None or "imaging" in name.casefold() or "moment" in name.casefold():
        return None
    kind = next(filter(None, match.groups()))[0].upper()
    return f"{'F' if kind == 'F' else 'S'}SC-{pulse_of(detector, label) or 'A'}"


def hygiene_channels(detectors: Sequence[str], labels: Sequence[str]) -> dict[str, int]:
    """Find time and scatter: dimension to channel; of several the plainest name, then the first."""
    best: dict[str, tuple[int, int]] = {}
    for channel, (detector, label) in enumerate(zip(detectors, labels, strict=True)):
        if is_time(detector, label):
            dimension: str | None = "Time"
        elif is_scatter(detector, label):
            dimension = scatter_dimension(detector, label)
        else:
            continue
        if dimension is not None:
            rank = (_plainness(plain(detector) or plain(label), dimension), channel)
            best[dimension] = min(best.get(dimension, rank), rank)
    return {dimension: channel for dimension, (_, channel) in sorted(best.items())}


def _plainness(name: str, dimension: str) -> int:
    """Rank names: the usual one, the usual one in other letters, a linear one, a logarithmic one."""
    folded = name.casefold()
    if folded == dimension.casefold() or folded in _PURE_TIME:
        return 0
    if "log" in folded:
        return 3
    return 1 if "".join(filter(str.isalnum, folded)) == dimension.casefold().replace("-", "") else 2
