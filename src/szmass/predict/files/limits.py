"""A user's file, opened with limits: what it claims to hold is looked at before it is read.

A damaged or hostile file must cost no more than its own line: no memory that is not there, no wait
for a pipe that nobody writes to, no exception that ends the other maps.
"""

from __future__ import annotations

import gzip
import math
import stat
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from szmass.errors import SzmassError
from szmass.predict.files.sizes import in_words

LARGEST_SIDE = 4096
"""Pixels along a map: of 163', the networks' field, one is then 2.4", a 250th of the beam."""
LARGEST_FILE_BYTES = 2**30
"""Of the maps in a file, and of a compressed file unpacked: 29 000 maps of the networks' size. The
maps and what is cut from them have to fit into the memory of an ordinary machine."""
LARGEST_SKY_BYTES = 2**32
"""Of a full-sky map's file: Planck's are 0.6 GB. Also of a store of szmass, read shard by shard."""
LARGEST_TABLE_BYTES = 2**26
"""Of a table of files: some 500 000 rows."""
MOST_EXPANSION = 100
"""Bytes of maps for each byte of a compressed file, at most. Noise, which every map has, does not
compress so far; what does is empty, or made to fill the memory."""
EXPANDED_BYTES = 2**26
"""That may be more than `MOST_EXPANSION` times what the file has."""
GZIP_MAGIC = b"\x1f\x8b"
UNPACKED_AT_ONCE = 2**20


class UserFileError(SzmassError):
    """A user's file cannot be read, or is not what is expected."""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Makes of whatever a reader raises a `UserFileError` that names the file.

    Readers end in exceptions of any kind when bytes are damaged, and warn of much that does no
    harm. An error of szmass that names the file stays as it is.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    except SzmassError as error:
        if str(error).startswith(f"{path}: "):
            raise
        raise UserFileError(f"{path}: cannot be read: {error}") from error
    except OSError as error:
        reason = error.strerror or _first_line(error)
        raise UserFileError(f"{path}: cannot be read: {reason}") from error
    except Exception as error:
        name = type(error).__name__
        raise UserFileError(f"{path}: cannot be read: {_first_line(error)} ({name})") from error


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or "damaged"


def require_file(
    path: Path, *, largest_bytes: int | None = None, may_be_empty: bool = False
) -> None:
    """Requires a regular file with something in it: a pipe or a device may never end.

    Raises:
        UserFileError: it is none, or larger than `largest_bytes`.
    """
    try:
        facts = path.stat()
    except FileNotFoundError as error:
        raise UserFileError(f"{path}: not found") from error
    if not stat.S_ISREG(facts.st_mode):
        raise UserFileError(f"{path}: is a {_kind(facts.st_mode)}: expected a regular file")
    if facts.st_size == 0 and not may_be_empty:
        raise UserFileError(f"{path}: is empty (0 bytes)")
    if largest_bytes is not None and facts.st_size > largest_bytes:
        raise UserFileError(
            f"{path}: has {in_words(facts.st_size)}: expected at most {in_words(largest_bytes)}"
        )


def require_folder(path: Path) -> None:
    """Requires a folder with nothing but regular files and folders in it.

    Raises:
        UserFileError: it is none, or something in it is neither.
    """
    if not path.exists():
        raise UserFileError(f"{path}: not found")
    if not path.is_dir():
        raise UserFileError(f"{path}: is a file: expected the folder of a store")
    for entry in path.rglob("*"):
        mode = entry.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            place = entry.relative_to(path)
            raise UserFileError(f"{path}: {place} is a {_kind(mode)}: expected files and folders")


def _kind(mode: int) -> str:
    kinds = {stat.S_IFDIR: "folder", stat.S_IFIFO: "FIFO", stat.S_IFSOCK: "socket"}
    return kinds.get(stat.S_IFMT(mode), "device")


