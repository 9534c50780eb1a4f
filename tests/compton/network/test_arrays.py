"""Maps reach the network scaled, turned and shuffled, whether or not they fit in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from helpers.mock_stores import (
    BINS,
    FEW,
    PROJECTIONS,
    training_params,
    write_noise,
    write_stores,
)
from szmass.compton.maps.clusters import cluster_number
from szmass.compton.maps.noise import QUARTER_TURNS
from szmass.compton.maps.stores import open_clean_store, open_planck_store
from szmass.compton.network import arrays
from szmass.compton.network.arrays import (
    ArraysError,
    DevelopmentMaps,
    FreshNoise,
    MapScale,
    epoch_blocks,
)
from szmass.params import Params
from szmass.planck.stores import open_noise_store
from szmass.sky.grid import PixelGrid
from szmass.sky.symmetries import SYMMETRIES, turned
from szmass.storage.store import MapStore


@pytest.fixture(scope="module")
def paths(params: Params, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_stores(tmp_path_factory.mktemp("maps"), training_params(params))


@pytest.fixture(scope="module")
def store(paths: dict[str, Path]) -> MapStore:
    return open_planck_store(paths["planck_store"])


def with_fresh_noise(paths: dict[str, Path]) -> DevelopmentMaps:
    """The maps of a bin that get other noise in each epoch."""
    clean = DevelopmentMaps(open_clean_store(paths["clean_store"]), BINS["z2"])
    fresh = FreshNoise(clean, open_noise_store(paths["noise_store"]))
    return DevelopmentMaps(open_planck_store(paths["planck_store"]), BINS["z2"], fresh=fresh)


@pytest.fixture
def small_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six runs of the bin's maps, two in a block."""
    monkeypatch.setattr(arrays, "RUN_ROWS", 16)
    monkeypatch.setattr(arrays, "RUNS_PER_BLOCK", 2)


def epoch(
    maps: DevelopmentMaps, *, flips: bool, seed: int = 1, passes: int = 1
) -> list[np.ndarray]:
    """Inputs and labels of an epoch, put together."""
    positions = np.arange(len(maps))[::3]
    scale = maps.scale(positions, "m500c")
    rng = np.random.default_rng(seed)
    blocks = epoch_blocks(maps, positions, "m500c", scale, passes=passes, flips=flips, rng=rng)
    return [np.concatenate(arrays) for arrays in zip(*blocks, strict=True)]


def test_maps_are_those_of_the_bin_s_development_clusters(store: MapStore, params: Params) -> None:
    maps = DevelopmentMaps(store, BINS["z2"])
    assert len(maps) == FEW * PROJECTIONS
    assert maps.pixels == training_params(params).compton.pixels
    assert set(maps.cluster) == {cluster_number(0, 1, 0, number) for number in range(FEW)}
    assert maps.redshift == pytest.approx(0.6, abs=0.02)
    rows = slice(FEW * PROJECTIONS, 2 * FEW * PROJECTIONS)
    np.testing.assert_array_equal(
        maps.compton_y(np.arange(len(maps))), store.read("compton_y", rows)
    )
    np.testing.assert_allclose(10.0 ** maps.log10_m["m200c"], store.read("m200c_msun", rows))


def test_a_bin_without_clusters_has_no_maps(store: MapStore) -> None:
    assert len(DevelopmentMaps(store, [0.8, 1.0])) == 0


def test_maps_are_scaled_by_one_mean_and_deviation_of_all_pixels(store: MapStore) -> None:
    maps = DevelopmentMaps(store, BINS["z2"])
    positions = np.arange(10, 50)
    scale = maps.scale(positions, "m500c")
    inputs = scale.inputs(maps.compton_y(positions))
    assert inputs.mean(dtype=np.float64) == pytest.approx(0.0, abs=1e-6)
    assert inputs.std(dtype=np.float64) == pytest.approx(1.0, rel=1e-6)
    log10_m = maps.log10_m["m500c"][positions]
    assert scale.labels(log10_m).mean() == pytest.approx(0.0, abs=1e-6)
    np.testing.assert_allclose(scale.log10_m(scale.labels(log10_m)), log10_m, atol=1e-7)


