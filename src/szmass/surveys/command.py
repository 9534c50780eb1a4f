"""What `szmass survey` does: makes a survey from a map, trains it, counts what it finds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from szmass.files import write_text
from szmass.hashes import sha256
from szmass.predict.files.map_units import SIGNALS, Y
from szmass.predict.files.sky_maps import SkyMap, open_sky
from szmass.predict.survey_files import (
    SURVEYS,
    SurveyError,
    SurveyFiles,
    survey_names,
    trained_record,
)
from szmass.quiet import quiet_start
from szmass.reporting import Run
from szmass.streams import SURVEY_PATCHES
from szmass.surveys.measuring import MeasuredNoise, measure_noise
from szmass.surveys.settings import read_settings, require_digests
from szmass.surveys.shipped import FOREGROUNDS, default_params, shipped
from szmass.tracking_place import TrackingError, repository_root
from szmass.weighing.record import Record

if TYPE_CHECKING:  # TensorFlow
    from szmass.surveys.training import SurveyTraining

PIXELS = 96
PIXELS_A_BEAM = 4.0
"""Of the cutouts, where the map's own pixels are not fewer."""
REDSHIFTS = (0.1, 1.0)
SMALLEST_FILTER, LARGEST_FILTER = 0.3, 0.55
"""theta500 of the filters: the smallest in beams, the largest in half a cutout."""
INNER = 0.6
"""Radius beyond which the noise's level is measured, in half a cutout."""


def new_survey(
    name: str,
    ymap: Path,
    *,
    beam_fwhm_arcmin: float,
    hdu: str | None,
    pixel_arcmin: float | None,
    pixels: int | None,
    noise_map: Path | None,
    redshifts: Sequence[float] | None,
) -> str:
    """Writes `surveys/NAME.yaml` and the spectrum of a map's noise; returns what was found.

    Raises:
        SurveyError: there is a survey of this name, or the beam is no width.
        UserFileError, MeasureError: the map cannot be read, or its noise not be measured.
    """
    files = SurveyFiles(name)
    if files.settings.exists():
        raise SurveyError(
            f"{files.settings}: is there already: expected a new name; edit the file, or remove it"
        )
    if not 0.0 < beam_fwhm_arcmin < 60.0:
        raise SurveyError(f"--beam {beam_fwhm_arcmin:g}: expected a width in arcmin, 0 to 60")
    measured_map, started = noise_map or ymap, perf_counter()
    with open_sky(measured_map, Y, coarsest_arcmin=beam_fwhm_arcmin / 2.0, hdu=hdu) as sky:
        side = pixel_arcmin or _pixel(sky, beam_fwhm_arcmin)
        rng = np.random.default_rng((0, SURVEY_PATCHES))
        measured = measure_noise(sky, pixel_arcmin=side, beam_fwhm_arcmin=beam_fwhm_arcmin, rng=rng)
    files.folder.mkdir(parents=True, exist_ok=True)
    measured.spectrum.write(files.noise)
    write_text(
        files.settings,
        _settings_text(
            measured_map,
            measured,
            beam_fwhm_arcmin=beam_fwhm_arcmin,
            noise=str(files.noise.relative_to(files.surveys)),
            noise_sha256=sha256(files.noise),
            pixel_arcmin=side,
            pixels=pixels or PIXELS,
            redshifts=redshifts or REDSHIFTS,
        ),
    )
    try:
        read_settings(files, default_params().weighing)
    except BaseException:
        files.settings.unlink()
        raise
    low, high = measured.rms_range
    return (
        f"noise of {measured_map}: {measured.rms:.3g} a pixel of {side:.3g}' (90 % of "
        f"{measured.patches} places: {low:.3g} to {high:.3g}), {perf_counter() - started:.0f} s\n"
        f"wrote {files.settings}, {files.noise}\n"
        f"next: look at {files.settings}, then szmass survey train {name}"
    )


