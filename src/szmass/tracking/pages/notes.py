"""Descriptions in Markdown of experiments, runs and models, and their sections of numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass

import mlflow
from mlflow.entities import Run
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE as NOTE

from szmass.tracking.pages.words import LINES_OF_WORK, model_in_words, question_of
from szmass.tracking.service import Service

SECTION = "### "


@dataclass(frozen=True)
class Section:
    """The numbers that a stage found, as a part of a description."""

    title: str
    """Begins with the stage, whose newer section takes the older one's place."""
    text: str


def with_section(note: str, section: Section) -> str:
    """A description with a section at its end, in the place of that of the same stage."""
    stage = section.title.split()[0]
    parts = re.split(rf"^(?={SECTION})", note, flags=re.MULTILINE)
    kept = [part.strip() for part in parts if part.split()[:2] != [SECTION.strip(), stage]]
    return "\n\n".join([*filter(None, kept), f"{SECTION}{section.title}\n\n{section.text}"])


def describe_experiment(service: Service, section: Section | None = None) -> None:
    """Says in an experiment what it is, and adds a section of numbers."""
    experiment = service.client.get_experiment(service.experiment)
    old = experiment.tags.get(NOTE) or _words(experiment.name)
    new = with_section(old, section) if section else old
    if new and new != experiment.tags.get(NOTE):
        service.client.set_experiment_tag(service.experiment, NOTE, new)


def _words(line_of_work: str) -> str:
    return LINES_OF_WORK.get(line_of_work) or question_of(line_of_work)


def add_to_run(client: mlflow.MlflowClient, run_id: str, section: Section) -> None:
    """Adds a section of numbers to a run's description."""
    old = client.get_run(run_id).data.tags.get(NOTE, "")
    client.set_tag(run_id, NOTE, with_section(old, section))


def describe_model(
    client: mlflow.MlflowClient,
    model_id: str,
    section: Section,
    *,
    about: str,
    of_the_project: bool,
) -> None:
    """Adds a section of numbers to a logged model, and to the versions it is registered as.

    Args:
        client: of the service that has the model.
        model_id: of the logged model.
        section: the numbers.
        about: what begins the description of a model that has none yet.
        of_the_project: whether the registered model gets the section too, which an experiment of
            DVC leaves alone.
    """
    model = client.get_logged_model(model_id)
    note = with_section(model.tags.get(NOTE) or f"{model_in_words(model.name)}\n\n{about}", section)
    client.set_logged_model_tags(model_id, {NOTE: note})
    for version in client.search_model_versions(f"run_id = '{model.source_run_id}'"):
        if version.source != f"models:/{model_id}":
            continue
        client.update_model_version(version.name, version.version, note)
        if of_the_project:
            registered = client.get_registered_model(version.name)
            old = registered.description or model_in_words(version.name)
            client.update_registered_model(version.name, with_section(old, section))


def model_of(run: Run) -> str:
    """The number of the last model that a run has logged; nothing where it has logged none."""
    models = run.outputs.model_outputs if run.outputs else []
    return models[-1].model_id if models else ""
