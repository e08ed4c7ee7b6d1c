"""gating: shapes, strategies, placement of cuts over many samples, application to one."""

from immunoprofile.gating._apply import gate
from immunoprofile.gating._cuts import CUT_COLUMNS, FittedCut
from immunoprofile.gating._drawn import DrawnGate, drawn_gates, pooled_drawing
from immunoprofile.gating._engine import Membership, gate_events, gather, warm_kernels
from immunoprofile.gating._fitted import FittedStrategy, UnitRecord
from immunoprofile.gating._gated import GatedSample
from immunoprofile.gating._histograms import Grid, Histogram, Pool, histogram, pool
from immunoprofile.gating._load import list_strategies, load_strategy
from immunoprofile.gating._numbers import ROW_COLUMNS
from immunoprofile.gating._place import place_units
from immunoprofile.gating._populations import PopulationEntry, population_entries, population_table
from immunoprofile.gating._saving import plain_cut, report_bytes, report_of
from immunoprofile.gating._shapes import (
    Boolean,
    Dimension,
    Ellipse,
    Intervals,
    Polygon,
    Population,
    Quadrant,
    Rectangle,
    Threshold,
)
from immunoprofile.gating._strategy import Gate, GatePopulation, GatingStrategy, median_markers
from immunoprofile.gating._tree import Tree
from immunoprofile.gating._units import PlacementUnit, load_sample
from immunoprofile.gating._view import SampleView, view_of
from immunoprofile.gating._wide import WideCut

__all__ = [
    "CUT_COLUMNS",
    "ROW_COLUMNS",
    "Boolean",
    "Dimension",
    "DrawnGate",
    "Ellipse",
    "FittedCut",
    "FittedStrategy",
    "Gate",
    "GatePopulation",
    "GatedSample",
    "GatingStrategy",
    "Grid",
    "Histogram",
    "Intervals",
    "Membership",
    "PlacementUnit",
    "Polygon",
    "Pool",
    "Population",
    "PopulationEntry",
    "Quadrant",
    "Rectangle",
    "SampleView",
    "Threshold",
    "Tree",
    "UnitRecord",
    "WideCut",
    "drawn_gates",
    "gate",
    "gate_events",
    "gather",
    "histogram",
    "list_strategies",
    "load_sample",
    "load_strategy",
    "median_markers",
    "place_units",
    "plain_cut",
    "pool",
    "pooled_drawing",
    "population_entries",
    "population_table",
    "report_bytes",
    "report_of",
    "view_of",
    "warm_kernels",
]
