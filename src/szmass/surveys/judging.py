"""How good a survey's masses are, on test clusters that no choice has seen; the gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from szmass.streams import WEIGHING_NOISE
from szmass.surveys.training import SurveyTraining
from szmass.weighing.gas import Gas, PivotY
from szmass.weighing.judgement.gate import LEVELS, Check, coverage, judge_all
from szmass.weighing.judgement.judged import Calibration, calibrate
from szmass.weighing.novelty import FAINT
from szmass.weighing.record import Record
from szmass.weighing.training.network import TrainingClusters
from szmass.weighing.weigher import Weigher

BINS = 3
"""Redshift bins of the gate."""
HEAVY_MSUN, FEWEST_HEAVY = 1e15, 20
"""Clusters above this mass are seen by every useful survey."""
MOST_SEEN = 1e6
DETECTED = 5.0
"""Signal-to-noise ratio of a cluster that a survey finds."""
MORE_SOURCES = 2.0
"""How many times the point sources of the training another sky has, on which masses are judged as
well: counts are known to such a factor."""


@dataclass(frozen=True)
class SurveyJudgement:
    """What the test clusters of a survey say."""

    calibration: Calibration
    checks: list[Check]
    limits: tuple[np.ndarray, np.ndarray]
    """Redshifts, and the mass in Msun that has a signal-to-noise ratio of `DETECTED` at each."""
    scatter: tuple[np.ndarray, np.ndarray]
    """Signal-to-noise ratios, and half the width of the 68 % interval there, in dex."""
    more_sources: np.ndarray | None
    """Ranks of the test clusters with `MORE_SOURCES` times the point sources of the training; None
    where a survey has none. No check of the gate."""

    @property
    def metrics(self) -> dict[str, float]:
        """The numbers that a person asks for."""
        ranks = self.calibration.rank
        found = {f"coverage_{100 * level:.0f}": coverage(ranks, level) for level in LEVELS}
        if self.more_sources is not None:
            found |= {
                f"coverage_{100 * level:.0f}_twice_the_sources": coverage(self.more_sources, level)
                for level in LEVELS
            }
        redshift, mass = self.limits
        ratio, width = self.scatter
        return {
            "test_clusters": float(len(ranks)),
            "mean_rank": float(ranks.mean()),
            **found,
            **{
                f"mass_at_signal_to_noise_5_z{z:.2g}_1e14": float(m) / 1e14
                for z, m in zip(redshift, mass, strict=True)
            },
            **{
                f"half_width_dex_at_signal_to_noise_{r:.3g}": float(w)
                for r, w in zip(ratio, width, strict=True)
            },
        }


def judge_survey(
    training: SurveyTraining, record: Record, unseen: TrainingClusters
) -> SurveyJudgement:
    """Weighs the test clusters, and checks ranks and coverage by redshift, mass and signal.

    Args:
        training: of the survey.
        record: that was trained.
        unseen: the test clusters, of a seed of their own.
    """
    weigher = Weigher(record)
    rng = np.random.default_rng((training.weighing.test_seed, WEIGHING_NOISE, 2))
    calibration = calibrate(weigher, unseen, rng)
    checks = judge_all(
        calibration.rank,
        calibration.groups(redshift_bins(record.facts.redshifts)),
        expected_coverage=calibration.expected_coverage(rng),
        of_maps=[],
    )
    checks.append(_sees_clusters(calibration))
    return SurveyJudgement(
        calibration,
        checks,
        _limits(training, unseen),
        _scatter(calibration),
        _more_sources(training, weigher, unseen, rng),
    )


def _more_sources(
    training: SurveyTraining,
    weigher: Weigher,
    unseen: TrainingClusters,
    rng: np.random.Generator,
) -> np.ndarray | None:
    contaminants = training.contaminants
    if contaminants is None:
        return None
    found = training.seen(contaminants.times(MORE_SOURCES), "test")
    contaminated = replace(
        unseen,
        contaminant_amplitude=found["contaminant_amplitude"],
        contaminant_level=found["contaminant_level"],
    )
    return calibrate(weigher, contaminated, rng).rank


def redshift_bins(redshifts: Sequence[float]) -> dict[str, list[float]]:
    """Bins of equal width, by name."""
    edges = np.linspace(redshifts[0], redshifts[1], BINS + 1)
    return {f"{low:.2f} to {high:.2f}": [float(low), float(high)] for low, high in pairwise(edges)}


def _sees_clusters(calibration: Calibration) -> Check:
    """Heavy clusters must stand out of the noise: a survey that sees none knows the prior alone."""
    heavy = calibration.truth_log10_msun > np.log10(HEAVY_MSUN)
    seen = calibration.signal_to_noise[heavy]
    return Check(
        group=f"mass above {HEAVY_MSUN:.0e} Msun",
        what="median_signal_to_noise",
        clusters=len(seen),
        expected=DETECTED,
        found=float(np.median(seen)) if len(seen) else 0.0,
        low=FAINT,
        high=MOST_SEEN,
        power=1.0,
    )


def _limits(training: SurveyTraining, clusters: TrainingClusters) -> tuple[np.ndarray, np.ndarray]:
    """The mass at each of some redshifts whose clusters have the signal-to-noise `DETECTED`.

    Of a cluster's own best filter, in noise of the usual level, with the reference gas.
    """
    survey, params = training.instrument.survey, training.params
    gas = Gas.of(params.baryon_models[params.compton.baryon_model])
    height = clusters.amplitude.max(axis=1) / survey.noise_rms
    pivot = PivotY.at(clusters.redshift, training.cosmology)
    ln_ratio = np.log(height * pivot.mean_y_arcmin2(clusters.log10_m500c_msun, gas))
    nearest, farthest = training.weighing.redshifts
    edges = np.linspace(nearest, farthest, LIMITS + 1)
    redshift, mass = [], []
    for low, high in pairwise(edges):
        rows = (clusters.redshift > low) & (clusters.redshift <= high)
        if rows.sum() >= FEWEST_HEAVY:
            slope, start = np.polyfit(ln_ratio[rows], clusters.log10_m500c_msun[rows], 1)
            redshift.append((low + high) / 2.0)
            mass.append(10.0 ** (start + slope * np.log(DETECTED)))
    return np.array(redshift), np.array(mass)


LIMITS = 6
BRIGHT = 100.0
"""Signal-to-noise ratio beyond which the width is all scatter of Y."""


def _scatter(calibration: Calibration) -> tuple[np.ndarray, np.ndarray]:
    """Half the width of the 68 % intervals, in bins of signal-to-noise."""
    widths = []
    for part in calibration.posteriors:
        low, high = part.quantiles([0.16, 0.84]).T
        widths.append((high - low) / 2.0)
    width, ratio = np.concatenate(widths), calibration.signal_to_noise
    edges = np.geomspace(FAINT, BRIGHT, LIMITS + 1)
    found = [
        (np.sqrt(low * high), np.median(width[rows]))
        for low, high in pairwise(edges)
        if (rows := (ratio > low) & (ratio <= high)).sum() >= FEWEST_HEAVY
    ]
    places, medians = zip(*found, strict=True) if found else ((), ())
    return np.array(places), np.array(medians)
