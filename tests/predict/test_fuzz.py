"""Whatever a file has in it, `szmass predict` gives masses that are right, or a line; in time.

`make faults` makes 5000 files (`--fuzz-files`), the same ones each time. A failure prints the
recipe of its file: `Recipe(...).write(folder)` makes it again.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import select
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import h5py
import numpy as np
import pytest
from astropy.io import fits
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from helpers import ROOT
from helpers.limited_reader import GRID, NSIDE
from helpers.map_files import write_store
from szmass.predict.cutouts import checked_cutout
from szmass.predict.files.map_units import Y
from szmass.sky.healpix import gnomonic_pixels, pixel_count

MOST_SECONDS, MOST_MIB = 5.0, 1024.0
MAP = np.random.default_rng(3).normal(0.0, 1e-6, (16, 16)).astype("f4")
SKY = np.random.default_rng(4).normal(0.0, 1e-6, pixel_count(NSIDE)).astype("f4")
GLON_DEG, GLAT_DEG = 10.0, 70.0
UNITS: dict[str | None, float | None] = {
    None: 1.0, "": 1.0, "1": 1.0, "y": 1.0, "Compton-y": 1.0, "1e-6": 1e-6, "10**-6 y": 1e-6,
    "uK": None, "K": None, "K_CMB": None, "microK_CMB": None, "MJy/sr": None, "Jy/beam": None,
    "1e-6 K": None, "keV": None, "1e": None, "-1": None, "0": None,
}  # fmt: skip
"""What a map with this unit is multiplied by; None where it cannot be y."""
PIXELS_ARCMIN = {None: True, 1.7: True, 2.0: True, 1.2: False, 3.0: False, 0.0: False}
"""Whether 16 pixels of this side are a map."""
REDSHIFTS = {0.3: True, 1.0: True, 0.0: False, -0.3: False, 1.5: False}
CLAIMS = ["0", "-1", "3", "70000", "2147483647", "9" * 18, "null", "'x'", "1E400", "[1,2]", "true"]
NUMBER = re.compile(rb"(?<![\w.-])-?\d+(?:\.\d*)?(?![\w.])")


@dataclass(frozen=True)
class Recipe:
    """What a file is made of."""

    kind: str
    unit: str | None
    pixel_arcmin: float | None
    redshift: float
    claims: list[tuple[float, str]]
    """Numbers of its header that are replaced: the place of each, and the text."""
    changes: list[tuple[float, int]]
    """Bytes that are changed: the place of each, and which bits."""
    kept: float
    file: float
    """The place of what is damaged among the files of a store."""

    @property
    def is_whole(self) -> bool:
        """Whether the file is what it was made as."""
        return not self.claims and not self.changes and self.kept == 1.0

    @property
    def is_good(self) -> bool:
        """Whether a whole one gives a mass."""
        states_unit = self.kind in {"fits", "fits.gz", "h5", "sky"}
        states_pixel = self.kind in {"fits", "fits.gz", "h5"}
        return (
            REDSHIFTS[self.redshift]
            and (not states_unit or UNITS[self.unit] is not None)
            and (not states_pixel or PIXELS_ARCMIN[self.pixel_arcmin])
        )

    @property
    def cutout(self) -> np.ndarray:
        """The map that a good one holds, on the networks' grid."""
        if self.kind in {"sky", "catalogue"}:
            place = np.array([GLON_DEG]), np.array([GLAT_DEG])
            return SKY[gnomonic_pixels(NSIDE, *place, GRID)[0]]
        stated = self.kind in {"fits", "fits.gz", "h5"}
        return checked_cutout(MAP, self.pixel_arcmin if stated else None, GRID)

    def write(self, folder: Path) -> dict[str, Any]:
        """Writes the file, and what belongs to it; returns the options of a `Wanted`."""
        path = folder / f"m.{self.kind}"
        if self.kind == "zarr":
            write_store(path, MAP, GRID.pixel_arcmin, [self.redshift])
            files = sorted(file for file in path.rglob("*") if file.is_file())
            damaged = files[int(self.file * len(files))]
            damaged.write_bytes(self._damaged(damaged.read_bytes()))
            return {"files": [str(path)]}
        tables = {"sky": table("FULL", SKY, self.unit), "catalogue": catalogue(self.redshift)}
        if self.kind in tables:
            names = {"sky": "ymap", "catalogue": "catalogue"}
            good = {"sky": table("FULL", SKY, None), "catalogue": catalogue(self.redshift)}
            for kind, content in good.items():
                changed = self._damaged(tables[kind]) if kind == self.kind else content
                (folder / f"{kind}.fits").write_bytes(changed)
            return {names[kind]: str(folder / f"{kind}.fits") for kind in names}
        path.write_bytes(self._damaged(self._content(folder)))
        if self.kind == "csv":
            return {"table": str(path)}
        return {"files": [str(path)]} | (
            {"redshift": str(self.redshift)} if path.suffix == ".npy" else {}
        )

    def _content(self, folder: Path) -> bytes:
        values = MAP / np.float32(UNITS[self.unit] or 1.0)
        file = io.BytesIO()
        if self.kind == "npy":
            np.save(file, MAP)
        elif self.kind == "csv":
            np.save(folder / "a.npy", MAP)
            return f"file,redshift,name\na.npy,{self.redshift},A\n".encode()
        elif self.kind == "h5":
            with h5py.File(file, "w") as maps:
                maps.create_dataset("compton_y", data=values, chunks=(8, 16), compression="gzip")
                maps["redshift"] = self.redshift
                stated = {"units": self.unit, "pixel_arcmin": self.pixel_arcmin}
                maps.attrs.update(
                    {key: value for key, value in stated.items() if value is not None}
                )
        else:
            header = fits.Header({"REDSHIFT": self.redshift})
            if self.unit is not None:
                header["BUNIT"] = self.unit
            if self.pixel_arcmin is not None:
                header.update(dict.fromkeys(("CDELT1", "CDELT2"), self.pixel_arcmin / 60.0))
            fits.PrimaryHDU(values, header).writeto(file)
        return file.getvalue()

    def _damaged(self, content: bytes) -> bytes:
        for place, text in self.claims:
            if content.startswith(b"SIMPLE"):
                cards = [
                    start for start in range(0, len(content), 80)
                    if content[start + 8 : start + 10] == b"= "
                ]  # fmt: skip
                start = cards[int(place * len(cards))] + 10
                content = content[:start] + text.rjust(20).encode() + content[start + 20 :]
            elif numbers := list(NUMBER.finditer(content)):
                found = numbers[int(place * len(numbers))]
                content = content[: found.start()] + text.encode() + content[found.end() :]
        if self.kind == "fits.gz":
            content = gzip.compress(content, mtime=0)
        changed = bytearray(content)
        for place, bits in self.changes:
            changed[int(place * len(changed))] ^= bits
        return bytes(changed[: round(self.kept * len(changed))])


