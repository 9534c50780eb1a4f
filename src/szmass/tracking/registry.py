"""Registered models, by name and alias or version."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import mlflow
from mlflow.entities.model_registry import RegisteredModel
from mlflow.models import Model

from szmass.errors import SzmassError
from szmass.tracking.best import ALIAS
from szmass.tracking.service import open_client, reaching


class RegistryError(SzmassError):
    """There is no such model."""


def registered_ensemble(wanted: str, folder: Path) -> tuple[Path, Path]:
    """Fetches CNN ensembles from MLflow's registry; see `_registered`.

    Returns:
        The folders of the ensembles, and of their record.
    """
    files = _registered(wanted, folder, {"models", "record"}, "the models and the record of CNNs")
    return files["models"], files["record"]


def registered_mresunet(wanted: str, folder: Path) -> Path:
    """Fetches a trained mResUNet from MLflow's registry; see `_registered`.

    Returns:
        Its folder.
    """
    return _registered(wanted, folder, {"model"}, "a trained mResUNet")["model"]


def _registered(wanted: str, folder: Path, needed: set[str], expected: str) -> dict[str, Path]:
    """Fetches a model from MLflow's registry.

    Args:
        wanted: `name`, whose best version is taken, or `name@alias`, or `name/version`.
        folder: where to.
        needed: what it has to hold, by name.
        expected: the same in words.

    Returns:
        Paths of what it holds, by name.

    Raises:
        RegistryError: there is no such model, alias or version; the message lists those that are.
        TrackingError: MLflow cannot be reached.
    """
    name, client = open_client()
    with reaching(name):
        models = {model.name: model for model in client.search_registered_models()}
        model, _, _ = wanted.partition("@")[0].partition("/")
        if model not in models:
            raise RegistryError(_missing(name, "model", model, sorted(models)))
        version = _version(client, name, models[model], wanted)
        uri = f"models:/{model}/{version}"
        copy = Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(folder)))
    files = Model.load(str(copy)).flavors["python_function"].get("artifacts", {})
    if not needed <= set(files):
        raise RegistryError(
            f"{name}: {model} holds {', '.join(sorted(files)) or 'nothing'}: it cannot be used "
            f"here, or was logged by another version of szmass; expected {expected}"
        )
    return {key: copy / files[key]["path"] for key in needed}


def _version(client: mlflow.MlflowClient, name: str, model: RegisteredModel, wanted: str) -> str:
    """The number of the version that is wanted."""
    _, slash, number = wanted.partition("/")
    if slash:
        versions = client.search_model_versions(f"name = '{model.name}'")
        there = sorted((str(version.version) for version in versions), key=int)
        if number not in there:
            raise RegistryError(_missing(name, f"version of {model.name}", number, there))
        return number
    alias = wanted.partition("@")[2] or ALIAS
    if alias not in model.aliases:
        raise RegistryError(_missing(name, f"alias of {model.name}", alias, sorted(model.aliases)))
    return str(model.aliases[alias])


def _missing(name: str, kind: str, wanted: str, there: Sequence[str]) -> str:
    """What is not there, the near name, and all that are."""
    near = get_close_matches(wanted, there, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"{name}: no {kind} {wanted!r}: {hint}there are: {', '.join(there) or 'none'}"
