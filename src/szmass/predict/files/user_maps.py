"""A user's own y-maps, from the kinds of file that they come in."""

from __future__ import annotations

import csv
import json
import logging
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from szmass.errors import MissingExtraError, SzmassError
from szmass.predict.files.fits_images import read_fits_image
from szmass.predict.files.headers import SQUARE, FileContent, in_y, number
from szmass.predict.files.limits import (
    LARGEST_SKY_BYTES,
    LARGEST_TABLE_BYTES,
    UserFileError,
    reading,
    require_chunk,
    require_file,
    require_folder,
    require_maps,
    require_no_bomb,
    require_redshifts,
)

if TYPE_CHECKING:  # zarr takes a third of a second
    from szmass.storage.store import MapStore

MAP_ARRAY, REDSHIFT_ARRAY = "compton_y", "redshift"
TABLE_COLUMNS = ("file", "redshift")
ENDINGS = (".fit", ".fits", ".fits.gz", ".h5", ".hdf5", ".npy", ".zarr")
"""Endings of the names of files with maps."""
NPY_MAGIC, ZIP_MAGIC = b"\x93NUMPY", b"PK"


@dataclass(frozen=True)
class UserMap:
    """A map as a file has it, unchecked."""

    label: str
    """The file, and the row where it has several maps."""
    image: np.ndarray
    pixel_arcmin: float | None
    """None where the file does not say."""
    redshift: object
    """None where the file does not say."""
    redshift_key: str = ""
    """Where the file says it."""
    notes: tuple[str, ...] = ()
    """What was taken from the file beside the map, for people."""
    problem: str = ""
    """What keeps the row from having a map."""

    def with_pixels(self, given_arcmin: float | None) -> UserMap:
        """The map with the pixels' side that a person gives; a file that says another is wrong."""
        own = self.pixel_arcmin
        if own is None:
            return replace(self, pixel_arcmin=given_arcmin)
        if given_arcmin is None or abs(given_arcmin - own) < SQUARE * own:
            return self
        problem = f"pixels of {own:.4g}' in the file, {given_arcmin:.4g}' given: expected the same"
        return replace(self, problem=problem)


def map_files(path: Path) -> list[Path]:
    """The files with maps in a folder, by name; what is no folder of files is itself one.

    Raises:
        UserFileError: the folder has none.
    """
    if not path.is_dir() or path.name.lower().endswith(ENDINGS):
        return [path]
    found = sorted(one for one in path.iterdir() if one.name.lower().endswith(ENDINGS))
    if not found:
        raise UserFileError(f"{path}: no file in it ends in {', '.join(ENDINGS)}")
    return found


def read_user_maps(path: Path) -> Iterator[UserMap]:
    """The maps of one file: `.npy`, FITS image (`.gz` too), HDF5, or a Zarr store of szmass.

    An array of two dimensions is one map, of three a row of maps. HDF5 has them in the dataset
    `compton_y`, with `redshift` beside it if known and the attributes `pixel_arcmin` and `units`,
    of the dataset or of the file; a FITS image states its square pixels in degrees, as CDELT with
    PC if it has it, or as CD, and may have the keywords REDSHIFT (or Z) and BUNIT.

    What a file claims to hold is compared with the limits of `szmass.predict.files.limits` before
    it is read.

    Raises:
        UserFileError: there is no such file, or it cannot be read as one of these.
    """
    readers = {".npy": _npy, ".fits": read_fits_image, ".fit": read_fits_image, ".h5": _hdf5}
    readers |= {".hdf5": _hdf5, ".zarr": _zarr, ".fits.gz": read_fits_image}
    name = path.name.lower()
    reader = next((read for ending, read in readers.items() if name.endswith(ending)), None)
    if reader is None:
        raise UserFileError(f"{path}: expected a file that ends in {', '.join(ENDINGS)}")
    with reading(path):
        content = reader(path)
    images, redshifts = content.images, np.ravel(np.asarray(content.redshift, dtype=object))
    for row, image in enumerate(images if images.ndim == 3 else [images]):
        yield UserMap(
            f"{path}, row {row}" if images.ndim == 3 else str(path),
            image,
            content.pixel_arcmin,
            redshifts[row if len(redshifts) > 1 else 0],
            content.redshift_key,
            content.notes,
        )


