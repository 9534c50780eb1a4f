"""Bias and scatter of mass estimates, with bootstrap errors, under the project's metric names."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from szmass.evaluation.statistics import bootstrap_error, gaussian_width, half_width, ln_ratio
from szmass.units import MASS_UNIT_MSUN


def mass_label(m200c_msun: float) -> str:
    """The mass in a metric's name: 2e14 Msun is `m2p0e14`, 0.75e14 Msun is `m0p75e14`."""
    mass_1e14 = round(m200c_msun / MASS_UNIT_MSUN, 6)
    text = f"{mass_1e14:.1f}" if round(mass_1e14, 1) == mass_1e14 else f"{mass_1e14:g}"
    return f"m{text.replace('.', 'p')}e14"


SCATTERS: Mapping[str, Callable[[np.ndarray], float]] = {
    "scatter_ln_mass": lambda values: float(np.std(values)),
    "scatter_ln_mass_gauss": gaussian_width,
    "scatter_ln_mass_half_width": half_width,
}


def scatter_metrics(
    estimate_msun: np.ndarray,
    truth_msun: np.ndarray,
    *,
    suffix: str,
    draws: int,
    rng: np.random.Generator,
) -> dict[str, float]:
    """Scatter of ln(M_est / M_true) over clusters of many masses (Fig. 5), and its median.

    Args:
        estimate_msun: `(n,)`.
        truth_msun: `(n,)`.
        suffix: of the metrics' names, empty or `_no_scatter`.
        draws: of the bootstrap.
        rng: of the bootstrap.
    """
    ratio = ln_ratio(estimate_msun, truth_msun)
    metrics = {f"median_ln_ratio{suffix}": float(np.median(ratio))}
    for name, statistic in SCATTERS.items():
        metrics[f"{name}{suffix}"] = statistic(ratio)
        error = bootstrap_error(statistic, ratio, draws=draws, rng=rng)
        metrics[f"{name}{suffix}_err"] = error
    return metrics


def mass_metrics(
    estimate_msun: np.ndarray, truth_msun: np.ndarray, reference_msun: np.ndarray
) -> dict[str, float]:
    """Median, half-width and bias of the estimates at each true mass (Fig. 4).

    `bias_median_sigma` is (median - truth) / half-width; `offset_from_bound_sigma` is the
    median's distance from that of the exact posterior, in units of the latter's half-width.

    Where all estimates are the same, as far outside the training masses, a bias in units of their
    scatter means nothing and is left out.

    Args:
        estimate_msun: `(n,)`.
        truth_msun: `(n,)`, a few distinct masses.
        reference_msun: the exact posterior means on the same maps, `(n,)`.
    """
    metrics: dict[str, float] = {}
    for mass in np.unique(truth_msun):
        here, label = truth_msun == mass, mass_label(mass)
        estimates, reference = estimate_msun[here], reference_msun[here]
        median, width = float(np.median(estimates)), half_width(estimates)
        offset = median - float(np.median(reference))
        metrics |= {
            f"median_1e14_{label}": median / MASS_UNIT_MSUN,
            f"half_width_1e14_{label}": width / MASS_UNIT_MSUN,
            f"relative_half_width_{label}": width / mass,
        }
        if (wide := half_width(reference)) > 0:
            metrics[f"offset_from_bound_sigma_{label}"] = offset / wide
        if width > 0:
            metrics[f"bias_median_sigma_{label}"] = (median - mass) / width
    return metrics


def profile_residual(predicted_uk: np.ndarray, true_uk: np.ndarray) -> float:
    """Largest error of a mean predicted profile, as a share of the true profile's peak (Fig. 3).

    Args:
        predicted_uk: predicted profiles of maps of one mass, `(n, pixels, pixels)`.
        true_uk: the true ones.
    """
    residual = predicted_uk.mean(axis=0) - true_uk.mean(axis=0)
    return float(np.abs(residual).max() / np.abs(true_uk.mean(axis=0)).max())
