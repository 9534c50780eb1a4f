"""Makes Planck's sky: cutouts of its noise, and its y-map with masks, or a stand-in for them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from szmass.files import replacing_file
from szmass.params import BaryonModel, Compton, PlanckSky
from szmass.planck.catalogue import read_psz2
from szmass.planck.files import (
    find_product,
    open_table,
    read_map,
    read_noise_spectrum,
    write_maps,
)
from szmass.planck.noise import (
    noise_level,
    stand_in_noise,
    unit_variance,
    write_noise_store,
)
from szmass.planck.stand_in import stand_in_signal, true_clusters
from szmass.sky.cosmology import Cosmology
from szmass.sky.grid import PixelGrid
from szmass.sky.scaling import ScalingRelation

YMAP_COMMENTS = {"FULL": "all of the survey", "FIRST": "its first half", "LAST": "its second half"}
MASK_COMMENTS = {
    "M1": "GALACTIC MASK 40%",
    "M2": "GALACTIC MASK 50%",
    "M3": "GALACTIC MASK 60%",
    "M4": "GALACTIC MASK 70%",
    "M5": "POINT SOURCE MASK",
}


def make_planck_sky(
    seed: int,
    compton: Compton,
    baryon_models: Mapping[str, BaryonModel],
    planck_sky: PlanckSky,
    *,
    psz2_catalogue: Path,
    planck_noise_spectrum: Path,
    planck_files: Path,
    planck_ymap: Path,
    planck_masks: Path,
    noise_store: Path,
) -> None:
    """Writes the noise store, and y-map and masks: the user's own files where they are."""
    catalogue = read_psz2(psz2_catalogue)
    product = find_product(planck_files, planck_sky.product)
    if product:
        cl = read_noise_spectrum(product.spectrum)[: planck_sky.lmax + 1]
        level = read_map(product.stddev, 0, planck_sky.nside)
        level[np.isnan(level)] = np.nanmedian(level)  # noise fills in where there is no data
        for source, target in ((product.ymap, planck_ymap), (product.masks, planck_masks)):
            open_table(source)  # refuses a file that is no table, or cut short
            with replacing_file(target) as unfinished:
                shutil.copyfile(source, unfinished)
    else:
        cl = unit_variance(read_noise_spectrum(planck_noise_spectrum), planck_sky.lmax)
        level = noise_level(seed, planck_sky)
        model = baryon_models[compton.baryon_model]
        cosmology = Cosmology.of(compton)
        weighed = catalogue.weighed()
        clusters = true_clusters(weighed, ScalingRelation.of(model), cosmology)
        y, masks = stand_in_signal(seed, planck_sky, compton, weighed, clusters)
        write_maps(planck_masks, "MASKS", masks, MASK_COMMENTS)
        del masks
        full, half_difference = stand_in_noise(seed, cl, level)
        y += full
        halves = {"FIRST": y + half_difference, "LAST": y - half_difference}
        write_maps(planck_ymap, "Y-MAP", {"FULL": y, **halves}, YMAP_COMMENTS)
        del y, full, half_difference, halves
    grid = PixelGrid.of(compton)
    write_noise_store(
        noise_store, seed, planck_sky, grid=grid, catalogue=catalogue, cl=cl, level=level
    )