def _pixel(sky: SkyMap, beam_fwhm_arcmin: float) -> float:
    """Of the cutouts: the map's own, or larger where the beam has many of them."""
    return float(f"{max(sky.pixel_arcmin, beam_fwhm_arcmin / PIXELS_A_BEAM):.3g}")


def _settings_text(
    measured_map: Path,
    measured: MeasuredNoise,
    *,
    beam_fwhm_arcmin: float,
    noise: str,
    noise_sha256: str,
    pixel_arcmin: float,
    pixels: int,
    redshifts: Sequence[float],
) -> str:
    half = pixels * pixel_arcmin / 2.0
    low, high = (rms / measured.rms for rms in measured.rms_range)
    usual = [round(min(0.5, low / 1.5), 2), round(max(2.0, 1.5 * high), 2)]
    nearest, farthest = redshifts
    return f"""\
# A survey of Compton y. Noise measured in {measured_map.name}, at {measured.patches} places, with
# what is bright masked. Change what you know better, then: szmass survey train NAME
signal: compton_y
pixels: {pixels}                 # on a side of a cutout
pixel_arcmin: {pixel_arcmin:g}
pixel_window: true         # whether a pixel's value is the mean over it
bands:
  y:
    beam_fwhm_arcmin: {beam_fwhm_arcmin:g}
    noise:
      spectrum: {noise}
      rms: {measured.rms:.4g}      # of a pixel, at the usual place
sky: []                    # the noise of a y-map has all that is in it
gas_kev: null              # of maps of temperature
clusters: null             # szmass' mock clusters, or a store that szmass import-maps wrote
contaminants: null         # point sources, dust and other clusters to train with: docs/surveys.md
# in the place of weighing's settings in szmass' params.yaml; every other one can stand here too
weighing:
  filter_theta500_arcmin: [{SMALLEST_FILTER * beam_fwhm_arcmin:.2g}, {LARGEST_FILTER * half:.3g}]
  jitter_arcmin: {measured.jitter_arcmin:.2g}       # from a pixel's centre to where it is read
  inner_arcmin: {INNER * half:.3g}       # the noise's level is measured beyond this radius
  redshifts: [{nearest:g}, {farthest:g}]
  training_clusters: 14000
  validation_clusters: 2000
  test_clusters: 4000
  near_share: 0.2          # of the clusters, flat in ln z up to near_redshift
  near_redshift: {min(max(0.3, 2.0 * nearest), farthest):g}
  centre_offset_arcmin: {0.1 * beam_fwhm_arcmin:.2g}  # of positions, along x and y
  usual_levels: {usual}  # of the noise over rms
  noise_levels: [0.05, {max(4.0, 2.0 * usual[1]):g}]
# digests of the files that are named above; a training refuses a file that has another one
sha256:
  {noise}: "{noise_sha256}"
"""


def train_survey(name: str) -> str:
    """Trains a survey with the settings that szmass comes with, as the stage of this name does.

    In a DVC repository the training is a run in MLflow.

    Returns:
        What was made, in words.

    Raises:
        SurveyError: there is no such survey, or a file it names is not the one that it states.
        ParamsError, NoiseError: its settings cannot be used.
        GateError: it fails its gate; an older record that passed stays in use.
        TrackingError: MLflow cannot be reached.
    """
    files = SurveyFiles(name)
    training = training_of(files)
    from szmass.surveys.making import make_survey

    with _open_run(name, training) as run:
        return make_survey(files, training, run=run)


def _open_run(name: str, training: SurveyTraining) -> AbstractContextManager[Run]:
    """MLflow's run of a training in a DVC repository; elsewhere one that nobody listens to."""
    try:
        repository_root()
    except TrackingError:
        return nullcontext(_Unheard())
    with quiet_start():
        from szmass.tracking import open_run

    sections = {key: value for key, value in vars(training.params).items() if key != "resources"}
    sections["weighing"] = training.weighing
    return open_run("train_survey", items=[name], sections=sections, paths={})


