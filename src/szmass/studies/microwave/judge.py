"""Judges the exact posterior, the matched filter and some networks along one quantity."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from szmass.microwave.maps.sky import MicrowaveSky
from szmass.microwave.maps.spectra_table import read_spectra
from szmass.microwave.network.arrays import MassPrior, draw_maps
from szmass.networks.backend import hardware, prepare_backend
from szmass.params import Evaluation, Microwave, MicrowaveSets, Mresunet
from szmass.reporting import Run
from szmass.streams import MICROWAVE_TEST_MAPS
from szmass.studies.microwave.networks import (
    NetworkPlan,
    exact_estimators,
    scatters,
    train_network,
)
from szmass.studies.microwave.settings import NETWORK, MicrowaveStudy
from szmass.studies.results import ITEMS, write_item


def judge(
    seed: int,
    microwave: Microwave,
    microwave_sets: MicrowaveSets,
    mresunet: Mresunet,
    evaluation: Evaluation,
    study: MicrowaveStudy,
    *,
    spectra_table: Path,
    here: Path,
    item: str,
    run: Run,
) -> None:
    """Writes the scatter at each value of one of `study.quantities`."""
    prepare_backend(seed=seed, threads=mresunet.threads)
    run.tags({"quantity": item, **hardware()})
    quantity, spectra = study.quantities[item], read_spectra(spectra_table)
    for value in quantity.points:
        name = f"{item}_{value:g}"
        sky_settings, settings = quantity.applied(value, microwave, study.network(mresunet))
        sky = MicrowaveSky(sky_settings, spectra)
        prior = MassPrior.of_training(settings, microwave_sets)
        rng = np.random.default_rng((seed, MICROWAVE_TEST_MAPS))
        test = draw_maps(sky, MassPrior.flat(study.test_range_1e14), rng, study.test_maps)
        exact = exact_estimators(sky, sky_settings, prior, evaluation)
        estimates = exact(test.temperature_uk)
        folder = here / ITEMS / item / name
        with run.child(name) as child:
            child.tags({"quantity": item, "value": f"{value:g}"})
            if value in quantity.trained:
                plan = NetworkPlan(sky_settings, settings, prior, stored_maps=0, seed=seed)
                network = train_network(plan, sky, folder, child)
                estimates[NETWORK] = network(test.temperature_uk)[0]
            draws = evaluation.bootstrap_draws
            metrics = scatters(estimates, test.m200c_msun, draws=draws, seed=seed)
            columns = {f"{estimator}_msun": masses for estimator, masses in estimates.items()}
            table = pd.DataFrame({"m200c_msun": test.m200c_msun, **columns})
            write_item(folder, metrics | {"value": value}, table, child)
