"""Damaged files end in a mass or a line, whatever is wrong; `test_odd_inputs` has named cases."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

import h5py
import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import ROOT
from helpers.map_files import fits_bytes, npy_bytes, parts_bytes, write_store
from szmass.predict.catalogues import cut_catalogue
from szmass.predict.command import UsableMaps, Wanted, usable_maps
from szmass.predict.files.limits import UserFileError
from szmass.sky.grid import PixelGrid
from szmass.sky.healpix import pixel_count

GRID = PixelGrid(16, 1.7)
MAP = np.random.default_rng(2).normal(0.0, 1e-6, (16, 16)).astype("f4")
AT_ONCE_S = 2.0
"""Much longer than any refusal takes, much shorter than reading what is refused."""
NSIDE = 16


def weighed(*files: Path, redshift: str | None = "0.3") -> UsableMaps:
    return usable_maps(Wanted(files=files, redshift=redshift), GRID, NSIDE)


@cache
def good_contents() -> dict[str, bytes]:
    """Good files by name, a map each."""
    with TemporaryDirectory() as folder:
        with h5py.File(Path(folder) / "map.h5", "w") as file:
            file.create_dataset("compton_y", data=MAP, compression="gzip")
            file["redshift"] = 0.3
        hdf5 = (Path(folder) / "map.h5").read_bytes()
    image = fits_bytes(MAP, CDELT1=-1.7 / 60, CDELT2=1.7 / 60, REDSHIFT=0.3, BUNIT="y")
    return {
        "map.npy": npy_bytes(MAP),
        "map.fits": image,
        "map.fits.gz": gzip.compress(image),
        "map.h5": hdf5,
    }


TWO = parts_bytes(fits.PrimaryHDU(MAP), fits.ImageHDU(MAP, name="STDDEV"))
TILES = parts_bytes(fits.PrimaryHDU(), fits.CompImageHDU(MAP))


@pytest.mark.parametrize("key", ["REDSHIFT", "Z"])
def test_the_header_has_a_redshift_that_the_command_line_lacks(tmp_path: Path, key: str) -> None:
    (tmp_path / "m.fits").write_bytes(fits_bytes(MAP, **{key: 0.25}))
    given_one, given_none = (
        weighed(tmp_path / "m.fits"),
        weighed(tmp_path / "m.fits", redshift=None),
    )
    assert (given_one.redshifts, given_one.notes) == ([0.3], {})
    assert given_none.redshifts == [0.25]
    assert given_none.notes == {f"redshift ({key})": [str(tmp_path / "m.fits")]}
    (tmp_path / "t.csv").write_text("file,redshift,name\nm.fits,,A\n")
    of_table = usable_maps(Wanted(table=tmp_path / "t.csv"), GRID, NSIDE)
    assert (of_table.redshifts, of_table.notes) == ([0.25], {f"redshift ({key})": ["A"]})


def test_a_gzip_bomb_is_unpacked_to_the_limit_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("szmass.predict.files.fits_images.LARGEST_FILE_BYTES", 2**24)
    part = gzip.compress(bytes(2**24))
    # 9 GiB, with noise before and random bytes beside, so that it does not expand suspiciously
    noise = np.random.default_rng(1).bytes(2**20)
    (tmp_path / "m.fits.gz").write_bytes(gzip.compress(fits_bytes(MAP) + noise) + part * 600)
    before = monotonic()
    (line,) = weighed(tmp_path / "m.fits.gz").problems
    assert monotonic() - before < AT_ONCE_S
    assert line == f"{tmp_path}/m.fits.gz: unpacks to more than 16 MiB, the most that is read"


def test_a_store_with_several_bad_arrays_is_one_line_and_no_more(tmp_path: Path) -> None:
    """Zarr reads arrays side by side, and asyncio would print what became of the others."""
    store = write_store(tmp_path / "m.zarr", MAP, GRID.pixel_arcmin)
    for name in ("compton_y", "redshift", "m500c_msun", "x"):
        metadata = store / name / "zarr.json"
        metadata.write_text(metadata.read_text().replace('"node_type": "array"', '"node_type": 3'))
    code = "from pathlib import Path\n"
    code += "from szmass.predict.files.user_maps import read_user_maps as read\n"
    code += f"try:\n    list(read(Path({str(store)!r})))\n"
    code += "except Exception as error:\n    print(error)\nimport gc; gc.collect()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT / "src")},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith(f"{store}: ")
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def write_sky(path: Path, *columns: fits.Column) -> Path:
    """A catalogue of one cluster, or a full-sky map of NSIDE 16, gzipped where it is called so."""
    table = fits.BinTableHDU.from_columns(list(columns))
    table.header.update({"NSIDE": NSIDE, "ORDERING": "RING"})
    table.writeto(path)
    return path


@pytest.fixture
def sky(tmp_path: Path) -> Path:
    values = np.linspace(0.0, 1e-5, pixel_count(NSIDE), dtype="f4")
    return write_sky(tmp_path / "y.fits.gz", fits.Column("FULL", "E", array=values))


def catalogue_columns() -> list[fits.Column]:
    return [
        fits.Column("NAME", "4A", array=["A"]),
        fits.Column("GLON", "E", array=[10.0]),
        fits.Column("GLAT", "E", array=[70.0]),
        fits.Column("REDSHIFT", "E", array=[0.3]),
        fits.Column("OTHER", "E", array=[0.3]),
    ]


@pytest.mark.parametrize("name", ["c.fits", "c.fits.gz"])
def test_a_catalogue_and_a_sky_may_be_gzipped(tmp_path: Path, sky: Path, name: str) -> None:
    catalogue = write_sky(tmp_path / name, *catalogue_columns())
    ((cluster, found),) = cut_catalogue([sky], catalogue, nside=NSIDE, grid=GRID)
    assert cluster == "A"
    assert found.redshift == pytest.approx(0.3)


@pytest.mark.parametrize("unit", ["K", "uK", "K_CMB", "muK", "Jy/sr", "uK_CMB", "1e-6 K"])
@pytest.mark.parametrize("name", ["y.fits", "y.fits.gz"])
def test_a_sky_in_another_unit_is_never_weighed(tmp_path: Path, name: str, unit: str) -> None:
    values = np.zeros(pixel_count(NSIDE), dtype="f4")
    other = fits.Column("FIRST", "E", array=values, unit="y")
    sky = write_sky(tmp_path / name, other, fits.Column("FULL", "E", array=values, unit=unit))
    catalogue = write_sky(tmp_path / "c.fits", *catalogue_columns())
    with pytest.raises(UserFileError, match=rf"^{sky}: .*TUNIT2 = '{re.escape(unit)}': expected a"):
        list(cut_catalogue([sky], catalogue, nside=NSIDE, grid=GRID))


@pytest.mark.parametrize(
    ("unit", "scale"), [("1e-6", 1e-6), ("10^-6 y", 1e-6), ("1e-6 Compton-y", 1e-6), ("y", 1.0)]
)
def test_a_sky_in_millionths_of_y_is_converted_and_it_is_said(
    tmp_path: Path, unit: str, scale: float
) -> None:
    values = np.linspace(1.0, 2.0, pixel_count(NSIDE), dtype="f4")
    catalogue = write_sky(tmp_path / "c.fits", *catalogue_columns())
    cutouts = []
    for name, stated in (("a.fits", unit), ("b.fits", "")):
        sky = write_sky(tmp_path / name, fits.Column("FULL", "E", array=values, unit=stated))
        ((_, found),) = cut_catalogue([sky], catalogue, nside=NSIDE, grid=GRID)
        cutouts.append(found)
    np.testing.assert_allclose(cutouts[0].image, scale * cutouts[1].image, rtol=1e-6)
    notes = () if scale == 1.0 else (f"multiplied by {scale:g} (TUNIT1 = {unit!r})",)
    assert cutouts[0].notes == notes


@pytest.mark.parametrize("value", [np.nan, -1.6375e30, np.inf])
@pytest.mark.parametrize("bad_data", [None, -1.0])
def test_a_cluster_where_the_sky_has_no_data_costs_no_other(
    tmp_path: Path, value: float, bad_data: float | None
) -> None:
    values = np.random.default_rng(1).normal(0.0, 1e-6, pixel_count(NSIDE)).astype("f4")
    values[: pixel_count(NSIDE) // 2] = value  # the northern half, in RING order
    table = fits.BinTableHDU.from_columns([fits.Column("FULL", "E", array=values)])
    table.header.update({"NSIDE": NSIDE, "ORDERING": "RING"})
    if bad_data is not None:
        table.header["BAD_DATA"] = bad_data
    table.writeto(tmp_path / "y.fits")
    columns = [
        fits.Column("NAME", "4A", array=["N", ""]),
        fits.Column("GLON", "E", array=[10.0, 10.0]),
        fits.Column("GLAT", "E", array=[70.0, -70.0]),
        fits.Column("REDSHIFT", "E", array=[0.3, 0.3]),
    ]
    catalogue = write_sky(tmp_path / "c.fits", *columns)
    maps = usable_maps(Wanted(ymap=tmp_path / "y.fits", catalogue=catalogue), GRID, NSIDE)
    assert maps.names == ["row 1"]
    (line,) = maps.problems
    assert line.startswith(f"{catalogue}, row 0 (N): not on the map")


changes = st.lists(
    st.tuples(st.floats(0.0, 1.0, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=8
)


def damaged(content: bytes, places: list[tuple[float, int]], kept: float) -> bytes:
    """Content with bytes changed, and its end cut off."""
    changed = bytearray(content)
    for place, change in places:
        changed[int(place * len(changed))] ^= change
    return bytes(changed[: max(1, round(kept * len(changed)))])


kept_parts = st.one_of(st.just(1.0), st.floats(0.0, 1.0))


def a_mass_or_a_line(path: Path) -> None:
    """Reads a file as `szmass predict` does; anything but a `SzmassError` ends the test."""
    maps = weighed(path)
    assert len(maps.names) + len(maps.problems) >= 1
    assert all(np.isfinite(cutout).all() for cutout in maps.cutouts)
    assert not any("\n" in line for line in maps.problems)


@pytest.mark.parametrize("name", ["map.npy", "map.fits", "map.fits.gz", "map.h5"])
@settings(max_examples=100, deadline=None, derandomize=True)
@given(places=changes, kept=kept_parts)
def test_changed_bytes_end_in_a_mass_or_a_line(
    name: str, places: list[tuple[float, int]], kept: float
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(damaged(good_contents()[name], places, kept))
        a_mass_or_a_line(path)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_store(tmp_path_factory.mktemp("store") / "m.zarr", MAP, GRID.pixel_arcmin)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(data=st.data(), places=changes, kept=kept_parts)
def test_changed_bytes_of_a_store_end_in_a_mass_or_a_line(
    store: Path, data: st.DataObject, places: list[tuple[float, int]], kept: float
) -> None:
    read = [
        file for name in (".", "compton_y", "redshift", "x") for file in (store / name).glob("*")
    ]
    read += (store / "compton_y" / "c").rglob("*")
    names = sorted(str(file.relative_to(store)) for file in read if file.is_file())
    with TemporaryDirectory() as folder:
        copy = shutil.copytree(store, Path(folder) / "m.zarr")
        file = copy / data.draw(st.sampled_from(names))
        file.write_bytes(damaged(file.read_bytes(), places, kept))
        a_mass_or_a_line(copy)


HOSTILE = (
    b"-1", b"0", b"2147483647", b"9" * 60, b"'x'", b"T", b"1E400", b"(1, 2)", b"", b"'", b"16.5",
)  # fmt: skip


def with_each_card_changed(content: bytes) -> Iterator[bytes]:
    """A FITS file with another value in each of its cards, a card and a value at a time."""
    for start in range(0, len(content), 80):
        if content[start + 8 : start + 10] == b"= ":
            for value in HOSTILE:
                card = content[start : start + 10] + value.rjust(20)
                yield content[:start] + card.ljust(80) + content[start + 80 :]


@pytest.mark.parametrize("content", [good_contents()["map.fits"], TWO, TILES], ids=len)
def test_changed_cards_end_in_a_mass_or_a_line(tmp_path: Path, content: bytes) -> None:
    before, counts = monotonic(), 0
    for changed in with_each_card_changed(content):
        (tmp_path / "m.fits").write_bytes(changed)
        a_mass_or_a_line(tmp_path / "m.fits")
        counts += 1
    assert counts >= len(HOSTILE) * 5
    assert monotonic() - before < 5 * AT_ONCE_S


def test_changed_cards_of_a_catalogue_end_in_clusters_or_a_line(tmp_path: Path, sky: Path) -> None:
    write_sky(tmp_path / "whole.fits", *catalogue_columns())
    for changed in with_each_card_changed((tmp_path / "whole.fits").read_bytes()):
        (tmp_path / "c.fits").write_bytes(changed)
        wanted = Wanted(ymap=sky, catalogue=tmp_path / "c.fits")
        maps = usable_maps(wanted, GRID, NSIDE)
        assert maps.names or maps.problems
        assert not any("\n" in line for line in maps.problems)
