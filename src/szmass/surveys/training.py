"""Trains weighing for a survey: clusters, filters, networks, the gate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Self

import numpy as np

from szmass.params import (
    IMPORTED,
    BaryonModel,
    Compton,
    Morphology,
    Params,
    Resources,
    Spectra,
    Weighing,
)
from szmass.params.survey import SurveySettings
from szmass.reporting import Run
from szmass.sky.clusters.mock_clusters import MockClusters
from szmass.sky.cosmology import Cosmology
from szmass.storage.batch import run_tasks
from szmass.storage.imported import ImportedClusters, measured_gas
from szmass.storage.store import MapStore, replacing, write_rows
from szmass.streams import SURVEY_MAPS, WEIGHING_NOISE
from szmass.surveys.contaminants import Contaminants
from szmass.surveys.instrument import Instrument
from szmass.weighing.filters import FilterBank, Level
from szmass.weighing.gas import Gas, PivotY
from szmass.weighing.record import Record
from szmass.weighing.training.clusters import (
    PARTITIONS,
    AmplitudeSimulator,
    ClusterList,
    Part,
    list_clusters,
    open_clusters,
    simulate_part,
    store_spec,
)
from szmass.weighing.training.imported import ImportedSimulator, require_trained
from szmass.weighing.training.make_record import (
    make_record,
    spots_in,
    training_clusters,
    usual_values,
)
from szmass.weighing.training.network import TrainingClusters, train_ensemble
from szmass.weighing.weigher import gathered

MAPS = 1000
"""Simulated maps with noise, of validation clusters, from which the usual spots are known."""
MAPS_AT_ONCE = 250


@dataclass(frozen=True)
class SurveyParams:
    """The sections of params.yaml that a survey's training uses, besides those of weighing."""

    seed: int
    spectra: Spectra
    compton: Compton
    morphology: Morphology
    baryon_models: Mapping[str, BaryonModel]
    resources: Resources

    @classmethod
    def of(cls, params: Params) -> Self:
        """The sections out of all."""
        return cls(**{field.name: getattr(params, field.name) for field in fields(cls)})


