"""What `pip install` of the wheel gives: masses in any folder, without the pipeline's libraries."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from tarfile import open as open_tar
from zipfile import ZipFile

import numpy as np
import pytest
from astropy.io import fits

from helpers import ROOT
from helpers.package_index import skip_without_index
from szmass.predict.released import RECORD_FACTS_FILE, RECORD_FILE, RECORDS

MOST_BYTES = 400e6
HEAVY = ("tensorflow", "keras", "dvc", "mlflow", "dask", "camb", "zarr", "pandas", "pydantic")
UV = Path(sys.executable).with_name("uv")
PIXELS, PIXEL_DEG = 96, 1.7 / 60.0


def uv(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(UV), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source distribution."""
    folder = tmp_path_factory.mktemp("dist")
    done = uv("build", "--quiet", "--wheel", "--sdist", "--out-dir", folder, ROOT)
    skip_without_index(done)
    return folder


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel in it, compiled as pip does."""
    environment = tmp_path_factory.mktemp("environment")
    python = environment / "bin" / "python"
    assert uv("venv", "--quiet", "--python", sys.executable, environment).returncode == 0
    (wheel,) = built.glob("*.whl")
    skip_without_index(
        uv("pip", "install", "--quiet", "--compile-bytecode", "--python", python, wheel)
    )
    return environment


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder: a bright spot in noise as `.npy` and as FITS, and two tables of masses."""
    folder = tmp_path_factory.mktemp("user")
    row, column = np.indices((PIXELS, PIXELS)) - (PIXELS - 1) / 2.0
    noise = np.random.default_rng(1).normal(0.0, 5e-7, (PIXELS, PIXELS))
    image = (2e-5 * np.exp(-(row**2 + column**2) / 32.0) + noise).astype("f4")
    np.save(folder / "cutout.npy", image)
    hdu = fits.PrimaryHDU(image)
    hdu.header.update({"CDELT1": -PIXEL_DEG, "CDELT2": PIXEL_DEG, "REDSHIFT": 0.3})
    hdu.writeto(folder / "cutout.fits")
    rng = np.random.default_rng(2)
    masses_1e14 = np.exp(rng.normal(1.6, 0.4, 30))
    for name, scale in (("ours", 0.8), ("theirs", 1.0)):
        with (folder / f"{name}.csv").open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["name", "redshift", "m500_1e14_msun", "m500_err_1e14_msun"])
            for number, mass in enumerate(masses_1e14 * scale * np.exp(rng.normal(0.0, 0.1, 30))):
                table.writerow([f"C{number}", 0.1 + 0.01 * number, mass, 0.1 * mass])
    return folder


