"""FITS files in the layout that Planck publishes: y-maps, masks, noise.

Planck 2015 results XXII (arXiv 1502.01596) describes the y-maps, the Explanatory Supplement of
the release their files: HEALPix maps as a binary table, a column a map.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from szmass.errors import SzmassError
from szmass.files import replacing_file
from szmass.sky.healpix import pixel_count, ring_order

BAD_DATA = -1.6375e30
BLOCK = 2880  # bytes that every part of a FITS file is a multiple of
ROWS_AT_ONCE = 2**20
STAND_IN = "STAND-IN"
STAND_IN_NAME = "stand-in sky"
GALACTIC_MASKS = ("M1", "M2", "M3", "M4")  # 40, 50, 60 and 70 % of the sky are kept
POINT_SOURCE_MASK = "M5"
# public names, in the release's archive and one by one; `{product}` is milca or nilc
PUBLIC_NAMES = {
    "ymap": (
        "{product}_ymaps.fits",
        "COM_CompMap_Compton-SZMap-{product}-ymaps_2048_R2.00.fits",
    ),
    "stddev": (
        "{product}_stddev.fits",
        "COM_CompMap_Compton-SZMap-{product}-stddev_2048_R2.00.fits",
    ),
    "masks": ("COM_CompMap_Compton-SZMap-masks_2048_R2.01.fits", "masks.fits"),
    "spectrum": ("{product}_homnoise_spect.fits",),
}


class PlanckFilesError(SzmassError):
    """A file of Planck's is missing, damaged, or not what its reader expects."""


@dataclass(frozen=True)
class PlanckProduct:
    """The files of one public y-map."""

    ymap: Path
    stddev: Path
    masks: Path
    spectrum: Path


def find_product(folder: Path, product: str) -> PlanckProduct | None:
    """The public files that a user has placed in a folder; None where there is no FITS file.

    Args:
        folder: where they would be.
        product: milca or nilc.

    Raises:
        PlanckFilesError: some of the four files are there, but not all.
    """
    found: dict[str, Path] = {}
    for kind, names in PUBLIC_NAMES.items():
        paths = [folder / name.format(product=product) for name in names]
        there = [path for path in paths if path.is_file()]
        if there:
            found[kind] = there[0]
    if not found and not any(folder.glob("*.fits")):
        return None
    missing = [
        " or ".join(names).format(product=product)
        for kind, names in PUBLIC_NAMES.items()
        if kind not in found
    ]
    if missing:
        raise PlanckFilesError(
            f"{folder}: no {', no '.join(missing)}: expected all the files that {folder}/README.md "
            "names, or none for the stand-in sky"
        )
    return PlanckProduct(**found)


def open_table(path: Path) -> tuple[Mapping[str, Any], np.ndarray]:
    """The first table of a FITS file, mapped into memory.

    Returns:
        Its header, and its rows with their columns by name.

    Raises:
        PlanckFilesError: there is no such file, it is not FITS, has no table, or is cut short.
    """
    from astropy.io import fits

    try:
        # of a file that is cut short astropy only warns
        with warnings.catch_warnings(action="ignore"), fits.open(path, memmap=True) as parts:
            if len(parts) < 2 or not isinstance(parts[1], fits.BinTableHDU):
                raise PlanckFilesError(f"{path}: expected a FITS file with a table in HDU 1")
            where = parts[1].fileinfo()
            wanted, size = where["datLoc"] + where["datSpan"], path.stat().st_size
            if size < wanted:
                raise PlanckFilesError(
                    f"{path}: is cut short: {size} of {wanted} bytes; fetch it again"
                )
            return dict(parts[1].header), parts[1].data
    except OSError as error:
        reason = error.strerror or f"not a FITS file ({error})"
        raise PlanckFilesError(f"{path}: cannot be read: {reason}") from error


def column(path: Path, rows: Any, name: str | int) -> np.ndarray:
    """One column of a table, by name or by position.

    Raises:
        PlanckFilesError: there is no such column.
    """
    names = list(rows.dtype.names)
    if isinstance(name, str) and name not in names:
        raise PlanckFilesError(f"{path}: no column {name!r}; it has {', '.join(names)}")
    return np.asarray(rows.field(name))


def read_map(path: Path, name: str | int, nside: int) -> np.ndarray:
    """A full-sky map in RING order, whatever the file's order.

    Args:
        path: of the file.
        name: of the column (FULL, FIRST or LAST of a y-map), or its position.
        nside: that the map must have.

    Returns:
        float32 of shape `(12 nside^2,)`, NaN where the file has bad data.

    Raises:
        PlanckFilesError: unreadable, no such column, not a HEALPix map, or of another Nside.
    """
    header, rows = open_table(path)
    found, ordering = header.get("NSIDE"), str(header.get("ORDERING", "")).strip()
    if found != nside:
        raise PlanckFilesError(f"{path}: NSIDE = {found}: expected {nside} (planck_sky.nside)")
    if ordering not in {"RING", "NESTED"}:
        raise PlanckFilesError(f"{path}: ORDERING = {ordering!r}: expected RING or NESTED")
    values = column(path, rows, name).astype(np.float32).ravel()
    if len(values) != pixel_count(nside):
        raise PlanckFilesError(
            f"{path}: column {name!r} has {len(values)} pixels: expected {pixel_count(nside)}"
        )
    bad = np.float32(header.get("BAD_DATA", BAD_DATA))
    values[np.abs(values - bad) <= 1e-5 * abs(bad)] = np.nan
    return ring_order(values) if ordering == "NESTED" else values


