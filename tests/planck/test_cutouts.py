"""Cutouts of clusters: what the masks hide of them, and what takes its place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers import ROOT
from helpers.planck_release import BAD, write_release
from szmass.planck.catalogue import Psz2Catalogue, read_psz2
from szmass.planck.cutouts import cut_clusters, half_differences, labels, noise_at
from szmass.planck.stores import noise_spec, open_noise_store, open_psz2_store, psz2_spec
from szmass.sky.grid import PixelGrid
from szmass.sky.healpix import disc, gnomonic_pixels, pixel_count, unit_vectors
from szmass.storage.store import StoreError, replacing, write_rows

NSIDE, GRID, RADIUS_ARCMIN = 512, PixelGrid(32, 5.0), 30.0
HIDDEN_NEAR, HIDDEN_FAR, NO_DATA, GALACTIC_FAR, CLEAN = range(5)


@pytest.fixture(scope="module")
def catalogue(params) -> Psz2Catalogue:
    """Five clusters far apart; what happens to each says its index."""
    weighed = read_psz2(ROOT / params.paths["psz2_catalogue"]).weighed()
    return weighed.at(np.array([0, 200, 400, 600, 800]))


@pytest.fixture(scope="module")
def files(tmp_path_factory, catalogue) -> tuple[Path, Path]:
    """A y-map that is 1e-6 everywhere, and its masks."""
    folder = tmp_path_factory.mktemp("sky")
    full = np.full(pixel_count(NSIDE), 1e-6, dtype=np.float32)
    masks = {f"M{i}": np.ones(len(full), dtype=np.float32) for i in range(1, 6)}
    centres = unit_vectors(catalogue.glon_deg, catalogue.glat_deg)
    full[disc(NSIDE, centres[NO_DATA], 12.0)[0]] = BAD
    masks["M5"][disc(NSIDE, centres[HIDDEN_NEAR], 12.0)[0]] = 0
    for cluster, name in ((HIDDEN_FAR, "M5"), (GALACTIC_FAR, "M1")):
        pixels, distance_arcmin = disc(NSIDE, centres[cluster], 60.0)
        masks[name][pixels[distance_arcmin > 45.0]] = 0
    masks["M2"][:] = 0  # of no matter
    columns = {"FULL": full, "FIRST": full * 2, "LAST": full * 0}
    ymap = write_release(folder / "y.fits", columns, ordering="RING", extension="Y-MAP")
    return ymap, write_release(folder / "m.fits", masks, ordering="RING", extension="MASKS")


@pytest.fixture(scope="module")
def cutouts(files, catalogue):
    noise_y = np.full((5, 32, 32), 7e-6, dtype=np.float32)
    ymap, masks = files
    return cut_clusters(
        ymap, masks, catalogue, noise_y, nside=NSIDE, grid=GRID, mask_radius_arcmin=RADIUS_ARCMIN
    )


def test_the_golden_sample_has_a_free_centre(cutouts):
    golden = np.flatnonzero(cutouts.golden).tolist()
    assert golden == [HIDDEN_FAR, GALACTIC_FAR, CLEAN]


def test_pixels_without_data_become_noise(cutouts):
    assert np.isfinite(cutouts.compton_y).all()
    middle = np.s_[NO_DATA, 15:17, 15:17]
    np.testing.assert_array_equal(cutouts.compton_y[middle], np.float32(7e-6))
    others = np.delete(cutouts.compton_y, NO_DATA, axis=0)
    np.testing.assert_array_equal(others, np.float32(1e-6))


def test_point_sources_off_the_centre_are_refilled(cutouts):
    changed = cutouts.refilled_y != cutouts.compton_y
    assert changed.any(axis=(1, 2)).tolist() == [False, True, False, False, False]
    assert (cutouts.refilled_y[changed] == np.float32(7e-6)).all()
    # the ring between 45 and 60 arcmin
    radius = GRID.radius_arcmin
    assert radius[changed[HIDDEN_FAR]].min() == pytest.approx(45, abs=5)
    assert radius[changed[HIDDEN_FAR]].max() == pytest.approx(60, abs=5)


def test_the_masked_fraction_counts_all_that_hides(cutouts):
    area = GRID.pixels**2 * GRID.pixel_arcmin**2
    ring = np.pi * (60**2 - 45**2) / area
    small = np.pi * 12**2 / area
    expected = [small, ring, small, ring, 0]
    np.testing.assert_allclose(cutouts.masked_fraction, expected, rtol=0.35, atol=0)


def test_the_noise_at_a_cluster_is_of_its_position(tmp_path, catalogue):
    """Of the last realisation, at the same row of the catalogue."""
    rows = np.tile(catalogue.row[::-1], 2)
    realisation = np.repeat(np.array([0, 1], dtype=np.int8), 5)
    number = (rows + 10_000 * realisation.astype(int)).astype(np.float32)
    values = {
        "catalogue_row": rows,
        "realisation": realisation,
        "partition": realisation,
        "glon_deg": np.zeros(10),
        "glat_deg": np.zeros(10),
        "noise_y": np.tile(number[:, None, None], (1, 2, 2)),
    }
    spec = noise_spec(10, PixelGrid(2, 1.7))
    with replacing(tmp_path / "noise.zarr", spec, {}) as path:
        write_rows(path, slice(None), values)
    found = noise_at(open_noise_store(tmp_path / "noise.zarr"), catalogue)
    np.testing.assert_array_equal(found[:, 0, 0], 10_000 + catalogue.row)
    other = replace(catalogue, row=catalogue.row + 1)
    with pytest.raises(StoreError, match="no noise cutout for PSZ2 .*, row .* of the catalogue"):
        noise_at(open_noise_store(tmp_path / "noise.zarr"), other)


def test_the_store(tmp_path, catalogue, cutouts):
    spec = psz2_spec(5, GRID)
    with replacing(tmp_path / "psz2.zarr", spec, {"sky": "stand-in sky"}) as path:
        write_rows(path, slice(None), labels(catalogue, cutouts, GRID))
        write_rows(path, slice(None), {"m500c_true_msun": np.full(5, np.nan)})
        images = {"compton_y": cutouts.compton_y, "compton_y_refilled": cutouts.refilled_y}
        write_rows(path, slice(None), images)
    store = open_psz2_store(tmp_path / "psz2.zarr")
    assert set(store.names) == set(spec.arrays)
    assert store.attributes["sky"] == "stand-in sky"
    np.testing.assert_array_equal(store.read("golden"), [0, 1, 0, 1, 1])
    np.testing.assert_array_equal(store.read("msz_1e14_msun"), catalogue.msz_1e14_msun)


def test_a_cutout_is_the_full_maps(files, catalogue):
    """Of the columns FULL, FIRST and LAST the first."""
    ymap, masks = files
    noise_y = np.zeros((5, 32, 32), dtype=np.float32)
    values = np.random.default_rng(1).standard_normal(pixel_count(NSIDE), dtype=np.float32)
    other = write_release(
        ymap.with_name("other.fits"),
        {"FULL": values, "FIRST": values * 2, "LAST": values * 0},
        ordering="RING",
        extension="Y-MAP",
    )
    found = cut_clusters(
        other, masks, catalogue, noise_y, nside=NSIDE, grid=GRID, mask_radius_arcmin=RADIUS_ARCMIN
    )
    pixels = gnomonic_pixels(NSIDE, catalogue.glon_deg, catalogue.glat_deg, GRID)
    np.testing.assert_array_equal(found.compton_y, values[pixels])


def test_half_differences_hold_the_noise_and_nothing_of_the_sky(tmp_path, catalogue):
    """Of a made-up file with two halves; a file that has none gives none."""
    rng = np.random.default_rng(2)
    sky, noise = rng.standard_normal((2, pixel_count(NSIDE)), dtype=np.float32)
    halves = {"FIRST": sky + noise, "LAST": sky - noise}
    path = tmp_path / "halves.fits"
    ymap = write_release(path, {"FULL": sky} | halves, ordering="RING", extension="Y-MAP")
    found = half_differences(ymap, catalogue, nside=NSIDE, grid=GRID)
    pixels = gnomonic_pixels(NSIDE, catalogue.glon_deg, catalogue.glat_deg, GRID)
    assert found is not None
    np.testing.assert_allclose(found, noise[pixels], atol=1e-6)
    full = write_release(tmp_path / "full.fits", {"FULL": sky}, ordering="RING", extension="Y-MAP")
    assert half_differences(full, catalogue, nside=NSIDE, grid=GRID) is None
