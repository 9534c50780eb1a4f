"""Posteriors hold the truth as often as they say, and are the paper's where they claim to be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest
from scipy.stats import gaussian_kde, norm

from szmass.compton.masses.calibration import EnsembleCalibration, training_prior
from szmass.compton.masses.kde import PaperKde
from szmass.compton.masses.out_of_fold import OutOfFold, read_out_of_fold
from szmass.compton.masses.training_clusters import TrainingClusters
from szmass.evaluation.posteriors import MassPosteriors, PosteriorError, mass_axis

AXIS = mass_axis([13.5, 15.7], 441)
CUT, MEMBERS, SHARED_DEX, OWN_DEX = 14.55, 3, 0.065, 0.03
REDSHIFTS = (0.1, 0.2)
DRIFT_DEX = 1.6
"""By how much networks' masses fall with redshift, per unit of it: as those of the planck maps."""


def draw_masses(rng: np.random.Generator, count: int) -> np.ndarray:
    """log10 M about 14.75, with a sharp lower end as the simulated samples have."""
    drawn = rng.normal(14.75, 0.18, 4 * count)
    return drawn[drawn > CUT][:count]


def observed(rng: np.random.Generator, log10_m: np.ndarray) -> np.ndarray:
    """What a map tells: noisier at low mass, with heavy tails."""
    noise = np.clip(SHARED_DEX - 0.08 * (log10_m - 14.75), 0.03, None)
    return log10_m + noise * rng.standard_t(6, len(log10_m)) / np.sqrt(1.5)


