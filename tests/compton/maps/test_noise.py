from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
import xarray as xr

from helpers import ROOT
from szmass.compton.maps.noise import draw_noise, each_turned
from szmass.compton.maps.partitions import partition_rows
from szmass.compton.maps.stores import (
    baryon_model_names,
    open_clean_store,
    open_originals_store,
    open_planck_store,
)
from szmass.planck.stores import PARTITIONS, noise_spec, open_noise_store
from szmass.sky.grid import PixelGrid
from szmass.stages.compton.add_planck_noise import add_planck_noise
from szmass.stages.compton.simulate_clusters import simulate_clusters
from szmass.storage.store import StoreError, replacing, write_rows

PIXELS, CUTOUTS = 32, 60
BINS = {"z4": [0.4, 1.0]}


@pytest.fixture(scope="module")
def simulate(params, tmp_path_factory):
    """Runs the stage on small maps in two shards; keywords change `compton`."""

    def run(workers, **compton):
        folder = tmp_path_factory.mktemp("clusters")
        settings = {
            "pixels": PIXELS,
            "development_clusters": 260,
            "development_projections": 2,
            "test_clusters": 20,
            "other_model_clusters": 4,
            "originals": 1,
            "mass_cuts_1e14": {"z4": 3.4},
        }
        simulate_clusters(
            7,
            BINS,
            replace(params.compton, **(settings | compton)),
            params.morphology,
            params.baryon_models,
            psz2_catalogue=ROOT / params.paths["psz2_catalogue"],
            simulations=ROOT / params.paths["simulations"],
            clean_store=folder / "clean.zarr",
            originals_store=folder / "originals.zarr",
            resources=replace(params.resources, workers=workers),
        )
        return folder

    return run


@pytest.fixture(scope="module")
def folder(simulate, params):
    """Stores made by two workers; never to be changed."""
    folder = simulate(workers=2)
    write_noise(folder / "noise.zarr")
    add_noise(folder, params, workers=2)
    return folder


def write_noise(path, pixels=PIXELS, partitions=("development", "test")):
    """White noise whose first pixel is its row."""
    rng = np.random.default_rng(3)
    noise_y = rng.standard_normal((CUTOUTS, pixels, pixels)).astype(np.float32)
    values = [PARTITIONS.index(name) for name in partitions]
    partition = np.resize(np.array(values, dtype=np.int8), CUTOUTS)
    labels: dict[str, np.ndarray] = {
        "partition": partition,
        "realisation": partition,
        "glon_deg": rng.uniform(0, 360, CUTOUTS),
        "glat_deg": rng.uniform(-90, 90, CUTOUTS),
        "catalogue_row": np.arange(CUTOUTS, dtype=np.int32),
    }
    grid = PixelGrid(pixels, 1.7)
    with replacing(path, noise_spec(CUTOUTS, grid), provenance={}) as unfinished:
        write_rows(unfinished, slice(None), labels | {"noise_y": noise_y})


def add_noise(folder, params, workers, planck="planck.zarr", noise="noise.zarr", seed=7):
    add_planck_noise(
        seed,
        clean_store=folder / "clean.zarr",
        noise_store=folder / noise,
        planck_store=folder / planck,
        resources=replace(params.resources, workers=workers),
    )


def digests(path):
    return {
        file.relative_to(path): sha256(file.read_bytes()).hexdigest()
        for file in sorted(path.rglob("*"))
        if file.is_file()
    }


def test_stores_do_not_depend_on_the_workers(folder, simulate, params):
    alone = simulate(workers=1)
    write_noise(alone / "noise.zarr")
    add_noise(alone, params, workers=1)
    for name in ("clean.zarr", "originals.zarr", "planck.zarr"):
        assert digests(folder / name) == digests(alone / name)
    assert len(list((folder / "clean.zarr" / "compton_y" / "c").rglob("0"))) > 1


def test_a_map_is_the_same_at_another_scale(folder, simulate):
    small = simulate(
        workers=1, development_clusters=10, development_projections=1, test_clusters=3,
        other_model_clusters=2,
    )  # fmt: skip
    large, few = (open_clean_store(path / "clean.zarr") for path in (folder, small))
    keys = [
        list(zip(store.read("cluster").tolist(), store.read("projection").tolist(), strict=True))
        for store in (large, few)
    ]
    rows = np.array([keys[0].index(key) for key in keys[1]])
    assert len(rows) == 10 + 3 + 3 * 2
    for array in set(few.names) - {"x", "y"}:
        np.testing.assert_array_equal(few.read(array), large.read(array, rows), err_msg=array)
    draws = draw_noise(7, few, open_noise_store(folder / "noise.zarr"))
    noise_row = open_planck_store(folder / "planck.zarr").read("noise_row", rows)
    np.testing.assert_array_equal(draws.noise_row, noise_row)


