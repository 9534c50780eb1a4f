from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kstest

from szmass.microwave.maps.samples import SETS, list_samples, open_microwave_store, set_rows

SEED = 20_200_311


@pytest.fixture(scope="module")
def smoke(params):
    return replace(
        params.microwave_sets,
        train_maps=3, validation_maps=2, test_maps=2, spare_maps=0, scatter_maps=5,
    )  # fmt: skip


@pytest.fixture(scope="module")
def paper(params):
    return replace(params.microwave_sets, train_maps=400, validation_maps=200, spare_maps=600)


@pytest.fixture(scope="module")
def samples(paper):
    return list_samples(SEED, paper, 0.2)


def count(samples, name):
    return int(np.sum(samples.set == SETS.index(name)))


def test_sizes_of_the_sets_are_the_papers(samples):
    # 800 maps of each of 19 masses, and 1000 in each set of Fig. 5
    assert len(samples) == 19 * 800 + 2000
    assert {name: count(samples, name) for name in SETS} == {
        "train": 8 * 400,
        "validation": 8 * 200,
        "test": 19 * 200,
        "spare": 11 * 600,
        "scatter_test": 1000,
        "no_scatter_test": 1000,
    }
    in_test = samples.m200c_msun[samples.set == SETS.index("test")]
    masses, counts = np.unique(in_test, return_counts=True)
    np.testing.assert_allclose(masses / 1e14, [0.5, 0.75, *np.arange(1, 8.1, 0.5), 9, 10])
    assert set(counts) == {200}


def test_no_two_maps_are_the_same(samples):
    assert len(np.unique(samples.seeds, axis=0)) == len(samples)
    draws = [rng.random() for rng in samples.at(slice(0, 3000)).rngs()]
    assert len(set(draws)) == 3000


def test_a_map_is_the_same_whatever_is_simulated_beside_it(samples, smoke):
    small = list_samples(SEED, smoke, 0.2)
    position = {tuple(seed): row for row, seed in enumerate(samples.seeds.tolist())}
    rows = [position[tuple(seed)] for seed in small.seeds.tolist()]
    np.testing.assert_array_equal(small.m200c_msun, samples.m200c_msun[rows])
    np.testing.assert_array_equal(small.ln_amplitude, samples.ln_amplitude[rows])
    np.testing.assert_array_equal(small.set, samples.set[rows])


def test_another_seed_is_another_sky(smoke):
    first, second = (list_samples(seed, smoke, 0.2) for seed in (1, 2))
    assert not set(map(tuple, first.seeds.tolist())) & set(map(tuple, second.seeds.tolist()))
    assert not np.isin(first.ln_amplitude[first.ln_amplitude != 0], second.ln_amplitude).any()


def test_amplitudes_are_log_normal_and_exactly_one_without_scatter(samples):
    still = samples.set == SETS.index("no_scatter_test")
    assert (samples.ln_amplitude[still] == 0).all()
    scattered = samples.ln_amplitude[~still]
    assert (scattered != 0).all()
    assert kstest(scattered / 0.2, "norm").pvalue > 1e-4
    assert scattered.std() == pytest.approx(0.2, rel=4 / np.sqrt(2 * len(scattered)))


def test_masses_of_fig_5_are_uniform(samples):
    for name in ("scatter_test", "no_scatter_test"):
        masses = samples.m200c_msun[samples.set == SETS.index(name)] / 1e14
        assert kstest((masses - 2) / 5, "uniform").pvalue > 1e-4
    assert not np.isin(
        samples.m200c_msun[samples.set == SETS.index("scatter_test")],
        samples.m200c_msun[samples.set == SETS.index("no_scatter_test")],
    ).any()


def test_mass_and_amplitude_of_a_map_are_independent(samples):
    rows = samples.set == SETS.index("scatter_test")
    correlation = np.corrcoef(samples.m200c_msun[rows], samples.ln_amplitude[rows])[0, 1]
    assert abs(correlation) < 4.5 / np.sqrt(1000)


def test_sets_are_found_in_the_store(tiny_store, tiny):
    store = open_microwave_store(tiny_store)
    rows = {name: set_rows(store, name) for name in SETS}
    assert len(rows["train"]) == 2 * tiny.microwave_sets.train_maps
    assert len(rows["spare"]) == tiny.microwave_sets.spare_maps
    together = np.sort(np.concatenate(list(rows.values())))
    np.testing.assert_array_equal(together, np.arange(len(store.read("set"))))