def draw_redshifts(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.uniform(*REDSHIFTS, count)


def networks(
    rng: np.random.Generator, told: np.ndarray, redshift: np.ndarray, members: int = MEMBERS
) -> np.ndarray:
    """Members that pull towards the middle as a mean square error has them do, `(members, n)`.

    They are not told the redshift: what is near looks large.
    """
    own = rng.normal(0.0, OWN_DEX, (members, len(told)))
    return 14.78 + 0.8 * (told - 14.78) - DRIFT_DEX * (redshift - np.mean(REDSHIFTS)) + own


def out_of_fold(
    rng: np.random.Generator, training: TrainingClusters, share: float = 0.3
) -> OutOfFold:
    log10_m = training.log10_msun
    predictions = networks(rng, observed(rng, log10_m), training.redshift)
    member, cluster = np.nonzero(rng.random(predictions.shape) < share)
    return OutOfFold(
        member,
        training.number[cluster],
        np.zeros_like(cluster),
        log10_m[cluster],
        predictions[member, cluster],
    )


@pytest.fixture(scope="module")
def training() -> TrainingClusters:
    rng = np.random.default_rng(1)
    masses = draw_masses(rng, 3000)
    return TrainingClusters(100 + 2 * np.arange(3000), masses, draw_redshifts(rng, 3000))


@pytest.fixture(scope="module")
def sample(training: TrainingClusters) -> OutOfFold:
    return out_of_fold(np.random.default_rng(2), training)


@pytest.fixture(scope="module")
def calibration(training: TrainingClusters, sample: OutOfFold) -> EnsembleCalibration:
    return EnsembleCalibration.fit(sample, training, AXIS)


def shares(posteriors: MassPosteriors, log10_m: np.ndarray) -> list[float]:
    distance = np.abs(posteriors.ranks(log10_m) - 0.5)
    return [float(np.mean(distance <= level / 2)) for level in (0.5, 0.68, 0.9, 0.95)]


def test_intervals_of_the_ensemble_hold_what_they_say(calibration: EnsembleCalibration) -> None:
    rng = np.random.default_rng(3)
    truth, redshift = draw_masses(rng, 6000), draw_redshifts(rng, 6000)
    predictions = networks(rng, observed(rng, truth), redshift)
    posteriors = calibration(predictions, redshift)
    np.testing.assert_allclose(
        shares(posteriors, truth), [0.5, 0.68, 0.9, 0.95], atol=0.025, rtol=0
    )
    # the mean of three is better than one of them, and known to be
    aleatoric, epistemic = posteriors.sigma_dex()
    one = calibration(predictions[:1], redshift).sigma_dex()
    assert np.mean(epistemic) < 0.7 * np.mean(one[1])
    np.testing.assert_allclose(np.hypot(aleatoric, epistemic), posteriors.moments()[1])


def test_the_epistemic_share_is_what_the_members_do_on_their_own(
    calibration: EnsembleCalibration,
) -> None:
    rng = np.random.default_rng(4)
    truth, redshift = draw_masses(rng, 20_000), draw_redshifts(rng, 20_000)
    error = networks(rng, observed(rng, truth), redshift, 1)[0] + DRIFT_DEX * redshift - truth
    residual = error - np.polyval(np.polyfit(truth, error, 2), truth)
    assert abs(calibration.epistemic - OWN_DEX**2 / np.var(residual)) < 0.06


def test_members_that_disagree_widen_the_posterior(calibration: EnsembleCalibration) -> None:
    agree, disagree = np.full((3, 1), 14.8), np.array([[14.6], [14.8], [15.0]])
    both = calibration(np.concatenate([agree, disagree], axis=1), np.full(2, 0.15))
    widths = both.moments()[1]
    assert widths[1] > 1.2 * widths[0]
    assert both.epistemic_share[1] > both.epistemic_share[0]


def test_without_maps_that_two_members_have_not_seen_all_is_aleatoric(
    training: TrainingClusters,
) -> None:
    rng = np.random.default_rng(5)
    masses = training.log10_msun
    predictions = networks(rng, observed(rng, masses), training.redshift, 1)[0]
    member = np.arange(len(masses)) % 3
    alone = OutOfFold(member, training.number, 0 * member, masses, predictions)
    assert EnsembleCalibration.fit(alone, training, AXIS).epistemic == 0


def test_intervals_hold_what_they_say_at_either_end_of_the_redshifts(
    calibration: EnsembleCalibration,
) -> None:
    rng = np.random.default_rng(8)
    truth, redshift = draw_masses(rng, 12_000), draw_redshifts(rng, 12_000)
    posteriors = calibration(networks(rng, observed(rng, truth), redshift), redshift)
    near = np.abs(posteriors.ranks(truth) - 0.5)[redshift < 0.115]
    far = np.abs(posteriors.ranks(truth) - 0.5)[redshift > 0.185]
    for distance in (near, far):
        assert np.mean(distance <= 0.34) == pytest.approx(0.68, abs=0.035)


def test_redshifts_narrow_the_masses_and_stop_at_those_of_the_training(
    training: TrainingClusters, sample: OutOfFold, calibration: EnsembleCalibration
) -> None:
    shuffled = replace(training, redshift=np.random.default_rng(9).permutation(training.redshift))
    without = EnsembleCalibration.fit(sample, shuffled, AXIS)
    predictions, middle = np.full((3, 1), 14.8), np.array([0.15])
    narrow, wide = (one(predictions, middle).moments()[1] for one in (calibration, without))
    assert narrow < 0.9 * wide
    redshifts = np.array([training.redshift.min(), 0.0, 0.19])
    near, below, far = calibration(np.full((3, 3), 14.8), redshifts).density
    assert (near == below).all()
    assert np.argmax(far) > np.argmax(near)  # as far away it would look smaller


def test_training_clusters_of_one_redshift_are_enough(
    training: TrainingClusters, sample: OutOfFold
) -> None:
    one = replace(training, redshift=np.full(len(training.redshift), 0.15))
    calibration = EnsembleCalibration.fit(sample, one, AXIS)
    densities = calibration(np.full((3, 2), 14.8), np.array([0.1, 0.2])).density
    assert np.isfinite(densities).all()
    assert (densities[0] == densities[1]).all()


def test_a_prediction_of_a_strange_cluster_is_told(
    training: TrainingClusters, sample: OutOfFold
) -> None:
    strange = replace(sample, cluster=sample.cluster + 1)
    with pytest.raises(PosteriorError, match="none of the 3000 development clusters"):
        EnsembleCalibration.fit(strange, training, AXIS)


def test_another_prior_moves_the_masses_and_none_leaves_the_training(
    calibration: EnsembleCalibration, training: TrainingClusters
) -> None:
    masses = training.log10_msun
    seen = np.full((3, 1), 15.0), np.array([0.15])
    flat = calibration(*seen, np.ones(len(AXIS)))
    heavy = calibration(*seen, 10.0 ** (3.0 * AXIS))
    trained = calibration(*seen)
    middles = [float(p.quantiles([0.5])[0, 0]) for p in (trained, flat, heavy)]
    assert middles[0] < middles[1] < middles[2]
    outside = (masses.max() < AXIS) | (masses.min() > AXIS)
    assert (flat.density[:, outside] == 0).all()
    with pytest.raises(PosteriorError, match="the prior is 0 for all of log10 M"):
        calibration(*seen, np.where(AXIS < 14.0, 1.0, 0.0))


def test_a_prediction_far_from_all_is_still_a_density(calibration: EnsembleCalibration) -> None:
    posteriors = calibration(np.array([[10.0, 20.0]]), np.array([0.1, 0.2]))
    np.testing.assert_allclose(np.trapezoid(posteriors.density, AXIS, axis=1), 1.0)


def test_thousands_of_clusters_take_less_than_a_second(calibration: EnsembleCalibration) -> None:
    predictions = np.random.default_rng(6).normal(14.8, 0.1, (3, 4800))
    before = perf_counter()
    calibration(predictions, np.full(4800, 0.15)).quantiles()
    assert perf_counter() - before < 1.0


def test_the_papers_kde_is_scipys(sample: OutOfFold) -> None:
    posteriors = PaperKde(sample, 0.2, AXIS)
    kde = gaussian_kde([sample.log10_pred, sample.log10_true], bw_method=0.2)
    seen = np.array([14.62, 14.8131, 15.04])
    for row, prediction in zip(posteriors(seen).density, seen, strict=True):
        wanted = kde([np.full(len(AXIS), prediction), AXIS])
        wanted /= np.trapezoid(wanted, AXIS)
        np.testing.assert_allclose(row, wanted, atol=0.01 * wanted.max())
    far = posteriors(np.array([13.6, 15.69]))
    assert np.isfinite(far.density).all()


def test_quantiles_and_ranks_of_a_gaussian() -> None:
    posteriors = MassPosteriors.of_weights(AXIS, norm.pdf(AXIS, 14.6, 0.1)[None])
    levels = [0.025, 0.16, 0.5, 0.84, 0.975]
    np.testing.assert_allclose(
        posteriors.quantiles(levels)[0], norm.ppf(levels, 14.6, 0.1), atol=2e-4
    )
    np.testing.assert_allclose(posteriors.ranks(np.array([14.7])), norm.cdf(1.0), atol=1e-4)
    np.testing.assert_allclose(np.ravel(posteriors.moments()), [14.6, 0.1], rtol=1e-4)


def test_the_prior_keeps_its_sharp_lower_end(training: TrainingClusters) -> None:
    masses = training.log10_msun
    density = training_prior(AXIS, masses)
    assert (density[masses.min() > AXIS] == 0).all()
    share_near_cut = np.trapezoid(np.where(CUT + 0.05 > AXIS, density, 0), AXIS)
    assert share_near_cut == pytest.approx(np.mean(masses < CUT + 0.05), rel=0.1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("member,cluster\n0,1\n", "oof.csv: no column 'projection': expected member, cluster"),
        ("member,cluster\n0,one\n", "oof.csv: cannot be read as a table of numbers"),
        (
            "member,cluster,projection,log10_m_true,log10_m_pred\n0,1,0,14.5,14.6\n",
            "oof.csv: 1 rows: expected at least 20",
        ),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "oof.csv").write_text(content)
    with pytest.raises(PosteriorError, match=message):
        read_out_of_fold(tmp_path / "oof.csv")
