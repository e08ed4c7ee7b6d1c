"""Every code that a user can meet - error, warning, finding, flag - with its meaning and what to do.

One table for the whole product: generated into the docs. A code once released keeps its meaning.
Findings of FCS files are kebab-case; panel, strategy and gating UPPER_SNAKE; all else lower_snake.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from immunoprofile.core._codes_fcs import FCS_CODES
from immunoprofile.core._codes_gating import GATING_CODES
from immunoprofile.core._codes_interchange import INTERCHANGE_CODES
from immunoprofile.core._codes_model import MODEL_CODES
from immunoprofile.core._codes_panel import PANEL_CODES
from immunoprofile.core._codes_run import RUN_CODES
from immunoprofile.core._codes_study import STUDY_CODES
from immunoprofile.core._codes_trial import TRIAL_CODES
from immunoprofile.core.names import look_up

if TYPE_CHECKING:
    import pandas as pd

    from immunoprofile.core._code import Code, Level

_PARTS = (
    FCS_CODES,
    PANEL_CODES,
    GATING_CODES,
    STUDY_CODES,
    TRIAL_CODES,
    MODEL_CODES,
    RUN_CODES,
    INTERCHANGE_CODES,
)
CODES: dict[str, Code] = {row.code: row for part in _PARTS for row in part}


def explain(code: str) -> Code:
    """Give the row of a code.

    Parameters
    ----------
    code : str
        As it stands in a message or among flags.

    Returns
    -------
    Code
        code, level, meaning, done, to_do.

    Raises
    ------
    UnknownNameError
        ``unknown_name``, with the nearest codes.
    """
    return CODES[look_up(code, CODES, what="code")]


def level_of(code: str) -> Level:
    """Give the level of a code: ``info``, ``warning`` or ``error``."""
    return explain(code).level


def codes_table() -> pd.DataFrame:
    """Give all codes as a table: code, level, meaning, done, to_do."""
    import pandas as pd

    rows = [(c.code, c.level, c.meaning, c.done, c.to_do) for c in CODES.values()]
    return pd.DataFrame(rows, columns=["code", "level", "meaning", "done", "to_do"], dtype="string")
