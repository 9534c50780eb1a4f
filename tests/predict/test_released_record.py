"""The record that travels in the wheel: whole, of a gate that passed, put there by a release."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from time import process_time

import numpy as np
import pytest

from helpers import ROOT
from helpers.committed import SETTINGS
from helpers.mock_record import mock_record
from helpers.pages import spans
from szmass.hashes import sha256
from szmass.params import Params
from szmass.predict.release import write_record_release
from szmass.predict.released import (
    RECORD_FACTS_FILE,
    RECORD_FILE,
    RECORDS,
    ReleaseError,
    released_record,
)
from szmass.weighing.judgement.gate import GateError
from szmass.weighing.record import Record
from szmass.weighing.weigher import AT_ONCE, Weigher

CHECK = {"group": "all", "what": "coverage_68", "clusters": 6000, "found": 0.68, "passed": True}


def maps(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Spots of any height in noise, y on the record's grid, and redshifts."""
    rng = np.random.default_rng(4)
    grid = Record.read(released_record().path).facts.grid
    spot = np.exp(-0.5 * (grid.radius_arcmin / 6.0) ** 2)
    height = rng.uniform(0.0, 5e-5, (count, 1, 1))
    images = rng.normal(0.0, 1.2e-6, (count, *spot.shape)) + height * spot
    return images.astype(np.float32), rng.uniform(0.02, 0.9, count)


def test_it_is_what_its_release_says() -> None:
    facts = json.loads((RECORDS / RECORD_FACTS_FILE).read_text())
    released = released_record()
    assert released.path == RECORDS / RECORD_FILE
    assert facts["record_sha256"] == sha256(released.path)
    assert facts["record_bytes"] == released.path.stat().st_size < 1e6
    record = Record.read(released.path)
    assert record.facts.survey == "planck"
    assert facts["model_version"] == record.facts.model_version
    assert facts["gate"]["success"] is True
    assert facts["gate"]["checks"] > 50
    assert facts["gate"]["clusters"] >= 1000
    assert re.fullmatch("[0-9a-f]{64}", facts["gate"]["verdict_sha256"])
    assert facts["settings"]["weighing"]["networks"] == record.facts.networks


def test_a_mass_does_not_depend_on_the_maps_beside_it() -> None:
    """To the last bit, wherever among others a map stands."""
    images, redshift = maps(300)
    weigher = Weigher(Record.read(released_record().path))

    def weighed(rows: slice | list[int]) -> dict[str, np.ndarray]:
        inputs = weigher.inputs(images[rows], redshift[rows])
        columns = weigher(inputs, prior="psz2", gas="gadget_x")
        return columns | weigher.novelty(inputs, columns["m500_msun"])

    together = weighed(slice(None))
    assert (together["m500_msun_p16"] < together["m500_msun_p84"]).all()
    for rows in ([0], [299], [7, 150, 7], list(range(120, 260))):
        for name, values in weighed(rows).items():
            np.testing.assert_array_equal(values, together[name][rows], err_msg=name)


def test_a_map_alone_costs_a_part_of_what_a_block_does() -> None:
    images, redshift = maps(AT_ONCE)
    weigher = Weigher(Record.read(released_record().path))

    def seconds(count: int) -> float:
        inputs = weigher.inputs(images[:count], redshift[:count])
        started = process_time()
        weigher(inputs, prior="psz2", gas="gadget_x")
        return process_time() - started

    alone, block = (min(seconds(count) for _ in range(4)) for count in (1, AT_ONCE))
    assert alone < 0.4 * block


