"""Settings are typed, complete and sensible, or the message says which one is not."""

import re
from copy import deepcopy
from dataclasses import FrozenInstanceError, replace
from functools import reduce
from operator import getitem
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from helpers import committed
from szmass.params import ParamsError, load, params_of

COMMITTED = YAML(typ="safe").load(committed.SETTINGS)


def edited(key: str, value: object) -> dict:
    """What params.yaml holds with one key changed, or removed where the value is `...`."""
    content = deepcopy(COMMITTED)
    *parents, name = key.split(".")
    section = content
    for parent in parents:
        section = section[parent]
    if value is ...:
        del section[name]
    else:
        section[name] = value
    return content


def refusal(content: object) -> str:
    with pytest.raises(ParamsError) as caught:
        params_of(content)
    return str(caught.value)


def refusal_of_file(path: Path) -> str:
    with pytest.raises(ParamsError) as caught:
        load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    return message


def leaves(section: dict, prefix: str = "") -> list[str]:
    keys: list[str] = []
    for name, value in section.items():
        keys += leaves(value, f"{prefix}{name}.") if isinstance(value, dict) else [prefix + name]
    return keys


SETTINGS = leaves(COMMITTED)
FREE = ("paths.", "bins.", "compton.mass_cuts_1e14.")  # names that the user chooses


def test_the_committed_settings_are_typed(params):
    assert isinstance(params.microwave.noise_uk_arcmin, float)
    assert params.spectra.a_s == pytest.approx(2.100549e-9)
    assert all(isinstance(path, Path) for path in params.paths.values())


@pytest.mark.parametrize("key", [key for key in SETTINGS if not key.startswith(FREE)])
def test_every_setting_is_needed(key):
    assert f"{key}: missing" in refusal(edited(key, ...))


OTHER_KINDS = {bool: (1, "yes"), int: (True, "1"), float: (True, "1.0"), str: (1, b"text")}


@pytest.mark.parametrize("key", SETTINGS)
def test_no_setting_takes_a_value_of_another_kind(key):
    kind = type(reduce(getitem, key.split("."), COMMITTED))
    for value in ({"a": 1}, None, *OTHER_KINDS.get(kind, ())):
        if not (key.startswith("paths.") and isinstance(value, bytes)):
            assert f"{key} = {value!r}: expected" in refusal(edited(key, value))


@pytest.mark.parametrize("key", ["bins.z2", "compton.mass_cuts_1e14.z2"])
def test_each_bin_has_its_mass_cut_and_each_mass_cut_its_bin(key):
    assert "compton.mass_cuts_1e14 = " in refusal(edited(key, ...))


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("sede", "seed"),
        ("microwave.beam_fhwm_arcmin", "microwave.beam_fwhm_arcmin"),
        ("microwave.pressure.gama", "microwave.pressure.gamma"),
        ("mresunet.batchs", "mresunet.batch"),
    ],
)
def test_an_unknown_setting_is_named_with_the_nearest_known(key, near):
    assert f"{key}: unknown key; did you mean {near}?" in refusal(edited(key, 1))


def test_an_unknown_setting_like_no_other():
    assert refusal(edited("microwave.qqq", 1)).endswith("microwave.qqq: unknown key")


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("seed", 1.5, "a whole number"),
        ("seed", True, "a whole number"),
        ("microwave.pixels", "40", "a whole number"),
        ("microwave.noise_uk_arcmin", "5 uK", "a number"),
        ("microwave.noise_uk_arcmin", True, "a number"),
        ("microwave.noise_uk_arcmin", float("nan"), "a number"),
        ("microwave.redshift", float("inf"), "a number"),
        ("microwave.pixel_window", 1, "true or false"),
        ("microwave.pixel_window", "yes", "true or false"),
        ("microwave.cosmology", 18, "text"),
        ("microwave.components", [], "a section of keys"),
        ("microwave_sets.training_masses_1e14", 3, "a list"),
        ("microwave_sets.training_masses_1e14[1]", None, "a number"),
        ("mresunet.recipe", "Fresh", "one of fresh, paper"),
        ("paths.spectra_table", "", "a path"),
        ("paths", 3, "names and their values"),
    ],
)
def test_a_mistyped_value_is_named(key, value, expected):
    content = edited(key, value) if "[" not in key else edited(key.partition("[")[0], [1, None])
    assert f"{key} = {value!r}: expected {expected}" in refusal(content)


