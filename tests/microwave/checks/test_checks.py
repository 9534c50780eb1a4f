"""A faultless microwave store passes, and every kind of damage is caught and named."""

import json
import shutil
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import zarr

from helpers.recording import ListRun
from szmass.microwave.checks.statistics import MapStatistics
from szmass.microwave.checks.tables import maps_asked, microwave_tables
from szmass.microwave.maps.samples import (
    list_samples,
    open_microwave_store,
    set_rows,
    simulate_shard,
    store_spec,
    write_labels,
)
from szmass.microwave.maps.sky import MicrowaveSky
from szmass.microwave.maps.spectra_table import write_spectra
from szmass.params import MicrowaveSets
from szmass.stages.microwave.validate_microwave import validate_microwave
from szmass.storage.store import replacing, write_rows
from szmass.validation.expectations import ChecksFailedError, check

SEED = 11
SETS = MicrowaveSets(
    training_masses_1e14=[2.0, 5.0],
    other_masses_1e14=[0.5, 8.0],
    train_maps=12,
    validation_maps=8,
    test_maps=10,
    spare_maps=6,
    scatter_maps=30,
    scatter_range_1e14=[2.0, 7.0],
)


def write_store(path, sky, seed=SEED, sets=SETS):
    """Simulates a store as the stage does, without dask."""
    samples = list_samples(seed, sets, sky.ln_scatter)
    spec = store_spec(len(samples), sky.grid)
    with replacing(path, spec, {"seed": seed}) as unfinished:
        write_labels(unfinished, samples, sky.grid)
        for rows in spec.shards():
            simulate_shard((rows, samples.at(rows)), path=unfinished, sky=sky)


@pytest.fixture(scope="module")
def statistics(sky, params):
    return MapStatistics(sky, params.microwave.eigenvalue_cut)


@pytest.fixture(scope="module")
def faultless(tmp_path_factory, sky):
    path = tmp_path_factory.mktemp("faultless") / "microwave.zarr"
    write_store(path, sky)
    return path


@pytest.fixture
def damaged(faultless, tmp_path):
    """A copy of the faultless store, to damage."""
    path = tmp_path / "damaged.zarr"
    shutil.copytree(faultless, path)
    return path


def verdict_of(path, statistics, docs, sets=SETS):
    return check(microwave_tables(open_microwave_store(path), sets, statistics), docs)


def failures(path, statistics, sets=SETS):
    """The failed expectations by name."""
    verdict = verdict_of(path, statistics, path.parent / "docs", sets)
    failed = {result.name: result for result in verdict.results if not result.success}
    with pytest.raises(ChecksFailedError) as failure:
        verdict.require_success()
    for name, result in failed.items():
        assert f"{result.table}: {name}: observed" in str(failure.value)
    return failed


def rows_of(path, name, mass_1e14):
    store = open_microwave_store(path)
    masses = store.read("m200c_msun") / 1e14
    return np.array([row for row in set_rows(store, name) if np.isclose(masses[row], mass_1e14)])


def change(path, name, rows, values):
    """Overwrites rows of one array."""
    whole = open_microwave_store(path).read(name)
    whole[rows] = values
    write_rows(path, slice(None), {name: whole})


def test_a_faultless_store_passes_whatever_the_seed(tmp_path, sky, statistics):
    for seed in range(5):
        path = tmp_path / f"{seed}.zarr"
        write_store(path, sky, seed=seed)
        verdict = verdict_of(path, statistics, tmp_path / "docs")
        verdict.require_success()
    assert len(verdict.results) > 80


def test_one_map_of_each_kind_is_enough(tmp_path, sky, statistics):
    sets = replace(SETS, train_maps=1, validation_maps=1, test_maps=1, spare_maps=0, scatter_maps=1)
    write_store(tmp_path / "tiny.zarr", sky, sets=sets)
    verdict_of(tmp_path / "tiny.zarr", statistics, tmp_path / "docs", sets).require_success()


def test_maps_scaled_by_a_twentieth_are_caught(damaged, statistics):
    temperature_uk = open_microwave_store(damaged).read("temperature_uk")
    write_rows(damaged, slice(None), {"temperature_uk": temperature_uk * np.float32(1.05)})
    failed = failures(damaged, statistics)
    observed, (_, high) = (
        failed["mean chi2, set test"].observed,
        failed["mean chi2, set test"].expected,
    )
    assert observed > high
    assert "mean difference_square_uk2, set train" in failed


def test_labels_exchanged_between_masses_are_caught_by_the_maps(damaged, statistics):
    two, eight = rows_of(damaged, "test", 2.0), rows_of(damaged, "test", 8.0)
    store = open_microwave_store(damaged)
    for name in ("m200c_msun", "ln_amplitude", "sz_uk"):
        values = store.read(name)
        values[two], values[eight] = values[eight].copy(), values[two].copy()
        write_rows(damaged, slice(None), {name: values})
    failed = failures(damaged, statistics)
    assert failed["mean amplitude, clusters of 2e14"].observed > 2.0
    assert failed["mean amplitude, clusters of 8e14"].observed < 0.8
    named = {row["map"] for row in failed["every amplitude_deviation_sigma"].failing}
    assert named <= {*two.tolist(), *eight.tolist()}
    assert "every label_error" not in failed


