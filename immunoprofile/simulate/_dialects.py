"""Four ways in which cytometers name the same tube: detectors, labels, order, and what is not recorded."""

from __future__ import annotations

from dataclasses import dataclass

SCATTER = ("FSC-A", "FSC-H", "SSC-A")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Names of one make of cytometer.

    Attributes
    ----------
    cytometer : str
        ``$CYT``.
    channels : tuple of (str, str, str)
        What is measured (marker, scatter or Time), detector ($PnN), label ($PnS), in the order of the file.
    """

    cytometer: str
    channels: tuple[tuple[str, str, str], ...]

    @property
    def markers(self) -> tuple[str, ...]:
        """Markers that this dialect records, in the order of the file."""
        return tuple(what for what, _, _ in self.channels if what not in SCATTER and what != "Time")

    @property
    def detectors(self) -> tuple[str, ...]:
        """Detectors of all channels."""
        return tuple(detector for _, detector, _ in self.channels)

    def detector(self, what: str) -> str:
        """Give the detector of a marker, a scatter channel or Time."""
        return next(detector for name, detector, _ in self.channels if name == what)


DIALECTS: tuple[Dialect, ...] = (
    # BD FACSDiva: the detector is the dye's, the label the marker alone
    Dialect(
        cytometer="LSRFortessa",
        channels=(
            ("FSC-A", "FSC-A", ""),
            ("FSC-H", "FSC-H", ""),
            ("SSC-A", "SSC-A", ""),
            ("CD45RA", "FITC-A", "CD45RA"),
            ("CD4", "PerCP-Cy5-5-A", "CD4"),
            ("CD25", "PE-A", "CD25"),
            ("FoxP3", "PE-CF594-A", "FoxP3"),
            ("CD127", "APC-A", "CD127"),
            ("CD8", "APC-H7-A", "CD8"),
            ("CD3", "V450-A", "CD3"),
            ("CD45", "V500-A", "CD45"),
            ("Viability", "Alexa Fluor 700-A", "Viability"),
            ("Time", "Time", ""),
        ),
    ),
    # another spelling of the dyes, marker and dye in the label, no height of the scatter
    Dialect(
        cytometer="FACSCanto II",
        channels=(
            ("Time", "Time", ""),
            ("FSC-A", "FSC-A", ""),
            ("SSC-A", "SSC-A", ""),
            ("CD3", "Pacific Blue-A", "CD3 Pacific Blue"),
            ("CD45", "Pacific Orange-A", "CD45 Pacific Orange"),
            ("FoxP3", "Alexa Fluor 647-A", "FoxP3 Alexa Fluor 647"),
            ("Viability", "Alexa Fluor 700-A", "Viability Alexa Fluor 700"),
            ("CD8", "APC-Cy7-A", "CD8 APC-Cy7"),
            ("CD45RA", "FITC-A", "CD45RA FITC"),
            ("CD127", "PE-A", "CD127 PE"),
            ("CD25", "PE-Cy7-A", "CD25 PE-Cy7"),
            ("CD4", "PerCP-Cy5.5-A", "CD4 PerCP-Cy5.5"),
        ),
    ),
    # Beckman Coulter: bands of lasers, integral and peak
    Dialect(
        cytometer="Navios",
        channels=(
            ("FSC-H", "FS PEAK", ""),
            ("FSC-A", "FS INT", ""),
            ("SSC-A", "SS INT", ""),
            ("CD45RA", "FL1 INT", "CD45RA-FITC"),
            ("CD127", "FL2 INT", "CD127-PE"),
            ("FoxP3", "FL3 INT", "FoxP3-ECD"),
            ("CD4", "FL4 INT", "CD4-PC5.5"),
            ("CD25", "FL5 INT", "CD25-PC7"),
            ("CD3", "FL6 INT", "CD3-APC"),
            ("Viability", "FL7 INT", "Viability-A700"),
            ("CD8", "FL8 INT", "CD8-A750"),
            ("CD45", "FL9 INT", "CD45-KrO"),
            ("Time", "TIME", ""),
        ),
    ),
    # a spectral cytometer: numbered channels, gene and protein in the label, no CD45 in the tube
    Dialect(
        cytometer="Aurora",
        channels=(
            ("CD3", "V1-A", "CD3E (CD3)"),
            ("CD45RA", "V5-A", "CD45RA"),
            ("Viability", "V7-A", "Viability"),
            ("CD4", "B8-A", "CD4"),
            ("FoxP3", "YG1-A", "FOXP3"),
            ("CD127", "YG9-A", "IL7R (CD127)"),
            ("CD25", "R1-A", "IL2RA (CD25)"),
            ("CD8", "R7-A", "CD8A (CD8)"),
            ("SSC-A", "SSC-A", ""),
            ("FSC-A", "FSC-A", ""),
            ("FSC-H", "FSC-H", ""),
            ("Time", "Time", ""),
        ),
    ),
)


def dialect_of(site: int) -> Dialect:
    """Give the dialect of a site (from 0); further sites repeat them in order."""
    return DIALECTS[site % len(DIALECTS)]
