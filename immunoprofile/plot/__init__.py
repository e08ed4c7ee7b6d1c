"""plot: one function a picture. Each takes a table, or a value by its attributes, and gives an Axes.

``ax=None`` draws on a figure of its own; functions that need several Axes return a Figure. The style is
:data:`STYLE`, the colors are :data:`PALETTE`, the table behind a picture is :func:`data`.
"""

from immunoprofile.plot._course import arm_means, spaghetti
from immunoprofile.plot._effects import forest, rules
from immunoprofile.plot._gates import gate, gates
from immunoprofile.plot._response import response_relation, waterfall
from immunoprofile.plot._sample import density, histogram
from immunoprofile.plot._sheet import contact_sheet
from immunoprofile.plot._study import accountability, missingness
from immunoprofile.plot._style import PALETTE, STYLE, stamp
from immunoprofile.plot._svg import svg_of
from immunoprofile.plot._tables import data

__all__ = [
    "PALETTE",
    "STYLE",
    "accountability",
    "arm_means",
    "contact_sheet",
    "data",
    "density",
    "forest",
    "gate",
    "gates",
    "histogram",
    "missingness",
    "response_relation",
    "rules",
    "spaghetti",
    "stamp",
    "svg_of",
    "waterfall",
]
