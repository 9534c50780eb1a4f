"""Figures are the same bytes each time, and the table says what the metrics say."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from szmass.evaluation.charts import save
from szmass.evaluation.tables import markdown_table
from szmass.microwave.results import figures
from szmass.microwave.results.metrics import mass_metrics, scatter_metrics
from szmass.microwave.results.table import closing_table

MASSES_MSUN = np.array([2e14, 3.5e14])


def test_a_figure_is_the_same_bytes_twice(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    truth = np.repeat(MASSES_MSUN, 50)
    estimates = {name: truth * rng.lognormal(0, 0.2, 100) for name in ("mresunet", "bound_train")}
    for name in ("first.png", "second.png"):
        figure = figures.masses(truth, estimates, {2e14: "trained", 3.5e14: "extrapolated"})
        save(figure, tmp_path / name)
    for ending in (".png", ".pdf"):
        first, second = (tmp_path / f"{name}{ending}" for name in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()
    assert plt.get_fignums() == []


def test_the_network_is_drawn_with_every_block_and_skip() -> None:
    blocks = [
        figures.NetworkBlock("encoder1", 40, 8, ()),
        figures.NetworkBlock("bridge", 5, 64, ()),
        figures.NetworkBlock("decoder1", 40, 8, ("encoder1",)),
    ]
    figure = figures.network(blocks, 1234)
    axes = figure.axes[0]
    assert len(axes.patches) == 3
    assert sum(getattr(text, "arrow_patch", None) is not None for text in axes.texts) == 1
    assert "1,234" in axes.get_title()
    plt.close(figure)


def test_a_table_lines_up() -> None:
    lines = markdown_table(("a", "long name"), [("1", "2"), ("333", "4")]).splitlines()
    assert len({len(line) for line in lines}) == 1


def test_the_closing_table_has_every_mass_every_estimator_and_the_paper() -> None:
    rng = np.random.default_rng(1)
    truth = np.repeat(MASSES_MSUN, 200)
    estimate = truth * rng.lognormal(0, 0.2, len(truth))
    metrics = mass_metrics(estimate, truth, truth * rng.lognormal(0, 0.1, len(truth)))
    for suffix in ("", "_no_scatter"):
        metrics |= scatter_metrics(estimate, truth, suffix=suffix, draws=10, rng=rng)
    stated = {"median_1e14_m2p0e14": 1.99, "half_width_1e14_m2p0e14": 0.40}
    stated |= {"scatter_ln_mass_gauss": 0.180, "scatter_ln_mass_gauss_err": 0.013}
    names = ("scatter_ln_mass_gauss_no_scatter", "scatter_ln_mass_gauss_no_scatter_err")
    stated |= dict(zip(names, (0.100, 0.012), strict=True))
    table = closing_table(
        list(MASSES_MSUN),
        {"mresunet": metrics, "bound_train": metrics},
        stated,
        network="mresunet",
        bound="bound_train",
    )
    row = next(line for line in table.splitlines() if line.startswith("| 2 "))
    assert f"{metrics['median_1e14_m2p0e14']:.2f}" in row
    assert "1.99 +- 0.40" in row
    assert re.search(r"0.180 \+- 0.013, (agrees|differs) ", table)
    assert re.search(r"0.100 \+- 0.012, (agrees|differs) ", table)
    assert "| bound_train " in table
