"""Tables of masses for other people's programs: FITS and CSV with the same columns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from szmass.files import replacing_file

UNITS = {"_1e14_msun": "10**14 solMass", "_msun": "solMass", "_deg": "deg"}
"""By a part of a column's name, the longest first, as FITS writes them; it has none for dex."""
REDSHIFT_FORMAT = "{:.9g}"
"""In CSV: 0.20000000298, a float32 just above an edge of the bins, stays above it."""


def unit_of(column: str) -> str | None:
    """The unit that a column's name states, as FITS writes it."""
    return next((unit for part, unit in UNITS.items() if part in column), None)


def write_mass_tables(
    fits_path: Path, csv_path: Path, columns: Mapping[str, np.ndarray], facts: Mapping[str, str]
) -> None:
    """Writes a row a cluster, the same bytes for the same masses, each file whole or not at all.

    Args:
        fits_path: binary table, `facts` as keywords of its header.
        csv_path: plain columns.
        columns: of shape `(n,)`: numbers, booleans or text; `redshift` among them.
        facts: keywords of at most 8 characters, such as the sky that was observed.
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
