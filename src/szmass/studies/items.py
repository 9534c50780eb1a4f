"""The items of a study: each is made once, and again only when what it is made from changes."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from szmass.files import TRAINING, sole_writer, write_text
from szmass.reporting import Run
from szmass.studies.results import METRICS_FILE, PREDICTIONS_FILE, Metrics

MADE_FROM_FILE = "made_from"


@dataclass(frozen=True)
class Item:
    """An item while it is made."""

    name: str
    folder: Path
    """Of all that is kept of it."""
    identity: str
    """Digest of everything that determines its results."""
    run: Run


def make_items(
    folder: Path,
    items: Mapping[str, object],
    make: Callable[[Item], None],
    *,
    identity: str,
    run: Run,
) -> None:
    """Makes items one after the other, but for those that are there and made from the same.

    What the folder holds of other items is removed.

    Args:
        folder: of all items, a folder each.
        items: what each is made from beside what all are, by name; its `repr` tells changes.
        make: writes an item, as if no other had been made before it.
        identity: digest of what all items are made from: see `training_identity`.
        run: gets a child for each item; one that is there already tells its metrics again.
    """
    with sole_writer(folder):
        remove_others(folder, items)
        for name, own in items.items():
            digest = hashlib.sha256(repr((identity, name, own)).encode()).hexdigest()
            file = folder / name / MADE_FROM_FILE
            with run.child(name) as child:
                if file.is_file() and file.read_text().strip() == digest:
                    _report(folder / name, child)
                    continue
                _clear(folder / name)
                make(Item(name, folder / name, digest, child))
                for unfinished in list((folder / name).rglob(f"*{TRAINING}")):
                    shutil.rmtree(unfinished)
                write_text(file, f"{digest}\n")


def write_item(folder: Path, metrics: Metrics, predictions: pd.DataFrame, run: Run) -> None:
    """Writes what an item of a study found, or a part of it, and reports the metrics.

    Args:
        folder: of the item or its part.
        metrics: under the names that the pipeline uses.
        predictions: a row a test map.
        run: of the item or its part.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / METRICS_FILE).write_text(json.dumps(metrics, indent=1) + "\n")
    predictions.to_csv(folder / PREDICTIONS_FILE, index=False, float_format="%.6e")
    _report_metrics(metrics, run)


def shared_settings(study: Any, *of_items: str) -> dict[str, object]:
    """A study's settings but for those of single items, which are named."""
    return {
        field.name: getattr(study, field.name)
        for field in fields(study)
        if field.name not in of_items
    }


def remove_others(folder: Path, names: Collection[str]) -> None:
    """Removes what a folder holds beside these entries."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.name.removesuffix(TRAINING) in names:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _clear(folder: Path) -> None:
    """Empties a folder, but for what a killed training goes on from."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if not path.is_dir():
            path.unlink()
        elif path.suffix != TRAINING:
            _clear(path)
            if not any(path.iterdir()):
                path.rmdir()


def _report(folder: Path, run: Run) -> None:
    """Tells an item's run, and those of its parts, of metrics that were written before."""
    for file in sorted(folder.rglob(METRICS_FILE)):
        part = file.parent.relative_to(folder).as_posix()
        with nullcontext(run) if part == "." else run.child(part) as of_part:
            _report_metrics(json.loads(file.read_text()), of_part)


def _report_metrics(metrics: Metrics, run: Run) -> None:
    for name, value in metrics.items():
        run.metric(name, value)
