"""What `szmass predict` prints says what its intervals are of, and what they leave out."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import termios
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from helpers import ROOT
from szmass.cli import main
from szmass.predict.cnn import RELEASE, Answer, Models
from szmass.predict.command import Wanted, usable_maps
from szmass.sky.grid import PixelGrid

GRID = PixelGrid(16, 1.7)
SIDE_DEG = GRID.pixel_arcmin / 60.0

MASSES = {"_p2p5": 3e14, "_p16": 4e14, "": 5e14, "_p84": 6e14, "_p97p5": 7e14}
ANSWER = Answer(
    names=["near", "far"],
    columns={f"m500_msun{name}": [mass, 2 * mass] for name, mass in MASSES.items()}
    | {
        "redshift": [0.3, 0.6],
        "bin": ["z3", "z4"],
        "log10_m500": [14.7, 15.0],
        "out_of_range": [False, True],
        "out_of_range_reason": ["", "mass above those of the training"],
    },
    problems=[],
    models=Models(RELEASE, Path("cnn"), Path("cnn_posterior"), "laptop", 2048),
    model_version="1",
    made_with="two networks",
    priors={"z3": "many clusters"},
)


def test_the_table_has_a_row_a_cluster_and_says_what_its_intervals_are() -> None:
    table, _, below = ANSWER.as_text().partition("\n\n")
    near, far = table.splitlines()[1:]
    assert re.split("  +", near) == ["near", "0.3", "5.00", "4.00 - 6.00", "3.00 - 7.00", "no"]
    assert far.endswith("mass above those of the training")
    assert below.splitlines()[:3] == [
        "intervals: of the paper's posterior, which knows the redshift bin alone;",
        "they do not include the uncertainty of the gas",
        "models: released with szmass, trained at scale laptop",
    ]


def test_json_keeps_the_keys_of_version_0_that_still_mean_something() -> None:
    content = json.loads(ANSWER.as_json())
    assert content["prior"] == {"z3": "many clusters"}
    assert content["clusters"][1] == {
        "name": "far",
        "redshift": 0.6,
        "bin": "z4",
        **{f"m500_msun{name}": 2 * mass for name, mass in MASSES.items()},
        "log10_m500": 15.0,
        "out_of_range": True,
        "out_of_range_reason": "mass above those of the training",
    }


def test_the_masses_alone_are_the_table() -> None:
    assert ANSWER.as_text().startswith(f"{ANSWER.masses_as_text()}\n\nintervals")
    assert len(ANSWER.masses_as_text().splitlines()) == 3


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a wide map: two images of it, NaN at an edge, and a redshift."""
    monkeypatch.chdir(tmp_path)
    image = np.random.default_rng(1).normal(0.0, 1e-6, (90, 100)).astype("f4")
    image[:, :3] = np.nan
    part = fits.ImageHDU(image, name="YMAP")
    part.header.update({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "BUNIT": "1", "REDSHIFT": 0.25})
    part.header.update({"CDELT1": -SIDE_DEG, "CDELT2": SIDE_DEG, "CRPIX1": 60.5, "CRPIX2": 30.5})
    part.header.update({"CRVAL1": 194.95, "CRVAL2": 27.98})
    noise = fits.ImageHDU(np.zeros((4, 4)), name="NOISE")
    fits.HDUList([fits.PrimaryHDU(), part, noise]).writeto("wide.fits")
    return tmp_path


