"""Kernels of the gating engine: one interpreter that runs any strategy over blocks of events, compiled once.

Block by block (4,096 events: they stay in the processor's cache), node by node, parents first. A node holds
the list of its survivors in the block; a child looks at those only. A column (a channel, compensated or not,
or a ratio) is read once, where the gates that use it have their lowest common ancestor, for the survivors
there. Cuts are limits in linear units, so no event is transformed for them. Polygons and ellipses look up
the transform in a table of known error; an event so near an edge that the error could decide is marked in
the last row of the bits, and the driver settles it with the exact transform.
"""

# ruff: noqa: PLR0917 - numba knows no keyword-only arguments
from __future__ import annotations

from typing import Any

import numpy as np
from numba import types as numba_types

from immunoprofile.core.kernels import kernel
from immunoprofile.gating import _program as p

BLOCK = 4096
"""Events of a block; positions in it fit 16 bits."""
TILE = 256
PITCH = TILE + 8  # rows of a tile do not fall on the same cache lines
CELL_MASK = (1 << p.CELL_BITS) - 1
CELL_SCALE = 2.0**-p.CELL_BITS
SOURCES = (__file__, p.__file__)

types: Any = numba_types  # typed in some versions of numba only
_I1, _I2 = types.Array(types.int64, 1, "C"), types.Array(types.int64, 2, "C")
_R1, _R2 = types.Array(types.float64, 1, "C"), types.Array(types.float64, 2, "C")
_BITS = types.Array(types.uint8, 2, "C")
_PROGRAM = types.NamedTuple([_I2, _I2, _I1, _R2, _I1, _I2, _R1, _R2, _R2, _R1, _I1, _I1], p.Program)
_EVENTS = types.Tuple(
    [types.Array(number, 2, "C", readonly=True) for number in (types.float32, types.float64)]
)


@kernel(sources=SOURCES)
def _within(column: Any, limits: Any, listed: Any, count: int, kept: Any) -> Any:
    """Keep the events whose value lies within the limits; `kept` may be `listed` itself."""
    low, high = limits[0], limits[1]
    n = np.uint64(0)
    for k in range(count):
        i = listed[k]
        value = column[i]
        kept[n] = i  # stored always, counted if inside: no branch to mispredict
        n += np.uint64((value >= low) & (value <= high))
    return np.int64(n)


@kernel(sources=SOURCES)
def _spans(column: Any, spans: Any, listed: Any, count: int, kept: Any) -> Any:
    """Keep the events whose value lies in one of the rising spans."""
    n = np.uint64(0)
    for k in range(count):
        i = listed[k]
        value = column[i]
        low, high = 0, spans.shape[0]
        while low < high:
            middle = (low + high) >> 1
            if spans[middle, 0] <= value:
                low = middle + 1
            else:
                high = middle
        kept[n] = i
        n += np.uint64(low > 0 and value <= spans[low - 1, 1])
    return np.int64(n)


@kernel(sources=SOURCES)
def _scaled(value: float, axis: Any, shift: float, cells: Any) -> Any:
    """Look up the transform of a value; nan outside the table."""
    if axis[p.AXIS_LINEAR]:
        return value
    moved = np.float64(abs(value) + shift)
    bits = moved.view(np.int64)
    if value >= 0:
        row, first, count = (
            (bits >> p.CELL_BITS) - axis[p.RIGHT_BASE],
            axis[p.RIGHT_FIRST],
            axis[p.RIGHT_COUNT],
        )
    else:
        row, first, count = (bits >> p.CELL_BITS) - axis[p.LEFT_BASE], axis[p.LEFT_FIRST], axis[p.LEFT_COUNT]
    if row < 0 or row >= count:
        return np.nan
    row += first
    t = (bits & CELL_MASK) * CELL_SCALE
    return ((cells[row, 3] * t + cells[row, 2]) * t + cells[row, 1]) * t + cells[row, 0]


@kernel(sources=SOURCES)
def _mark(bits: Any, event: int) -> None:
    bits[event >> 3] |= np.uint8(1 << (event & 7))


