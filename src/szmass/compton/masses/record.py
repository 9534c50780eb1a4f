"""The record of the CNNs: what a `Predictor` needs besides the networks' own files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from szmass.errors import SzmassError
from szmass.files import write_text
from szmass.sky.grid import PixelGrid
from szmass.sky.redshift_bins import redshift_bin

RECORD_FILE = "record.json"
RECORD_FORMAT = 3


class CnnRecordError(SzmassError):
    """The record cannot be read, or a redshift is in none of its bins."""


@dataclass(frozen=True)
class CnnRecord:
    """Redshift bins and maps that the ensembles are for, and the settings of their posterior."""

    bins: Mapping[str, tuple[float, float]]
    """Edges by name, lo < z <= hi."""
    grid: PixelGrid
    axis_log10_msun: tuple[float, float]
    """Ends of the posteriors' axis."""
    axis_nodes: int
    kde_bandwidth: float
    model_version: str
    made_with: str
    """In words, for people: how large the ensembles and their training were."""

    def bin_names(self, redshift: np.ndarray) -> list[str]:
        """The bin of each redshift.

        Raises:
            CnnRecordError: a redshift lies in none.
        """
        index = redshift_bin(redshift, {name: list(edges) for name, edges in self.bins.items()})
        if (index < 0).any():
            ranges = ", ".join(f"{low:g} < z <= {high:g}" for low, high in self.bins.values())
            raise CnnRecordError(
                f"redshift = {redshift[index < 0][0]:g}: expected one that networks were trained "
                f"for, {ranges}"
            )
        return [list(self.bins)[number] for number in index]

    def write(self, folder: Path) -> None:
        """Writes the file, the same bytes for the same record."""
        content = {"format": RECORD_FORMAT, **asdict(self)}
        write_text(folder / RECORD_FILE, json.dumps(content, indent=1) + "\n")

    @classmethod
    def read(cls, folder: Path) -> CnnRecord:
        """Reads what `write` wrote.

        Raises:
            CnnRecordError: the file is missing, unreadable, or of another version.
        """
        path = folder / RECORD_FILE
        again = "make it (dvc repro infer_psz2) or fetch it (dvc pull)"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            written = content.pop("format")
            if written != RECORD_FORMAT:
                raise CnnRecordError(
                    f"{path}: format = {written}: made by another version of szmass, expected "
                    f"format {RECORD_FORMAT}; {again}"
                )
            content["bins"] = {name: _pair(edges) for name, edges in content["bins"].items()}
            content["axis_log10_msun"] = _pair(content["axis_log10_msun"])
            return cls(**content | {"grid": PixelGrid(**content["grid"])})
        except FileNotFoundError as error:
            raise CnnRecordError(f"{path}: not there; {again}") from error
        except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, CnnRecordError):
                raise
            raise CnnRecordError(f"{path}: cannot be read: {error!r}; {again}") from error


def _pair(ends: Sequence[float]) -> tuple[float, float]:
    low, high = ends
    return float(low), float(high)