def _npy(path: Path) -> FileContent:
    from numpy.lib import format as npy

    require_file(path)
    with path.open("rb") as file:
        start = file.read(len(NPY_MAGIC))
        if start.startswith(ZIP_MAGIC):
            raise SzmassError("a .npz archive: expected one array, as numpy.save writes it")
        if start != NPY_MAGIC:
            raise SzmassError("not a .npy file, which numpy.save writes")
        file.seek(0)
        version = npy.read_magic(file)
        if version not in {(1, 0), (2, 0)}:
            raise SzmassError(f".npy of version {version}: expected an array of numbers")
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read_header(file)
        require_maps(path, shape, dtype)
        declared = file.tell() + math.prod(shape) * dtype.itemsize
        size = path.stat().st_size
        if size < declared:
            raise SzmassError(f"is cut short: {size} of {declared} bytes")
        if size > declared:
            raise SzmassError(f"{size - declared} bytes behind its array: expected one array")
        file.seek(0)
        return FileContent(np.load(file, allow_pickle=False), None)


def _hdf5(path: Path) -> FileContent:
    import h5py

    require_file(path)
    with h5py.File(path, "r") as file:
        if MAP_ARRAY not in file:
            raise SzmassError(f"no dataset {MAP_ARRAY!r}; it has {', '.join(file) or 'none'}")
        maps = _dataset(file, MAP_ARRAY)
        require_maps(path, maps.shape, maps.dtype)
        _require_chunks(path, maps)
        require_no_bomb(path, path.stat().st_size, maps.nbytes)
        pixel = maps.attrs.get("pixel_arcmin", file.attrs.get("pixel_arcmin"))
        redshift = None
        if REDSHIFT_ARRAY in file:
            redshifts = _dataset(file, REDSHIFT_ARRAY)
            require_redshifts(path, int(redshifts.size or 0), maps.shape)
            _require_chunks(path, redshifts)
            redshift = redshifts[()]
        pixel_arcmin = None if pixel is None else number("pixel_arcmin", pixel)
        _require_plain_values(maps.attrs)
        stated = (
            places.get(key) for key in ("units", "unit") for places in (maps.attrs, file.attrs)
        )
        unit = next((text for text in stated if text is not None), None)
        images, notes = in_y(maps[()], "units", _text(unit))
    return FileContent(
        images,
        pixel_arcmin,
        redshift,
        f"dataset {REDSHIFT_ARRAY!r}",
        (*_pixel_note(pixel_arcmin, "attribute pixel_arcmin"), *notes),
    )


def _require_chunks(path: Path, dataset: Any) -> None:
    if dataset.chunks is not None:
        require_chunk(path, dataset.chunks, dataset.dtype.itemsize)


def _dataset(file: Any, name: str) -> Any:
    """A dataset of an HDF5 file whose values are in that file."""
    import h5py

    if isinstance(file.get(name, getlink=True), h5py.ExternalLink):
        raise SzmassError(f"{name!r} is a link into another file: expected a dataset")
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset):
        raise SzmassError(f"{name!r} is a {type(dataset).__name__}: expected a dataset")
    if dataset.is_virtual or dataset.external:
        raise SzmassError(f"{name!r} has its values in other files: expected them in this one")
    return dataset


def _require_plain_values(attributes: Mapping[str, Any]) -> None:
    for key in ("scale_factor", "add_offset"):
        if key in attributes:
            raise SzmassError(f"attribute {key}: expected y as it is, without a scale or an offset")


def _text(value: object) -> object:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _pixel_note(pixel_arcmin: float | None, key: str) -> tuple[str, ...]:
    return () if pixel_arcmin is None else (f"pixels of {pixel_arcmin:.4g}' ({key})",)


def _zarr(path: Path) -> FileContent:
    try:
        from szmass.storage.store import MapStore, StoreError
    except ModuleNotFoundError as error:
        raise MissingExtraError("a Zarr store", str(error.name)) from error

    require_folder(path)
    for metadata in path.rglob("zarr.json"):
        _json(metadata)
    group = path / "zarr.json"
    logging.getLogger("asyncio").addFilter(_of_no_zarr_task)
    try:
        store = MapStore(path, _attributes(group).get("title", "") if group.is_file() else "")
        return _store_content(store)
    except StoreError as error:
        raise SzmassError(str(error).removeprefix(f"{path}: ")) from error


def _of_no_zarr_task(record: logging.LogRecord) -> bool:
    """Whether a message of asyncio's is not about a task of Zarr's.

    Zarr opens arrays side by side; of several that fail, the first one's error is raised, and
    asyncio would print what became of the others when their tasks are freed: failed, or not ended.
    """
    message = record.getMessage()
    left = ("Task exception was never retrieved", "Task was destroyed but it is pending")
    return not (message.startswith(left) and "zarr" in message)