@kernel(sources=SOURCES)
def _cross_edges(edges: Any, x: Any, y: Any, odd: Any, near: Any) -> None:
    """Count modulo 2 the edges to one side of each event; edge by edge, so that events go in parallel."""
    for e in range(edges.shape[0]):
        from_x, from_y, to_y = edges[e, p.EDGE_X], edges[e, p.EDGE_Y], edges[e, p.EDGE_NEXT_Y]
        run, rise = edges[e, p.EDGE_DX], edges[e, p.EDGE_DY]
        doubt_y, doubt_side = edges[e, p.EDGE_DOUBT_Y], edges[e, p.EDGE_DOUBT_SIDE]
        sign = 1.0 if rise > 0 else -1.0
        low, high = min(from_y, to_y), max(from_y, to_y)
        for t in range(x.size):
            side = run * (y[t] - from_y) - (x[t] - from_x) * rise
            odd[t] ^= (y[t] >= low) & (y[t] < high) & (sign * side > 0)
        if doubt_side > 0:
            for t in range(x.size):
                side = run * (y[t] - from_y) - (x[t] - from_x) * rise
                crossed = (y[t] >= low) & (y[t] < high)
                near[t] |= (abs(y[t] - from_y) < doubt_y) | (crossed & (abs(side) < doubt_side))


@kernel(sources=SOURCES)
def _in_polygon(
    program: Any, node: Any, columns: Any, listed: Any, count: int, doubt: Any, start: int
) -> Any:
    """Keep the events inside a polygon (odd winding, half-open edges); mark those too near an edge."""
    first, second = node[p.AXIS_FIRST], node[p.AXIS_FIRST] + 1
    xs, ys = columns[program.axes[first, p.AXIS_COLUMN]], columns[program.axes[second, p.AXIS_COLUMN]]
    edges = program.edges[node[p.PART_FIRST] : node[p.PART_LAST]]
    x, y = np.empty(TILE), np.empty(TILE)
    odd, near = np.empty(TILE, np.bool_), np.empty(TILE, np.bool_)
    n = np.uint64(0)
    for begin in range(0, count, TILE):
        size = min(TILE, count - begin)
        for t in range(size):
            i = listed[begin + t]
            x[t] = _scaled(xs[i], program.axes[first], program.shifts[first], program.cells)
            y[t] = _scaled(ys[i], program.axes[second], program.shifts[second], program.cells)
            odd[t], near[t] = False, np.isnan(x[t]) | np.isnan(y[t])
        _cross_edges(edges, x[:size], y[:size], odd, near)
        for t in range(size):
            i = listed[begin + t]
            if near[t]:
                _mark(doubt, start + i)
            listed[n] = i
            n += np.uint64(odd[t] & (not near[t]))
    return np.int64(n)


@kernel(sources=SOURCES)
def _in_ellipse(
    program: Any, node: Any, columns: Any, listed: Any, count: int, doubt: Any, start: int
) -> Any:
    """Keep the events inside an ellipse, the edge included; mark those too near the edge to tell."""
    first, d = node[p.AXIS_FIRST], node[p.AXIS_LAST] - node[p.AXIS_FIRST]
    limit, width = program.reals[node[p.PART_FIRST]], program.reals[node[p.PART_FIRST] + 1]
    means = program.reals[node[p.PART_FIRST] + 2 : node[p.PART_LAST]]
    precision = means[d:]
    centered = np.empty(d)
    n = np.uint64(0)
    for k in range(count):
        i = listed[k]
        for a in range(d):
            value = columns[program.axes[first + a, p.AXIS_COLUMN], i]
            z = _scaled(value, program.axes[first + a], program.shifts[first + a], program.cells)
            centered[a] = z - means[a]
        distance = 0.0
        for a in range(d):
            for b in range(d):
                distance += centered[a] * precision[a * d + b] * centered[b]
        near = np.isnan(distance) | (abs(distance - limit) < width)
        if near:
            _mark(doubt, start + i)
        listed[n] = i
        n += np.uint64((distance <= limit) & (not near))
    return np.int64(n)


@kernel(sources=SOURCES)
def _combined(program: Any, node: Any, flags: Any, listed: Any, count: int, kept: Any) -> Any:
    """Keep the events of the parent that a boolean node holds."""
    n = np.uint64(0)
    operands = program.operands[node[p.PART_FIRST] : node[p.PART_LAST]]
    for k in range(count):
        i = listed[k]
        held = flags[operands[0], i]
        for o in range(1, operands.size):
            if node[p.KIND] == p.AND:
                held &= flags[operands[o], i]
            else:
                held |= flags[operands[o], i]
        kept[n] = i
        n += np.uint64(held ^ (node[p.KIND] == p.NOT))
    return np.int64(n)


