"""Whether the arrays of a store are those of its specification, to be checked before any other."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from szmass.sky.grid import PixelGrid
from szmass.storage.store import ArraySpec, MapStore, StoreSpec
from szmass.validation.expectations import CheckedTable, equal, every

AXIS_ROUNDING_ARCMIN = 1e-9
MEANINGS = {
    "layout": "type, dimensions, units and flags of an array of the store",
    "axis_error_arcmin": "largest difference of an axis from the pixel centres",
}


def layout_table(name: str, store: MapStore, spec: StoreSpec, grid: PixelGrid) -> CheckedTable:
    """A table with one row for each array that a store has or should have.

    Args:
        name: name of the table.
        store: the store.
        spec: what the store should hold.
        grid: pixels of its maps; the arrays `x` and `y` should be `grid.axis_arcmin`.
    """
    found = {array: _text(*store.layout(array)) for array in store.names}
    asked = {
        array: _text(wanted, tuple(spec.sizes[dim] for dim in wanted.dims))
        for array, wanted in spec.arrays.items()
    }
    arrays = sorted(found.keys() | asked.keys())
    rows = pd.DataFrame(
        {
            "array": arrays,
            "layout": [found.get(array, "missing") for array in arrays],
            "asked": [asked.get(array, "no such array") for array in arrays],
            "axis_error_arcmin": [
                float(np.abs(store.read(array) - grid.axis_arcmin).max())
                if array in ("x", "y") and found.get(array) == asked.get(array)
                else np.nan
                for array in arrays
            ],
        }
    )
    expectations = [
        equal("layout", "asked"),
        every("axis_error_arcmin", 0.0, AXIS_ROUNDING_ARCMIN, where=None),
    ]
    return CheckedTable(name, rows, "array", expectations, MEANINGS)


def is_as_asked(table: CheckedTable) -> bool:
    """Whether all arrays in a table made by `layout_table` are those of the specification."""
    return bool((table.rows["layout"] == table.rows["asked"]).all())


def _text(array: ArraySpec, shape: tuple[int, ...]) -> str:
    """An array's description in a line, such as `float32 (sample 8, y 40, x 40) in uK_CMB`."""
    names = array.dims or ("?",) * len(shape)
    dims = ", ".join(f"{dim} {length}" for dim, length in zip(names, shape, strict=True))
    attributes = dict(array.attributes)
    flags = f" {json.dumps(attributes, sort_keys=True)}" if attributes else ""
    return f"{array.dtype} ({dims}) in {array.units}{flags}"
