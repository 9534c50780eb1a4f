"""Reads params.yaml, and tells what is wrong with it."""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from szmass.params.checks import ParamsError, Section, did_you_mean, require
from szmass.params.pipeline import Params

S = TypeVar("S", bound=Section)


def load(path: Path) -> Params:
    """Reads params.yaml; raises as `load_as` does."""
    return load_as(Params, path)


def load_as(wanted: type[S], path: Path) -> S:
    """Reads a file of settings as the section that describes it.

    Raises:
        ParamsError: the file cannot be read, or a key is missing, unknown, mistyped or absurd;
            the message names the file, the key, the value and what was expected.
    """
    try:
        content = YAML(typ="safe").load(path)
    except (OSError, YAMLError) as error:
        raise ParamsError(f"{path}: cannot be read as YAML: {error}") from error
    try:
        section: S = _section(wanted, content, key="")
    except ParamsError as error:
        raise ParamsError(f"{path}: {error}") from error
    return section


def params_of(content: object) -> Params:
    """The settings in what a YAML file holds.

    Raises:
        ParamsError: as for `load_as`, without the file's name.
    """
    params: Params = _section(Params, content, key="")
    return params


def _section(section: type[Section], values: Any, *, key: str) -> Any:
    """Builds a section from a mapping that has exactly its keys."""
    prefix = f"{key}." if key else ""
    require(isinstance(values, dict), key or "the file", values, "a section of keys")
    wanted = section.types()
    for name in values:
        if name not in wanted:
            hint = did_you_mean(str(name), wanted, prefix=prefix)
            raise ParamsError(f"{prefix}{name}: unknown key{hint}")
    for name in wanted:
        if name not in values:
            raise ParamsError(f"{prefix}{name}: missing")
    typed = {
        name: _typed(kind, values[name], key=f"{prefix}{name}") for name, kind in wanted.items()
    }
    try:
        return section(**typed)
    except ParamsError as error:
        raise ParamsError(f"{prefix}{error}") from error


def _typed(wanted: Any, value: Any, *, key: str) -> Any:  # noqa: PLR0911  # one a kind of type
    """Returns `value` as the type that an annotation asks for."""
    if isinstance(wanted, type) and issubclass(wanted, Section):
        return _section(wanted, value, key=key)
    origin, arguments = get_origin(wanted), get_args(wanted)
    if origin is Annotated:
        return _typed(arguments[0], value, key=key)
    if origin is Literal:
        require(value in arguments, key, value, "one of " + ", ".join(map(str, arguments)))
        return value
    if origin is list:
        require(isinstance(value, list), key, value, "a list")
        return [_typed(arguments[0], item, key=f"{key}[{i}]") for i, item in enumerate(value)]
    if origin is Mapping:
        require(isinstance(value, dict), key, value, "names and their values")
        return types.MappingProxyType(
            {name: _typed(arguments[1], item, key=f"{key}.{name}") for name, item in value.items()}
        )
    if wanted is Path:
        require(isinstance(value, str) and value != "", key, value, "a path")
        return Path(value)
    if wanted is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        require(number and math.isfinite(value), key, value, "a number")
        return float(value)
    names = {int: "a whole number", bool: "true or false", str: "text"}
    right = isinstance(value, wanted) and not (wanted is int and isinstance(value, bool))
    require(right, key, value, names[wanted])
    return value
