import numpy as np
import pytest
from scipy.fft import fftfreq, rfft2, rfftfreq
from threadpoolctl import threadpool_limits

from helpers.analytic import band_limited_white_covariance, beam_smoothed_white_covariance
from szmass.sky.fields import BLOCK_ROWS, GaussianPatch, correlation_function, pixel_covariance
from szmass.sky.grid import PixelGrid, gaussian_beam

MAPS, BATCH = 200_000, 2_000
LAGS = (0, 1, 2, 3, 4, 6, 8, 12, 20, 36)
BAND_EDGES = np.array([0.5, 1.5, 2.5, 3.5, 5, 7, 9, 12])  # in modes of the patch
SIGMAS = 5.0
"""A right sampler fails one of the 400 or so comparisons below with a probability of 2e-4."""


def test_covariance_of_a_white_sky_up_to_lmax():
    separations = np.array([0.0, 0.25, 1.0, 5.0, 14.0])
    np.testing.assert_allclose(
        correlation_function(np.full(20_001, 3.0), separations),
        band_limited_white_covariance(3.0, 20_000, separations),
        atol=1e-9 * 3 * 20_001**2 / (4 * np.pi),
    )


def test_covariance_of_a_white_sky_behind_a_beam():
    separations = np.array([0.0, 0.25, 1.0, 2.0, 3.0])
    beam = gaussian_beam(np.arange(40_001.0), 1.0)
    computed = correlation_function(2.0 * beam**2, separations)
    expected = beam_smoothed_white_covariance(2.0, 1.0, separations)
    np.testing.assert_allclose(computed, expected, rtol=2e-6, atol=2e-7 * expected[0])


def test_one_multipole_is_one_legendre_polynomial():
    cl = np.zeros(4)
    cl[3] = 1.0
    angle = np.array([0.0, 600.0, 5400.0])  # arcmin: 0, 10 and 90 degrees
    x = np.cos(np.radians(angle / 60))
    expected = 7 / (4 * np.pi) * (5 * x**3 - 3 * x) / 2
    np.testing.assert_allclose(correlation_function(cl, angle), expected, atol=1e-15)


def test_covariance_of_pixels_is_that_of_their_separations():
    grid, cl = PixelGrid(5, 0.5), gaussian_beam(np.arange(20_001.0), 1.0) ** 2
    covariance = pixel_covariance(cl, grid)
    across_a_row = correlation_function(cl, np.arange(5) * 0.5)
    np.testing.assert_allclose(covariance[0, :5], across_a_row)
    np.testing.assert_allclose(covariance[0, ::5], across_a_row)
    diagonal = correlation_function(cl, np.array([np.sqrt(2) * 2.0]))
    assert covariance[0, -1] == pytest.approx(diagonal[0])
    np.testing.assert_array_equal(covariance, covariance.T)


def test_modes_rebuild_the_covariance(sky):
    covariance = sky.sky_covariance_uk2()
    modes = sky.patch.modes.astype(float)
    largest = np.sum(modes**2, axis=1).max()
    # what is left out is below the cut times the largest eigenvalue; the rest is float32
    assert np.abs(modes.T @ modes - covariance).max() < 1e-6 * covariance[0, 0]
    left_out = np.trace(covariance) - np.sum(modes**2)
    assert abs(left_out) < (1600 - len(modes)) * 1e-9 * largest + 1e-7 * np.trace(covariance)
    assert 380 <= len(modes) <= 400


def test_modes_are_orthogonal(sky):
    modes = sky.patch.modes.astype(float)
    gram = modes @ modes.T
    norms = np.sqrt(np.diag(gram))
    assert np.abs(gram / np.outer(norms, norms) - np.eye(len(modes))).max() < 1e-5


def test_rounding_of_the_covariance_does_not_change_the_sky(sky):
    """As between machines: neither a mode's sign nor a mixture of degenerate modes may depend."""
    covariance = sky.sky_covariance_uk2()
    noise = np.random.default_rng(2).standard_normal(covariance.shape)
    noise = noise + noise.T
    pixel = np.arange(1600).reshape(40, 40)
    noise += noise[np.ix_(pixel[:, ::-1].ravel(), pixel[:, ::-1].ravel())]
    with threadpool_limits(1):
        other = GaussianPatch.from_covariance(
            covariance + 1e-15 * covariance[0, 0] * noise, eigenvalue_cut=1e-9
        )
    assert other.modes.shape == sky.patch.modes.shape
    coefficients = np.random.default_rng(3).standard_normal((20, len(other.modes)))
    coefficients = coefficients.astype(np.float32)
    difference = other.synthesise(coefficients) - sky.patch.synthesise(coefficients)
    assert np.abs(difference).max() < 1e-5 * np.sqrt(covariance[0, 0])