ABSURD = [
    ("seed", -1),
    *[
        (f"spectra.{name}", value)
        for name in ("lmax", "h0_km_s_mpc", "ombh2", "omch2", "tau", "a_s", "n_s", "y_he")
        for value in (0, -1)
    ],
    ("spectra.camb_lmax", 2999),
    ("spectra.mnu_ev", -0.1),
    ("spectra.lens_potential_accuracy", -1),
    *[
        (f"microwave.{name}", value)
        for name in (
            "frequency_ghz",
            "pixels",
            "pixel_arcmin",
            "noise_uk_arcmin",
            "redshift",
            "eigenvalue_cut",
        )
        for value in (0, -1)
    ],
    ("microwave.frequency_ghz", 143),
    ("microwave.ln_scatter", -0.2),
    ("microwave.apodisation_arcmin", -1.0),
    ("microwave.apodisation_arcmin", 5.1),
    ("microwave.beam_fwhm_arcmin", 0.2),
    ("microwave.pixels", 44),
    ("microwave.pixels", 256),
    ("microwave.eigenvalue_cut", 1e-5),
    *[
        (f"microwave.pressure.{name}", 0)
        for name in ("p0", "c500", "alpha", "beta", "truncation_r500")
    ],
    ("microwave.pressure.gamma", -0.1),
    ("microwave.pressure.gamma", 3.0),
    ("microwave_sets.training_masses_1e14", [0, 1]),
    ("microwave_sets.training_masses_1e14", [1, 31]),
    ("microwave_sets.training_masses_1e14", []),
    ("microwave_sets.other_masses_1e14", [0.5, 1]),
    ("microwave_sets.other_masses_1e14", [0.5, 0.5]),
    *[
        (f"microwave_sets.{name}", 0)
        for name in ("train_maps", "validation_maps", "test_maps", "scatter_maps")
    ],
    ("microwave_sets.spare_maps", -1),
    ("microwave_sets.scatter_range_1e14", [2]),
    ("microwave_sets.scatter_range_1e14", [7, 2]),
    *[
        (f"mresunet.{name}", 0)
        for name in (
            "width",
            "batch",
            "epochs",
            "learning_rate",
            "threads",
            "maps_per_epoch",
            "plateau_epochs",
            "patience_epochs",
        )
    ],
    ("mresunet.dropout", 1.0),
    ("mresunet.dropout", -0.1),
    ("mresunet.learning_rate", 1.0),
    ("mresunet.prior_range_1e14", [9, 0.5]),
    ("mresunet.prior_range_1e14", [0.01, 9]),
    ("mresunet.prior_range_1e14", [0.5, 40]),
    ("evaluation.bootstrap_draws", 0),
    ("evaluation.bound_range_1e14", [0, 8]),
    ("evaluation.mass_axis_1e14", [25, 0.1]),
    ("evaluation.mass_axis_1e14", [0.1, 40]),
    ("evaluation.bound_range_1e14", [1, 26]),
    ("evaluation.mass_axis_nodes", 2),
    ("mresunet.warmup_steps", -1),
    ("mresunet.recalibration_maps", -1),
    ("resources.workers", 0),
    ("resources.worker_memory_gib", 0),
    ("bins", {}),
    ("bins.z1", [0.1]),
    ("bins.z1", [0.1, 0.1]),
    ("bins.z1", [-0.1, 0.1]),
    ("bins.z4", [0.4, 2.1]),
    *[
        (f"compton.{name}", 0)
        for name in (
            "pixel_arcmin",
            "beam_fwhm_arcmin",
            "psz2_mass_factor",
            "development_clusters",
            "development_projections",
            "test_clusters",
            "originals",
        )
    ],
    *[
        (f"compton.{name}", -1)
        for name in ("other_model_clusters", "mass_jitter_dex", "redshift_jitter")
    ],
    ("compton.pixels", 97),
    ("compton.pixels", 30),
    ("compton.pixels", 514),
    ("compton.development_projections", 28),
    ("compton.beam_fwhm_arcmin", 3.3),
    ("compton.baryon_model", "gadget"),
    ("compton.mass_cuts_1e14", {"z1": 0.05, "z2": 1.8, "z3": 2.6, "z4": 3.4}),
    *[
        (f"morphology.{name}", -0.1)
        for name in (
            "axis_ratio_scatter",
            "scale_scatter_ln",
            "cool_core_scatter",
            "subhaloes_mean",
            "merger_fraction",
        )
    ],
    ("morphology.axis_ratio_mean", [0.7, 0.9]),
    ("morphology.axis_ratio_mean", [1.1, 0.9]),
    ("morphology.merger_fraction", 1.1),
    ("morphology.truncation_r500", 0),
    *[
        (f"morphology.{name}", value)
        for name in (
            "subhalo_mass_ratio",
            "subhalo_distance_r500",
            "merger_mass_ratio",
            "merger_distance_r500",
        )
        for value in ([0, 1], [2, 1])
    ],
    ("baryon_models.gadget_x.alpha", 0),
    ("baryon_models.gadget_x.sigma_lny", -0.1),
    ("baryon_models.gadget_x.cool_core_mean", 1.1),
    ("hydro.baryon_model", "magnetic"),
    ("hydro.clusters", 0),
    ("hydro.realisations", 0),
    ("hydro.redshifts", [0, 0.7]),
    ("hydro.halo_redshifts", [0.1, 2.1]),
    ("hydro.masses_1e14", [7, 2]),
    ("hydro.halo_mass_1e14", 0.05),
    *[
        (f"planck_sky.{name}", 0)
        for name in (
            "lmax",
            "noise_rms",
            "noise_modulation_deg",
            "development_realisations",
            "test_realisations",
            "mask_radius_arcmin",
        )
    ],
    *[
        (f"planck_sky.{name}", -1)
        for name in ("noise_modulation_ln", "point_sources", "point_source_y", "galactic_y")
    ],
    ("planck_sky.nside", 2000),
    ("planck_sky.nside", 16384),
    ("planck_sky.lmax", 6144),
    *[
        (f"cnn.{name}", 0)
        for name in (
            "filters",
            "kernel",
            "convolutions",
            "dense_layers",
            "neurons",
            "members",
            "batch",
            "epochs",
            "learning_rate",
            "validation_fraction",
            "bias_threshold",
            "mass_bins",
            "threads",
        )
    ],
    ("cnn.m200_members", -1),
    ("cnn.dropout", 1.0),
    ("cnn.validation_fraction", 1.0),
    ("posterior.kde_bandwidth", 0),
    ("posterior.axis_nodes", 49),
    ("posterior.axis_log10_msun", [11.9, 15.7]),
    ("posterior.axis_log10_msun", [15.7, 13.5]),
    *[
        (f"weighing.{name}", value)
        for name in (
            "inner_arcmin",
            "training_clusters",
            "validation_clusters",
            "test_clusters",
            "near_redshift",
            "hidden",
            "hidden_layers",
            "gaussians",
            "networks",
            "epochs",
            "batch",
            "learning_rate",
            "gas_nodes",
            "population_width_ln_z",
            "threads",
        )
        for value in (0, -1)
    ],
    *[
        (f"weighing.{name}", -0.1)
        for name in (
            "jitter_arcmin",
            "near_share",
            "centre_offset_arcmin",
            "any_level_share",
            "weight_decay",
        )
    ],
    ("weighing.near_share", 1.1),
    ("weighing.any_level_share", 1.1),
    *[("weighing.filters", value) for value in (-1, 1, 65)],
    *[
        (f"weighing.{name}", value)
        for name, ends in (
            ("filter_theta500_arcmin", [70.0, 1.0]),
            ("log10_m500c_msun", [16.0, 13.8]),
            ("redshifts", [1.0, 0.01]),
            ("alpha", [2.0, 1.4]),
            ("log10_b", [0.1, -0.5]),
            ("sigma_lny", [0.2, 0.05]),
            ("cool_core_mean", [0.7, 0.2]),
            ("usual_levels", [2.0, 0.5]),
            ("noise_levels", [4.0, 0.02]),
            ("axis_log10_msun", [16.5, 13.3]),
        )
        for value in (ends, ends[:1], [ends[0], ends[0]])
    ],
    *[
        (f"weighing.{name}", [0, 1])
        for name in (
            "filter_theta500_arcmin",
            "redshifts",
            "sigma_lny",
            "usual_levels",
            "noise_levels",
        )
    ],
    ("weighing.redshifts", [0.01, 2.1]),
    ("weighing.near_redshift", 0.01),
    ("weighing.near_redshift", 1.1),
    ("weighing.usual_levels", [0.01, 2.0]),
    ("weighing.usual_levels", [0.5, 4.1]),
    ("weighing.gas_nodes", 16),
    ("weighing.axis_nodes", 49),
    ("weighing.gas_prior.alpha", [1.71, -0.1]),
    ("weighing.gas_prior.alpha", [1.71]),
    ("weighing.gas_prior.sigma_lny", [0.11, -0.1]),
    ("weighing.gas_prior.alpha", [1.71, 0.16]),
    ("weighing.gas_prior.alpha", [1.3, 0.0]),
    ("weighing.gas_prior.log10_b", [-0.24, 0.14]),
    ("weighing.gas_prior.log10_b", [0.2, 0.0]),
    ("weighing.gas_prior.sigma_lny", [0.3, 0.0]),
    ("weighing.gas_prior.sigma_lny", [0.04, 0.0]),
    ("weighing.axis_log10_msun", [13.3, 16.5]),
    ("weighing.axis_log10_msun", [13.9, 17.0]),
    ("weighing.alpha", [0.0, 2.0]),
    ("weighing.alpha", [-0.5, 2.0]),
    ("weighing.cool_core_mean", [-0.1, 0.7]),
    ("weighing.cool_core_mean", [0.2, 1.1]),
    ("weighing.test_seed", -1),
    ("weighing.test_seed", COMMITTED["seed"]),
]


