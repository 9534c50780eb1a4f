"""Masses of a user's 150 GHz maps by the mResUNet, for `szmass predict --models mresunet`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from szmass.predict.command import (
    Accepted,
    PredictionError,
    Wanted,
    in_columns,
    plain,
    require_any,
    usable_maps,
)
from szmass.quiet import quiet_start

if TYPE_CHECKING:  # pydantic takes a third of a second
    from szmass.params import Params

MRESUNET = "mresunet"
FARTHEST, REDSHIFT_REACH = 2.0, 0.05
"""Largest redshift that a map may have, and how far it may be from that of the training."""
HEADER = ("cluster", "z", "M200 [1e14]", "SZ at the centre [uK]", "out of range")


def is_mresunet(models: str | None) -> bool:
    """Whether `--models` names the mResUNet: this clone's, or one of MLflow's registry."""
    return str(models).partition("@")[0].partition("/")[0] == MRESUNET


@dataclass(frozen=True)
class MresunetAnswer:
    """Masses of all usable maps, and what was wrong with the others."""

    names: list[str]
    columns: Mapping[str, Any]
    """`redshift`, `m200c_msun`, `sz_uk` (of the profile, mean of the four middle pixels) and
    `out_of_range_reason`, `(n,)` each."""
    problems: list[str]
    models: str
    """Where the network is from."""
    trained_for: str
    """The clusters of its training, in words."""
    notes: Sequence[str]
    warnings: Sequence[str]
    read: Sequence[str]

    def as_json(self) -> str:
        """For programs: one object, with a list of clusters in it."""
        rows = [
            {"name": name} | {key: plain(values[row]) for key, values in self.columns.items()}
            for row, name in enumerate(self.names)
        ]
        content = {"models": self.models, "trained_for": self.trained_for, "clusters": rows}
        content |= {"problems": self.problems, "notes": list(self.notes)}
        return json.dumps(content | {"warnings": list(self.warnings)}, indent=1)

    def masses_as_text(self) -> str:
        """For people: the masses alone, in a table."""
        rows = [
            (
                name,
                f"{self.columns['redshift'][row]:.4g}",
                f"{self.columns['m200c_msun'][row] / 1e14:.2f}",
                f"{self.columns['sz_uk'][row]:.1f}",
                self.columns["out_of_range_reason"][row] or "no",
            )
            for row, name in enumerate(self.names)
        ]
        return "\n".join(in_columns([HEADER, *rows]))

    def as_text(self) -> str:
        """For people: a table, then what it rests on."""
        lines = [
            self.masses_as_text(),
            "",
            f"models: {self.models}, trained for {self.trained_for}",
            "no interval: the network gives a mass alone, and does not know the redshift; a survey",
            "that you train knows both (szmass survey train spt_like)",
        ]
        return "\n".join(lines + [f"taken from {note}" for note in self.notes])


def predict_by_mresunet(wanted: Wanted, params: Params) -> MresunetAnswer:
    """Masses and SZ signals by the network; a map that cannot be used does not stop the others.

    Raises:
        PredictionError: no map could be used; the message has the reasons.
        HashError, ModelError: the network cannot be loaded.
        RegistryError, TrackingError: it is not in MLflow's registry.
    """
    import numpy as np

    from szmass.sky.grid import PixelGrid, centre_mean

    if wanted.gas is not None or wanted.prior is not None:
        raise PredictionError("--gas and --prior are for weighing: leave out --models")
    seen = params.microwave
    accepted = Accepted(seen.beam_fwhm_arcmin, FARTHEST, "temperature_uk", ("150",))
    maps = usable_maps(wanted, PixelGrid.of(seen), None, accepted)
    require_any(maps)
    with _folder(str(wanted.models), params) as (folder, where):
        with quiet_start():
            from szmass.microwave.network.estimator import MresunetEstimator

        m200c_msun, sz_uk = MresunetEstimator.load(folder)(np.array(maps.cutouts))
    redshift = np.array(maps.redshifts)
    ends = (
        min(params.microwave_sets.training_masses_1e14),
        max(params.microwave_sets.training_masses_1e14),
    )
    reasons = [
        _reason(z, mass / 1e14, seen.redshift, ends)
        for z, mass in zip(redshift, m200c_msun, strict=True)
    ]
    return MresunetAnswer(
        maps.names,
        {
            "redshift": redshift,
            "m200c_msun": m200c_msun,
            "sz_uk": centre_mean(sz_uk),
            "out_of_range_reason": np.array(reasons, dtype=object),
        },
        maps.problems,
        where,
        f"M200c of {ends[0]:g} to {ends[1]:g}e14 Msun at z = {seen.redshift:g}, "
        f"{seen.frequency_ghz:g} GHz, a beam of {seen.beam_fwhm_arcmin:g}' and "
        f"{seen.noise_uk_arcmin:g} uK arcmin",
        maps.notes_in_words(),
        maps.warnings,
        maps.read,
    )


def _reason(z: float, mass_1e14: float, trained_at: float, ends: tuple[float, float]) -> str:
    """Why a mass should not be trusted; empty where it may be."""
    reasons = []
    if abs(z - trained_at) > REDSHIFT_REACH:
        reasons.append(f"trained at z = {trained_at:g} alone")
    if not ends[0] <= mass_1e14 <= ends[1]:
        reasons.append(f"trained on {ends[0]:g} to {ends[1]:g}e14 Msun")
    return "; ".join(reasons)


@contextmanager
def _folder(name: str, params: Params) -> Iterator[tuple[Path, str]]:
    """The folder of the network that is named, and where it is from."""
    if name == MRESUNET:
        folder = params.paths["mresunet_model"]
        yield folder, f"trained here, {folder}"
        return
    from szmass.tracking import registered_mresunet

    with TemporaryDirectory() as temporary:
        yield registered_mresunet(name, Path(temporary)), f"{name} of MLflow's registry"
