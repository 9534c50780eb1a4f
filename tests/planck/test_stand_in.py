"""The stand-in sky: its clusters, point sources, galactic residuals and masks."""

from __future__ import annotations

from dataclasses import replace

import healpy
import numpy as np
import pytest

from helpers import ROOT
from szmass.params import Params
from szmass.planck.catalogue import Psz2Catalogue, read_psz2
from szmass.planck.stand_in import (
    TrueClusters,
    add_clusters,
    add_galactic_residuals,
    add_point_sources,
    galactic_masks,
    other_skies,
    stand_in_signal,
    true_clusters,
)
from szmass.sky.cosmology import Cosmology
from szmass.sky.healpix import disc, pixel_count, unit_vectors
from szmass.sky.scaling import (
    PLANCK_RELATION,
    ScalingRelation,
    m500c_msun_from_y_cyl,
    mpc2_per_arcmin2,
)
from szmass.units import ARCMIN_RAD

NSIDE, BEAM_ARCMIN = 512, 10.0
PIXEL_ARCMIN2 = 4 * np.pi / pixel_count(NSIDE) / ARCMIN_RAD**2


@pytest.fixture(scope="module")
def catalogue(params: Params) -> Psz2Catalogue:
    return read_psz2(ROOT / params.paths["psz2_catalogue"]).weighed()


@pytest.fixture(scope="module")
def cosmology(params: Params) -> Cosmology:
    return Cosmology.of(params.compton)


@pytest.fixture(scope="module")
def clusters(params: Params, catalogue: Psz2Catalogue, cosmology: Cosmology) -> TrueClusters:
    model = params.baryon_models["gadget_x"]
    return true_clusters(catalogue, ScalingRelation.of(model), cosmology)


@pytest.fixture
def settings(params: Params):
    return replace(params.planck_sky, nside=NSIDE, lmax=1535, point_sources=300)


def test_planck_would_weigh_the_clusters_as_it_did(catalogue, clusters, cosmology):
    y_mpc2 = clusters.y_cyl_arcmin2 * mpc2_per_arcmin2(catalogue.redshift, cosmology)
    weighed = m500c_msun_from_y_cyl(y_mpc2, catalogue.redshift, PLANCK_RELATION, cosmology)
    np.testing.assert_allclose(weighed / 1e14, catalogue.msz_1e14_msun)


def test_true_masses_are_the_papers_bias_above(catalogue, clusters):
    """De Andres et al. 2022, Fig. 3: 0.04, 0.10 and 0.14 at true 3, 6 and 10e14 Msun."""
    true_1e14 = clusters.m500c_msun / 1e14
    bias = 1 - catalogue.msz_1e14_msun / true_1e14
    order = np.argsort(true_1e14)
    at = np.interp([3, 6, 10], true_1e14[order], bias[order])
    np.testing.assert_allclose(at, [0.04, 0.10, 0.14], atol=0.01)


def test_a_painted_cluster_has_its_y(catalogue):
    """All of it is I(5) / J(1) times what lies within theta500."""
    one = catalogue.at(np.array([3]))
    cluster = TrueClusters(np.array([5e14]), np.array([0.01]), np.array([20.0]))
    y = np.zeros(pixel_count(NSIDE), dtype=np.float32)
    add_clusters(y, one, cluster, nside=NSIDE, beam_fwhm_arcmin=BEAM_ARCMIN)
    total = y.sum(dtype=float) * PIXEL_ARCMIN2
    assert total == pytest.approx(0.01 * 1.1045 / 0.7402, rel=5e-3)
    centre = unit_vectors(one.glon_deg, one.glat_deg)[0]
    brightest = np.array(healpy.pix2vec(NSIDE, int(np.argmax(y))))
    assert np.degrees(np.arccos(min(centre @ brightest, 1))) * 60 < 7
    pixels, distance_arcmin = disc(NSIDE, centre, 300.0)
    assert (y[pixels[distance_arcmin > 5 * 20 + 21]] == 0).all()


def test_point_sources(settings):
    y = np.zeros(pixel_count(NSIDE), dtype=np.float32)
    kept = add_point_sources(y, 1, settings, beam_fwhm_arcmin=BEAM_ARCMIN)
    assert set(np.unique(kept)) == {0, 1}
    # discs of 10 arcmin, of which hardly any two meet
    hidden = 300 * np.pi * BEAM_ARCMIN**2 / (4 * np.pi / ARCMIN_RAD**2)
    assert 1 - kept.mean() == pytest.approx(hidden, rel=0.05)
    assert (y < 0).any()
    assert (y > 0).any()
    # a Gaussian falls to 1/16 at its FWHM
    assert np.abs(y[kept == 1]).max() <= np.abs(y).max() / 15
    again = np.zeros_like(y)
    np.testing.assert_array_equal(
        add_point_sources(again, 1, settings, beam_fwhm_arcmin=BEAM_ARCMIN), kept
    )
    np.testing.assert_array_equal(again, y)


