"""Both networks train on JAX as they do on TensorFlow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from helpers import ROOT
from helpers.short_trainings import reports


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the trainings report on each backend."""
    weights = tmp_path_factory.mktemp("weights") / "common.weights.h5"
    on_tensorflow = reports(weights)
    # XLA's optimisations take minutes on a CPU and change no loss here
    environment = {"PYTHONPATH": "src:tests", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    finished = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "helpers" / "short_trainings.py"), str(weights)],
        env=os.environ | environment | {"KERAS_BACKEND": "jax"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=240,
    )
    on_jax = json.loads(finished.stdout.strip().splitlines()[-1])
    return {of_backend["backend"]: of_backend for of_backend in (on_tensorflow, on_jax)}


def test_a_step_of_the_mresunet_has_the_same_loss(trained: dict[str, Any]) -> None:
    ours, theirs = (trained[backend]["mresunet"] for backend in ("tensorflow", "jax"))
    assert ours[1] < ours[0]
    np.testing.assert_allclose(theirs, ours, rtol=1e-4)


def test_a_member_of_the_cnn_has_the_same_losses_and_masses(trained: dict[str, Any]) -> None:
    ours, theirs = (trained[backend]["cnn"] for backend in ("tensorflow", "jax"))
    assert ours["losses"][-1] < ours["losses"][0]
    np.testing.assert_allclose(theirs["losses"], ours["losses"], rtol=1e-4)
    np.testing.assert_allclose(theirs["log10_m"], ours["log10_m"], atol=1e-4)
