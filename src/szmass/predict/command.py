"""`szmass predict`: masses of the clusters in a user's own maps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from szmass.errors import SzmassError

if TYPE_CHECKING:  # pydantic takes a third of a second, numpy and scipy as much
    import numpy as np

    from szmass.predict.files.user_maps import UserMap
    from szmass.sky.grid import PixelGrid

WEIGHING = "weighing"
RECORD_ENDING = ".npz"
COMMAND_LINE = "--redshift"
SHOWN_AFTER_S = 1.0
"""From when on a terminal is shown how far a command is."""


class PredictionError(SzmassError):
    """There is nothing to predict, or no map that could be used."""


class NoUsableMapError(SzmassError):
    """No map could be used.

    Args:
        maps: what was read of them, and the reasons.
    """

    def __init__(self, maps: UsableMaps) -> None:
        super().__init__("no map could be used:\n" + "\n".join(maps.problems))
        self.maps = maps


@dataclass(frozen=True)
class Wanted:
    """The options of one `szmass predict`: which maps, and how their masses are to be found."""

    files: Sequence[Path] = ()
    redshift: str | None = None
    pixel_arcmin: float | None = None
    table: Path | None = None
    ymap: Path | None = None
    bands: Mapping[str, Path] = field(default_factory=dict)
    """Maps of the sky by band, in the place of `ymap`, for surveys with several."""
    catalogue: Path | None = None
    prior: str | None = None
    """Without, the one that the models have of their own; the CNNs have no other."""
    gas: str | None = None
    """Model of the gas, for weighing alone."""
    hdu: str | None = None
    """Number or name of the part of a FITS file that has the map."""
    centre: str | None = None
    """Where the cluster is in each map, as `Centre.of` takes it."""
    fill_nan: bool = False
    """Whether pixels without data, far from the cluster, are filled with noise."""
    progress: bool = False
    """Whether a terminal is shown how far the reading of many maps is."""
    survey: str | None = None
    """Name of a trained survey of the working folder; without, Planck's y-map."""
    models: str | None = None
    """`WEIGHING` or without: the record that szmass comes with; a record's file; or one of
    `szmass.predict.cnn.chosen_models`."""

    @property
    def by_weighing(self) -> bool:
        """Whether a record of weighing is asked for, not CNNs."""
        name = str(self.models)
        is_record = name.endswith(RECORD_ENDING) or Path(name).is_file()
        return self.models in {None, WEIGHING} or is_record or self.survey is not None


@dataclass(frozen=True)
class Accepted:
    """Which maps and redshifts an estimator takes, beside its grid."""

    beam_fwhm_arcmin: float = 10.0
    """Full width at half maximum of the maps' beam; the default is that of Planck's y-map."""
    farthest: float = 1.0
    """Largest redshift."""
    signal: str = "compton_y"
    """Quantity of the maps: `compton_y`, or `temperature_uk`."""
    bands: Sequence[str] = ("y",)
    """Names of the images of a map, in their order."""


OF_PLANCK = Accepted()


@dataclass
class UsableMaps:
    """The maps that can be weighed, and what was wrong with the others."""

    names: list[str] = field(default_factory=list)
    cutouts: list[Any] = field(default_factory=list)
    redshifts: list[float] = field(default_factory=list)
    positions_deg: list[tuple[float, float] | None] = field(default_factory=list)
    """Right ascension and declination (ICRS) of each, where a catalogue says them."""
    problems: list[str] = field(default_factory=list)
    notes: dict[str, list[str]] = field(default_factory=dict)
    """Names of the maps by what was taken from their files."""
    warnings: list[str] = field(default_factory=list)
    """Sentences: redshifts that contradict a file's, columns of a table that are not used."""
    read: list[str] = field(default_factory=list)
    """What was read of each map, in words."""

    def notes_in_words(self) -> list[str]:
        """What was taken from the files, a line each."""
        return [_note(names, note) for note, names in self.notes.items()]


