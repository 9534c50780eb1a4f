"""Masses of clusters from y-maps in physical units and redshifts, by the trained ensembles.

It needs no training data, only the ensembles and their `CnnRecord`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import szmass
from szmass.compton.masses.kde import PaperKde
from szmass.compton.masses.out_of_fold import OutOfFold, read_out_of_fold
from szmass.compton.masses.record import RECORD_FILE, CnnRecord
from szmass.compton.network.ensemble import (
    AGAIN,
    ENSEMBLE_FILE,
    OUT_OF_FOLD_FILE,
    Ensemble,
)
from szmass.compton.network.selection import ENSEMBLE, SELECTED, predictors_msun
from szmass.errors import SzmassError
from szmass.evaluation.posteriors import QUANTILES, mass_axis
from szmass.hashes import SUMS_FILE, require_sums
from szmass.params import Cnn, Compton, Posterior
from szmass.sky.grid import PixelGrid
from szmass.units import MASS_UNIT_MSUN

DATA_SET, TARGET = "planck", "m500c"
PERCENTS = ("p2p5", "p16", "", "p84", "p97p5")
"""Suffixes of the columns of `QUANTILES`; the median has none."""
TOO_LIGHT, TOO_HEAVY = "mass below those of the training", "mass above those of the training"
"""Reasons for being out of range."""
MARGIN_DEX = 1e-5
"""Beyond the training's masses that are still in range: those are kept with six decimals, and the
networks' last bits depend on how many maps are weighed together."""

Columns = dict[str, np.ndarray]
"""One entry a cluster in each."""


class PredictorError(SzmassError):
    """The ensembles belong to another record."""


def ensemble_folder(models: Path, bin_name: str) -> Path:
    """Where the ensemble for real maps lies, below `models/cnn`."""
    return models / bin_name / DATA_SET / TARGET


def model_version(models: Path, bins: Mapping[str, object]) -> str:
    """The version of szmass, and a digest of the ensembles' files.

    Raises:
        HashError: a file is missing, or was changed since the training.
    """
    digest = hashlib.sha256()
    for name in bins:
        folder = ensemble_folder(models, name)
        require_sums(folder, AGAIN)
        digest.update((folder / SUMS_FILE).read_bytes())
    return f"{szmass.__version__}-{digest.hexdigest()[:12]}"


def make_record(
    models: Path,
    bins: Mapping[str, list[float]],
    *,
    compton: Compton,
    cnn: Cnn,
    posterior: Posterior,
) -> CnnRecord:
    """The record of trained ensembles.

    Args:
        models: folder of the ensembles.
        bins: redshift bins by name.
        compton: the maps.
        cnn: how the ensembles were trained.
        posterior: bandwidth and axis.
    """
    facts = [
        json.loads((ensemble_folder(models, name) / ENSEMBLE_FILE).read_text()) for name in bins
    ]
    clusters = sum(of_bin["development_clusters"] for of_bin in facts)
    low, high = posterior.axis_log10_msun
    return CnnRecord(
        bins={name: (edges[0], edges[1]) for name, edges in bins.items()},
        grid=PixelGrid.of(compton),
        axis_log10_msun=(low, high),
        axis_nodes=posterior.axis_nodes,
        kde_bandwidth=posterior.kde_bandwidth,
        model_version=model_version(models, bins),
        made_with=f"{cnn.members} networks a bin, {cnn.epochs} epochs on {clusters} simulated "
        f"clusters of {compton.gas}",
    )