def test_a_cutout_is_made_of_the_named_image_around_the_named_place(folder: Path) -> None:
    wanted = Wanted(files=[Path("wide.fits")], hdu="ymap", centre="194.95d,27.98d")
    maps = usable_maps(wanted, GRID, None)
    assert maps.problems == []
    image = fits.getdata("wide.fits", "YMAP")
    # column 59.5, row 29.5, between four pixels: none is interpolated
    np.testing.assert_array_equal(maps.cutouts[0], image[22:38, 52:68])
    assert maps.read == [
        (
            "wide.fits: HDU 1 (YMAP), 90 x 100 pixels of 1.7' (CDELT), unit '1' (BUNIT), "
            "redshift 0.25 (REDSHIFT)"
        )
    ]
    assert "centre at column 59.50, row 29.50 (194.95d,27.98d)" in maps.notes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"centre": "2,30"}, "wide.fits: a cutout of 27.2' around column 2.0, row 30.0 is not wit"),
        ({"centre": "9,30"}, "masked or not finite, the first at row 0, column 0"),
        ({"centre": "9,30", "fill_nan": True}, "within 40' of the centre are masked or NaN"),
        ({"centre": "10d,-80d"}, "no pixel of the map's projection is there"),
        ({"centre": "60,30", "hdu": "MASK"}, "HDU 'MASK': not there"),
    ],
)
def test_a_place_or_an_image_that_is_not_there_names_the_file(
    folder: Path, options: dict[str, str], message: str
) -> None:
    wanted = Wanted(files=[Path("wide.fits")], **({"hdu": "1"} | options))  # type: ignore[arg-type]
    (line,) = usable_maps(wanted, GRID, None).problems
    assert line.startswith("wide.fits: ")
    assert message in line


def test_margins_are_filled_and_it_is_said(folder: Path) -> None:
    wide = PixelGrid(60, 1.7)
    options = {"files": [Path("wide.fits")], "hdu": "1", "centre": "30.5,45.5"}
    (problem,) = usable_maps(Wanted(**options), wide, None).problems  # type: ignore[arg-type]
    assert "pixels are masked or not finite" in problem
    maps = usable_maps(Wanted(**options, fill_nan=True), wide, None)  # type: ignore[arg-type]
    assert np.isfinite(maps.cutouts[0]).all()
    assert any(re.match("120 pixels without data filled with noise of ", n) for n in maps.notes)


def test_a_contradicting_redshift_and_unused_columns_are_said(folder: Path) -> None:
    maps = usable_maps(
        Wanted(files=[Path("wide.fits")], hdu="1", centre="60,30", redshift="0.5"), GRID, None
    )
    assert maps.redshifts == [0.5]
    said = "redshift 0.5 (--redshift) is used, but the file says 0.25 (REDSHIFT)"
    assert maps.warnings == [f"wide.fits: {said}"]
    Path("t.csv").write_text("FILE,Redshift,snr\nwide.fits,0.25,4\n")
    maps = usable_maps(Wanted(table=Path("t.csv"), hdu="1", centre="60,30"), GRID, None)
    (line,) = maps.warnings
    assert line.startswith("t.csv: columns that are not used: snr")


def test_options_of_cutouts_are_not_for_a_sky(folder: Path) -> None:
    with pytest.raises(SystemExit, match="--centre is for cutouts, not for a map of the sky"):
        main(["predict", "--ymap", "y.fits", "--catalogue", "c.fits", "--centre", "1,1"])
    with pytest.raises(SystemExit, match="centre = 'here': expected X,Y in pixels from 0"):
        main(["predict", "wide.fits", "--centre", "here"])


READ = (
    "from pathlib import Path; from szmass.predict import command; "
    "from szmass.sky.grid import PixelGrid; command.SHOWN_AFTER_S = 0.0; "
    "w = command.Wanted(files=[Path('wide.fits')] * 9, hdu='1', centre='60,30', progress={}); "
    "command.usable_maps(w, PixelGrid(16, 1.7), None)"
)


@pytest.mark.parametrize(("terminal", "asked"), [(True, True), (True, False), (False, True)])
def test_a_terminal_alone_is_shown_how_far_it_is(folder: Path, terminal: bool, asked: bool) -> None:
    ours, theirs = pty.openpty() if terminal else os.pipe()
    if terminal:
        termios.tcsetwinsize(theirs, (24, 80))
    subprocess.run(
        [sys.executable, "-c", READ.format(asked)],
        env={"PYTHONPATH": str(ROOT / "src")},
        stderr=theirs,
        check=True,
    )
    os.set_blocking(ours, False)
    try:
        shown = os.read(ours, 10_000).decode()
    except BlockingIOError:
        shown = ""
    assert ("reading maps" in shown) == (terminal and asked)
