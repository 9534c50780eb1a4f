"""A microwave line of tiny maps, for tests of how stores are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from szmass.microwave.maps.spectra_table import write_spectra
from szmass.params import Params
from szmass.stages.microwave.simulate_microwave import simulate_microwave


@pytest.fixture(scope="session")
def spectra_table(dl_uk2: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The spectra as `tabulate_spectra` writes them."""
    path = tmp_path_factory.mktemp("spectra") / "spectra.csv"
    write_spectra(path, dl_uk2)
    return path


@pytest.fixture(scope="session")
def tiny(params: Params) -> Params:
    """Maps of 8 x 8 pixels, 9 shards of them."""
    return replace(
        params,
        seed=11,
        microwave=replace(params.microwave, pixels=8),
        microwave_sets=replace(
            params.microwave_sets,
            training_masses_1e14=[2.0, 5.0],
            other_masses_1e14=[3.0],
            train_maps=3000,
            validation_maps=100,
            test_maps=100,
            spare_maps=20,
            scatter_maps=1000,
        ),
    )


@pytest.fixture(scope="session")
def simulate(tiny: Params, spectra_table: Path) -> Callable[..., Path]:
    """Runs the stage on tiny maps; keywords are resources."""

    def run(store: Path, **resources: Any) -> Path:
        simulate_microwave(
            tiny.seed,
            tiny.microwave,
            tiny.microwave_sets,
            spectra_table=spectra_table,
            microwave_store=store,
            resources=replace(tiny.resources, **resources),
        )
        return store

    return run


@pytest.fixture(scope="session")
def tiny_store(simulate: Callable[..., Path], common: Path) -> Path:
    """The store of the tiny line, made by one worker; never to be changed."""
    store = common / "tiny" / "microwave.zarr"
    with FileLock(common / "tiny.lock"):
        if not store.exists():
            simulate(store, workers=1)
    return store
