"""The spectra on disk: George+2015's table as published, and our own with every component."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from szmass.errors import SzmassError
from szmass.files import replacing_file
from szmass.sky.spectra import COMPONENTS

GEORGE2015_COLUMNS = {
    "dsfg_poisson": "dg_poisson",
    "dsfg_clustered": "dg_clustered",
    "radio": "radio",
    "tsz": "tsz",
    "ksz": "ksz",
    "tsz_cib": "tsz_cib",
    "cirrus": "cirrus_other",
}


class SpectraFileError(SzmassError):
    """A table of spectra is unreadable or incomplete."""


def read_george2015(path: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Reads the best-fit 150 GHz foregrounds of George+2015.

    Returns:
        `(ell, {component: D_l in uK^2})`.

    Raises:
        SpectraFileError: the file is unreadable, a column is missing, or the multipoles are not
            consecutive.
    """
    table = _read(path, ["ell", *GEORGE2015_COLUMNS.values()])
    if not (np.diff(table["ell"]) == 1).all():
        raise SpectraFileError(f"{path}: column ell: expected consecutive multipoles")
    foregrounds = {
        name: table[column].to_numpy(dtype=float) for name, column in GEORGE2015_COLUMNS.items()
    }
    return table["ell"].to_numpy(dtype=int), foregrounds


def write_spectra(path: Path, dl_uk2: Mapping[str, np.ndarray]) -> None:
    """Writes D_l in uK^2 of every component, a row a multipole from l = 0."""
    table = pd.DataFrame({name: dl_uk2[name] for name in COMPONENTS})
    with replacing_file(path) as unfinished:
        table.to_csv(unfinished, index_label="ell", float_format="%.8e")


def read_spectra(path: Path) -> dict[str, np.ndarray]:
    """Reads what `write_spectra` wrote.

    Raises:
        SpectraFileError: the file is unreadable, a component is missing, or the multipoles are
            not 0, 1, 2, ...
    """
    table = _read(path, ["ell", *COMPONENTS])
    if not np.array_equal(table["ell"], np.arange(len(table))):
        raise SpectraFileError(f"{path}: column ell: expected the multipoles 0, 1, 2, ...")
    return {name: table[name].to_numpy(dtype=float) for name in COMPONENTS}


def _read(path: Path, columns: list[str]) -> pd.DataFrame:
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise SpectraFileError(f"{path}: cannot be read as a CSV table: {error}") from error
    for column in columns:
        if column not in table:
            raise SpectraFileError(f"{path}: no column {column!r}; it has {', '.join(table)}")
        if not np.isfinite(pd.to_numeric(table[column], errors="coerce")).all():
            raise SpectraFileError(f"{path}: column {column!r} holds something that is no number")
    return table