def test_mass_labels_exchanged_without_their_images_are_caught(damaged, statistics):
    first, second = rows_of(damaged, "train", 2.0)[0], rows_of(damaged, "train", 5.0)[0]
    change(damaged, "m200c_msun", [first, second], [5e14, 2e14])
    failed = failures(damaged, statistics)
    assert [row["map"] for row in failed["every label_error"].failing] == [first, second]


def test_one_nan_is_caught_and_its_map_named(damaged, statistics):
    change(damaged, "temperature_uk", (17, 3, 4), np.nan)
    failed = failures(damaged, statistics)
    assert failed["every unusable_values"].failing == [{"map": 17, "unusable_values": 1}]
    assert list(failed) == ["every unusable_values"]


def test_a_sample_in_two_sets_is_caught(damaged, statistics):
    source, target = rows_of(damaged, "train", 5.0)[3], rows_of(damaged, "test", 5.0)[0]
    store = open_microwave_store(damaged)
    for name in ("temperature_uk", "sz_uk", "ln_amplitude"):
        change(damaged, name, target, store.read(name)[source])
    failed = failures(damaged, statistics)
    assert [row["map"] for row in failed["no repeated map_digest"].failing] == [source, target]
    assert list(failed) == ["no repeated map_digest", "no repeated sky_digest"]


def test_one_sky_under_two_clusters_is_caught(damaged, sky, statistics):
    samples = list_samples(SEED, SETS, sky.ln_scatter)
    source, target = rows_of(damaged, "train", 5.0)[3], rows_of(damaged, "test", 2.0)[0]
    sz_uk = open_microwave_store(damaged).read("sz_uk")[target : target + 1]
    rng = samples.at(slice(source, source + 1)).rngs()
    change(damaged, "temperature_uk", target, sky.observe(sz_uk, rng)[0])
    failed = failures(damaged, statistics)
    assert list(failed) == ["no repeated sky_digest"]
    assert [row["map"] for row in failed["no repeated sky_digest"].failing] == [source, target]


def test_wrong_noise_is_caught(tmp_path, params, dl_uk2, statistics):
    noisy = MicrowaveSky(replace(params.microwave, noise_uk_arcmin=6.0), dl_uk2)
    write_store(tmp_path / "noisy.zarr", noisy)
    failed = failures(tmp_path / "noisy.zarr", statistics)
    noise = failed["mean difference_square_uk2, set test"]
    assert np.isclose(noise.observed, 24.0**2, rtol=0.03)
    assert noise.expected[0] < 20.0**2 < noise.expected[1]
    assert "mean power_k16_to_40_uk2, set train" in failed


def test_a_missing_set_is_caught(tmp_path, sky, statistics):
    write_store(tmp_path / "short.zarr", sky, sets=replace(SETS, spare_maps=0))
    failed = failures(tmp_path / "short.zarr", statistics)
    assert list(failed) == ["every maps"]
    assert failed["every maps"].failing == [
        {"group": "spare 0.5e14", "maps": 0, "asked": 6},
        {"group": "spare 8e14", "maps": 0, "asked": 6},
    ]


def test_a_mass_that_was_not_asked_for_is_caught(tmp_path, sky, statistics):
    write_store(tmp_path / "other.zarr", sky, sets=replace(SETS, other_masses_1e14=[0.5, 9.0]))
    failed = failures(tmp_path / "other.zarr", statistics)
    assert {"group": "test 9e14", "maps": 10, "asked": 0} in failed["every maps"].failing


def test_the_image_of_another_cluster_is_caught_and_named(damaged, statistics):
    row, other = rows_of(damaged, "validation", 5.0)[2], rows_of(damaged, "validation", 2.0)[0]
    change(damaged, "sz_uk", row, open_microwave_store(damaged).read("sz_uk")[other])
    failed = failures(damaged, statistics)
    assert [found["map"] for found in failed["every label_error"].failing] == [row]


def test_a_hot_pixel_is_caught_and_its_map_named(damaged, statistics):
    hot = open_microwave_store(damaged).read("temperature_uk")[40, 20, 7] + 400.0
    change(damaged, "temperature_uk", (40, 20, 7), hot)
    failed = failures(damaged, statistics)
    assert [row["map"] for row in failed["every largest_difference_sigma"].failing] == [40]


def test_maps_turned_about_their_cluster_pass_and_shifted_ones_do_not(damaged, statistics):
    store = open_microwave_store(damaged)
    turned = store.read("temperature_uk")[:, ::-1].copy()
    write_rows(damaged, slice(None), {"temperature_uk": turned})
    verdict_of(damaged, statistics, damaged.parent / "docs").require_success()
    write_rows(damaged, slice(None), {"temperature_uk": np.roll(turned, 4, axis=2)})
    failed = failures(damaged, statistics)
    assert "mean amplitude, clusters of 8e14" in failed