def usable_maps(
    wanted: Wanted,
    grid: Any,
    nside: int | None,
    accepted: Accepted = OF_PLANCK,
    require_redshift: Callable[[float], object] = lambda redshift: redshift,
) -> UsableMaps:
    """Reads the maps that are asked for; one that cannot be used becomes a problem of its own.

    Args:
        wanted: names them.
        grid: `PixelGrid` that the maps are wanted on.
        nside: that a full-sky map must have; without, any that is fine enough.
        accepted: what else is required of them.
        require_redshift: raises a `SzmassError` where the estimator cannot take a redshift.

    Raises:
        PredictionError, UserFileError: the options contradict each other, or a table cannot be
            read.
    """
    maps = UsableMaps()
    with _bar(wanted) as bar:
        for label, load in requests(wanted, grid, nside, maps.warnings, accepted):
            try:
                for name, found in load():
                    maps.read += [] if found.problem else [found.in_words()]
                    maps.warnings += [f"{found.label}: {line}" for line in found.warnings]
                    try:
                        cutout, redshift, notes = usable_map(
                            found, grid, accepted, fill_nan=wanted.fill_nan
                        )
                        require_redshift(redshift)
                    except SzmassError as error:
                        maps.problems.append(_problem(label, f"{found.label}: {error}"))
                        continue
                    finally:
                        bar.update()
                    for note in notes:
                        maps.notes.setdefault(note, []).append(name)
                    maps.names.append(name)
                    maps.cutouts.append(cutout)
                    maps.redshifts.append(redshift)
                    maps.positions_deg.append(found.position_deg)
            except SzmassError as error:
                maps.problems.append(_problem(label, str(error)))
    return maps


def _bar(wanted: Wanted) -> Any:
    """How many maps were read, for a terminal that waits more than a second."""
    from tqdm import tqdm

    hidden = None if wanted.progress else True  # None: where stderr is no terminal
    return tqdm(desc="reading maps", unit=" maps", delay=SHOWN_AFTER_S, leave=False, disable=hidden)


def require_any(maps: UsableMaps) -> None:
    """Requires a map that can be weighed.

    Raises:
        NoUsableMapError: there is none; the message has the reasons.
    """
    if not maps.names:
        raise NoUsableMapError(maps)


def usable_map(
    found: UserMap, grid: PixelGrid, accepted: Accepted = OF_PLANCK, *, fill_nan: bool
) -> tuple[np.ndarray, float, tuple[str, ...]]:
    """A map on a grid, its redshift, and what was taken from its file or done to it.

    A map of several bands is `(bands, pixels, pixels)`.

    Args:
        found: the map as it was read.
        grid: of the cutout.
        accepted: what else is required of it.
        fill_nan: whether pixels without data, far from the cluster, are filled with noise.

    Raises:
        CutoutError: they cannot be used.
    """
    from szmass.predict.cutouts import (
        CutoutError,
        checked_cutout,
        checked_redshift,
        window_around,
    )
    from szmass.predict.files.map_units import SIGNALS

    beam = accepted.beam_fwhm_arcmin
    if found.problem:
        raise CutoutError(found.problem)
    redshift = checked_redshift(found.redshift, farthest=accepted.farthest)
    image, centre, notes = found.image, found.centre, found.notes
    if centre is not None:
        image, centre = window_around(
            image, found.pixel_arcmin, grid, centre, beam_fwhm_arcmin=beam
        )
    if fill_nan and image.ndim == 2:
        from szmass.predict.filling import with_noise

        image, words = with_noise(image, found.pixel_arcmin or grid.pixel_arcmin, centre)
        notes += (words,) if words else ()
    check = partial(checked_cutout, beam_fwhm_arcmin=beam, signal=SIGNALS[accepted.signal])
    if len(accepted.bands) == 1:
        return check(image, found.pixel_arcmin, grid, centre), redshift, notes
    if image.ndim != 3 or len(image) != len(accepted.bands):
        names = " ".join(f"--map {band}=FILE" for band in accepted.bands)
        raise CutoutError(f"map of shape {image.shape}: expected {names}, and --catalogue")
    cutouts = []
    for name, of_band in zip(accepted.bands, image, strict=True):
        try:
            cutouts.append(check(of_band, found.pixel_arcmin, grid, centre))
        except CutoutError as error:
            raise CutoutError(f"band {name}: {error}") from error
    return np.array(cutouts), redshift, notes


Load = Callable[[], Iterator[tuple[str, "UserMap"]]]


