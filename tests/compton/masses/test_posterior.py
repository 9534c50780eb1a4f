"""The paper's posterior is scipy's kernel density, and holds what it can without a redshift."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import gaussian_kde, norm

from szmass.compton.masses.kde import PaperKde
from szmass.compton.masses.out_of_fold import OutOfFold, read_out_of_fold
from szmass.evaluation.posteriors import MassPosteriors, PosteriorError, mass_axis

AXIS = mass_axis([13.5, 15.7], 441)
CUT, ERROR_DEX = 14.55, 0.065
REDSHIFTS = (0.1, 0.2)
DRIFT_DEX = 1.6
"""By how much networks' masses fall with redshift, per unit of it: as those of the planck maps."""


def draw_masses(rng: np.random.Generator, count: int) -> np.ndarray:
    """log10 M about 14.75, with a sharp lower end as the simulated samples have."""
    drawn = rng.normal(14.75, 0.18, 4 * count)
    return drawn[drawn > CUT][:count]


def predicted(
    rng: np.random.Generator, log10_m: np.ndarray, redshift: np.ndarray | None = None
) -> np.ndarray:
    """Masses by a network that pulls towards the middle, as a mean square error has it do.

    It is not told the redshift, where there is one: what is near looks large.
    """
    told = log10_m + ERROR_DEX * rng.standard_t(6, len(log10_m)) / np.sqrt(1.5)
    drift = 0.0 if redshift is None else DRIFT_DEX * (redshift - np.mean(REDSHIFTS))
    return 14.78 + 0.8 * (told - 14.78) - drift


def drawn_sample(rng: np.random.Generator, redshifts: tuple[float, float] | None) -> OutOfFold:
    truth = draw_masses(rng, 3000)
    redshift = None if redshifts is None else rng.uniform(*redshifts, 3000)
    return OutOfFold(np.arange(3000), truth, predicted(rng, truth, redshift))


@pytest.fixture(scope="module")
def sample() -> OutOfFold:
    return drawn_sample(np.random.default_rng(2), None)


def inside(posteriors: MassPosteriors, log10_m: np.ndarray, level: float) -> np.ndarray:
    return np.abs(posteriors.ranks(log10_m) - 0.5) <= level / 2


def test_the_papers_kde_is_scipys(sample: OutOfFold) -> None:
    posteriors = PaperKde(sample, 0.2, AXIS)
    kde = gaussian_kde([sample.log10_pred, sample.log10_true], bw_method=0.2)
    seen = np.array([14.62, 14.8131, 15.04])
    for row, prediction in zip(posteriors(seen).density, seen, strict=True):
        expected = kde([np.full(len(AXIS), prediction), AXIS])
        expected /= np.trapezoid(expected, AXIS)
        np.testing.assert_allclose(row, expected, atol=0.01 * expected.max())


def test_beyond_the_sample_a_heavier_prediction_is_never_a_lighter_cluster(
    sample: OutOfFold,
) -> None:
    kde = PaperKde(sample, 0.2, AXIS)
    light, heavy = sample.log10_pred.min(), sample.log10_pred.max()
    beyond = np.concatenate([np.linspace(13.0, light, 60), np.linspace(heavy, 17.0, 60)])
    median = kde(beyond).quantiles([0.5])[:, 0]
    assert (np.diff(median[:60]) >= 0).all()
    assert (np.diff(median[60:]) >= 0).all()
    assert median[0] < sample.log10_true.min()
    assert median[-1] > sample.log10_true.max()


def test_intervals_hold_what_they_say_where_the_redshift_does_not_matter(
    sample: OutOfFold,
) -> None:
    rng = np.random.default_rng(3)
    truth = draw_masses(rng, 12_000)
    posteriors = PaperKde(sample, 0.2, AXIS)(predicted(rng, truth))
    for level in (0.5, 0.68, 0.9, 0.95):
        # kernels of 0.2 widen what they are fitted to, by 2 % and at the sharp lower end by more
        assert -0.01 < np.mean(inside(posteriors, truth, level)) - level < 0.03


def test_intervals_hold_in_a_bin_and_fail_at_its_ends_where_it_matters() -> None:
    rng = np.random.default_rng(4)
    kde = PaperKde(drawn_sample(rng, REDSHIFTS), 0.2, AXIS)
    truth, redshift = draw_masses(rng, 12_000), rng.uniform(*REDSHIFTS, 12_000)
    held = inside(kde(predicted(rng, truth, redshift)), truth, 0.68)
    assert held.mean() == pytest.approx(0.68, abs=0.03)
    for end in (redshift < 0.11, redshift > 0.19):
        assert held[end].mean() < 0.6


def test_quantiles_and_ranks_of_a_gaussian() -> None:
    posteriors = MassPosteriors.of_weights(AXIS, norm.pdf(AXIS, 14.6, 0.1)[None])
    levels = [0.025, 0.16, 0.5, 0.84, 0.975]
    np.testing.assert_allclose(
        posteriors.quantiles(levels)[0], norm.ppf(levels, 14.6, 0.1), atol=2e-4
    )
    np.testing.assert_allclose(posteriors.ranks(np.array([14.7])), norm.cdf(1.0), atol=1e-4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("member,cluster\n0,1\n", "oof.csv: no column 'log10_m_true': expected cluster, log10_m"),
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
