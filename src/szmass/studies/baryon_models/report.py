"""Shows the bias of the masses of each baryon model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from szmass.compton.results.metrics import relative_error
from szmass.evaluation.charts import save
from szmass.evaluation.papers import read_paper
from szmass.evaluation.tables import markdown_table
from szmass.params import BaryonModel, Compton
from szmass.reporting import Run
from szmass.sky.cosmology import Cosmology
from szmass.sky.scaling import ScalingRelation, m500c_msun_from_y_cyl, y_cyl_mpc2
from szmass.studies.figures import binned_errors
from szmass.studies.results import FIGURES, read_metrics, read_predictions, write_results

MEAN, ERROR = "relerr_mean_ensemble", "relerr_stderr_ensemble"
HEADER = (
    "baryon model",
    "clusters",
    "mean b",
    "less that of {main}",
    "put in",
    "paper",
    "paper's less",
)
NOTE = (
    "Mean of b = (M_CNN - M_true) / M_CNN with its standard error, for a network that was trained\n"
    "on {main} alone; the same clusters in each baryon model, with another gas. A network that is\n"
    "unbiased in log M has a mean b below zero, about -sigma^2 / 2 of ln M, so that differences\n"
    "between the models say more.\n\n"
    "These differences are no finding. `put in` is the b that the relations of Y and M in\n"
    "`params.yaml` make by arithmetic, the mass of a {main} cluster as bright less the true one,\n"
    "over the former. Those of gadget_music and gizmo_simba were set from the paper's offsets;\n"
    "magneticum's are assumed. All it shows is that a network takes another gas for another mass.\n"
    "\n"
)


def report(
    compton: Compton,
    baryon_models: Mapping[str, BaryonModel],
    *,
    de_andres_2022: Path,
    here: Path,
    run: Run,
) -> None:
    """Writes metrics, table and Supp. Fig. 11."""
    paper = read_paper(de_andres_2022, "baryon_models")["baryon_models"]
    main = compton.baryon_model
    metrics, predictions = (read(here, baryon_models) for read in (read_metrics, read_predictions))
    cosmology = Cosmology.of(compton)
    rows = []
    for name in baryon_models:
        found = metrics[name]
        cells = [name, f"{found['maps_ensemble']:.0f}", _with_error(found[MEAN], found[ERROR])]
        put_in = offset_put_in(
            predictions[name]["m500c_msun"].to_numpy(),
            *(ScalingRelation.of(baryon_models[model]) for model in (name, main)),
            cosmology,
        )
        cells += [f"{found[MEAN] - metrics[main][MEAN]:+.3f}", f"{put_in:+.3f}", "", ""]
        if name in paper:
            found |= {f"paper_{key}": v for key, v in zip((MEAN, ERROR), paper[name], strict=True)}
            cells[-2] = _with_error(*paper[name])
            if main in paper:
                cells[-1] = f"{paper[name][0] - paper[main][0]:+.3f}"
        rows.append(cells)
    errors = {
        name: (
            table["ensemble_msun"].to_numpy(),
            relative_error(table["ensemble_msun"].to_numpy(), table["m500c_msun"].to_numpy()),
        )
        for name, table in predictions.items()
    }
    figure = binned_errors(errors, f"trained on {main}, z = 0")
    save(figure, here / FIGURES / "supp11_baryon_models.png")
    header = [cell.format(main=main) for cell in HEADER]
    write_results(here, metrics, NOTE.format(main=main) + markdown_table(header, rows), run)


def offset_put_in(
    m500c_msun: np.ndarray, relation: ScalingRelation, main: ScalingRelation, cosmology: Cosmology
) -> float:
    """Mean of b = 1 - M / M' with M' the mass of a cluster of another relation of the same Y.

    Args:
        m500c_msun: true masses M, `(n,)`.
        relation: of these clusters.
        main: the relation by which M' is read from Y.
        cosmology: E(z), which cancels, and h.
    """
    redshift = np.zeros_like(m500c_msun)
    y_mpc2 = y_cyl_mpc2(m500c_msun, redshift, relation, cosmology)
    return float(
        np.mean(1.0 - m500c_msun / m500c_msun_from_y_cyl(y_mpc2, redshift, main, cosmology))
    )


def _with_error(value: float, error: float) -> str:
    return f"{value:+.3f} +- {error:.3f}"
