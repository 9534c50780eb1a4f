"""What MLflow's pages say in words: lines of work, stages, models, data, and their key numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from ruamel.yaml import YAML

PIPELINE, STUDIES = Path("dvc.yaml"), Path("studies")
MOST = 12
"""Numbers that a run shows as metrics; all of them are in its artifact."""

LINES_OF_WORK = {
    "mresunet": (
        "Masses of clusters at z = 0.7 from 150 GHz cutouts by the mResUNet of Gupta & Reichardt "
        "(2020, [arXiv 2003.06135](https://arxiv.org/abs/2003.06135)): its training, its judgement "
        "beside the exact posterior and the matched filter, and clusters like Magneticum's."
    ),
    "cnn-ensemble": (
        "Masses of clusters from Compton-y cutouts as Planck sees them, by ensembles of CNNs in "
        "redshift bins, as in de Andres et al. (2022, "
        "[arXiv 2209.10333](https://arxiv.org/abs/2209.10333)): their training, their judgement on "
        "simulated maps, and the clusters of PSZ2."
    ),
    "weighing": (
        "Masses of clusters by weighing, szmass' own estimator: matched filters, and networks that "
        "turn their amplitudes and the redshift into a posterior of the mass. Its training, the "
        "gate that its intervals must pass, and the mass catalogue of PSZ2."
    ),
    "survey": (
        "Masses of clusters in the maps of other surveys by weighing: the trainings of the stage "
        "`train_survey` and of `szmass survey train`, each with the gate that its intervals must "
        "pass. A run within one is a network."
    ),
}
"""What is in an experiment, by its name; a registered model has the same name, or one that begins
so where an experiment has several: `survey-<survey>`."""
MODELS = {
    "mresunet": (
        "mResUNet of Gupta & Reichardt (2020): 150 GHz cutouts in uK to M200c and the SZ image."
    ),
    "cnn-ensemble": (
        "CNN ensembles of de Andres et al. (2022): Compton-y cutouts with redshifts to M500c, with "
        "68 and 95 % intervals."
    ),
    "weighing": (
        "Record of weighing: Compton-y cutouts with redshifts to M500c, with statistical and "
        "total 68 and 95 % intervals, and flags in words."
    ),
    "survey": (
        "Record of weighing for a survey of y-maps: cutouts of its own pixels with redshifts to "
        "M500c, with statistical and total 68 and 95 % intervals, and flags in words."
    ),
}
"""What a registered model takes and returns, by the beginning of its name."""
DATASETS = {
    "microwave_store": "150 GHz maps",
    "hydro_store": "150 GHz maps of hydro-like clusters",
    "clean_store": "Compton-y maps without noise",
    "planck_store": "simulated Planck maps",
    "noise_store": "Planck noise maps",
    "originals_store": "Compton-y maps before the beam",
    "psz2_store": "PSZ2 cutouts",
    "weighing_clusters": "training clusters of weighing",
}
"""Names of stores, by the key of their path in params.yaml."""
OTHER_SKIES = {"stand": "psz2"}
"""First words of metrics of maps that lie in another store than the word says."""

_GAUSS = "width of the Gaussian fit to ln(M / M_true)"
_HALF_WIDTH = "half-width of b = (M - M_true) / M"
_RESIDUALS = {
    f"profile_residual_m{mass}p0e14": f"largest error of the SZ profile at {mass}e14 Msun, of peak"
    for mass in (2, 4, 6)
}
_MICROWAVE_CHECKS, _COMPTON_CHECKS = (
    {
        f"{line}_verdict.checks": "checks of the maps",
        f"{line}_verdict.failed": "checks of the maps that failed",
    }
    for line in ("microwave", "compton")
)
KEY_NUMBERS: Mapping[str, Mapping[str, str]] = {
    "validate_microwave": _MICROWAVE_CHECKS,
    "train_mresunet": {
        "validation_scatter_ln_mass": "scatter of ln(M / M_true), validation maps",
        **_MICROWAVE_CHECKS,
    },
    "evaluate_mresunet": {
        "scatter_ln_mass_gauss": _GAUSS,
        "scatter_ln_mass_gauss_no_scatter": f"{_GAUSS}, no scatter of the SZ signal",
        "scatter_ln_mass": "standard deviation of ln(M / M_true)",
        "scatter_ln_mass_over_bound": "the same, divided by the exact posterior's",
        "median_ln_ratio": "median of ln(M / M_true)",
        "half_width_1e14_m2p0e14": "half-width of M at 2e14 Msun [1e14 Msun]",
        "relative_half_width_m1p5e14": "half-width of M at 1.5e14 Msun, of the mass",
        **_RESIDUALS,
        "bound_train/scatter_ln_mass": "exact posterior: standard deviation of ln(M / M_true)",
        "matched_filter/scatter_ln_mass": "matched filter: the same",
    },
    "evaluate_hydro": {
        "hydro.mresunet.mean_ln_ratio": "hydro-like clusters: mean of ln(r M / M_true)",
        "hydro.mresunet.scatter_ln_mass_gauss": f"hydro-like clusters: {_GAUSS}",
        "hydro.training_posterior.scatter_ln_mass_gauss": "the same by the training's posterior",
        "hydro.clusters.mass_factor_mean": "hydro-like clusters: factor r, mean",
        "hydro.clusters.scatter_ln_y500_light_cone": "scatter of ln Y in the light cone",
    },
    "validate_compton": _COMPTON_CHECKS,
    "train_cnn": {
        **{
            f"{name}_{score}": f"{data_set} maps: {words}"
            for name, data_set in (("clean_m500c", "clean"), ("planck_m500c", "Planck"))
            for score, words in (
                ("validation_scatter_dex", "scatter of log10 M500c, validation"),
                ("selected_least_validation_loss", "validation loss of the selected network"),
                ("members_passing", "networks below the bias threshold"),
            )
        },
        **_COMPTON_CHECKS,
    },
    "evaluate_cnn": {
        "planck_all/relerr_half_width_selected": f"Planck maps, selected networks: {_HALF_WIDTH}",
        "planck_all/relerr_median_selected": "Planck maps, selected networks: median of b",
        "planck_all/scatter_dex_selected": "Planck maps, selected networks: scatter of log10 M",
        "planck_all/relerr_half_width_ensemble": "Planck maps, ensembles: half-width of b",
        "planck_all/relerr_median_ensemble": "Planck maps, ensembles: median of b",
        "planck_all/relerr_half_width_posterior": "Planck maps, posterior: half-width of b",
        "planck_all/coverage_68_posterior": "true masses in the posterior's 68 % interval",
        "planck_all/coverage_95_posterior": "true masses in the posterior's 95 % interval",
        "planck_all/relerr_half_width_matched_filter": "matched filter: half-width of b",
        "clean_all/relerr_half_width_selected": "clean maps, selected networks: half-width of b",
        "clean_all/relerr_median_selected": "clean maps, selected networks: median of b",
    },
    "infer_psz2": {
        "validation_scatter_dex": "scatter of log10 M500c, validation maps",
        "all.relerr_median_msz": "PSZ2: median of (M - MSZ) / M",
        "all.relerr_median_msz_golden": "PSZ2, golden sample: the same",
        "all.relerr_median_true": "PSZ2 on the stand-in sky: median of (M - M_true) / M",
        "all.coverage_68_true": "the same: true masses in the 68 % interval",
        "all.coverage_95_true": "the same: true masses in the 95 % interval",
        "all.relerr_clusters_msz": "PSZ2: clusters",
        "all.relerr_clusters_msz_golden": "PSZ2, golden sample: clusters",
        "all.out_of_range_share": "PSZ2: share of maps unlike those of the training",
        "all.published_shift_dex": "PSZ2: median of log10 M less DeepPlanck's",
    },
    "train_weighing": {"validation_loss": "mean of -ln p(M_true), validation clusters"},
    "train_survey": {
        "gate.checks": "checks of the gate",
        "gate.failed": "checks of the gate that failed",
        "coverage_68": "true masses in the 68 % interval, test clusters",
        "coverage_95": "true masses in the 95 % interval, test clusters",
        "mean_rank": "mean rank of the true masses, 0.5 without bias",
        "test_clusters": "test clusters",
        "validation_loss": "mean of -ln p(M_true), validation clusters",
    },
    "evaluate_weighing": {
        "planck.relerr_half_width": f"Planck maps: {_HALF_WIDTH}",
        "planck.matched_filter_relerr_half_width": "Planck maps, matched filter: the same",
        "planck.cnn_relerr_half_width": "Planck maps, CNN ensembles: the same",
        "planck.relerr_median": "Planck maps: median of b",
        "planck.coverage_68": "Planck maps: true masses in the 68 % interval",
        "planck.coverage_95": "Planck maps: true masses in the 95 % interval",
        "planck_gadget_x.coverage_68_total": "Planck maps, prior without them: in the total 68 %",
        "stand_in.relerr_half_width": "stand-in sky: half-width of b",
        "stand_in.coverage_68": "stand-in sky: true masses in the 68 % interval",
        "stand_in.coverage_95": "stand-in sky: true masses in the 95 % interval",
        "weighing_verdict.checks": "checks of the gate",
        "weighing_verdict.failed": "checks of the gate that failed",
    },
    "weigh_microwave": {
        "scatter_test.scatter_ln_mass_weighing": "standard deviation of ln(M / M_true)",
        "scatter_test.scatter_ln_mass_exact": "the same of the exact posterior",
        "scatter_test.scatter_ln_mass_over_exact": "the ratio of the two",
        "scatter_test.divergence_nats": "divergence from the exact posterior [nats]",
        "no_scatter_test.scatter_ln_mass_over_exact": "no scatter of the signal: the ratio",
        "no_scatter_test.divergence_nats": "no scatter of the signal: the divergence [nats]",
        "filters.lost_information": "information that the filters miss, at most",
        "validation_loss": "mean of -ln p(M_true), validation clusters",
        "weighing_microwave_verdict.checks": "checks against the exact posterior",
        "weighing_microwave_verdict.failed": "checks against the exact posterior that failed",
    },
    "weigh_psz2": {
        "psz2_masses.rows": "PSZ2: clusters in the mass catalogue",
        "psz2_masses.golden": "of them in the golden sample",
        "psz2_masses.out_of_range": "of them with a flag",
        "weighing_verdict.checks": "checks of the gate",
        "weighing_verdict.failed": "checks of the gate that failed",
    },
}
"""Numbers of a stage's run that its page shows, with what they are, by stage. A number of a run
within it is named `<its first word>/<number>`."""
LABELS = {name: label for numbers in KEY_NUMBERS.values() for name, label in numbers.items()}
_OF_ANY = tuple(dict.fromkeys(re.split(r"[/.]", name)[-1] for name in LABELS))
"""Names of the same numbers in runs that no stage lists, as of an estimator or a study's item."""


