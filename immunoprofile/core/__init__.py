"""core: errors with codes, flags, tidy tables, intervals, cards, progress, provenance, whole files."""

from immunoprofile.core.cards import SIGNS, card_html, card_text, clean
from immunoprofile.core.codes import CODES, codes_table, explain, level_of
from immunoprofile.core.errors import (
    BlindedError,
    CytokineError,
    FcsError,
    FcsWarning,
    ImmunoprofileError,
    ImmunoprofileWarning,
    InterchangeError,
    ModelError,
    PanelError,
    StorageError,
    StrategyError,
    StudyError,
    UnknownNameError,
    UnknownStrategyError,
    listed,
)
from immunoprofile.core.files import atomic_path, sha256_of, sha256_text, write_bytes, write_json, write_text
from immunoprofile.core.flags import join_flags, split_flags
from immunoprofile.core.names import choose, close_names, edit_distance, fold, look_up, nearest
from immunoprofile.core.progress import track
from immunoprofile.core.provenance import versions
from immunoprofile.core.tables import Column, read_table, tidy, write_table

__all__ = [
    "CODES",
    "SIGNS",
    "BlindedError",
    "Column",
    "CytokineError",
    "FcsError",
    "FcsWarning",
    "ImmunoprofileError",
    "ImmunoprofileWarning",
    "InterchangeError",
    "ModelError",
    "PanelError",
    "StorageError",
    "StrategyError",
    "StudyError",
    "UnknownNameError",
    "UnknownStrategyError",
    "atomic_path",
    "card_html",
    "card_text",
    "choose",
    "clean",
    "close_names",
    "codes_table",
    "edit_distance",
    "explain",
    "fold",
    "join_flags",
    "level_of",
    "listed",
    "look_up",
    "nearest",
    "read_table",
    "sha256_of",
    "sha256_text",
    "split_flags",
    "tidy",
    "track",
    "versions",
    "write_bytes",
    "write_json",
    "write_table",
    "write_text",
]