@pytest.mark.parametrize("count", [1, 2, BLOCK_ROWS - 1, BLOCK_ROWS, BLOCK_ROWS + 1, 300])
def test_a_patch_has_the_same_bits_however_many_are_asked_for(sky, count):
    rng = np.random.default_rng(8)
    coefficients = rng.standard_normal((400, len(sky.patch.modes)), dtype=np.float32)
    together = sky.patch.synthesise(coefficients)
    start = 400 - count  # and wherever in a block it stands
    np.testing.assert_array_equal(sky.patch.synthesise(coefficients[start:]), together[start:])


def test_a_patch_has_the_same_bits_in_whatever_order_its_modes_are_added(sky):
    """As processors differ in the order in which their matrix products add."""
    rng = np.random.default_rng(10)
    coefficients = rng.standard_normal((50, len(sky.patch.modes)), dtype=np.float32)
    drawn = sky.patch.synthesise(coefficients)
    for _ in range(3):
        order = rng.permutation(len(sky.patch.modes))
        other = GaussianPatch(sky.patch.modes[order])
        np.testing.assert_array_equal(other.synthesise(coefficients[:, order]), drawn)


def test_rounding_to_steps_is_that_of_the_coefficients(sky):
    """A step of 2**-18 in each is a standard deviation of the pixels of 1.1e-6 of the sky's."""
    rng = np.random.default_rng(11)
    coefficients = rng.standard_normal((50, len(sky.patch.modes)), dtype=np.float32)
    unrounded = coefficients.astype(float) @ sky.patch.modes
    error = sky.patch.synthesise(coefficients) - unrounded
    assert error.std() < 1.3e-6 * np.sqrt(sky.sky_covariance_uk2()[0, 0])


def test_a_patch_is_its_coefficients_times_the_modes(sky):
    coefficients = np.random.default_rng(9).standard_normal((3, len(sky.patch.modes)))
    expected = coefficients @ sky.patch.modes.astype(float)
    drawn = sky.patch.synthesise(coefficients.astype(np.float32))
    np.testing.assert_allclose(drawn, expected, atol=1e-5 * np.abs(expected).max())


def test_an_empty_sky_is_zero():
    patch = GaussianPatch.from_covariance(np.zeros((16, 16)), eigenvalue_cut=1e-9)
    drawn = patch.synthesise(np.empty((3, 0), dtype=np.float32))
    np.testing.assert_array_equal(drawn, np.zeros((3, 16)))


