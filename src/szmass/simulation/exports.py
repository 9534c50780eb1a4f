"""Tables of masses for other people's programs: FITS and CSV with the same columns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from szmass.files import replacing_file

UNITS = {"_msun": "solMass", "_deg": "deg", "_dex": "dex"}
MASS_UNIT = "1e14 solMass"


def unit_of(column: str) -> str:
    """The unit that a column's name states, as FITS writes it; "" for none."""
    if "_1e14_msun" in column:
        return MASS_UNIT
    if "_msun" in column:
        return UNITS["_msun"]
    return next((unit for ending, unit in UNITS.items() if column.endswith(ending)), "")


def write_mass_tables(
    fits_path: Path, csv_path: Path, columns: Mapping[str, np.ndarray], facts: Mapping[str, str]
) -> None:
    """Writes a row a cluster, the same bytes for the same masses, each file whole or not at all.

    Args:
        fits_path: binary table, `facts` as keywords of its header.
        csv_path: plain columns.
        columns: of shape `(n,)`: numbers, booleans or text.
        facts: keywords of at most 8 characters, such as the sky that was observed.
    """
    from astropy.io import fits

    with replacing_file(csv_path) as unfinished:
        pd.DataFrame(dict(columns)).to_csv(unfinished, index=False, float_format="%.7g")
    parts = []
    for name, values in columns.items():
        text = values.astype(str) if values.dtype.kind in "OU" else values
        kind = {"U": f"{max(1, text.dtype.itemsize // 4)}A", "b": "L", "i": "J", "f": "D"}
        unit = unit_of(name) or None
        parts.append(fits.Column(name, kind[text.dtype.kind], unit=unit, array=text))
    table = fits.BinTableHDU.from_columns(parts, name="MASSES")
    table.header.update(facts)
    with replacing_file(fits_path) as unfinished:
        fits.HDUList([fits.PrimaryHDU(), table]).writeto(unfinished, overwrite=True)
