"""Judges the exact posterior, the matched filter and some networks along each quantity."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from szmass.microwave.maps.sky import MicrowaveSky
from szmass.microwave.maps.spectra_table import read_spectra
from szmass.microwave.network.arrays import MassPrior, draw_maps
from szmass.networks.backend import hardware, prepare_backend
from szmass.networks.identity import training_identity
from szmass.params import Evaluation, Microwave, MicrowaveSets, Mresunet
from szmass.reporting import Run
from szmass.streams import MICROWAVE_TEST_MAPS
from szmass.studies.items import Item, make_items, shared_settings, write_item
from szmass.studies.microwave.networks import (
    NetworkPlan,
    exact_estimators,
    scatters,
    train_network,
)
from szmass.studies.microwave.settings import NETWORK, MicrowaveStudy
from szmass.studies.results import ITEMS


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
    run: Run,
) -> None:
    """Writes the scatter at each value of each of `study.quantities`."""
    prepare_backend(seed=seed, threads=mresunet.threads)
    run.tags(hardware())
    spectra, draws = read_spectra(spectra_table), evaluation.bootstrap_draws

    def make(item: Item) -> None:
        # first weights are drawn one network after the other
        prepare_backend(seed=seed, threads=mresunet.threads)
        quantity = study.quantities[item.name]
        for value in quantity.points:
            name = f"{item.name}_{value:g}"
            sky_settings, settings = quantity.applied(value, microwave, study.network(mresunet))
            sky = MicrowaveSky(sky_settings, spectra)
            prior = MassPrior.of_training(settings, microwave_sets)
            rng = np.random.default_rng((seed, MICROWAVE_TEST_MAPS))
            test = draw_maps(sky, MassPrior.flat(study.test_range_1e14), rng, study.test_maps)
            exact = exact_estimators(sky, sky_settings, prior, evaluation)
            estimates = exact(test.temperature_uk)
            folder = item.folder / name
            with item.run.child(name) as child:
                child.tags({"quantity": item.name, "value": f"{value:g}"})
                if value in quantity.trained:
                    plan = NetworkPlan(sky_settings, settings, prior, stored_maps=0, seed=seed)
                    network = train_network(plan, sky, folder, item.identity, child)
                    estimates[NETWORK] = network(test.temperature_uk)[0]
                metrics = scatters(estimates, test.m200c_msun, draws=draws, seed=seed)
                columns = {f"{estimator}_msun": masses for estimator, masses in estimates.items()}
                table = pd.DataFrame({"m200c_msun": test.m200c_msun, **columns})
                write_item(folder, metrics | {"value": value}, table, child)

    shared = shared_settings(study, "quantities", "training_sets")
    settings = [seed, microwave, microwave_sets, mresunet, evaluation, shared]
    identity = training_identity(__name__, settings, [spectra_table])
    folder = here / ITEMS / "quantities"
    make_items(folder, study.quantities, make, identity=identity, run=run)