@kernel(sources=SOURCES)
def _gather(events: Any, channels: Any, listed: Any, tile: Any) -> None:
    """Read the channels of the listed events into a tile, a row a channel."""
    for t in range(listed.size):
        event = events[listed[t]]
        for j in range(channels.size):
            tile[j, t] = event[channels[j]]


@kernel(sources=SOURCES)
def _copy(events: Any, channel: int, listed: Any, column: Any) -> None:
    for k in range(listed.size):
        column[listed[k]] = events[listed[k], channel]


@kernel(sources=SOURCES)
def _pick(events: Any, channel: int, listed: Any, column: Any) -> None:
    """Read one channel of the listed events, whichever of the two arrays holds them."""
    narrow, wide = events
    if wide.size:
        _copy(wide, channel, listed, column)
    else:
        _copy(narrow, channel, listed, column)


@kernel(sources=SOURCES)
def _weigh(weights: Any, tile: Any, total: Any, size: int) -> None:
    """Sum the rows of a tile by weight, in their order, four a pass."""
    for t in range(size):
        total[t] = 0.0
    j = 0
    while j + 4 <= weights.size:
        w0, w1, w2, w3 = weights[j], weights[j + 1], weights[j + 2], weights[j + 3]
        for t in range(size):
            value = total[t] + w0 * tile[j, t]
            value = value + w1 * tile[j + 1, t]
            value = value + w2 * tile[j + 2, t]
            total[t] = value + w3 * tile[j + 3, t]
        j += 4
    while j < weights.size:
        for t in range(size):
            total[t] += weights[j] * tile[j, t]
        j += 1


@kernel(sources=SOURCES)
def _compensate(
    events: Any, source: Any, inverse: Any, program: Any, load: Any, listed: Any, columns: Any
) -> None:
    """Compute compensated columns for the listed events: in tiles of 256 events.

    Products are added in the order of the detectors: an event's value does not depend on its neighbours.
    """
    narrow, wide = events
    d = program.spill.size
    tile, total = np.empty((d, PITCH)), np.empty(PITCH)
    channels = np.empty(d, np.uint64)
    for j in range(d):
        channels[j] = source[program.spill[j]]
    for begin in range(0, listed.size, TILE):
        size = min(TILE, listed.size - begin)
        if wide.size:
            _gather(wide, channels, listed[begin : begin + size], tile)
        else:
            _gather(narrow, channels, listed[begin : begin + size], tile)
        for row in range(load.shape[0]):
            _weigh(inverse[load[row, 2]], tile, total, size)
            column = columns[load[row, 0]]
            for t in range(size):
                column[listed[begin + t]] = total[t]


@kernel(sources=SOURCES)
def _load(events: Any, source: Any, inverse: Any, program: Any, node: Any, listed: Any, columns: Any) -> None:
    """Read the columns that are due at a node, for its survivors."""
    row = node[p.LOAD_FIRST]
    while row < node[p.LOAD_LAST] and program.loads[row, 1] != p.COMPENSATED:
        column = columns[program.loads[row, 0]]
        _pick(events, source[program.loads[row, 2]], listed, column)
        if program.loads[row, 1] == p.RATIO:
            below = np.empty(BLOCK)
            _pick(events, source[program.loads[row, 3]], listed, below)
            for k in range(listed.size):
                i = listed[k]
                column[i] = column[i] / below[i] if below[i] > 0 else np.nan
        row += 1
    if row < node[p.LOAD_LAST]:
        load = program.loads[row : node[p.LOAD_LAST]]
        _compensate(events, source, inverse, program, load, listed, columns)


@kernel(sources=SOURCES)
def _survivors(program: Any, node: Any, work: Any, size: int, doubt: Any, start: int) -> Any:
    """Put the survivors of a node into its list; give their number."""
    lists, columns, flags = work
    kept, listed = lists[node[p.SLOT]], lists[program.nodes[node[p.PARENT], p.SLOT]]
    kind = node[p.KIND]
    if kind >= p.AND:
        return _combined(program, node, flags, listed, size, kept)
    for term in range(node[p.TERM_FIRST], node[p.TERM_LAST]):
        size = _within(columns[program.terms[term]], program.bounds[term], listed, size, kept)
        listed = kept
    if kind == p.SPANS:
        column = columns[program.axes[node[p.AXIS_FIRST], p.AXIS_COLUMN]]
        return _spans(column, program.bounds[node[p.PART_FIRST] : node[p.PART_LAST]], listed, size, kept)
    if kind == p.POLYGON:
        return _in_polygon(program, node, columns, kept, size, doubt, start)
    if kind == p.ELLIPSE:
        return _in_ellipse(program, node, columns, kept, size, doubt, start)
    return size


