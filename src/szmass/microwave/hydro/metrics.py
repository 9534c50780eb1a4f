"""Bias and scatter of masses on the hydrodynamical test, under the project's metric names."""

from __future__ import annotations

import numpy as np

from szmass.evaluation.statistics import bootstrap_error, half_width, ln_ratio
from szmass.microwave.results.metrics import scatter_metrics
from szmass.units import MASS_UNIT_MSUN

MASS_BINS = 5


def hydro_metrics(
    estimate_msun: np.ndarray,
    truth_msun: np.ndarray,
    factor: np.ndarray,
    *,
    draws: int,
    rng: np.random.Generator,
) -> dict[str, float]:
    """Bias and scatter of estimates times `factor`, with errors by bootstrap over clusters.

    Without a suffix over all maps; `_unscaled` without the factor; `_clusters` over the clusters,
    each with its median over the skies, which leaves the scatter that is the clusters' own. Bins
    `_mass1` ... `_mass5` are in order of true mass, with as many clusters in each.

    Args:
        estimate_msun: `(clusters, realisations)`.
        truth_msun: `(clusters,)`.
        factor: r of each cluster, `(clusters,)`.
        draws: of the bootstrap.
        rng: of the bootstrap.
    """
    median_msun = np.median(estimate_msun, axis=1)
    scaled_msun, truth_of_maps = estimate_msun * factor[:, None], truth_msun[:, None]
    metrics: dict[str, float] = {}
    for suffix, estimate, truth in (
        ("", scaled_msun, truth_of_maps),
        ("_unscaled", estimate_msun, truth_of_maps),
        ("_clusters", median_msun * factor, truth_msun),
    ):
        metrics |= scatter_metrics(estimate, truth, suffix=suffix, draws=draws, rng=rng)
        ratio = ln_ratio(estimate, truth)
        error = bootstrap_error(lambda values: float(values.mean()), ratio, draws=draws, rng=rng)
        metrics |= {
            f"mean_ln_ratio{suffix}": float(ratio.mean()),
            f"mean_ln_ratio{suffix}_err": error,
        }
    for number, rows in enumerate(mass_bins(truth_msun), start=1):
        ratio = ln_ratio(scaled_msun[rows], truth_of_maps[rows])
        metrics |= {
            f"true_median_1e14_mass{number}": float(np.median(truth_msun[rows])) / MASS_UNIT_MSUN,
            f"median_ln_ratio_mass{number}": float(np.median(ratio)),
            f"scatter_ln_mass_half_width_mass{number}": half_width(ratio),
        }
    return metrics


def mass_bins(truth_msun: np.ndarray) -> list[np.ndarray]:
    """Rows of the clusters in bins of true mass, as many in each, none empty."""
    bins = np.array_split(np.argsort(truth_msun, kind="stable"), MASS_BINS)
    return [rows for rows in bins if len(rows)]
