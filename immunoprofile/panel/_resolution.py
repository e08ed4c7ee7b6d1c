"""The result of resolving: which detector carries which marker, by which rule, and what was nearest."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from immunoprofile.core import Column, PanelError, card_html, card_text, close_names, edit_distance, tidy
from immunoprofile.panel._keys import chunks, key
from immunoprofile.panel._tables import names

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

State = Literal["resolved", "missing", "ambiguous", "duplicate"]
CANDIDATES = 5
"""Candidates that a message shows (rule 8)."""
FAR = 3
"""Edits beyond which a name is not near."""
RESOLUTION_COLUMNS = (
    Column(name="id", dtype="string", meaning="channel of the panel"),
    Column(name="marker", dtype="string", meaning="canonical marker, or Viability, Time, FSC-A ..."),
    Column(name="detector", dtype="string", meaning="$PnN; missing where unresolved"),
    Column(name="label", dtype="string", meaning="$PnS"),
    Column(name="rule", dtype="Int64", meaning="rule of resolution that decided, 1 to 8"),
    Column(name="confidence", dtype="string", meaning="declared, exact or alias; missing where unresolved"),
    Column(name="candidates", dtype="string", meaning="nearest channels with a reason, where unresolved"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A channel that could carry a marker.

    Attributes
    ----------
    detector, label : str
    reason : str
        Why it is proposed.
    """

    detector: str
    label: str
    reason: str

    @property
    def text(self) -> str:
        """Label and detector, as messages show them."""
        return f"'{self.label}' ({self.detector})" if self.label.strip() else f"'{self.detector}'"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedRow:
    """One channel of the panel in one file.

    Attributes
    ----------
    id, marker : str
    state : str
        ``resolved``, ``missing``, ``ambiguous`` (its only channels name other things too) or ``duplicate``.
    channel : int or None
    detector, label : str
    rule : int
    confidence : str
        ``declared``, ``exact``, ``alias`` or empty.
    candidates : tuple of Candidate
    """

    id: str
    marker: str
    state: State
    channel: int | None
    detector: str
    label: str
    rule: int
    confidence: str
    candidates: tuple[Candidate, ...] = ()


