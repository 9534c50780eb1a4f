"""The sky of params.yaml, built once a run from a real CAMB run and the real foregrounds."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from threadpoolctl import threadpool_limits

from helpers import ROOT
from helpers.committed import SETTINGS
from szmass.microwave.maps.sky import MicrowaveSky
from szmass.microwave.maps.spectra_table import read_george2015
from szmass.params import Params, load
from szmass.sky.spectra import COMPONENTS, CmbCosmology, foregrounds_dl_uk2, lensed_cmb_dl_uk2

# a shell that starts the tests in the background has it ignored, and so would all that they start
signal.signal(signal.SIGINT, signal.default_int_handler)

LONGEST = "test_pipeline.py"
pytest_plugins = ["helpers.tiny_microwave"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """How many files `tests/predict/test_fuzz.py` makes."""
    parser.addoption("--fuzz-files", type=int, default=50, metavar="N", help="files of test_fuzz")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest file first: several processes then end together."""
    items.sort(key=lambda item: item.path.name != LONGEST)


@pytest.fixture(scope="session", autouse=True)
def threads(params: Params) -> Iterator[None]:
    """One for BLAS, here and in the processes that tests start: its idle threads take the cores.

    TensorFlow has as many as a training of an ensemble, whose last bits depend on their number;
    it reads that once, before its first operation.
    """
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    os.environ["TF_NUM_INTRAOP_THREADS"] = "1"
    os.environ["TF_NUM_INTEROP_THREADS"] = str(params.cnn.threads)
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def params() -> Params:
    """The committed settings."""
    return load(SETTINGS)


@pytest.fixture(scope="session")
def common(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the processes of a run share, for what one of them makes for all."""
    of_process = tmp_path_factory.getbasetemp()
    return of_process.parent if "PYTEST_XDIST_WORKER" in os.environ else of_process


@pytest.fixture(scope="session")
def dl_uk2(params: Params, common: Path) -> dict[str, np.ndarray]:
    """D_l in uK^2 of every component, from l = 0."""
    file = common / "dl_uk2.npy"
    with FileLock(common / "dl_uk2.lock"):
        if not file.exists():
            settings = asdict(params.spectra)
            lmax, camb_lmax = settings.pop("lmax"), settings.pop("camb_lmax")
            cmb = lensed_cmb_dl_uk2(CmbCosmology(**settings), lmax=lmax, camb_lmax=camb_lmax)
            table = read_george2015(ROOT / params.paths["george2015"])
            spectra = {"cmb": cmb} | foregrounds_dl_uk2(*table, lmax=lmax)
            np.save(file, [spectra[name] for name in COMPONENTS])
    return dict(zip(COMPONENTS, np.load(file), strict=True))


@pytest.fixture(scope="session")
def sky(params: Params, dl_uk2: dict[str, np.ndarray]) -> MicrowaveSky:
    """The microwave sky of params.yaml."""
    return MicrowaveSky(params.microwave, dl_uk2)
