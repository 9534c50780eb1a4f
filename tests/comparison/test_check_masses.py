"""`szmass check-masses` from the command line, on planted tables."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from helpers.committed import SETTINGS
from szmass.cli import main
from szmass.storage.mass_tables import write_mass_tables

COUNT = 60
ONE_MINUS_B = 0.8


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose catalogue has masses of 0.8 times those of `lensing.csv`."""
    (tmp_path / "params.yaml").symlink_to(SETTINGS)
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    truth = rng.normal(np.log(5e14), 0.4, COUNT)
    ours = truth + np.log(ONE_MINUS_B) + rng.normal(0.0, 0.1, COUNT)
    ours, reference = (values + rng.normal(0.0, 0.1, COUNT) for values in (ours, truth))
    sky = np.array([rng.uniform(0, 360, COUNT), rng.uniform(-60, 60, COUNT)])
    redshift = rng.uniform(0.1, 0.5, COUNT)
    columns = {
        "name": np.array([f"PSZ2 G{row:03}" for row in range(COUNT)]),
        "glon_deg": sky[0],
        "glat_deg": sky[1],
        "redshift": redshift,
        "m500_msun": np.exp(ours),
        "m500_msun_p16": np.exp(ours - 0.1),
        "m500_msun_p84": np.exp(ours + 0.1),
        "out_of_range": np.arange(COUNT) < 6,
    }
    write_mass_tables(
        Path("data/psz2_masses.fits"), Path("data/x.csv"), columns, {"SKY": "stand-in sky"}
    )
    rows = [
        f"C{row},{sky[0, row]},{sky[1, row]},{redshift[row]},"
        f"{np.exp(reference[row]) / 1e14},{0.1 * np.exp(reference[row]) / 1e14}"
        for row in range(COUNT)
    ]
    header = "name,glon_deg,glat_deg,redshift,m500_1e14_msun,m500_err_1e14_msun"
    Path("lensing.csv").write_text("\n".join([header, *rows]) + "\n")
    return tmp_path


def test_it_prints_what_was_planted_and_what_was_taken_for_what(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["check-masses", "lensing.csv"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == (
        "data/psz2_masses.fits: 60 clusters; of the stand-in sky, which says nothing about real "
        "clusters"
    )
    assert lines[1].endswith(
        "mass m500_msun [Msun]; percentiles m500_msun_p16 [Msun]; percentiles m500_msun_p84 [Msun]"
    )
    assert lines[3].endswith(
        "mass m500_1e14_msun [1e14 Msun]; error m500_err_1e14_msun [1e14 Msun]"
    )
    assert lines[4].startswith("pairs by position: 60, 6 of them out of range; not paired, since")
    number = lines[6].split()
    assert number[:3] == ["1", "-", "b"]
    assert float(number[3]) == pytest.approx(ONE_MINUS_B, abs=0.06)
    assert [line.split()[0] for line in lines[7:9]] == ["slope", "scatter"]
    assert lines[-4].startswith("- selection: ")


def test_it_prints_json(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["check-masses", "lensing.csv", "--json", "--in-range", "--pivot-1e14", "4"])
    content = json.loads(capsys.readouterr().out)
    assert content["one_minus_b"]["p2p5"] < ONE_MINUS_B < content["one_minus_b"]["p97p5"]
    assert content["slope"]["p2p5"] < 1.0 < content["slope"]["p97p5"]
    assert content["scatter_ln_mass"]["p2p5"] < 0.1 < content["scatter_ln_mass"]["p97p5"]
    assert content["pivot_msun"] == 4e14
    assert content["sky"] == "stand-in sky"
    assert len(content["clusters"]) == COUNT - 6
    cluster = content["clusters"][0]
    assert (cluster["name"], cluster["reference_name"]) == ("PSZ2 G006", "C6")
    assert cluster["separation_arcmin"] < 0.01
    assert cluster["ln_error"] == pytest.approx(0.1)


@pytest.mark.parametrize(("name", "start"), [("a.png", b"\x89PNG"), ("b.pdf", b"%PDF")])
def test_the_same_masses_give_the_same_figure(project: Path, name: str, start: bytes) -> None:
    content = []
    for _ in range(2):
        main(["check-masses", "lensing.csv", "--figure", name])
        content.append(Path(name).read_bytes())
    assert content[0].startswith(start)
    assert content[0] == content[1]


def test_rows_that_are_left_out_are_named(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = Path("lensing.csv").read_text().splitlines()
    lines[3] = ",".join([*lines[3].split(",")[:4], "-1", "1"])
    Path("bad.csv").write_text("\n".join(lines))
    message = r"bad.csv, line 4 \(C2\): column 'm500_1e14_msun' = -1: expected 1e12 to 1e17 Msun"
    with pytest.raises(SystemExit, match=f"^szmass: {message}"):
        main(["check-masses", "bad.csv"])
    main(["check-masses", "bad.csv", "--skip-bad-rows"])
    printed = capsys.readouterr()
    assert "bad.csv: 59 clusters" in printed.out
    assert printed.err.startswith("szmass: rows left out:\nbad.csv, line 4 (C2): column")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--figure", "a.jpg"], "a.jpg: expected a name that ends in .png or .pdf"),
        (["--pivot-1e14", "0"], "--pivot-1e14 = 0: expected a number above 0"),
        (["--mass-unit-msun", "-1"], "--mass-unit-msun = -1: expected a number above 0"),
        (["--masses", "no.fits"], "no.fits: not found: dvc repro weigh_psz2, or name it: --masses"),
        (["--mass-column", "m"], "lensing.csv: no column 'm'; it has name, glon_deg"),
        (["--max-dz", "0"], "--max-dz = 0: expected a number above 0"),
    ],
)
def test_what_cannot_be_compared_is_said_in_one_line(
    project: Path, options: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["check-masses", "lensing.csv", *options])
    assert str(raised.value).startswith(f"szmass: {message}")
    assert "\n" not in str(raised.value)
