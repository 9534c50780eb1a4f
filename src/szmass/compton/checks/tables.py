"""The tables, with their expectations, by which the stores of the Compton line are validated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from szmass.compton.checks.imported import imported_tables
from szmass.compton.checks.maps import (
    clusters_table,
    groups_table,
    maps_table,
)
from szmass.compton.checks.measures import measure_maps
from szmass.compton.checks.noise import (
    NoiseTheory,
    measured_theory,
    noise_tables,
    stand_in_theory,
)
from szmass.compton.checks.psz2 import psz2_tables
from szmass.compton.checks.relations import relations_table, stacks_table
from szmass.compton.checks.statistics import ClusterStatistics
from szmass.compton.maps.imported import gas_of_maps, measured_relation
from szmass.compton.maps.stores import clean_spec, open_clean_store, open_planck_store, planck_spec
from szmass.params import MOCK, BaryonModel, Compton, Morphology, PlanckSky
from szmass.planck.catalogue import Psz2Catalogue
from szmass.planck.files import (
    STAND_IN_NAME,
    find_product,
    read_map,
    read_noise_spectrum,
)
from szmass.planck.noise import unit_variance
from szmass.planck.stores import noise_spec, open_noise_store, open_psz2_store, psz2_spec
from szmass.sky.clusters.mock_clusters import MockClusters
from szmass.sky.cosmology import Cosmology
from szmass.sky.grid import PixelGrid
from szmass.storage.store import MapStore
from szmass.validation.expectations import CheckedTable
from szmass.validation.layout import is_as_asked, layout_table


@dataclass(frozen=True)
class ComptonStores:
    """The stores of the Compton line, open for reading."""

    clean: MapStore
    planck: MapStore
    noise: MapStore
    psz2: MapStore

    @classmethod
    def open(cls, clean: Path, planck: Path, noise: Path, psz2: Path) -> ComptonStores:
        """Opens all; see `MapStore` for what is refused."""
        return cls(
            open_clean_store(clean),
            open_planck_store(planck),
            open_noise_store(noise),
            open_psz2_store(psz2),
        )

    def layout_tables(self, grid: PixelGrid, baryon_models: Sequence[str]) -> list[CheckedTable]:
        """One table a store, of as many rows as it has."""
        maps, noise, clusters = (
            store.layout(name)[1][0]
            for store, name in (
                (self.clean, "cluster"),
                (self.noise, "realisation"),
                (self.psz2, "redshift"),
            )
        )
        specs = {
            "clean": clean_spec(maps, grid, baryon_models),
            "planck": planck_spec(maps, grid, baryon_models),
            "noise": noise_spec(noise, grid),
            "psz2": psz2_spec(clusters, grid),
        }
        return [
            layout_table(f"{name}_arrays", getattr(self, name), spec, grid)
            for name, spec in specs.items()
        ]


def noise_theory(
    planck_files: Path,
    planck_noise_spectrum: Path,
    planck_sky: PlanckSky,
    catalogue: Psz2Catalogue,
    grid: PixelGrid,
) -> NoiseTheory:
    """The noise that is expected: of Planck's own files where they are, else of the stand-in.

    Args:
        planck_files: folder in which a user places Planck's files.
        planck_noise_spectrum: C_l that the stand-in follows.
        planck_sky: the product, or the level of the stand-in.
        catalogue: positions of the cutouts.
        grid: their pixels.
    """
    product = find_product(planck_files, planck_sky.product)
    if product is None:
        cl = unit_variance(read_noise_spectrum(planck_noise_spectrum), planck_sky.lmax)
        return stand_in_theory(cl, planck_sky, catalogue)
    cl = read_noise_spectrum(product.spectrum)[: planck_sky.lmax + 1]
    level = read_map(product.stddev, 0, planck_sky.nside)
    return measured_theory(cl, level, catalogue, grid)


def compton_tables(
    stores: ComptonStores,
    bins: Mapping[str, Sequence[float]],
    compton: Compton,
    morphology: Morphology,
    baryon_models: Mapping[str, BaryonModel],
    planck_sky: PlanckSky,
    catalogue: Psz2Catalogue,
    theory: NoiseTheory,
    cosmology: Cosmology,
) -> Iterator[CheckedTable]:
    """The tables that the stores are judged by.

    Args:
        stores: all four.
        bins: redshift bins by name.
        compton: the experiment, and which maps there shall be.
        morphology: the profiles of clusters.
        baryon_models: the Y-M relations put into mock clusters.
        planck_sky: realisations of noise.
        catalogue: all sources.
        theory: of the noise.
        cosmology: of the clusters.

    Yields:
        One table a store of its arrays; and, where these are as contracted, all others.
    """
    grid, gas = PixelGrid.of(compton), gas_of_maps(compton, baryon_models, stores.clean, cosmology)
    layouts = stores.layout_tables(grid, list(gas))
    yield from layouts
    if not all(map(is_as_asked, layouts)):
        return
    profiles = MockClusters(**asdict(morphology)).tables()
    statistics = ClusterStatistics(grid, compton.beam_fwhm_arcmin, profiles)
    noise_y = stores.noise.read("noise_y")
    yield from simulated_tables(
        stores,
        noise_y,
        bins=bins,
        compton=compton,
        baryon_models=gas,
        statistics=statistics,
        cosmology=cosmology,
    )
    yield from noise_tables(stores.noise, noise_y, catalogue, planck_sky, theory, grid)
    yield from psz2_tables(
        stores.psz2,
        catalogue.weighed(),
        bins,
        statistics,
        mask_radius_arcmin=planck_sky.mask_radius_arcmin,
        stand_in=stores.psz2.attributes.get("sky") == STAND_IN_NAME,
    )


def simulated_tables(
    stores: ComptonStores,
    noise_y: np.ndarray,
    *,
    bins: Mapping[str, Sequence[float]],
    compton: Compton,
    baryon_models: Mapping[str, BaryonModel],
    statistics: ClusterStatistics,
    cosmology: Cosmology,
) -> Iterator[CheckedTable]:
    """The tables that the simulated maps are judged by; arguments as in `compton_tables`."""
    maps, sums = measure_maps(
        stores.clean,
        stores.planck,
        (noise_y, stores.noise.read("partition")),
        bins=bins,
        mass_cuts_1e14=compton.mass_cuts_1e14,
        baryon_models=baryon_models,
        cosmology=cosmology,
        statistics=statistics,
    )
    if compton.source != MOCK:
        relation = measured_relation(stores.clean, cosmology)
        yield from imported_tables(maps, sums, statistics.grid, relation)
        return
    yield groups_table(maps, bins, compton, list(baryon_models))
    yield clusters_table(maps, compton)
    yield maps_table(maps, baryon_models, statistics)
    yield relations_table(maps, baryon_models)
    yield stacks_table(maps, sums, statistics.grid)
