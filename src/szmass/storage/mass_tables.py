"""Tables of masses for other people's programs: FITS and CSV with the same columns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from szmass.files import replacing_file

UNITS = {"_1e14_msun": "10**14 solMass", "_msun": "solMass", "_deg": "deg"}
"""Unit in FITS's spelling by a part of a column's name, longer parts first; FITS has no dex."""
REDSHIFT_FORMAT = "{:.9g}"
"""In CSV, so precise that 0.20000000298, the float32 of 0.2, stays above a bin's edge at 0.2."""


def unit_of(column: str) -> str | None:
    """The unit that a column's name states, as FITS writes it."""
    return next((unit for part, unit in UNITS.items() if part in column), None)


def write_mass_tables(
    fits_path: Path, csv_path: Path, columns: Mapping[str, np.ndarray], facts: Mapping[str, str]
) -> None:
    """Writes one row per cluster to a FITS and a CSV file, each written whole or not at all.

    The same masses give the same bytes.

    Args:
        fits_path: file for the binary table, with `facts` as keywords of its header.
        csv_path: file for the columns as text.
        columns: numbers, booleans or text of shape `(n,)` by name; one is `redshift`.
        facts: values by a keyword of at most 8 characters, such as the sky that was observed.
    """
    from astropy.io import fits

    with replacing_file(csv_path) as unfinished:
        frame = pd.DataFrame(dict(columns))
        frame["redshift"] = frame["redshift"].map(REDSHIFT_FORMAT.format, na_action="ignore")
        frame.to_csv(unfinished, index=False, float_format="%.7g")
    parts = []
    for name, values in columns.items():
        text = values.astype(str) if values.dtype.kind in "OU" else values
        kind = {"U": f"{max(1, text.dtype.itemsize // 4)}A", "b": "L", "i": "J", "f": "D"}
        parts.append(fits.Column(name, kind[text.dtype.kind], unit=unit_of(name), array=text))
    table = fits.BinTableHDU.from_columns(parts, name="MASSES")
    table.header.update(facts)
    with replacing_file(fits_path) as unfinished:
        fits.HDUList([fits.PrimaryHDU(), table]).writeto(unfinished, overwrite=True)
