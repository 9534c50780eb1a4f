"""A stage takes no input that was changed since its stage made it."""

from __future__ import annotations

import json
from hashlib import md5
from pathlib import Path

from dvc.repo import Repo

from helpers.checkout import Checkout
from helpers.shared_project import flip_a_bit
from szmass.hashes import sha256
from szmass.microwave.network.arrays import Normalisation
from szmass.microwave.network.estimator import WEIGHTS_FILE, MresunetEstimator
from szmass.microwave.network.mresunet import mresunet

JUDGE = """
def judge_mark(seed: int, *, microwave_store: Path, mresunet_history: Path) -> None:
    mresunet_history.parent.mkdir(parents=True, exist_ok=True)
    mresunet_history.write_text((microwave_store / "b").read_text())
"""
STORE, HISTORY = "data/microwave.zarr", "metrics/mresunet_history.csv"


def folder_md5(files: dict[str, str]) -> str:
    """DVC's digest of a folder, from its files' contents by name."""
    entries = [
        {"md5": md5(text.encode(), usedforsecurity=False).hexdigest(), "relpath": name}
        for name, text in files.items()
    ]
    return md5(json.dumps(entries).encode(), usedforsecurity=False).hexdigest() + ".dir"


def test_a_stage_of_dvc_refuses_a_changed_input(tmp_path: Path):
    checkout = Checkout.create(tmp_path)
    checkout.write_stage("judge_mark", JUDGE)
    Repo.init(str(tmp_path), no_scm=True).close()
    store, made = tmp_path / STORE, {"a": "as made", "b": "as made"}
    store.mkdir(parents=True)
    for name, text in made.items():
        (store / name).write_text(text)
    (tmp_path / "dvc.lock").write_text(
        "schema: '2.0'\nstages:\n  make_mark:\n    cmd: x\n    outs:\n"
        f"    - {{path: {STORE}, hash: md5, md5: {folder_md5(made)}}}\n"
        "  judge_mark:\n    cmd: x\n    outs:\n"
        f"    - {{path: {HISTORY}, hash: md5, md5: its own may differ}}\n"
    )
    assert checkout.run_stage("judge_mark", DVC_STAGE="judge_mark").stderr == ""
    assert (tmp_path / HISTORY).read_text() == "as made"
    (store / "b").write_text("as madE")
    done = checkout.run_stage("judge_mark", DVC_STAGE="judge_mark")
    assert done.returncode == 1
    assert done.stderr == (
        f"szmass judge_mark: error: {STORE}: changed since it was made: its md5 is "
        f"{folder_md5(made | {'b': 'as madE'})}, expected {folder_md5(made)} as in dvc.lock; "
        f"restore it (dvc checkout {STORE}) or make it anew (dvc repro {STORE})\n"
    )
    assert (tmp_path / HISTORY).read_text() == "as made"


def test_a_stage_that_is_run_by_hand_refuses_a_changed_model(tmp_path: Path) -> None:
    checkout = Checkout.create(tmp_path)
    (tmp_path / ".dvc").mkdir()
    model = Path("models/mresunet")
    network = mresunet(pixels=8, width=1, dropout=0.0)
    MresunetEstimator(network, Normalisation(1.0, 1.0, 1e14, "flat")).save(tmp_path / model)
    weights = model / WEIGHTS_FILE
    before = sha256(tmp_path / weights)
    flip_a_bit(tmp_path / weights)
    done = checkout.run_stage("evaluate_mresunet")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"szmass evaluate_mresunet: error: {weights}: changed since it was saved: its sha256 is "
        f"{sha256(tmp_path / weights)}, expected {before} as in SHA256SUMS; make it again (dvc "
        "repro train_mresunet) or fetch it (dvc pull)"
    )
