"""Imports clusters of a user's own simulation, in the place of szmass' mock clusters.

A y-map of a cluster is kept in units of R500, so that it can be seen at any redshift, as a cluster
of another mass with the same shape. How much signal a mass has is measured, not assumed.
"""

from __future__ import annotations

import csv
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import map_coordinates

from szmass.errors import SzmassError
from szmass.predict.files.user_maps import UserMap, read_user_maps
from szmass.sky.clusters.in_r500 import HALF_R500, PIXELS, axis_r500
from szmass.sky.cosmology import Cosmology
from szmass.sky.measured_relation import MeasuredRelation
from szmass.storage.imported import PARTITIONS, imported_spec
from szmass.storage.store import replacing, write_rows

COLUMNS = ("file", "m500c_msun", "redshift", "cluster")
PROJECTION, PARTITION = "projection", "partition"
SHARES = (0.15, 0.15)
"""Shares of the clusters for validation and for test."""
COARSEST_R500, LEAST_R500 = 0.2, 1.5
"""Of R500: the largest pixel, and how far a map must reach from the centre."""
FEWEST = 12
"""Clusters, fewer of which cannot be divided into three."""
MASSES_MSUN = (1e12, 1e17)


class ImportTableError(SzmassError):
    """A table of simulated maps cannot be imported."""


@dataclass(frozen=True)
class Row:
    """A map of the table."""

    where: str
    """The table and the line, for people."""
    file: Path
    m500c_msun: float
    redshift: float
    cluster: str
    projection: str
    partition: str


def read_rows(table: Path) -> tuple[list[Row], list[str]]:
    """The rows of a table that can be used, and what is wrong with the others.

    Args:
        table: CSV with the columns file, m500c_msun, redshift, cluster, and if there are any
            projection and partition; files are named from its folder.

    Raises:
        ImportTableError: it cannot be read, or has no such columns.
    """
    try:
        with table.open(newline="") as file:
            content = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ImportTableError(f"{table}: cannot be read as a CSV table: {error}") from error
    has = list(content[0]) if content else []
    if missing := [name for name in COLUMNS if name not in has]:
        raise ImportTableError(
            f"{table}: no column {', '.join(missing)}: expected {', '.join(COLUMNS)} and, if any, "
            f"{PROJECTION} and {PARTITION}; it has {', '.join(map(str, has)) or 'no row'}"
        )
    rows, problems = [], []
    for line, values in enumerate(content, start=2):
        where = f"{table}, line {line}"
        try:
            rows.append(_row(where, table.parent, values))
        except ImportTableError as error:
            problems.append(str(error))
    divided: dict[str, str] = {}
    for row in list(rows):
        known = divided.setdefault(row.cluster, row.partition)
        if known != row.partition:
            rows.remove(row)
            problems.append(
                f"{row.where}: cluster {row.cluster} is in {known} and in {row.partition}: "
                "expected all its maps in one"
            )
    return rows, problems


def _row(where: str, folder: Path, values: Mapping[str, str | None]) -> Row:
    def number(name: str, low: float, high: float, hint: str) -> float:
        text = (values.get(name) or "").strip()
        try:
            found = float(text)
        except ValueError:
            found = math.nan
        if not low <= found <= high:
            raise ImportTableError(f"{where}: {name} = {text!r}: expected {hint}")
        return found

    cluster = (values.get("cluster") or "").strip()
    if not cluster:
        raise ImportTableError(f"{where}: cluster missing: expected a name or number")
    partition = (values.get(PARTITION) or "").strip() or _partition(cluster)
    if partition not in PARTITIONS:
        raise ImportTableError(
            f"{where}: {PARTITION} = {partition!r}: expected one of {', '.join(PARTITIONS)}"
        )
    mass = "a mass from 1e12 to 1e17 Msun; are masses in 1e14 Msun?"
    return Row(
        where,
        folder / (values.get("file") or ""),
        number("m500c_msun", *MASSES_MSUN, mass),
        number("redshift", 1e-3, 3.0, "a redshift from 0.001 to 3"),
        cluster,
        (values.get(PROJECTION) or "0").strip(),
        partition,
    )


def _partition(cluster: str) -> str:
    """What a cluster is for, by its name alone."""
    place = int(hashlib.sha256(cluster.encode()).hexdigest()[:8], 16) / 16**8
    validation, test = SHARES
    if place < test:
        return "test"
    return "validation" if place < test + validation else "training"


