"""A small training of the stage `train_cnn`; run as a script, one in a process of its own.

python cnn_training.py STORES FOLDER          trains in FOLDER, and prints what members reported
python cnn_training.py STORES FOLDER --wait   waits within a member, to be killed
python cnn_training.py STORES FOLDER --long   trains for hours, and says when it begins
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep

from helpers.committed import SETTINGS
from helpers.mock_stores import BINS, store_paths
from helpers.recording import ListRun
from szmass.params import load
from szmass.reporting import Run
from szmass.stages.compton.train_cnn import train_cnn

MEMBERS, M200_MEMBERS = 2, 1
WAITS_S = 120.0


def train(folder: Path, stores: dict[str, Path], run: Run, *, epochs: int = 2) -> Path:
    """Trains the ensembles of a bin below `folder`; returns theirs."""
    verdict = folder / "verdict.json"
    verdict.write_text('{"success": true}')
    settings = dataclasses.replace(
        load(SETTINGS).cnn,
        filters=4,
        neurons=16,
        batch=8,
        epochs=epochs,
        members=MEMBERS,
        clean_members=MEMBERS,
        recipe="fresh",
        noise_draws=2,
        m200_members=M200_MEMBERS,
        mass_bins=3,
        bias_threshold=0.05,
        validation_fraction=0.25,
    )
    train_cnn(
        1,
        BINS,
        settings,
        **stores,
        compton_verdict=verdict,
        cnn_models=folder / "cnn",
        item="z2",
        run=run,
    )
    return folder / "cnn" / "z2"


class SpeakingRun(ListRun):
    """Says that a training has begun, at its first report."""

    @contextmanager
    def child(self, name: str) -> Iterator[ListRun]:  # noqa: ARG002
        yield self

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        if not self.metrics:
            print("training", flush=True)
        super().metric(name, value, step)


class WaitingRun(ListRun):
    """Waits after the first epoch of the second member of the second data set, and says so."""

    def __init__(self, *place: str) -> None:
        super().__init__()
        self.place = place

    @contextmanager
    def child(self, name: str) -> Iterator[ListRun]:
        yield WaitingRun(*self.place, name)

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        super().metric(name, value, step)
        if self.place == ("planck_m500c", "member_001") and name == "validation_loss":
            print("waiting", flush=True)
            sleep(WAITS_S)


def reports(run: ListRun) -> dict[str, list]:
    """What the members of the second data set reported, as JSON has it."""
    members = run.children["planck_m500c"].children
    return {name: [list(metric) for metric in of.metrics] for name, of in members.items()}


if __name__ == "__main__":
    stores, folder, *options = sys.argv[1:]
    run = {"--wait": WaitingRun, "--long": SpeakingRun}.get("".join(options), ListRun)()
    epochs = 10**6 if options == ["--long"] else 2
    paths = store_paths(Path(stores), load(SETTINGS))
    train(Path(folder), paths, run, epochs=epochs)
    print(json.dumps(reports(run)))
