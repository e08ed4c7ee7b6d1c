"""The road of large DATA: compiled kernels that decode and count in one pass; loaded when they pay."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.fcs._columns import HIGH, Columns, bits_above, count

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOAD_FROM = 4 * 2**20
"""Bytes of DATA from which the kernels are loaded: less is decoded sooner than they are."""
USE_FROM = 2**16
"""Bytes from which they are used where something has loaded them already."""
_FLAT_VALUES = 320
"""About as many values are taken together in the flat kernel: their masks stay in the nearest cache."""
_FLAT_BYTES = 4
_ORDERS = {"little": 0, "big": 1, "mixed": 2}
_KINDS = {"I": 0, "F": 1, "D": 2}
_MODULE = "immunoprofile.fcs._kernels"
_LOG = logging.getLogger("immunoprofile")


def warm_kernels() -> None:
    """Load the reader's kernels, or compile them where no cache holds them: for the start of a worker."""
    _kernels()


def are_worth(byte_count: int) -> bool:
    """Whether so much DATA is decoded sooner by kernels, and there are kernels."""
    pays = byte_count >= (USE_FROM if _MODULE in sys.modules else LOAD_FROM)
    return pays and sys.byteorder == "little" and _kernels() is not None  # they load words of such processors


@cache
def _kernels() -> Any:
    """Import the kernels; None where numba does not work here (numpy does the same, slower)."""
    try:
        from immunoprofile.fcs import _kernels as kernels
    except ImportError as error:
        _LOG.warning("no compiled kernels, large files take longer to read: %s", error)
        return None
    return kernels


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Program:
    """Columns as the kernels want them.

    Attributes
    ----------
    places : ndarray of int64, shape (n_columns, 3)
        Offset, size, kind.
    masks : ndarray of uint64, shape (n_columns, 2)
        Bits that are kept, and bits whose occurrence is counted.
    """

    columns: Columns
    places: NDArray[np.int64]
    masks: NDArray[np.uint64]

    @classmethod
    def of(cls, columns: Columns) -> Program:
        """Make the arrays."""
        fields = columns.fields
        places = [(field.offset, field.size, _KINDS[field.kind]) for field in fields]
        masks = [(columns.mask(field), bits_above(field)) for field in fields]
        return cls(
            columns=columns,
            places=np.array(places, dtype=np.int64).reshape(-1, 3),
            masks=np.array(masks, dtype=np.uint64).reshape(-1, 2),
        )

    def decode(self, rows: NDArray[np.uint8], out: NDArray[Any], counts: NDArray[np.int64]) -> None:
        """Decode some events into `out`, C-contiguous float32 or float64, and add to `counts`."""
        if not out.size:
            return
        cells = rows.reshape(-1).view()
        cells.flags.writeable = False  # one type of array, one compilation
        if self._are_flat(out):
            self._decode_flat(cells, out, counts)
        elif self._are_swapped_singles(out):
            if _kernels().swap_singles(cells, out.reshape(-1).view(np.uint32)):
                count(self.columns, rows, counts)
        else:
            self._decode_columns(cells, rows.shape[1], out=out, counts=counts)

    def _are_flat(self, out: NDArray[Any]) -> bool:
        """Whether these are all columns, integers of one width and no order but the plain ones."""
        sizes = set(self.places[:, 1].tolist())
        return (
            out.dtype == np.float32
            and self.columns.are_all
            and self.columns.layout.order != "mixed"
            and not self.places[:, 2].any()
            and len(sizes) == 1
            and max(sizes) <= _FLAT_BYTES
        )

    def _are_swapped_singles(self, out: NDArray[Any]) -> bool:
        dtype = self.columns.dtype
        return (
            out.dtype == np.float32
            and dtype is not None
            and (dtype.kind, dtype.itemsize, dtype.isnative) == ("f", 4, False)
        )

    def _decode_flat(self, cells: NDArray[np.uint8], out: NDArray[Any], counts: NDArray[np.int64]) -> None:
        events = max(1, _FLAT_VALUES // len(self.places))
        keep, above = np.ascontiguousarray(np.tile(self.masks.astype(np.uint32), (events, 1)).T)
        high = np.zeros(keep.size, np.int64)
        size, swapped = int(self.places[0, 1]), self.columns.layout.order == "big"
        _kernels().decode_flat(cells, size, swapped, keep, above, out.reshape(-1), high)
        counts[:, HIGH] += high.reshape(events, -1).sum(axis=0)

    def _decode_columns(
        self, cells: NDArray[np.uint8], stride: int, *, out: NDArray[Any], counts: NDArray[np.int64]
    ) -> None:
        layout = self.columns.layout
        order, ranks = _ORDERS[layout.order], np.array(layout.significance, dtype=np.int64)
        _kernels().decode(cells, stride, order, self.places, self.masks, ranks, out, counts)
