"""Posteriors hold the truth as often as they say, and are the paper's where they claim to be."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

import numpy as np
import pytest
from scipy.stats import gaussian_kde, norm

from szmass.inference.ensemble_calibration import EnsembleCalibration, training_prior
from szmass.inference.out_of_fold import OutOfFold, read_out_of_fold
from szmass.inference.paper_kde import PaperKde
from szmass.inference.posterior import MassPosteriors, PosteriorError, mass_axis

AXIS = mass_axis([13.5, 15.7], 441)
CUT, MEMBERS, SHARED_DEX, OWN_DEX = 14.55, 3, 0.065, 0.03


def draw_masses(rng: np.random.Generator, count: int) -> np.ndarray:
    """log10 M about 14.75, with a sharp lower end as the simulated samples have."""
    drawn = rng.normal(14.75, 0.18, 4 * count)
    return drawn[drawn > CUT][:count]


def observed(rng: np.random.Generator, log10_m: np.ndarray) -> np.ndarray:
    """What a map tells: noisier at low mass, with heavy tails."""
    noise = np.clip(SHARED_DEX - 0.08 * (log10_m - 14.75), 0.03, None)
    return log10_m + noise * rng.standard_t(6, len(log10_m)) / np.sqrt(1.5)


def networks(rng: np.random.Generator, told: np.ndarray, members: int = MEMBERS) -> np.ndarray:
    """Members that pull towards the middle as a mean square error has them do, `(members, n)`."""
    own = rng.normal(0.0, OWN_DEX, (members, len(told)))
    return 14.78 + 0.8 * (told - 14.78) + own


def out_of_fold(rng: np.random.Generator, log10_m: np.ndarray, share: float = 0.3) -> OutOfFold:
    predictions = networks(rng, observed(rng, log10_m))
    member, cluster = np.nonzero(rng.random(predictions.shape) < share)
    return OutOfFold(
        member, cluster, np.zeros_like(cluster), log10_m[cluster], predictions[member, cluster]
    )


@pytest.fixture(scope="module")
def masses() -> np.ndarray:
    return draw_masses(np.random.default_rng(1), 3000)


@pytest.fixture(scope="module")
def sample(masses: np.ndarray) -> OutOfFold:
    return out_of_fold(np.random.default_rng(2), masses)


@pytest.fixture(scope="module")
def calibration(masses: np.ndarray, sample: OutOfFold) -> EnsembleCalibration:
    return EnsembleCalibration.fit(sample, masses, AXIS)


def shares(posteriors: MassPosteriors, log10_m: np.ndarray) -> list[float]:
    distance = np.abs(posteriors.ranks(log10_m) - 0.5)
    return [float(np.mean(distance <= level / 2)) for level in (0.5, 0.68, 0.9, 0.95)]


def test_intervals_of_the_ensemble_hold_what_they_say(calibration: EnsembleCalibration) -> None:
    rng = np.random.default_rng(3)
    truth = draw_masses(rng, 6000)
    predictions = networks(rng, observed(rng, truth))
    posteriors = calibration(predictions)
    np.testing.assert_allclose(
        shares(posteriors, truth), [0.5, 0.68, 0.9, 0.95], atol=0.025, rtol=0
    )
    # the mean of three is better than one of them, and known to be
    aleatoric, epistemic = posteriors.sigma_dex()
    one = calibration(predictions[:1]).sigma_dex()
    assert np.mean(epistemic) < 0.7 * np.mean(one[1])
    np.testing.assert_allclose(np.hypot(aleatoric, epistemic), posteriors.moments()[1])


def test_the_epistemic_share_is_what_the_members_do_on_their_own(
    calibration: EnsembleCalibration,
) -> None:
    rng = np.random.default_rng(4)
    truth = draw_masses(rng, 20_000)
    error = networks(rng, observed(rng, truth), 1)[0] - truth
    residual = error - np.polyval(np.polyfit(truth, error, 2), truth)
    assert abs(calibration.epistemic - OWN_DEX**2 / np.var(residual)) < 0.06


def test_members_that_disagree_widen_the_posterior(calibration: EnsembleCalibration) -> None:
    agree, disagree = np.full((3, 1), 14.8), np.array([[14.6], [14.8], [15.0]])
    both = calibration(np.concatenate([agree, disagree], axis=1))
    widths = both.moments()[1]
    assert widths[1] > 1.2 * widths[0]
    assert both.epistemic_share[1] > both.epistemic_share[0]


def test_without_maps_that_two_members_have_not_seen_all_is_aleatoric(masses: np.ndarray) -> None:
    rng = np.random.default_rng(5)
    predictions = networks(rng, observed(rng, masses), 1)[0]
    cluster = np.arange(len(masses))
    alone = OutOfFold(cluster % 3, cluster, 0 * cluster, masses, predictions)
    assert EnsembleCalibration.fit(alone, masses, AXIS).epistemic == 0


def test_another_prior_moves_the_masses_and_none_leaves_the_training(
    calibration: EnsembleCalibration, masses: np.ndarray
) -> None:
    predictions = np.full((3, 1), 15.0)
    flat = calibration(predictions, np.ones(len(AXIS)))
    heavy = calibration(predictions, 10.0 ** (3.0 * AXIS))
    trained = calibration(predictions)
    middles = [float(p.quantiles([0.5])[0, 0]) for p in (trained, flat, heavy)]
    assert middles[0] < middles[1] < middles[2]
    outside = (masses.max() < AXIS) | (masses.min() > AXIS)
    assert (flat.density[:, outside] == 0).all()
    with pytest.raises(PosteriorError, match="the prior is 0 for all of log10 M"):
        calibration(predictions, np.where(AXIS < 14.0, 1.0, 0.0))


def test_a_prediction_far_from_all_is_still_a_density(calibration: EnsembleCalibration) -> None:
    posteriors = calibration(np.array([[10.0, 20.0]]))
    np.testing.assert_allclose(np.trapezoid(posteriors.density, AXIS, axis=1), 1.0)


def test_thousands_of_clusters_take_less_than_a_second(calibration: EnsembleCalibration) -> None:
    predictions = np.random.default_rng(6).normal(14.8, 0.1, (3, 4800))
    before = perf_counter()
    calibration(predictions).quantiles()
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


def test_the_prior_keeps_its_sharp_lower_end(masses: np.ndarray) -> None:
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
