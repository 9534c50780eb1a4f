"""Shows the widths of the masses by shape of the clusters."""

from __future__ import annotations

from pathlib import Path

from szmass.evaluation.charts import save
from szmass.evaluation.tables import markdown_table
from szmass.reporting import Run
from szmass.studies.figures import paired_bars
from szmass.studies.results import FIGURES, read_metrics, write_results
from szmass.studies.shapes.settings import Shapes

ESTIMATORS = {"weighing": "weighing", "matched_filter": "matched filter"}
DATA_SETS = ("clean", "planck")
HEADER, SHARES = ("shape", "axes", "on the sky"), ("in 68 %", "in 95 %")
NOTE = (
    "Half-width of b = (M - M_true) / M of test clusters of all redshifts, by shape: middle and\n"
    "minor axis of the main halo over the major one, and what is seen of them on the sky, minor\n"
    "over major axis. The filters and networks are those that were made for the first shape. The\n"
    "last columns are the shares of true masses in weighing's intervals on planck maps. Where the\n"
    "shapes come from is said in studies/shapes/params.yaml.\n\n"
)


def report(study: Shapes, *, here: Path, run: Run) -> None:
    """Writes metrics, table and figure."""
    metrics = read_metrics(here, study.items)
    widths = {
        f"{data_set}, {title}": [
            (values[metric], values[f"{metric}_err"])
            for values in metrics.values()
            for metric in [f"{data_set}_relerr_half_width_{estimator}"]
        ]
        for data_set in DATA_SETS
        for estimator, title in ESTIMATORS.items()
    }
    rows = []
    for number, (name, shape) in enumerate(study.items.items()):
        measured = metrics[name]
        rows.append(
            (
                name,
                ", ".join(f"{ratio:.2f}" for ratio in shape.axis_ratio_mean),
                f"{measured['projected_axis_ratio']:.2f}",
                *(
                    f"{value:.3f} +- {error:.3f}"
                    for value, error in (of_shapes[number] for of_shapes in widths.values())
                ),
                *(f"{measured[f'planck_coverage_{level}_weighing']:.3f}" for level in (68, 95)),
            )
        )
    save(paired_bars(list(study.items), widths, "half-width of b"), here / FIGURES / "shapes.png")
    write_results(here, metrics, NOTE + markdown_table((*HEADER, *widths, *SHARES), rows), run)
