"""Masses of clusters from y-maps in physical units and redshifts, by the trained ensembles.

Loads without the training data: what it needs beside the networks is in `Knowledge`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import szmass
from szmass.compton.masses.calibration import EnsembleCalibration, EnsemblePosteriors
from szmass.compton.masses.novelty import map_statistics
from szmass.compton.masses.out_of_fold import read_out_of_fold
from szmass.compton.masses.record import KNOWLEDGE_FILE, BinKnowledge, Knowledge
from szmass.compton.network.ensemble import OUT_OF_FOLD_FILE, Ensemble
from szmass.errors import SzmassError
from szmass.evaluation.posteriors import QUANTILES, PosteriorError, mass_axis
from szmass.sky.grid import PixelGrid
from szmass.units import MASS_UNIT_MSUN

DATA_SET, TARGET = "planck", "m500c"
PERCENTS = ("p2p5", "p16", "", "p84", "p97p5")
"""Suffixes of the columns of `QUANTILES`; the median has none."""

Columns = dict[str, np.ndarray]
"""One entry a cluster in each."""


class PredictorError(SzmassError):
    """The models cannot be loaded, or belong to another record."""


def ensemble_folder(models: Path, bin_name: str) -> Path:
    """Where the ensemble for real maps lies, below `models/cnn`."""
    return models / bin_name / DATA_SET / TARGET


def model_version(models: Path, bins: Mapping[str, object]) -> str:
    """The version of szmass, and a digest of the ensembles' files."""
    digest = hashlib.sha256()
    for name in bins:
        for path in sorted(ensemble_folder(models, name).iterdir()):
            digest.update(path.name.encode() + path.read_bytes())
    return f"{szmass.__version__}-{digest.hexdigest()[:12]}"


@dataclass(frozen=True)
class BinPredictor:
    """The ensemble of a redshift bin, its calibration, and what else is known."""

    ensemble: Ensemble
    calibration: EnsembleCalibration
    known: BinKnowledge

    @classmethod
    def load(cls, folder: Path, known: BinKnowledge, axis_log10_msun: np.ndarray) -> BinPredictor:
        """Reads the ensemble and fits its calibration."""
        sample = read_out_of_fold(folder / OUT_OF_FOLD_FILE)
        calibration = EnsembleCalibration.fit(sample, known.training, axis_log10_msun)
        return cls(Ensemble.load(folder), calibration, known)

    def systematic_dex(self, log10_msun: np.ndarray) -> np.ndarray:
        """The largest shift that another baryon model's gas makes, in dex; 0 if none is known."""
        shifts = [np.abs(shift(log10_msun)) for shift in self.known.shifts.values()]
        return np.max(shifts, axis=0) if shifts else np.zeros(len(log10_msun))

    def __call__(
        self, maps_y: np.ndarray, redshift: np.ndarray, grid: PixelGrid, prior: np.ndarray | None
    ) -> tuple[Columns, EnsemblePosteriors]:
        """Columns and posteriors of maps of this redshift bin."""
        members, features = self.ensemble.with_features(maps_y)
        ensemble, selected = members.mean(axis=0), members[self.ensemble.selected]
        posteriors = self.calibration(members, redshift, prior)
        quantiles = posteriors.quantiles(QUANTILES)
        aleatoric, epistemic = posteriors.sigma_dex()
        names = [f"m500_msun_{suffix}".rstrip("_") for suffix in PERCENTS]
        median = quantiles[:, QUANTILES.index(0.5)]
        strange = self.known.seen.outside(map_statistics(maps_y, grid), ensemble, features)
        columns = {
            **dict(zip(names, 10.0**quantiles.T, strict=True)),
            "log10_m500": median,
            "sigma_aleatoric_dex": aleatoric,
            "sigma_epistemic_dex": epistemic,
            "systematic_dex": self.systematic_dex(median),
            "out_of_range": np.array([text != "" for text in strange], dtype=bool),
            "out_of_range_reason": np.array(strange, dtype=object),
            "m500_ensemble_msun": 10.0**ensemble,
            "m500_selected_msun": 10.0**selected,
        }
        return columns, posteriors


