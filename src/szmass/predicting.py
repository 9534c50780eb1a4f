"""`szmass predict`: masses of the clusters in a user's own maps."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from szmass.params import Params

ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3"}
HEADER = ("cluster", "z", "M500 [1e14]", "68 %", "95 %", "out of range")
JSON_COLUMNS = (
    "redshift", "bin", "m500_msun", "m500_msun_p2p5", "m500_msun_p16", "m500_msun_p84",
    "m500_msun_p97p5", "log10_m500", "sigma_aleatoric_dex", "sigma_epistemic_dex",
    "systematic_dex", "out_of_range", "out_of_range_reason",
)  # fmt: skip


class PredictionError(ValueError):
    """There is nothing to predict, or no map that could be used."""


@dataclass(frozen=True)
class Wanted:
    """What the command line asks for."""

    files: Sequence[Path] = ()
    redshift: str | None = None
    pixel_arcmin: float | None = None
    table: Path | None = None
    ymap: Path | None = None
    catalogue: Path | None = None
    prior: str = "training"


@dataclass(frozen=True)
class Answer:
    """Masses of all usable maps, and what was wrong with the others."""

    names: list[str]
    columns: Mapping[str, Any]
    problems: list[str]
    model_version: str
    made_with: str
    priors: Mapping[str, str]
    """What the masses rest on, by redshift bin."""

    def as_json(self) -> str:
        """For programs: one object, with a list of clusters in it."""
        rows = [
            {"name": name} | {key: _plain(self.columns[key][row]) for key in JSON_COLUMNS}
            for row, name in enumerate(self.names)
        ]
        facts = {"model_version": self.model_version, "made_with": self.made_with}
        content = {**facts, "prior": self.priors, "clusters": rows, "problems": self.problems}
        return json.dumps(content, indent=1)

    def as_text(self) -> str:
        """For people: a table, then what it rests on."""
        rows = [HEADER, *(self._row(number) for number in range(len(self.names)))]
        widths = [max(len(row[i]) for row in rows) for i in range(len(HEADER))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        lines += ["", f"model {self.model_version}: {self.made_with}"]
        lines += [f"prior of {name}: {words}" for name, words in self.priors.items()]
        return "\n".join(lines)

    def _row(self, number: int) -> tuple[str, ...]:
        def mass(suffix: str) -> str:
            return f"{self.columns[f'm500_msun{suffix}'][number] / 1e14:.2f}"

        return (
            self.names[number],
            f"{self.columns['redshift'][number]:.4g}",
            mass(""),
            f"{mass('_p16')} - {mass('_p84')}",
            f"{mass('_p2p5')} - {mass('_p97p5')}",
            self.columns["out_of_range_reason"][number] or "no",
        )


def predict(wanted: Wanted, params: Params) -> Answer:
    """Infers the masses that are asked for; a map that cannot be used does not stop the others.

    Raises:
        PredictionError: no map could be used; the message has the reasons.
        KnowledgeError, PredictorError: the models cannot be loaded.
        PriorError: the prior is none.
    """
    for variable, value in ENVIRONMENT.items():
        os.environ.setdefault(variable, value)
    import numpy as np

    from szmass.inference.cutouts import CutoutError, checked_cutout, checked_redshift
    from szmass.inference.knowledge import Knowledge, KnowledgeError

    folder = params.paths["cnn_posterior"]
    knowledge = Knowledge.read(folder)
    names, maps, redshifts, problems = [], [], [], []
    for label, load in requests(wanted, params):
        try:
            for name, found in load():
                try:
                    redshift = checked_redshift(found.redshift)
                    knowledge.bin_names(np.array([redshift]))
                    cutout = checked_cutout(found.image, found.pixel_arcmin, knowledge.grid)
                except (CutoutError, KnowledgeError) as error:
                    problems.append(_problem(label, f"{found.label}: {error}"))
                    continue
                names.append(name)
                maps.append(cutout)
                redshifts.append(redshift)
        except ValueError as error:
            problems.append(_problem(label, str(error)))
    if not maps:
        raise PredictionError("no map could be used:\n" + "\n".join(problems))

    from szmass.inference.predictor import Predictor
    from szmass.inference.prior import TRAINING, named_prior

    predictor = Predictor.load(params.paths["cnn_models"], folder)
    prior = named_prior(wanted.prior, predictor.axis_log10_msun)
    columns = predictor(np.array(maps), np.array(redshifts), prior)
    used = dict.fromkeys(columns["bin"])
    other = "" if wanted.prior == TRAINING else f"{wanted.prior}, within the masses of "
    return Answer(
        names,
        columns,
        problems,
        predictor.knowledge.model_version,
        predictor.knowledge.made_with,
        {name: other + predictor.prior_in_words(name) for name in used},
    )


Load = Callable[[], Iterator[tuple[str, Any]]]


def requests(wanted: Wanted, params: Params) -> Iterator[tuple[str, Load]]:
    """Each file that is asked for, and what reads its maps with their names.

    Raises:
        PredictionError: the options name no maps, or contradict each other.
    """
    from szmass.simulation.imports import cut_catalogue, read_table, read_user_maps
    from szmass.sky.grid import PixelGrid

    ways = [bool(wanted.files), wanted.table is not None, wanted.ymap is not None]
    if sum(ways) != 1 or (wanted.ymap is None) != (wanted.catalogue is None):
        raise PredictionError(
            "expected one of: FILE... --redshift Z, --table T.csv, --ymap M.fits --catalogue C.fits"
        )

    def load(path: Path, redshift: object, name: str) -> Iterator[tuple[str, Any]]:
        for found in read_user_maps(path):
            own = found.redshift if redshift is None else redshift
            size = found.pixel_arcmin or wanted.pixel_arcmin
            yield name or found.label, replace(found, redshift=own, pixel_arcmin=size)

    if wanted.ymap is not None and wanted.catalogue is not None:
        ymap, catalogue, nside = wanted.ymap, wanted.catalogue, params.planck_sky.nside
        grid = PixelGrid(params.compton.pixels, params.compton.pixel_arcmin)
        yield str(ymap), lambda: cut_catalogue(ymap, catalogue, nside=nside, grid=grid)
    elif wanted.table is not None:
        for row in read_table(wanted.table):
            yield row.label, lambda row=row: load(row.file, row.redshift, row.name)  # type: ignore[misc]
    for path in wanted.files:
        yield str(path), lambda path=path: load(path, wanted.redshift, "")  # type: ignore[misc]


def _problem(label: str, message: str) -> str:
    """What is wrong, with the place that the user named in front."""
    return message if message.startswith(label) else f"{label}: {message}"


def _plain(value: Any) -> Any:
    """A value of a column as JSON has it."""
    return value.item() if hasattr(value, "item") else value