def test_the_median_source_and_its_counts(settings):
    """N(> S) falls as S^(-3/2): at four times the median an eighth of the half is left."""
    few = replace(settings, point_sources=250, point_source_y=1.0, nside=1024)
    y = np.zeros(pixel_count(few.nside), dtype=np.float32)
    add_point_sources(y, 2, few, beam_fwhm_arcmin=BEAM_ARCMIN)
    neighbours = healpy.get_all_neighbours(few.nside, np.flatnonzero(y))
    # so few are alone: a source's pixel is the brightest of its surroundings
    around = np.abs(np.where(neighbours >= 0, y[neighbours], 0)).max(axis=0)
    peaks = np.abs(y[y != 0])[np.abs(y[y != 0]) > around]
    assert len(peaks) == pytest.approx(250, abs=5)
    assert np.median(peaks) == pytest.approx(1, rel=0.15)
    assert (peaks > 4).sum() == pytest.approx(250 / 16, abs=12)


def test_galactic_residuals(settings):
    y = np.zeros(pixel_count(NSIDE), dtype=np.float32)
    add_galactic_residuals(y, settings)
    glat = np.array([10.0, -10.0, 30.0, 90.0, 0.0])
    pixels = healpy.ang2pix(NSIDE, 0.0, glat, lonlat=True)
    sine = np.sin(np.radians(10))
    expected = np.array([1, 1, sine / 0.5, sine, sine / np.sin(np.radians(1))]) * 1e-6
    np.testing.assert_allclose(y[pixels], expected, rtol=0.02)


def test_galactic_masks_keep_their_share_of_the_sky():
    masks = galactic_masks(NSIDE)
    _, glat = healpy.pix2ang(NSIDE, np.arange(pixel_count(NSIDE)), lonlat=True)
    for (name, mask), share in zip(masks.items(), (0.4, 0.5, 0.6, 0.7), strict=True):
        assert mask.dtype == np.uint8
        assert mask.mean() == pytest.approx(share, abs=0.002), name
        assert np.abs(glat[mask == 1]).min() >= np.abs(glat[mask == 0]).max()


def test_the_sky_is_the_sum_of_its_parts(params, settings, catalogue, clusters):
    few = catalogue.at(slice(0, 40))
    true = TrueClusters(*(values[:40] for values in vars(clusters).values()))
    y, masks = stand_in_signal(1, settings, params.compton, few, true)
    parts = np.zeros_like(y)
    add_clusters(parts, few, true, nside=NSIDE, beam_fwhm_arcmin=BEAM_ARCMIN)
    sources = add_point_sources(parts, 1, settings, beam_fwhm_arcmin=BEAM_ARCMIN)
    add_galactic_residuals(parts, settings)
    np.testing.assert_array_equal(y, parts)
    assert list(masks) == ["M1", "M2", "M3", "M4", "M5"]
    np.testing.assert_array_equal(masks["M5"], sources)


@pytest.fixture
def skies(settings, params, catalogue, clusters):
    """What other skies have more than the stand-in, of a few clusters."""
    few = np.arange(0, len(catalogue), 40)
    some = TrueClusters(**{name: values[few] for name, values in vars(clusters).items()})
    arguments = 1, settings, params.compton, catalogue.at(few), some
    return dict(other_skies(*arguments, sigma_lny=0.11)), catalogue.at(few), some


def test_another_sky_has_as_many_other_sources(skies, settings):
    first, again, second = (np.zeros(pixel_count(NSIDE), dtype=np.float32) for _ in range(3))
    add_point_sources(first, 1, settings, beam_fwhm_arcmin=BEAM_ARCMIN)
    add_point_sources(again, 1, settings, beam_fwhm_arcmin=BEAM_ARCMIN, population=0)
    add_point_sources(second, 1, settings, beam_fwhm_arcmin=BEAM_ARCMIN, population=1)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(skies[0]["sources"], second)
    # of the same counts, at other places
    assert np.count_nonzero(second) == pytest.approx(np.count_nonzero(first), rel=0.05)
    assert np.abs(second).sum() == pytest.approx(np.abs(first).sum(), rel=0.3)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.05


def test_another_sky_has_clusters_whose_y_scatters(skies, settings):
    made, few, clusters = skies
    more = made["scatter"]
    mean = np.zeros(pixel_count(NSIDE), dtype=np.float32)
    add_clusters(mean, few, clusters, nside=NSIDE, beam_fwhm_arcmin=BEAM_ARCMIN)
    centres = unit_vectors(few.glon_deg, few.glat_deg)
    ratio = []
    for centre in centres:
        pixels, _ = disc(NSIDE, centre, 10.0)
        ratio.append(1.0 + more[pixels].sum() / mean[pixels].sum())
    scatter = np.log(ratio)
    assert len(ratio) == 28
    assert abs(scatter.mean()) < 4.0 * 0.11 / np.sqrt(28)
    assert scatter.std() == pytest.approx(0.11, rel=4.0 / np.sqrt(2 * 28))
