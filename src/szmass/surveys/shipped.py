"""Files of the repository that szmass brings along for surveys: settings, and foregrounds."""

from __future__ import annotations

from pathlib import Path

import szmass
from szmass.params import Params, load

SHIPPED = "shipped"
"""Folder of the installed package; in a clone the files are where the repository has them."""
PARAMS = "params.yaml"
FOREGROUNDS = "data/reference/george2015_bestfit_150GHz_Dl.csv"


def shipped(path: str) -> Path:
    """A file by its path in the repository."""
    package = Path(szmass.__file__).parent
    installed = package / SHIPPED / Path(path).name
    return installed if installed.exists() else package.parents[1] / path


def default_params() -> Params:
    """The settings that szmass comes with."""
    return load(shipped(PARAMS))
