"""Trained models as MLflow keeps and serves them: with all their code."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
from mlflow.models import Model, ModelSignature
from mlflow.types import Schema, TensorSpec

from szmass.microwave.maps.samples import open_microwave_store

PACKAGE = Path(__file__).parents[1]
ARCHITECTURE_FILE, WEIGHTS_FILE = "architecture.json", "model.weights.h5"
EXAMPLE_MAP = PACKAGE / "records" / "example.fits"
RECORD_FILE = "record.json"  # of the ensembles for all redshifts
SERVED_COLUMNS = (
    "m500_msun",
    "m500_msun_p2p5",
    "m500_msun_p16",
    "m500_msun_p84",
    "m500_msun_p97p5",
    "out_of_range",
)
WEIGHING_COLUMNS = (
    *(
        f"m500_msun{kind}{end}"
        for kind in ("", "_total")
        for end in ("", "_p2p5", "_p16", "_p84", "_p97p5")
    ),
    "signal_to_noise",
    "chi2",
)
SERVING_REQUIREMENTS = (
    "colossus",
    "keras",
    "mlflow",
    "numpy",
    "pydantic",
    "ruamel.yaml",
    "scipy",
    "tensorflow",
    "threadpoolctl",
    "zarr",
)

REQUEST = [TensorSpec(np.dtype("object"), (-1,), name) for name in ("compton_y", "redshift")]
"""Maps and redshifts as they were sent: a map may be a list or text, and as float64 MLflow would
make a number of `true`. The model checks them itself."""


@dataclass(frozen=True)
class Served:
    """A model as MLflow is to keep it."""

    identity: Path
    """The file that is another one for any other model."""
    code: str
    """Our module that MLflow runs."""
    artifacts: Mapping[str, Path]
    inputs: Sequence[TensorSpec]
    outputs: Sequence[TensorSpec]
    example: np.ndarray | Mapping[str, np.ndarray] | None = None
    """An input that the model takes."""


def served_mresunet(folder: Path, maps: Path | None = None) -> Served:
    """The mResUNet in the folder that its training wrote.

    Args:
        folder: of the network.
        maps: store of the maps that it was trained on, whose first is the example.
    """
    architecture = json.loads((folder / ARCHITECTURE_FILE).read_text(encoding="utf-8"))
    _, y, x, _ = architecture["config"]["layers"][0]["config"]["batch_shape"]
    image = (-1, y, x)
    return Served(
        identity=folder / WEIGHTS_FILE,
        code="predict/served/mresunet.py",
        artifacts={"model": folder},
        inputs=[TensorSpec(np.dtype("float32"), image)],
        outputs=[
            TensorSpec(np.dtype("float64"), (-1,), "m200c_msun"),
            TensorSpec(np.dtype("float32"), image, "sz_uk"),
        ],
        example=None if maps is None else _first_map(maps),
    )


def served_ensemble(record: Path, models: Path) -> Served:
    """The ensembles of a folder of models, and the folder of their record."""
    grid = json.loads((record / RECORD_FILE).read_text())["grid"]
    number = partial(TensorSpec, np.dtype("float64"), (-1,))
    return Served(
        identity=record / RECORD_FILE,
        code="predict/served/cnn.py",
        artifacts={"models": models, "record": record},
        inputs=REQUEST,
        outputs=[
            TensorSpec(np.dtype("str"), (-1,), "problem"),
            *(number(name) for name in SERVED_COLUMNS),
        ],
        example=_example_cluster(grid["pixels"], grid["pixel_arcmin"]),
    )


def validation_scatter_dex(models: Path) -> float:
    """Scatter of log10 M500c of maps with noise, each by networks that have not seen its cluster.

    Args:
        models: `models/cnn/`; the mean square over the redshift bins counts.
    """
    files = sorted(models.glob("*/planck/m500c/ensemble.json"))
    scatters = [json.loads(file.read_text())["validation_scatter_dex"] for file in files]
    return float(np.sqrt(np.mean(np.square(scatters))))


def served_weighing(record: Path) -> Served:
    """The record that weighing's training wrote."""
    with np.load(record, allow_pickle=False) as arrays:
        facts = json.loads(str(arrays["facts"]))
    number = partial(TensorSpec, np.dtype("float64"), (-1,))
    return Served(
        identity=record,
        code="predict/served/weighing.py",
        artifacts={"record": record},
        inputs=REQUEST,
        outputs=[
            *(number(name) for name in WEIGHING_COLUMNS),
            TensorSpec(np.dtype("str"), (-1,), "flags"),
        ],
        example=_example_cluster(facts["pixels"], facts["pixel_arcmin"]),
    )


def _first_map(store: Path) -> np.ndarray:
    """The first map of a microwave store, `(1, y, x)`, in uK."""
    rows = np.array([0])
    return open_microwave_store(store).read("temperature_uk", rows).astype(np.float32)


def _example_cluster(pixels: int, pixel_arcmin: float) -> Mapping[str, np.ndarray] | None:
    """The map and redshift of the cluster that szmass brings; None for maps of other pixels."""
    from astropy.io import fits

    compton_y, header = fits.getdata(EXAMPLE_MAP, header=True)
    own_arcmin = 60.0 * float(header["CDELT2"])
    if compton_y.shape != (pixels, pixels) or not np.isclose(own_arcmin, pixel_arcmin):
        return None
    redshift = np.array([float(header["REDSHIFT"])], object)
    return {"compton_y": compton_y[np.newaxis].astype(np.float32), "redshift": redshift}


class _Flavor:
    """MLflow's models of Python code, without a trial of their example.

    A trial would load the networks into a stage that still runs.
    """

    @staticmethod
    def save_model(*, validate_serving_input: bool, **arguments: Any) -> None:  # noqa: ARG004
        """Writes a model's folder; `Model.log` reads `validate_serving_input`, and hands it on."""
        mlflow.pyfunc.save_model(**arguments)


def log_model(run_id: str, served: Served, name: str) -> str:
    """Logs a model with all the code it needs, and registers a new version of it.

    Returns:
        The number of the logged model.
    """
    logged = Model.log(
        artifact_path=None,
        name=name,
        flavor=_Flavor,
        run_id=run_id,
        registered_model_name=name,
        python_model=str(PACKAGE / served.code),
        code_paths=[str(PACKAGE)],
        artifacts={key: str(path) for key, path in served.artifacts.items()},
        signature=ModelSignature(
            inputs=Schema(list(served.inputs)), outputs=Schema(list(served.outputs))
        ),
        input_example=served.example,
        validate_serving_input=False,
        pip_requirements=[f"{package}=={version(package)}" for package in SERVING_REQUIREMENTS],
    )
    return str(logged.model_id)
