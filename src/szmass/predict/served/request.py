"""Maps and redshifts in a request to a model that MLflow serves."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from io import BytesIO

import numpy as np
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from numpy.lib.format import read_array

from szmass.predict.cutouts import CutoutError, checked_cutout
from szmass.sky.grid import PixelGrid

MOST_MAPS = 64
"""In a request: others wait for it. `szmass predict` takes any number."""


class RequestError(MlflowException):
    """A request that cannot be used; over HTTP status 400.

    Its message stays as it is: MLflow would put the whole request before it.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message, error_code=INVALID_PARAMETER_VALUE)

    @property
    def message(self) -> str:
        """Why it cannot be used."""
        return str(self)

    @message.setter
    def message(self, _: str) -> None:
        pass


def maps_with_redshifts(request: Mapping[str, np.ndarray]) -> list[tuple[object, object]]:
    """Each map of a request with its redshift, neither of them checked.

    Args:
        request: `compton_y` and `redshift`, `(n, ...)` each.

    Raises:
        RequestError: there are none, too many, or not as many of one as of the other.
    """
    maps, redshift = request["compton_y"], request["redshift"]
    if maps.ndim == 0 or redshift.shape != maps.shape[:1]:
        count = f"{len(maps)} maps in compton_y" if maps.ndim else "no list of maps in compton_y"
        raise RequestError(
            f"{count}, redshift of shape {redshift.shape}: expected a list with one number for "
            "each map"
        )
    if not 0 < len(maps) <= MOST_MAPS:
        raise RequestError(
            f"{len(maps)} maps: expected 1 to {MOST_MAPS} in a request; szmass predict takes more"
        )
    return list(zip(map(_plain, maps), map(_plain, redshift), strict=True))


def checked_map(sent: object, grid: PixelGrid) -> np.ndarray:
    """A map as `checked_cutout` returns it.

    Args:
        sent: an array, its rows in lists, or a `.npy` file as base64: reading the text of 96 x 96
            numbers takes MLflow longer than weighing them.
        grid: of the model.

    Raises:
        CutoutError: it is none of these, or of another size, or no mass can be inferred from it.
    """
    image = _decoded(sent) if isinstance(sent, str) else _array(sent)
    if image.shape != (grid.pixels, grid.pixels):
        raise CutoutError(
            f"map of shape {image.shape}: expected {grid.pixels} x {grid.pixels} pixels of "
            f"{grid.pixel_arcmin:g}'"
        )
    return checked_cutout(image, None, grid)


def _decoded(text: str) -> np.ndarray:
    """The array of a `.npy` file in base64."""
    try:
        with BytesIO(b64decode(text, validate=True)) as file:
            image = read_array(file, allow_pickle=False)
            behind = len(file.read())
    except Exception as error:  # noqa: BLE001  # a damaged header ends in exceptions of any kind
        raise CutoutError(f"map is text: expected a .npy file as base64: {error}") from None
    if behind:
        raise CutoutError(f"map is text: {behind} bytes behind the array of its .npy file")
    return image


def _array(sent: object) -> np.ndarray:
    """An array of the type that its numbers have."""
    if isinstance(sent, np.ndarray) and sent.dtype != object:
        return sent
    try:
        return np.array(sent.tolist() if isinstance(sent, np.ndarray) else sent)
    except ValueError as error:
        raise CutoutError(f"map is no square of numbers: {error}") from None


def _plain(value: object) -> object:
    """What an array without an axis holds; MLflow makes such arrays of a list of records."""
    return value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value
