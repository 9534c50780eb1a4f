"""Shows example gradients and the stacked profiles."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from szmass.evaluation.charts import save
from szmass.evaluation.tables import markdown_table
from szmass.reporting import Run
from szmass.studies.results import (
    FIGURES,
    ITEMS,
    read_metrics,
    read_predictions,
    write_results,
)
from szmass.studies.saliency.figures import example_gradients, stacked_profiles
from szmass.studies.saliency.settings import EXAMPLES_FILE, PROFILES_FILE, Saliency

HEADER = ("redshift", "clusters", "share of the gradient", "share of the area", "peak [R500]")
NOTE = (
    "Gradient of log10 M with respect to the pixels of test clusters ({data_set} maps), by the\n"
    "pipeline's selected networks: the median share of its absolute value between {low:g} and\n"
    "{high:g} R500, the share of the map's area there, and the radius where the stacked density\n"
    "per R500 is highest. The paper finds most of it between 0.4 and 1.2 R500.\n\n"
)


def report(bins: Mapping[str, list[float]], study: Saliency, *, here: Path, run: Run) -> None:
    """Writes metrics, table, and Supp. Figs. 9 and 10."""
    metrics = read_metrics(here, bins)
    predictions = read_predictions(here, bins)
    labels = {name: f"{low:g} < z <= {high:g}" for name, (low, high) in bins.items()}
    rows = [
        (
            labels[name],
            str(len(predictions[name])),
            f"{metrics[name]['gradient_share_median']:.2f}",
            f"{metrics[name]['even_share_median']:.2f}",
            f"{metrics[name]['gradient_peak_r500']:.2f}",
        )
        for name in bins
    ]
    items = here / ITEMS
    profiles = {labels[name]: pd.read_csv(items / name / PROFILES_FILE) for name in bins}
    low, high = study.range_r500
    figure = stacked_profiles(profiles, (low, high))
    save(figure, here / FIGURES / "supp10_saliency_profiles.png")
    with np.load(items / study.example_bin / EXAMPLES_FILE) as found:
        figure = example_gradients({name: found[name] for name in found})
    save(figure, here / FIGURES / "supp9_saliency_maps.png")
    note = NOTE.format(data_set=study.data_set, low=low, high=high)
    write_results(here, metrics, note + markdown_table(HEADER, rows), run)
