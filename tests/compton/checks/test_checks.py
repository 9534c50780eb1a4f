"""A faultless Compton line passes, and every kind of damage is caught and named."""

import json
import shutil
from dataclasses import asdict, replace

import numpy as np
import pytest

from helpers import ROOT
from helpers.compton_line import COSMOLOGY, STORES, add_noise, small, write_clusters, write_line
from helpers.recording import ListRun
from szmass.compton.checks.maps import maps_asked
from szmass.compton.checks.noise import measured_theory, noise_tables, stand_in_theory
from szmass.compton.checks.psz2 import psz2_tables
from szmass.compton.checks.statistics import ClusterStatistics
from szmass.compton.checks.tables import (
    ComptonStores,
    compton_tables,
    noise_theory,
    simulated_tables,
)
from szmass.compton.maps.stores import open_clean_store, open_planck_store
from szmass.planck.catalogue import read_psz2
from szmass.planck.files import read_noise_spectrum
from szmass.planck.noise import unit_variance
from szmass.planck.stores import PARTITIONS, open_noise_store, open_psz2_store
from szmass.sky.clusters.mock_clusters import MockClusters
from szmass.sky.grid import PixelGrid
from szmass.stages.compton.validate_compton import validate_compton
from szmass.storage.store import write_rows
from szmass.validation.expectations import ChecksFailedError, check

OPEN = {
    "clean_store": open_clean_store,
    "planck_store": open_planck_store,
    "noise_store": open_noise_store,
    "psz2_store": open_psz2_store,
}


@pytest.fixture(scope="module")
def settings(params):
    return small(params)


@pytest.fixture(scope="module")
def faultless(tmp_path_factory, settings):
    return write_line(tmp_path_factory.mktemp("compton"), settings)


@pytest.fixture
def damaged(faultless, tmp_path):
    """A copy of the faultless stores of maps, to damage."""
    paths = dict(faultless)
    for key in ("clean_store", "planck_store"):
        paths[key] = tmp_path / faultless[key].name
        shutil.copytree(faultless[key], paths[key])
    return paths


@pytest.fixture(scope="module")
def statistics(settings):
    grid = PixelGrid.of(settings.compton)
    profiles = MockClusters(**asdict(settings.morphology)).tables()
    return ClusterStatistics(grid, settings.compton.beam_fwhm_arcmin, profiles)


@pytest.fixture(scope="module")
def maps_of(settings, statistics, faultless):
    """Makes the tables of simulated maps; the noise is read once for all tests."""
    noise_y = open_noise_store(faultless["noise_store"]).read("noise_y")

    def make(paths, settings=settings):
        tables = simulated_tables(
            ComptonStores.open(*(paths[key] for key in STORES)),
            noise_y,
            bins=settings.bins,
            compton=settings.compton,
            baryon_models=settings.baryon_models,
            statistics=statistics,
            cosmology=COSMOLOGY,
        )
        return {table.name: table for table in tables}

    return make


def tables_of(paths, settings):
    """All tables of the stores."""
    catalogue = read_psz2(paths["psz2_catalogue"])
    grid = PixelGrid.of(settings.compton)
    spectrum = paths["planck_noise_spectrum"]
    sky = settings.planck_sky
    return compton_tables(
        ComptonStores.open(*(paths[key] for key in STORES)),
        settings.bins,
        settings.compton,
        settings.morphology,
        settings.baryon_models,
        sky,
        catalogue,
        noise_theory(paths["planck_files"], spectrum, sky, catalogue, grid),
        COSMOLOGY,
    )


def noise_of(paths, planck_sky, grid):
    """The tables of the noise, by name."""
    catalogue = read_psz2(paths["psz2_catalogue"])
    theory = noise_theory(
        paths["planck_files"], paths["planck_noise_spectrum"], planck_sky, catalogue, grid
    )
    noise = open_noise_store(paths["noise_store"])
    tables = noise_tables(noise, noise.read("noise_y"), catalogue, planck_sky, theory, grid)
    return {table.name: table for table in tables}


def observed_of(paths, settings, statistics, *, stand_in=True):
    """The tables of the observed cutouts, by name."""
    tables = psz2_tables(
        open_psz2_store(paths["psz2_store"]),
        read_psz2(paths["psz2_catalogue"]).weighed(),
        settings.bins,
        statistics,
        mask_radius_arcmin=settings.planck_sky.mask_radius_arcmin,
        stand_in=stand_in,
    )
    return {table.name: table for table in tables}


