"""panel: which detector carries which marker, in every file, without a guess."""

from immunoprofile.panel._draft import Proposal, draft_panel, markers_for_detectors
from immunoprofile.panel._panel import Override, Panel, PanelChannel
from immunoprofile.panel._read import panel_from_text, read_panel
from immunoprofile.panel._resolution import Candidate, Resolution, ResolvedRow, resolution_differences
from immunoprofile.panel._tables import canonical_marker, marker_role, marker_table

__all__ = [
    "Candidate",
    "Override",
    "Panel",
    "PanelChannel",
    "Proposal",
    "Resolution",
    "ResolvedRow",
    "canonical_marker",
    "draft_panel",
    "marker_role",
    "marker_table",
    "markers_for_detectors",
    "panel_from_text",
    "read_panel",
    "resolution_differences",
]
