"""Scales: named sets of values for params.yaml, and what running at one of them costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from szmass.files import replacing_file
from szmass.params import Params, ParamsError, did_you_mean, load

Scalar = bool | int | float | str


@dataclass(frozen=True)
class Change:
    """A value of params.yaml that a scale sets."""

    key: str
    """Dotted, as `mresunet.width`."""
    old: Scalar
    new: Scalar


def scale_names(folder: Path) -> list[str]:
    """The scales that a folder holds."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def read_scale(folder: Path, name: str) -> dict[str, Scalar]:
    """Reads `folder/name.yaml`.

    Returns:
        The scale's values by dotted key.

    Raises:
        ParamsError: there is no such scale, or its file is not a tree of scalars.
    """
    names = scale_names(folder)
    if name not in names:
        hint = did_you_mean(name, names)
        raise ParamsError(f"{name!r}: no scale among {', '.join(names)}{hint}")
    path = folder / f"{name}.yaml"
    values = dict(leaves(read_tree(path)))
    for key, value in values.items():
        if not isinstance(value, Scalar):
            raise ParamsError(f"{path}: {key} = {value!r}: expected a scalar")
    return values


def apply_scale(params_file: Path, scale_file: Path) -> list[Change]:
    """Writes a scale's values into params.yaml: comments, layout and all other values stay.

    The new file is complete and valid before it takes the old one's place.

    Args:
        params_file: params.yaml.
        scale_file: of the scale.

    Returns:
        The values that were not the scale's already, in the order of the scale.

    Raises:
        ParamsError: a key is not in params.yaml, or the result makes no sense.
    """
    document = read_tree(params_file)
    changes = []
    for key, new in read_scale(scale_file.parent, scale_file.stem).items():
        *sections, last = key.split(".")
        section = document
        for name in sections:
            section = section.get(name) if isinstance(section, dict) else None
        if not isinstance(section, dict) or last not in section:
            hint = did_you_mean(key, dict(leaves(document)))
            raise ParamsError(f"{scale_file}: {key}: no such key in {params_file}{hint}")
        if section[last] != new:
            changes.append(Change(key, section[last], new))
            section[last] = new
    with replacing_file(params_file) as unfinished:
        _yaml().dump(document, unfinished)
        try:
            load(unfinished)
        except ParamsError as error:
            reason = str(error).removeprefix(f"{unfinished}: ")
            raise ParamsError(f"{scale_file}: {reason}") from error
    return changes


def scale_in_force(params_file: Path, folder: Path) -> str:
    """The scale whose values params.yaml has.

    Raises:
        ParamsError: it has those of none; the message says what keeps it from the nearest.
    """
    values = dict(leaves(read_tree(params_file)))
    others = {
        name: [
            f"{key} = {values.get(key)}: expected {wanted}"
            for key, wanted in read_scale(folder, name).items()
            if values.get(key) != wanted
        ]
        for name in scale_names(folder)
    }
    nearest = min(others, key=lambda name: len(others[name]))
    if others[nearest]:
        raise ParamsError(
            f"{params_file} is at no scale; to be at {nearest}: {'; '.join(others[nearest])}. "
            f"Or give its values a name: {folder}/NAME.yaml"
        )
    return nearest


def _yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    return yaml


def read_tree(path: Path) -> Any:
    """A file's mapping with its layout and comments; raises `ParamsError` where it has none."""
    try:
        content = _yaml().load(path)
    except (OSError, YAMLError) as error:
        raise ParamsError(f"{path}: cannot be read as YAML: {error}") from error
    if not isinstance(content, Mapping):
        raise ParamsError(f"{path}: expected keys and their values")
    return content


def leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """What a tree of mappings holds, by dotted key."""
    for name, branch in tree.items():
        key = f"{prefix}{name}"
        if isinstance(branch, Mapping):
            yield from leaves(branch, f"{key}.")
        else:
            yield key, branch


# Measured on two cores of a server without a GPU.
START_SECONDS = 240.0
"""Of all stages together: imports, CAMB, the eigenmodes of the sky, Planck's masks."""
MAPS_PER_SECOND = 1500.0
"""Microwave maps simulated, written and validated, a worker."""
POSTERIORS_PER_SECOND = 400.0
"""Exact posteriors, matched filter and prediction of a test map."""
STORED_BYTES_PER_PIXEL = 4.9
"""Both images of a microwave map, compressed."""
WEIGHTS_PER_SQUARED_WIDTH = 4010
Y_MAPS_PER_SECOND = 230.0
"""Clean and noisy, simulated, written and validated, a worker."""
Y_BYTES_PER_PIXEL = 7.2
"""Both maps of a cluster, compressed."""
SKY_PIXELS_PER_SECOND = 1.7e6
"""A realisation of the whole sky."""
CNN_MAPS_PER_SECOND = 550.0
"""Trained on, with 16 filters, validated after each epoch."""