def read_mask(path: Path, name: str, nside: int) -> np.ndarray:
    """A mask, True where the sky is kept; as `read_map`.

    In release R2.00 the masks M2 to M4 also hide a region at the poles by mistake; R2.01 has
    them right. M1 and M5 are the same in both.
    """
    return read_map(path, name, nside) > 0.5


def read_noise_spectrum(path: Path) -> np.ndarray:
    """C_l of the noise over its standard deviation, dimensionless, from l = 0.

    Args:
        path: a public `*_homnoise_spect.fits`, whose first column it is (the second, where the
            first counts l), or a CSV table with the columns `ell` and `c_ell`.

    Raises:
        PlanckFilesError: unreadable, or something in it is no power spectrum.
    """
    if path.suffix == ".csv":
        return _csv_spectrum(path)
    _, rows = open_table(path)
    cl = column(path, rows, 0).ravel().astype(np.float64)
    if np.array_equal(cl, np.arange(len(cl))):
        cl = column(path, rows, 1).ravel().astype(np.float64)
    return _checked_spectrum(path, cl)


def _csv_spectrum(path: Path) -> np.ndarray:
    import pandas as pd

    try:
        table = pd.read_csv(path)
        ell, cl = table["ell"].to_numpy(dtype=float), table["c_ell"].to_numpy(dtype=float)
    except (OSError, KeyError, ValueError) as error:
        raise PlanckFilesError(
            f"{path}: cannot be read as a CSV table with numbers in ell and c_ell: {error}"
        ) from error
    if not np.array_equal(ell, np.arange(len(ell))):
        raise PlanckFilesError(f"{path}: column ell: expected the multipoles 0, 1, 2, ...")
    return _checked_spectrum(path, cl)


def _checked_spectrum(path: Path, cl: np.ndarray) -> np.ndarray:
    wrong = ~(np.isfinite(cl) & (cl >= 0))
    if len(cl) < 2 or wrong.any():
        where = (
            f"C_l = {cl[wrong][0]} at l = {np.flatnonzero(wrong)[0]}" if wrong.any() else "empty"
        )
        raise PlanckFilesError(f"{path}: {where}: expected a power spectrum, 0 or more at every l")
    return cl


def sky_name(ymap: Path, product: str) -> str:
    """Name of a y-map in tables and figures: the stand-in sky, or Planck's product."""
    header, _ = open_table(ymap)
    stand_in = str(header.get("METHOD", "")).strip() == STAND_IN
    return STAND_IN_NAME if stand_in else f"Planck {product.upper()}"


def write_maps(
    path: Path, extension: str, maps: Mapping[str, np.ndarray], comments: Mapping[str, str]
) -> None:
    """Writes maps as Planck does: a table with a row a pixel, a column a map, RING, galactic.

    Args:
        path: of the file; what was there is replaced once the new one is whole.
        extension: EXTNAME, such as Y-MAP.
        maps: full-sky maps of one Nside by column name, float32 or uint8.
        comments: what some of the columns are.
    """
    from astropy.io import fits

    dtype = np.dtype([(name, values.dtype.newbyteorder(">")) for name, values in maps.items()])
    pixels = len(next(iter(maps.values())))
    header = fits.BinTableHDU(np.empty(0, dtype=dtype), name=extension).header
    header["NAXIS2"] = pixels
    for number, name in enumerate(maps, start=1):
        header.comments[f"TTYPE{number}"] = comments.get(name, "")
    header.update({
        "PIXTYPE": "HEALPIX", "ORDERING": "RING", "NSIDE": round((pixels / 12) ** 0.5),
        "FIRSTPIX": 0, "LASTPIX": pixels - 1, "INDXSCHM": "IMPLICIT", "OBJECT": "FULLSKY",
        "COORDSYS": "GALACTIC", "BAD_DATA": BAD_DATA, "METHOD": STAND_IN,
    })  # fmt: skip
    with replacing_file(path) as unfinished, unfinished.open("wb") as file:
        file.write(fits.PrimaryHDU().header.tostring().encode("ascii"))
        file.write(header.tostring().encode("ascii"))
        for start in range(0, pixels, ROWS_AT_ONCE):
            rows = np.empty(min(ROWS_AT_ONCE, pixels - start), dtype=dtype)
            for name, values in maps.items():
                rows[name] = values[start : start + len(rows)]
            rows.tofile(file)
        file.write(bytes(-file.tell() % BLOCK))
