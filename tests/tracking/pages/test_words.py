"""Key numbers are those of the committed metrics, and stand in tables beside the papers'."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from helpers import ROOT
from szmass.params.scales import leaves
from szmass.tracking.pages.words import (
    KEY_NUMBERS,
    LINES_OF_WORK,
    MODELS,
    MOST,
    in_a_table,
    key_numbers,
    question_of,
    stage_in_words,
)


def committed(name: str) -> dict[str, dict]:
    return json.loads((ROOT / "metrics" / f"{name}.json").read_text())


def reported_by(stage: str) -> Mapping[str, float]:
    """What an evaluation reports, from the committed metrics."""
    if stage == "evaluate_mresunet":
        of_others = committed("microwave")
        own = of_others.pop("mresunet")
        return own | {name.replace(".", "/"): value for name, value in leaves(of_others)}
    if stage == "evaluate_cnn":
        named = {
            f"{data_set}_{bin_}": numbers
            for data_set, by_bin in committed("cnn").items()
            for bin_, numbers in by_bin.items()
        }
        return {name.replace(".", "/", 1): value for name, value in leaves(named)}
    if stage == "evaluate_hydro":
        return {f"hydro.{name}": value for name, value in leaves(committed("hydro"))}
    if stage == "evaluate_weighing":
        every = committed("weighing")
        of_all = {name: by_bin["all"] for name, by_bin in every.items() if "all" in by_bin}
        return dict(leaves(of_all))
    name = {"infer_psz2": "psz2", "weigh_microwave": "weighing_microwave"}[stage]
    return dict(leaves(committed(name)))


@pytest.mark.parametrize(
    "stage",
    [
        "evaluate_mresunet",
        "evaluate_hydro",
        "evaluate_cnn",
        "infer_psz2",
        "evaluate_weighing",
        "weigh_microwave",
    ],
)
def test_every_key_number_of_an_evaluation_is_among_its_metrics(stage: str):
    reported = reported_by(stage)
    # reported elsewhere: by the networks' training, and counted in a verdict
    elsewhere = {"validation_scatter_dex", "validation_loss"}
    listed = [name for name in KEY_NUMBERS[stage] if "_verdict." not in name]
    assert set(listed) - elsewhere <= set(reported)
    shown = key_numbers(stage, reported)
    assert len(shown) <= MOST
    assert set(listed) - elsewhere <= set(shown)


def test_few_numbers_are_all_shown_and_of_many_the_known_ones():
    few = {"a": 1.0, "b": 2.0}
    assert key_numbers("measure_noise", few) == few
    many = {f"n{k}": float(k) for k in range(MOST + 5)}
    assert list(key_numbers("measure_noise", many)) == [f"n{k}" for k in range(MOST)]
    known = many | {"scatter_ln_mass": 0.2}
    assert key_numbers("", known) == {"scatter_ln_mass": 0.2}


def test_a_number_stands_with_its_error_beside_the_papers():
    numbers = {
        "scatter_ln_mass_gauss": 0.1614,
        "scatter_ln_mass_gauss_err": 0.007,
        "paper_scatter_ln_mass_gauss": 0.18,
        "paper_scatter_ln_mass_gauss_err": 0.013,
        "hydro.mresunet.mean_ln_ratio": -0.029,
        "hydro.mresunet.paper_mean_ln_ratio": 0.013,
        "other": 2.0,
    }
    shown = ("scatter_ln_mass_gauss", "hydro.mresunet.mean_ln_ratio", "other")
    _, _, *lines = in_a_table(dict.fromkeys(shown, 0.0), numbers).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    gauss, hydro = "scatter_ln_mass_gauss", "hydro.mresunet.mean_ln_ratio"
    assert cells == [
        [
            "width of the Gaussian fit to ln(M / M_true)",
            f"`{gauss}`",
            "0.1614 ± 0.007",
            "0.18 ± 0.013",
        ],
        ["hydro-like clusters: mean of ln(r M / M_true)", f"`{hydro}`", "-0.029", "0.013"],
        ["other", "`other`", "2", ""],
    ]
    assert "paper" not in in_a_table({"other": 2.0}, numbers)


def test_stages_and_studies_say_what_they_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(ROOT)
    assert stage_in_words("train_weighing").startswith("The networks of weighing")
    assert stage_in_words("train_training-size") == question_of("training-size")
    assert question_of("training-size").startswith("How do masses depend on the number of clusters")
    assert question_of("mresunet") == ""
    monkeypatch.chdir(tmp_path)
    assert stage_in_words("train_weighing") == ""


def test_every_line_of_work_has_its_model():
    assert set(LINES_OF_WORK) == set(MODELS)
