"""Priors that a user can name, as densities on the axis of the posteriors."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from szmass.errors import SzmassError

TRAINING, FLAT = "training", "flat"
COLUMNS = ("log10_msun", "density")


class PriorError(SzmassError):
    """A prior's name or table is not usable."""


def named_prior(name: str, axis_log10_msun: np.ndarray) -> np.ndarray | None:
    """The density of a prior per dex, up to a factor.

    Args:
        name: `training`, `flat` (in log10 M), or the path of a CSV table with the columns
            log10_msun, ascending, and density; between its rows the density is linear, outside 0.
        axis_log10_msun: where it is wanted, `(nodes,)`.

    Returns:
        `(nodes,)`, or None for the training's.

    Raises:
        PriorError: there is no such prior, or the table is none of a density.
    """
    if name == TRAINING:
        return None
    if name == FLAT:
        return np.ones(len(axis_log10_msun))
    path = Path(name)
    expected = f"expected {TRAINING}, {FLAT}, or a CSV table with the columns {','.join(COLUMNS)}"
    try:
        with path.open(encoding="utf-8") as file:
            header = tuple(file.readline().strip().split(","))
            table = np.loadtxt(file, delimiter=",", ndmin=2)
    except (OSError, ValueError) as error:
        raise PriorError(f"prior {name!r} cannot be read ({error}): {expected}") from error
    if header != COLUMNS:
        raise PriorError(f"{path}: columns {','.join(header)}: {expected}")
    if len(table) < 2 or table.shape[1] != 2 or not np.isfinite(table).all():
        rows, columns = table.shape
        raise PriorError(
            f"{path}: {rows} rows of {columns} columns: expected at least two rows of two, all "
            "finite numbers"
        )
    mass, density = table.T
    if not (np.diff(mass) > 0).all() or not (density >= 0).all() or not density.max() > 0:
        raise PriorError(f"{path}: expected masses ascending, densities 0 or more and not all 0")
    return np.interp(axis_log10_msun, mass, density, left=0.0, right=0.0)
