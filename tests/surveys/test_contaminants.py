"""What is drawn around a survey's clusters: counts, fluxes, spectra, and whose it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

from helpers import ROOT
from szmass.microwave.maps.spectra_table import read_george2015
from szmass.params import Params, ParamsError
from szmass.params.contaminants import ContaminantSettings
from szmass.params.survey import SurveySettings
from szmass.predict.survey_files import SurveyFiles
from szmass.sky.cosmology import Cosmology
from szmass.sky.frequencies import greybody, temperature_of_flux_uk
from szmass.sky.spectra import foregrounds_dl_uk2
from szmass.surveys.contaminants import DUST_BETA, DUST_REST_K, Contaminants
from szmass.surveys.instrument import Instrument
from szmass.surveys.settings import read_settings
from szmass.units import sz_temperature_uk
from szmass.weighing.gas import Gas, PivotY
from szmass.weighing.training.clusters import ClusterList, list_clusters

KINDS = ("field", "members", "dust", "neighbours")


@pytest.fixture(scope="module")
def act_like(params: Params) -> tuple[SurveySettings, Contaminants, ClusterList]:
    """The survey of this name, what is around its clusters, and some of these."""
    settings, weighing = read_settings(SurveyFiles("act_like", ROOT / "surveys"), params.weighing)
    cosmology = Cosmology.of(params.compton)
    clusters = list_clusters(1, replace(weighing, training_clusters=300), cosmology)
    return settings, contaminants_of(settings, params, weighing.redshifts), clusters.at(slice(300))


def contaminants_of(
    settings: SurveySettings, params: Params, redshifts: list[float]
) -> Contaminants:
    gas = Gas.of(params.baryon_models[params.compton.baryon_model])
    beams = [band.beam_fwhm_arcmin for band in settings.bands.values()]
    per_y = [1.0 if b.frequency_ghz is None else -2.6e6 for b in settings.bands.values()]
    found = Contaminants.of(
        settings, beams, per_y, Cosmology.of(params.compton), gas, redshifts=redshifts
    )
    assert found is not None
    return found


def only(contaminants: Contaminants, kind: str, **changed: float) -> Contaminants:
    """One kind alone, with some of its settings changed."""
    settings = contaminants.settings
    kept = replace(getattr(settings, kind), **changed)
    without: dict[str, Any] = dict.fromkeys(KINDS, None)
    return replace(contaminants, settings=replace(settings, **(without | {kind: kept})))


def test_the_counts_of_the_example_have_the_power_of_radio_galaxies(
    act_like: tuple[SurveySettings, Contaminants, ClusterList],
) -> None:
    """George et al. 2015, below 6.4 mJy at 150 GHz: C = int S^2 dN/dS dS, D_3000 = 1.0 uK^2."""
    field = act_like[1].settings.field
    assert field is not None
    above = -field.slope - 1.0
    # dN/dS = above n / S0 (S / S0)^slope a square degree, integrated from 0
    power = above * field.per_deg2 * field.least_mjy**above * 6.4 ** (2 - above) / (2 - above)
    in_arcmin = power / 3600.0 * temperature_of_flux_uk(150.0) ** 2
    cl = in_arcmin * np.radians(1 / 60.0) ** 2
    dl_uk2 = foregrounds_dl_uk2(
        *read_george2015(ROOT / "data" / "reference" / "george2015_bestfit_150GHz_Dl.csv"),
        lmax=3000,
    )
    assert cl * 3000 * 3001 / (2 * np.pi) == pytest.approx(dl_uk2["radio"][3000], rel=0.05)


def test_the_field_has_its_counts(
    act_like: tuple[SurveySettings, Contaminants, ClusterList],
) -> None:
    contaminants = only(act_like[1], "field")
    field, rng = contaminants.settings.field, np.random.default_rng(5)
    assert field is not None
    drawn = [contaminants._field_sources(rng) for _ in range(4000)]
    side = 96 * 0.5 + 4 * 1.6
    expected = field.per_deg2 * (side / 60.0) ** 2
    assert np.mean([len(mjy) for _, mjy in drawn]) == pytest.approx(expected, rel=0.02)
    mjy = np.concatenate([mjy for _, mjy in drawn])
    assert field.least_mjy <= mjy.min() < mjy.max() <= contaminants.settings.removed_mjy
    low, middle, high = (m ** (field.slope + 1.0) for m in (1.0, 3.0, 10.0))
    assert np.mean(mjy > 3.0) == pytest.approx((middle - high) / (low - high), abs=0.01)


def test_central_galaxies_shine_in_their_share_of_clusters(
    act_like: tuple[SurveySettings, Contaminants, ClusterList],
) -> None:
    """At a redshift where none is bright enough to be taken out."""
    contaminants = only(act_like[1], "members", mean=0.0, central_share=0.3)
    rng = np.random.default_rng(6)
    found = [contaminants._members(rng, 5e14, 1.2) for _ in range(4000)]
    assert np.mean([len(mjy) for _, mjy, _ in found]) == pytest.approx(0.3, abs=0.02)
    assert not np.concatenate([place for place, _, _ in found]).any()
    many = only(act_like[1], "members", central_share=0.0, mean=2.0)
    counts = [len(many._members(rng, 1e15, 1.2)[1]) for _ in range(2000)]
    assert np.mean(counts) == pytest.approx(4.0, abs=0.15)
    twice = only(act_like[1], "members").times(2.0).settings.members
    assert twice is not None
    assert (twice.mean, twice.central_share) == pytest.approx((0.6, 0.3))


def test_dust_is_its_share_of_the_signal_and_a_greybody(
    act_like: tuple[SurveySettings, Contaminants, ClusterList], params: Params
) -> None:
    settings, contaminants, clusters = act_like
    dust = only(contaminants, "dust", scatter_ln=0.0)
    far = clusters.at(clusters.theta500_arcmin < 3.0)
    pivot = PivotY.at(far.redshift, Cosmology.of(params.compton))
    y = pivot.mean_y_arcmin2(far.log10_m500c_msun, dust.gas)
    whole = dust.maps(far).sum(axis=(1, 2, 3)) * settings.pixel_arcmin**2
    np.testing.assert_allclose(whole, -0.06 * y, rtol=2e-3)
    in_bands = replace(
        dust,
        beams_fwhm_arcmin=(1.6, 1.6),
        frequencies_ghz=(150.0, 220.0),
        per_y=(sz_temperature_uk(150.0), sz_temperature_uk(220.0)),
    )
    at_150, at_220 = in_bands.maps(far).sum(axis=(2, 3)).T * settings.pixel_arcmin**2
    np.testing.assert_allclose(at_150, -0.06 * y * sz_temperature_uk(150.0), rtol=2e-3)
    ratio = [greybody(220.0, DUST_BETA, DUST_REST_K / (1.0 + z)) for z in far.redshift]
    np.testing.assert_allclose(at_220 / at_150, ratio, rtol=1e-4)
    assert np.all(at_150 > 0.0)


def test_other_clusters_are_as_many_as_the_mass_function_has(
    act_like: tuple[SurveySettings, Contaminants, ClusterList],
) -> None:
    """The mean y over maps: the sum over its masses and redshifts, and so many times it."""
    clusters = act_like[2]
    mean = {}
    for times in (1.0, 3.0):
        contaminants = only(act_like[1], "neighbours", times=times)
        mean[times] = contaminants.maps(clusters).mean(axis=(1, 2, 3)).astype(float)
    once = float(mean[1.0].mean())
    error = mean[1.0].std() / np.sqrt(len(clusters))
    assert once > 8.0 * error
    assert abs(mean[3.0].mean() - 3.0 * once) < 4.0 * np.hypot(
        3.0 * error, mean[3.0].std() / np.sqrt(len(clusters))
    )


def test_what_belongs_to_a_cluster_comes_with_it(
    act_like: tuple[SurveySettings, Contaminants, ClusterList],
) -> None:
    own = act_like[1].of_clusters().settings
    assert own.field is None
    assert own.neighbours is None
    assert (own.members, own.dust) == (act_like[1].settings.members, act_like[1].settings.dust)


def test_what_is_around_a_cluster_depends_on_its_seed_alone(
    act_like: tuple[SurveySettings, Contaminants, ClusterList],
) -> None:
    _, contaminants, clusters = act_like
    some = contaminants.maps(clusters.at(slice(3, 6)))
    np.testing.assert_array_equal(contaminants.maps(clusters.at(slice(5, 6)))[0], some[2])
    assert not np.array_equal(some[0], some[1])


def test_sources_hide_a_cluster_and_the_level_knows_them(
    act_like: tuple[SurveySettings, Contaminants, ClusterList], params: Params
) -> None:
    """A source in the centre lowers the amplitude; one far out raises the noise level."""
    settings, contaminants, clusters = act_like
    _, weighing = read_settings(SurveyFiles("act_like", ROOT / "surveys"), params.weighing)
    survey = Instrument.of("act_like", settings, weighing, ROOT / "surveys").survey
    one = clusters.at(slice(1))
    central = only(contaminants, "members", mean=0.0, central_share=1.0)
    maps = central.maps(one)
    assert survey.bank.amplitudes(maps)[0, 0] < 0.0
    outside = np.zeros_like(maps)
    central._add_sources(outside[0], np.array([[20.0, 3.0]]), np.full(1, 8.0), np.zeros(1))
    level = survey.meter.of_clusters(outside)
    assert level[0] > 20.0 * survey.meter.of_clusters(maps)[0]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"least_mjy": 12.0}, "contaminants.field.least_mjy = 12.0: expected below removed_mjy"),
        ({"y": None}, "contaminants.y_arcmin2_per_mjy = None: expected a number for maps of y"),
        (
            {"slope": 0.5},
            "contaminants.field.slope = 0.5: expected above -4 and less than 0",
        ),
    ],
)
def test_settings_that_cannot_be_are_named(
    tmp_path: Path, params: Params, change: dict[str, float | None], line: str
) -> None:
    content = YAML(typ="safe").load(ROOT / "surveys" / "act_like.yaml")
    drawn = content["contaminants"]
    if "y" in change:
        drawn["y_arcmin2_per_mjy"] = change["y"]
    else:
        drawn["field"].update(change)
    YAML().dump(content, tmp_path / "odd.yaml")
    with pytest.raises(ParamsError) as caught:
        read_settings(SurveyFiles("odd", tmp_path), params.weighing)
    assert line in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "odd.yaml"))


def test_radio_galaxies_do_not_count_twice(params: Params, tmp_path: Path) -> None:
    content = YAML(typ="safe").load(ROOT / "surveys" / "spt_like.yaml")
    drawn = YAML(typ="safe").load(ROOT / "surveys" / "act_like.yaml")["contaminants"]
    content["contaminants"] = drawn | {"y_arcmin2_per_mjy": None}
    YAML().dump(content, tmp_path / "odd.yaml")
    with pytest.raises(ParamsError, match="no radio beside contaminants.field"):
        read_settings(SurveyFiles("odd", tmp_path), params.weighing)
    assert isinstance(ContaminantSettings(**content["contaminants"]).index, float)