def measure_completeness(name: str, ymap: Path, *, cut: float, count: int, hdu: str | None) -> str:
    """Puts clusters into a map of a trained survey, and writes how many stand out of it.

    Raises:
        SurveyError: there is no such survey, it is not trained, or has several bands.
        UserFileError, MeasureError: the map cannot be read, or has too few places with data.
    """
    record = Record.read(trained_record(name))
    if len(record.facts.bands) != 1:
        raise SurveyError(f"survey {name}: bands = {record.facts.bands}: expected one band")
    files, started = SurveyFiles(name), perf_counter()
    from szmass.surveys.completeness import bins, inject, write_completeness

    training = training_of(files)
    signal = SIGNALS[record.facts.signal]
    coarsest = record.facts.beam_fwhm_arcmin / 2.0
    with open_sky(ymap, signal, coarsest_arcmin=coarsest, hdu=hdu) as sky:
        injected = inject(training, record, sky, count)
    redshifts, masses = bins(training)
    write_completeness(files.completeness, injected, cut, redshifts, masses)
    share, _ = injected.completeness(cut, redshifts[[0, -1]], masses)
    half = masses[:-1][np.nanargmin(np.abs(share[0] - 0.5))]
    return (
        f"survey {name}: of clusters of {10.0**half / 1e14:.2g}e14 Msun half have a signal-to-"
        f"noise ratio of {cut:g} or more ({count} put into {ymap}, "
        f"{perf_counter() - started:.0f} s)\nwrote {files.completeness}"
    )


def training_of(files: SurveyFiles) -> SurveyTraining:
    """A survey ready to be trained, with the settings that szmass comes with.

    Raises:
        SurveyError: there is no such survey, or a file it names is not the one that it states.
    """
    params = default_params()
    settings, weighing = read_settings(files, params.weighing)
    require_digests(files, settings, settings.sha256)
    with quiet_start():  # TensorFlow
        from szmass.surveys.making import prepare
        from szmass.surveys.training import SurveyParams

    own = SurveyParams.of(params)
    return prepare(files, settings, weighing, own, george2015=shipped(FOREGROUNDS))


def list_surveys() -> Iterator[str]:
    """A line a survey: its maps, and whether it is trained and passed its gate."""
    names = survey_names()
    if not names:
        yield f"no survey in {SURVEYS}; `szmass survey new NAME --map MAP.fits --beam FWHM`"
    for name in names:
        files = SurveyFiles(name)
        settings, _ = read_settings(files, default_params().weighing)
        beams = ", ".join(f"{band.beam_fwhm_arcmin:g}'" for band in settings.bands.values())
        yield (
            f"{name}: {settings.signal}, beam {beams}, {settings.pixels} pixels of "
            f"{settings.pixel_arcmin:g}', {_state(files)}"
        )


def _state(files: SurveyFiles) -> str:
    fails = files.failed.verdict.exists()
    if not files.record.exists():
        return "fails its gate" if fails else "not trained"
    try:
        passed = json.loads(files.verdict.read_text())["success"] is True
    except (OSError, ValueError, KeyError, TypeError):
        return "trained, not judged"
    if passed:
        return "trained; the last training failed its gate" if fails else "trained"
    return "trained, fails its gate"


class _Unheard:
    """A run that nobody listens to, as where szmass is installed without a repository."""

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        """Goes nowhere."""

    def tags(self, tags: Mapping[str, str]) -> None:
        """Goes nowhere."""

    def artifact(self, path: Path, folder: str = "") -> None:
        """Goes nowhere."""

    def figure(self, path: Path) -> None:
        """Goes nowhere."""

    def child(self, name: str) -> AbstractContextManager[Run]:  # noqa: ARG002
        """The same."""
        return nullcontext(self)

    def model(self, folder: Path, name: str, *beside: Path) -> None:
        """Goes nowhere."""

    def continue_training_run(self, weights: Path) -> None:
        """Goes nowhere."""