def run(
    installed: Path, folder: Path, program: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Runs a program of the environment in the user's folder, with nothing of this process."""
    return subprocess.run(
        [str(installed / "bin" / program), *arguments],
        cwd=folder,
        env={"PATH": str(installed / "bin"), "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def printed(installed: Path, folder: Path, program: str, *arguments: str) -> str:
    done = run(installed, folder, program, *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_the_record_is_in_what_is_built(built: Path) -> None:
    (wheel,), (source,) = built.glob("*.whl"), built.glob("*.tar.gz")
    with ZipFile(wheel) as archive:
        for name in (RECORD_FILE, RECORD_FACTS_FILE):
            expected = (RECORDS / name).read_bytes()
            assert archive.read(f"szmass/records/{name}") == expected
        assert all(name.startswith(("szmass/", "szmass-")) for name in archive.namelist())
    with open_tar(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"src/szmass/records/{name}" for name in (RECORD_FILE, RECORD_FACTS_FILE)} <= names


def test_it_is_small_and_brings_nothing_of_the_pipeline(installed: Path, folder: Path) -> None:
    size = sum(path.lstat().st_size for path in installed.rglob("*"))
    assert size <= MOST_BYTES, f"{size / 1e6:.0f} MB"
    code = f"from importlib.util import find_spec; print([n for n in {HEAVY} if find_spec(n)])"
    assert printed(installed, folder, "python", "-c", code) == "[]\n"


def test_masses_of_files(installed: Path, folder: Path) -> None:
    text = printed(installed, folder, "szmass", "predict", "cutout.npy", "--redshift", "0.3")
    assert "(with the gas)" in text
    assert "\nmodel: weighing, released with szmass " in text
    of_array, of_image = (
        json.loads(printed(installed, folder, "szmass", "predict", "--json", *words))
        for words in (["cutout.npy", "--redshift", "0.3"], ["cutout.fits"])
    )
    assert of_array["models"] == "weighing"
    (cluster,), (same) = of_array["clusters"], of_image["clusters"][0]
    assert cluster["m500_msun_p2p5"] < cluster["m500_msun"] < cluster["m500_msun_p97p5"]
    assert same["m500_msun"] == cluster["m500_msun"]
    assert any("REDSHIFT" in note for note in of_image["notes"])


def test_the_example(installed: Path, folder: Path) -> None:
    done = run(installed, folder, "szmass", "predict", "--example", "--out", "masses.ecsv")
    assert done.returncode == 0
    assert done.stdout.splitlines()[1].startswith("example.fits")
    missing = "no picture: a picture needs matplotlib, which is missing: pip install"
    assert f'{missing} "szmass[figures]"' in done.stderr
    assert "unit: solMass" in (folder / "masses.ecsv").read_text()


def test_masses_in_python(installed: Path, folder: Path) -> None:
    code = (
        "import sys, numpy, szmass; "
        "found = szmass.weigh(numpy.load('cutout.npy'), 0.3); "
        "print(found.m500_msun[0], *sys.modules)"
    )
    mass, *modules = printed(installed, folder, "python", "-c", code).split()
    answer = printed(
        installed, folder, "szmass", "predict", "cutout.npy", "--redshift", "0.3", "--json"
    )
    assert float(mass) == json.loads(answer)["clusters"][0]["m500_msun"]
    assert not {"matplotlib", "h5py", "healpy", "astropy"} & set(modules), "not for an array"


def test_masses_beside_others(installed: Path, folder: Path) -> None:
    words = ("check-masses", "theirs.csv", "--masses", "ours.csv", "--json")
    found = json.loads(printed(installed, folder, "szmass", *words))
    assert found["one_minus_b"]["p2p5"] < 0.8 < found["one_minus_b"]["p97p5"]
    assert len(found["clusters"]) == 30


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("report",), 'szmass report needs dvc, which is missing: pip install "szmass[pipeline]"'),
        (
            ("predict", "--models", "cnn", "cutout.fits"),
            'predict --models cnn needs dvc, which is missing: pip install "szmass[pipeline]"',
        ),
        (
            ("predict", "none.zarr", "--redshift", "0.3"),
            'a Zarr store needs zarr, which is missing: pip install "szmass[zarr]"',
        ),
        (
            ("check-masses", "theirs.csv", "--masses", "ours.csv", "--figure", "a.png"),
            'needs matplotlib, which is missing: pip install "szmass[figures]"',
        ),
        (("check-masses", "theirs.csv"), "expected --masses FILE: "),
        (
            ("predict", "cutout.fits", "--models", "cnns"),
            "models 'cnns': expected weighing (the default), ",
        ),
    ],
)
def test_what_is_missing_is_said_in_a_line(
    installed: Path, folder: Path, words: tuple[str, ...], message: str
) -> None:
    done = run(installed, folder, "szmass", *words)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    # where no map is left, the reason stands below
    assert len(done.stderr.splitlines()) <= 2


def test_the_help_needs_nothing(installed: Path, folder: Path) -> None:
    assert "predict" in printed(installed, folder, "szmass", "--help")


@pytest.mark.parametrize(
    ("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)]
)
def test_without_a_network_the_reason_is_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", ci)
    environment = ("--offline", "--cache-dir", tmp_path, "--python", sys.executable)
    done = uv("pip", "install", "--dry-run", "--reinstall", *environment, "hatchling")
    with pytest.raises(outcome, match=r"^needs packages of the index, .* network .*"):
        skip_without_index(done)
