"""Statistics of observed maps, and their exact distributions under the sky's covariance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.optimize import brentq
from threadpoolctl import threadpool_limits

from szmass.microwave.maps.sky import MicrowaveSky
from szmass.sky.grid import centre_mean
from szmass.validation.statistics import digests

FINGERPRINT_MODES = 8
FINGERPRINT_DECIMALS = 3

Operator = Callable[[np.ndarray], np.ndarray]
"""A linear map from images `(n, pixels, pixels)` to `(n, rows)`, real or complex."""


@dataclass(frozen=True)
class QuadraticForm:
    """A positive quadratic form of a Gaussian map, such as its mean square or a band power.

    Its value is sum_j (sqrt(w_j) g_j + s_j)^2 with independent unit Gaussians g_j and a signal s.
    """

    weights: np.ndarray
    """w_j, in the unit of the form."""

    @classmethod
    def mean_square(cls, covariance_of_rows: np.ndarray) -> QuadraticForm:
        """The mean of |row|^2 for rows with a covariance, whose eigenvalues give the weights."""
        eigenvalues = np.linalg.eigvalsh(covariance_of_rows)
        return cls(np.clip(eigenvalues, 0.0, None) / len(eigenvalues))

    def range_of_mean(
        self, maps: int, probability: float, signal: np.ndarray | float = 0.0
    ) -> tuple[float, float]:
        """Where the mean of the form over independent maps lies, but for a small probability.

        Chernoff's bound: with the cumulant generating function
        K(u) = sum_j [-ln(1 - 2 u w_j) / 2 + u s_j^2 / (1 - 2 u w_j)], a mean beyond K'(u) has a
        probability of at most exp(-maps (u K'(u) - K(u))), for one map as for a million.

        Args:
            maps: how many.
            probability: of lying outside, at most.
            signal: s_j^2 averaged over the maps, shape of the weights.

        Returns:
            `(low, high)`.
        """
        largest = float(self.weights.max())
        rate_wanted = np.log(2.0 / probability) / maps

        # tilt is 2 u times the largest weight: from minus infinity to 1
        def mean(tilt: float) -> float:
            rest = 1.0 - tilt * self.weights / largest
            return float(np.sum(self.weights / rest + signal / rest**2))

        def excess_rate(tilt: float) -> float:
            x = tilt * self.weights / largest
            noise = (x / (1.0 - x) + np.log1p(-x)) / 2.0
            cross = tilt / (2.0 * largest) * signal * x / (1.0 - x) ** 2
            return float(np.sum(noise + cross)) - rate_wanted

        def below(y: float) -> float:
            return -np.exp(y)

        def above(y: float) -> float:
            return -np.expm1(-np.exp(y))

        return (
            mean(below(brentq(lambda y: excess_rate(below(y)), -40.0, 200.0))),
            mean(above(brentq(lambda y: excess_rate(above(y)), -40.0, 3.5))),
        )


def covariance_of_rows(operator: Operator, covariance: np.ndarray) -> np.ndarray:
    """L C L^dagger (or its conjugate) for a linear operator L and a map covariance C."""
    pixels = round(len(covariance) ** 0.5)
    once = operator(covariance.reshape(-1, pixels, pixels))
    return operator(once.conj().T.reshape(-1, pixels, pixels))


def pixel_differences(images: np.ndarray) -> np.ndarray:
    """Half of the mixed second difference in every 2 x 2 pixels, `(n, (pixels - 1)**2)`.

    White noise keeps its standard deviation; what is smooth over two pixels goes.
    """
    along_x = images[:, :, 1:] - images[:, :, :-1]
    return ((along_x[:, 1:] - along_x[:, :-1]) / 2.0).reshape(len(images), -1)


def octaves(pixels: int) -> list[tuple[int, int]]:
    """Bands [low, high) of |k| in units of 1 / (the map's side): the whole plane but k = 0."""
    edges = [2**i for i in range(pixels.bit_length()) if 2 ** (i + 1) <= pixels]
    return list(zip(edges, [*edges[1:], pixels], strict=True))


def ring(pixels: int, band: tuple[int, int]) -> np.ndarray:
    """Which modes of a discrete Fourier transform have low <= |k| < high, `(pixels, pixels)`."""
    wavenumber = np.fft.fftfreq(pixels, 1.0 / pixels)
    k = np.hypot(wavenumber[:, None], wavenumber)
    return (k >= band[0]) & (k < band[1])


def fourier_modes(images: np.ndarray, band: tuple[int, int]) -> np.ndarray:
    """Unitary discrete Fourier modes of a band, `(n, modes)` complex."""
    return np.fft.fft2(images, norm="ortho")[:, ring(images.shape[-1], band)]


class MapStatistics:
    """Measures maps, and gives the distribution of each statistic under the sky's covariance.

    Args:
        sky: what the maps are drawn from.
        eigenvalue_cut: modes of the sky below this share of its largest are not drawn, and modes
            of a map's covariance below it are not used.
    """

    def __init__(self, sky: MicrowaveSky, eigenvalue_cut: float) -> None:
        self.sky = sky
        # an eigensolver's last bits depend on its threads, and a verdict must not
        with threadpool_limits(1):
            covariance = _drawn_covariance_uk2(sky, eigenvalue_cut)
            variances, self._modes = np.linalg.eigh(covariance)
            differences = covariance_of_rows(pixel_differences, covariance)
            self.difference = QuadraticForm.mean_square(differences)
            self.bands = {
                band: QuadraticForm.mean_square(
                    covariance_of_rows(partial(fourier_modes, band=band), covariance)
                )
                for band in octaves(sky.grid.pixels)
            }
        self.square = QuadraticForm(np.clip(variances, 0.0, None) / len(variances))
        used = variances > eigenvalue_cut * variances[-1]
        self._inverse_variances = np.divide(1.0, variances, out=np.zeros(len(used)), where=used)
        self.used_modes = int(used.sum())
        """Degrees of freedom of `chi2`."""
        self.mean_variance_uk2 = float(covariance.mean())
        self.centre_variance_uk2 = float(
            covariance_of_rows(lambda images: centre_mean(images)[:, None], covariance)[0, 0]
        )
        self._difference_sigma_uk = np.sqrt(np.diag(differences))

    @property
    def tests_per_map(self) -> int:
        """How many Gaussian numbers `largest_difference_sigma` is the largest of."""
        return len(self._difference_sigma_uk)

    def unusable_values(self, maps: dict[str, np.ndarray]) -> np.ndarray:
        """How many values of each map cannot be worked with, `(n,)`.

        Pixels and labels that are no finite number, a mass that no cluster has, a label image
        without a signal.
        """
        low, high = self.sky.cluster_uk.mass_range_msun
        impossible = ~((maps["m200c_msun"] >= low) & (maps["m200c_msun"] <= high))
        images = maps["temperature_uk"], maps["sz_uk"]
        pixels = sum(np.count_nonzero(~np.isfinite(image), axis=(1, 2)) for image in images)
        blank = ~maps["sz_uk"].any(axis=(1, 2))
        return np.asarray(pixels + impossible + blank + ~np.isfinite(maps["ln_amplitude"]))

    def measure(self, maps: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Measures maps without unusable values.

        The residual r is the map minus its label image (tapered), which leaves sky and noise of
        covariance C. The amplitude is the label image's weight in the map,
        s^T C^-1 d / s^T C^-1 s, whose expectation is 1 and whose variance 1 / s^T C^-1 s.

        Args:
            maps: `temperature_uk`, `sz_uk` of shape `(n, pixels, pixels)`, `m200c_msun` and
                `ln_amplitude` of shape `(n,)`.

        Returns:
            `(columns, signal)`: the statistics by name, each `(n,)`; and the square of the
            label image in each eigenmode of C over the number of pixels, `(n, pixels**2)`, the
            signal of the form `square`.
        """
        observed = maps["temperature_uk"].astype(float)
        label = maps["sz_uk"].astype(float)
        amplitude = np.exp(maps["ln_amplitude"].astype(float))
        model = self.sky.cluster_uk(maps["m200c_msun"]) * amplitude[:, None, None]
        signal = label * self.sky.taper
        residual = observed - signal
        count, size = len(observed), self.sky.grid.pixels**2
        residual_modes = residual.reshape(count, size) @ self._modes
        signal_modes = signal.reshape(count, size) @ self._modes
        information = signal_modes**2 @ self._inverse_variances
        overlap = (signal_modes * residual_modes) @ self._inverse_variances
        amplitude_sigma = information**-0.5
        differences = pixel_differences(residual)
        columns = {
            "temperature_mean_uk": observed.mean(axis=(1, 2)),
            "temperature_square_uk2": (observed**2).mean(axis=(1, 2)),
            "temperature_centre_uk": centre_mean(observed),
            "label_mean_uk": signal.mean(axis=(1, 2)),
            "label_centre_uk": centre_mean(signal),
            "label_peak_uk": centre_mean(label) / amplitude,
            "label_error": _largest(label - model) / _largest(model),
            "amplitude": 1.0 + overlap * amplitude_sigma**2,
            "amplitude_sigma": amplitude_sigma,
            "amplitude_deviation_sigma": overlap * amplitude_sigma,
            "chi2": residual_modes**2 @ self._inverse_variances,
            "difference_square_uk2": (differences**2).mean(axis=1),
            "largest_difference_sigma": np.abs(differences / self._difference_sigma_uk).max(axis=1),
        }
        power = np.abs(np.fft.fft2(residual, norm="ortho")) ** 2
        for band in self.bands:
            columns[band_column(band)] = power[:, ring(self.sky.grid.pixels, band)].mean(axis=1)
        white = residual_modes * np.sqrt(self._inverse_variances)
        columns["sky_digest"] = digests(
            np.round(white[:, : -1 - FINGERPRINT_MODES : -1], FINGERPRINT_DECIMALS) + 0.0
        )
        return columns, signal_modes**2 / size


def band_column(band: tuple[int, int]) -> str:
    """The column that holds a band's power."""
    return f"power_k{band[0]}_to_{band[1]}_uk2"


def _largest(images: np.ndarray) -> np.ndarray:
    return np.abs(images).max(axis=(1, 2))


def _drawn_covariance_uk2(sky: MicrowaveSky, eigenvalue_cut: float) -> np.ndarray:
    """Covariance of an observed map about its cluster, without the modes that are not drawn."""
    variances, modes = np.linalg.eigh(sky.sky_covariance_uk2())
    drawn = variances > eigenvalue_cut * variances[-1]
    covariance = (modes[:, drawn] * variances[drawn]) @ modes[:, drawn].T
    covariance += sky.white_noise_uk**2 * np.eye(len(covariance))
    taper = sky.taper.ravel()
    return taper[:, None] * covariance * taper
