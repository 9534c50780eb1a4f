"""Planck's second catalogue of SZ sources, and the masses that dA22's networks gave it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pandas as pd

from szmass.planck.files import PlanckFilesError, column, open_table

COLUMNS = {
    "name": "NAME",
    "glon_deg": "GLON",
    "glat_deg": "GLAT",
    "redshift": "REDSHIFT",
    "msz_1e14_msun": "MSZ",
    "msz_err_up_1e14_msun": "MSZ_ERR_UP",
    "msz_err_low_1e14_msun": "MSZ_ERR_LOW",
}
DEEP_PLANCK_COLUMNS = {
    "log10_m500c_msun": "CNN_mass",
    "log10_err_up": "err+",
    "log10_err_low": "err-",
}


@dataclass(frozen=True)
class Psz2Catalogue:
    """Sources of the union catalogue PSZ2 (Planck 2015 results XXVII, arXiv 1502.01598)."""

    row: np.ndarray
    """Row in the file, from 0; int32."""
    name: np.ndarray
    glon_deg: np.ndarray
    glat_deg: np.ndarray
    redshift: np.ndarray
    """float64 of the file's float32; -1 where unknown."""
    msz_1e14_msun: np.ndarray
    """Planck's mass M500 in 1e14 Msun; 0 where unknown."""
    msz_err_up_1e14_msun: np.ndarray
    msz_err_low_1e14_msun: np.ndarray

    def __len__(self) -> int:
        return len(self.row)

    def at(self, rows: np.ndarray | slice) -> Psz2Catalogue:
        """Some of the sources, by mask, index or range."""
        return replace(self, **{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def weighed(self) -> Psz2Catalogue:
        """Those with a redshift and a mass, 1094 in release R2.08."""
        return self.at((self.redshift > 0) & (self.msz_1e14_msun > 0))


def read_psz2(path: Path) -> Psz2Catalogue:
    """Reads all sources of the catalogue, or of a file with its columns.

    Raises:
        PlanckFilesError: unreadable or cut short, a column is missing or empty, or a position
            is none.
    """
    _, rows = open_table(path)
    if len(rows) == 0:
        raise PlanckFilesError(f"{path}: the catalogue is empty: expected a row a source")
    values = {key: column(path, rows, name) for key, name in COLUMNS.items()}
    names = np.array([str(name).strip() for name in values.pop("name")])
    try:
        numbers = {key: value.astype(np.float64) for key, value in values.items()}
    except ValueError as error:
        raise PlanckFilesError(f"{path}: a column of numbers holds text: {error}") from error
    for key, (low, high) in {"glon_deg": (0, 360), "glat_deg": (-90, 90)}.items():
        wrong = ~((numbers[key] >= low) & (numbers[key] <= high))
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise PlanckFilesError(
                f"{path}: row {row} ({names[row]}): {COLUMNS[key]} = {numbers[key][row]}: "
                f"expected {low} to {high} degrees"
            )
    return Psz2Catalogue(row=np.arange(len(rows), dtype=np.int32), name=names, **numbers)


def read_deep_planck(path: Path, catalogue: Psz2Catalogue) -> pd.DataFrame:
    """The published masses of de Andres et al. 2022 (arXiv 2209.10333) for some sources.

    Args:
        path: DeepPlanck.csv, whose clusters are named as `PSZ2G000.04+45.13.fits`.
        catalogue: the sources.

    Returns:
        A row a source, with `log10_m500c_msun`, `log10_err_up` and `log10_err_low`; NaN where
        the table has no such cluster.

    Raises:
        PlanckFilesError: the table is unreadable, or a column or all of the clusters missing.
    """
    try:
        table = pd.read_csv(path).set_index("cluster")
    except (OSError, ValueError, KeyError) as error:
        raise PlanckFilesError(
            f"{path}: cannot be read as a CSV table with a column 'cluster': {error}"
        ) from error
    for name in DEEP_PLANCK_COLUMNS.values():
        if name not in table:
            raise PlanckFilesError(f"{path}: no column {name!r}; it has {', '.join(table)}")
    wanted = [name.replace(" ", "") + ".fits" for name in catalogue.name]
    joined = table.reindex(wanted)[list(DEEP_PLANCK_COLUMNS.values())]
    if len(catalogue) and joined.isna().all(axis=None):
        raise PlanckFilesError(f"{path}: none of its clusters is one of the catalogue's")
    joined.columns = pd.Index(DEEP_PLANCK_COLUMNS)
    return joined.reset_index(drop=True)