def model_in_words(name: str) -> str:
    """What a registered model takes and returns; nothing of one that is not ours."""
    return MODELS.get(name) or MODELS.get(name.partition("-")[0], "")


def key_numbers(stage: str, numbers: Mapping[str, float]) -> dict[str, float]:
    """The numbers that a run shows: all if they are few, else the most important ones.

    Args:
        stage: what the run is of; a run within a stage's has none.
        numbers: the run's own, and those of the runs within it as `<first word>/<number>`.
    """
    listed = {name: numbers[name] for name in KEY_NUMBERS.get(stage, {}) if name in numbers}
    own = {name: value for name, value in numbers.items() if "/" not in name}
    if len(own) <= MOST:
        chosen = own | listed
    else:
        chosen = listed or {name: own[name] for name in _OF_ANY if name in own} or own
    return dict(list(chosen.items())[:MOST])


def in_a_table(shown: Mapping[str, float], numbers: Mapping[str, float]) -> str:
    """Numbers in Markdown, each with its error and the paper's beside it where they are known.

    Args:
        shown: the lines of the table.
        numbers: all that were reported, with `<number>_err` and `paper_<number>` among them.
    """
    papers = {name: re.sub(r"([^/.]*)$", r"paper_\1", name, count=1) for name in shown}
    columns = ["number", "metric", "here"]
    if any(paper in numbers for paper in papers.values()):
        columns.append("paper")
    rows = [columns, ["---"] * len(columns)]
    for name, paper in papers.items():
        cells = (LABELS.get(name, name), f"`{name}`", _cell(numbers, name), _cell(numbers, paper))
        rows.append(list(cells[: len(columns)]))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(numbers: Mapping[str, float], name: str) -> str:
    """A number with its error; nothing where it is not known."""
    if name not in numbers:
        return ""
    error = numbers.get(f"{name}_err")
    return f"{numbers[name]:.4g}" + ("" if error is None else f" ± {error:.2g}")


def data_in_words(names: Mapping[str, str]) -> str:
    """What data a run read, by name, with the beginnings of DVC's digests."""
    listed = (f"{name} (`{digest[:8]}`)" for name, digest in names.items())
    return f"Data: {', '.join(listed)}." if names else ""


def stage_in_words(stage: str) -> str:
    """What a stage does, as dvc.yaml of the current folder says it; nothing where it does not."""
    if not PIPELINE.is_file():
        return ""
    found = YAML(typ="safe").load(PIPELINE).get("stages", {}).get(stage, {}).get("desc", "")
    return str(found) or question_of(stage.partition("_")[2])


def question_of(line_of_work: str) -> str:
    """The question of the study that a line of work is; nothing where it is none."""
    file = STUDIES / line_of_work.replace("-", "_") / "dvc.yaml"
    return file.read_text().partition("\n")[0].lstrip("# ") if file.is_file() else ""