@dataclass(frozen=True)
class SurveyTraining:
    """What a survey is trained with."""

    instrument: Instrument
    params: SurveyParams
    weighing: Weighing
    """The settings of params.yaml with the survey's in their place."""
    settings: SurveySettings
    imported: Path | None
    """Store of the clusters that are trained with; without, mock clusters."""

    @classmethod
    def of(
        cls,
        instrument: Instrument,
        params: SurveyParams,
        weighing: Weighing,
        settings: SurveySettings,
        folder: Path,
    ) -> Self:
        """With the relation of imported clusters as the reference, where there are any.

        Args:
            instrument: of the survey.
            params: the settings that szmass comes with.
            weighing: its settings with the survey's in their place.
            settings: of the survey.
            folder: of the survey's file, from which its clusters are named.

        Raises:
            StoreError: the store cannot be used.
            ImportedGasError: their relation is not among those of the training.
        """
        if settings.clusters is None:
            return cls(instrument, params, weighing, settings, None)
        imported, cosmology = folder / settings.clusters, Cosmology.of(params.compton)
        measured = ImportedClusters.read(imported, cosmology).relation(cosmology)
        found = measured_gas(measured, params.baryon_models[params.compton.baryon_model])
        require_trained({IMPORTED: found}, weighing, imported)
        changed = replace(
            params,
            baryon_models={IMPORTED: found, **params.baryon_models},
            compton=replace(params.compton, baryon_model=IMPORTED),
        )
        return cls(instrument, changed, weighing, settings, imported)

    @property
    def cosmology(self) -> Cosmology:
        """Of the clusters."""
        return Cosmology.of(self.params.compton)

    @property
    def simulator(self) -> AmplitudeSimulator | ImportedSimulator:
        """Simulates clusters as the survey sees them."""
        if self.imported is not None:
            seen = self.instrument
            return ImportedSimulator(
                self.imported.absolute(),
                seen.survey.grid,
                seen.beams_fwhm_arcmin,
                seen.per_y,
                seen.survey.bank,
                seen.survey.meter,
            )
        survey = self.instrument.survey
        model = MockClusters(**asdict(self.params.morphology))
        images = self.instrument.images(model.tables())
        return AmplitudeSimulator(model, images, survey.bank, survey.meter)

    @property
    def contaminants(self) -> Contaminants | None:
        """What is in the maps besides clusters and noise; None for nothing."""
        model = self.params.baryon_models[self.params.compton.baryon_model]
        return Contaminants.of(
            self.settings,
            self.instrument.beams_fwhm_arcmin,
            self.instrument.per_y,
            self.cosmology,
            Gas.of(model),
            redshifts=self.weighing.redshifts,
        )

    def simulate(self, store: Path) -> MapStore:
        """Simulates the clusters of training, validation and test, in a store of amplitudes."""
        clusters = list_clusters(self.params.seed, self.weighing, self.cosmology)
        bank = self.instrument.survey.bank
        contaminants = self.contaminants
        spec = store_spec(len(clusters), len(bank.filters), contaminants=contaminants is not None)
        with replacing(store, spec, provenance={"seed": self.params.seed}) as unfinished:
            path = unfinished.absolute()
            found = run_tasks(
                _simulate_part,
                [Part(path, rows, clusters.at(rows)) for rows in spec.shards()],
                resources=self.params.resources,
                label="simulating clusters",
                simulator=self.simulator,
                contaminants=contaminants,
            )
            write_rows(path, slice(None), clusters.labels() | gathered(found))
        return open_clusters(store)

    def clusters(self, store: MapStore, partition: str) -> TrainingClusters:
        """The clusters of a partition, ready to be drawn."""
        survey = self.instrument.survey
        return training_clusters(store, partition, survey, self.weighing, self.cosmology)

    def train(self, store: MapStore, run: Run, progress: Callable[[int], object]) -> Record:
        """Trains the networks on the clusters of a store, and puts the record together."""
        survey, params = self.instrument.survey, self.params
        training, validation = (self.clusters(store, name) for name in ("training", "validation"))
        ensemble = train_ensemble(
            training, validation, seed=params.seed, run=run, progress=progress
        )
        rng = np.random.default_rng((params.seed, WEIGHING_NOISE, 3))
        return make_record(
            survey,
            ensemble,
            usual_values(training, spots_in(survey, self.maps(), self.weighing), rng),
            self.weighing,
            params.baryon_models,
            self.cosmology,
            reference_gas=params.compton.baryon_model,
        )

    def seen(self, contaminants: Contaminants, partition: str) -> dict[str, np.ndarray]:
        """What filters and level meter make of contaminants around a partition's clusters.

        Returns:
            Those arrays of `store_spec`, a row a cluster as `clusters` has them.
        """
        listed, survey = self._listed(partition), self.instrument.survey
        return gathered(
            seen(contaminants, listed.at(rows), survey.bank, survey.meter)
            for rows in _slices(len(listed))
        )

    def _listed(self, partition: str) -> ClusterList:
        listed = list_clusters(self.params.seed, self.weighing, self.cosmology)
        return listed.at(listed.partition == PARTITIONS.index(partition))

    def maps(self) -> Iterator[np.ndarray]:
        """Maps with noise of the first validation clusters, `(n, bands, pixels, pixels)` each."""
        listed = self._listed("validation").at(slice(MAPS))
        rng = np.random.default_rng((self.params.seed, SURVEY_MAPS))
        for rows in _slices(len(listed)):
            yield self.observe(listed.at(rows), rng)

    def observe(self, clusters: ClusterList, rng: np.random.Generator) -> np.ndarray:
        """Maps of clusters, with the reference gas, scatter of Y and noise of the usual level."""
        gas = Gas.of(self.params.baryon_models[self.params.compton.baryon_model])
        pivot = PivotY.at(clusters.redshift, self.cosmology)
        y = pivot.mean_y_arcmin2(clusters.log10_m500c_msun, gas)
        y *= np.exp(gas.sigma_lny * rng.standard_normal(len(y)))
        signal = self.simulator.maps(clusters) * y[:, None, None, None].astype(np.float32)
        noise = self.instrument.noise.maps(rng, len(clusters))
        if self.contaminants is not None:
            signal += self.contaminants.maps(clusters)
        return signal + np.float32(self.instrument.survey.noise_rms) * noise


def _simulate_part(
    part: Part,
    *,
    simulator: AmplitudeSimulator | ImportedSimulator,
    contaminants: Contaminants | None,
) -> dict[str, np.ndarray]:
    """Simulates and writes the amplitudes of a part; returns what else is known of its clusters."""
    found = {"outer_level": simulate_part(part, simulator=simulator)}
    if contaminants is None:
        return found
    return found | seen(contaminants, part.clusters, simulator.bank, simulator.meter)


def _slices(count: int) -> Iterator[slice]:
    for start in range(0, count, MAPS_AT_ONCE):
        yield slice(start, start + MAPS_AT_ONCE)


def seen(
    contaminants: Contaminants, clusters: ClusterList, bank: FilterBank, meter: Level
) -> dict[str, np.ndarray]:
    """What filters and level meter make of contaminants: those arrays of `store_spec`."""
    maps = contaminants.maps(clusters)
    return {
        "contaminant_amplitude": bank.amplitudes(maps),
        "contaminant_level": meter.of_clusters(maps),
    }