@dataclass(frozen=True)
class Predictor:
    """Masses with posteriors from y-maps and redshifts."""

    bins: Mapping[str, BinPredictor]
    knowledge: Knowledge

    @classmethod
    def load(cls, models: Path, knowledge: Path | None = None) -> Predictor:
        """Loads the ensembles of all bins.

        Args:
            models: the folder of the ensembles, `models/cnn`.
            knowledge: the folder of `Knowledge`; without, the ensembles' own with `_posterior`
                behind its name.

        Raises:
            KnowledgeError: the file of the knowledge is missing or unreadable.
            PredictorError: an ensemble is missing, or the knowledge is of others.
            EnsembleError: an ensemble is missing or unreadable.
        """
        folder = knowledge or models.with_name(models.name + "_posterior")
        known = Knowledge.read(folder)
        missing = [name for name in known.bins if not ensemble_folder(models, name).is_dir()]
        if missing:
            raise PredictorError(
                f"{ensemble_folder(models, missing[0])}: not there; make it (dvc repro train_cnn) "
                "or fetch it (dvc pull)"
            )
        version = model_version(models, known.bins)
        if version.partition("-")[2] != known.model_version.partition("-")[2]:
            raise PredictorError(
                f"{folder / KNOWLEDGE_FILE}: was made for the ensembles {known.model_version}, "
                f"but {models} holds {version}: run dvc repro infer_psz2"
            )
        axis = mass_axis(known.axis_log10_msun, known.axis_nodes)
        bins = {
            name: BinPredictor.load(ensemble_folder(models, name), of_bin, axis)
            for name, of_bin in known.bins.items()
        }
        return cls(bins, known)

    @property
    def axis_log10_msun(self) -> np.ndarray:
        """Of the posteriors, and of a prior of one's own."""
        return mass_axis(self.knowledge.axis_log10_msun, self.knowledge.axis_nodes)

    def __call__(
        self, compton_y: np.ndarray, redshift: np.ndarray, prior: np.ndarray | None = None
    ) -> Columns:
        """Masses of the clusters at the centres of maps.

        Args:
            compton_y: Compton y, `(n, pixels, pixels)`, checked by `cutouts.checked_cutout`.
            redshift: `(n,)`.
            prior: density on `axis_log10_msun`; without, each bin's training masses.

        Returns:
            Columns of shape `(n,)`: `m500_msun` (the posterior's median) and its percentiles
            `_p2p5`, `_p16`, `_p84`, `_p97p5` in Msun; `log10_m500`; `sigma_aleatoric_dex`,
            `sigma_epistemic_dex`, `systematic_dex`; `out_of_range` with its reason;
            `m500_ensemble_msun` and `m500_selected_msun`, the networks' own numbers; `bin`,
            `redshift` and `model_version`.
        """
        maps, z = np.asarray(compton_y, np.float32), np.asarray(redshift, float)
        names = np.array(self.knowledge.bin_names(z), dtype=object)
        columns: Columns = {}
        for name, predictor in self.bins.items():
            rows = np.flatnonzero(names == name)
            if len(rows) == 0:
                continue
            try:
                found, _ = predictor(maps[rows], z[rows], self.knowledge.grid, prior)
            except PosteriorError as error:
                raise PosteriorError(f"redshift bin {name}: {error}") from error
            for key, values in found.items():
                columns.setdefault(key, np.empty(len(maps), values.dtype))[rows] = values
        version = np.full(len(maps), self.knowledge.model_version, dtype=object)
        return columns | {"bin": names, "redshift": z, "model_version": version}

    def prior_in_words(self, bin_name: str) -> str:
        """What the training prior of a bin is."""
        known = self.knowledge.bins[bin_name]
        masses = 10.0**known.training.log10_msun / MASS_UNIT_MSUN
        return (
            f"{len(masses)} simulated clusters of {masses.min():.1f} to {masses.max():.1f}e14 "
            f"Msun (median {np.median(masses):.1f}e14), {known.edges[0]:g} < z <= "
            f"{known.edges[1]:g}"
        )
