"""The Python of the documentation runs, and gives what the page shows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import healpy
import numpy as np
import pytest

from helpers import ROOT, pages
from helpers.mock_stores import small_params, write_stores, write_whole
from helpers.planck_release import write_release, write_spectrum
from helpers.recording import ListRun
from szmass.cli import main
from szmass.params import Params
from szmass.planck.stores import noise_spec
from szmass.sky.grid import PixelGrid
from szmass.sky.scaling import ScalingRelation

NSIDE, LMAX = 64, 128
BLOCKS = [
    pytest.param(block, id=f"{page.stem}-{number}")
    for page in pages.PAGES
    for number, block in enumerate(pages.python_blocks(page.read_text()))
]
FIRST_MASSES = (ROOT / "docs" / "first_masses.md").read_text()


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory, params: Params) -> Path:
    """A folder like the repository after `make repro`, with small stores and maps of Planck's."""
    folder = tmp_path_factory.mktemp("reader")
    for name in ("params.yaml", "models/released", "data/reference/planck_noise_powspec.csv"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(ROOT / name)
    write_stores(folder / "data" / "compton", small_params(params))
    write_planck(folder / "data" / "reference" / "planck")
    return folder


def write_planck(folder: Path) -> None:
    """Writes the four public files, of an Nside that is quickly read."""
    folder.mkdir()
    size = healpy.nside2npix(NSIDE)
    y = np.random.default_rng(1).normal(0.0, 1e-6, size).astype(np.float32)
    masks = {name: (np.arange(size) % 5 < kept).astype("f4") for name, kept in MASKS.items()}
    for name, columns, extension in (
        ("milca_ymaps", {"FULL": y}, "Y-MAP"),
        ("milca_stddev", {"ANY": np.full(size, 1e-6, np.float32)}, "STDDEV"),
        ("masks", masks, "MASKS"),
    ):
        write_release(folder / f"{name}.fits", columns, ordering="RING", extension=extension)
    write_spectrum(folder / "milca_homnoise_spect.fits", np.full(LMAX + 1, 1e-3))


MASKS = {"M1": 2, "M5": 4}
"""Fifths of the sky that are kept."""


def run(block: str) -> dict[str, Any]:
    """What a block leaves behind."""
    names: dict[str, Any] = {}
    exec(compile(block, "documentation", "exec"), names)  # noqa: S102  # our own pages
    return names


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_runs(block: str, reader: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(reader)
    run(block.replace("nside = 2048", f"nside = {NSIDE}"))


def test_a_block_that_is_not_run_says_why() -> None:
    text = "a\n\n```python\nx = 1\n```\n\n<!-- not run: too long -->\n```python\ny = 1\n```\n"
    assert pages.python_blocks(text) == ["x = 1\n"]
    every = sum(page.read_text().count("```python\n") for page in pages.PAGES)
    assert len(BLOCKS) == every - 2, "one needs networks that are trained, one a model's server"


def test_the_first_mass_is_the_one_that_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    main(["predict", "--example"])
    printed = capsys.readouterr().out.splitlines()
    (shown,) = (
        block
        for language, block in pages.FENCED.findall(FIRST_MASSES)
        if not language or language == "text"
    )
    lines = shown.splitlines()
    # another record has another version, and moves a mass by a little of its width
    numbers = re.compile(r"(?<=version )[0-9a-f]+|\d+(?:\.\d+)?")
    assert [numbers.sub("", line).split() for line in lines] == [
        numbers.sub("", line).split() for line in printed
    ]
    (_, mass, *_), (_, shown_mass, *_) = (
        [float(number) for number in numbers.findall(text)] for text in (printed[1], lines[1])
    )
    assert mass == pytest.approx(shown_mass, rel=0.05)
    assert (tmp_path / "example.png").is_file()


def test_planck_files_show_the_numbers_that_the_page_asks_for(
    reader: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(reader)
    (block,) = pages.python_blocks((ROOT / "docs" / "your_data.md").read_text())
    run(block.replace("nside = 2048", f"nside = {NSIDE}"))
    sky, masks, spectrum = capsys.readouterr().out.splitlines()
    assert sky.startswith(f"{healpy.nside2npix(NSIDE)} 0.0 ")
    assert [float(kept) for kept in re.findall(r"0\.\d+", masks)] == pytest.approx(
        [fifths / 5 for fifths in MASKS.values()], abs=1e-4
    )
    assert spectrum.startswith(f"{LMAX + 1} ")


def test_the_relation_comes_out_as_put_in(
    reader: Path,
    params: Params,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(reader)
    (block,) = (
        block
        for block in pages.python_blocks((ROOT / "docs" / "extend.md").read_text())
        if "fitted_relation" in block
    )
    run(block)
    found = eval(capsys.readouterr().out, {"ScalingRelation": ScalingRelation})  # noqa: S307
    (name,) = re.findall(r"\.index\(\"(\w+)\"\)", block)
    gas = params.baryon_models[name]
    assert (found.alpha, found.log10_b) == pytest.approx((gas.alpha, gas.log10_b), abs=0.02)


def test_the_example_of_a_stage_measures_the_noise(tmp_path: Path) -> None:
    block, *_ = pages.python_blocks((ROOT / "docs" / "extend.md").read_text())
    store, metrics, recorded = tmp_path / "noise.zarr", tmp_path / "noise.json", ListRun()
    noise = np.random.default_rng(1).normal(0.0, 1e-6, (3, 4, 4)).astype(np.float32)
    write_whole(store, noise_spec(3, PixelGrid(4, 1.7)), {"noise_y": noise})
    run(block)["measure_noise"](noise_store=store, noise_metrics=metrics, run=recorded)
    ((name, value, _),) = recorded.metrics
    assert name == "noise_rms_y"
    assert value == pytest.approx(noise.std())
    assert "noise_rms_y" in metrics.read_text()