def failures(tables, docs, names=("groups", "clusters", "maps")):
    """The failed expectations of some tables by name."""
    verdict = check([tables[name] for name in names], docs)
    failed = {result.name: result for result in verdict.results if not result.success}
    with pytest.raises(ChecksFailedError) as failure:
        verdict.require_success()
    for name, result in failed.items():
        assert f"{result.table}: {name}: observed" in str(failure.value)
    return failed


def change(paths, key, name, rows, values):
    """Overwrites rows of one array of a store."""
    whole = OPEN[key](paths[key]).read(name)
    whole[rows] = values
    write_rows(paths[key], slice(None), {name: whole})


def change_label(paths, name, rows, values):
    """Overwrites a label of the clean maps and of those with noise."""
    for key in ("clean_store", "planck_store"):
        change(paths, key, name, rows, values)


def partition_row(paths, name, number=0):
    """The row of a map of a partition."""
    partition = open_clean_store(paths["clean_store"]).read("partition")
    return int(np.flatnonzero(partition == PARTITIONS.index(name))[number])


def named(result, column):
    return [row[column] for row in result.failing]


def test_faultless_maps_pass_whatever_the_seed(faultless, params, maps_of, tmp_path):
    settings = small(params, seed=6)
    paths = faultless | {key: tmp_path / key for key in ("clean_store", "planck_store")}
    write_clusters(paths, settings)
    add_noise(paths, settings)
    check(list(maps_of(paths).values()), tmp_path / "docs").require_success()


def test_scaled_maps_are_caught(damaged, maps_of, tmp_path):
    for key in ("clean_store", "planck_store"):
        compton_y = OPEN[key](damaged[key]).read("compton_y")
        write_rows(damaged[key], slice(None), {"compton_y": compton_y * np.float32(1.05)})
    failed = failures(maps_of(damaged), tmp_path / "docs")
    assert np.isclose(failed["mean map_over_y500, bin z1"].observed, 1.05, atol=1e-3)
    assert "mean map_over_y500, bin z2" in failed
    assert "every noise_error" in failed


def test_a_swapped_mass_label_is_caught_and_its_maps_named(damaged, maps_of, tmp_path):
    first = partition_row(damaged, "test")
    mass = open_clean_store(damaged["clean_store"]).read("m500c_msun")
    pair = [first, first + 1]
    change_label(damaged, "m500c_msun", pair, mass[pair[::-1]])
    failed = failures(maps_of(damaged), tmp_path / "docs")
    assert named(failed["every theta500_over_formula"], "map") == pair
    assert named(failed["every m200c_over_formula"], "map") == pair


def test_all_labels_of_two_clusters_swapped_are_caught_by_the_maps(damaged, maps_of, tmp_path):
    clean = open_clean_store(damaged["clean_store"])
    test = np.flatnonzero(clean.read("partition") == PARTITIONS.index("test"))
    y500 = clean.read("y500_cyl_arcmin2")[test]
    pair = test[[np.argmin(y500), np.argmax(y500)]]
    for name in ("m500c_msun", "m200c_msun", "redshift", "theta500_arcmin", "y500_cyl_arcmin2"):
        change_label(damaged, name, pair, clean.read(name)[pair[::-1]])
    failed = failures(maps_of(damaged), tmp_path / "docs")
    assert set(named(failed["every distance_from_y500"], "map")) <= set(pair.tolist())
    assert "every theta500_over_formula" not in failed
    assert "every ln_y500_over_relation, baryon_model gadget_x" not in failed


def test_one_nan_is_caught_and_its_map_named(damaged, maps_of, tmp_path):
    change(damaged, "planck_store", "compton_y", (17, 3, 4), np.nan)
    failed = failures(maps_of(damaged), tmp_path / "docs")
    assert list(failed) == ["every unusable_values"]
    assert failed["every unusable_values"].failing == [{"map": 17, "unusable_values": 1}]


