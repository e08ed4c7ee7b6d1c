"""A corpus of FCS files made byte by byte: legal, harmless, odd and broken, each with its truth.

Truth comes from what is put in and from the standard, never from a reader. ``corpus(seed)`` gives some five
hundred cases; ``judge`` reads one and says what was wrong.
"""

from ._case import Case, Truth
from ._columns import Column, draw_columns, solid_columns
from ._judge import Verdict, judge, judge_modes
from ._layout import At, Plan, bytes_of, edges_of, inserted, plan_of
from ._make import corpus
from ._table import Tally, goals, tally

__all__ = [
    "At",
    "Case",
    "Column",
    "Plan",
    "Tally",
    "Truth",
    "Verdict",
    "bytes_of",
    "corpus",
    "draw_columns",
    "edges_of",
    "goals",
    "inserted",
    "judge",
    "judge_modes",
    "plan_of",
    "solid_columns",
    "tally",
]