@dataclass(frozen=True)
class BinPredictor:
    """The ensemble of a redshift bin, and the paper's posterior of its selected network."""

    ensemble: Ensemble
    sample: OutOfFold
    kde: PaperKde

    @classmethod
    def load(cls, folder: Path, bandwidth: float, axis_log10_msun: np.ndarray) -> BinPredictor:
        """Reads the ensemble, and fits the kernel density to its out-of-fold predictions."""
        sample = read_out_of_fold(folder / OUT_OF_FOLD_FILE)
        return cls(Ensemble.load(folder), sample, PaperKde(sample, bandwidth, axis_log10_msun))

    def __call__(self, maps_y: np.ndarray) -> Columns:
        """Columns of maps of this redshift bin."""
        masses = predictors_msun(self.ensemble(maps_y), self.ensemble.selected)
        log10_selected = np.log10(masses[SELECTED])
        quantiles = self.kde(log10_selected).quantiles(QUANTILES)
        names = [f"m500_msun_{suffix}".rstrip("_") for suffix in PERCENTS]
        known = self.sample.log10_pred
        reasons = np.select(
            [log10_selected < known.min() - MARGIN_DEX, log10_selected > known.max() + MARGIN_DEX],
            [TOO_LIGHT, TOO_HEAVY],
            "",
        ).astype(object)
        return {
            **dict(zip(names, 10.0**quantiles.T, strict=True)),
            "log10_m500": quantiles[:, QUANTILES.index(0.5)],
            "out_of_range": reasons != "",
            "out_of_range_reason": reasons,
            "m500_ensemble_msun": masses[ENSEMBLE],
            "m500_selected_msun": masses[SELECTED],
        }


@dataclass(frozen=True)
class Predictor:
    """Masses with posteriors from y-maps and redshifts."""

    bins: Mapping[str, BinPredictor]
    record: CnnRecord

    @classmethod
    def load(cls, models: Path, record_folder: Path | None = None) -> Predictor:
        """Loads the ensembles of all bins.

        Args:
            models: the folder of the ensembles, `models/cnn`.
            record_folder: the folder of the `CnnRecord`; without, the ensembles' own with
                `_posterior` behind its name.

        Raises:
            CnnRecordError: the record is missing or unreadable.
            HashError: a file of an ensemble is missing, or was changed since the training.
            PredictorError: the record is of other ensembles.
            EnsembleError: an ensemble cannot be read.
        """
        folder = record_folder or models.with_name(models.name + "_posterior")
        record = CnnRecord.read(folder)
        version = model_version(models, record.bins)
        if version.partition("-")[2] != record.model_version.partition("-")[2]:
            raise PredictorError(
                f"{folder / RECORD_FILE}: was made for the ensembles {record.model_version}, "
                f"but {models} holds {version}: run dvc repro infer_psz2"
            )
        axis = mass_axis(record.axis_log10_msun, record.axis_nodes)
        bins = {
            name: BinPredictor.load(ensemble_folder(models, name), record.kde_bandwidth, axis)
            for name in record.bins
        }
        return cls(bins, record)

    def __call__(self, compton_y: np.ndarray, redshift: np.ndarray) -> Columns:
        """Masses of the clusters at the centres of maps.

        The redshift chooses the bin; neither the networks nor the posterior are told more.

        Args:
            compton_y: Compton y, `(n, pixels, pixels)`, checked by `cutouts.checked_cutout`.
            redshift: `(n,)`.

        Returns:
            Columns of shape `(n,)`: `m500_msun` (the posterior's median) and its percentiles
            `_p2p5`, `_p16`, `_p84`, `_p97p5` in Msun; `log10_m500`; `out_of_range` with its
            reason, where the selected network's mass is beyond all that it and its like gave
            to clusters out of their training; `m500_ensemble_msun` and `m500_selected_msun`, the
            networks' own numbers; `bin`, `redshift` and `model_version`.
        """
        maps, z = np.asarray(compton_y, np.float32), np.asarray(redshift, float)
        names = np.array(self.record.bin_names(z), dtype=object)
        columns: Columns = {}
        for name, predictor in self.bins.items():
            rows = np.flatnonzero(names == name)
            if len(rows) == 0:
                continue
            for key, values in predictor(maps[rows]).items():
                columns.setdefault(key, np.empty(len(maps), values.dtype))[rows] = values
        version = np.full(len(maps), self.record.model_version, dtype=object)
        return columns | {"bin": names, "redshift": z, "model_version": version}

    def prior_in_words(self, bin_name: str) -> str:
        """The masses that the kernel density of a bin was fitted on, which are its prior."""
        sample, (low, high) = self.bins[bin_name].sample, self.record.bins[bin_name]
        _, first = np.unique(sample.cluster, return_index=True)
        masses = 10.0 ** sample.log10_true[first] / MASS_UNIT_MSUN
        return (
            f"{len(masses)} simulated clusters of {masses.min():.1f} to {masses.max():.1f}e14 "
            f"Msun (median {np.median(masses):.1f}e14), {low:g} < z <= {high:g}"
        )
