"""The examples in docstrings give the numbers that they show."""

from __future__ import annotations

import doctest
from importlib import import_module
from pkgutil import walk_packages

import pytest

import szmass.sky

MODULES = [
    module.name for module in walk_packages(szmass.sky.__path__, "szmass.sky.") if not module.ispkg
]
WITHOUT_EXAMPLES = ["szmass.sky.clusters.radial_tables"]


@pytest.mark.parametrize("name", [*MODULES, "szmass.units"])
def test_examples_of_docstrings(name: str) -> None:
    failed, attempted = doctest.testmod(import_module(name))
    assert failed == 0, "what was expected and what came is in the output"
    assert (attempted == 0) == (name in WITHOUT_EXAMPLES)
