"""Which clusters a survey finds: simulated ones are put into its map, and looked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from szmass.files import write_text
from szmass.predict.files.sky_maps import SkyMap
from szmass.streams import SURVEY_INJECTIONS
from szmass.surveys.measuring import MeasureError
from szmass.surveys.training import SurveyTraining
from szmass.weighing.gas import Gas, PivotY
from szmass.weighing.record import Record
from szmass.weighing.training.clusters import PARTITIONS, ClusterList
from szmass.weighing.weigher import Weigher

AT_ONCE, TRIES = 200, 30
REDSHIFT_BINS, MASS_STEP_DEX = 4, 0.1
LIGHTEST, HEAVIEST = 13.8, 15.4
"""Ends of log10 M500c of the clusters that are put in."""


COLUMNS = (
    *("redshift_low", "redshift_high", "log10_m500c_low", "log10_m500c_high"),
    *("completeness", "error", "put_in"),
)


@dataclass(frozen=True)
class Injected:
    """Clusters that were put into a map, and how they stood out."""

    log10_m500c_msun: np.ndarray
    redshift: np.ndarray
    signal_to_noise: np.ndarray
    """Of the largest filter, with the noise's level as it is measured in the map."""

    def completeness(
        self, cut: float, redshift_edges: np.ndarray, mass_edges: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The share above a cut in bins, `(redshifts, masses)`, and how many clusters a bin has."""
        edges = redshift_edges, mass_edges
        put, *_ = np.histogram2d(self.redshift, self.log10_m500c_msun, edges)
        above = self.signal_to_noise >= cut
        found, *_ = np.histogram2d(self.redshift[above], self.log10_m500c_msun[above], edges)
        with np.errstate(invalid="ignore"):
            return found / put, put


def list_injections(training: SurveyTraining, count: int) -> ClusterList:
    """Clusters flat in log10 M500c and z, with the reference gas and the survey's offsets."""
    weighing, params = training.weighing, training.params
    rng = np.random.default_rng((weighing.test_seed, SURVEY_INJECTIONS, 0))
    log10_mass = rng.uniform(LIGHTEST, HEAVIEST, count)
    redshift = rng.uniform(weighing.redshifts[0], weighing.redshifts[1], count)
    model = params.baryon_models[params.compton.baryon_model]
    return ClusterList(
        partition=np.full(count, PARTITIONS.index("test"), dtype=np.int8),
        log10_m500c_msun=log10_mass,
        redshift=redshift,
        theta500_arcmin=training.cosmology.theta500_arcmin(10.0**log10_mass, redshift),
        cool_core_mean=np.full(count, model.cool_core_mean),
        offset_arcmin=weighing.centre_offset_arcmin * rng.standard_normal((count, 2)),
        seeds=np.array(
            [(weighing.test_seed, SURVEY_INJECTIONS, 1, number) for number in range(count)]
        ),
    )


def inject(training: SurveyTraining, record: Record, sky: SkyMap, count: int) -> Injected:
    """Puts clusters into a map at random places, one at a time, and measures how they stand out.

    With the sources and the dust of the clusters, where the survey has them.

    Args:
        training: of the survey, of one band.
        record: that was trained.
        sky: its map.
        count: of the clusters.

    Raises:
        MeasureError: the map has too few places with data.
    """
    clusters, weigher = list_injections(training, count), Weigher(record)
    rng = np.random.default_rng((training.weighing.test_seed, SURVEY_INJECTIONS, 2))
    gas = Gas.of(training.params.baryon_models[training.params.compton.baryon_model])
    y = PivotY.at(clusters.redshift, training.cosmology).mean_y_arcmin2(
        clusters.log10_m500c_msun, gas
    )
    y *= np.exp(gas.sigma_lny * rng.standard_normal(count))
    contaminants = training.contaminants
    ratios = []
    for start in range(0, count, AT_ONCE):
        rows = slice(start, min(start + AT_ONCE, count))
        noise = _places(sky, training, rng, rows.stop - rows.start)
        signal = training.simulator.maps(clusters.at(rows))[:, 0]
        maps = noise + signal * y[rows, None, None].astype(np.float32)
        if contaminants is not None:
            maps += contaminants.of_clusters().maps(clusters.at(rows))[:, 0]
        ratios.append(weigher.inputs(maps, clusters.redshift[rows]).signal_to_noise)
    return Injected(clusters.log10_m500c_msun, clusters.redshift, np.concatenate(ratios))


def _places(
    sky: SkyMap, training: SurveyTraining, rng: np.random.Generator, count: int
) -> np.ndarray:
    """Cutouts at random places with data throughout."""
    found: list[np.ndarray] = []
    for _ in range(TRIES):
        cutouts = sky.cutouts(*sky.places(rng, count), training.instrument.survey.grid)
        found += [image for image in cutouts if np.isfinite(image).all()]
        if len(found) >= count:
            return np.array(found[:count])
    raise MeasureError(
        f"{len(found)} of {TRIES * count} random places of the map have data: expected more"
    )


def bins(training: SurveyTraining) -> tuple[np.ndarray, np.ndarray]:
    """Edges of redshift and of log10 M500c."""
    nearest, farthest = training.weighing.redshifts
    masses = np.arange(LIGHTEST, HEAVIEST + MASS_STEP_DEX / 2.0, MASS_STEP_DEX)
    return np.linspace(nearest, farthest, REDSHIFT_BINS + 1), masses


def write_completeness(
    path: Path, injected: Injected, cut: float, redshifts: np.ndarray, masses: np.ndarray
) -> None:
    """Writes the table: a row a bin, with the share that is found, and its error."""
    share, put = injected.completeness(cut, redshifts, masses)
    lines = [
        "redshift_low,redshift_high,log10_m500c_low,log10_m500c_high,completeness,error,put_in"
    ]
    for i in range(len(redshifts) - 1):
        for j in range(len(masses) - 1):
            if put[i, j]:
                # of a binomial, with one more of each kind, so that 0 and 1 have errors too
                p = (share[i, j] * put[i, j] + 1.0) / (put[i, j] + 2.0)
                error = np.sqrt(p * (1.0 - p) / put[i, j])
                ends = f"{redshifts[i]:.4g},{redshifts[i + 1]:.4g},{masses[j]:.4g}"
                lines.append(
                    f"{ends},{masses[j + 1]:.4g},{share[i, j]:.4f},{error:.4f},{put[i, j]:.0f}"
                )
    write_text(path, "\n".join(lines) + "\n")