def test_scatter_that_is_too_large_is_caught(tmp_path, params, dl_uk2, statistics):
    wide = MicrowaveSky(replace(params.microwave, ln_scatter=0.45), dl_uk2)
    write_store(tmp_path / "wide.zarr", wide)
    failed = failures(tmp_path / "wide.zarr", statistics)
    assert np.isclose(
        failed["standard deviation of ln_amplitude, set train"].observed, 0.45, rtol=0.4
    )
    assert "every ln_amplitude, set no_scatter_test" not in failed


def test_scatter_where_there_shall_be_none_is_caught(damaged, statistics):
    row = set_rows(open_microwave_store(damaged), "no_scatter_test")[4]
    change(damaged, "ln_amplitude", row, 1e-4)
    failed = failures(damaged, statistics)
    asked = failed["every ln_amplitude, set no_scatter_test"]
    assert asked.failing == [{"map": row, "ln_amplitude": 0.0001}]


def test_a_wrong_layout_is_caught_before_any_map_is_read(damaged, statistics):
    group: Any = zarr.open_group(damaged, mode="r+")
    group["sz_uk"].attrs["units"] = "K_CMB"
    del group["ln_amplitude"]
    axis = group["x"][:]
    axis[0] += 0.1
    group["x"][:] = axis
    failed = failures(damaged, statistics)
    wrong = {row["array"]: row for row in failed["every layout"].failing}
    assert wrong["ln_amplitude"]["layout"] == "missing"
    size = len(list_samples(SEED, SETS, 0.2))
    assert wrong["sz_uk"] == {
        "array": "sz_uk",
        "layout": f"float32 (sample {size}, y 40, x 40) in K_CMB",
        "asked": f"float32 (sample {size}, y 40, x 40) in uK_CMB",
    }
    assert failed["every axis_error_arcmin"].failing == [{"array": "x", "axis_error_arcmin": 0.1}]
    assert len(failed) == 2


def test_central_values_are_those_of_the_published_clusters(tmp_path, sky, statistics):
    # physics: pixel-averaged central values at 1, 2, 4, 5 and 8e14 Msun, z = 0.7
    expected_uk = {"1e14": -11.69, "2e14": -31.58, "4e14": -85.26, "5e14": -117.4, "8e14": -230.7}
    sets = replace(SETS, training_masses_1e14=[1.0, 2.0, 4.0, 5.0, 8.0], other_masses_1e14=[])
    write_store(tmp_path / "masses.zarr", sky, sets=sets)
    verdict = verdict_of(tmp_path / "masses.zarr", statistics, tmp_path / "docs", sets)
    verdict.require_success()
    by_name = {result.name: result for result in verdict.results}
    for mass, peak_uk in expected_uk.items():
        observed = by_name[f"every label_peak_uk, clusters of {mass}"].observed
        assert np.allclose(observed, peak_uk, rtol=1e-2)


def test_every_map_that_is_asked_for_is_listed(params):
    asked = maps_asked(params.microwave_sets)
    samples = list_samples(0, params.microwave_sets, params.microwave.ln_scatter)
    assert sum(asked.values()) == len(samples)


@pytest.fixture
def paths(tmp_path, dl_uk2, faultless):
    write_spectra(tmp_path / "spectra.csv", dl_uk2)
    return {
        "spectra_table": tmp_path / "spectra.csv",
        "microwave_store": faultless,
        "microwave_verdict": tmp_path / "verdict.json",
        "microwave_docs": tmp_path / "docs",
    }


def test_the_stage_writes_the_same_verdict_twice(params, paths):
    contents = []
    for _ in range(2):
        run = ListRun()
        validate_microwave(params.microwave, SETS, **paths, run=run)
        contents.append(paths["microwave_verdict"].read_bytes())
    assert contents[0] == contents[1]
    assert json.loads(contents[0])["success"] is True
    assert (paths["microwave_docs"] / "index.html").exists()
    assert run.artifacts == [(paths["microwave_verdict"], "")]
    assert run.facts == {"success": "True"}
    counts = sum(value for name, value, _ in run.metrics if name.endswith(".expectations"))
    assert counts == json.loads(contents[0])["expectations"]


def test_the_stage_fails_with_the_maps_and_leaves_verdict_and_pages(params, paths, damaged):
    change(damaged, "temperature_uk", (17, 3, 4), np.nan)
    run = ListRun()
    with pytest.raises(ChecksFailedError, match="every unusable_values: observed 0 to 1"):
        validate_microwave(params.microwave, SETS, **paths | {"microwave_store": damaged}, run=run)
    assert run.facts == {"success": "False"}
    assert json.loads(paths["microwave_verdict"].read_text())["success"] is False
    assert (paths["microwave_docs"] / "index.html").exists()