def test_a_cluster_in_two_partitions_is_caught_and_named(damaged, maps_of, tmp_path):
    row = partition_row(damaged, "development")
    cluster = int(open_clean_store(damaged["clean_store"]).read("cluster")[row])
    change_label(damaged, "partition", row, PARTITIONS.index("test"))
    failed = failures(maps_of(damaged), tmp_path / "docs")
    assert failed["every partitions"].failing == [{"cluster": cluster, "partitions": 2}]
    assert named(failed["every maps"], "group") == [
        "development z1 gadget_x",
        "test z1 gadget_x",
    ]
    assert named(failed["every noise_partition"], "map") == [row]


def test_a_map_of_another_partition_is_caught(damaged, maps_of, tmp_path):
    source, target = partition_row(damaged, "development", 3), partition_row(damaged, "test")
    for key in ("clean_store", "planck_store"):
        images = OPEN[key](damaged[key]).read("compton_y")
        change(damaged, key, "compton_y", target, images[source])
    failed = failures(maps_of(damaged), tmp_path / "docs")
    for digest in ("map_digest", "planck_digest"):
        assert named(failed[f"no repeated {digest}"], "map") == [source, target]


def test_development_noise_in_a_test_map_is_caught(damaged, maps_of, tmp_path):
    row = partition_row(damaged, "test")
    noise = open_noise_store(damaged["noise_store"])
    other = int(np.flatnonzero(noise.read("partition") == 0)[5])
    clean_y = open_clean_store(damaged["clean_store"]).read("compton_y", slice(row, row + 1))
    change(damaged, "planck_store", "noise_row", row, other)
    added = clean_y + noise.read("noise_y", np.array([other]))
    change(damaged, "planck_store", "compton_y", row, added[0])
    failed = failures(maps_of(damaged), tmp_path / "docs")
    assert list(failed) == ["every noise_partition"]
    assert named(failed["every noise_partition"], "map") == [row]


def test_noise_that_the_map_does_not_name_is_caught(damaged, maps_of, tmp_path):
    row = partition_row(damaged, "other_model")
    noise_row = open_planck_store(damaged["planck_store"]).read("noise_row")
    change(damaged, "planck_store", "noise_row", row, noise_row[row] - 1)
    failed = failures(maps_of(damaged), tmp_path / "docs")
    assert named(failed["every noise_error"], "map") == [row]


def test_a_set_off_the_centre_is_caught(damaged, settings, maps_of, tmp_path):
    clean = open_clean_store(damaged["clean_store"])
    rows = np.flatnonzero(clean.read("partition") == PARTITIONS.index("test"))
    for key in ("clean_store", "planck_store"):
        images = OPEN[key](damaged[key]).read("compton_y")
        change(damaged, key, "compton_y", rows, np.roll(images[rows], 2, axis=2))
    failed = failures(maps_of(damaged), tmp_path / "docs", ["stacks"])
    for name in settings.bins:
        stack = f"stack clean test {name}"
        assert failed[f"every peak_x_pixels, {stack}"].observed[0] in (1.5, 2.5)
        assert failed[f"every shift_x_arcmin, {stack}"].observed[0] > 1.0
        assert f"every peak_y_pixels, {stack}" not in failed
        assert f"every peak_x_pixels, stack clean development {name}" not in failed


def test_a_redshift_in_the_wrong_bin_is_caught(damaged, maps_of, tmp_path):
    row = partition_row(damaged, "test")
    change_label(damaged, "redshift", row, 0.15)
    failed = failures(maps_of(damaged), tmp_path / "docs")
    assert failed["every bin"].failing == [{"map": row, "bin": "z2", "bin_asked": "z1"}]
    assert "test z1 gadget_x" in named(failed["every maps"], "group")


def test_labels_of_the_two_stores_must_be_the_same(damaged, maps_of, tmp_path):
    change(damaged, "planck_store", "projection", 4, 9)
    failed = failures(maps_of(damaged), tmp_path / "docs")
    assert named(failed["every labels_that_differ"], "map") == [4]


def with_models(settings, models):
    """Settings with these baryon models, and ranges of weighing's gas that hold them."""
    wider = replace(settings.weighing, alpha=[1.2, 2.0], sigma_lny=[0.05, 0.3])
    return replace(settings, baryon_models=models, weighing=wider)