@pytest.mark.parametrize(("key", "value"), ABSURD, ids=str)
def test_an_absurd_value_is_named(key, value):
    # of a list or of names with values, the wrong one is named
    message = rf"{re.escape(key)}(\[\d\]|\.z\d)? = .*: expected "
    assert re.fullmatch(message + ".*", refusal(edited(key, value)))


@pytest.mark.parametrize("name", ["all", "near/far", "z 1", ""])
def test_a_bin_is_named_as_a_file_can_be(name):
    content = edited("bins", {name: [0.1, 0.2]})
    content["compton"]["mass_cuts_1e14"] = {name: 1.0}
    expected = "a name of letters, digits, - and _, other than `all`"
    assert refusal(content) == f"bins.{name} = [0.1, 0.2]: expected {expected}"


@pytest.mark.parametrize("name", ["../mine", "mine.yaml", "-mine", ""])
def test_a_survey_is_a_name_alone(name):
    expected = "names of letters, digits, - and _, without folder and .yaml"
    assert refusal(edited("surveys", [name])) == f"surveys = {name!r}: expected {expected}"


def test_a_survey_is_named_once():
    found = refusal(edited("surveys", ["mine", "yours", "mine"]))
    assert found == "surveys = 'mine': expected each name once"


def test_all_that_is_wrong_is_told_at_once(tmp_path):
    content = edited("cnn.dropout", 1.5)
    content["mresunet"]["widht"] = content["mresunet"].pop("width")
    content["bins"] = {"z1": [0.1, 0.0], 2: [0.1, 0.2]}
    content["microwave"] |= {"pixel_arcmin": 0.2, "beam_fwhm_arcmin": 0.1, "apodisation_arcmin": 6}
    del content["planck_sky"]["nside"]
    path = tmp_path / "params.yaml"
    YAML(typ="safe").dump(content, path)

    assert sorted(refusal_of_file(path).splitlines()) == [
        f"{path}: bins = 2: expected text as a name",
        f"{path}: bins.z1 = [0.1, 0.0]: expected [low, high], 0 <= low < high <= 2",
        f"{path}: cnn.dropout = 1.5: expected 0 or more and less than 1",
        f"{path}: microwave.apodisation_arcmin = 6.0: expected at most half of the map, 4",
        f"{path}: microwave.beam_fwhm_arcmin = 0.1: expected at least a pixel (pixel_arcmin = 0.2)",
        f"{path}: mresunet.widht: unknown key; did you mean mresunet.width?",
        f"{path}: planck_sky.nside: missing",
    ]


