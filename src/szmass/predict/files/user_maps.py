"""A user's own y-maps, from the kinds of file that they come in."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from szmass.errors import MissingExtraError, SzmassError
from szmass.predict.files.centres import Centre
from szmass.predict.files.fits_images import read_fits_image
from szmass.predict.files.headers import SQUARE, FileContent, number
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
from szmass.predict.files.map_units import Signal, Y, unit_in_words

if TYPE_CHECKING:  # zarr takes a third of a second
    from szmass.storage.store import MapStore

REDSHIFT_ARRAY = "redshift"
ENDINGS = (".fit", ".fits", ".fits.gz", ".h5", ".hdf5", ".npy", ".zarr")
"""Endings of the names of files with maps."""
PIXEL_ATTRIBUTE, PIXEL_ARRAY = "attribute pixel_arcmin", "array 'x'"
"""Where HDF5 files and stores have the side of a pixel."""
GIVEN = "given"
"""Where what the user gives is from."""
SAME_REDSHIFT = 1e-3
"""By how much redshifts of one cluster may differ."""
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
    read: tuple[str, ...] = ()
    """The part of the file that was read, and its unit, in words."""
    pixel_key: str = ""
    """Where the pixels' side is from."""
    centre: tuple[float, float] | None = None
    """Column and row of the cluster, from 0; None: the map's centre."""
    warnings: tuple[str, ...] = ()
    """What contradicts the file, for people."""
    position_deg: tuple[float, float] | None = None
    """Right ascension and declination (ICRS) of the cluster, where a catalogue says them."""

    def with_pixels(self, given_arcmin: float | None) -> UserMap:
        """The map with the pixels' side that a person gives; a file that says another is wrong."""
        own = self.pixel_arcmin
        if own is None:
            return replace(self, pixel_arcmin=given_arcmin, pixel_key=GIVEN)
        if given_arcmin is None or abs(given_arcmin - own) < SQUARE * own:
            return self
        problem = f"pixels of {own:.4g}' in the file, {given_arcmin:.4g}' given: expected the same"
        return replace(self, problem=problem)

    def with_redshift(self, given: object, where: str = GIVEN) -> UserMap:
        """The map with the redshift that a person gives, else the one of its file.

        Args:
            given: None or "" where none is.
            where: it is given.
        """
        if given is None or (isinstance(given, str) and not given):
            if self.redshift is None:
                return self
            return replace(self, notes=(*self.notes, f"redshift ({self.redshift_key})"))
        warnings = self.warnings
        if _contradict(given, self.redshift):
            stated = f"the file says {self.redshift} ({self.redshift_key})"
            warnings += (f"redshift {given} ({where}) is used, but {stated}",)
        return replace(self, redshift=given, redshift_key=where, warnings=warnings)

    def in_words(self) -> str:
        """What was read of the map, and where each came from, in a line."""
        pixels = " x ".join(map(str, self.image.shape)) + " pixels"
        side = self.pixel_arcmin
        size = "of unstated size" if side is None else f"of {side:.4g}' ({self.pixel_key})"
        redshift = f"redshift {self.redshift} ({self.redshift_key})"
        part, *unit = self.read or ("array",)
        last = "no redshift" if self.redshift is None else redshift
        return ", ".join([f"{self.label}: {part}", f"{pixels} {size}", *unit, last])


def _contradict(given: object, stated: object) -> bool:
    """Whether two redshifts differ by more than one of them may be rounded."""
    try:
        return abs(float(given) - float(stated)) > SAME_REDSHIFT  # type: ignore[arg-type]
    except (TypeError, ValueError):  # one of them is none
        return False


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


