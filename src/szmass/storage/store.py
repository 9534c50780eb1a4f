"""Map stores: sharded Zarr groups that xarray opens as they are; zarr is imported here alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.codecs import ZstdCodec
from zarr.errors import GroupNotFoundError, NodeNotFoundError

import szmass
from szmass.errors import SzmassError
from szmass.files import naming_output, replacing_folder

FORMAT = "szmass-maps"
FORMAT_VERSION = 1
COMPRESSION_LEVEL = 1
READER = {"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"}
"""zarr's own pipeline decodes the maps of a shard one by one in Python, eight times slower."""
WRITER = {"array.write_empty_chunks": True, "codec_pipeline.batch_size": 32}
"""Chunks of zeros are written too, so that a missing file always means damage. Writing in batches
takes half the time and gives the same bytes."""
SKIPPED_ROWS = 32
"""Rows at most this far apart are read in one slice: decoding so many maps that nobody asked for
takes no longer than reading another slice."""


class StoreError(SzmassError):
    """A store cannot be read, or is not what its reader expects."""


@dataclass(frozen=True)
class ArraySpec:
    """One array of a store."""

    dims: tuple[str, ...]
    dtype: str
    units: str
    long_name: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StoreSpec:
    """What a kind of store holds: its arrays, the lengths of their dimensions, its shards."""

    title: str
    arrays: Mapping[str, ArraySpec]
    sizes: Mapping[str, int]
    shard_rows: int
    """Rows of an image array that share a file and are written by one task."""

    def shards(self) -> list[slice]:
        """The rows of each shard."""
        rows = self.sizes[next(iter(self.arrays.values())).dims[0]]
        return [
            slice(start, min(start + self.shard_rows, rows))
            for start in range(0, rows, self.shard_rows)
        ]


@contextmanager
def replacing(path: Path, spec: StoreSpec, provenance: Mapping[str, Any]) -> Iterator[Path]:
    """Creates a store beside `path`, and moves it there once the block has filled it.

    Whatever ends the block early, a store that was at `path` stays whole: see `replacing_folder`.

    Args:
        path: where the finished store is to be.
        spec: its arrays.
        provenance: attributes of the group that say how it was made.

    Yields:
        The folder to write to.

    Raises:
        OutputError: the disk is full, or something else kept the store from being written.
    """
    with naming_output(path), replacing_folder(path) as unfinished:
        _create(unfinished, spec, provenance)
        yield unfinished
        for partial in unfinished.rglob("*.partial"):
            partial.unlink()


def _create(path: Path, spec: StoreSpec, provenance: Mapping[str, Any]) -> None:
    attributes = {
        "title": spec.title,
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "szmass_version": szmass.__version__,
        **provenance,
    }
    group = zarr.create_group(path, zarr_format=3, attributes=dict(sorted(attributes.items())))
    for name, array in sorted(spec.arrays.items()):
        shape = tuple(spec.sizes[dim] for dim in array.dims)
        images = len(shape) > 1
        attributes = {"units": array.units, "long_name": array.long_name, **array.attributes}
        group.create_array(
            name,
            shape=shape,
            dtype=array.dtype,
            chunks=(1, *shape[1:]) if images else shape,
            shards=(min(spec.shard_rows, shape[0]), *shape[1:]) if images else None,
            compressors=ZstdCodec(level=COMPRESSION_LEVEL, checksum=True),
            fill_value=0,
            dimension_names=array.dims,
            attributes=dict(sorted(attributes.items())),
        )


