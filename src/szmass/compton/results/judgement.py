"""Metrics of the test clusters by data set and redshift bin, from the table of all estimates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from szmass.compton.masses.estimates import JudgedClusters
from szmass.compton.results.metrics import Metrics, judge, other_gas_metrics
from szmass.compton.results.paper import DeAndres2022
from szmass.evaluation.papers import beside_paper
from szmass.sky.redshift_bins import ALL_BINS, redshift_range


def measure(
    predictions: pd.DataFrame,
    bins: Mapping[str, Sequence[float]],
    judged: Mapping[str, Mapping[str, JudgedClusters]],
    other_gas: pd.DataFrame,
    paper: DeAndres2022,
    *,
    draws: int,
    seed: int,
) -> Metrics:
    """All metrics of each data set and bin, with the paper's beside them.

    Args:
        predictions: the table of all estimates.
        bins: edges of the redshift bins.
        judged: by data set and bin, what the ensembles say of themselves.
        other_gas: masses of clusters of other baryon models, with noise.
        paper: its numbers.
        draws: of the bootstrap over clusters.
        seed: of the bootstrap.
    """
    metrics: dict[str, dict[str, dict[str, float]]] = {}
    for data_set, of_bins in judged.items():
        here = predictions[predictions["data_set"] == data_set]
        metrics[data_set] = {}
        for name in (*bins, ALL_BINS):
            rows = here if name == ALL_BINS else here[here["bin"] == name]
            rng = np.random.default_rng(seed)
            measured = judge({key: rows[key].to_numpy() for key in rows}, draws=draws, rng=rng)
            if name in of_bins:
                passed, members = of_bins[name].members_passing
                measured["members_passing"] = passed
                measured["members_passing_share"] = passed / members
            if data_set == "planck" and len(other_gas):
                which = other_gas if name == ALL_BINS else other_gas[other_gas["bin"] == name]
                measured |= other_gas_metrics(which)
            metrics[data_set][name] = beside_paper(
                measured, paper.of_mocks(data_set, redshift_range(bins, name))
            )
    return metrics