class Sampled:
    """Mean quadratic statistics of many maps, and what the exact covariance says of them.

    For a Gaussian map m of covariance C and a symmetric matrix Q the statistic m^T Q m has the
    mean tr(Q C) and the variance 2 tr(Q C Q C). With C = sum_k mode_k mode_k^T both are sums over
    B = modes Q modes^T: tr B and 2 |B|^2.
    """

    def __init__(self, patch: GaussianPatch) -> None:
        modes = patch.modes.astype(float)
        self.pixels = round(modes.shape[1] ** 0.5)
        self.norms = np.sum(modes**2, axis=1)
        images = modes.reshape(-1, self.pixels, self.pixels)
        frequency = np.hypot(
            *np.meshgrid(
                fftfreq(self.pixels, 1 / self.pixels),
                rfftfreq(self.pixels, 1 / self.pixels),
                indexing="ij",
            )
        )
        # a column of rfft2 stands for two of fft2, but for the first and the last
        twice = np.full(frequency.shape, 2.0)
        twice[:, [0, -1]] = 1.0
        band = np.digitize(frequency, BAND_EDGES)
        self.band_weights = np.stack(
            [
                np.where(band == number, twice, 0).ravel() / twice[band == number].sum()
                for number in range(1, len(BAND_EDGES))
            ]
        )
        matrices = [self._lag_matrix(images, lag) for lag in LAGS]
        harmonics = rfft2(images).reshape(len(modes), -1)
        matrices += [
            ((harmonics * weight) @ harmonics.conj().T).real for weight in self.band_weights
        ]
        self.mean = np.array([np.trace(matrix) for matrix in matrices])
        self.variance = np.array([2.0 * np.sum(matrix**2) for matrix in matrices])
        self._projector = (modes / self.norms[:, None]).T.astype(np.float32)

    def _lag_matrix(self, images: np.ndarray, lag: int) -> np.ndarray:
        left = images[:, :, : self.pixels - lag].reshape(len(images), -1)
        right = images[:, :, lag:].reshape(len(images), -1)
        product = left @ right.T / left.shape[1]
        return (product + product.T) / 2

    def measure(self, maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sums over maps: squares of eigen-coefficients; lag products, then band powers."""
        squares = np.sum((maps @ self._projector) ** 2, axis=0, dtype=float)
        images = maps.reshape(-1, self.pixels, self.pixels)
        products = [
            np.einsum("nij,nij->n", images[:, :, : self.pixels - lag], images[:, :, lag:]).sum(
                dtype=float
            )
            / (self.pixels * (self.pixels - lag))
            for lag in LAGS
        ]
        harmonics = rfft2(images)
        power = np.sum(harmonics.real**2 + harmonics.imag**2, axis=0, dtype=float).ravel()
        return squares, np.concatenate([products, self.band_weights @ power])


@pytest.fixture(scope="module")
def sampled(sky):
    """(theory, mean squared eigen-coefficients, mean statistics) of 200 000 maps."""
    theory, rng = Sampled(sky.patch), np.random.default_rng(20_200_311)
    squares = np.zeros(len(sky.patch.modes))
    statistics = np.zeros(len(theory.mean))
    for _ in range(MAPS // BATCH):
        coefficients = rng.standard_normal((BATCH, len(squares)), dtype=np.float32)
        sums = theory.measure(sky.patch.synthesise(coefficients))
        squares += sums[0]
        statistics += sums[1]
    return theory, squares / MAPS, statistics / MAPS


def test_eigen_coefficients_have_unit_variance(sampled):
    _, variance, _ = sampled
    deviation = (variance - 1) / np.sqrt(2 / MAPS)
    assert np.abs(deviation).max() < SIGMAS
    # together they are a chi-squared of as many degrees of freedom
    excess = (np.sum(deviation**2) - len(variance)) / np.sqrt(2 * len(variance))
    assert abs(excess) < SIGMAS


def test_correlation_at_ten_lags(sampled):
    theory, _, statistics = sampled
    error = np.sqrt(theory.variance / MAPS)
    deviation = (statistics - theory.mean) / error
    assert np.abs(deviation[: len(LAGS)]).max() < SIGMAS
    # so sharp that a sky of 1 % more amplitude would fail
    assert (error[: len(LAGS)] < 0.02 / SIGMAS * theory.mean[: len(LAGS)]).all()


def test_band_powers(sampled):
    theory, _, statistics = sampled
    error = np.sqrt(theory.variance / MAPS)
    deviation = (statistics - theory.mean) / error
    assert np.abs(deviation[len(LAGS) :]).max() < SIGMAS
    assert (error[len(LAGS) :] < 0.02 / SIGMAS * theory.mean[len(LAGS) :]).all()


def test_the_theory_of_the_statistics_is_that_of_the_covariance(sky, sampled):
    """The sums over modes above against C itself: C(lag), and the diagonal of F C F^T."""
    theory, _, _ = sampled
    covariance = sky.sky_covariance_uk2()
    np.testing.assert_allclose(theory.mean[: len(LAGS)], covariance[0, list(LAGS)], rtol=1e-5)
    columns = rfft2(covariance.reshape(40, 40, 1600), axes=(0, 1))
    along_rows = np.fft.ifft2(columns.reshape(-1, 40, 40), axes=(1, 2)) * 1600
    every = along_rows.reshape(40, 21, 40, 40)
    i, j = np.meshgrid(range(40), range(21), indexing="ij")
    diagonal = every[i, j, i, j].real.ravel()
    np.testing.assert_allclose(theory.mean[len(LAGS) :], theory.band_weights @ diagonal, rtol=1e-4)
