"""gating: shapes, strategies, placement of cuts over many samples, application to one."""

from immunoprofile.gating.apply import gate
from immunoprofile.gating.cuts import CUT_COLUMNS, FittedCut
from immunoprofile.gating.drawn import DrawnGate, drawn_gates, pooled_drawing
from immunoprofile.gating.engine import Membership, gate_events, gather, warm_kernels
from immunoprofile.gating.fitted import FittedStrategy, UnitRecord
from immunoprofile.gating.gated import GatedSample
from immunoprofile.gating.histograms import Grid, Histogram, Pool, histogram, pool
from immunoprofile.gating.load import list_strategies, load_strategy
from immunoprofile.gating.numbers import ROW_COLUMNS
from immunoprofile.gating.place import place_units
from immunoprofile.gating.populations import PopulationEntry, population_entries, population_table
from immunoprofile.gating.saving import plain_cut, report_bytes, report_of
from immunoprofile.gating.shapes import (
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
from immunoprofile.gating.strategy import Gate, GatePopulation, GatingStrategy, median_markers
from immunoprofile.gating.tree import Tree
from immunoprofile.gating.units import PlacementUnit, load_sample
from immunoprofile.gating.view import SampleView, view_of
from immunoprofile.gating.wide import WideCut

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
