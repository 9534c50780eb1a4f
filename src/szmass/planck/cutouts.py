"""Cutouts of the PSZ2 clusters from a y-map, and which of them are the golden sample."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from szmass.planck.catalogue import Psz2Catalogue
from szmass.planck.files import POINT_SOURCE_MASK, open_table, read_map, read_mask
from szmass.sky.grid import PixelGrid
from szmass.sky.healpix import gnomonic_pixels
from szmass.storage.store import MapStore, StoreError

HALVES = ("FIRST", "LAST")
GALACTIC_MASK = "M1"  # the strictest, and the same in all releases


@dataclass(frozen=True)
class Cutouts:
    """Cutouts of clusters, `(n, pixels, pixels)`, with what the masks hide of them."""

    compton_y: np.ndarray
    """As the map has it; noise where the map has no data."""
    refilled_y: np.ndarray
    """The same with noise in place of point sources beyond the radius that the golden sample has
    free."""
    golden: np.ndarray
    """Whether no pixel within that radius is hidden, bool."""
    masked_fraction: np.ndarray
    """Share of the pixels that either mask hides or that have no data."""


def cut_clusters(
    ymap: Path,
    masks: Path,
    catalogue: Psz2Catalogue,
    noise_y: np.ndarray,
    *,
    nside: int,
    grid: PixelGrid,
    mask_radius_arcmin: float,
) -> Cutouts:
    """Cuts clusters out of a y-map as de Andres et al. 2022 (arXiv 2209.10333, Methods) do.

    The golden sample has no pixel within `mask_radius_arcmin` of the centre hidden by the
    galactic mask M1 or the point-source mask M5, or without data. Pixels farther out that M5 hides
    are refilled with noise of that place.

    Args:
        ymap: file of the y-map, whose column FULL is taken.
        masks: file of its masks.
        catalogue: the clusters.
        noise_y: a noise cutout at each of them, `(n, pixels, pixels)`.
        nside: of map and masks.
        grid: of a cutout.
        mask_radius_arcmin: that the golden sample has free.

    Raises:
        PlanckFilesError: a file cannot be read or is not what it should be.
    """
    pixels = gnomonic_pixels(nside, catalogue.glon_deg, catalogue.glat_deg, grid)
    observed_y = read_map(ymap, "FULL", nside)[pixels]
    no_data = np.isnan(observed_y)
    compton_y = np.where(no_data, noise_y, observed_y)
    contaminated = ~read_mask(masks, POINT_SOURCE_MASK, nside)[pixels]
    hidden = no_data | contaminated | ~read_mask(masks, GALACTIC_MASK, nside)[pixels]
    near = grid.radius_arcmin <= mask_radius_arcmin
    return Cutouts(
        compton_y=compton_y,
        refilled_y=np.where(contaminated & ~near, noise_y, compton_y),
        golden=~(hidden & near).any(axis=(1, 2)),
        masked_fraction=hidden.mean(axis=(1, 2)),
    )


def half_differences(
    ymap: Path, catalogue: Psz2Catalogue, *, nside: int, grid: PixelGrid
) -> np.ndarray | None:
    """Half the difference of a y-map's two halves at clusters: its noise, and nothing of the sky.

    (FIRST - LAST) / 2 has the noise of FULL = (FIRST + LAST) / 2, whose two halves share none.

    Args:
        ymap: file of the y-map.
        catalogue: the clusters.
        nside: of the map.
        grid: of a cutout.

    Returns:
        `(n, pixels, pixels)` float32, NaN without data; None where the file has no such columns.

    Raises:
        PlanckFilesError: the file cannot be read or is not what it should be.
    """
    _, rows = open_table(ymap)
    if not set(HALVES) <= set(rows.dtype.names or ()):
        return None
    pixels = gnomonic_pixels(nside, catalogue.glon_deg, catalogue.glat_deg, grid)
    first, last = (read_map(ymap, name, nside)[pixels] for name in HALVES)
    return (first - last) / np.float32(2.0)


def noise_at(store: MapStore, catalogue: Psz2Catalogue) -> np.ndarray:
    """The noise cutouts of the store's last realisation at each cluster, `(n, pixels, pixels)`.

    Raises:
        StoreError: the store has no cutout for one of the clusters.
    """
    last = np.flatnonzero(store.read("realisation") == store.read("realisation").max())
    place = dict(zip(store.read("catalogue_row", last).tolist(), last.tolist(), strict=True))
    for row, name in zip(catalogue.row.tolist(), catalogue.name, strict=True):
        if row not in place:
            raise StoreError(
                f"{store.path}: no noise cutout for {name}, row {row} of the catalogue; make the "
                "store again with this catalogue (dvc repro)"
            )
    return store.read("noise_y", np.array([place[row] for row in catalogue.row.tolist()]))


def labels(catalogue: Psz2Catalogue, cutouts: Cutouts, grid: PixelGrid) -> dict[str, np.ndarray]:
    """All arrays of the store but the images and the true masses."""
    return {
        "redshift": catalogue.redshift,
        "msz_1e14_msun": catalogue.msz_1e14_msun,
        "msz_err_up_1e14_msun": catalogue.msz_err_up_1e14_msun,
        "msz_err_low_1e14_msun": catalogue.msz_err_low_1e14_msun,
        "glon_deg": catalogue.glon_deg,
        "glat_deg": catalogue.glat_deg,
        "golden": cutouts.golden.astype(np.int8),
        "masked_fraction": cutouts.masked_fraction,
        "catalogue_row": catalogue.row,
        "x": grid.axis_arcmin,
        "y": grid.axis_arcmin,
    }