def _store_content(store: MapStore) -> FileContent:
    if MAP_ARRAY not in store.names:
        raise SzmassError(f"no array {MAP_ARRAY!r}; it has {', '.join(store.names) or 'none'}")
    spec, shape = store.layout(MAP_ARRAY)
    dtype = np.dtype(spec.dtype)
    require_maps(store.path, shape, dtype, largest_bytes=LARGEST_SKY_BYTES)
    for metadata in store.path.rglob("zarr.json"):
        for chunk in _chunk_shapes(_json(metadata)):
            require_chunk(store.path, chunk, dtype.itemsize)
    stored = sum(file.stat().st_size for file in store.path.rglob("*") if file.is_file())
    require_no_bomb(store.path, stored, math.prod(shape) * dtype.itemsize)
    redshift = pixel_arcmin = None
    if REDSHIFT_ARRAY in store.names:
        require_redshifts(store.path, math.prod(store.layout(REDSHIFT_ARRAY)[1]), shape)
        redshift = store.read(REDSHIFT_ARRAY)
    if "x" in store.names:
        axis, length = store.layout("x")
        if axis.units != "arcmin":
            raise SzmassError(f"units of array 'x' = {axis.units!r}: expected arcmin")
        if length != shape[-1:] or length[0] < 2:
            raise SzmassError(f"array 'x' of shape {length}: expected a number a column of a map")
        pixel_arcmin = number("step of array 'x'", np.diff(store.read("x")[:2]))
    images, conversion = in_y(store.read(MAP_ARRAY), "units", spec.units)
    notes = (*_pixel_note(pixel_arcmin, "array 'x'"), *conversion)
    return FileContent(images, pixel_arcmin, redshift, f"array {REDSHIFT_ARRAY!r}", notes)


def _json(path: Path) -> Any:
    require_file(path, largest_bytes=LARGEST_TABLE_BYTES)
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise SzmassError(f"{path.name} is no JSON that can be read: {error}") from error


def _attributes(path: Path) -> dict[str, Any]:
    """The attributes of a Zarr group."""
    content = _json(path)
    attributes = content.get("attributes", {}) if isinstance(content, dict) else None
    if not isinstance(attributes, dict):
        raise SzmassError(
            f"{path.name} is {str(content)[:40]!r}: expected an object with attributes by name"
        )
    return attributes


def _chunk_shapes(metadata: Any) -> Iterator[Sequence[int]]:
    """The shapes of the chunks, and of those within shards, that Zarr's metadata state."""
    if isinstance(metadata, dict):
        if "chunk_shape" in metadata:
            yield metadata["chunk_shape"]
        for value in metadata.values():
            yield from _chunk_shapes(value)
    elif isinstance(metadata, list):
        for value in metadata:
            yield from _chunk_shapes(value)


@dataclass(frozen=True)
class TableRow:
    """A row of a user's table of files."""

    label: str
    """The table and the number of the line in it."""
    file: Path
    redshift: str
    name: str
    problem: str
    """What keeps the row from being read; "" if nothing."""


def read_table(path: Path) -> list[TableRow]:
    """Reads a CSV table with the columns file, redshift and, if there is one, name.

    A relative file lies beside the table.

    Raises:
        UserFileError: the table cannot be read, lacks a column, or is empty.
    """
    with reading(path):
        require_file(path, largest_bytes=LARGEST_TABLE_BYTES, may_be_empty=True)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True, restval="")
            header = [name.strip() for name in reader.fieldnames or []]
            reader.fieldnames = header
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, ValueError, csv.Error) as error:
        raise UserFileError(f"{path}: cannot be read as a CSV table: {error}") from error
    for name in TABLE_COLUMNS:
        if name not in header:
            raise UserFileError(f"{path}: no column {name!r}; it has {', '.join(header) or 'none'}")
    for name, count in Counter(header).items():
        if count > 1 and name:
            raise UserFileError(f"{path}: column {name!r} stands {count} times: expected it once")
    if not rows:
        raise UserFileError(f"{path}: no rows: expected a row a map")
    return [
        TableRow(
            f"{path}, line {number}",
            path.parent / row["file"].strip(),
            row["redshift"].strip(),
            row.get("name", "").strip(),
            # a decimal comma makes one too many
            f"expected {len(header)} cells ({', '.join(header)})" if None in row else "",
        )
        for number, row in rows
    ]
