"""Makes the record of a survey: trains, judges, and keeps an older record where the gate fails."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from tqdm.auto import tqdm

from szmass.files import write_metrics, write_text
from szmass.networks.backend import hardware, prepare_backend
from szmass.params import Weighing
from szmass.params.survey import SurveySettings
from szmass.predict.survey_files import SurveyFiles
from szmass.reporting import Run
from szmass.sky.signals import COMPTON_Y
from szmass.surveys.instrument import Instrument
from szmass.surveys.judging import SurveyJudgement, judge_survey
from szmass.surveys.page import draw_survey, page_text
from szmass.surveys.sky import sky_cl_uk2
from szmass.surveys.training import SurveyParams, SurveyTraining
from szmass.weighing.judgement.gate import GateError, as_verdict, require_passed_gate
from szmass.weighing.record import Record

MODEL = "survey-"
"""Begins the name of a survey's registered model; the survey's name follows."""


def prepare(
    files: SurveyFiles,
    settings: SurveySettings,
    weighing: Weighing,
    params: SurveyParams,
    *,
    george2015: Path,
) -> SurveyTraining:
    """A survey ready to be trained.

    Args:
        files: of the survey.
        settings: of its file.
        weighing: the settings of params.yaml with the survey's in their place.
        params: other sections of params.yaml.
        george2015: table of foregrounds, of surveys of temperature.

    Raises:
        NoiseError: a table of noise cannot be used.
        ImportTableError: imported clusters do not fit the ranges of the training.
    """
    sky_cl = sky_cl_uk2(settings, params.spectra, george2015)
    instrument = Instrument.of(files.name, settings, weighing, files.surveys, sky_cl)
    return SurveyTraining.of(instrument, params, weighing, settings, files.surveys)


def make_survey(files: SurveyFiles, training: SurveyTraining, *, run: Run) -> str:
    """Simulates clusters, trains, judges, and writes the record, its verdict and a page.

    A record that fails the gate is written to the survey's folder `failed`, with its verdict and
    page: an older record that has passed stays in use.

    Args:
        files: of the survey.
        training: of the survey, by `prepare`.
        run: gets the curves, the gate's numbers, the page and the record.

    Returns:
        What was made, in words.

    Raises:
        GateError: checks of the gate failed; the message names them and the page.
    """
    started, weighing = perf_counter(), training.weighing
    prepare_backend(seed=training.params.seed, threads=weighing.threads)
    run.tags({"survey": files.name, **hardware()})
    run.artifact(files.settings)
    files.folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=files.folder, prefix="clusters-") as temporary:
        store = training.simulate(Path(temporary) / "clusters.zarr")
        total = weighing.networks * weighing.epochs * weighing.training_clusters
        with tqdm(total=total, desc="training", unit="cluster", disable=None) as bar:
            record = training.train(store, run, bar.update)
        judgement = judge_survey(training, record, training.clusters(store, "test"))
    failed = [check.in_words() for check in judgement.checks if not check.passed]
    made = files.failed if failed else files
    _write(made, record, judgement)
    _report(run, made, judgement, len(failed))
    gate = f"{len(failed)} of {len(judgement.checks)} checks failed" if failed else "passed"
    words = (
        f"survey {files.name}: the gate {gate}, {perf_counter() - started:.0f} s\n"
        f"wrote {made.record}, {made.page}, {made.figure}\n"
    )
    if failed:
        raise GateError(f"{words}{_still_weighs(files)}:\n" + "\n".join(failed))
    shutil.rmtree(files.failed.folder, ignore_errors=True)
    run.artifact(made.record)
    # a model that MLflow serves takes one y-map of each cluster
    if record.facts.signal == COMPTON_Y:
        run.model(made.record, f"{MODEL}{files.name}")
    return f"{words}next: szmass predict --survey {files.name} --map MAP.fits --catalogue CATALOGUE"


def _write(made: SurveyFiles, record: Record, judgement: SurveyJudgement) -> None:
    made.folder.mkdir(exist_ok=True)
    record.write(made.record)
    write_metrics(made.verdict, as_verdict(judgement.checks, made.record))
    write_metrics(made.metrics, judgement.metrics)
    draw_survey(made.figure, made.name, judgement)
    write_text(made.page, page_text(made, judgement))


def _report(run: Run, made: SurveyFiles, judgement: SurveyJudgement, failed: int) -> None:
    for name, value in judgement.metrics.items():
        run.metric(name, value)
    run.metric("gate.checks", len(judgement.checks))
    run.metric("gate.failed", failed)
    run.artifact(made.page)
    run.figure(made.figure)


def _still_weighs(files: SurveyFiles) -> str:
    """What `szmass predict` does with a survey whose new record has failed the gate."""
    try:
        require_passed_gate(files.verdict, files.record)
    except (GateError, OSError):
        return f"`szmass predict --survey {files.name}` refuses it, since these checks failed"
    return (
        f"`szmass predict --survey {files.name}` goes on with {files.record}, which passed before; "
        "in the new training these checks failed"
    )
