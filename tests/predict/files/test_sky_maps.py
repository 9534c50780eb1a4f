"""Cutouts of maps in any projection: beside those of another code, closed forms, and refusals."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import healpy
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from pixell import enmap, reproject, utils

from szmass.errors import SzmassError
from szmass.predict.files.map_units import TEMPERATURE, Y
from szmass.predict.files.sky_maps import ProjectedMap, SkyMap, open_sky
from szmass.sky.grid import PixelGrid

GRID = PixelGrid(48, 0.5)
FWHM_ARCMIN = 1.6
HEIGHT = 1e-4


def spots(lon_deg: np.ndarray, lat_deg: np.ndarray, centres: list[tuple[float, float]]):
    """Gaussian spots of `FWHM_ARCMIN` at places on the sphere, y."""
    image = np.zeros(np.shape(lon_deg))
    for lon, lat in centres:
        apart = utils.angdist(
            np.radians([lon_deg, lat_deg]), np.radians([lon, lat]).reshape(2, *[1] * image.ndim)
        )
        sigma = FWHM_ARCMIN * utils.arcmin * utils.fwhm
        image += HEIGHT * np.exp(-0.5 * (apart / sigma) ** 2)
    return image


def write(path: Path, shape: tuple[int, int], wcs: WCS, centres: list, **cards: object) -> Path:
    rows, columns = np.indices(shape)
    lon, lat = wcs.all_pix2world(columns, rows, 0)
    header = wcs.to_header()
    header.update(cards)
    image = np.nan_to_num(spots(lon, lat, centres)) + 1e-9
    fits.PrimaryHDU(image.astype(np.float32), header).writeto(path)
    return path


def projection(kind: str, lon: float, lat: float, shape: tuple[int, int], step: float = 0.5) -> WCS:
    wcs = WCS(naxis=2)
    first, second = ("GLON", "GLAT") if kind.startswith("G") else ("RA--", "DEC-")
    wcs.wcs.ctype = [f"{first}-{kind[-3:]}", f"{second}-{kind[-3:]}"]
    wcs.wcs.crval = [lon, 0.0] if kind.endswith("CAR") else [lon, lat]
    wcs.wcs.cdelt = [-step / 60.0, step / 60.0]
    middle = [(shape[1] + 1) / 2.0, (shape[0] + 1) / 2.0]
    wcs.wcs.crpix = [middle[0], middle[1] - 60.0 / step * lat] if kind.endswith("CAR") else middle
    return wcs


@contextmanager
def opened(path: Path, **options: object) -> Iterator[SkyMap]:
    with open_sky(path, Y, coarsest_arcmin=1.0, **options) as sky:  # type: ignore[arg-type]
        yield sky


def exact(offset: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    """A spot to the right of the centre, and above it, in arcmin."""
    x, y = np.meshgrid(GRID.axis_arcmin - offset[0], GRID.axis_arcmin - offset[1])
    sigma = FWHM_ARCMIN * utils.fwhm
    return HEIGHT * np.exp(-0.5 * (x**2 + y**2) / sigma**2)


@pytest.mark.parametrize("kind", ["CAR", "ZEA", "TAN", "GCAR"])
@pytest.mark.parametrize("lat", [0.0, -52.0])
def test_a_spot_is_round_and_at_the_centre(tmp_path: Path, kind: str, lat: float) -> None:
    shape, spot = (360, 480), (30.3, lat + 0.2)
    path = write(tmp_path / "m.fits", shape, projection(kind, 30.0, lat, shape), [spot])
    with opened(path) as sky:
        assert sky.frame == ("galactic" if kind.startswith("G") else "icrs")
        (image,) = sky.cutouts(np.array([spot[0]]), np.array([spot[1]]), GRID)
    np.testing.assert_allclose(image, exact(), atol=1e-3 * HEIGHT)


def test_north_is_up_and_east_to_the_left(tmp_path: Path) -> None:
    shape = (360, 480)
    north_east = (30.0 + 3.0 / 60.0 / np.cos(np.radians(40.0 + 2.0 / 60.0)), 40.0 + 2.0 / 60.0)
    path = write(tmp_path / "m.fits", shape, projection("CAR", 30.0, 40.0, shape), [north_east])
    with opened(path) as sky:
        (image,) = sky.cutouts(np.array([30.0]), np.array([40.0]), GRID)
    np.testing.assert_allclose(image, exact((-3.0, 2.0)), atol=2e-3 * HEIGHT)


@pytest.mark.parametrize("place", [(10.02, -20.01), (14.0, -17.3)])
def test_cutouts_are_those_of_pixell(tmp_path: Path, place: tuple[float, float]) -> None:
    """Of a map of noise behind a beam, in plate carrée, to 1e-3 of its peak."""
    box = np.radians([[-24.0, 18.0], [-14.0, 6.0]])
    shape, wcs = enmap.geometry(box, res=0.5 * utils.arcmin, proj="car")
    ell = np.arange(20_000.0)
    beam = np.exp(-0.5 * (ell * FWHM_ARCMIN * utils.fwhm * utils.arcmin) ** 2)
    sky_map = enmap.rand_map(shape, wcs, 1e-16 * beam**2, seed=1)
    path = tmp_path / "m.fits"
    enmap.write_map(str(path), sky_map.astype(np.float32))
    odd = PixelGrid(49, 0.5)  # as theirs, with a pixel at the centre
    with opened(path) as sky:
        (image,) = sky.cutouts(np.array([place[0]]), np.array([place[1]]), odd)
    theirs = reproject.thumbnails(
        sky_map,
        np.radians([[place[1], place[0]]]),
        r=12.0 * utils.arcmin,
        res=0.5 * utils.arcmin,
        proj="tan",
        apod=20.0 * utils.arcmin,
    )[0]
    lat, lon = theirs.posmap()  # about (0, 0)
    right, up = -np.tan(lon) / utils.arcmin, np.tan(lat) / np.cos(lon) / utils.arcmin
    np.testing.assert_allclose(right[0], odd.axis_arcmin, atol=1e-6)
    np.testing.assert_allclose(up[:, 0], odd.axis_arcmin, atol=1e-6)
    assert np.abs(image - theirs).max() < 1e-3 * np.abs(theirs).max()


def test_a_cutout_across_the_seam_of_a_whole_turn(tmp_path: Path) -> None:
    """At the longitude where a full-sky map begins and ends."""
    shape = (61, 3600)
    wcs = projection("CAR", 180.0, 0.0, shape, step=6.0)
    path = write(tmp_path / "m.fits", shape, wcs, [])
    with fits.open(path, mode="update") as parts:
        parts[0].data[:] = 1.0 + np.indices(shape)[0]
    wide = PixelGrid(16, 6.0)
    with open_sky(path, Y, coarsest_arcmin=10.0) as sky:
        across, within = sky.cutouts(np.array([0.0, 90.0]), np.array([0.1, 0.1]), wide)
    np.testing.assert_allclose(across, within, rtol=1e-5)
    assert np.isfinite(across).all()


def test_places_off_the_map_and_without_data_are_nan(tmp_path: Path) -> None:
    shape = (200, 400)
    path = write(tmp_path / "m.fits", shape, projection("CAR", 30.0, 0.0, shape), [])
    with fits.open(path, mode="update") as parts:
        parts[0].data[:, :150] = 0.0
    lon = np.array([30.0, 31.45, 30.0, 210.0, 28.9])
    lat = np.array([0.0, 0.0, 0.75, 0.0, 0.0])
    with opened(path) as sky:
        empty = np.isnan(sky.cutouts(lon, lat, GRID)).all(axis=(1, 2))
    assert empty.tolist() == [False, True, True, True, False]


def test_a_masked_pixel_is_nan_in_its_cutout_alone(tmp_path: Path) -> None:
    shape = (200, 400)
    path = write(tmp_path / "m.fits", shape, projection("CAR", 30.0, 0.0, shape), [(30.0, 0.0)])
    with fits.open(path, mode="update") as parts:
        parts[0].data[90, 180] = np.nan
    with opened(path) as sky:
        hit, free = sky.cutouts(np.array([30.0, 29.0]), np.array([0.0, 0.0]), GRID)
    assert 0 < np.isnan(hit).sum() < 10
    assert np.isfinite(free).all()


def test_a_healpix_map_in_celestial_coordinates_is_cut_there(tmp_path: Path) -> None:
    nside, place = 512, SkyCoord(194.95, 27.98, unit="deg", frame="icrs")
    lon, lat = healpy.pix2ang(nside, np.arange(12 * nside**2), lonlat=True)
    sky_map = np.where(np.hypot((lon - 194.95) * 0.88, lat - 27.98) < 0.5, 1e-5, 0.0)
    path = tmp_path / "h.fits"
    healpy.write_map(path, sky_map.astype(np.float32), coord="C", column_names=["Y"])
    with open_sky(path, Y, coarsest_arcmin=10.0) as sky:
        assert sky.frame == "icrs"
        (image,) = sky.cutouts(
            np.array([place.ra.deg]), np.array([place.dec.deg]), PixelGrid(4, 3.0)
        )
    assert (image == np.float32(1e-5)).all()


def test_units_of_temperature(tmp_path: Path) -> None:
    shape = (100, 100)
    path = write(tmp_path / "m.fits", shape, projection("TAN", 30.0, 0.0, shape), [], BUNIT="K")
    with open_sky(path, TEMPERATURE, coarsest_arcmin=1.0) as sky:
        assert isinstance(sky, ProjectedMap)
        assert sky.scale == 1e6
        assert sky.notes == ("multiplied by 1e+06 (BUNIT = 'K')",)
    with pytest.raises(SzmassError, match="BUNIT = 'K': expected a map of Compton y"), opened(path):
        pass