def test_another_relation_between_mass_and_y_is_caught(faultless, settings, maps_of, tmp_path):
    models = dict(settings.baryon_models)
    models["gadget_x"] = replace(models["gadget_x"], log10_b=-0.12)
    models["magneticum"] = replace(models["magneticum"], alpha=1.3)
    failed = failures(
        maps_of(faultless, with_models(settings, models)),
        tmp_path / "docs",
        ["relations"],
    )
    assert "every normalisation, baryon_model gadget_x" in failed
    slope = failed["every slope, baryon_model magneticum"]
    assert slope.observed[0] > slope.expected[1]
    assert not [name for name in failed if "gizmo_simba" in name]


def test_scatter_that_was_not_put_in_is_caught(faultless, settings, maps_of, tmp_path):
    models = dict(settings.baryon_models)
    models["gadget_x"] = replace(models["gadget_x"], sigma_lny=0.25)
    failed = failures(
        maps_of(faultless, with_models(settings, models)),
        tmp_path / "docs",
        ["relations"],
    )
    scatter = failed["every scatter_ln_y, baryon_model gadget_x"]
    assert scatter.observed[0] < scatter.expected[0] < 0.25 < scatter.expected[1]


def test_a_wrong_level_of_noise_is_caught(faultless, settings, statistics, tmp_path):
    louder = replace(settings.planck_sky, noise_rms=1.4e-6)
    tables = noise_of(faultless, louder, statistics.grid)
    failed = failures(tables, tmp_path / "docs", ["noise_cells"])
    found = failed["mean square_over_expected"]
    assert np.isclose(found.observed, (1.2 / 1.4) ** 2, rtol=0.1)


def test_noise_of_another_spectrum_is_caught(faultless, settings, statistics, tmp_path):
    smooth = replace(settings.planck_sky, lmax=400)
    tables = noise_of(faultless, smooth, statistics.grid)
    failed = failures(tables, tmp_path / "docs", ["noise_cells"])
    assert "mean correlation_6" in failed
    assert "mean square_over_expected" not in failed


def test_realisations_for_two_partitions_are_caught(faultless, settings, statistics, tmp_path):
    paths = faultless | {"noise_store": tmp_path / "noise.zarr"}
    shutil.copytree(faultless["noise_store"], paths["noise_store"])
    change(paths, "noise_store", "partition", 7, PARTITIONS.index("test"))
    tables = noise_of(paths, settings.planck_sky, statistics.grid)
    failed = failures(tables, tmp_path / "docs", ["realisations", "noise_partitions"])
    assert failed["every partitions"].failing == [{"realisation": 0, "partitions": 2}]
    assert named(failed["every realisations"], "partition") == ["test"]


def test_damage_to_the_observed_cutouts_is_caught(faultless, settings, statistics, tmp_path):
    paths = faultless | {"psz2_store": tmp_path / "psz2.zarr"}
    shutil.copytree(faultless["psz2_store"], paths["psz2_store"])
    golden = open_psz2_store(paths["psz2_store"]).read("golden")
    kept = int(np.flatnonzero(golden)[0])
    change(paths, "psz2_store", "redshift", 3, 0.95)
    change(paths, "psz2_store", "masked_fraction", 4, 1.5)
    change(paths, "psz2_store", "compton_y", (5, 1, 1), 0.02)
    change(paths, "psz2_store", "compton_y_refilled", (kept, 47, 47), 1e-6)
    change(paths, "psz2_store", "m500c_true_msun", 6, np.nan)
    tables = observed_of(paths, settings, statistics)
    failed = failures(tables, tmp_path / "docs", ["psz2", "psz2_bins"])
    assert named(failed["every labels_that_differ"], "cluster") == [3]
    assert named(failed["every masked_fraction"], "cluster") == [4]
    assert named(failed["every unusable_values"], "cluster") == [5, 6]
    assert named(failed["every refilled_near"], "cluster") == [kept]
    assert "every clusters" in failed


def test_clusters_that_no_bin_holds_are_caught_before_any_training(
    faultless, settings, statistics, tmp_path
):
    nearer = replace(settings, bins=settings.bins | {"z4": [0.4, 0.6]})
    failed = failures(observed_of(faultless, nearer, statistics), tmp_path / "docs", ["psz2_bins"])
    (row,) = failed["every clusters"].failing
    beyond = open_psz2_store(faultless["psz2_store"]).read("redshift") > 0.6
    assert row["bin"] == "none of params.yaml's bins"
    assert row["clusters"] == beyond.sum() > 0


