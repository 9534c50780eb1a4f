"""Masses of a user's maps by the CNNs of the paper, for `szmass predict --models`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from szmass.errors import did_you_mean
from szmass.predict.command import (
    RECORD_ENDING,
    WEIGHING,
    PredictionError,
    Wanted,
    in_columns,
    plain,
    require_any,
    usable_maps,
)
from szmass.predict.released import RELEASED, unpacked
from szmass.quiet import quiet_start

if TYPE_CHECKING:  # pydantic takes a third of a second
    from szmass.params import Params

CNN, OWN, RELEASE = "cnn", "own", "released"
POSSIBLE_MODELS = (
    f"{WEIGHING} (the default), a record of weighing FILE{RECORD_ENDING}, {CNN}, {OWN}, {RELEASE}, "
    "a folder that `szmass release` wrote, or NAME@ALIAS or NAME/VERSION of MLflow's registry"
)
TRAINING_PRIOR = "training"
HEADER = ("cluster", "z", "M500 [1e14]", "68 %", "95 %", "out of range")
JSON_COLUMNS = (
    "redshift", "bin", "m500_msun", "m500_msun_p2p5", "m500_msun_p16", "m500_msun_p84",
    "m500_msun_p97p5", "log10_m500", "out_of_range", "out_of_range_reason",
)  # fmt: skip


@dataclass(frozen=True)
class Models:
    """What a `Predictor` loads, and where it is from."""

    kind: str
    """`OWN`, `RELEASE`, a folder, or a name in MLflow's registry."""
    ensembles: Path
    record: Path
    """Folder of the `CnnRecord`."""
    scale: str | None
    """That they were trained at, where they were released."""
    nside: int
    """Nside of the full-sky maps that they were trained for."""

    def in_words(self) -> str:
        """For people."""
        if self.kind == OWN:
            return f"trained here, {self.ensembles}"
        if self.scale is None:
            return f"{self.kind} of MLflow's registry"
        where = "released with szmass" if self.kind == RELEASE else self.kind
        return f"{where}, trained at scale {self.scale}"


@dataclass(frozen=True)
class Answer:
    """Masses of all usable maps, and what was wrong with the others."""

    names: list[str]
    columns: Mapping[str, Any]
    problems: list[str]
    models: Models
    model_version: str
    made_with: str
    priors: Mapping[str, str]
    """The prior in words, by redshift bin."""
    notes: Sequence[str] = ()
    """What the files state of their maps and was used: pixel size, unit, redshift."""
    warnings: Sequence[str] = ()
    """Sentences: redshifts that contradict a file's, columns of a table that are not used."""
    read: Sequence[str] = ()
    """What was read of each map, in words."""

    def as_json(self) -> str:
        """For programs: one object, with a list of clusters in it."""
        rows = [
            {"name": name} | {key: plain(self.columns[key][row]) for key in JSON_COLUMNS}
            for row, name in enumerate(self.names)
        ]
        facts = {"models": self.models.kind, "scale": self.models.scale}
        facts |= {"model_version": self.model_version, "made_with": self.made_with}
        content = {**facts, "prior": self.priors, "clusters": rows, "problems": self.problems}
        content |= {"notes": list(self.notes), "warnings": list(self.warnings)}
        return json.dumps(content, indent=1)

    def masses_as_text(self) -> str:
        """For people: the masses alone, in a table."""
        rows = [self._row(number) for number in range(len(self.names))]
        return "\n".join(in_columns([HEADER, *rows]))

    def as_text(self) -> str:
        """For people: a table, then what it rests on."""
        lines = [
            self.masses_as_text(),
            "",
            "intervals: of the paper's posterior, which knows the redshift bin alone;",
        ]
        lines += ["they do not include the uncertainty of the gas"]
        lines += [f"models: {self.models.in_words()}"]
        lines += [f"version {self.model_version}: {self.made_with}"]
        lines += [f"prior of {name}: {words}" for name, words in self.priors.items()]
        lines += [f"taken from {note}" for note in self.notes]
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
    """Infers masses with CNNs; a map that cannot be used does not stop the others.

    Raises:
        PredictionError: no map could be used; the message has the reasons.
        CnnRecordError, PredictorError, ReleaseError: the models cannot be loaded.
    """
    _require_no_option_of_weighing(wanted)
    with chosen_models(wanted.models, params) as models:
        return _predict(wanted, models)


@contextmanager
def chosen_models(kind: str | None, params: Params) -> Iterator[Models]:
    """CNNs of this pipeline, those that travel with it, or registered ones.

    Args:
        kind: `OWN`, `RELEASE`, `CNN` for one's own where the pipeline has made all of them and
            the released ones elsewhere, a folder with released ones, or the name of a model in
            MLflow's registry with its alias or version.
        params: where one's own are, and what they were made for.

    Raises:
        PredictionError: there are no such models.
        ReleaseError: released ones are asked for, and cannot be used.
        RegistryError, TrackingError: registered ones are, and cannot be had.
    """
    require_possible(kind)
    record = params.paths["cnn_posterior"]
    if kind == CNN:
        kind = OWN if record.is_dir() else RELEASE
    if kind == OWN:
        nside = params.planck_sky.nside
        yield Models(OWN, params.paths["cnn_models"], record, None, nside)
    elif kind == RELEASE or Path(str(kind)).is_dir():
        with unpacked(RELEASED if kind == RELEASE else Path(str(kind))) as found:
            yield Models(str(kind), found.ensembles, found.record, found.scale, found.nside)
    else:
        from szmass.tracking import registered_ensemble

        with TemporaryDirectory() as folder:
            ensembles, record = registered_ensemble(str(kind), Path(folder))
            yield Models(str(kind), ensembles, record, None, params.planck_sky.nside)


def require_possible(kind: str | None) -> None:
    """Requires a name that models can have.

    Raises:
        PredictionError: it is none.
    """
    names = [WEIGHING, CNN, OWN, RELEASE]
    name = str(kind)
    if name not in names and not Path(name).is_dir() and not set("@/") & set(name):
        hint = did_you_mean(name, names)
        raise PredictionError(f"models {name!r}: expected {POSSIBLE_MODELS}{hint}")


def _predict(wanted: Wanted, models: Models) -> Answer:
    import numpy as np

    from szmass.compton.masses.record import CnnRecord

    record = CnnRecord.read(models.record)
    maps = usable_maps(
        wanted,
        record.grid,
        models.nside,
        require_redshift=lambda redshift: record.bin_names(np.array([redshift])),
    )
    require_any(maps)

    with quiet_start():
        from szmass.compton.masses.predictor import Predictor

    predictor = Predictor.load(models.ensembles, models.record)
    columns = predictor(np.array(maps.cutouts), np.array(maps.redshifts))
    return Answer(
        maps.names,
        columns,
        maps.problems,
        models,
        record.model_version,
        record.made_with,
        {name: predictor.prior_in_words(name) for name in dict.fromkeys(columns["bin"])},
        maps.notes_in_words(),
        maps.warnings,
        maps.read,
    )


def _require_no_option_of_weighing(wanted: Wanted) -> None:
    if wanted.by_weighing:
        raise PredictionError(f"models {WEIGHING}: use `szmass.predict.weighing`")
    if wanted.gas is not None:
        raise PredictionError(f"--gas {wanted.gas} is for weighing: leave out --models")
    if wanted.prior not in {None, TRAINING_PRIOR}:
        raise PredictionError(
            f"--prior {wanted.prior} is for weighing: leave out --models; the prior of the CNNs' "
            "posterior is the masses of their training"
        )