def write_rows(path: Path, rows: slice, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes rows of some of a store's arrays. Two processes must never share a shard."""
    with zarr.config.set(WRITER):
        group = zarr.open_group(path, mode="r+")
        for name, values in arrays.items():
            group[name][rows] = values  # type: ignore[index]


class MapStore:
    """A finished store, open for reading.

    Args:
        path: the store.
        spec_title: what kind of store the reader expects (`StoreSpec.title`).

    Raises:
        StoreError: there is no store, szmass did not write it, it is of another kind or of a
            format that this version does not read, or a part of it is damaged or missing.
    """

    def __init__(self, path: Path, spec_title: str) -> None:
        self.path = path
        try:
            with zarr.config.set(READER):
                group = zarr.open_group(path, mode="r")
                self.attributes = dict(group.attrs)
                self._arrays: dict[str, Any] = dict(sorted(group.arrays()))
        except (GroupNotFoundError, NodeNotFoundError, FileNotFoundError) as error:
            raise StoreError(f"{path}: no Zarr group can be opened here") from error
        except Exception as error:  # damaged metadata ends in exceptions of any kind
            raise StoreError(f"{path}: unreadable as a Zarr group: {error}") from error
        attributes = self.attributes
        if attributes.get("format") != FORMAT:
            raise StoreError(
                f"{path}: format = {attributes.get('format')!r}: expected a store of szmass, "
                f"{FORMAT!r}"
            )
        if attributes.get("format_version") != FORMAT_VERSION:
            raise StoreError(
                f"{path}: format_version = {attributes.get('format_version')!r}: this version of "
                f"szmass reads {FORMAT_VERSION}; make the store again (dvc repro)"
            )
        if attributes.get("title") != spec_title:
            raise StoreError(
                f"{path}: title = {attributes.get('title')!r}: expected {spec_title!r}"
            )
        for name, array in self._arrays.items():
            wanted = math.prod(
                -(-length // rows)
                for length, rows in zip(array.shape, array.shards or array.chunks, strict=True)
            )
            files = [file for file in (path / name / "c").rglob("*") if file.is_file()]
            found = sum(file.stat().st_size > 0 for file in files)
            if found != wanted:
                raise StoreError(
                    f"{path}: array {name!r} has {found} of its {wanted} files; "
                    "make the store again (dvc repro) or fetch it (dvc pull)"
                )

    @property
    def names(self) -> list[str]:
        """The arrays' names."""
        return list(self._arrays)

    def read(self, name: str, rows: slice | np.ndarray = slice(None)) -> np.ndarray:
        """Reads one array, or some of its rows.

        Args:
            name: name of the array.
            rows: a slice, or a boolean mask or indices over the first dimension.

        Raises:
            StoreError: there is no such array, or its bytes are damaged.
            IndexError: an index lies outside the array.
        """
        if name not in self._arrays:
            raise StoreError(f"{self.path}: no array {name!r}; it has {', '.join(self.names)}")
        array = self._arrays[name]
        try:
            return np.asarray(array[rows] if isinstance(rows, slice) else _gathered(array, rows))
        except (RuntimeError, ValueError, OSError) as error:
            raise StoreError(
                f"{self.path}: array {name!r} is damaged or cannot be read: {error}"
            ) from error

    def layout(self, name: str) -> tuple[ArraySpec, tuple[int, ...]]:
        """The description that is stored with an array, and the array's shape."""
        array = self._arrays[name]
        attributes = dict(array.attrs)
        spec = ArraySpec(
            dims=tuple(str(dim) for dim in array.metadata.dimension_names or ()),
            dtype=str(array.dtype),
            units=str(attributes.pop("units", "")),
            long_name=str(attributes.pop("long_name", "")),
            attributes=attributes,
        )
        return spec, tuple(array.shape)


def _gathered(array: Any, rows: np.ndarray) -> np.ndarray:
    """Some rows of an array, read in slices, since the fast reader takes nothing else."""
    if array.shards is None:
        return np.asarray(array[:])[rows]
    wanted = np.flatnonzero(rows) if rows.dtype == bool else rows
    values = np.empty((len(wanted), *array.shape[1:]), array.dtype)
    order = np.argsort(wanted, kind="stable")
    ascending = wanted[order]
    apart = (np.diff(ascending) > SKIPPED_ROWS) | (np.diff(ascending // array.shards[0]) > 0)
    for places in np.split(order, np.flatnonzero(apart) + 1) if len(order) else []:
        first, last = wanted[places[0]], wanted[places[-1]]
        values[places] = array[first : last + 1][wanted[places] - first]
    return values


def flags(names: Sequence[str]) -> dict[str, object]:
    """Attributes that name the values 0, 1, ... of a flag array, as the CF conventions have it."""
    return {"flag_values": list(range(len(names))), "flag_meanings": " ".join(names)}
