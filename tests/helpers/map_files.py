"""Small files with maps, good or with one thing wrong: .npy, FITS, HDF5, and stores of szmass."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
from astropy.io import fits

from szmass.compton.maps.stores import planck_spec
from szmass.sky.grid import PixelGrid
from szmass.storage.store import replacing, write_rows


def npy_bytes(array: np.ndarray, shape: tuple[int, ...] | None = None) -> bytes:
    """A `.npy` file whose header may claim another shape."""
    file = io.BytesIO()
    np.save(file, array)
    old, claimed = str(array.shape).encode(), str(shape or array.shape).encode()
    padded = old + b", }" + b" " * (len(claimed) - len(old))
    return file.getvalue().replace(padded, claimed + b", }", 1)


def fits_bytes(image: np.ndarray | None, **keywords: object) -> bytes:
    """A FITS image, in which a keyword's value may be a raw card of 80 bytes."""
    raw = {key: value for key, value in keywords.items() if isinstance(value, bytes)}
    header = fits.Header({key: value for key, value in keywords.items() if key not in raw})
    header.update(dict.fromkeys(raw, 0))
    content = parts_bytes(fits.PrimaryHDU(image, header))
    for key, card in raw.items():
        start = content.index(key.ljust(8).encode())
        content = content[:start] + card.ljust(80) + content[start + 80 :]
    return content


def parts_bytes(
    *parts: fits.PrimaryHDU | fits.ImageHDU | fits.CompImageHDU | fits.BinTableHDU,
    checksum: bool = False,
) -> bytes:
    """A FITS file of some parts."""
    file = io.BytesIO()
    fits.HDUList(list(parts)).writeto(file, checksum=checksum)
    return file.getvalue()


def fits_table(
    columns: Mapping[str, Sequence[object]],
    units: Mapping[str, str] | None = None,
    **keywords: object,
) -> fits.BinTableHDU:
    """A table of texts, complex numbers or numbers, with units by column."""
    formats = {"U": "12A", "c": "C", "f": "E", "i": "J"}
    made = [
        fits.Column(
            name, formats[np.asarray(values).dtype.kind], array=values, unit=(units or {}).get(name)
        )
        for name, values in columns.items()
    ]
    table = fits.BinTableHDU.from_columns(made)
    table.header.update(keywords)
    return table


def hdf5(write: Callable[[h5py.File], object]) -> Callable[[Path], None]:
    """Writes an HDF5 file."""

    def make(path: Path) -> None:
        with h5py.File(path, "w") as file:
            write(file)

    return make


def write_store(
    path: Path, image: np.ndarray, pixel_arcmin: float, redshift: Sequence[float] = (0.3,)
) -> Path:
    """A store of szmass with one map."""
    grid = PixelGrid(len(image), pixel_arcmin)
    spec = planck_spec(1, grid, ["gadget_x"])
    arrays = {
        name: np.zeros([spec.sizes[dim] for dim in array.dims], array.dtype)
        for name, array in spec.arrays.items()
    }
    arrays |= {"x": grid.axis_arcmin, "y": grid.axis_arcmin}
    arrays |= {"compton_y": image[np.newaxis], "redshift": np.array(redshift)}
    with replacing(path, spec, {}) as store:
        write_rows(store, slice(None), arrays)
    return path