def test_xarray_opens_the_stores_as_they_are(folder):
    for name in ("clean.zarr", "planck.zarr", "originals.zarr"):
        data = xr.open_zarr(folder / name, consolidated=False)
        assert data.compton_y.dims == ("map", "y", "x")
        assert data.baryon_model.attrs["flag_meanings"].split()[0] == "gadget_x"
        assert np.isfinite(data.compton_y.values).all()
        assert (data.theta500_arcmin.values > 0).all()
    assert data.compton_y.shape == (1, 1920, 1920)


def test_labels_of_the_maps_with_noise_are_those_of_the_clean_ones(folder):
    clean, planck = (
        open_clean_store(folder / "clean.zarr"),
        open_planck_store(folder / "planck.zarr"),
    )
    assert set(planck.names) - set(clean.names) == {"noise_row"}
    for name in set(clean.names) - {"compton_y"}:
        np.testing.assert_array_equal(clean.read(name), planck.read(name))
    assert baryon_model_names(planck) == baryon_model_names(clean)


def test_noise_is_of_the_partition_and_turned(folder):
    clean, planck = (
        open_clean_store(folder / "clean.zarr"),
        open_planck_store(folder / "planck.zarr"),
    )
    noise = open_noise_store(folder / "noise.zarr")
    row, partition = planck.read("noise_row"), planck.read("partition")
    of_noise = noise.read("partition")[row]
    development = partition == PARTITIONS.index("development")
    np.testing.assert_array_equal(of_noise, np.where(development, 0, 1))
    added = planck.read("compton_y") - clean.read("compton_y")
    cutouts = noise.read("noise_y")[row]
    asked = [np.full(len(row), number) for number in range(8)]
    found = np.array([
        np.isclose(each_turned(cutouts, symmetry), added, atol=1e-5).all(axis=(1, 2))
        for symmetry in asked
    ])  # fmt: skip
    np.testing.assert_array_equal(found.sum(axis=0), 1)
    counts = found.sum(axis=1)
    assert (counts > len(row) / 8 - 4.5 * np.sqrt(len(row) / 8)).all()
    assert len(np.unique(row[development])) == CUTOUTS // 2


def test_lines_of_sight_get_different_noise(folder):
    row = open_planck_store(folder / "planck.zarr").read("noise_row")[:520].reshape(260, 2)
    assert (row[:, 0] == row[:, 1]).mean() < 0.15


def test_symmetries_are_eight_different_ones():
    image = np.arange(9.0).reshape(1, 3, 3)
    all_of_them = each_turned(np.repeat(image, 8, axis=0), np.arange(8))
    assert len({image.tobytes() for image in all_of_them}) == 8
    np.testing.assert_array_equal(all_of_them[0], image[0])
    np.testing.assert_array_equal(
        np.sort(all_of_them.reshape(8, 9)), np.arange(9.0)[None].repeat(8, 0)
    )


def test_rows_of_a_partition_and_a_bin(folder):
    store = open_clean_store(folder / "clean.zarr")
    assert len(partition_rows(store, "development")) == 520
    rows = partition_rows(store, "test", BINS["z4"])
    assert len(rows) == 20
    assert (store.read("redshift", rows) > 0.4).all()
    assert set(store.read("partition", rows)) == {PARTITIONS.index("test")}


def test_originals_are_the_first_test_clusters(folder):
    clean, originals = (
        open_clean_store(folder / "clean.zarr"), open_originals_store(folder / "originals.zarr")
    )  # fmt: skip
    row = clean.read("cluster").tolist().index(originals.read("cluster")[0])
    assert clean.read("y500_cyl_arcmin2")[row] == originals.read("y500_cyl_arcmin2")[0]
    assert clean.read("m500c_msun")[row] == originals.read("m500c_msun")[0]


def test_noise_that_does_not_fit_is_an_error_with_words(folder, params):
    write_noise(folder / "other_size.zarr", pixels=34)
    with pytest.raises(StoreError, match=r"other_size.zarr: noise_y has cutouts of \(34, 34\)"):
        add_noise(folder, params, 1, planck="no.zarr", noise="other_size.zarr")
    write_noise(folder / "no_test.zarr", partitions=("development",))
    with pytest.raises(StoreError, match="no cutout of partition test, which maps of test need"):
        add_noise(folder, params, 1, planck="no.zarr", noise="no_test.zarr")
    assert not (folder / "no.zarr").exists()
