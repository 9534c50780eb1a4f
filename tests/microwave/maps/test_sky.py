from dataclasses import asdict, replace

import numpy as np
import pytest
from scipy.linalg import solve_triangular

from helpers.analytic import beam_smoothed_white_covariance
from szmass.microwave.maps.samples import list_samples
from szmass.microwave.maps.sky import MicrowaveSky, _observed_cl, nfw_images
from szmass.sky.fields import correlation_function
from szmass.sky.noise import white_noise_cl_uk2

MAPS = 2000


def observed(sky, masses_msun, seed, ln_amplitude=0.0):
    amplitude = np.broadcast_to(np.float32(ln_amplitude), np.shape(masses_msun))
    sz_uk = sky.sz_uk(np.asarray(masses_msun), amplitude)
    return sky.observe(sz_uk, [np.random.default_rng(seed)])


def whitened(sky, maps, mean):
    """Residuals in units of their covariance: independent unit Gaussians if all is right."""
    residual = (maps - mean).reshape(len(maps), -1).astype(float)
    return solve_triangular(np.linalg.cholesky(sky.covariance_uk2()), residual.T, lower=True).T


@pytest.fixture(scope="module")
def small(params):
    return replace(params.microwave, pixels=8)


def test_maps_have_the_mean_and_the_covariance_that_the_sky_says(sky):
    mass = np.array([4e14])
    white = whitened(sky, observed(sky, np.repeat(mass, MAPS), 1), sky.mean_uk(mass))
    # 3.2 million unit Gaussians: 0.2 % of noise would show
    assert white.mean() == pytest.approx(0, abs=4.5 / np.sqrt(white.size))
    assert white.var() == pytest.approx(1, abs=4.5 * np.sqrt(2 / white.size))
    # every map and every mode by itself
    per_map = (np.sum(white**2, axis=1) - 1600) / np.sqrt(2 * 1600)
    assert np.abs(per_map).max() < 6
    assert per_map.std() == pytest.approx(1, abs=4.5 / np.sqrt(2 * MAPS))
    # 1600 deviations of the mean, each of unit variance: an additive error would show
    mean_chi2 = MAPS * np.sum(white.mean(axis=0) ** 2)
    assert mean_chi2 == pytest.approx(1600, abs=4.5 * np.sqrt(2 * 1600))
    # the cluster's amplitude by the matched filter: 1.3 % of signal would show
    image = whitened(sky, sky.mean_uk(mass), 0.0)[0]
    amplitude = 1 + white.mean(axis=0) @ image / (image @ image)
    error = 1 / np.sqrt(MAPS * (image @ image))
    assert amplitude == pytest.approx(1, abs=4.5 * error)
    assert error < 0.003


def test_noise_of_a_pixel_is_20_uk(sky):
    """Outside the sky's modes there is nothing but noise."""
    maps = observed(sky, np.full(500, 1e14), 2) - sky.mean_uk(np.array([1e14]))
    modes = sky.patch.modes.astype(float)
    modes /= np.linalg.norm(modes, axis=1, keepdims=True)
    flat = maps.reshape(500, -1)
    rest = flat - (flat @ modes.T) @ modes
    free = 500 * (1600 - len(modes))
    assert np.sum(rest**2) / free == pytest.approx(400, rel=4.5 * np.sqrt(2 / free) + 1e-6)


def test_scatter_multiplies_the_clusters_signal_alone(sky):
    masses = np.full(3, 3e14)
    still, bright = (observed(sky, masses, 4, ln_amplitude=x) for x in (0.0, 0.3))
    extra = np.broadcast_to((np.exp(0.3) - 1) * sky.mean_uk(masses[:1]), still.shape)
    np.testing.assert_allclose(bright - still, extra, atol=1e-4)


def test_a_map_is_the_same_in_every_set_and_shard(sky, params):
    sets = params.microwave_sets
    smoke = replace(sets, train_maps=2, validation_maps=3, test_maps=2, scatter_maps=9)
    few, many = (list_samples(5, chosen, 0.2) for chosen in (smoke, replace(sets, spare_maps=40)))
    rows = [many.seeds.tolist().index(seed) for seed in few.seeds.tolist()]

    def maps(samples, start, stop):
        some = samples.at(slice(start, stop))
        sz_uk = sky.sz_uk(some.m200c_msun, some.ln_amplitude)
        return sz_uk, sky.observe(sz_uk, some.rngs())

    sz_uk, temperature_uk = maps(few, 0, len(few))
    for number in (0, 17, len(few) - 1):
        row = rows[number]
        start = max(0, row - 137)
        beside = maps(many, start, row + 60)
        np.testing.assert_array_equal(sz_uk[number], beside[0][row - start])
        np.testing.assert_array_equal(temperature_uk[number], beside[1][row - start])


