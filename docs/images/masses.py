"""Draws docs/images/masses.png from what the pipeline has left: `python docs/images/masses.py`."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from szmass.compton.maps.stores import open_planck_store
from szmass.evaluation.charts import SKY_COLOURS, log_mass_axis, ordered_colours, save
from szmass.params import load
from szmass.units import MASS_UNIT_MSUN

STORE, MASSES = Path("data/compton/planck.zarr"), Path("data/weighing_masses.csv")
SHOWN_MASS_MSUN, SHOWN_REDSHIFTS = 8e14, (0.2, 0.4)
POINTS, GROUPS = 600, 16


def draw() -> None:
    """A map on the left; on the right, masses by weighing of test clusters with Planck's noise."""
    masses = pd.read_csv(MASSES)
    masses = masses[masses["data_set"] == "planck"]
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(9.4, 4.2), width_ratios=(1, 1.25), layout="constrained"
    )

    low, high = SHOWN_REDSHIFTS
    some = masses[masses["redshift"].between(low, high)]
    shown = some.loc[(some["m500c_msun"] - SHOWN_MASS_MSUN).abs().idxmin()]
    store = open_planck_store(STORE)
    rows = np.flatnonzero(store.read("cluster") == shown["cluster"])
    half_arcmin = 0.5 * np.ptp(store.read("x"))
    edges = (-half_arcmin, half_arcmin) * 2
    image = 1e6 * store.read("compton_y", rows)[0]
    picture = left.imshow(image, origin="lower", extent=edges, cmap=SKY_COLOURS, vmin=-8, vmax=8)
    figure.colorbar(picture, ax=left, shrink=0.8, label=r"Compton $y$ [$10^{-6}$]")
    left.set(
        xlabel="x [arcmin]", ylabel="y [arcmin]", title="A simulated cluster in noise like Planck's"
    )

    rng = np.random.default_rng(1)
    bins = load(Path("params.yaml")).bins.values()
    for colour, (low, high) in zip(ordered_colours(len(bins)), bins, strict=True):
        of_bin = masses[(masses["redshift"] > low) & (masses["redshift"] <= high)]
        few = of_bin.iloc[rng.permutation(len(of_bin))[: POINTS // len(bins)]]
        right.plot(
            few["m500c_msun"] / MASS_UNIT_MSUN,
            few["weighing_msun"] / MASS_UNIT_MSUN,
            ".",
            ms=4,
            color=colour,
            alpha=0.7,
            label=rf"${low:g} < z \leq {high:g}$",
        )
    order = np.argsort(masses["m500c_msun"].to_numpy())
    truth, estimate = (
        np.array_split(masses[name].to_numpy()[order] / MASS_UNIT_MSUN, GROUPS)
        for name in ("m500c_msun", "weighing_msun")
    )
    middle = [np.median(group) for group in truth]
    p16, median, p84 = np.transpose([np.percentile(group, [16, 50, 84]) for group in estimate])
    right.fill_between(middle, p16, p84, color="0.5", alpha=0.35, lw=0)
    right.plot(middle, median, "-", color="k", lw=1.5, label="median, 68 %")
    ends = np.array([1.0, 25.0])
    right.plot(ends, ends, "--", color="C1", lw=1)
    log_mass_axis(right.xaxis, r"true $M_{500\rm c}$")
    log_mass_axis(right.yaxis, r"$M_{500\rm c}$ by weighing")
    right.set(xlim=ends, ylim=ends, title=f"Masses of {len(masses)} test clusters")
    right.legend(fontsize=8, loc="upper left")
    save(figure, Path(__file__).with_suffix(".png"))


if __name__ == "__main__":
    draw()
