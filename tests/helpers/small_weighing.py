"""Settings of weighing for maps, clusters and networks as small as those of `mock_stores`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from helpers import ROOT
from helpers.mock_stores import small_params
from szmass.params import Params
from szmass.weighing.survey import Survey, planck_survey

TRAINING, VALIDATION, TEST = 160, 40, 100


def small_weighing(params: Params) -> Params:
    """The settings of `small_params`, four filters, quick networks, and a coarse sky."""
    small = small_params(params)
    weighing = replace(
        small.weighing, filters=4, filter_theta500_arcmin=[2.0, 15.0], inner_arcmin=18.0,
        training_clusters=TRAINING, validation_clusters=VALIDATION, test_clusters=TEST,
        hidden=8, hidden_layers=1, gaussians=1, networks=1, epochs=30, batch=32,
        learning_rate=0.01, gas_nodes=2, axis_nodes=101, threads=1,
    )  # fmt: skip
    planck_sky = replace(small.planck_sky, nside=512, lmax=1535, point_sources=500)
    return replace(small, weighing=weighing, planck_sky=planck_sky)


def small_survey(params: Params, planck_files: Path) -> Survey:
    """Its survey, with the spectrum of the repository's table; the folder holds no files."""
    return planck_survey(
        params.compton,
        params.planck_sky,
        params.weighing,
        planck_noise_spectrum=ROOT / params.paths["planck_noise_spectrum"],
        planck_files=planck_files,
    )
