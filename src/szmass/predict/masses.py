"""Masses by weighing, as columns and a table, as JSON, and as text for people."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from szmass.errors import MissingExtraError
from szmass.files import replacing_file, write_text
from szmass.predict.command import WEIGHING, PredictionError, in_columns, plain
from szmass.sky.scaling import ScalingRelation
from szmass.weighing.mixture import Inputs
from szmass.weighing.priors import MassPrior
from szmass.weighing.weigher import FLAT, Weigher

if TYPE_CHECKING:
    from astropy.table import Table

HEADER = ("cluster", "z", "M500 [1e14 Msun]", "95 % (stat.)", "S/N", "flags")
MASS_COLUMN, MASS_UNIT = "m500_msun", "solMass"
TABLES = {".fits": "fits", ".ecsv": "ascii.ecsv", ".csv": "ascii.csv"}
"""Formats of tables, as astropy names them, by a file's ending."""
JSON = ".json"


def require_ending(path: Path, endings: Iterable[str] = (*TABLES, JSON)) -> None:
    """Requires a name that a table can be written under.

    Raises:
        PredictionError: it ends in none of the endings.
    """
    if path.suffix.lower() not in endings:
        raise PredictionError(f"{path}: expected a name that ends in {', '.join(endings)}")


@dataclass(frozen=True)
class Evidence:
    """The maps, filter amplitudes, prior and gas model that masses were computed from."""

    weigher: Weigher
    cutouts: np.ndarray
    """Compton y, `(n, pixels, pixels)`."""
    inputs: Inputs
    prior: str | MassPrior
    gas: str


