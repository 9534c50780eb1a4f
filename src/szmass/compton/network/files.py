"""The files of ensembles while they are trained: members that are finished outlive a kill."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from szmass.compton.network.arrays import DevelopmentMaps
from szmass.compton.network.ensemble import (
    ARCHITECTURE_FILE,
    ENSEMBLE_FILE,
    OUT_OF_FOLD_FILE,
    WEIGHTS_FILE,
)
from szmass.compton.network.members import Member, TrainedMember
from szmass.compton.network.selection import score, select
from szmass.files import write_text
from szmass.networks.training import Epoch
from szmass.params import Cnn

IDENTITY_FILE = "identity"
FACTS_FILE = "member_{member:03d}.json"
FLOAT_FORMAT = "%.6f"
HISTORY = ("epoch", "loss", "validation_loss", "learning_rate")
"""The columns of the training history, one row an epoch."""


class UnfinishedOutput:
    """A folder beside an output that is kept over a kill, until all of the output is there.

    Args:
        output: the folder to write in the end.
        identity: of the training; what another training has left is removed.
    """

    def __init__(self, output: Path, identity: str) -> None:
        self._output = output
        self._beside = output.with_name(output.name + ".training")
        file = self._beside / IDENTITY_FILE
        if not file.is_file() or file.read_text() != identity:
            shutil.rmtree(self._beside, ignore_errors=True)
            self._beside.mkdir(parents=True)
            file.write_text(identity)

    def ensemble(self, data_set: str, target: str, network: keras.Model) -> EnsembleFiles:
        """The files of one of the ensembles in the output."""
        output, facts = (self._beside / part / data_set / target for part in ("output", "facts"))
        return EnsembleFiles(output, facts, network)

    def finish(self) -> None:
        """Puts what was written in the output's place."""
        shutil.rmtree(self._output, ignore_errors=True)
        (self._beside / "output").rename(self._output)
        shutil.rmtree(self._beside)


class EnsembleFiles:
    """The files of one ensemble.

    Args:
        output: its folder.
        facts: folder of what is known of finished members.
        network: the members' network.
    """

    def __init__(self, output: Path, facts: Path, network: keras.Model) -> None:
        self._output, self._facts = output, facts
        for folder in (output, facts):
            folder.mkdir(parents=True, exist_ok=True)
        # what is written is the network alone, without an optimiser's rate and moments
        self._bare = type(network).from_config(network.get_config())
        (output / ARCHITECTURE_FILE).write_text(self._bare.to_json())

    def history(self, number: int) -> list[Epoch] | None:
        """The history of a member that is finished; None for others."""
        facts, weights = self._facts_file(number), self._weights_file(number)
        if not (facts.is_file() and weights.is_file()):
            return None
        return [Epoch(**epoch) for epoch in json.loads(facts.read_text())["history"]]

    def keep(self, number: int, trained: TrainedMember) -> None:
        """Writes a member; its facts come last, and say that it is finished."""
        self._bare.set_weights(trained.weights)
        self._bare.save_weights(self._weights_file(number))
        facts = asdict(trained) | {"log10_m_pred": trained.log10_m_pred.tolist()}
        del facts["weights"]
        write_text(self._facts_file(number), json.dumps(facts))

    def finish(
        self, members: list[Member], maps: DevelopmentMaps, target: str, settings: Cnn
    ) -> dict[str, Any]:
        """Chooses a member, and writes what is known of all; returns the content of the JSON."""
        facts, tables, scores = [], [], []
        for number, member in enumerate(members):
            known = json.loads(self._facts_file(number).read_text())
            known["history"] = [{key: epoch[key] for key in HISTORY} for epoch in known["history"]]
            rows, pred = member.validation, np.array(known.pop("log10_m_pred"))
            true = maps.log10_m[target][rows]
            columns = {"cluster": maps.cluster[rows], "projection": maps.projection[rows]}
            columns |= {"log10_m_true": true, "log10_m_pred": pred}
            tables.append(pd.DataFrame({"member": number, **columns}))
            scores.append(score(pred, true, mass_bins=settings.mass_bins))
            facts.append(
                {
                    **known,
                    **asdict(scores[-1]),
                    "max_abs_bias": scores[-1].max_abs_bias,
                    "sum_std": scores[-1].sum_std,
                    "least_validation_loss": min(e["validation_loss"] for e in known["history"]),
                    "identity": member.identity,
                    "training_maps": len(member.train),
                    "validation_maps": len(rows),
                }
            )
        selected, passing = select(scores, settings.bias_threshold)
        out_of_fold = pd.concat(tables)
        residual = out_of_fold["log10_m_pred"] - out_of_fold["log10_m_true"]
        ensemble = {
            "target": target,
            "selected": selected,
            "members_passing": passing,
            "bias_threshold": settings.bias_threshold,
            "validation_scatter_dex": float(np.std(residual.to_numpy())),
            "development_maps": len(maps),
            "development_clusters": len(np.unique(maps.cluster)),
            "seen": {
                "log10_m": _range(maps.log10_m[target]),
                "redshift": _range(maps.redshift),
                "central_y": _range(maps.central_y),
            },
            "members": facts,
        }
        text = json.dumps(ensemble, indent=1, sort_keys=True)
        (self._output / ENSEMBLE_FILE).write_text(text + "\n")
        table = self._output / OUT_OF_FOLD_FILE
        out_of_fold.to_csv(table, index=False, float_format=FLOAT_FORMAT)
        return ensemble

    def _facts_file(self, number: int) -> Path:
        return self._facts / FACTS_FILE.format(member=number)

    def _weights_file(self, number: int) -> Path:
        return self._output / WEIGHTS_FILE.format(member=number)


def _range(values: np.ndarray) -> list[float]:
    return [float(values.min()), float(values.max())]
