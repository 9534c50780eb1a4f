"""Shows the least scatter of masses by bands and noise, and weighing's beside it."""

from __future__ import annotations

from pathlib import Path

from szmass.evaluation.charts import save
from szmass.evaluation.tables import markdown_table
from szmass.reporting import Run
from szmass.studies.bands.settings import Bands
from szmass.studies.figures import paired_bars
from szmass.studies.results import FIGURES, read_metrics, write_results

HEADER = ("maps", "noise [uK arcmin]", "exact", "weighing", "ratio", "divergence [nats]")
NOTE = (
    "Standard deviation of ln(M / M_true) of posterior means, of round clusters at one redshift\n"
    "in maps with the CMB and its foregrounds, by band in GHz. The exact posterior is what no\n"
    "other estimator can beat with these maps. `no scatter`: of the SZ signal at given mass,\n"
    "otherwise 20 %. Both are told the relation of mass and signal, and leave a map's mean level\n"
    "free.\n\n"
)


def report(study: Bands, *, here: Path, run: Run) -> None:
    """Writes metrics, table and figure."""
    metrics = read_metrics(here, study.items)
    rows = []
    for name, bands in study.items.items():
        values = metrics[name]
        ratio, nats = "scatter_ln_mass_over_exact", "divergence_nats"
        rows.append(
            (
                name,
                ", ".join(f"{ghz}: {noise:g}" for ghz, noise in bands.noise_uk_arcmin.items()),
                f"{values['scatter_ln_mass_exact']:.3f}",
                f"{values['scatter_ln_mass_weighing']:.3f}",
                f"{values[ratio]:.3f} +- {values[f'{ratio}_err']:.3f}",
                f"{values[nats]:.4f} +- {values[f'{nats}_err']:.4f}",
            )
        )
    bars = {
        title: [(values[f"scatter_ln_mass_{key}"], 0.0) for values in metrics.values()]
        for key, title in (("exact", "exact posterior"), ("weighing", "weighing"))
    }
    labels = [name.replace(", ", ",\n") for name in study.items]
    figure = paired_bars(labels, bars, r"scatter of $\ln M$")
    figure.set_size_inches(11.0, 4.2)
    figure.axes[0].legend(loc="upper right")
    save(figure, here / FIGURES / "bands.png")
    write_results(here, metrics, NOTE + markdown_table(HEADER, rows), run)
