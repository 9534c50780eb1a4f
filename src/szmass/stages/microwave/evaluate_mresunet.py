"""Judges the mResUNet on maps that it has not seen, beside the exact posterior."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pandas as pd

from szmass.evaluation.papers import read_paper, stated_values
from szmass.files import replacing_file, write_metrics, write_text
from szmass.microwave.maps.samples import open_microwave_store
from szmass.microwave.maps.sky import MicrowaveSky
from szmass.microwave.maps.spectra_table import read_spectra
from szmass.microwave.masses.exact import ExactEstimators
from szmass.microwave.network.estimator import WEIGHTS_FILE, MresunetEstimator
from szmass.microwave.results.estimates import BOUND, NETWORK, Estimates, judged_priors
from szmass.microwave.results.table import closing_table
from szmass.networks.backend import prepare_backend
from szmass.params import Evaluation, Microwave, MicrowaveSets, Mresunet
from szmass.reporting import Run, report_figures
from szmass.sky.grid import PixelGrid


def evaluate_mresunet(
    seed: int,
    microwave: Microwave,
    microwave_sets: MicrowaveSets,
    mresunet: Mresunet,
    evaluation: Evaluation,
    *,
    spectra_table: Path,
    microwave_store: Path,
    mresunet_model: Path,
    mresunet_history: Path,
    gupta_reichardt_2020: Path,
    microwave_predictions: Path,
    microwave_metrics: Path,
    microwave_figures: Path,
    microwave_table: Path,
    run: Run,
) -> None:
    """Writes predictions, metrics by estimator, the paper's figures and the closing table.

    The run gets the network's metrics, a child of it those of each other estimator.
    """
    prepare_backend(seed=seed, threads=mresunet.threads, networks=mresunet.threads)
    run.continue_training_run(mresunet_model / WEIGHTS_FILE)
    network = MresunetEstimator.load(mresunet_model)
    priors = judged_priors(mresunet, microwave_sets, evaluation)
    sky = MicrowaveSky(microwave, read_spectra(spectra_table))
    exact = ExactEstimators.of(sky, microwave, evaluation, priors)
    tested = Estimates.estimate(open_microwave_store(microwave_store), network, exact)
    with replacing_file(microwave_predictions) as unfinished:
        tested.predictions().to_csv(unfinished, index_label="number", float_format="%.6e")

    stated = stated_values(read_paper(gupta_reichardt_2020, "microwave")["microwave"])
    metrics = tested.metrics(stated, draws=evaluation.bootstrap_draws, seed=seed)
    write_metrics(microwave_metrics, metrics)
    for estimator, values in metrics.items():
        with nullcontext(run) if estimator == NETWORK else run.child(estimator) as reported:
            reported.tags({"estimator": estimator})
            for name, value in values.items():
                reported.metric(name, value)
    masses = tested.test_masses_msun
    table = closing_table(masses, metrics, stated, network=NETWORK, bound=BOUND)
    write_text(microwave_table, table)
    for path in (microwave_table, microwave_predictions):
        run.artifact(path)
    history, grid = pd.read_csv(mresunet_history), PixelGrid.of(microwave)
    tested.draw(microwave_figures, network, priors[BOUND], history, grid, stated)
    report_figures(run, microwave_figures)
