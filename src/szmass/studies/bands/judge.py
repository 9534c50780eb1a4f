"""Weighs clusters in maps of several bands, and computes the exact posterior beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from szmass.evaluation.posteriors import MassPosteriors, mass_axis
from szmass.microwave.maps.spectra_table import read_spectra
from szmass.microwave.masses.likelihood import MassLikelihood
from szmass.networks.backend import prepare_backend
from szmass.networks.identity import training_identity
from szmass.params import BaryonModel, Compton, Evaluation, Weighing, WeighingMicrowave
from szmass.reporting import Run
from szmass.sky.clusters.universal import beamed_profiles
from szmass.sky.cosmology import Cosmology
from szmass.sky.frequencies import between_bands_cl_uk2
from szmass.sky.grid import PixelGrid, gaussian_beam
from szmass.streams import BAND_MAPS
from szmass.studies.bands.settings import Bands, BandSet
from szmass.studies.items import Item, make_items, shared_settings, write_item
from szmass.studies.results import ITEMS
from szmass.surveys.instrument import with_pixel_window
from szmass.surveys.noise import BandNoise, last_multipole
from szmass.units import ARCMIN_RAD, MASS_UNIT_MSUN, sz_temperature_uk
from szmass.weighing.gas import Gas, PivotY
from szmass.weighing.judgement.against_exact import AgainstExact
from szmass.weighing.one_redshift import OneRedshift
from szmass.weighing.training.network import train_ensemble

EIGENVALUE_CUT = 1e-12
TABULATED_MSUN = np.geomspace(0.2e14, 20e14, 120)


def judge(
    seed: int,
    compton: Compton,
    baryon_models: Mapping[str, BaryonModel],
    weighing: Weighing,
    weighing_microwave: WeighingMicrowave,
    evaluation: Evaluation,
    study: Bands,
    *,
    spectra_table: Path,
    here: Path,
    run: Run,
) -> None:
    """Writes, for each of `study.items`, masses by weighing and by the exact posterior."""
    prepare_backend(seed=seed, threads=weighing.threads)
    settings = weighing_microwave.applied(weighing)
    low, high = (mass * MASS_UNIT_MSUN for mass in weighing_microwave.prior_range_1e14)
    axis = mass_axis(np.log10([low, high]).tolist(), settings.axis_nodes)
    spectra = read_spectra(spectra_table)
    dl_uk2: dict[str, np.ndarray] = {name: spectra[name] for name in study.sky}
    gas = Gas.of(baryon_models[compton.baryon_model])

    def make(item: Item) -> None:
        bands = study.items[item.name]
        noise = noise_of(bands, study, dl_uk2)
        images = ClusterBands(bands, study, Cosmology.of(compton), gas)
        # the last bits of a factorisation depend on its threads
        with threadpool_limits(1):
            survey = OneRedshift.of(
                images,
                noise,
                np.geomspace(low, high, settings.filters),
                redshift=study.redshift,
                ln_scatter=bands.ln_scatter,
            )
        drawn = np.random.default_rng((seed, BAND_MAPS, 0))
        training, validation = (
            survey.clusters(drawn.uniform(np.log10(low), np.log10(high), count), settings)
            for count in (settings.training_clusters, settings.validation_clusters)
        )
        total = settings.networks * settings.epochs * len(training)
        with tqdm(total=total, desc=item.name, unit="cluster", disable=None) as bar:
            ensemble = train_ensemble(
                training, validation, seed=seed, run=item.run, progress=bar.update
            )
        rng = np.random.default_rng((seed, BAND_MAPS, 1))
        lightest, heaviest = np.log10(np.array(study.test_mass_1e14) * MASS_UNIT_MSUN)
        truth = 10.0 ** rng.uniform(lightest, heaviest, study.test_clusters)
        amplitude = np.exp(bands.ln_scatter * rng.standard_normal(len(truth)))
        maps = images(truth) * amplitude[:, None, None, None] + noise.maps(rng, len(truth))
        exact = MassLikelihood(
            m200c_msun=10.0**axis,
            signals_uk=_without_mean(images(10.0**axis)).reshape(len(axis), -1),
            covariance_uk2=noise.covariance_without_mean(),
            ln_scatter=bands.ln_scatter,
            eigenvalue_cut=EIGENVALUE_CUT,
        )
        ln_exact = exact(_without_mean(maps))
        judged = AgainstExact(
            truth,
            exact=MassPosteriors.of_weights(
                axis, np.exp(ln_exact - ln_exact.max(axis=1, keepdims=True))
            ),
            found=survey.posteriors(ensemble, maps, axis),
        )
        draws = evaluation.bootstrap_draws
        metrics = judged.metrics(draws=draws, rng=np.random.default_rng(seed))
        masses = {f"{name}_msun": mass for name, mass in judged.masses_msun().items()}
        write_item(item.folder, metrics, pd.DataFrame({"m500c_msun": truth} | masses), item.run)

    shared = [seed, compton, baryon_models, weighing, weighing_microwave, evaluation]
    shared.append(shared_settings(study, "items"))
    identity = training_identity(__name__, shared, [spectra_table])
    make_items(here / ITEMS, study.items, make, identity=identity, run=run)


def _without_mean(images: np.ndarray) -> np.ndarray:
    """Images without their mean in each band, which the filters leave free."""
    return images - images.mean(axis=(-2, -1), keepdims=True)


def noise_of(bands: BandSet, study: Bands, dl_uk2: Mapping[str, np.ndarray]) -> BandNoise:
    """White noise of each band, and the sky of all behind their beams."""
    grid = PixelGrid.of(study)
    ell = np.arange(last_multipole(grid) + 1.0)
    frequencies = [float(name) for name in bands.noise_uk_arcmin]
    sky = between_bands_cl_uk2(dl_uk2, frequencies)
    passed = np.array([gaussian_beam(ell, beam) for beam in _beams(bands, study)])
    cl = np.zeros((len(frequencies), len(frequencies), len(ell)))
    end = min(len(ell), sky.shape[-1])
    cl[..., :end] = sky[..., :end] * passed[:, None, :end] * passed[None, :, :end]
    for number, noise in enumerate(bands.noise_uk_arcmin.values()):
        cl[number, number] += (noise * ARCMIN_RAD) ** 2
    return BandNoise(grid, cl, 0.0)


def _beams(bands: BandSet, study: Bands) -> list[float]:
    return [
        with_pixel_window(study.beams_fwhm_arcmin[name], study.pixel_arcmin)
        for name in bands.noise_uk_arcmin
    ]


class ClusterBands:
    """Noiseless maps `(n, bands, pixels, pixels)` in uK of round clusters of given M500c.

    Args:
        bands: of the maps.
        study: their pixels and beams, and the redshift.
        cosmology: of the clusters.
        gas: their relation, without scatter.
    """

    def __init__(self, bands: BandSet, study: Bands, cosmology: Cosmology, gas: Gas) -> None:
        grid = PixelGrid.of(study)
        radii, index = grid.unique_radii
        z = np.full(len(TABULATED_MSUN), study.redshift)
        theta500 = cosmology.theta500_arcmin(TABULATED_MSUN, z)
        y = PivotY.at(z, cosmology).mean_y_arcmin2(np.log10(TABULATED_MSUN), gas)
        self._index, self._pixels = index, grid.pixels
        self._profiles_uk = np.stack(
            [
                y[:, None]
                * sz_temperature_uk(float(name))
                * beamed_profiles(theta500, radii, beam_fwhm_arcmin=beam)
                for name, beam in zip(bands.noise_uk_arcmin, _beams(bands, study), strict=True)
            ],
            axis=1,
        )

    def __call__(self, masses_msun: np.ndarray) -> np.ndarray:
        """Linear in ln M between tabulated masses."""
        place = np.interp(
            np.log(masses_msun), np.log(TABULATED_MSUN), np.arange(float(len(TABULATED_MSUN)))
        )
        low = np.minimum(place.astype(int), len(TABULATED_MSUN) - 2)
        share = (place - low)[:, None, None]
        profiles = (1.0 - share) * self._profiles_uk[low] + share * self._profiles_uk[low + 1]
        return profiles[..., self._index].reshape(len(masses_msun), -1, self._pixels, self._pixels)
