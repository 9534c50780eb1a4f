from dataclasses import replace

import numpy as np
import pytest

from helpers import ROOT
from szmass.compton.maps.clusters import (
    CatalogueRangeError,
    SourceClusters,
    cluster_number,
    first_tests,
    list_samples,
)
from szmass.planck.catalogue import read_psz2
from szmass.planck.stores import PARTITIONS
from szmass.sky.cosmology import Cosmology
from szmass.sky.scaling import (
    PLANCK_RELATION,
    ScalingRelation,
    m500c_msun_from_y_cyl,
    mpc2_per_arcmin2,
    y_cyl_mpc2,
)
from szmass.units import ARCMIN_RAD

SEED = 20_220_912


@pytest.fixture(scope="module")
def cosmology(params):
    return Cosmology.of(params.compton)


@pytest.fixture(scope="module")
def psz2(params):
    return read_psz2(ROOT / params.paths["psz2_catalogue"]).weighed()


@pytest.fixture(scope="module")
def source(psz2):
    return SourceClusters(psz2.redshift, psz2.msz_1e14_msun)


@pytest.fixture(scope="module")
def listed(params, source, cosmology):
    """Lists samples; keywords are settings of `compton`."""

    def run(seed=SEED, **compton):
        return list_samples(
            seed,
            params.bins,
            replace(params.compton, **compton),
            params.baryon_models,
            source,
            cosmology,
        )

    return run


@pytest.fixture(scope="module")
def samples(listed):
    return listed(
        development_clusters=1202,
        development_projections=2,
        test_clusters=400,
        other_model_clusters=50,
    )


def of(samples, name):
    return samples.at(samples.partition == PARTITIONS.index(name))


def test_how_many_maps_of_each_kind(samples, params):
    development, test, other = (of(samples, name) for name in PARTITIONS)
    assert len(development) == 1202 * 2
    assert len(test) == 400 * 4
    assert len(other) == 50 * 4 * 3
    # evenly divided, the first bins get the rest
    bins = np.digitize(development.redshift, [0.1, 0.2, 0.4], right=True)
    np.testing.assert_array_equal(np.bincount(bins), 2 * np.array([301, 301, 300, 300]))
    names = list(params.baryon_models)
    assert set(other.baryon_model) == set(range(4)) - {names.index("gadget_x")}
    assert set(development.baryon_model) | set(test.baryon_model) == {names.index("gadget_x")}


def test_rows_are_ordered_and_a_cluster_is_in_one_partition(samples):
    order = np.lexsort((samples.projection, samples.cluster, samples.partition))
    np.testing.assert_array_equal(order, np.arange(len(samples)))
    _, first = np.unique(samples.cluster, return_index=True)
    assert len(first) == 1202 + 4 * (400 + 150)
    pairs = set(zip(samples.cluster.tolist(), samples.partition.tolist(), strict=True))
    assert len(pairs) == len(first)


