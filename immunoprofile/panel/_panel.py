"""The panel: which markers a tube is stained with, what each may be called, how its channels are shown."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from immunoprofile.core import card_html, card_text
from immunoprofile.panel._resolve import resolve
from immunoprofile.panel._tables import canonical_marker, marker_role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from immunoprofile.panel._resolution import Resolution
    from immunoprofile.panel._resolve import NamedChannels
    from immunoprofile.panel._tables import Role

TargetKind = Literal["marker", "scatter", "time", "viability", "height", "area", "ignore"]
_DIMENSIONS = {"viability": "Viability", "time": "Time", "height": "FSC-H", "area": "FSC-A"}
_SCATTER_IDS = ("FSC-A", "FSC-H", "FSC-W", "SSC-A", "SSC-H", "SSC-W")


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelChannel:
    """One stain, or one channel of another kind.

    Attributes
    ----------
    id : str
    kind : str
        ``marker``, or ``scatter``, ``time``, ``viability``, ``height``, ``area``, ``ignore``.
    marker : str
        Canonical name; empty for other kinds.
    role : str
    detectors, aliases : tuple of str
    detectors_fallback : bool
        Whether a declared detector that a file does not have may be looked for by rule.
    fluorochrome, clone : str
    transform : mapping or None
        Declared transform with its ``kind``.
    fmo : bool
        Whether a fluorescence-minus-one tube exists.
    """

    id: str
    kind: TargetKind
    marker: str
    role: Role
    detectors: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    detectors_fallback: bool = False
    fluorochrome: str = ""
    clone: str = ""
    transform: Mapping[str, object] | None = None
    fmo: bool = False

    @property
    def dimension(self) -> str:
        """Name of its axis: the marker, ``Viability``, ``Time``, or a scatter name."""
        if self.kind == "marker":
            return self.marker
        if self.kind == "scatter":
            return self.id.upper().replace("_", "-") if self.names_scatter else "SSC-A"
        return _DIMENSIONS.get(self.kind, "")

    @property
    def names_scatter(self) -> bool:
        """Whether its id says which scatter it is (``fsc_a``)."""
        return self.id.upper().replace("_", "-") in _SCATTER_IDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """What a site, a cytometer or one instrument changes in a channel.

    Attributes
    ----------
    detectors : tuple of str or None
    """

    detectors: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A panel of one tube.

    Attributes
    ----------
    id, version, specimen, species : str
    required : tuple of str
        Canonical markers without which a file loses populations.
    transform : mapping or None
        Declared transform of all channels; None: by the file.
    compensation : str
        ``"file"``, ``"none"``, or the text of a CSV matrix.
    channels : tuple of PanelChannel
    sites, cytometers, serials : mapping of str to mapping
        Channel id to :class:`Override`, by site, $CYT and $CYTSN.
    controls : mapping of str to tuple of str
        Stems of control files: ``unstained``, ``unstimulated``, ``bridge``, ``fmo:CD25``.
    source : str
        TOML text that gives this panel, matrix included.
    """

    id: str
    version: str
    specimen: str
    species: str
    required: tuple[str, ...]
    transform: Mapping[str, object] | None
    compensation: str
    channels: tuple[PanelChannel, ...]
    sites: Mapping[str, Mapping[str, Override]]
    cytometers: Mapping[str, Mapping[str, Override]]
    serials: Mapping[str, Mapping[str, Override]]
    controls: Mapping[str, tuple[str, ...]]
    source: str

    def resolve(self, sample: NamedChannels, *, site: str | None = None) -> Resolution:
        """Find the channel of each marker in a sample; what a file lacks is told, never guessed.

        Parameters
        ----------
        sample : Sample
            Anything with ``name``, ``detectors``, ``labels`` and ``keywords``.
        site : str, optional
            Site whose overrides hold. Overrides by ``$CYTSN`` go before ``$CYT``, before site, before the
            panel.
        """
        return resolve(self, sample, site=site)

    def channel(self, name: str) -> PanelChannel | None:
        """Give the channel of a marker (any of its names), ``Viability``, ``Time`` or scatter; else None."""
        canonical = canonical_marker(name)
        return next((c for c in self.channels if c.dimension in (name, canonical)), None)

    @property
    def viability(self) -> PanelChannel | None:
        """The channel of the viability dye, if the panel lists it."""
        return self.channel("Viability")

    @property
    def markers(self) -> tuple[str, ...]:
        """Canonical markers, in the order of the panel."""
        return tuple(channel.marker for channel in self.channels if channel.kind == "marker")

    def role(self, marker: str) -> Role:
        """Give the declared role of a marker, else the shipped one."""
        found = self.channel(marker)
        return marker_role(marker) if found is None else found.role

    def transform_spec(self, dimension: str) -> Mapping[str, object] | None:
        """Give the declared transform of a dimension with its ``kind``, or None: by the file."""
        found = self.channel(dimension)
        if found is not None and found.transform is not None:
            return found.transform
        return self.transform

    def scopes_of(self, keywords: Mapping[str, str], site: str | None) -> tuple[str, ...]:
        """Give the overrides that hold for a file, the most specific first, as ``serial:...`` and so on."""
        found = (
            ("serials", keywords.get("$CYTSN", "").strip()),
            ("cytometers", keywords.get("$CYT", "").strip()),
            ("sites", site or ""),
        )
        return tuple(f"{table}:{name}" for table, name in found if name in getattr(self, table))

    def detectors_of(self, channel: PanelChannel, scopes: tuple[str, ...]) -> tuple[str, ...]:
        """Give the declared detectors of a channel in the most specific scope that declares any."""
        for scope in scopes:
            table, _, name = scope.partition(":")
            override = getattr(self, table)[name].get(channel.id)
            if override is not None:
                return tuple(override.detectors)
        return channel.detectors

    @property
    def extra_names(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Markers with the aliases that the panel adds to the shipped table."""
        return tuple((c.marker, c.aliases) for c in self.channels if c.kind == "marker")

    @property
    def content_hash(self) -> str:
        """SHA-256 over what the panel says; comments and order of keys in its file do not count."""
        said = {name: value for name, value in asdict(self).items() if name != "source"}
        return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=True).encode()).hexdigest()

    def __repr__(self) -> str:
        return card_text(f"Panel {self.id}", self._facts(), following=".resolve(sample)")

    def _repr_html_(self) -> str:
        return card_html(f"Panel {self.id}", self._facts(), following=".resolve(sample)")

    def _facts(self) -> list[tuple[str, object]]:
        matrix = self.compensation if self.compensation in ("file", "none") else "own matrix"
        return [
            ("version", self.version),
            ("markers", ", ".join(self.markers)),
            ("required", ", ".join(self.required) or "none"),
            ("compensation", matrix),
        ]
