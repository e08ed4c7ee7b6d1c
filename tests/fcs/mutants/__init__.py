"""Files changed at random: blindly, to see that any bytes get an answer, and with known truth."""

from ._blind import KEYWORDS, mutant
from ._judge import Answer, judge, time_limit
from ._seeds import golden_files, written_files
from ._truth import TRUTHS, Trial

__all__ = [
    "KEYWORDS",
    "TRUTHS",
    "Answer",
    "Trial",
    "golden_files",
    "judge",
    "mutant",
    "time_limit",
    "written_files",
]