def test_one_generator_for_all_maps_or_one_each(sky):
    sz_uk = sky.sz_uk(np.full(2, 1e14), np.zeros(2, dtype=np.float32))
    together = sky.observe(sz_uk, [np.random.default_rng(6)])
    rng = np.random.default_rng(6)
    # one after the other, a generator's draws are those of one call
    first, second = sky.observe(sz_uk[:1], [rng]), sky.observe(sz_uk[1:], [rng])
    np.testing.assert_array_equal(together, np.concatenate([first, second]))
    with pytest.raises(ValueError, match="shorter|longer|argument"):
        sky.observe(np.repeat(sz_uk, 2, axis=0), [rng, rng])


def test_noise_before_the_beam_has_the_beams_covariance(small, dl_uk2):
    dark = dataclass_off(small.components)
    sky = MicrowaveSky(replace(small, noise_after_beam=False, components=dark), dl_uk2)
    expected = beam_smoothed_white_covariance(
        white_noise_cl_uk2(5.0), 1.0, np.arange(8) * small.pixel_arcmin
    )
    # the spectrum ends where the beam passes 0.2 % of the power
    np.testing.assert_allclose(sky.covariance_uk2()[0, :8], expected, atol=4e-3 * expected[0])
    assert sky.white_noise_uk == 0


def test_a_sky_without_components_is_noise(small, dl_uk2):
    sky = MicrowaveSky(replace(small, components=dataclass_off(small.components)), dl_uk2)
    np.testing.assert_array_equal(sky.covariance_uk2(), 400 * np.eye(64))
    maps = observed(sky, np.full(4000, 1e14), 3) - sky.mean_uk(np.array([1e14]))
    assert maps.var() == pytest.approx(400, rel=4.5 * np.sqrt(2 / maps.size))


def dataclass_off(components):
    return replace(components, **dict.fromkeys(asdict(components), False))


def test_components_add_up(small, dl_uk2):
    def variance(**switched):
        components = replace(dataclass_off(small.components), **switched)
        cl_uk2 = _observed_cl(replace(small, components=components), dl_uk2)
        return correlation_function(cl_uk2, np.zeros(1))[0]

    parts = [variance(cmb=True), variance(radio=True), variance(tsz_cib=True, dsfg_poisson=True)]
    together = variance(cmb=True, radio=True, tsz_cib=True, dsfg_poisson=True)
    assert together == pytest.approx(sum(parts))


def test_apodisation_comes_last(small, dl_uk2):
    plain, tapered = (
        MicrowaveSky(replace(small, apodisation_arcmin=width), dl_uk2) for width in (0.0, 1.0)
    )
    np.testing.assert_allclose(
        observed(tapered, [3e14], 5), observed(plain, [3e14], 5) * tapered.taper, rtol=1e-5
    )
    white = whitened(
        tapered, observed(tapered, np.full(20_000, 2e14), 7), tapered.mean_uk(np.array([2e14]))
    )
    assert white.var() == pytest.approx(1, abs=4.5 * np.sqrt(2 / white.size))
    # the label is the signal itself
    np.testing.assert_array_equal(
        tapered.sz_uk(np.array([3e14]), np.zeros(1)), plain.sz_uk(np.array([3e14]), np.zeros(1))
    )


@pytest.mark.parametrize(("fwhm_arcmin", "refused"), [(1.0, False), (0.8, True), (0.5, True)])
def test_spectra_that_end_too_early_for_the_beam_are_refused(small, dl_uk2, fwhm_arcmin, refused):
    microwave = replace(small, beam_fwhm_arcmin=fwhm_arcmin)
    if not refused:
        assert len(_observed_cl(microwave, dl_uk2)) == 20_001
        return
    with pytest.raises(ValueError, match=f"l = 20000, .* beam of {fwhm_arcmin} .* spectra.lmax"):
        MicrowaveSky(microwave, dl_uk2)


def test_pixel_window_acts_on_sky_and_cluster_alike(small, dl_uk2):
    with_window, without = (
        MicrowaveSky(replace(small, pixel_window=flag), dl_uk2) for flag in (True, False)
    )
    lost = 1 - with_window.cluster_uk(4e14).min() / without.cluster_uk(4e14).min()
    assert lost == pytest.approx(0.0108, abs=5e-4)
    assert with_window.sky_covariance_uk2()[0, 0] < without.sky_covariance_uk2()[0, 0]


def test_nfw_images_are_one_in_the_middle(small):
    images = nfw_images(small)(np.array([1e14, 5e14]))
    np.testing.assert_allclose(images.max(axis=(1, 2)), 1)
    np.testing.assert_allclose(images[:, 3, 3], 1)
    # a heavier halo is larger on the sky
    assert (images[1] >= images[0] - 1e-12).all()