def test_sections_that_do_not_fit_each_other_are_told_at_once():
    content = edited("mresunet.prior_range_1e14", [0.5, 30])
    content["hydro"]["baryon_model"] = "magnetic"
    lines = refusal(content).splitlines()
    assert [line.partition(" = ")[0] for line in lines] == [
        "mresunet.prior_range_1e14",
        "hydro.baryon_model",
    ]


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("mresunet.width", 0, "a number above 0"),
        ("evaluation.bootstrap_draws", 1, "2 or more"),
        ("compton.development_projections", 28, "1 to 27"),
        ("hydro.halo_mass_1e14", 31, "0.1 to 30"),
        ("morphology.merger_fraction", -0.1, "0 to 1"),
        ("cnn.learning_rate", 0, "above 0 and less than 1"),
        ("weighing.filters", 1, "2 to 64"),
        ("weighing.near_redshift", 0.01, "one of redshifts, [0.01, 1.0]"),
        ("weighing.usual_levels", [0.01, 2.0], "a range in noise_levels, 0.02-4.0"),
        (
            "weighing.gas_prior.alpha",
            [1.71, 0.16],
            "two widths about the mean within alpha = [1.4, 2.0]",
        ),
        (
            "weighing.axis_log10_msun",
            [13.3, 16.5],
            "an axis that holds log10_m500c_msun = [13.8, 16.6]",
        ),
        ("weighing.cool_core_mean", [0.2, 1.1], "weights from 0 to 1"),
        ("weighing.alpha", [0.0, 2.0], "slopes above 0: Y grows with mass"),
        ("weighing.gas_prior.sigma_lny", [0.3, 0.0], "a mean within sigma_lny = [0.05, 0.2]"),
        (
            "weighing.gas_prior_of_planck.alpha",
            [1.79, 0.12],
            "two widths about the mean within alpha = [1.4, 2.0]",
        ),
        ("weighing.test_seed", 1, "another than seed = 1, which choices have seen"),
    ],
)
def test_a_limit_is_told_from_both_sides(key, value, expected):
    assert refusal(edited(key, value)) == f"{key} = {value}: expected {expected}"


