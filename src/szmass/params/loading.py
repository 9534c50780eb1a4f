"""Reads settings from YAML files."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from szmass.params.checks import Section
from szmass.params.pipeline import Params
from szmass.params.problems import ParamsError, problems

S = TypeVar("S", bound=Section)


def load(path: Path) -> Params:
    """Reads params.yaml; raises as `load_as` does."""
    return load_as(Params, path)


def load_as(wanted: type[S], path: Path) -> S:
    """Reads a file of settings as the section that describes it.

    Raises:
        ParamsError: the file cannot be read, or keys are missing, unknown, mistyped or absurd; a
            line for each names the file, the key, the value and what was expected.
    """
    try:
        content = YAML(typ="safe").load(path)
    except (OSError, YAMLError) as error:
        raise ParamsError(f"{path}: cannot be read as YAML: {error}") from error
    try:
        return _checked(wanted, content)
    except ParamsError as error:
        lines = [f"{path}: {line}" for line in str(error).splitlines()]
        raise ParamsError("\n".join(lines)) from None


def params_of(content: object) -> Params:
    """The settings in what a YAML file holds.

    Raises:
        ParamsError: as for `load_as`, without the file's name.
    """
    return _checked(Params, content)


def _checked(wanted: type[S], content: object) -> S:
    try:
        return TypeAdapter(wanted).validate_python(content)
    except ValidationError as error:
        raise ParamsError("\n".join(problems(error, wanted))) from None
