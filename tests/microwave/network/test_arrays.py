"""Units go into the network's and come back; priors are what they say."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from szmass.microwave.maps.sky import MicrowaveSky, nfw_images
from szmass.microwave.network.arrays import MassPrior, Normalisation, draw_maps
from szmass.params import Params
from szmass.units import MASS_UNIT_MSUN

MASSES_MSUN = np.array([1.0, 2.5, 8.0]) * MASS_UNIT_MSUN


@pytest.mark.parametrize("mass_image", ["flat", "nfw"])
def test_labels_read_back_as_the_masses_and_signals_they_were(
    mass_image: str, params: Params, sky: MicrowaveSky
) -> None:
    normalisation = Normalisation(400.0, 300.0, 4.5e14, mass_image)
    nfw = nfw_images(params.microwave) if mass_image == "nfw" else None
    sz_uk = sky.sz_uk(MASSES_MSUN, np.zeros(3))
    labels = normalisation.labels(MASSES_MSUN, sz_uk, nfw)
    assert labels.shape == (3, 40, 40, 2)
    np.testing.assert_allclose(normalisation.masses_msun(labels), MASSES_MSUN, rtol=1e-6)
    np.testing.assert_allclose(normalisation.profiles_uk(labels), sz_uk, rtol=1e-5)


def test_the_nfw_image_falls_outwards_from_one_at_the_centre(params: Params) -> None:
    image = nfw_images(params.microwave)(np.array([3e14]))[0]
    np.testing.assert_allclose(image[19:21, 19:21], 1.0)
    diagonal = np.diagonal(image)[20:]
    assert (np.diff(diagonal) < 0).all()


def test_priors_draw_what_they_are() -> None:
    rng = np.random.default_rng(1)
    flat = MassPrior.flat([0.5, 9.0])
    masses = flat.draw(rng, 20_000)
    assert 0.5e14 <= masses.min() < 0.51e14
    assert 8.99e14 < masses.max() <= 9e14
    sigma = 8.5e14 / np.sqrt(12 * 20_000)
    assert abs(masses.mean() - flat.mean_msun) < 4 * sigma

    discrete = MassPrior.discrete([1, 2, 3])
    assert set(discrete.draw(rng, 100)) == {1e14, 2e14, 3e14}
    assert discrete.mean_msun == 2e14


def test_kinds_of_mass() -> None:
    discrete, flat = MassPrior.discrete([1, 2, 3]), MassPrior.flat([1, 3])
    assert [discrete.kind(m * 1e14) for m in (0.5, 1, 1.5, 4)] == [
        "extrapolated",
        "trained",
        "interpolated",
        "extrapolated",
    ]
    assert [flat.kind(m * 1e14) for m in (0.5, 1.5)] == ["extrapolated", "trained"]


def test_the_papers_recipe_trains_on_the_papers_masses(params: Params) -> None:
    paper = dataclasses.replace(params.mresunet, recipe="paper", training_prior="uniform")
    prior = MassPrior.of_training(paper, params.microwave_sets)
    assert len(prior.masses_msun) == 8
    assert prior.mean_msun == 4.5e14


def test_drawn_maps_are_the_generators_alone(sky: MicrowaveSky) -> None:
    prior = MassPrior.flat([1, 8])
    first, again, other = (
        draw_maps(sky, prior, np.random.default_rng(seed), 4) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.temperature_uk, again.temperature_uk)
    assert (first.temperature_uk != other.temperature_uk).all()
