"""Draft a panel.toml from files without one: what their names tell, and what a person has to fill in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from immunoprofile.core import close_names
from immunoprofile.panel._hygiene import hygiene_channels, is_scatter, is_time, pulse_of
from immunoprofile.panel._keys import plain
from immunoprofile.panel._resolve import read_channel
from immunoprofile.panel._tables import known_names, marker_role, names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from immunoprofile.panel._reading import Reading
    from immunoprofile.panel._resolve import NamedChannels

ProposalKind = Literal["marker", "viability", "time", "scatter", "unresolved", "none"]
MARK = "??"
"""What marks a line of a draft that a person has to settle."""
_PULSES = {"A": 0, "": 0, "H": 1, "W": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What the names of one channel tell without a panel.

    Attributes
    ----------
    detector, label : str
    kind : str
        ``marker``, ``viability``, ``time``, ``scatter``, ``unresolved`` (a person has to say), ``none`` (a
        dye or detector word only).
    marker : str or None
        Canonical marker, or ``Viability``, ``Time``, ``FSC-A`` ...
    rule : int
        Rule of resolution that decided; 8 where none did.
    candidates : tuple of str
        Markers that the name may mean, each with a reason.
    """

    detector: str
    label: str
    kind: ProposalKind
    marker: str | None
    rule: int
    candidates: tuple[str, ...] = ()


def markers_for_detectors(detectors: Sequence[str], labels: Sequence[str | None]) -> tuple[Proposal, ...]:
    """Propose a marker for each channel of a file that has no panel.

    Parameters
    ----------
    detectors, labels : sequence of str
        $PnN and $PnS (None or "" where there is none).

    Examples
    --------
    >>> [p.marker for p in markers_for_detectors(["PE-A", "APC-A"], ["IL2RA (CD25)", "C127"])]
    ['CD25', None]
    """
    texts = tuple(label or "" for label in labels)
    hygiene = {channel: dimension for dimension, channel in hygiene_channels(detectors, texts).items()}
    found = [
        _hygiene(detector, label, hygiene.get(channel))
        if is_time(detector, label) or is_scatter(detector, label)
        else _proposal(detector, label)
        for channel, (detector, label) in enumerate(zip(detectors, texts, strict=True))
    ]
    return tuple(_single(found))


def _hygiene(detector: str, label: str, dimension: str | None) -> Proposal:
    kind: ProposalKind = "time" if is_time(detector, label) else "scatter"
    return Proposal(detector=detector, label=label, kind=kind, marker=dimension, rule=2)


def _proposal(detector: str, label: str) -> Proposal:
    read = read_channel(detector, label, names())
    reading = read.reading
    if reading.kind == "marker":
        rule = 5 if len(set(reading.spelled)) > 1 else 3 if reading.alone else 4
        return Proposal(detector=detector, label=label, kind="marker", marker=reading.markers[0], rule=rule)
    if reading.kind == "viability":
        return Proposal(detector=detector, label=label, kind="viability", marker="Viability", rule=4)
    open_question = reading.kind in ("ambiguous", "unknown") or (reading.kind == "dye" and not plain(label))
    candidates = _candidates(reading, plain(label) or plain(detector)) if open_question else ()
    kind: ProposalKind = "unresolved" if open_question else "none"
    return Proposal(detector=detector, label=label, kind=kind, marker=None, rule=8, candidates=candidates)


def _candidates(reading: Reading, said: str) -> tuple[str, ...]:
    if reading.markers:
        return tuple(f"{marker}: {reading.reason}" for marker in reading.markers[:5])
    if reading.kind == "dye":
        return ()
    return tuple(f"{name}: similar name" for name in close_names(said, known_names(), count=5))


