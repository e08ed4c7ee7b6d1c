"""The form of a compiled strategy: arrays that the kernel interprets, and the names of their fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ROOT_NODE, BOX, SPANS, POLYGON, ELLIPSE, AND, OR, NOT = range(8)
"""Kinds of nodes."""
RAW, RATIO, COMPENSATED = range(3)
"""Kinds of loads."""
(
    KIND, PARENT, SLOT, BITS_ROW, FLAG_ROW, LOAD_FIRST, LOAD_LAST, TERM_FIRST, TERM_LAST,
    PART_FIRST, PART_LAST, AXIS_FIRST, AXIS_LAST, NODE_FIELDS,
) = range(14)  # fmt: skip
"""Fields of a node: kind, parent, list, row of bits and of flags; ranges of loads, cuts, parts, axes."""
(
    AXIS_COLUMN, AXIS_LINEAR, RIGHT_BASE, RIGHT_COUNT, RIGHT_FIRST, LEFT_BASE, LEFT_COUNT, LEFT_FIRST,
    AXIS_FIELDS,
) = range(9)  # fmt: skip
"""Fields of an axis: its column, whether z = x, and where the cells of its table lie right and left of 0."""
EDGE_X, EDGE_Y, EDGE_NEXT_Y, EDGE_DX, EDGE_DY, EDGE_DOUBT_Y, EDGE_DOUBT_SIDE, EDGE_FIELDS = range(8)
"""Fields of a polygon's edge."""
CELL_BITS = 47
"""Bits of a double below those that name the cell of a table: 52 - 5, hence 32 cells an octave."""


class Program(NamedTuple):
    """A strategy as arrays.

    Attributes
    ----------
    nodes : int64 (n_nodes, NODE_FIELDS)
        Row 0 is the root; parents and operands come first.
    loads : int64 (n_loads, 4)
        Column, kind, first channel (or place in the spillover matrix), second channel.
    terms : int64 (n_bounds,)
        Column of each row of `bounds`.
    bounds : float64 (n_bounds, 2)
        Lowest and highest linear value inside of each cut or span.
    operands : int64 (n_operands,)
        Rows of flags that boolean nodes read.
    axes : int64 (n_axes, AXIS_FIELDS)
    shifts : float64 (n_axes,)
    cells : float64 (n_cells, 4)
        Cubic polynomials of all tables.
    edges : float64 (n_edges, EDGE_FIELDS)
        Edges of polygons.
    reals : float64 (n_reals,)
        Of each ellipse: squared distance, doubt, means, inverse of the covariance.
    spill : int64 (n_detectors,)
        Channels of the compensation.
    sizes : int64 (3,)
        Number of lists, columns and rows of flags.
    """

    nodes: NDArray[np.int64]
    loads: NDArray[np.int64]
    terms: NDArray[np.int64]
    bounds: NDArray[np.float64]
    operands: NDArray[np.int64]
    axes: NDArray[np.int64]
    shifts: NDArray[np.float64]
    cells: NDArray[np.float64]
    edges: NDArray[np.float64]
    reals: NDArray[np.float64]
    spill: NDArray[np.int64]
    sizes: NDArray[np.int64]