GIB = 2.0**30


@dataclass(frozen=True)
class Cost:
    """What a pipeline takes on two CPU cores, estimated."""

    maps: int
    """Simulated and stored."""
    training_maps: int
    """That the trainings see, if no plateau ends one earlier."""
    seconds: float
    memory_gib: float
    disk_gib: float


def estimate_cost(params: Params) -> Cost:
    """Estimates the cost of the pipeline from the maps, the epochs and rates once measured."""
    microwave, compton = _microwave_cost(params), _compton_cost(params)
    return Cost(
        maps=microwave.maps + compton.maps,
        training_maps=microwave.training_maps + compton.training_maps,
        seconds=START_SECONDS + microwave.seconds + compton.seconds,
        memory_gib=max(microwave.memory_gib, compton.memory_gib),
        disk_gib=microwave.disk_gib + compton.disk_gib,
    )


def _microwave_cost(params: Params) -> Cost:
    sets, network, pixels = params.microwave_sets, params.mresunet, params.microwave.pixels**2
    training, other = len(sets.training_masses_1e14), len(sets.other_masses_1e14)
    hydro = params.hydro.clusters * params.hydro.realisations
    tests = (training + other) * sets.test_maps + 2 * sets.scatter_maps + hydro
    stored = training * (sets.train_maps + sets.validation_maps) + other * sets.spare_maps + tests
    epoch = network.maps_per_epoch if network.recipe == "fresh" else training * sets.train_maps
    seen = epoch * network.epochs
    validated = training * sets.validation_maps * network.epochs
    step_ms, forward_ms = _network_milliseconds(network.width, network.batch)
    relative_pixels = pixels / 40**2
    seconds = (
        stored / (MAPS_PER_SECOND * params.resources.workers)
        + relative_pixels * (seen * step_ms + validated * forward_ms) / 1e3
        + tests / POSTERIORS_PER_SECOND
    )
    weights_gib = 4 * WEIGHTS_PER_SQUARED_WIDTH * network.width**2 / GIB
    # two epochs of maps, labels and network inputs, float32; weights, gradients, Adam's moments
    training_gib = 1.3 + 2 * epoch * pixels * 6 * 4 / GIB + 4 * weights_gib
    simulation_gib = 0.7 * (1 + params.resources.workers)
    # DVC's cache shares its files with the workspace; the model lies in MLflow's store as well,
    # and a training keeps two states of three times its weights
    disk_gib = stored * pixels * STORED_BYTES_PER_PIXEL / GIB + 8 * weights_gib
    return Cost(stored, seen, seconds, max(training_gib, simulation_gib), disk_gib)


def _compton_cost(params: Params) -> Cost:
    compton, sky, cnn = params.compton, params.planck_sky, params.cnn
    bins, models = len(params.bins), len(params.baryon_models)
    developed = compton.development_clusters * compton.development_projections
    single = compton.test_clusters + (models - 1) * compton.other_model_clusters
    stored = 2 * (developed + bins * single)  # clean, and with noise
    trained_on = developed * (1.0 - cnn.validation_fraction)
    # of clean maps and of those with noise
    seen = round(2 * trained_on * (cnn.members + cnn.m200_members) * cnn.epochs)
    realisations = sky.development_realisations + sky.test_realisations + 1
    sky_pixels = 12 * sky.nside**2
    relative = (compton.pixels / 96) ** 2
    seconds = (
        relative * stored / 2 / (Y_MAPS_PER_SECOND * params.resources.workers)
        + realisations * sky_pixels / SKY_PIXELS_PER_SECOND
        + relative * seen / CNN_MAPS_PER_SECOND * cnn.filters / 16
    )
    # the y-map's three columns, masks, noise and their statistics in double precision
    memory_gib = 1.0 + 32 * sky_pixels / GIB
    # the y-map of float32 and masks of bytes; the maps
    disk_gib = (17 * sky_pixels + stored / 2 * compton.pixels**2 * Y_BYTES_PER_PIXEL) / GIB
    return Cost(stored, seen, seconds, memory_gib, disk_gib)


def _network_milliseconds(width: int, batch: int) -> tuple[float, float]:
    """A training step's and a prediction's time a map of 40 x 40 pixels.

    Fitted to widths 8, 32 and 64 at batches of 4 to 32, within 15 %.
    """
    step = 2.5 + 0.035 * width**2 + (50.0 + 0.06 * width**2) / batch
    return step, step / 4.0
