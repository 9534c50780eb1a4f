"""Mock ensembles in the files of trained ones: networks of which the last layer alone is fitted."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from pathlib import Path

import keras
import numpy as np

from szmass.compton.network.arrays import DevelopmentMaps
from szmass.compton.network.files import EnsembleFiles
from szmass.compton.network.members import CnnTrainer, Member, TrainedMember, plan_members
from szmass.files import resumable_folder
from szmass.networks.training import Epoch
from szmass.params import Params
from szmass.storage.store import MapStore


def write_ensembles(models: Path, stores: Mapping[str, MapStore], params: Params) -> None:
    """Writes the ensembles of all bins below a folder, `stores` being clean or planck by name."""
    trainer = CnnTrainer(params.compton.pixels, params.cnn)
    features = keras.Model(trainer.network.input, trainer.network.layers[-1].input)
    targets = {"m500c": params.cnn.members, "m200c": params.cnn.m200_members}
    fraction = params.cnn.validation_fraction
    for index, (name, edges) in enumerate(params.bins.items()):
        with resumable_folder(models / name, "mock") as unfinished:
            for (data_set, store), (target, count) in product(stores.items(), targets.items()):
                if count == 0:
                    continue
                maps = DevelopmentMaps(store, edges)
                files = EnsembleFiles(unfinished, f"{data_set}/{target}", trainer.network)
                identity = (1, index, 0, 0)
                members = plan_members(identity, maps.cluster, count=count, fraction=fraction)
                for number, member in enumerate(members):
                    trainer.restart(np.random.default_rng((index, number)))
                    files.keep(number, fitted(trainer.network, features, member, maps, target))
                files.finish(members, maps, target, params.cnn)


def fitted(
    network: keras.Model, features: keras.Model, member: Member, maps: DevelopmentMaps, target: str
) -> TrainedMember:
    """The network with the least-squares fit of its last layer to the masses of training maps."""
    scale = maps.scale(member.train, target)
    inputs = scale.inputs(maps.compton_y(np.arange(len(maps))))
    before = features.predict_on_batch(inputs)
    matrix = np.column_stack([before, np.ones(len(before))])
    train = matrix[member.train]
    ridge = 1e-4 * np.eye(matrix.shape[1]) * np.mean(train**2) * len(train)
    labels = scale.labels(maps.log10_m[target][member.train])
    solved = np.linalg.solve(train.T @ train + ridge, train.T @ labels)
    network.layers[-1].set_weights([solved[:-1], solved[-1]])
    log10_m_pred = scale.log10_m(matrix[member.validation] @ solved)
    history = [Epoch(1, len(train), 0.0, 0.0, 0.0, 0.0)]
    return TrainedMember(network.get_weights(), scale, 1, history, log10_m_pred)
