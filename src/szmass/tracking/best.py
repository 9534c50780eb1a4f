"""The alias `best` of a registered model."""

from __future__ import annotations

from dataclasses import dataclass

from szmass.tracking.service import Service

ALIAS = "best"


@dataclass(frozen=True)
class Criterion:
    """How versions of a model are compared: the version with the least metric is the best.

    Metric and tag are of the run that registered a version. No choice is made on test maps, so the
    best version's results on them are unbiased.
    """

    metric: str
    """Scatter or loss on validation maps or clusters, each by networks not trained on it."""
    data: str
    """Tag with the digest of the store that these maps are from."""


CRITERIA = {  # by model, which is named as its experiment
    "mresunet": Criterion("validation_scatter_ln_mass", "data.microwave_store.md5"),
    "cnn-ensemble": Criterion("validation_scatter_dex", "data.planck_store.md5"),
    # of the ensemble, in the training's run; the gate's clusters choose nothing
    "weighing": Criterion("validation_loss", "data.weighing_clusters.md5"),
}


def mark_best(service: Service) -> None:
    """Gives the alias to the best version on the current validation maps.

    These are the maps of the last version that was registered outside of DVC's experiments; if
    there is none, of the last version. Versions with other validation maps are not compared.
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
