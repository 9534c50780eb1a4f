"""The alias `best` of a registered model."""

from __future__ import annotations

from dataclasses import dataclass

from szmass.tracking.service import Service

ALIAS = "best"


@dataclass(frozen=True)
class Criterion:
    """How versions of a model are compared; the one with the least number is the best.

    Both are of the run that registered a version. No choice is made on test maps, so that the best
    version's figures on them stay fair.
    """

    metric: str
    """Scatter or loss of the masses of validation maps or clusters, none of them trained on."""
    data: str
    """Tag with the digest of the store that these maps are from."""


CRITERIA = {  # by model, which is named as its experiment
    "mresunet": Criterion("validation_scatter_ln_mass", "data.microwave_store.md5"),
    "cnn-ensemble": Criterion("validation_scatter_dex", "data.planck_store.md5"),
    # of the ensemble, in the training's run; the gate's clusters choose nothing
    "weighing": Criterion("validation_loss", "data.weighing_clusters.md5"),
}


def mark_best(service: Service) -> None:
    """Gives the alias to the version that is the best on the validation maps of today.

    These are the maps of the last version that was registered outside of DVC's experiments, or of
    the last of all: a variant with another sky, and so with other maps, does not compete.
    """
    client = service.client
    name = client.get_experiment(service.experiment).name
    criterion = CRITERIA.get(name)
    if criterion is None:
        return
    versions = sorted(
        client.search_model_versions(f"name = '{name}'"), key=lambda version: int(version.version)
    )
    registering = {v.version: client.get_run(v.run_id) for v in versions if v.run_id}
    candidates = {
        version: run for version, run in registering.items() if criterion.metric in run.data.metrics
    }
    if not candidates:
        return
    outside = [run for run in candidates.values() if "dvc.exp_name" not in run.data.tags]
    maps = (outside or list(candidates.values()))[-1].data.tags.get(criterion.data)
    scatters = {
        version: run.data.metrics[criterion.metric]
        for version, run in candidates.items()
        if run.data.tags.get(criterion.data) == maps
    }
    best = min(scatters, key=lambda version: (scatters[version], -int(version)))
    client.set_registered_model_alias(name, ALIAS, best)
