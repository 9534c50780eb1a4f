"""What the report reads, in a folder of its own: the committed numbers, and small pictures."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

from PIL import Image

from helpers import ROOT
from helpers.committed import SETTINGS
from szmass.report.page import PARTS, TOP
from szmass.report.results import files_of, metrics_file


def picture(width: int = 40, height: int = 30) -> bytes:
    """A PNG image."""
    file = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(file, "PNG")
    return file.getvalue()


def write_inputs(folder: Path) -> None:
    """Fills a project's folder; its figures are small pictures, its verdicts short."""
    shutil.copytree(ROOT / "scales", folder / "scales")
    for copied in (SETTINGS, ROOT / "dvc.yaml", ROOT / "dvc.lock"):
        shutil.copy(copied, folder)
    top = [metrics_file(headline.metrics) for headline in TOP]
    for file in dict.fromkeys([*files_of(PARTS), *top]):
        target = folder / "metrics" / file
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.suffix == ".png":
            target.write_bytes(picture())
        else:
            shutil.copy(ROOT / "metrics" / file, target)
    rows = (
        ("mean y", False, [1, 2.5], 3),
        ("every y", True, [1, 9], [2, 8]),
    )
    names = ("name", "success", "expected", "observed")
    results = [{"table": "maps"} | dict(zip(names, row, strict=True)) for row in rows]
    for verdict in ("data/microwave_verdict.json", "data/compton/verdict.json"):
        (folder / verdict).parent.mkdir(parents=True, exist_ok=True)
        (folder / verdict).write_text(json.dumps({"results": results}))
