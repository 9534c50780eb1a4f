"""Figures of the Compton line show every bin, the same bytes each time; tables say the metrics."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from helpers import ROOT
from szmass.compton.results import map_figures, mass_figures
from szmass.compton.results.estimated import Judged
from szmass.compton.results.map_figures import ExampleRow, Layer, MassRedshift, PowerLaw
from szmass.compton.results.metrics import (
    CUTS,
    coverage_metrics,
    relerr_metrics,
)
from szmass.compton.results.paper import DeAndres2022
from szmass.compton.results.tables import StoreRow, tables
from szmass.evaluation.charts import save, typeset
from szmass.evaluation.papers import beside_paper
from szmass.sky.grid import PixelGrid

PAPER = DeAndres2022.read(ROOT / "data" / "reference" / "de_andres_2022.yaml")
BINS = {"z1": (0.0, 0.1), "z2": (0.1, 0.2), "all": (0.0, 1.0)}
LABELS = {name: f"{low:g} < z <= {high:g}" for name, (low, high) in BINS.items()}
COUNT = 300


def judged(number: int, count: int = COUNT) -> Judged:
    rng = np.random.default_rng(number)
    truth = rng.uniform(1.5e14, 1e15, count)
    estimate = truth * 10 ** rng.normal(0, 0.07, count)
    return Judged(
        LABELS[f"z{number}"], estimate, truth, rng.random(count), rng.uniform(0.0, 0.2, count)
    )


DATA_SETS = {name: [judged(1), judged(2)] for name in ("clean", "planck")}


def metrics(data_set: str, name: str) -> dict[str, float]:
    one = judged(1 if name == "z1" else 2)
    rng = np.random.default_rng(0)
    values: dict[str, float] = {}
    for estimator in ("selected", "ensemble", "posterior", "relation"):
        args = (one.estimate_msun, one.truth_msun, np.arange(COUNT))
        values |= relerr_metrics(*args, name=estimator, cuts=CUTS, draws=5, rng=rng)
    m200 = {f"m200_{key}": value for key, value in values.items()}
    values |= coverage_metrics(one.ranks, one.estimate_msun, one.redshift)
    if data_set == "planck":
        values["relerr_median_ensemble_magneticum"] = -0.1234
    return beside_paper(values | m200, PAPER.of_mocks(data_set, BINS[name]))


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


def test_figure_1_draws_200_points_of_each_bin_and_groups_of_equal_count(tmp_path: Path) -> None:
    for name in ("first.png", "second.png"):
        figure = mass_figures.relative_errors(DATA_SETS, seed=1)
        points = [line for line in figure.axes[0].lines if line.get_marker() == "."]
        assert [len(line.get_xdata()) for line in points] == [200, 200]  # type: ignore[arg-type]
        squares = next(line for line in figure.axes[1].lines if line.get_marker() == "s")
        assert len(squares.get_xdata()) == mass_figures.FIGURE1_GROUPS  # type: ignore[arg-type]
        save(figure, tmp_path / name)
    for ending in (".png", ".pdf"):
        first, second = (tmp_path / f"{name}{ending}" for name in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()


def test_percentiles_of_groups_are_those_of_their_members() -> None:
    x = np.arange(1000.0)
    middle, (low, median, high) = mass_figures.binned_percentiles(x, 2.0 * x, 10)
    np.testing.assert_allclose(median, 2.0 * middle)
    np.testing.assert_allclose(high - low, 2.0 * 0.68 * 99)


def labels_in(figure: Figure) -> str:
    legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes)]
    return " ".join(text.get_text() for one in legends if one for text in one.get_texts())


def test_each_figure_of_the_masses_shows_both_bins() -> None:
    worst = {name: {LABELS["z1"]: [0.01, 0.1], LABELS["z2"]: [0.02]} for name in DATA_SETS}
    drawn = [
        mass_figures.error_densities(DATA_SETS),
        mass_figures.members_passing(worst, 0.05, 100),
        mass_figures.coverages(DATA_SETS),
        mass_figures.rank_histograms(DATA_SETS),
    ]
    for figure in drawn:
        assert all(LABELS[name] in labels_in(figure) for name in ("z1", "z2"))


def test_residuals_come_with_their_moments() -> None:
    numbers = {"bias_dex": -0.0014, "scatter_dex": 0.071, "skewness": 0.4, "kurtosis": 7.29}
    figure = mass_figures.residuals({"planck": judged(1)}, {"planck": numbers})
    assert "std 0.0710, skewness +0.40, kurtosis 7.29" in labels_in(figure)


def test_the_kernel_density_is_drawn_over_prediction_and_truth() -> None:
    axis = np.linspace(14, 15, 41)
    density = np.exp(-0.5 * ((axis[:, None] - axis) / 0.1) ** 2)
    figure = mass_figures.joint_density(axis, axis, {"z1": density, "z2": density})
    assert [axes.get_title() for axes in figure.axes] == ["z1", "z2"]


def test_the_data_are_drawn_with_both_samples_and_maps_on_one_scale() -> None:
    rng = np.random.default_rng(0)
    sample = MassRedshift("mocks", rng.uniform(1e14, 1e15, 50), rng.uniform(0, 1, 50))
    figure = map_figures.mass_redshift(sample, sample)
    assert len(figure.axes) == 3
    row = ExampleRow(("a", "b"), (rng.random((8, 8)), 3 * rng.random((8, 8))))
    brighter = ExampleRow(("a", "b"), (5 * rng.random((8, 8)), rng.random((8, 8))))
    columns = ("clean", "planck")
    figure = map_figures.example_maps(columns, [row, brighter], PixelGrid(8, 1.7))
    panels = figure.axes[:4]
    assert len({axes.images[0].get_clim() for axes in panels}) == 1
    assert panels[0].images[0].get_extent() == pytest.approx([-6.8, 6.8, -6.8, 6.8])
    assert panels[2].get_xlabel() == "x [arcmin]\nclean"


def test_the_density_of_a_few_clusters_is_not_drawn_but_named() -> None:
    few = {"mocks": [judged(1), judged(2, count=mass_figures.FEWEST - 1)]}
    figure = mass_figures.error_densities(few)
    assert f"{mass_figures.FEWEST - 1}, too few" in labels_in(figure)


def test_the_network_is_drawn_as_built() -> None:
    layers = [Layer("Conv2D", (94, 94, 16), 160), Layer("Dense", (1,), 21)]
    figure = map_figures.architecture(layers)
    assert "181 parameters" in figure.axes[0].get_title()
    assert len(figure.axes[0].patches) == 2


def test_the_scaling_relation_has_its_lines_and_its_reference() -> None:
    mass = np.geomspace(1e14, 1e15, 8)
    y = 1e-4 * (mass / 6e14) ** 1.63
    figure = map_figures.scaling_relation(
        mass, {"model": y, "sum": 1.02 * y}, [PowerLaw("put in", mass, y)], reference="model"
    )
    assert "put in" in labels_in(figure)
    np.testing.assert_allclose(np.asarray(figure.axes[1].lines[1].get_ydata()), 2.0)


def test_the_tables_have_ours_beside_the_papers() -> None:
    by_set = {data_set: {name: metrics(data_set, name) for name in BINS} for data_set in DATA_SETS}
    row = StoreRow("planck", "mock", "10'", noise=True, contaminants=False, maps=182655)
    page = tables(by_set, LABELS, [row])
    assert "| planck " in page
    assert "| yes   | no            | 182655 |" in page
    everything = next(line for line in page.splitlines() if line.startswith("| 0 < z <= 1 "))
    assert re.search(r"-0.03 \+0.14 -0.17 \(0.002\), (agrees|differs) ", everything)
    ours = by_set["planck"]["all"]
    assert f"{ours['relerr_median_ensemble']:+.3f} +" in everything
    assert "0.0710" in page
    assert f"{ours['coverage_68_posterior']:.3f}" in page
    told = next(line for line in page.splitlines() if "| Y-M relation " in line)
    assert "| z, gas relation, R500, Y without noise |" in told
    gas = next(line for line in page.splitlines() if line.startswith("| magneticum "))
    assert gas.count("-0.123") == len(BINS)
    assert "above_5e14 " not in page
    mean = -((np.log(10) * ours["scatter_dex_ensemble"]) ** 2) / 2
    assert f"{mean:+.3f} on planck" in page
    assert page.count("M200c") == 2


def test_labels_of_bins_are_set_as_in_an_article() -> None:
    assert typeset({"z1": "0.1 < z <= 0.2"}) == {"z1": r"$0.1 < z \leq 0.2$"}