def requests(
    wanted: Wanted,
    grid: Any,
    nside: int | None,
    warnings: list[str],
    accepted: Accepted = OF_PLANCK,
) -> Iterator[tuple[str, Load]]:
    """Each file that is asked for, and what reads its maps with their names.

    Args:
        wanted: has them.
        grid: `PixelGrid` of the cutouts of a full-sky map.
        nside: that such a map must have; without, any that is fine enough.
        warnings: gets what is not used of a table.
        accepted: what else is required of the maps.

    Raises:
        PredictionError: the options name no maps, or contradict each other.
    """
    from szmass.predict.catalogues import cut_catalogue
    from szmass.predict.files.centres import Centre
    from szmass.predict.files.map_tables import read_table
    from szmass.predict.files.map_units import SIGNALS
    from szmass.predict.files.user_maps import read_user_maps

    _require_one_way(wanted)
    signal = SIGNALS[accepted.signal]
    centre = None if wanted.centre is None else Centre.of(wanted.centre)

    def load(
        path: Path, redshift: str | None, where: str, name: str = "", problem: str = ""
    ) -> Iterator[tuple[str, UserMap]]:
        if problem:
            raise PredictionError(problem)
        for found in read_user_maps(path, hdu=wanted.hdu, centre=centre, signal=signal):
            row_of_file = found.label.removeprefix(str(path))
            yield (
                name + row_of_file if name else found.label,
                found.with_redshift(redshift, where).with_pixels(wanted.pixel_arcmin),
            )

    skies = _skies(wanted, accepted.bands)
    if skies and wanted.catalogue is not None:
        cut = partial(
            cut_catalogue, skies, wanted.catalogue, nside=nside, grid=grid, hdu=wanted.hdu
        )
        yield "", partial(cut, beam_fwhm_arcmin=accepted.beam_fwhm_arcmin, signal=signal)
    elif wanted.table is not None:
        table = read_table(wanted.table)
        warnings += table.warnings
        for row in table.rows:
            where = f"column redshift of {wanted.table}"
            yield row.label, partial(load, row.file, row.redshift, where, row.name, row.problem)
    for path, problem in _files_of(wanted.files):
        yield str(path), partial(load, path, wanted.redshift, COMMAND_LINE, problem=problem)


def _skies(wanted: Wanted, bands: Sequence[str]) -> list[Path]:
    """The maps of the sky, in the order of a survey's bands; none where cutouts are asked for.

    Raises:
        PredictionError: there is not one for each band.
    """
    if wanted.ymap is None and not wanted.bands:
        return []
    if wanted.ymap is not None and len(bands) == 1 and not wanted.bands:
        return [wanted.ymap]
    if set(wanted.bands) != set(bands) or wanted.ymap is not None:
        given = " ".join(f"{name}={path}" for name, path in wanted.bands.items()) or wanted.ymap
        expected = " ".join(f"--map {name}=FILE" for name in bands) if bands[1:] else "--map FILE"
        raise PredictionError(f"--map {given}: expected {expected}")
    return [wanted.bands[name] for name in bands]


def _files_of(named: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    """The files that are named or lie in named folders, and what is wrong with a folder."""
    from szmass.predict.files.user_maps import map_files

    for one in named:
        try:
            yield from ((path, "") for path in map_files(one))
        except SzmassError as error:
            yield one, str(error)


def _require_one_way(wanted: Wanted) -> None:
    of_sky = wanted.ymap is not None or bool(wanted.bands)
    ways = [bool(wanted.files), wanted.table is not None, of_sky]
    if sum(ways) != 1 or of_sky != (wanted.catalogue is not None):
        raise PredictionError(
            "expected one of: FILE... --redshift Z, --table T.csv, --map M.fits --catalogue C.fits"
        )
    if wanted.redshift is not None and not wanted.files:
        raise PredictionError(
            "--redshift is for FILE; a table or a catalogue has a column of its own"
        )
    if wanted.pixel_arcmin is not None and of_sky:
        raise PredictionError("--pixel-arcmin is for cutouts; a map of the sky states its pixels")
    if of_sky and wanted.centre is not None:
        raise PredictionError("--centre is for cutouts, not for a map of the sky")


def _problem(label: str, message: str) -> str:
    """What is wrong, with the place that the user named in front."""
    return message if message.startswith(label) else f"{label}: {message}"


def _note(names: Sequence[str], note: str) -> str:
    """What was taken from the files of some maps, without the names of all."""
    others = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{names[0]}{others}: {note}"


def in_columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table whose cells stand below each other."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def plain(value: Any) -> Any:
    """A value of a column as JSON has it."""
    return value.item() if hasattr(value, "item") else value