@pytest.mark.parametrize(
    ("key", "ends", "model", "value"),
    [
        ("alpha", [1.5, 1.75], "magneticum", 1.79),
        ("log10_b", [-0.3, 0.1], "magneticum", -0.304),
        ("sigma_lny", [0.1, 0.2], "magneticum", 0.087),
        ("cool_core_mean", [0.3, 0.7], "gizmo_simba", 0.25),
    ],
)
def test_the_training_holds_the_gas_of_every_model(key, ends, model, value):
    content = edited(f"weighing.{key}", ends)
    for prior in ("gas_prior", "gas_prior_of_planck"):
        if key in content["weighing"][prior]:
            content["weighing"][prior][key] = [sum(ends) / 2.0, 0.0]
    expected = f"a range that holds baryon_models.{model}.{key} = {value}"
    assert refusal(content) == f"weighing.{key} = {ends}: expected {expected}"


def test_settings_that_are_replaced_are_checked_and_no_setting_can_be_set(params):
    with pytest.raises(ParamsError, match=r"^dropout = 1.5: expected .*\nmembers = True: expected"):
        replace(params.cnn, dropout=1.5, members=True)
    with pytest.raises(FrozenInstanceError):
        params.cnn.dropout = 0.5
    with pytest.raises(TypeError):
        params.bins["z5"] = [1.0, 2.0]
    assert replace(params.cnn, dropout=0).dropout == 0.0


@pytest.mark.parametrize(
    "content", [b"", b"3", b"- a\n", b"a: [", b"\xff\xfe\x00a", b"seed: 1\nseed: 2\n"]
)
def test_a_file_that_is_no_section_of_settings(tmp_path, content):
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    refusal_of_file(path)


def test_a_wrong_file_is_named(tmp_path):
    path = tmp_path / "params.yaml"
    YAML(typ="safe").dump(edited("microwave.redhsift", 1), path)
    assert "microwave.redhsift: unknown key; did you mean microwave.redshift?" in refusal_of_file(
        path
    )


def test_no_file(tmp_path):
    assert "No such file" in refusal_of_file(tmp_path / "absent.yaml")
