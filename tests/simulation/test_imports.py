"""A user's own maps, from each kind of file."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from astropy.io import fits

from szmass.simulation.compton_samples import planck_spec
from szmass.simulation.imports import UserFileError, read_table, read_user_maps
from szmass.simulation.store import replacing, write_rows
from szmass.sky.grid import PixelGrid

MAPS = np.random.default_rng(1).normal(0.0, 1e-6, (3, 8, 8)).astype("f4")


def test_numpy_arrays_are_one_map_or_some(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", MAPS[0])
    np.save(tmp_path / "some.npy", MAPS)
    (one,) = read_user_maps(tmp_path / "one.npy")
    assert (one.pixel_arcmin, one.redshift) == (None, None)
    some = list(read_user_maps(tmp_path / "some.npy"))
    assert [found.label for found in some] == [f"{tmp_path}/some.npy, row {i}" for i in range(3)]
    np.testing.assert_array_equal([found.image for found in some], MAPS)


@pytest.mark.parametrize("keyword", ["CDELT2", "CD2_2"])
def test_a_fits_image_states_its_pixels(tmp_path: Path, keyword: str) -> None:
    image = fits.ImageHDU(MAPS[0].astype(">f8"))
    image.header[keyword] = 1.7 / 60.0
    image.header["REDSHIFT"] = 0.25
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(tmp_path / "map.fits")
    (found,) = read_user_maps(tmp_path / "map.fits")
    np.testing.assert_array_equal(found.image, MAPS[0])
    assert found.pixel_arcmin == pytest.approx(1.7)
    assert found.redshift == 0.25


def test_hdf5_and_zarr_have_redshifts_beside(tmp_path: Path) -> None:
    redshift = np.array([0.1, 0.2, 0.3])
    with h5py.File(tmp_path / "maps.h5", "w") as file:
        file.create_dataset("compton_y", data=MAPS).attrs["pixel_arcmin"] = 1.7
        file["redshift"] = redshift
    grid = PixelGrid(8, 1.7)
    with replacing(tmp_path / "maps.zarr", planck_spec(3, grid, ["gadget_x"]), {}) as store:
        spec = planck_spec(3, grid, ["gadget_x"])
        zeros = {
            name: np.zeros([spec.sizes[dim] for dim in array.dims], array.dtype)
            for name, array in spec.arrays.items()
        }
        axis = {"x": grid.axis_arcmin, "y": grid.axis_arcmin}
        write_rows(store, slice(None), zeros | axis | {"compton_y": MAPS, "redshift": redshift})
    for name in ("maps.h5", "maps.zarr"):
        found = list(read_user_maps(tmp_path / name))
        np.testing.assert_array_equal([one.image for one in found], MAPS)
        assert [one.redshift for one in found] == [0.1, 0.2, 0.3]
        assert found[0].pixel_arcmin == pytest.approx(1.7)


def test_files_that_hold_no_maps_are_named(tmp_path: Path) -> None:
    np.save(tmp_path / "line.npy", MAPS[0, 0])
    (tmp_path / "text.npy").write_text("no numpy")
    fits.PrimaryHDU().writeto(tmp_path / "empty.fits")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["y"] = MAPS
    (tmp_path / "no.zarr").mkdir()
    messages = {
        "line.npy": r"array of shape \(8,\): expected a map",
        "text.npy": "cannot be read",
        "empty.fits": "cannot be read: no image in it",
        "other.h5": "cannot be read",
        "no.zarr": "cannot be read",
        "none.npy": "not found",
        "map.txt": "expected a file that ends in",
    }
    for name, message in messages.items():
        with pytest.raises(UserFileError, match=f"{name}: {message}"):
            list(read_user_maps(tmp_path / name))


def test_a_table_names_files_beside_it(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("redshift, file, name\n0.1, a.npy, A\n, /b.fits,\n")
    first, second = read_table(tmp_path / "t.csv")
    assert (first.file, first.redshift, first.name) == (tmp_path / "a.npy", "0.1", "A")
    assert (second.file, second.redshift, second.name) == (Path("/b.fits"), "", "")
    assert second.label.endswith("t.csv, line 3")
    for content, message in {
        "file\na.npy\n": "no column 'redshift'; it has file",
        "file,redshift\n": "no rows",
    }.items():
        (tmp_path / "t.csv").write_text(content)
        with pytest.raises(UserFileError, match=message):
            read_table(tmp_path / "t.csv")