def read_user_maps(
    path: Path, *, hdu: str | None = None, centre: Centre | None = None, signal: Signal = Y
) -> Iterator[UserMap]:
    """The maps of one file: `.npy`, FITS image (`.gz` too), HDF5, or a Zarr store of szmass.

    An array of two dimensions is one map, of three a row of maps. HDF5 has them in the dataset
    `compton_y`, with `redshift` beside it if known and the attributes `pixel_arcmin` and `units`,
    of the dataset or of the file; a FITS image states its square pixels in degrees, as CDELT with
    PC if it has it, or as CD, and may have the keywords REDSHIFT (or Z) and BUNIT.

    What a file claims to hold is compared with the limits of `szmass.predict.files.limits` before
    it is read.

    Args:
        path: of the file.
        hdu: number or name of the part of a FITS file that has the map.
        centre: where the cluster is in its map; None: at the centre.
        signal: what the maps show; HDF5 files and stores have them under its name.

    Raises:
        UserFileError: there is no such file, or it cannot be read as one of these.
    """
    read_fits = partial(read_fits_image, hdu=hdu, centre=centre, signal=signal)
    readers: dict[str, Callable[[Path], FileContent]]
    npy, hdf5, zarr = (partial(reader, signal=signal) for reader in (_npy, _hdf5, _zarr))
    readers = {".npy": npy, ".fits": read_fits, ".fit": read_fits, ".h5": hdf5}
    readers |= {".hdf5": hdf5, ".zarr": zarr, ".fits.gz": read_fits}
    name = path.name.lower()
    reader = next((read for ending, read in readers.items() if name.endswith(ending)), None)
    if reader is None:
        raise UserFileError(f"{path}: expected a file that ends in {', '.join(ENDINGS)}")
    with reading(path):
        if hdu is not None and reader is not read_fits:
            raise SzmassError(f"HDU {hdu!r}: expected a FITS file")
        content = reader(path)
        place, notes = content.centre, content.notes
        if centre is not None:
            place = centre.pixel(None) if place is None else place
            notes += (centre.note(place),)
    images, redshifts = content.images, np.ravel(np.asarray(content.redshift, dtype=object))
    for row, image in enumerate(images if images.ndim == 3 else [images]):
        yield UserMap(
            f"{path}, row {row}" if images.ndim == 3 else str(path),
            image,
            content.pixel_arcmin,
            redshifts[row if len(redshifts) > 1 else 0],
            content.redshift_key,
            notes,
            read=(content.part, content.unit),
            pixel_key=content.pixel_key,
            centre=place,
        )


def _npy(path: Path, *, signal: Signal) -> FileContent:
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
        return FileContent(
            np.load(file, allow_pickle=False), None, unit=unit_in_words("", None, signal)
        )


def _hdf5(path: Path, *, signal: Signal) -> FileContent:
    import h5py

    require_file(path)
    with h5py.File(path, "r") as file:
        if signal.array not in file:
            raise SzmassError(f"no dataset {signal.array!r}; it has {', '.join(file) or 'none'}")
        maps = _dataset(file, signal.array)
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
        images, notes = signal.converts(maps[()], "units", _text(unit))
    return FileContent(
        images,
        pixel_arcmin,
        redshift,
        f"dataset {REDSHIFT_ARRAY!r}",
        (*_pixel_note(pixel_arcmin, PIXEL_ATTRIBUTE), *notes),
        part=f"dataset {signal.array!r}",
        pixel_key=PIXEL_ATTRIBUTE,
        unit=unit_in_words("units", _text(unit), signal),
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
            raise SzmassError(f"attribute {key}: expected values without a scale or an offset")


def _text(value: object) -> object:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _pixel_note(pixel_arcmin: float | None, key: str) -> tuple[str, ...]:
    return () if pixel_arcmin is None else (f"pixels of {pixel_arcmin:.4g}' ({key})",)


def _zarr(path: Path, *, signal: Signal) -> FileContent:
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
        return _store_content(store, signal)
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


def _store_content(store: MapStore, signal: Signal) -> FileContent:
    if signal.array not in store.names:
        raise SzmassError(f"no array {signal.array!r}; it has {', '.join(store.names) or 'none'}")
    spec, shape = store.layout(signal.array)
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
    images, conversion = signal.converts(store.read(signal.array), "units", spec.units)
    notes = (*_pixel_note(pixel_arcmin, PIXEL_ARRAY), *conversion)
    return FileContent(
        images,
        pixel_arcmin,
        redshift,
        f"array {REDSHIFT_ARRAY!r}",
        notes,
        part=f"array {signal.array!r}",
        pixel_key=PIXEL_ARRAY,
        unit=unit_in_words("units", spec.units, signal),
    )


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
