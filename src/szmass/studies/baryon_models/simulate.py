"""Simulates clusters of all baryon models as the snapshot at z = 0 has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from szmass.compton.maps.clusters import ComptonSamples
from szmass.compton.maps.images import ClusterSimulator, Part
from szmass.compton.maps.stores import clean_spec
from szmass.params import BaryonModel, Compton, Morphology, Resources
from szmass.planck.stores import PARTITIONS
from szmass.sky.clusters.mock_clusters import MockClusters
from szmass.sky.clusters.projection import Ellipsoids, disc_integral, projected_y
from szmass.sky.clusters.radial_tables import RadialTables
from szmass.sky.cosmology import Cosmology
from szmass.sky.grid import PixelGrid
from szmass.sky.scaling import ScalingRelation, mpc2_per_arcmin2, y_cyl_mpc2
from szmass.storage.batch import run_tasks
from szmass.storage.store import ArraySpec, StoreSpec, replacing, write_rows
from szmass.streams import BARYON_MODEL_CLUSTERS
from szmass.studies.baryon_models.settings import STORE, TITLE, BaryonModels
from szmass.units import ARCMIN_RAD

SHARD_ROWS = 64


def simulate(
    seed: int,
    compton: Compton,
    morphology: Morphology,
    baryon_models: Mapping[str, BaryonModel],
    study: BaryonModels,
    *,
    here: Path,
    resources: Resources,
) -> None:
    """Writes the maps: of the main model for training and testing, of the others for testing."""
    cosmology = Cosmology.of(compton)
    samples = list_samples(seed, compton.baryon_model, baryon_models, study, cosmology)
    simulator = ClusterSimulator(
        MockClusters(**asdict(morphology)),
        tuple(model.cool_core_mean for model in baryon_models.values()),
        PixelGrid(study.pixels, study.side_r500 / study.pixels),  # in R500
        beam_fwhm_arcmin=0.0,
    )
    spec = maps_spec(len(samples), simulator.grid, list(baryon_models))
    store = here / STORE
    with replacing(store, spec, provenance={"seed": seed}) as unfinished:
        path = unfinished.absolute()
        y500_cyl_arcmin2 = np.concatenate(
            run_tasks(
                simulate_part,
                [Part(path, rows, samples.at(rows), original=True) for rows in spec.shards()],
                resources=resources,
                label="baryon_models simulate",
                simulator=simulator,
                sampling_arcmin=study.sampling_arcsec / 60.0,
            )
        )
        axis_r500 = simulator.grid.axis_arcmin
        labels = samples.labels() | {"y500_cyl_arcmin2": y500_cyl_arcmin2}
        write_rows(path, slice(None), labels | {"x": axis_r500, "y": axis_r500})


def list_samples(
    seed: int,
    main: str,
    baryon_models: Mapping[str, BaryonModel],
    study: BaryonModels,
    cosmology: Cosmology,
) -> ComptonSamples:
    """Lists the maps: masses even in log10, Y that of z = 0, angles those of the study's redshift.

    A test cluster is the same in all baryon models but for its gas.
    """
    models = list(baryon_models)
    rows = [
        (0, models.index(main), number, projection)
        for number in range(study.training_clusters)
        for projection in range(study.projections)
    ]
    rows += [
        (PARTITIONS.index("test" if name == main else "other_model"), model, number, 0)
        for model, name in enumerate(models)
        for number in range(study.test_clusters)
    ]
    partition, model, number, projection = np.array(rows).T
    drawn_as = np.minimum(partition, PARTITIONS.index("test"))
    seeds = np.column_stack(
        [np.full_like(number, v) for v in (seed, BARYON_MODEL_CLUSTERS)] + [drawn_as, number]
    )
    draws = np.array([_draw(row, study) for row in seeds.tolist()])
    m500c_msun, redshift = 10.0 ** draws[:, 0], np.full(len(rows), study.redshift)
    mean_y_mpc2 = np.empty(len(rows))
    for index, gas in enumerate(baryon_models.values()):
        here = model == index
        relation = ScalingRelation.of(gas)
        mean = y_cyl_mpc2(m500c_msun[here], np.zeros(here.sum()), relation, cosmology)
        mean_y_mpc2[here] = mean * np.exp(gas.sigma_lny * draws[here, 1])
    distance_mpc = cosmology.angular_distance_mpc(redshift)
    at_z0 = np.zeros(len(rows))
    r500_mpc = cosmology.r500c_mpc(m500c_msun, at_z0)
    return ComptonSamples(
        partition=partition.astype(np.int8),
        cluster=(number + 1_000_000 * (10 * partition + model)).astype(np.int32),
        projection=projection.astype(np.int8),
        baryon_model=model.astype(np.int8),
        redshift=redshift,
        m500c_msun=m500c_msun,
        m200c_msun=cosmology.m200c_msun(m500c_msun, at_z0),
        theta500_arcmin=r500_mpc / distance_mpc / ARCMIN_RAD,
        mean_y_arcmin2=mean_y_mpc2 / mpc2_per_arcmin2(redshift, cosmology),
        seeds=seeds,
    )


def _draw(seed: list[int], study: BaryonModels) -> tuple[float, float]:
    """log10 M500c, and the scatter of ln Y in units of the model's."""
    low, high = study.log10_mass
    rng = np.random.default_rng((*seed, 0))
    return float(rng.uniform(low, high)), float(rng.standard_normal())


def maps_spec(maps: int, grid_r500: PixelGrid, baryon_models: list[str]) -> StoreSpec:
    """The contract of the store: the clean maps', with pixels in R500."""
    spec = clean_spec(maps, grid_r500, baryon_models)
    image = ArraySpec(("map", "y", "x"), "float32", "1", "Compton y, no beam")
    axes = {
        name: ArraySpec((name,), "float64", "R500", "pixel centre from the cluster")
        for name in ("x", "y")
    }
    arrays = {**spec.arrays, "compton_y": image, **axes}
    return replace(spec, title=TITLE, arrays=arrays, shard_rows=SHARD_ROWS)


def simulate_part(part: Part, *, simulator: ClusterSimulator, sampling_arcmin: float) -> np.ndarray:
    """Simulates and writes the maps of a part; returns their Y within theta500 in arcmin^2."""
    tables, samples = simulator.model.tables(), part.samples
    maps = np.empty((len(samples), simulator.grid.pixels, simulator.grid.pixels), np.float32)
    y500 = np.empty(len(samples))
    for row, cluster in enumerate(simulator.on_the_sky(samples)):
        theta500 = float(samples.theta500_arcmin[row])
        pixel_arcmin = simulator.grid.pixel_arcmin * theta500
        grid = PixelGrid(simulator.grid.pixels, pixel_arcmin)
        maps[row] = pixel_means(tables, cluster, grid, sampling_arcmin)
        y500[row] = disc_integral(tables, cluster, theta500)
    write_rows(part.path, part.rows, {"compton_y": maps})
    return y500


def pixel_means(
    tables: RadialTables, cluster: Ellipsoids, grid: PixelGrid, sampling_arcmin: float
) -> np.ndarray:
    """Compton y averaged over each pixel, at points no further apart than the sampling."""
    points = int(np.ceil(grid.pixel_arcmin / sampling_arcmin))
    fine = PixelGrid(grid.pixels * points, grid.pixel_arcmin / points)
    x, y = np.meshgrid(fine.axis_arcmin, fine.axis_arcmin)
    values = projected_y(tables, cluster, x, y)
    blocks = values.reshape(grid.pixels, points, grid.pixels, points)
    return np.asarray(blocks.mean(axis=(1, 3)))