def _single(found: list[Proposal]) -> list[Proposal]:
    """Keep one channel a marker: area before height before width; two areas are an open question (rule 7)."""
    out = list(found)
    for marker in {p.marker for p in found if p.kind in ("marker", "viability")}:
        same = [i for i, p in enumerate(found) if p.marker == marker and p.kind in ("marker", "viability")]
        if len(same) == 1:
            continue
        ranks = {i: _PULSES[pulse_of(found[i].detector, found[i].label)] for i in same}
        best = [i for i in same if ranks[i] == min(ranks.values())]
        for i in same:
            old = out[i]
            if len(best) > 1 and i in best:
                why = (f"{marker}: more than one detector carries it",)
                out[i] = Proposal(
                    detector=old.detector,
                    label=old.label,
                    kind="unresolved",
                    marker=None,
                    rule=8,
                    candidates=why,
                )
            elif i not in best:
                out[i] = Proposal(detector=old.detector, label=old.label, kind="none", marker=None, rule=7)
    return out


def draft_panel(samples: Sequence[NamedChannels], *, id: str) -> str:  # noqa: A002 - the key's own name
    """Draft panel.toml for a set of files.

    Markers that the names tell are filled in. A channel that only a person can name stands as a comment
    that holds ``??``; the draft is a valid panel without it.

    Parameters
    ----------
    samples : sequence of Sample
    id : str
        Id of the panel.
    """
    settled, unsettled = _gathered(samples)
    required = [name for name in ("CD3", "CD4") if name in settled]
    head = f"""\
# Draft made from the names in the files' headers. Look at each channel; lines with {MARK} need you.
schema = 1

[panel]
id = {_quoted(id)}
version = "1"
species = "human"
required = [{", ".join(map(_quoted, required))}]
compensation = "file"
"""
    blocks = [_block(marker, settled[marker]) for marker in settled]
    return head + "".join(blocks) + "".join(_question(p) for p in unsettled)


def _gathered(samples: Sequence[NamedChannels]) -> tuple[dict[str, list[Proposal]], list[Proposal]]:
    settled: dict[str, list[Proposal]] = {}
    unsettled: dict[tuple[str, str], Proposal] = {}
    for sample in samples:
        for proposal in markers_for_detectors(sample.detectors, sample.labels):
            if proposal.kind in ("marker", "viability") and proposal.marker:
                settled.setdefault(proposal.marker, []).append(proposal)
            elif proposal.kind == "unresolved":
                unsettled.setdefault((proposal.detector, proposal.label), proposal)
    return settled, [_with_others(proposal, settled) for proposal in unsettled.values()]


def _with_others(proposal: Proposal, settled: dict[str, list[Proposal]]) -> Proposal:
    """Propose what the same detector carries in other files of the set."""
    others = tuple(
        f"{marker}: on this detector in other files"
        for marker, found in settled.items()
        if any(other.detector == proposal.detector for other in found)
    )
    return replace(proposal, candidates=(*others, *proposal.candidates)[:5]) if others else proposal


def _block(marker: str, found: list[Proposal]) -> str:
    seen = dict.fromkeys(f"{p.label.strip() or p.detector} ({p.detector})" for p in found)
    shown = ", ".join(_comment(text) for text in list(seen)[:4]) + (" ..." if len(seen) > 4 else "")
    target = 'target.kind = "viability"' if marker == "Viability" else f"target.marker = {_quoted(marker)}"
    return f"""
[[channels]]                     # {shown}
id = {_quoted(_id(marker))}
{target}
role = {_quoted(marker_role(marker))}
"""


def _question(proposal: Proposal) -> str:
    said = f"{_quoted(proposal.label)} on {_quoted(proposal.detector)}"
    why = f"; perhaps {', '.join(proposal.candidates)}" if proposal.candidates else ""
    return f"""
# {MARK} What is {_comment(said)}?{_comment(why)}
# [[channels]]
# id = "{MARK}"
# target.marker = "{MARK}"
# detectors = [{_comment(_quoted(proposal.detector))}]
"""


def _id(marker: str) -> str:
    return "".join(char if char.isascii() and char.isalnum() else "_" for char in marker.casefold()).strip(
        "_"
    )


def _quoted(text: str) -> str:
    """Give text as a basic TOML string."""
    import tomlkit

    return tomlkit.item(text).as_string()


def _comment(text: str) -> str:
    return plain(text)