def in_units_of_r500(found: UserMap, theta500_arcmin: float) -> tuple[np.ndarray, float]:
    """A map about its centre in units of R500, with a signal of 1 within it, and that signal.

    Args:
        found: y without noise and beam.
        theta500_arcmin: angle of R500.

    Returns:
        y / Y in R500^-2, `(PIXELS, PIXELS)` float32, 0 where the map ends; and Y in arcmin^2.

    Raises:
        ImportTableError: the map is too coarse or too small, or has no signal.
    """
    pixel, image = found.pixel_arcmin, np.asarray(np.ma.filled(found.image, np.nan), dtype=float)
    if pixel is None:
        raise ImportTableError("the side of a pixel is not stated: expected CDELT or pixel_arcmin")
    if image.ndim != 2 or not np.isfinite(image).all():
        raise ImportTableError(f"map of shape {image.shape}: expected one of finite numbers")
    if pixel > COARSEST_R500 * theta500_arcmin:
        raise ImportTableError(
            f"pixels of {pixel:.3g}' for theta500 = {theta500_arcmin:.3g}': expected at most "
            f"{COARSEST_R500 * theta500_arcmin:.3g}'"
        )
    reach = min(image.shape) / 2.0 * pixel / theta500_arcmin
    if reach < LEAST_R500:
        raise ImportTableError(f"reaches {reach:.2f} R500: expected at least {LEAST_R500}")
    axis = axis_r500() * theta500_arcmin / pixel
    rows = axis + (image.shape[0] - 1) / 2.0
    columns = axis + (image.shape[1] - 1) / 2.0
    place = np.meshgrid(rows, columns, indexing="ij")
    kept = map_coordinates(image, place, order=3, mode="constant", cval=0.0)
    step = 2.0 * HALF_R500 / PIXELS
    inside = np.hypot(*np.meshgrid(axis_r500(), axis_r500())) < 1.0
    signal = float(kept[inside].sum() * step**2)
    if not signal > 0.0:
        raise ImportTableError(f"Y within R500 is {signal:.3g} R500^2: expected it above 0")
    return (kept / signal).astype(np.float32), signal * theta500_arcmin**2


def import_maps(table: Path, store: Path, cosmology: Cosmology) -> tuple[str, list[str]]:
    """Writes the store of a table's maps; what cannot be used does not stop the others.

    Args:
        table: see `read_rows`.
        store: replaced.
        cosmology: of R500.

    Returns:
        What was made, in words; and what was wrong, a line each.

    Raises:
        ImportTableError: the table cannot be read, or too few clusters are left.
    """
    rows, problems = read_rows(table)
    shapes, signals, used, thetas = [], [], [], []
    for row in rows:
        theta500 = float(
            cosmology.theta500_arcmin(np.array([row.m500c_msun]), np.array([row.redshift]))[0]
        )
        try:
            for found in read_user_maps(row.file):
                shape, signal = in_units_of_r500(found, theta500)
                shapes.append(shape)
                signals.append(signal)
                used.append(row)
                thetas.append(theta500)
        except SzmassError as error:
            problems.append(f"{row.where}: {error}")
    names = sorted({row.cluster for row in used})
    parts = {
        name: len({row.cluster for row in used if row.partition == name}) for name in PARTITIONS
    }
    if len(names) < FEWEST or not all(parts.values()):
        counts = ", ".join(f"{count} for {name}" for name, count in parts.items())
        reasons = "\n".join(["", *problems]) if problems else ""
        raise ImportTableError(
            f"{table}: {len(names)} clusters can be used, {counts}: expected at least {FEWEST}, "
            f"some of each{reasons}"
        )
    mass, redshift = (
        np.array([getattr(row, name) for row in used]) for name in ("m500c_msun", "redshift")
    )
    labels = {
        "m500c_msun": mass,
        "redshift": redshift,
        "theta500_arcmin": np.array(thetas),
        "y500_cyl_arcmin2": np.array(signals),
        "cluster": np.array([names.index(row.cluster) for row in used], dtype=np.int32),
        "partition": np.array([PARTITIONS.index(row.partition) for row in used], dtype=np.int8),
    }
    provenance = {"table": table.name}
    with replacing(store, imported_spec(len(used)), provenance) as unfinished:
        write_rows(unfinished, slice(None), labels | {"shape": np.array(shapes)})
    relation = MeasuredRelation.of(mass, redshift, labels["y500_cyl_arcmin2"], cosmology)
    counts = ", ".join(f"{count} for {name}" for name, count in parts.items())
    made = (
        f"imported {len(used)} maps of {len(names)} clusters ({counts}): {store}\n"
        f"their own relation: {relation.in_words()}"
    )
    return made, problems
