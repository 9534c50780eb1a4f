"""`szmass doctor` as it is typed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from helpers import ROOT
from szmass.cli import main
from szmass.doctor.checkup import clone_root
from szmass.predict import released

HEAVY = ("tensorflow", "keras", "mlflow", "dvc", "numpy", "pydantic")


def lines(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """The state of each line, by what it is about."""
    printed = capsys.readouterr().out.splitlines()
    return {line[:22].strip(): line[23:29].strip() for line in printed}


def test_a_clone_is_found_from_below(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "src").mkdir()
    monkeypatch.chdir(root / "src")
    assert clone_root() == root
    (root / "params.yaml").unlink()
    assert clone_root() is None


def test_any_folder_is_ok_and_a_damaged_record_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    main(["doctor"])
    found = lines(capsys)
    assert set(found) == {
        *("Python", "szmass", "extras", "disk, working folder", "disk, temporary", "memory"),
        *("GPU", "Keras", "record"),
    }
    monkeypatch.setattr(released, "sha256", lambda _: "0" * 64)
    with pytest.raises(SystemExit, match="szmass: 1 thing is wrong"):
        main(["doctor"])
    assert lines(capsys)["record"] == "wrong"


def test_a_clone_has_more_lines_and_nothing_heavy_is_imported(tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "params.yaml").touch()
    code = "import sys; from szmass.cli import main; main(['doctor'])"
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT / "src"), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        check=False,
        capture_output=True,
        text=True,
    )
    printed = [line[:22].strip() for line in done.stdout.splitlines()]
    assert printed[9:] == ["disk, DVC's cache", "MLflow", "code", "dvc.lock", "DVC's locks"]
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "szmass.doctor.remotes" in imported
    assert not imported & set(HEAVY)
    assert done.returncode == 1, "szmass runs from another folder than this clone"
