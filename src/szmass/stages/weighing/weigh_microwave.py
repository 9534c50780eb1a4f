"""Weighs the 150 GHz maps, whose posterior is known exactly: proof of what weighing loses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from szmass.evaluation.posteriors import MassPosteriors, mass_axis
from szmass.files import write_metrics, write_text
from szmass.microwave.maps.samples import open_microwave_store
from szmass.microwave.maps.sky import MicrowaveSky
from szmass.microwave.maps.spectra_table import read_spectra
from szmass.microwave.masses.likelihood import MassLikelihood
from szmass.microwave.network.arrays import read_maps
from szmass.networks.backend import hardware, prepare_backend
from szmass.params import Evaluation, Microwave, Weighing, WeighingMicrowave
from szmass.reporting import Run
from szmass.streams import WEIGHING_MICROWAVE
from szmass.units import MASS_UNIT_MSUN
from szmass.weighing.filters import CovarianceNoise
from szmass.weighing.judgement.against_exact import AgainstExact, judge_against_exact, table
from szmass.weighing.judgement.gate import as_verdict
from szmass.weighing.one_redshift import OneRedshift
from szmass.weighing.training.network import train_ensemble

SETS = ("scatter_test", "no_scatter_test")


def weigh_microwave(
    seed: int,
    microwave: Microwave,
    weighing: Weighing,
    weighing_microwave: WeighingMicrowave,
    evaluation: Evaluation,
    *,
    spectra_table: Path,
    microwave_store: Path,
    weighing_microwave_verdict: Path,
    weighing_microwave_metrics: Path,
    weighing_microwave_table: Path,
    run: Run,
) -> None:
    """Trains networks, and writes verdict, metrics and a table of Figure 5's maps weighed."""
    prepare_backend(seed=seed, threads=weighing.threads)
    run.tags(hardware())
    settings = weighing_microwave.applied(weighing)
    low, high = (mass * MASS_UNIT_MSUN for mass in weighing_microwave.prior_range_1e14)
    axis = mass_axis(np.log10([low, high]).tolist(), settings.axis_nodes)
    sky = MicrowaveSky(microwave, read_spectra(spectra_table))
    noise = CovarianceNoise(sky.grid, sky.covariance_uk2())
    # the last bits of a factorisation depend on its threads
    with threadpool_limits(1):
        survey = OneRedshift.of(
            sky.mean_uk,
            noise,
            np.geomspace(low, high, settings.filters),
            redshift=microwave.redshift,
            ln_scatter=microwave.ln_scatter,
        )
        lost = survey.lost_information(10.0**axis, noise)
    drawn = np.random.default_rng((seed, WEIGHING_MICROWAVE, 0))
    training, validation = (
        survey.clusters(np.log10(drawn.uniform(low, high, count)), settings)
        for count in (settings.training_clusters, settings.validation_clusters)
    )
    own = int(np.random.default_rng((seed, WEIGHING_MICROWAVE, 1)).integers(2**31))
    total = settings.networks * settings.epochs * len(training)
    with tqdm(total=total, desc="weigh_microwave", unit="cluster", disable=None) as bar:
        ensemble = train_ensemble(training, validation, seed=own, run=run, progress=bar.update)

    likelihood = MassLikelihood(
        m200c_msun=10.0**axis,
        signals_uk=sky.mean_uk(10.0**axis).reshape(len(axis), -1),
        covariance_uk2=noise.covariance,
        ln_scatter=microwave.ln_scatter,
        eigenvalue_cut=microwave.eigenvalue_cut,
    )
    store = open_microwave_store(microwave_store)
    metrics: dict[str, dict[str, float]] = {}
    for number, name in enumerate(SETS):
        maps = read_maps(store, name)
        # uniform in M: a density of log10 M that rises as M
        ln_exact = likelihood(maps.temperature_uk.astype(float)) + np.log(10.0**axis)
        judged = AgainstExact(
            maps.m200c_msun,
            exact=MassPosteriors.of_weights(
                axis, np.exp(ln_exact - ln_exact.max(axis=1, keepdims=True))
            ),
            found=survey.posteriors(ensemble, maps.temperature_uk, axis),
        )
        rng = np.random.default_rng((seed, WEIGHING_MICROWAVE, 2, number))
        metrics[name] = judged.metrics(draws=evaluation.bootstrap_draws, rng=rng)
    checks = judge_against_exact(metrics)
    write_metrics(weighing_microwave_verdict, as_verdict(checks))
    metrics["filters"] = {"lost_information": float(lost.max())}
    write_metrics(weighing_microwave_metrics, metrics)
    for place, values in metrics.items():
        for key, value in values.items():
            run.metric(f"{place}.{key}", value)
    write_text(weighing_microwave_table, table(metrics, checks))
    run.artifact(weighing_microwave_table)
