"""The alias `best` of a registered model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlflow.entities import Run

from szmass.tracking.service import Service

ALIAS = "best"


@dataclass(frozen=True)
class Criterion:
    """How versions of a model are compared; the least scatter is the best."""

    metric: str
    link: str
    """Tag that the run which registered a version shares with the run that judged it."""
    data: str
    """Tag with the digest of the test maps."""
    judge: Mapping[str, str] = field(default_factory=dict)
    """Other tags of the run that judged it."""


CRITERIA = {  # by model, which is named as its experiment
    "mresunet": Criterion("scatter_ln_mass", "model.sha256", "data.microwave_store.md5"),
    "cnn-ensemble": Criterion(
        "scatter_dex_ensemble",
        "data.cnn_models.md5",
        "data.planck_store.md5",
        {"data_set": "planck", "bin": "all"},
    ),
}


def mark_best(service: Service) -> None:
    """Gives the alias to the version that has the least scatter on the test maps of today.

    These are the maps of the last judgement outside of DVC's experiments, or of the last of all:
    a variant with another sky, and so with other maps, does not compete.
    """
    client = service.client
    name = client.get_experiment(service.experiment).name
    criterion = CRITERIA.get(name)
    if criterion is None:
        return
    conditions = [f"tags.`{tag}` = '{value}'" for tag, value in criterion.judge.items()]
    judged = [
        run
        for run in client.search_runs(
            [service.experiment], " and ".join(conditions), order_by=["attributes.start_time DESC"]
        )
        if criterion.metric in run.data.metrics and criterion.link in run.data.tags
    ]
    if not judged:
        return
    outside = [run for run in judged if "dvc.exp_name" not in run.data.tags]
    maps = (outside or judged)[0].data.tags.get(criterion.data)
    scores = {
        run.data.tags[criterion.link]: run.data.metrics[criterion.metric]
        for run in reversed(judged)
        if run.data.tags.get(criterion.data) == maps
    }
    found = client.search_model_versions(f"name = '{name}'")
    registering: dict[str, Run] = {
        version.version: client.get_run(version.run_id) for version in found if version.run_id
    }
    candidates = {
        version: scores[run.data.tags[criterion.link]]
        for version, run in registering.items()
        if run.data.tags.get(criterion.link) in scores
    }
    if candidates:
        best = min(candidates, key=lambda version: (candidates[version], -int(version)))
        client.set_registered_model_alias(name, ALIAS, best)
