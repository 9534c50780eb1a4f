"""Maps and redshifts in a request to a model that MLflow serves."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from mlflow.exceptions import MlflowException

MOST_MAPS = 64
"""In a request: others wait for it. `szmass predict` takes any number."""


def maps_with_redshifts(request: Mapping[str, np.ndarray]) -> list[tuple[np.ndarray, object]]:
    """Each map of a request with its redshift, neither of them checked.

    Args:
        request: `compton_y` (n, y, x) and `redshift` (n,).

    Raises:
        MlflowException: there are none, too many, or not as many of one as of the other; over HTTP
            that is status 400.
    """
    maps, redshift = request["compton_y"], np.asarray(request["redshift"], dtype=object)
    if redshift.shape != (len(maps),):
        raise MlflowException.invalid_parameter_value(
            f"{len(maps)} maps in compton_y, redshift of shape {redshift.shape}: expected a list "
            "with one number for each map"
        )
    if not 0 < len(maps) <= MOST_MAPS:
        raise MlflowException.invalid_parameter_value(
            f"{len(maps)} maps: expected 1 to {MOST_MAPS} in a request; szmass predict takes more"
        )
    # of a list of records MLflow makes arrays without an axis
    values = (z.item() if isinstance(z, np.ndarray) and z.ndim == 0 else z for z in redshift)
    return list(zip(maps, values, strict=True))