@dataclass(frozen=True)
class Masses:
    """Masses M500c in Msun of `n` clusters, `(n,)` each: medians and percentiles.

    Those with `total` also contain the uncertainty of the gas, which is common to all clusters.
    """

    name: np.ndarray
    redshift: np.ndarray
    m500_msun: np.ndarray
    m500_msun_p2p5: np.ndarray
    m500_msun_p16: np.ndarray
    m500_msun_p84: np.ndarray
    m500_msun_p97p5: np.ndarray
    m500_msun_total: np.ndarray
    m500_msun_total_p2p5: np.ndarray
    m500_msun_total_p16: np.ndarray
    m500_msun_total_p84: np.ndarray
    m500_msun_total_p97p5: np.ndarray
    signal_to_noise: np.ndarray
    chi2: np.ndarray
    """Reduced chi^2 of the filter amplitudes after the best-fitting template, `(n,)`."""
    flags: np.ndarray
    """Warnings about each map, such as a low signal-to-noise ratio; "" without any."""
    prior: str
    gas: str
    model_version: str
    evidence: Evidence = field(repr=False, compare=False)
    by_gas: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)
    """`m500_msun` and its percentiles for each model of the gas; empty unless asked for."""
    ra_deg: np.ndarray | None = None
    """Right ascension (ICRS) of the clusters of a catalogue, `(n,)`; None for other maps."""
    dec_deg: np.ndarray | None = None
    """Declination of the same."""

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """The arrays by name."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}

    @property
    def table(self) -> Table:
        """A row a cluster, with units; prior, gas and version are in its `meta`.

        Masses for each model of the gas are columns such as `m500_msun_magneticum_p16`.
        """
        from astropy.table import Table

        columns = self.columns | {
            name.replace(MASS_COLUMN, f"{MASS_COLUMN}_{gas}"): values
            for gas, masses in self.by_gas.items()
            for name, values in masses.items()
        }
        units = {name: MASS_UNIT for name in columns if name.startswith(MASS_COLUMN)}
        units |= {name: "deg" for name in columns if name.endswith("_deg")}
        meta = {"prior": self.prior, "gas": self.gas, "model_version": self.model_version}
        return Table(columns, units=units, meta=meta)

    def samples(self, count: int, *, total: bool = False, seed: int = 0) -> np.ndarray:
        """Draws from the posteriors, in Msun, `(n, count)`.

        Args:
            count: of each cluster.
            total: with the uncertainty of the gas. That is common to all clusters, and these draws
                are of each cluster by itself: averages over clusters come out too sure.
            seed: of the draws.
        """
        rng, evidence = np.random.default_rng(seed), self.evidence
        drawn = np.empty((len(self.name), count))
        parts = evidence.weigher.in_parts(
            evidence.inputs, prior=evidence.prior, gas=evidence.gas, total=total
        )
        for rows, of_one, with_gas in parts:
            posteriors = with_gas or of_one
            drawn[rows] = [
                np.interp(rng.random(count), below, posteriors.axis_log10_msun)
                for below in posteriors.cumulative()
            ]
        return 10.0**drawn

    def write(self, path: str | Path) -> Path:
        """Writes `table`, with units where the format has them; replaces what was there.

        Args:
            path: ends in `.fits`, `.ecsv` or `.csv`, which is the format; JSON is for
                `szmass predict --out`.

        Raises:
            PredictionError: it ends otherwise.
        """
        path = Path(path)
        require_ending(path, TABLES)
        table, ending = self.table, path.suffix.lower()
        if TABLES[ending] == "fits":  # its keywords have eight letters
            table.meta["version"] = table.meta.pop("model_version")
        with replacing_file(path) as unfinished:
            table.write(unfinished, format=TABLES[ending], overwrite=True)
        return path

    def plot(self, path: str | Path, row: int = 0) -> Path:
        """Draws a cluster: map, model and residual; radial profile; posteriors and likelihood.

        Args:
            path: of the picture, `.png` or `.pdf`; replaced.
            row: of the cluster.

        Raises:
            MissingExtraError: matplotlib or colossus is missing.
            SzmassError: the name ends otherwise, or there is no such row.
        """
        try:
            from szmass.predict.picture import Model, Subject, write_picture
            from szmass.sky.cosmology import Cosmology
        except ModuleNotFoundError as error:
            raise MissingExtraError("a picture", str(error.name)) from error
        if not 0 <= row < len(self.name):
            raise PredictionError(f"row {row}: expected one of 0 to {len(self.name) - 1}")
        evidence = self.evidence
        weigher, inputs = evidence.weigher, evidence.inputs.at(slice(row, row + 1))
        ((_, of_one, with_gas),) = weigher.in_parts(inputs, prior=evidence.prior, gas=self.gas)
        ((_, flat, _),) = weigher.in_parts(inputs, prior=FLAT, gas=self.gas, total=False)
        facts = weigher.record.facts
        relation = facts.gas_models[evidence.gas]
        model = Model(
            facts.grid,
            facts.beam_fwhm_arcmin,
            Cosmology(facts.cosmology, facts.concentration_model),
            ScalingRelation(relation["alpha"], relation["log10_b"]),
        )
        subject = Subject(
            name=str(self.name[row]),
            redshift=float(self.redshift[row]),
            m500_msun=float(self.m500_msun[row]),
            cutout=evidence.cutouts[row],
            level=float(evidence.inputs.level[row]),
            densities={
                f"posterior, gas of {self.gas}": of_one,
                "posterior, with the gas's uncertainty": with_gas or of_one,
                "without the prior": flat,
            },
        )
        write_picture(Path(path), subject, model)
        return Path(path)

    def plot_all(self, path: Path, *, progress: bool = False) -> list[Path]:
        """Draws every cluster.

        Args:
            path: of the picture, where there is one cluster and it ends as one; else a folder,
                where a picture is called by its row and its cluster's name.
            progress: whether a terminal is shown how far it is.
        """
        from tqdm import tqdm

        if len(self.name) == 1 and path.suffix:
            return [self.plot(path)]
        if path.suffix:
            raise PredictionError(
                f"{path}: a picture for one cluster, of {len(self.name)}: expected a folder"
            )
        path.mkdir(parents=True, exist_ok=True)
        digits = len(str(len(self.name) - 1))
        names = [re.sub(r"[^\w.+-]+", "_", str(name)).strip("_") for name in self.name]
        paths = [path / f"{row:0{digits}d}_{name}.png" for row, name in enumerate(names)]
        hidden = None if progress else True  # None: where stderr is no terminal
        bar = tqdm(paths, desc="drawing", unit=" maps", leave=False, disable=hidden)
        return [self.plot(one, row) for row, one in enumerate(bar)]

    @property
    def common_dex(self) -> np.ndarray:
        """The part of each cluster's 68 % interval that comes from the gas alone, `(n,)`.

        sqrt(t^2 - s^2) of the half-widths of the total and the statistical interval in log10 M.
        """
        total, of_one = (
            np.log10(self.columns[f"{name}_p84"] / self.columns[f"{name}_p16"]) / 2.0
            for name in ("m500_msun_total", "m500_msun")
        )
        return np.sqrt(np.maximum(total**2 - of_one**2, 0.0))

    @property
    def shift_dex(self) -> np.ndarray:
        """log10 of the median with the gas's uncertainty over that for one gas, `(n,)`."""
        return np.log10(self.m500_msun_total / self.m500_msun)


