"""Clusters like Magneticum's: their relation, their neighbours, their images and their store."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from szmass.microwave.hydro.clusters import HydroCluster, HydroUniverse, SzImages
from szmass.microwave.hydro.maps import open_hydro_store
from szmass.microwave.maps.samples import SETS, store_spec
from szmass.microwave.maps.sky import MicrowaveSky
from szmass.params import Params
from szmass.sky.clusters.mock_clusters import with_mean_y
from szmass.sky.clusters.pressure import GnfwPressure
from szmass.sky.clusters.projection import Ellipsoids, disc_integral
from szmass.sky.clusters.radial_tables import RadialTables
from szmass.sky.cosmology import Cosmology
from szmass.sky.grid import PixelGrid
from szmass.sky.scaling import ScalingRelation, mpc2_per_arcmin2, y_cyl_mpc2
from szmass.stages.microwave.simulate_hydro import simulate_hydro
from szmass.storage.store import StoreError, replacing

CLUSTERS = 250
SIDE_ARCMIN = 40.0


@pytest.fixture(scope="module")
def cosmology(params: Params) -> Cosmology:
    return Cosmology.of(params.microwave)


@pytest.fixture(scope="module")
def universe(params: Params, cosmology: Cosmology) -> HydroUniverse:
    gas = params.baryon_models[params.hydro.baryon_model]
    return HydroUniverse(params.hydro, gas, params.morphology, cosmology)


@pytest.fixture(scope="module")
def clusters(universe: HydroUniverse) -> list[HydroCluster]:
    return [universe.draw(3, number, SIDE_ARCMIN) for number in range(CLUSTERS)]


@pytest.fixture(scope="module")
def ln_y(
    params: Params, cosmology: Cosmology, universe: HydroUniverse, clusters: list[HydroCluster]
) -> np.ndarray:
    """Y over the relation, as a logarithm: own and with all haloes, `(2, clusters)`."""
    gas = params.baryon_models[params.hydro.baryon_model]
    masses = np.array([cluster.m500c_msun for cluster in clusters])
    redshift = np.array([cluster.redshift for cluster in clusters])
    relation = ScalingRelation.of(gas)
    mean_mpc2 = y_cyl_mpc2(masses, redshift, relation, cosmology)
    measured = np.array([cluster.y500_arcmin2(universe.tables) for cluster in clusters]).T
    return np.log(measured * mpc2_per_arcmin2(redshift, cosmology) / mean_mpc2)


def test_the_relation_comes_out_with_its_scatter(params, ln_y):
    own, _ = ln_y
    gas = params.baryon_models[params.hydro.baryon_model]
    assert own.mean() == pytest.approx(0, abs=4 * own.std() / np.sqrt(CLUSTERS))
    # a line of sight adds a little to the scatter of the mean over all
    assert gas.sigma_lny - 0.012 < own.std() < gas.sigma_lny + 0.03


def test_unrelated_haloes_raise_the_scatter_to_that_of_a_light_cone(ln_y):
    """0.159 in Gupta et al. 2017, arXiv 1612.05266, with large-scale structure besides."""
    own, light_cone = ln_y
    assert (light_cone >= own).all()
    assert 0.11 < light_cone.std() < 0.18
    assert light_cone.std() > own.std() + 0.01


def test_masses_and_redshifts_are_those_asked_for(params, clusters):
    masses = np.array([cluster.m200c_msun for cluster in clusters])
    redshifts = np.array([cluster.redshift for cluster in clusters])
    assert masses.min() >= 2e14
    assert masses.max() <= 7e14
    assert np.median(masses) < 3e14
    assert redshifts.min() >= 0.67
    assert redshifts.max() <= 0.73


def test_a_cluster_is_the_same_alone(universe, clusters):
    again = universe.draw(3, 7, SIDE_ARCMIN)
    np.testing.assert_array_equal(again.own.amplitude, clusters[7].own.amplitude)
    np.testing.assert_array_equal(again.haloes.position, clusters[7].haloes.position)
    other = universe.draw(4, 7, SIDE_ARCMIN)
    assert other.m200c_msun != again.m200c_msun


def test_a_round_lonely_cluster_looks_as_in_the_microwave_line(params, dl_uk2, cosmology):
    """The same profile, mass and Y, by a Hankel transform there and by modes of a square here."""
    pressure = replace(params.microwave.pressure, alpha_p_of_radius=False)
    microwave = replace(params.microwave, pixels=40, pressure=pressure)
    profile = GnfwPressure(**asdict(pressure))
    m200c_msun, redshift = np.array([4e14]), microwave.redshift
    m500c_msun, r500c_mpc = cosmology.m500c_and_r500c(m200c_msun, redshift)
    scale = float(mpc2_per_arcmin2(np.asarray(redshift), cosmology))
    theta500 = float(r500c_mpc[0] / np.sqrt(scale))
    # Y of Arnaud et al. 2010, Eq. 25: 2.925e-5 E^(2/3) J(1) / h70 Mpc^2 [M h70 / 3e14]^(5/3 + 0.12)
    mass = float(m500c_msun[0]) * cosmology.h70 / 3e14
    y_mpc2 = 2.9246e-5 * cosmology.e_z(redshift) ** (2 / 3) / cosmology.h70**2.5
    y_mpc2 *= profile.cylinder_integral(1.0) * mass ** (5 / 3 + 0.12)
    tables = RadialTables([profile])
    sphere = Ellipsoids(np.ones((1, 1)), np.zeros((1, 3)), np.eye(3)[None])
    sphere = with_mean_y(tables, sphere, y_mpc2 / scale / theta500**2)
    cluster = sphere.scaled(length=theta500, amplitude=1 / theta500)
    assert disc_integral(tables, cluster, theta500) == pytest.approx(y_mpc2 / scale, rel=1e-4)
    image = SzImages(tables, microwave)(cluster)
    expected = MicrowaveSky(microwave, dl_uk2).cluster_uk(m200c_msun)[0]
    np.testing.assert_allclose(image, expected, atol=0.005 * np.abs(expected).max())


def test_a_halo_lies_where_it_was_put(params, universe):
    images = SzImages(universe.tables, params.microwave)
    axis = images.grid.axis_arcmin
    position = np.array([[axis[28], axis[11], 0.0]])
    halo = Ellipsoids(np.full((1, 2), 1e-5), position, np.eye(3)[None])
    image = images(halo)
    assert image[11, 28] == image.min()
    assert images.side_arcmin == SIDE_ARCMIN


@pytest.fixture(scope="module")
def simulate_tiny(tiny: Params, spectra_table: Path) -> Callable[[Path, int], Path]:
    """Runs the stage on 12 clusters under 3 skies of 8 x 8 pixels each."""

    def run(store: Path, workers: int) -> Path:
        simulate_hydro(
            tiny.seed,
            tiny.microwave,
            tiny.morphology,
            tiny.baryon_models,
            replace(tiny.hydro, clusters=12, realisations=3),
            spectra_table=spectra_table,
            hydro_store=store,
            resources=replace(tiny.resources, workers=workers),
        )
        return store

    return run


@pytest.fixture(scope="module")
def tiny_hydro(
    simulate_tiny: Callable[[Path, int], Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return simulate_tiny(tmp_path_factory.mktemp("hydro") / "hydro.zarr", 1)


def test_two_workers_write_the_bytes_of_one(simulate_tiny, tiny_hydro, tmp_path):
    twice = simulate_tiny(tmp_path / "hydro.zarr", 2)
    first, second = (
        {str(f.relative_to(path)): f.read_bytes() for f in path.rglob("*") if f.is_file()}
        for path in (tiny_hydro, twice)
    )
    assert first == second


def test_the_store_says_which_map_is_what(tiny_hydro, tiny, universe):
    store = open_hydro_store(tiny_hydro)
    np.testing.assert_array_equal(store.read("cluster"), np.repeat(np.arange(12), 3))
    np.testing.assert_array_equal(store.read("realisation"), np.tile(np.arange(3), 12))
    assert (store.read("ln_amplitude") == 0).all()
    assert (store.read("set") == SETS.index("test")).all()
    images = SzImages(universe.tables, tiny.microwave)
    cluster = universe.draw(tiny.seed, 11, images.side_arcmin)
    assert store.read("redshift")[-1] == cluster.redshift
    assert store.read("m200c_msun")[-1] == cluster.m200c_msun
    own, light_cone = cluster.y500_arcmin2(universe.tables)
    assert store.read("y500_cyl_arcmin2")[-1] == own
    assert store.read("y500_light_cone_arcmin2")[-1] == light_cone
    # a cluster is the same under each of its skies, which differ
    sz_uk, temperature_uk = store.read("sz_uk")[-3:], store.read("temperature_uk")[-3:]
    np.testing.assert_array_equal(sz_uk[0], sz_uk[1])
    np.testing.assert_allclose(sz_uk[0], images(cluster.own), atol=1e-4)
    assert (temperature_uk[0] != temperature_uk[1]).all()


def test_another_kind_of_store_is_refused(tmp_path):
    with replacing(tmp_path / "microwave.zarr", store_spec(4, PixelGrid(8, 0.25)), {}):
        pass
    with pytest.raises(StoreError, match=r"title = 'simulated 150 GHz cutouts of clusters': exp"):
        open_hydro_store(tmp_path / "microwave.zarr")


def test_a_store_that_lacks_a_shard_is_refused(tiny_hydro, tmp_path):
    store = shutil.copytree(tiny_hydro, tmp_path / "hydro.zarr")
    (store / "temperature_uk" / "c" / "1" / "0" / "0").unlink()
    with pytest.raises(StoreError, match="array 'temperature_uk' has 1 of its 2 files"):
        open_hydro_store(store)
    with pytest.raises(StoreError, match="no Zarr group"):
        open_hydro_store(tmp_path / "nowhere.zarr")
