"""The row of the table of codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Code:
    """A code and what it tells.

    Attributes
    ----------
    code : str
    level : str
        ``info``, ``warning`` or ``error``. Where the level depends on the case, the usual one.
    meaning : str
        What was seen.
    done : str
        What the program did about it.
    to_do : str
        What the user can do.
    standard : str
        What the FCS standard says, by segment and keyword; empty only for codes of other things.
    vendor : str
        What the writer of the file should do instead; empty where the file is not at fault.
    """

    code: str
    level: Level
    meaning: str
    done: str
    to_do: str
    standard: str = ""
    vendor: str = ""
