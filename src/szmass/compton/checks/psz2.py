"""Expectations of the cutouts of the PSZ2 clusters: labels, masks, positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from szmass.compton.checks.relations import STACK_MEANINGS, stack_row
from szmass.compton.checks.statistics import ClusterStatistics
from szmass.planck.catalogue import Psz2Catalogue
from szmass.sky.redshift_bins import redshift_bin
from szmass.storage.store import MapStore
from szmass.validation.expectations import CheckedTable, equal, every, unique
from szmass.validation.statistics import digests

LARGEST_Y = 1e-2
"""Beyond which a value cannot be y, but is in another unit."""
CATALOGUE_LABELS = (
    "redshift",
    "msz_1e14_msun",
    "msz_err_up_1e14_msun",
    "msz_err_low_1e14_msun",
    "glon_deg",
    "glat_deg",
)
"""Arrays of the store that repeat the catalogue."""
PSZ2_MEANINGS = {
    "unusable_values": "pixels that are no number or no y, beyond 1e-2, and labels that are no "
    "number; true masses too, where the sky is the stand-in",
    "labels_that_differ": "labels that are not those of the row of the catalogue",
    "digest": "digest of the bytes of a cutout",
    "catalogue_row": "row of the catalogue",
    "masked_fraction": "share of masked pixels in a cutout",
    "refilled_over_masked": "number of pixels refilled with noise over that of masked ones",
    "refilled_near": "pixels within mask_radius_arcmin that were refilled",
    "golden": "1 in the golden sample",
    "unmasked_not_golden": "1 where nothing is masked, yet the cluster is not golden",
}
NO_BIN = "none of params.yaml's bins"
BIN_MEANINGS = {
    "clusters": "number of cutouts of a redshift bin",
    "asked": "number of clusters of the catalogue with redshift and mass; none outside all bins, "
    "where no network could weigh them",
}


def psz2_tables(
    psz2: MapStore,
    catalogue: Psz2Catalogue,
    bins: Mapping[str, Sequence[float]],
    statistics: ClusterStatistics,
    *,
    mask_radius_arcmin: float,
    stand_in: bool,
) -> list[CheckedTable]:
    """The tables that the cutouts of the observed sky are judged by.

    Args:
        psz2: the store of cutouts.
        catalogue: the clusters with redshift and mass.
        bins: redshift bins by name.
        statistics: for the moments of maps.
        mask_radius_arcmin: that the golden sample has free of masks.
        stand_in: whether the sky is the stand-in, whose true masses are known.
    """
    images = psz2.read("compton_y_refilled")
    near = statistics.grid.radius_arcmin <= mask_radius_arcmin
    rows = _rows(psz2, images, near, catalogue)
    if stand_in:
        rows["unusable_values"] += ~(psz2.read("m500c_true_msun") > 0)
    redshift, mass = catalogue.redshift, catalogue.msz_1e14_msun
    expectations = [
        every("unusable_values", 0, 0, where=None),
        every("labels_that_differ", 0, 0, where=None),
        unique("digest"),
        unique("catalogue_row"),
        every("redshift", redshift.min(), redshift.max(), where=None),
        every("msz_1e14_msun", mass.min(), mass.max(), where=None),
        every("masked_fraction", 0.0, 1.0, where=None),
        every("refilled_over_masked", 0.0, 1.0, where=None),
        every("refilled_near", 0, 0, where=None),
        every("golden", 0, 1, where=None),
        every("unmasked_not_golden", 0, 0, where=None),
    ]
    usable = np.flatnonzero((rows["unusable_values"] == 0) & (rows["golden"] == 1))
    tables = [
        CheckedTable("psz2", rows, "cluster", expectations, PSZ2_MEANINGS),
        _bins_table(rows, catalogue, bins),
    ]
    if len(usable) == 0:
        return tables
    total = images[usable].sum(axis=0, dtype=float)
    moments = statistics.moments(images[usable])
    stack, wanted = stack_row("golden sample", total, moments, statistics.grid)
    stacked = CheckedTable("psz2_stack", pd.DataFrame([stack]), "stack", wanted, STACK_MEANINGS)
    return [*tables, stacked]


def _rows(
    psz2: MapStore, images: np.ndarray, near: np.ndarray, catalogue: Psz2Catalogue
) -> pd.DataFrame:
    """One row a cluster."""
    names = [*CATALOGUE_LABELS, "golden", "masked_fraction", "catalogue_row"]
    rows = pd.DataFrame({name: psz2.read(name) for name in names})
    rows.insert(0, "cluster", np.arange(len(rows)))
    observed = psz2.read("compton_y")
    no_y = [~(np.abs(image) <= LARGEST_Y) for image in (observed, images)]
    rows["unusable_values"] = np.sum(no_y, axis=(0, 2, 3)) + rows.isna().sum(axis=1)
    rows["digest"] = digests(observed)
    refilled = images != observed
    rows["refilled_near"] = np.count_nonzero(refilled & near, axis=(1, 2))
    # 0 of 0 masked pixels is none too many
    masked = rows["masked_fraction"].where(rows["masked_fraction"] > 0, 1.0 / images[0].size)
    rows["refilled_over_masked"] = refilled.mean(axis=(1, 2)) / masked
    unmasked = rows["masked_fraction"] == 0
    rows["unmasked_not_golden"] = (unmasked & (rows["golden"] != 1)).astype(int)
    place = pd.Series(np.arange(len(catalogue)), index=catalogue.row)
    found = place.reindex(rows["catalogue_row"]).to_numpy()
    row = np.where(np.isnan(found), 0, found).astype(int)
    rows["labels_that_differ"] = np.isnan(found).astype(int)
    for name in CATALOGUE_LABELS:
        rows["labels_that_differ"] += rows[name].to_numpy() != getattr(catalogue, name)[row]
    return rows


def _bins_table(
    rows: pd.DataFrame, catalogue: Psz2Catalogue, bins: Mapping[str, Sequence[float]]
) -> CheckedTable:
    """One row a redshift bin: as many clusters as the catalogue has; and none in no bin."""
    found, asked = (
        np.bincount(redshift_bin(redshift, bins) + 1, minlength=len(bins) + 1)
        for redshift in (rows["redshift"].to_numpy(), catalogue.redshift)
    )
    asked[0] = 0
    table = pd.DataFrame({"bin": [NO_BIN, *bins], "clusters": found, "asked": asked})
    return CheckedTable("psz2_bins", table, "bin", [equal("clusters", "asked")], BIN_MEANINGS)
