"""A dvc.lock that cannot say what a stage's inputs were."""

from __future__ import annotations

from pathlib import Path

import pytest

from szmass.verify import VerifyError, require_as_made

CUT = """\
schema: '2.0'
stages:
  simulate_microwave:
    cmd: python -m szmass simulate_microwave
    outs:
    - path: data/microwave.zarr
"""


def test_an_output_without_its_digest_is_named_with_what_to_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dvc.lock").write_text(CUT)
    with pytest.raises(VerifyError, match=r"dvc.lock: an output without 'md5'.*git restore"):
        require_as_made("train_mresunet", [Path("data/microwave.zarr")])