CODES_OF_STATES = {
    "missing": "MISSING_MARKER",
    "ambiguous": "AMBIGUOUS_MARKER",
    "duplicate": "DUPLICATE_MARKER",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """The markers of one file.

    Attributes
    ----------
    name : str
        Sample.
    rows : tuple of ResolvedRow
    channels : mapping of str to int
        Dimension to channel: canonical markers, ``Viability``, ``Time``, ``FSC-A`` ... ``SSC-W``; resolved
        ones only.
    detectors, labels : tuple of str
        The file's $PnN and $PnS.
    signature : str
        SHA-256 over the ordered names and $CYT: files of one signature resolve alike.
    """

    name: str
    rows: tuple[ResolvedRow, ...]
    channels: Mapping[str, int]
    detectors: tuple[str, ...]
    labels: tuple[str, ...]
    signature: str

    @property
    def table(self) -> pd.DataFrame:
        """One row a channel of the panel: id, marker, detector, label, rule, confidence, candidates."""
        return _frame(self.rows)

    @property
    def unresolved(self) -> pd.DataFrame:
        """Rows without a channel, whatever the reason; same columns as `table`."""
        return _frame(tuple(row for row in self.rows if row.state != "resolved"))

    @property
    def ambiguous(self) -> pd.DataFrame:
        """Rows whose only channels are cocktails, or that two channels carry alike; columns as `table`."""
        return _frame(tuple(row for row in self.rows if row.state in ("ambiguous", "duplicate")))

    def row(self, marker: str) -> ResolvedRow | None:
        """Give the row of a dimension, or None where the panel does not have it."""
        return next((row for row in self.rows if row.marker == marker), None)

    def code_of(self, marker: str) -> str | None:
        """Give ``MISSING_MARKER``, ``AMBIGUOUS_MARKER`` or ``DUPLICATE_MARKER``; None where resolved."""
        if marker in self.channels:
            return None
        row = self.row(marker)
        return CODES_OF_STATES["missing" if row is None else row.state]

    def candidates_for(self, marker: str) -> tuple[str, ...]:
        """Give the channels nearest to a marker, as ``'CD127 BV421' (BV421-A)``, best first."""
        row = self.row(marker)
        found = (
            row.candidates
            if row is not None and row.candidates
            else near_channels(marker, self.detectors, self.labels)
        )
        return tuple(candidate.text for candidate in found)

    def error(self, marker: str, *, costs: tuple[str, ...] = ()) -> PanelError:
        """Make the error that says why a marker has no channel, and which populations that costs."""
        code = self.code_of(marker) or "MISSING_MARKER"
        said = {
            "MISSING_MARKER": f"no detector carries {marker}",
            "AMBIGUOUS_MARKER": f"{marker} shares its channel with something else",
            "DUPLICATE_MARKER": f"more than one detector carries {marker}",
        }[code]
        lost = f"; not given: {', '.join(costs)}" if costs else ""
        near = self.candidates_for(marker)
        hint = f"nearest labels: {', '.join(near)}" if near else "declare its `detectors` in panel.toml"
        return PanelError(code, said + lost, where=self.name, hint=hint)

    def __repr__(self) -> str:
        return card_text(f"Resolution of {self.name}", self._facts(), following=".table")

    def _repr_html_(self) -> str:
        return card_html(
            f"Resolution of {self.name}",
            self._facts(),
            following=".table",
            details=self.table.to_html(index=False),
        )

    def _facts(self) -> list[tuple[str, object]]:
        lost = [row.marker for row in self.rows if row.state != "resolved"]
        return [
            ("resolved", f"{len(self.rows) - len(lost)} of {len(self.rows)}"),
            ("unresolved", ", ".join(lost) or "none"),
        ]


def resolution_differences(resolutions: Mapping[str, Resolution]) -> tuple[str, ...]:
    """Name the files of a batch that do not resolve as most of it does (``RESOLUTION_DIFFERS``).

    Parameters
    ----------
    resolutions : mapping of str to Resolution
        By the name of the file.

    Returns
    -------
    tuple of str
        Sorted; empty where all resolve alike.
    """
    patterns = {
        name: tuple((row.marker, row.detector) for row in found.rows) for name, found in resolutions.items()
    }
    if len(set(patterns.values())) < 2:
        return ()
    counts = Counter(patterns.values())
    usual = min(counts, key=lambda pattern: (-counts[pattern], pattern))
    return tuple(sorted(name for name, pattern in patterns.items() if pattern != usual))


def _frame(rows: tuple[ResolvedRow, ...]) -> pd.DataFrame:
    import pandas as pd

    plain = [
        (
            row.id,
            row.marker,
            row.detector or None,
            row.label,
            row.rule,
            row.confidence or None,
            "; ".join(f"{c.text}: {c.reason}" for c in row.candidates) or None,
        )
        for row in rows
    ]
    return tidy(
        pd.DataFrame(plain, columns=[column.name for column in RESOLUTION_COLUMNS]), RESOLUTION_COLUMNS
    )


def near_channels(marker: str, detectors: tuple[str, ...], labels: tuple[str, ...]) -> tuple[Candidate, ...]:
    """Rank the channels whose names are few edits away from any name of a marker; at most five."""
    wanted = names().keys_of(marker)
    scored = []
    for channel, (detector, label) in enumerate(zip(detectors, labels, strict=True)):
        said = label if label.strip() else detector
        distance = min((edit_distance(w, part) for w in wanted for part in _parts(said)), default=99)
        limit = min(FAR, max(1, len(wanted[0]) // 2))
        if distance <= limit:
            edits = f"{distance} edit{'s' if distance != 1 else ''} from a name of {marker}"
            scored.append((distance, channel, Candidate(detector=detector, label=label, reason=edits)))
    if not scored:
        return _alike(marker, detectors, labels)
    return tuple(candidate for _, _, candidate in sorted(scored, key=lambda row: row[:2])[:CANDIDATES])


def _alike(marker: str, detectors: tuple[str, ...], labels: tuple[str, ...]) -> tuple[Candidate, ...]:
    said = {
        (label if label.strip() else detector): (detector, label)
        for detector, label in zip(detectors, labels, strict=True)
    }
    return tuple(
        Candidate(detector=said[name][0], label=said[name][1], reason="similar name")
        for name in close_names(marker, said)
        if name in said
    )


def _parts(said: str) -> set[str]:
    """Give the keys of a name's tokens and of the name as a whole."""
    tokens: list[list[str]] = []
    for chunk in chunks(said):
        if chunk.first:
            tokens.append([])
        tokens[-1].append(chunk.text)
    return {"".join(token) for token in tokens} | {key(said)}