def test_lines_of_sight_share_their_cluster(samples):
    first, second = (
        samples.at((samples.partition == 0) & (samples.projection == number)) for number in (0, 1)
    )
    for name in ("cluster", "redshift", "m500c_msun", "mean_y_arcmin2", "seeds"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_a_cluster_is_the_same_at_every_scale(samples, listed):
    small = listed(
        development_clusters=41, development_projections=1, test_clusters=7, other_model_clusters=3
    )
    row = {pair: i for i, pair in enumerate(zip(samples.cluster, samples.projection, strict=True))}
    rows = np.array([row[pair] for pair in zip(small.cluster, small.projection, strict=True)])
    same = samples.at(rows)
    for name, values in vars(small).items():
        np.testing.assert_array_equal(values, getattr(same, name), err_msg=name)


def test_another_seed_is_another_universe(samples, listed):
    other = listed(seed=1, development_clusters=41, test_clusters=7, other_model_clusters=3)
    assert not np.isin(other.m500c_msun, samples.m500c_msun).any()


def test_other_gas_in_the_test_clusters(samples):
    test, other = of(samples, "test"), of(samples, "other_model")
    masses = test.m500c_msun.reshape(4, 400)[:, None, :50]
    np.testing.assert_array_equal(
        other.m500c_msun.reshape(4, 3, 50), np.broadcast_to(masses, (4, 3, 50))
    )
    assert (
        other.mean_y_arcmin2.reshape(4, 3, 50)[:, 0] != test.mean_y_arcmin2.reshape(4, 400)[:, :50]
    ).all()


def test_masses_and_redshifts_keep_to_their_bins(samples, params):
    for name, (low, high) in params.bins.items():
        inside = (samples.redshift > low) & (samples.redshift <= high)
        assert samples.m500c_msun[inside].min() >= params.compton.mass_cuts_1e14[name] * 1e14
    assert samples.redshift.min() >= 0.011


def test_masses_follow_the_catalogue(samples, psz2, params):
    # above the cut the middle of the masses is that of PSZ2 over 0.8, within the jitter
    test = of(samples, "test")
    for name, (low, high) in params.bins.items():
        cut = params.compton.mass_cuts_1e14[name] * 1e14
        real = psz2.msz_1e14_msun[(psz2.redshift > low) & (psz2.redshift <= high)] / 0.8 * 1e14
        drawn = test.m500c_msun[(test.redshift > low) & (test.redshift <= high)]
        middle = np.median(np.log10(real[real > cut]))
        assert np.median(np.log10(drawn)) == pytest.approx(middle, abs=0.05)
        assert np.log10(drawn).std() > np.log10(real[real > cut]).std()


def test_y_follows_the_relation_with_its_scatter(samples, params, cosmology):
    for number, gas in enumerate(params.baryon_models.values()):
        chosen = samples.at((samples.baryon_model == number) & (samples.projection == 0))
        relation = ScalingRelation.of(gas)
        mean = y_cyl_mpc2(chosen.m500c_msun, chosen.redshift, relation, cosmology)
        y_mpc2 = chosen.mean_y_arcmin2 * mpc2_per_arcmin2(chosen.redshift, cosmology)
        ln_scatter = np.log(y_mpc2 / mean)
        count = len(chosen)
        assert ln_scatter.mean() == pytest.approx(0.0, abs=4 * gas.sigma_lny / np.sqrt(count))
        assert ln_scatter.std() == pytest.approx(gas.sigma_lny, rel=4 / np.sqrt(2 * count))


def test_theta500_is_the_angle_of_r500(samples, cosmology):
    rho_c = (
        samples.m500c_msun[0]
        / (4 / 3 * np.pi * 500)
        / (
            samples.theta500_arcmin[0]
            * ARCMIN_RAD
            * cosmology.angular_distance_mpc(float(samples.redshift[0]))
        )
        ** 3
    )
    # 3 H^2 / (8 pi G) = 2.775e11 h^2 E^2 Msun / Mpc^3
    expected = 2.775e11 * cosmology.h**2 * cosmology.e_z(float(samples.redshift[0])) ** 2
    assert rho_c == pytest.approx(expected, rel=1e-3)
    assert (samples.m200c_msun > 1.3 * samples.m500c_msun).all()
    assert (samples.m200c_msun < 1.7 * samples.m500c_msun).all()


@pytest.mark.parametrize(("mass_1e14", "bias"), [(3, 0.04), (6, 0.10), (10, 0.14)])
def test_the_relation_gives_the_published_bias_of_planck_masses(params, cosmology, mass_1e14, bias):
    # de Andres et al. 2022: 1 - M_Planck / M_true, with Planck's relation for Y_sph = Y_cyl / 1.2
    gas = params.baryon_models["gadget_x"]
    mass, redshift = np.array([mass_1e14 * 1e14]), np.array([0.25])
    y = y_cyl_mpc2(mass, redshift, ScalingRelation.of(gas), cosmology)
    planck = m500c_msun_from_y_cyl(y, redshift, PLANCK_RELATION, cosmology)
    assert 1 - planck[0] / mass[0] == pytest.approx(bias, abs=0.02)


def test_first_tests_are_those_of_each_bin(samples):
    chosen = first_tests(samples, 3)
    assert len(chosen) == 12
    assert (chosen.partition == PARTITIONS.index("test")).all()
    assert set(chosen.cluster % 10) == {0, 1, 2}


def test_a_bin_without_clusters_is_an_error_with_its_name(params, source, cosmology):
    with pytest.raises(CatalogueRangeError, match=r"bins.far: 0 clusters of the catalogue"):
        list_samples(
            SEED,
            {"far": [1.0, 1.5]},
            replace(params.compton, mass_cuts_1e14={"far": 1.0}),
            params.baryon_models,
            source,
            cosmology,
        )
    with pytest.raises(
        CatalogueRangeError, match="none near them in 0.0110[0-9]* < z <= 0.1 is of 30e14"
    ):
        list_samples(
            SEED,
            {"z1": [0.0, 0.1]},
            replace(params.compton, mass_cuts_1e14={"z1": 30.0}),
            params.baryon_models,
            source,
            cosmology,
        )


def test_numbers_have_a_limit():
    with pytest.raises(ValueError, match="at most 10 bins"):
        cluster_number(0, 10, 0, 0)
    assert cluster_number(2, 9, 9, 999_999) < 2**31
