"""Masses of clusters whose signal is multiplied: they must not decrease, and agree with a fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from szmass.params import Weighing
from szmass.sky.cosmology import Cosmology
from szmass.sky.redshift_bins import redshift_bin
from szmass.sky.scaling import PIVOT_M500_MSUN
from szmass.weighing.gas import Gas, PivotY
from szmass.weighing.mixture import Inputs
from szmass.weighing.survey import Survey, round_templates
from szmass.weighing.weigher import Weigher

FACTORS = np.geomspace(0.3, 20.0, 22)
"""Factors on a cluster's signal."""
MOST_CLUSTERS = 200
"""Clusters of each redshift bin."""
BRIGHT = 30.0
"""Signal-to-noise ratio above which the prior hardly matters."""
AXIS_LOG10_MSUN = np.linspace(13.0, 17.0, 1601)


@dataclass(frozen=True)
class RoundFit:
    """The mass whose round image fits a map best, from the amplitudes of the filters.

    The image of a cluster at redshift z is Y(M, z) T(theta500(M, z)). Filter j has the amplitude
    s_j = K_j T_j for its own template of Y = 1 arcmin^2 and noise 1, so with the amplitude a of
    the filter of theta500 (both interpolated in ln theta500), noise of level n, and x = Y s / n,
    ln L(M) = x a / n - x^2 / 2. No prior, and no scatter of Y.
    """

    ln_theta500_arcmin: np.ndarray
    """Of the filters, `(filters,)`."""
    response: np.ndarray
    """s_j, per arcmin^2."""
    cosmology: Cosmology

    @classmethod
    def of(cls, survey: Survey, weighing: Weighing, cosmology: Cosmology) -> RoundFit:
        """With the filters of a survey."""
        theta500_arcmin, templates = round_templates(survey.grid, survey.beam_fwhm_arcmin, weighing)
        flat = templates.reshape(len(templates), -1)
        response = np.einsum("jp,jp->j", survey.bank.filters.astype(float), flat)
        return cls(np.log(theta500_arcmin), response, cosmology)

    def __call__(self, inputs: Inputs, gas: Gas) -> np.ndarray:
        """log10 of M500c in Msun, `(n,)`.

        Args:
            inputs: of `n` clusters.
            gas: one relation.
        """
        axis, z = AXIS_LOG10_MSUN, inputs.redshift
        pivot = PivotY.at(z, self.cosmology)
        at_pivot = self.cosmology.theta500_arcmin(np.full(len(z), PIVOT_M500_MSUN), z)
        # R500 is as the third root of the mass
        ln_growth = np.log(10.0) * (axis - np.log10(PIVOT_M500_MSUN)) / 3.0
        found = np.empty(len(z))
        for row, ratio in enumerate(inputs.amplitude / inputs.level[:, None]):
            ln_theta = np.log(at_pivot[row]) + ln_growth
            of_row = PivotY(pivot.ln_y_arcmin2[row], pivot.ln_h70)
            y = of_row.mean_y_arcmin2(axis, gas) / inputs.level[row]
            x = y * np.interp(ln_theta, self.ln_theta500_arcmin, self.response)
            seen = np.interp(ln_theta, self.ln_theta500_arcmin, ratio)
            found[row] = axis[np.argmax(x * seen - x**2 / 2.0)]
        return found


@dataclass(frozen=True)
class Brightened:
    """Clusters whose signal is multiplied, with their noise as it is; `(n, factors)` each."""

    bin_index: np.ndarray
    """Of the redshift bin, `(n,)`."""
    log10_msun: np.ndarray
    """Medians by weighing."""
    round_log10_msun: np.ndarray
    """By `RoundFit`; NaN below `BRIGHT`."""

    def metrics(self, bins: Mapping[str, Sequence[float]]) -> dict[str, dict[str, float]]:
        """By bin: clusters, the largest decrease of a median, and the distance from the fit.

        `fall_dex` is the largest decrease of log10 M from one brightness to a greater one,
        `bright_dex` and `bright_dex_p95` the median and the 95th percentile of
        abs(log10 M - log10 M_fit) above a signal-to-noise ratio of `BRIGHT`.
        """
        metrics: dict[str, dict[str, float]] = {}
        for number, name in enumerate(bins):
            rows = self.bin_index == number
            if not rows.any():
                continue
            highest = np.maximum.accumulate(self.log10_msun[rows], axis=1)
            apart = np.abs(self.log10_msun[rows] - self.round_log10_msun[rows])
            apart = apart[np.isfinite(apart)]
            metrics[name] = {
                "maps": int(rows.sum()),
                "fall_dex": float(np.max(highest - self.log10_msun[rows])),
            }
            if len(apart):
                metrics[name]["bright_dex"] = float(np.median(apart))
                metrics[name]["bright_dex_p95"] = float(np.quantile(apart, 0.95))
        return metrics


def brighten(
    weigher: Weigher,
    signal: np.ndarray,
    noise: np.ndarray,
    redshift: np.ndarray,
    bins: Mapping[str, Sequence[float]],
    *,
    fit: RoundFit,
    prior: str,
    gas: str,
) -> Brightened:
    """Weighs clusters with their signal multiplied by each of `FACTORS`.

    Args:
        weigher: the estimator.
        signal: maps of the clusters alone, `(n, pixels, pixels)`.
        noise: maps of their noise.
        redshift: `(n,)`.
        bins: redshift bins.
        fit: what bright ones are compared with.
        prior: by name.
        gas: whose relation the network is told.
    """
    medians, fits = [], []
    for factor in FACTORS.tolist():
        inputs = weigher.inputs(noise + np.float32(factor) * signal, redshift)
        found = weigher(inputs, prior=prior, gas=gas, total=False)["m500_msun"]
        medians.append(np.log10(found))
        by_fit = np.full(len(redshift), np.nan)
        bright = np.flatnonzero(inputs.signal_to_noise > BRIGHT)
        by_fit[bright] = fit(inputs.at(bright), weigher.gas(gas))
        fits.append(by_fit)
    index = redshift_bin(redshift, bins)
    return Brightened(index, np.stack(medians, axis=1), np.stack(fits, axis=1))
