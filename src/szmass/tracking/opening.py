"""Opens the run of a stage, with the facts that it was made under."""

from __future__ import annotations

import getpass
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from szmass import provenance
from szmass.params.variant import Variant, current_variant
from szmass.reporting import Run
from szmass.tracking.best import mark_best
from szmass.tracking.pages.facts import Description
from szmass.tracking.processes import end_dead_runs, process_facts
from szmass.tracking.runs import MlflowRun
from szmass.tracking.service import connect, experiment_of, reaching

logger = logging.getLogger(__name__)


@contextmanager
def open_run(
    stage: str,
    *,
    sections: Mapping[str, Any],
    paths: Mapping[str, Path],
    items: Sequence[str] = (),
) -> Iterator[Run]:
    """Opens the MLflow run of a stage; ends it as finished, failed or killed.

    The server is that of MLFLOW_TRACKING_URI, else the database mlflow.db at the root of the DVC
    repository. Runs of the same line of work whose process was killed on this machine are ended.

    Args:
        stage: its name.
        sections: the settings that it depends on, by their name in params.yaml.
        paths: its paths, by their name; those that another stage writes are its inputs.
        items: what it is run for, where it is one of a matrix.

    Raises:
        TrackingError: the server cannot be reached, or refuses the run; nothing was computed.
    """
    service = connect(experiment_of(stage))
    label = " ".join([stage, *items])
    variant = current_variant()
    md5 = provenance.data_md5(stage, paths)
    facts = _facts(stage, md5) | variant.facts
    facts["mlflow.source.name"] = f"python -m szmass {label}"
    settings = provenance.flat_settings(sections)
    description = Description(label, items, _suffix(variant), facts, settings, paths, md5)
    run = MlflowRun(service, description)
    with reaching(service.name):
        run.create()
    service.delivery.send("the ends of killed runs", partial(end_dead_runs, service))
    service.delivery.send("the model that it judges", run.find_model)
    try:
        with run.ending():
            run.describe_data()
            yield run
        service.delivery.send("the best model's alias", partial(mark_best, service))
    finally:
        if lost := service.delivery.close():
            names = ", ".join(dict.fromkeys(lost))
            logger.warning("%s has no record of: %s", service.name, names)


def _facts(stage: str, md5: Mapping[str, str]) -> dict[str, str]:
    """The tags of a stage's run, whose inputs have these digests."""
    code = provenance.code_facts()
    return {
        "dvc.stage": os.environ.get("DVC_STAGE", stage),
        "mlflow.source.git.commit": code.get("git.rev", ""),
        "mlflow.user": getpass.getuser(),
        **code,
        **provenance.experiment_facts(),
        **provenance.hardware_facts(),
        **process_facts(os.getpid()),
        **{f"data.{name}.md5": digest for name, digest in md5.items()},
    }


def _suffix(variant: Variant) -> str:
    """Ends the names of a run and its children: the variant, and the experiment or the time."""
    name = provenance.experiment_facts().get("dvc.exp_name")
    when = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
    return " ".join([*variant.words, name or when])