@kernel(sources=SOURCES)
def _publish(node: Any, listed: Any, size: int, flags: Any, bits: Any, start: int) -> None:
    """Write the survivors of a node as packed bits and, where a boolean node reads them, as flags."""
    if node[p.BITS_ROW] >= 0:
        row = bits[node[p.BITS_ROW]]
        for k in range(listed.size):
            _mark(row, start + listed[k])
    if node[p.FLAG_ROW] >= 0:
        flag = flags[node[p.FLAG_ROW]]
        for i in range(size):  # a loop compiles sooner than the assignment of a slice, here and below
            flag[i] = 0
        for k in range(listed.size):
            flag[listed[k]] = 1


@kernel(types.void(_EVENTS, _I1, _R2, _PROGRAM, _BITS, _I1, types.int64), sources=SOURCES)
def gate_chunk(
    events: Any, source: Any, inverse: Any, program: Any, bits: Any, counts: Any, start: int
) -> None:
    """Run a program over a chunk of events.

    Parameters
    ----------
    events : tuple of float32 and float64 (n, n_channels), read-only, C-contiguous
        Linear values in one of the two, the other empty (one compiled kernel serves both).
    source : int64 (n_used,)
        Column of `events` of each channel of the program.
    inverse : float64 (n_detectors, n_detectors)
        Transposed inverse of the spillover matrix: row c holds the weights of compensated channel c.
    program : Program
    bits : uint8 (n_populations + 1, n_bytes)
        Set; the last row marks the events in doubt.
    counts : int64 (n_nodes,)
        Added to; events by node.
    start : int
        Number of the chunk's first event; a multiple of 8.
    """
    n_nodes = program.nodes.shape[0]
    lists = np.empty((program.sizes[0], BLOCK), np.uint16)
    columns = np.empty((program.sizes[1], BLOCK), np.float64)
    flags = np.empty((program.sizes[2], BLOCK), np.uint8)
    sizes = np.zeros(n_nodes, np.int64)
    doubt = bits[bits.shape[0] - 1]
    for i in range(BLOCK):
        lists[0, i] = i
    narrow, wide = events
    total = max(narrow.shape[0], wide.shape[0])
    for begin in range(0, total, BLOCK):
        block = (narrow[begin : begin + BLOCK], wide[begin : begin + BLOCK])
        size = min(BLOCK, total - begin)
        for row in range(n_nodes):
            node = program.nodes[row]
            parent = sizes[node[p.PARENT]] if row else size
            if row and parent:
                parent = _survivors(program, node, (lists, columns, flags), parent, doubt, start + begin)
            sizes[row] = parent
            counts[row] += parent
            listed = lists[node[p.SLOT], :parent]
            _publish(node, listed, size, flags, bits, start + begin)
            if parent:
                _load(block, source, inverse, program, node, listed, columns)


@kernel(types.void(_EVENTS, _I1, _R2, _PROGRAM, _R2), sources=SOURCES)
def read_columns(events: Any, source: Any, inverse: Any, program: Any, out: Any) -> None:
    """Read every column of a program for every event into `out`, float64 (n_columns, n)."""
    columns = np.empty((program.sizes[1], BLOCK), np.float64)
    order = np.empty(BLOCK, np.uint16)
    for i in range(BLOCK):
        order[i] = i
    narrow, wide = events
    total = max(narrow.shape[0], wide.shape[0])
    for begin in range(0, total, BLOCK):
        block = (narrow[begin : begin + BLOCK], wide[begin : begin + BLOCK])
        size = min(BLOCK, total - begin)
        for row in range(program.nodes.shape[0]):
            _load(block, source, inverse, program, program.nodes[row], order[:size], columns)
        for c in range(out.shape[0]):
            for i in range(size):
                out[c, begin + i] = columns[c, i]