@dataclass(frozen=True)
class Weighed:
    """Masses of all usable maps of a user, and what was wrong with the others."""

    masses: Masses
    problems: list[str]
    notes: Sequence[str]
    survey: str
    made_with: str
    prior: str
    """In words."""
    record: str
    """Where it is from, in words."""
    warnings: Sequence[str] = ()
    """Sentences: redshifts that contradict a file's, columns of a table that are not used."""
    read: Sequence[str] = ()
    """What was read of each map, in words."""

    def write(self, path: Path) -> None:
        """Writes all of it as JSON, or the masses as `Masses.write`, by the name's ending."""
        if path.suffix.lower() == JSON:
            write_text(path, self.as_json() + "\n")
        else:
            self.masses.write(path)

    def as_json(self) -> str:
        """For programs: one object, with a list of clusters in it."""
        common_dex, flags = self.masses.common_dex, self.masses.flags
        columns = self.masses.columns | {
            "systematic_dex": common_dex,
            "out_of_range": flags != "",
            "out_of_range_reason": flags,
        }
        rows = [
            {key: plain(values[row]) for key, values in columns.items()} | self._by_gas(row)
            for row in range(len(self.masses.name))
        ]
        content = {
            "models": WEIGHING,
            "record": self.record,
            "scale": None,
            "model_version": self.masses.model_version,
            "made_with": self.made_with,
            "prior": {"all": self.prior},
            "gas": self.masses.gas,
            "common_dex": float(np.median(common_dex)),
            "clusters": rows,
            "problems": self.problems,
            "notes": list(self.notes),
            "warnings": list(self.warnings),
        }
        return json.dumps(content, indent=1)

    def masses_as_text(self) -> str:
        """For people: the masses alone, in a table, and in one for each model of the gas."""
        rows = [self._row(row) for row in range(len(self.masses.name))]
        return "\n".join([*in_columns([HEADER, *rows]), *self._table_by_gas()])

    def as_text(self) -> str:
        """For people: a table, then what it rests on."""
        masses = self.masses
        common_dex, shift_dex = np.median(masses.common_dex), np.median(masses.shift_dex)
        side = "above" if shift_dex > 0 else "below"
        excess = f"its excess, {common_dex:.3f} dex or {_percent(common_dex)}"
        version = f"version {masses.model_version}, {self.made_with}"
        lines = [
            self.masses_as_text(),
            "",
            f"stat.: noise and scatter for one cluster, with the gas of {masses.gas}",
            "with the gas: also the uncertainty of the relation of Y and M",
            f"  {excess}, is common to all clusters: it does not average out",
            f"  the median with the gas is {_percent(abs(shift_dex))} {side} the mass shown",
            f"prior: {self.prior}",
            f"model: weighing, {self.record}, trained for maps of {self.survey}, {version}",
        ]
        lines += [f"taken from {note}" for note in self.notes]
        return "\n".join(lines)

    def _by_gas(self, row: int) -> dict[str, dict[str, dict[str, float]]]:
        if not self.masses.by_gas:
            return {}
        return {
            "by_gas": {
                gas: {key: plain(values[row]) for key, values in columns.items()}
                for gas, columns in self.masses.by_gas.items()
            }
        }

    def _table_by_gas(self) -> list[str]:
        """The lines of a table of masses with a column for each model of the gas."""
        models = self.masses.by_gas
        if not models:
            return []
        rows = [
            (name, *(_with_ends(columns, row) for columns in models.values()))
            for row, name in enumerate(self.masses.name)
        ]
        title = "M500 [1e14 Msun] for each model of the gas, with its statistical 68 % interval"
        return ["", title, *in_columns([("cluster", *models), *rows])]

    def _row(self, row: int) -> tuple[str, ...]:
        columns = self.masses.columns
        mass = {name: values[row] for name, values in columns.items()}
        low, high = (f"{mass[f'm500_msun_{end}'] / 1e14:.2f}" for end in ("p2p5", "p97p5"))
        with_gas = f"{_ends(columns, row, 'm500_msun_total')} (with the gas)"
        return (
            str(self.masses.name[row]),
            f"{mass['redshift']:.4g}",
            f"{_with_ends(columns, row)} (stat.) {with_gas}",
            f"{low} - {high}",
            f"{mass['signal_to_noise']:.1f}",
            mass["flags"] or "no",
        )


def _percent(dex: float) -> str:
    return f"{100.0 * (10.0**dex - 1.0):.0f} %"


def _ends(columns: Mapping[str, np.ndarray], row: int, name: str = MASS_COLUMN) -> str:
    """The ends of an interval of 68 %, from the median mass, in 1e14 Msun."""
    middle = columns[MASS_COLUMN][row]
    ends = (columns[f"{name}_{end}"][row] for end in ("p16", "p84"))
    return " ".join(f"{(end - middle) / 1e14:+.2f}" for end in ends)


def _with_ends(columns: Mapping[str, np.ndarray], row: int) -> str:
    """A mass in 1e14 Msun, and the ends of its interval of 68 %."""
    return f"{columns[MASS_COLUMN][row] / 1e14:.2f} {_ends(columns, row)}"
