"""biomarker: how features relate to clinical response - association and effect modification, never more."""

from immunoprofile.biomarker._errors import LeakageError
from immunoprofile.biomarker._firth import FirthFit, firth
from immunoprofile.biomarker._link import LINK_COLUMNS, LinkTable
from immunoprofile.biomarker._relate import relate
from immunoprofile.biomarker._screen import screen

__all__ = ["LINK_COLUMNS", "FirthFit", "LeakageError", "LinkTable", "firth", "relate", "screen"]