def require_maps(
    path: Path,
    shape: Sequence[int] | None,
    dtype: np.dtype,
    *,
    largest_bytes: int = LARGEST_FILE_BYTES,
) -> None:
    """Requires that a file claims one map or a row of maps, of numbers, within the limits.

    Raises:
        UserFileError: it does not.
    """
    lengths = tuple(shape or ())
    if len(lengths) not in {2, 3} or min(lengths) < 1:
        raise UserFileError(
            f"{path}: array of shape {lengths}: expected a map, or some of one size"
        )
    if dtype.kind not in "fiu":
        raise UserFileError(f"{path}: array of type {dtype}: expected real numbers")
    size = math.prod(lengths) * dtype.itemsize
    if max(lengths[-2:]) > LARGEST_SIDE or size > largest_bytes:
        raise UserFileError(
            f"{path}: array of shape {lengths}, {in_words(size)}: expected maps of at most "
            f"{LARGEST_SIDE} x {LARGEST_SIDE} pixels, {in_words(largest_bytes)} a file"
        )


def require_chunk(path: Path, shape: Sequence[int], itemsize: int) -> None:
    """Requires that the pieces that a file's array is stored in are within the limit too.

    Raises:
        UserFileError: they are not.
    """
    size = math.prod(shape) * itemsize
    if not 0 < size <= LARGEST_FILE_BYTES:
        raise UserFileError(
            f"{path}: chunks of shape {tuple(shape)}, {in_words(size)}: expected at most "
            f"{in_words(LARGEST_FILE_BYTES)}"
        )


def require_no_bomb(path: Path, stored_bytes: int, claimed_bytes: int) -> None:
    """Requires that a compressed array does not claim very much more than a file stores.

    Raises:
        UserFileError: it does.
    """
    if claimed_bytes > max(EXPANDED_BYTES, MOST_EXPANSION * stored_bytes):
        raise UserFileError(
            f"{path}: {in_words(claimed_bytes)} of maps in {in_words(stored_bytes)} of file: "
            f"expected at most {MOST_EXPANSION} times as much"
        )


def require_redshifts(path: Path, count: int, shape: Sequence[int]) -> None:
    """Requires one redshift, or one for each map of an array of some shape.

    Raises:
        UserFileError: there is another number of them.
    """
    maps = shape[0] if len(shape) == 3 else 1
    if count not in {1, maps}:
        raise UserFileError(f"{path}: {count} redshifts of {maps} maps")


@contextmanager
def plain_fits(path: Path, *, largest_bytes: int) -> Iterator[Path]:
    """A FITS file without compression: the file, or an unpacked copy of one in gzip.

    The copy is read to its end, where gzip has a checksum. Errors of the block name `path`.

    Raises:
        UserFileError: the file is no FITS file, or is larger than `largest_bytes`.
    """
    with reading(path):
        require_file(path, largest_bytes=largest_bytes)
        with path.open("rb") as file:
            packed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
        if not packed:
            _require_fits(path)
            yield path
            return
        with TemporaryDirectory(prefix="szmass-") as folder:
            copy = Path(folder) / "unpacked.fits"
            _unpack(path, copy, largest_bytes)
            _require_fits(copy)
            try:
                yield copy
            except SzmassError as error:
                raise UserFileError(str(error).replace(str(copy), str(path))) from error


def _unpack(path: Path, copy: Path, largest_bytes: int) -> None:
    size, stored = 0, path.stat().st_size
    try:
        with gzip.open(path) as packed, copy.open("wb") as file:
            while part := packed.read(UNPACKED_AT_ONCE):
                size += len(part)
                if size > largest_bytes:
                    raise UserFileError(
                        f"{path}: unpacks to more than {in_words(largest_bytes)}, the most that "
                        "is read"
                    )
                require_no_bomb(path, stored, size)
                file.write(part)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise SzmassError(f"not a FITS file: its gzip is damaged ({_first_line(error)})") from error


def _require_fits(path: Path) -> None:
    """Requires the first card; astropy would also unpack formats that nobody asked for."""
    with path.open("rb") as file:
        if file.read(8) != b"SIMPLE  ":
            raise SzmassError("not a FITS file: No SIMPLE card found")
