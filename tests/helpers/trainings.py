"""Variants of a training in MLflow, reported by szmass as its stages do, within seconds."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from helpers import ROOT
from helpers.checkout import Checkout
from helpers.committed import SETTINGS
from helpers.report_inputs import picture
from szmass.hashes import sha256
from szmass.params import Params, load
from szmass.tracking import open_run
from szmass.tracking.models import ARCHITECTURE_FILE, WEIGHTS_FILE
from szmass.tracking.runs import TRAINED

WIDTHS = {"narrow-net": 4, "a-net-between-the-two": 16, "wide-net": 32}
"""Filters of the mResUNet, by the name of the DVC experiment."""
REGISTERED = "wide-net"
EPOCHS = 12
FIGURE, FIGURE_SIZE = "figure4_masses.png", (1200, 800)
JUDGED = ROOT / "metrics" / "microwave.json"
SCATTER = "scatter_ln_mass"


def write_trainings(root: Path) -> None:
    """Makes a folder a repository, and reports from there; MLFLOW_TRACKING_URI says where to."""
    shutil.copytree(ROOT / "scales", root / "scales")
    for file in (SETTINGS, ROOT / "dvc.lock"):
        shutil.copy(file, root)
    checkout = Checkout(root)
    checkout.start_git()
    checkout.commit("What is committed")
    (root / ".dvc").mkdir()
    settings = (root / "params.yaml").read_text()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        for name, width in WIDTHS.items():
            patch.setenv("DVC_EXP_NAME", name)
            changed = re.sub(r"^(  width:) \d+", rf"\1 {width}", settings, flags=re.MULTILINE)
            Path("params.yaml").write_text(changed)
            params = load(Path("params.yaml"))
            assert params.mresunet.width == width
            _train(params, register=name == REGISTERED)  # its hundreds of files once
            _judge(params)
        patch.delenv("DVC_EXP_NAME")
        Path("params.yaml").write_text(settings)
        _train_ensemble(params)


def _train(params: Params, *, register: bool) -> None:
    names = ("seed", "microwave", "microwave_sets", "mresunet")
    sections = {name: getattr(params, name) for name in names}
    paths = {name: params.paths[name] for name in ("microwave_store", "mresunet_model")}
    model, width = paths["mresunet_model"], params.mresunet.width
    with open_run("train_mresunet", sections=sections, paths=paths) as run:
        for epoch in range(1, EPOCHS + 1):
            run.metric("loss", 1.0 / (epoch * width), epoch)
            run.metric("validation_loss", 1.2 / (epoch * width), epoch)
            run.metric("learning_rate", 2e-3 * (1.0 - epoch / EPOCHS), epoch)
        model.mkdir(parents=True, exist_ok=True)
        layer = {"config": {"batch_shape": [None, 40, 40, 1]}}
        (model / ARCHITECTURE_FILE).write_text(json.dumps({"config": {"layers": [layer]}}))
        (model / WEIGHTS_FILE).write_text(f"of width {width}")
        run.tags({TRAINED: sha256(model / WEIGHTS_FILE)})
        run.metric("validation_scatter_ln_mass", 0.18 + 0.01 / width)
        if register:
            run.model(model, "mresunet")


def _judge(params: Params) -> None:
    """The committed numbers; the widest network has the least scatter."""
    names = ("microwave_store", "mresunet_model")
    paths = {name: params.paths[name] for name in names}
    figure = Path(FIGURE)
    figure.write_bytes(picture(*FIGURE_SIZE))
    with open_run("evaluate_mresunet", sections={"seed": params.seed}, paths=paths) as run:
        run.continue_training_run(paths["mresunet_model"] / WEIGHTS_FILE)
        for name, value in json.loads(JUDGED.read_text())["mresunet"].items():
            off = 0.01 / params.mresunet.width if name == SCATTER else 0.0
            run.metric(name, value + off)
        run.figure(figure)


def _train_ensemble(params: Params) -> None:
    sections = {"seed": params.seed, "cnn": params.cnn}
    with open_run("train_cnn", sections=sections, paths={}, items=["z1"]) as run:
        for data_set in ("clean_m500c", "planck_m500c"):
            with run.child(data_set) as ensemble, ensemble.child("member_000") as member:
                for epoch in range(1, EPOCHS + 1):
                    member.metric("loss", 1.0 / epoch, epoch)