def table(name: str, values: np.ndarray, unit: str | None) -> bytes:
    scale = UNITS[unit] or 1.0
    column = fits.Column(name, "E", array=values / np.float32(scale), unit=unit)
    return bytes_of(fits.BinTableHDU.from_columns([column]), NSIDE=NSIDE, ORDERING="RING")


def catalogue(redshift: float) -> bytes:
    values = {"GLON": GLON_DEG, "GLAT": GLAT_DEG, "REDSHIFT": redshift}
    columns = [fits.Column(name, "D", array=[value]) for name, value in values.items()]
    columns.append(fits.Column("NAME", "4A", array=["A"]))
    return bytes_of(fits.BinTableHDU.from_columns(columns))


def bytes_of(part: fits.BinTableHDU, **keywords: object) -> bytes:
    part.header.update(keywords)
    file = io.BytesIO()
    part.writeto(file)
    return file.getvalue()


class Reader:
    """`helpers.limited_reader`, started anew when it has ended or takes too long."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None
        self.outcomes: Counter[str] = Counter()
        self.seconds = self.mib = 0.0

    def __call__(self, options: dict[str, Any]) -> dict[str, Any]:
        if self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "helpers.limited_reader"],
                env={"PYTHONPATH": f"{ROOT}/src:{ROOT}/tests"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            self({"files": []})  # not in the time of a file
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps(options), file=self.process.stdin, flush=True)
        ready, _, _ = select.select([self.process.stdout], [], [], 6 * MOST_SECONDS)
        line = self.process.stdout.readline() if ready else ""
        if not line:
            self.end()
            raise AssertionError("the reader ended" if ready else "the reader does not answer")
        return json.loads(line)

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    started = Reader()
    yield started
    started.end()
    print(f"\n{dict(started.outcomes)}; slowest {started.seconds:.2f} s, {started.mib:.0f} MiB")


def mostly(usual: Any, choices: Any) -> st.SearchStrategy[Any]:
    """What is usual, so that a file has few faults, or any."""
    return st.one_of(st.just(usual), st.just(usual), st.sampled_from(list(choices)))


PLACES = st.floats(0.0, 1.0, exclude_max=True)
RECIPES = st.builds(
    Recipe,
    kind=st.sampled_from(["fits", "fits.gz", "npy", "h5", "zarr", "csv", "sky", "catalogue"]),
    unit=mostly(None, UNITS),
    pixel_arcmin=mostly(1.7, PIXELS_ARCMIN),
    redshift=mostly(0.3, REDSHIFTS),
    claims=mostly([], [[]]) | st.lists(st.tuples(PLACES, st.sampled_from(CLAIMS)), max_size=2),
    changes=mostly([], [[]]) | st.lists(st.tuples(PLACES, st.integers(1, 255)), max_size=5),
    kept=mostly(1.0, [1.0]) | PLACES,
    file=PLACES,
)


def check(recipe: Recipe, answer: dict[str, Any]) -> str:
    """The kind of an outcome that is as it should be."""
    cutouts, problems = (answer[key] for key in ("cutouts", "problems"))
    assert answer["seconds"] <= MOST_SECONDS
    assert answer["mib"] <= MOST_MIB
    assert cutouts or problems
    assert not any("\n" in line or "MemoryError" in line for line in problems)
    assert np.isfinite(cutouts).all()
    assert np.abs(cutouts).max(initial=0.0) <= Y.largest
    assert all(0.0 < redshift <= 1.0 for redshift in answer["redshifts"])
    if recipe.is_whole:
        assert bool(cutouts) == recipe.is_good, problems
    if cutouts and (recipe.is_whole or (recipe.kind == "fits.gz" and not recipe.claims)):
        np.testing.assert_allclose(cutouts, [recipe.cutout.ravel()], rtol=1e-5, atol=1e-12)
        np.testing.assert_allclose(answer["redshifts"], recipe.redshift, rtol=1e-6)
    return (
        f"{'mass' if cutouts else 'line'} of {'a whole' if recipe.is_whole else 'a damaged'} file"
    )


def test_any_file_gives_a_right_mass_or_a_line(
    request: pytest.FixtureRequest, reader: Reader
) -> None:
    @settings(
        max_examples=request.config.getoption("--fuzz-files"),
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],  # the first recipe says enough
        suppress_health_check=list(HealthCheck),
    )
    @given(recipe=RECIPES)
    def read(recipe: Recipe) -> None:
        with TemporaryDirectory() as folder:
            answer = reader(recipe.write(Path(folder)))
        reader.outcomes[f"{recipe.kind}: {check(recipe, answer)}"] += 1
        reader.seconds = max(reader.seconds, answer["seconds"])
        reader.mib = max(reader.mib, answer["mib"])

    read()
