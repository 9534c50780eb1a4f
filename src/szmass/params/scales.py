"""Scales: named sets of values for params.yaml."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from szmass.files import replacing_file
from szmass.params import ParamsError, did_you_mean, load

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
            raise ParamsError(str(error).replace(f"{unfinished}: ", f"{scale_file}: ")) from None
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