@pytest.mark.usefixtures("small_runs")
def test_an_epoch_is_the_same_from_memory_and_from_the_store(store: MapStore) -> None:
    kept, read = (
        DevelopmentMaps(store, BINS["z2"]),
        DevelopmentMaps(store, BINS["z2"], most_bytes_kept=0),
    )
    for ours, theirs in zip(epoch(kept, flips=True), epoch(read, flips=True), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.usefixtures("small_runs")
def test_an_epoch_shows_each_map_once_in_an_order_of_its_own(store: MapStore) -> None:
    maps = DevelopmentMaps(store, BINS["z2"])
    positions = np.arange(len(maps))[::3]
    scale = maps.scale(positions, "m500c")
    wanted = scale.inputs(maps.compton_y(positions)), scale.labels(maps.log10_m["m500c"][positions])
    orders = []
    for seed in (1, 2):
        inputs, labels = epoch(maps, flips=False, seed=seed)
        order = [np.flatnonzero((wanted[0] == image).all(axis=(1, 2, 3)))[0] for image in inputs]
        assert sorted(order) == list(range(len(positions)))
        np.testing.assert_array_equal(labels, wanted[1][order])
        orders.append(order)
    assert orders[0] != orders[1]


def test_flips_are_the_eight_symmetries_about_the_cluster() -> None:
    image = np.arange(16.0).reshape(1, 4, 4)
    images = [turned(image, symmetry)[0] for symmetry in range(SYMMETRIES)]
    quarter_turns = [np.rot90(of, k) for of in (image[0], image[0].T) for k in range(4)]
    assert {i.tobytes() for i in images} == {
        np.ascontiguousarray(i).tobytes() for i in quarter_turns
    }
    np.testing.assert_array_equal(images[0], image[0])


def test_flips_show_different_symmetries_of_the_same_maps(store: MapStore) -> None:
    maps = DevelopmentMaps(store, BINS["z2"])
    plain, _ = epoch(maps, flips=False)
    flipped, _ = epoch(maps, flips=True)
    kinds = set()
    for image in flipped[..., 0]:
        same = [
            symmetry
            for symmetry in range(SYMMETRIES)
            if (turned(plain[..., 0], symmetry) == image).all(axis=(1, 2)).any()
        ]
        assert len(same) == 1
        kinds.update(same)
    assert len(kinds) > SYMMETRIES // 2


def test_scale_of_a_number() -> None:
    scale = MapScale(mean_y=1e-6, std_y=2e-6, mean_log10_m=14.5)
    assert scale.inputs(np.full((1, 2, 2), 5e-6)).ravel() == pytest.approx(2.0)
    assert scale.log10_m(np.array([[0.25]])) == pytest.approx(14.75)


def test_fresh_noise_is_a_cutout_of_development_turned(paths: dict[str, Path]) -> None:
    """As `add_planck_noise` would have added it, to the same map."""
    maps = with_fresh_noise(paths)
    clean, noise = open_clean_store(paths["clean_store"]), open_noise_store(paths["noise_store"])
    cutouts = noise.read("noise_y")
    partition = noise.read("partition")
    positions = np.arange(len(maps))
    shown = maps.training_maps(positions, np.random.default_rng(5))
    first = FEW * PROJECTIONS
    without = clean.read("compton_y", slice(first, first + len(maps)))
    seen = set()
    for image in shown - without:
        same = [
            (row, symmetry)
            for symmetry, of_square in enumerate(QUARTER_TURNS)
            for row in np.flatnonzero(
                np.isclose(turned(cutouts, of_square), image, atol=1e-10).all(axis=(1, 2))
            )
        ]
        assert len(same) == 1
        seen.update(same)
    rows, symmetries = zip(*seen, strict=True)
    assert set(partition[list(rows)]) == {0}
    assert len(set(rows)) > (partition == 0).sum() // 2
    assert len(set(symmetries)) == SYMMETRIES


def test_fresh_noise_is_another_in_each_epoch_and_the_same_for_its_seed(
    paths: dict[str, Path],
) -> None:
    maps = with_fresh_noise(paths)
    (inputs, labels), (again, _), (other, _) = (epoch(maps, flips=True, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(inputs, again)
    assert inputs.shape == other.shape
    assert not {image.tobytes() for image in inputs} & {image.tobytes() for image in other}
    # what is validated on keeps the noise of its store
    stored = DevelopmentMaps(open_planck_store(paths["planck_store"]), BINS["z2"])
    everything = np.arange(len(maps))
    np.testing.assert_array_equal(maps.compton_y(everything), stored.compton_y(everything))
    assert maps.scale(everything, "m500c") == stored.scale(everything, "m500c")
    assert sorted(labels) == sorted(epoch(stored, flips=True)[1])


@pytest.mark.usefixtures("small_runs")
def test_an_epoch_of_three_passes_shows_each_map_with_three_noises(paths: dict[str, Path]) -> None:
    maps = with_fresh_noise(paths)
    inputs, labels = epoch(maps, flips=False, passes=3)
    _, once = epoch(maps, flips=False)
    assert sorted(labels[:, 0]) == sorted(np.repeat(once[:, 0], 3))
    assert len({image.tobytes() for image in inputs}) == len(inputs)


def test_stores_that_do_not_belong_together_are_told(
    paths: dict[str, Path], tmp_path: Path
) -> None:
    clean = DevelopmentMaps(open_clean_store(paths["clean_store"]), BINS["z1"])
    noise = open_noise_store(paths["noise_store"])
    fresh = FreshNoise(clean, noise)
    with pytest.raises(ArraysError, match=r"planck\.zarr: maps of other clusters"):
        DevelopmentMaps(open_planck_store(paths["planck_store"]), BINS["z2"], fresh=fresh)
    grid = PixelGrid(clean.pixels, 1.7)
    write_noise(tmp_path / "none.zarr", grid, cutouts=3, rms_y=1e-6, partitions=["test"])
    with pytest.raises(ArraysError, match=r"none\.zarr: partition: no cutout"):
        FreshNoise(clean, open_noise_store(tmp_path / "none.zarr"))
    write_noise(tmp_path / "small.zarr", PixelGrid(8, 1.7), cutouts=3, rms_y=1e-6)
    with pytest.raises(ArraysError, match=r"small\.zarr: noise_y has cutouts of \[8, 8\] pixels"):
        FreshNoise(clean, open_noise_store(tmp_path / "small.zarr"))