def test_a_real_sky_has_no_true_masses(faultless, settings, statistics, tmp_path):
    paths = faultless | {"psz2_store": tmp_path / "psz2.zarr"}
    shutil.copytree(faultless["psz2_store"], paths["psz2_store"])
    change(paths, "psz2_store", "m500c_true_msun", slice(None), np.nan)
    tables = observed_of(paths, settings, statistics, stand_in=False)
    check(list(tables.values()), tmp_path / "docs").require_success()
    failed = failures(observed_of(paths, settings, statistics), tmp_path / "docs", ["psz2"])
    assert list(failed) == ["every unusable_values"]


def test_a_wrong_layout_is_all_that_is_said(damaged, settings, tmp_path):
    shutil.rmtree(damaged["planck_store"] / "noise_row")
    tables = {table.name: table for table in tables_of(damaged, settings)}
    failed = failures(tables, tmp_path / "docs", list(tables))
    assert [row["array"] for row in failed["every layout"].failing] == ["noise_row"]
    assert list(tables) == ["clean_arrays", "planck_arrays", "noise_arrays", "psz2_arrays"]


def test_counts_of_the_paper_scale_are_those_of_the_samples(params):
    asked = maps_asked(params.bins, params.compton, list(params.baryon_models))
    compton, bins = params.compton, len(params.bins)
    assert sum(asked.values()) == (
        compton.development_clusters * compton.development_projections
        + bins * (compton.test_clusters + 3 * compton.other_model_clusters)
    )


def test_the_expected_level_of_noise_follows_the_modulation(params):
    catalogue = read_psz2(ROOT / params.paths["psz2_catalogue"])
    cl = read_noise_spectrum(ROOT / params.paths["planck_noise_spectrum"])
    sky = replace(params.planck_sky, noise_modulation_ln=0.0)
    flat = stand_in_theory(unit_variance(cl, sky.lmax), sky, catalogue)
    assert np.isclose(flat.mean_square, sky.noise_rms**2)
    assert flat.mean_square_error == 0
    theory = stand_in_theory(unit_variance(cl, sky.lmax), params.planck_sky, catalogue)
    # exp(2 * 0.16^2) over the sky, less at the ecliptic poles, where more clusters are known
    assert 1.0 < theory.mean_square / sky.noise_rms**2 < np.exp(2 * 0.16**2)
    assert 0.02 < theory.mean_square_error < 0.15


def test_the_level_of_planck_s_own_noise_is_that_of_its_stddev_map(params):
    catalogue = read_psz2(ROOT / params.paths["psz2_catalogue"])
    cl = read_noise_spectrum(ROOT / params.paths["planck_noise_spectrum"])
    level = np.full(12 * 64**2, 2e-6, dtype=np.float32)
    grid = PixelGrid.of(params.compton)
    theory = measured_theory(cl, level, catalogue.at(np.arange(300)), grid)
    # the spectrum is taken as it is, of variance 1.267^2
    assert np.isclose(np.sqrt(theory.mean_square), 2e-6 * 1.267, rtol=1e-3)
    assert theory.nside == 64
    assert theory.mean_square_error == 0.0


def test_the_stage_writes_the_same_verdict_twice(faultless, settings, tmp_path):
    given = ("psz2_catalogue", "planck_noise_spectrum", "planck_files", *STORES)
    path = tmp_path / "verdict.json"
    validate_compton(
        settings.bins,
        settings.compton,
        settings.morphology,
        settings.baryon_models,
        settings.planck_sky,
        **{key: faultless[key] for key in given},
        compton_verdict=path,
        compton_docs=tmp_path / "docs",
        run=ListRun(),
    )
    verdict = json.loads(path.read_text())
    assert verdict["success"] is True
    assert verdict["expectations"] > 120
    assert (tmp_path / "docs" / "index.html").exists()
    found = {result["name"]: result["observed"] for result in verdict["results"]}
    # of the 1094 clusters of release R2.08
    assert np.allclose(found["every redshift"], [0.011054, 0.972], rtol=1e-4)
    assert np.allclose(found["every msz_1e14_msun"], [0.785, 16.116], rtol=1e-3)
    check(list(tables_of(faultless, settings)), tmp_path / "docs").write(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()
