"""The files of ensembles while they are trained: members that are finished outlive a kill."""

from __future__ import annotations

import json
import logging
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
from szmass.files import OUTPUT, write_text
from szmass.hashes import write_sums
from szmass.networks.backend import save_weights
from szmass.networks.identity import files_digest
from szmass.networks.training import Epoch
from szmass.params import Cnn

FACTS = "facts"
"""Folder of what is known of finished members."""
FACTS_FILE = "member_{member:03d}.json"
FLOAT_FORMAT = "%.6f"
HISTORY = ("epoch", "loss", "validation_loss", "learning_rate")
"""The columns of the training history, one row an epoch."""

logger = logging.getLogger(__name__)


class EnsembleFiles:
    """The files of one ensemble.

    Args:
        unfinished: folder of the training, as `resumable_folder` gives it.
        name: of the ensemble's folder in the output.
        network: the members' network.
    """

    def __init__(self, unfinished: Path, name: str, network: keras.Model) -> None:
        self._output, self._facts = (unfinished / part / name for part in (OUTPUT, FACTS))
        for folder in (self._output, self._facts):
            folder.mkdir(parents=True, exist_ok=True)
        # what is written is the network alone, without an optimiser's rate and moments
        self._bare = type(network).from_config(network.get_config())
        (self._output / ARCHITECTURE_FILE).write_text(self._bare.to_json())

    def history(self, number: int) -> list[Epoch] | None:
        """The history of a member that is finished; None for others, and for a damaged one."""
        facts, weights = self._facts_file(number), self._weights_file(number)
        if not (facts.is_file() and weights.is_file()):
            return None
        try:
            known = json.loads(facts.read_text())
            if known["weights"] == files_digest([weights]):
                return [Epoch(**epoch) for epoch in known["history"]]
        except (ValueError, KeyError, TypeError):
            pass
        logger.warning("%s: damaged, or of other weights; the member is trained anew", facts)
        return None

    def keep(self, number: int, trained: TrainedMember) -> None:
        """Writes a member; its facts come last, and say that it is finished."""
        self._bare.set_weights(trained.weights)
        save_weights(self._bare, self._weights_file(number))
        facts = asdict(trained) | {"log10_m_pred": trained.log10_m_pred.tolist()}
        facts["weights"] = files_digest([self._weights_file(number)])
        write_text(self._facts_file(number), json.dumps(facts))

    def finish(
        self, members: list[Member], maps: DevelopmentMaps, target: str, settings: Cnn
    ) -> dict[str, Any]:
        """Chooses a member, and writes what is known of all; returns the content of the JSON.

        The files' sums come last.
        """
        facts, tables, scores = [], [], []
        for number, member in enumerate(members):
            known = json.loads(self._facts_file(number).read_text())
            del known["weights"]
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
        write_sums(self._output)
        return ensemble

    def _facts_file(self, number: int) -> Path:
        return self._facts / FACTS_FILE.format(member=number)

    def _weights_file(self, number: int) -> Path:
        return self._output / WEIGHTS_FILE.format(member=number)


def _range(values: np.ndarray) -> list[float]:
    return [float(values.min()), float(values.max())]
