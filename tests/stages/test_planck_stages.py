"""The stages of Planck's sky: the stand-in, and the user's own files in its place."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from helpers import ROOT
from helpers.planck_release import BAD, write_release, write_spectrum
from szmass.params import Params
from szmass.planck.catalogue import read_psz2
from szmass.planck.files import PlanckFilesError, read_map, read_mask
from szmass.planck.stores import open_noise_store, open_psz2_store
from szmass.sky.healpix import pixel_count
from szmass.stages.compton.cut_psz2 import cut_psz2
from szmass.stages.compton.make_planck_sky import make_planck_sky

NSIDE = 256
SIZE = pixel_count(NSIDE)


class Settings:
    """A small sky, and where its files lie."""

    def __init__(self, params: Params, folder: Path) -> None:
        self.sections: dict[str, Any] = {
            "compton": replace(params.compton, pixels=32),
            "baryon_models": params.baryon_models,
            "planck_sky": replace(
                params.planck_sky,
                nside=NSIDE,
                lmax=767,
                development_realisations=1,
                point_sources=1000,
            ),
        }
        self.catalogue = folder / "every_eighth.fits"
        rows = fits.getdata(ROOT / params.paths["psz2_catalogue"])
        fits.BinTableHDU(rows[np.arange(len(rows)) % 8 == 0]).writeto(self.catalogue)
        self.spectrum = ROOT / params.paths["planck_noise_spectrum"]
        self.public = folder / "planck"
        self.public.mkdir()
        self.made: dict[str, Any] = {
            name: folder / params.paths[name].name
            for name in ("planck_ymap", "planck_masks", "noise_store")
        }
        self.psz2_store = folder / "psz2.zarr"

    def make(self) -> None:
        """Runs make_planck_sky."""
        make_planck_sky(
            1,
            **self.sections,
            psz2_catalogue=self.catalogue,
            planck_noise_spectrum=self.spectrum,
            planck_files=self.public,
            **self.made,
        )

    def cut(self) -> None:
        """Runs cut_psz2."""
        cut_psz2(
            **self.sections,
            psz2_catalogue=self.catalogue,
            **self.made,
            psz2_store=self.psz2_store,
        )


@pytest.fixture(scope="module")
def stand_in(params, tmp_path_factory) -> Settings:
    settings = Settings(params, tmp_path_factory.mktemp("stand_in"))
    settings.make()
    settings.cut()
    return settings


def test_the_stand_in_is_cut_with_its_truth(stand_in):
    store = open_psz2_store(stand_in.psz2_store)
    assert store.attributes["sky"] == "stand-in sky"
    compton_y = store.read("compton_y")
    assert compton_y.shape == (len(read_psz2(stand_in.catalogue).weighed()), 32, 32)
    assert np.isfinite(compton_y).all()
    bias = 1 - store.read("msz_1e14_msun") * 1e14 / store.read("m500c_true_msun")
    assert np.median(bias) == pytest.approx(0.08, abs=0.03)
    # clusters shine at their centres, the massive ones more
    centre = compton_y[:, 14:18, 14:18].mean(axis=(1, 2)) - np.median(compton_y, axis=(1, 2))
    assert np.mean(centre > 0) > 0.95
    assert 0.4 < store.read("golden").mean() < 0.6  # of 57 % outside of M1, a few sources


def test_the_stand_ins_halves_have_noise_of_their_own(stand_in):
    full, first, last = (
        read_map(stand_in.made["planck_ymap"], name, NSIDE) for name in ("FULL", "FIRST", "LAST")
    )
    np.testing.assert_allclose((first + last) / 2, full, atol=1e-10)
    assert ((first - last) / 2).std() == pytest.approx(1.2e-6, rel=0.1)


def test_the_stand_ins_masks(stand_in):
    kept = [read_mask(stand_in.made["planck_masks"], f"M{i}", NSIDE).mean() for i in range(1, 6)]
    np.testing.assert_allclose(kept[:4], [0.4, 0.5, 0.6, 0.7], atol=0.005)
    assert 0.99 < kept[4] < 1


def test_the_same_sky_again_is_the_same_bytes(stand_in, params, tmp_path):
    again = Settings(params, tmp_path)
    again.make()
    for name, path in stand_in.made.items():
        files = sorted(file for file in [path, *path.rglob("*")] if file.is_file())
        for file in files:
            assert file.read_bytes() == (again.made[name] / file.relative_to(path)).read_bytes()


@pytest.fixture
def released(params, tmp_path) -> Settings:
    """All four public files, of a sky that is nothing but 3e-6."""
    settings = Settings(params, tmp_path)
    maps = {name: np.full(SIZE, 3e-6, dtype=np.float32) for name in ("FULL", "FIRST", "LAST")}
    masks = {f"M{i}": np.ones(SIZE, dtype=np.uint8) for i in range(1, 6)}
    level = {"STDDEV": np.full(SIZE, 2e-6, dtype=np.float32)}
    maps["FULL"][::50], level["STDDEV"][::50] = BAD, BAD
    folder = settings.public
    write_release(folder / "milca_ymaps.fits", maps, ordering="NESTED", extension="Y-MAP")
    write_release(folder / "milca_stddev.fits", level, ordering="RING", extension="STDDEV")
    write_release(folder / "masks.fits", masks, ordering="RING", extension="MASKS")
    write_spectrum(folder / "milca_homnoise_spect.fits", np.full(4097, 4 * np.pi / 768**2))
    return settings


def test_real_files_take_the_stand_ins_place(released, tmp_path):
    cached = tmp_path / "cached"
    cached.write_bytes(b"an older sky")
    os.link(cached, released.made["planck_ymap"])  # as DVC does, from its cache
    released.make()
    assert cached.read_bytes() == b"an older sky"
    released.cut()
    store = open_psz2_store(released.psz2_store)
    assert store.attributes["sky"] == "Planck MILCA"
    compton_y = store.read("compton_y")
    assert np.isfinite(compton_y).all()
    assert (compton_y == np.float32(3e-6)).mean() == pytest.approx(0.98, abs=0.005)
    assert np.isnan(store.read("m500c_true_msun")).all()
    assert 0.5 < store.read("golden").mean() < 1  # the rest has a pixel without data
    # n = sigma g, unscaled: the spectrum up to lmax = 767 has variance 1
    noise_y = open_noise_store(released.made["noise_store"]).read("noise_y")
    assert noise_y.std() == pytest.approx(2e-6, rel=0.02)


def test_a_file_that_lacks_is_named(released):
    (released.public / "masks.fits").unlink()
    with pytest.raises(PlanckFilesError, match="no COM_.*masks_2048_R2.01.fits or masks.fits: exp"):
        released.make()


def test_real_files_of_another_nside(released):
    settings = released.sections["planck_sky"]
    released.sections["planck_sky"] = replace(settings, nside=512)
    with pytest.raises(PlanckFilesError, match="milca_stddev.fits: NSIDE = 256: expected 512"):
        released.make()


def test_a_real_map_that_is_cut_short_is_refused(released):
    path = released.public / "milca_ymaps.fits"
    with path.open("r+b") as file:
        file.truncate(100_000)
    with pytest.raises(PlanckFilesError, match="milca_ymaps.fits: is cut short"):
        released.make()
    assert not released.made["noise_store"].exists()