@pytest.fixture
def project(params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Paths of a small record and of a verdict on it, in the current folder."""
    monkeypatch.chdir(tmp_path)
    paths = {name: tmp_path / path for name, path in params.paths.items()}
    mock_record(params).write(paths["weighing_record"])
    paths["weighing_verdict"].parent.mkdir()
    write_verdict(paths)
    paths["weighing_microwave_verdict"].write_text(json.dumps({"success": True, "failed": []}))
    return paths


def write_verdict(paths: dict[str, Path], *failed: str) -> None:
    content = {"success": not failed, "failed": list(failed), "checks": [CHECK]}
    content["record_sha256"] = sha256(paths["weighing_record"])
    paths["weighing_verdict"].write_text(json.dumps(content))


def release(paths: dict[str, Path], folder: Path) -> dict:
    return write_record_release(folder, scale="tiny", params_file=SETTINGS, paths=paths)


def test_a_release_is_taken_up(project: dict[str, Path], tmp_path: Path) -> None:
    facts = release(project, tmp_path / "records")
    assert facts == json.loads((tmp_path / "records" / RECORD_FACTS_FILE).read_text())
    found = released_record(tmp_path / "records")
    assert (found.scale, found.szmass_version) == ("tiny", facts["szmass_version"])
    assert found.path.read_bytes() == project["weighing_record"].read_bytes()
    assert facts["gate"]["verdict_sha256"] == sha256(project["weighing_verdict"])
    formats = (ROOT / "docs" / "formats.md").read_text()
    (paragraph,) = (text for text in formats.split("\n\n") if text.startswith("`szmass release`"))
    assert set(facts) - {"git.rev", "git.dirty"} <= set(spans(paragraph.partition(", with ")[2]))


def test_a_gate_that_failed_stops_the_release(project: dict[str, Path], tmp_path: Path) -> None:
    write_verdict(project, "all: coverage_68 = 0.590 of 6000 clusters: expected 0.68")
    with pytest.raises(
        GateError, match=r"fails its checks:\nall: coverage_68 = 0.590 of 6000 clusters"
    ):
        release(project, tmp_path / "records")
    assert not (tmp_path / "records").exists()


def test_a_method_that_failed_its_gate_is_not_released(
    project: dict[str, Path], tmp_path: Path
) -> None:
    content = {"success": False, "failed": ["scatter_test: divergence_nats = 0.03"]}
    project["weighing_microwave_verdict"].write_text(json.dumps(content))
    with pytest.raises(GateError, match="divergence_nats"):
        release(project, tmp_path / "records")
    assert not (tmp_path / "records").exists()


def test_a_verdict_on_another_record_stops_the_release(
    project: dict[str, Path], tmp_path: Path
) -> None:
    content = json.loads(project["weighing_verdict"].read_text())
    project["weighing_verdict"].write_text(json.dumps(content | {"record_sha256": "0" * 64}))
    with pytest.raises(GateError, match="judged a record of sha256 000000000000..., .*planck.npz"):
        release(project, tmp_path / "records")
    del content["record_sha256"]
    project["weighing_verdict"].write_text(json.dumps(content))
    with pytest.raises(GateError, match="cannot be read as the gate's verdict: KeyError"):
        release(project, tmp_path / "records")
    assert not (tmp_path / "records").exists()


def flip(folder: Path) -> None:
    content = bytearray((folder / RECORD_FILE).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / RECORD_FILE).write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (flip, "planck.npz: damaged: its sha256 is"),
        (lambda folder: (folder / RECORD_FILE).unlink(), "planck.npz: not there"),
        (lambda folder: (folder / RECORD_FACTS_FILE).unlink(), "planck.json: not there"),
        (lambda folder: (folder / RECORD_FACTS_FILE).write_text("{}"), "planck.json: cannot be re"),
        (
            lambda folder: (folder / RECORD_FACTS_FILE).write_text('{"format": 1}'),
            "planck.json: cannot be read: KeyError",
        ),
    ],
)
def test_damage_is_named(damage: Callable[[Path], object], message: str, tmp_path: Path) -> None:
    shutil.copytree(RECORDS, tmp_path / "records")
    damage(tmp_path / "records")
    with pytest.raises(ReleaseError, match=f"{message}.*install szmass again, or name a record"):
        released_record(tmp_path / "records")
