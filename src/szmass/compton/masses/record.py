"""The file that travels with the networks, so that a `Predictor` needs no training data.

It holds the training masses (the prior), the ranges of familiar maps, and the shifts that other
baryon models would cause.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from szmass.compton.masses.novelty import SeenMaps
from szmass.compton.masses.training_clusters import TrainingClusters
from szmass.errors import SzmassError
from szmass.files import write_text
from szmass.sky.grid import PixelGrid
from szmass.sky.redshift_bins import redshift_bin

KNOWLEDGE_FILE = "knowledge.json"
KNOWLEDGE_FORMAT = 2


class KnowledgeError(SzmassError):
    """The file cannot be read, or no redshift bin in it holds a redshift."""


@dataclass(frozen=True)
class ModelShift:
    """Shift of estimated masses for clusters of another baryon model, in dex: linear in log10 M."""

    slope: float
    at_pivot: float
    pivot: float
    range_log10_msun: tuple[float, float]

    @classmethod
    def fit(cls, log10_true: np.ndarray, shift_dex: np.ndarray) -> ModelShift:
        """Fits the line.

        Args:
            log10_true: `(n,)`.
            shift_dex: of the estimate, against the same clusters with the trained model's gas.
        """
        pivot = float(np.mean(log10_true))
        slope, at_pivot = np.polyfit(log10_true - pivot, shift_dex, 1)
        ends = float(log10_true.min()), float(log10_true.max())
        return cls(float(slope), float(at_pivot), pivot, ends)

    def __call__(self, log10_msun: np.ndarray) -> np.ndarray:
        """Shift in dex, constant outside the masses of the fit."""
        inside = np.clip(log10_msun, *self.range_log10_msun)
        return self.at_pivot + self.slope * (inside - self.pivot)


@dataclass(frozen=True)
class BinKnowledge:
    """Training clusters, familiar ranges and model shifts of a redshift bin."""

    edges: tuple[float, float]
    training: TrainingClusters
    seen: SeenMaps
    shifts: Mapping[str, ModelShift]
    """By baryon model."""

    def to_json(self) -> dict:
        """As lists and numbers, for a JSON file."""
        return {
            "edges": self.edges,
            "training": self.training.to_json(),
            "seen": self.seen.to_json(),
            "shifts": {name: asdict(shift) for name, shift in self.shifts.items()},
        }

    @classmethod
    def from_json(cls, content: dict) -> BinKnowledge:
        """Reads what `to_json` wrote."""
        low, high = content["edges"]
        return cls(
            (low, high),
            TrainingClusters.from_json(content["training"]),
            SeenMaps.from_json(content["seen"]),
            {name: ModelShift(**shift) for name, shift in content["shifts"].items()},
        )


@dataclass(frozen=True)
class Knowledge:
    """The record of all redshift bins, and the axis of the posteriors."""

    bins: Mapping[str, BinKnowledge]
    grid: PixelGrid
    axis_log10_msun: tuple[float, float]
    axis_nodes: int
    model_version: str
    made_with: str
    """In words, for people: how large the ensembles and their training were."""

    def bin_names(self, redshift: np.ndarray) -> list[str]:
        """The bin of each redshift.

        Raises:
            KnowledgeError: a redshift lies in none.
        """
        edges = {name: list(known.edges) for name, known in self.bins.items()}
        index = redshift_bin(redshift, edges)
        if (index < 0).any():
            ranges = ", ".join(f"{low:g} < z <= {high:g}" for low, high in edges.values())
            raise KnowledgeError(
                f"redshift = {redshift[index < 0][0]:g}: expected one that networks were trained "
                f"for, {ranges}"
            )
        return [list(edges)[number] for number in index]

    def write(self, folder: Path) -> None:
        """Writes the file, the same bytes for the same knowledge."""
        content = {
            "format": KNOWLEDGE_FORMAT,
            "grid": asdict(self.grid),
            "axis_log10_msun": self.axis_log10_msun,
            "axis_nodes": self.axis_nodes,
            "model_version": self.model_version,
            "made_with": self.made_with,
            "bins": {name: known.to_json() for name, known in self.bins.items()},
        }
        write_text(folder / KNOWLEDGE_FILE, json.dumps(content) + "\n")

    @classmethod
    def read(cls, folder: Path) -> Knowledge:
        """Reads what `write` wrote.

        Raises:
            KnowledgeError: the file is missing, unreadable, or of another version.
        """
        path = folder / KNOWLEDGE_FILE
        try:
            content = json.loads(path.read_text())
            if content["format"] != KNOWLEDGE_FORMAT:
                raise KnowledgeError(
                    f"{path}: format = {content['format']}: expected {KNOWLEDGE_FORMAT}; make it "
                    "again (dvc repro infer_psz2)"
                )
            low, high = content["axis_log10_msun"]
            bins = {name: BinKnowledge.from_json(known) for name, known in content["bins"].items()}
            return cls(
                bins,
                PixelGrid(**content["grid"]),
                (low, high),
                content["axis_nodes"],
                content["model_version"],
                content["made_with"],
            )
        except FileNotFoundError as error:
            raise KnowledgeError(
                f"{path}: not there; make it (dvc repro infer_psz2) or fetch it (dvc pull)"
            ) from error
        except (OSError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, KnowledgeError):
                raise
            raise KnowledgeError(f"{path}: cannot be read: {error!r}") from error
