"""Files in exactly the layout of Planck's releases, written independently of the package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits

BAD = -1.6375e30


def write_release(
    path: Path, columns: dict[str, np.ndarray], *, ordering: str, extension: str, width: int = 1
) -> Path:
    """Writes full-sky columns, `width` pixels a row (1 and 1024 are both found)."""
    pixels = len(next(iter(columns.values())))
    code = {"f": "E", "d": "D", "B": "B"}
    table = fits.BinTableHDU.from_columns([
        fits.Column(
            name=name,
            format=f"{width if width > 1 else ''}{code[values.dtype.char]}",
            array=values.reshape(-1, width) if width > 1 else values,
        )
        for name, values in columns.items()
    ])  # fmt: skip
    table.header.update({
        "EXTNAME": extension, "PIXTYPE": "HEALPIX", "ORDERING": ordering,
        "NSIDE": round((pixels / 12) ** 0.5), "FIRSTPIX": 0, "LASTPIX": pixels - 1,
        "INDXSCHM": "IMPLICIT", "COORDSYS": "GALACTIC", "BAD_DATA": BAD,
    })  # fmt: skip
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path)
    return path


def write_spectrum(path: Path, cl: np.ndarray, *, with_ell: bool = False) -> Path:
    """Writes a spectrum of the homogeneous noise, under column names of no meaning."""
    columns = [fits.Column(name="A", format="D", array=np.arange(len(cl), dtype=float))]
    columns = columns if with_ell else []
    columns.append(fits.Column(name="B", format="D", array=cl))
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)]).writeto(path)
    return path
