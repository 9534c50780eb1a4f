"""`szmass release`: the pipeline's trained models as files for those who do not train.

The record of weighing becomes part of the package and its wheel, if it has passed the gate. The
CNNs become an archive in the repository, with the files of a `Predictor` unchanged, so that masses
are the same. `szmass.predict.released` reads both.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import numpy as np
from ruamel.yaml import YAML

import szmass
from szmass.files import replacing_file
from szmass.hashes import sha256
from szmass.planck.stores import PARTITIONS
from szmass.predict.files.fits_images import write_image
from szmass.predict.released import (
    ARCHIVE_FILE,
    CNN_RELEASE_FORMAT,
    EXAMPLE_FILE,
    FACTS_FILE,
    RECORD_FACTS_FILE,
    RECORD_FILE,
    RELEASE_FORMAT,
    TRUE_MASS_KEY,
    ReleaseError,
)
from szmass.provenance import CODE, code_facts, data_md5
from szmass.quiet import quiet_start
from szmass.units import MASS_UNIT_MSUN
from szmass.weighing.judgement.gate import require_passed_gate
from szmass.weighing.record import Record

RECORDS_IN_SOURCE = Path("src/szmass/records")
STAGES = (
    "train_cnn", "evaluate_cnn", "infer_psz2", "train_weighing", "evaluate_weighing",
    "weigh_microwave",
)  # fmt: skip
"""Stages that have to be up to date."""
SECTIONS = (
    "seed", "bins", "compton", "morphology", "baryon_models", "planck_sky", "cnn", "posterior",
)  # fmt: skip
"""Sections of params.yaml on which the CNNs depend."""
DATA = ("clean_store", "noise_store", "planck_store", "cnn_posterior")
TEST_METRICS: Mapping[str, Sequence[str]] = {
    "posterior": (
        "maps", "bias_dex", "scatter_dex", "relerr_median", "relerr_p16", "relerr_p84",
        "coverage_68", "coverage_95",
    ),
}  # fmt: skip
"""Metrics of masses and intervals on a bin's test clusters that are kept with the release."""
WEIGHING_SECTIONS = ("seed", "compton", "morphology", "baryon_models", "planck_sky", "weighing")
WEIGHING_DATA = ("weighing_clusters", "weighing_record", "weighing_verdict")
EXAMPLE_REDSHIFTS, EXAMPLE_1E14 = (0.2, 0.4), (7.0, 9.0)
"""Of the example's cluster: an ordinary one of PSZ2."""
NO_DATE = (1980, 1, 1, 0, 0, 0)
"""The date of every file in the archive, so that equal models have equal archives."""


def require_reproduced() -> None:
    """Requires that code and settings are committed, and the models those of dvc.lock.

    Raises:
        ReleaseError: they are not.
    """
    if code_facts().get("git.dirty") != "false":
        raise ReleaseError(
            f"expected a git checkout in which {', '.join(CODE)} are as committed: commit first"
        )
    done = subprocess.run(  # noqa: S603  # fixed program and arguments
        [sys.executable, "-m", "dvc", "status", "--json", "--with-deps", *STAGES],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ReleaseError(f"dvc status failed: {done.stderr.strip()}")
    if changed := sorted(json.loads(done.stdout)):
        raise ReleaseError(f"{', '.join(changed)}: not up to date; dvc repro {' '.join(STAGES)}")


def write_release(
    folder: Path, *, scale: str, params_file: Path, paths: Mapping[str, Path]
) -> dict[str, Any]:
    """Writes the ensembles for real maps, their record, and their provenance.

    Args:
        folder: to write in; what was there is replaced.
        scale: that the models were trained at.
        params_file: with their settings.
        paths: of the models, their data and their metrics.

    Returns:
        The content of `release.json`.

    Raises:
        CnnRecordError, PredictorError, EnsembleError: the models cannot be loaded.
        ReleaseError: metrics of a bin are missing.
    """
    with quiet_start():
        from szmass.compton.masses.predictor import Predictor, ensemble_folder
        from szmass.compton.masses.record import RECORD_FILE as CNN_RECORD_FILE

    models, folder_of_record = paths["cnn_models"], paths["cnn_posterior"]
    record = Predictor.load(models, folder_of_record).record
    files = {f"cnn_posterior/{CNN_RECORD_FILE}": folder_of_record / CNN_RECORD_FILE}
    for name in record.bins:
        for path in sorted(ensemble_folder(models, name).iterdir()):
            files[f"cnn/{path.relative_to(models).as_posix()}"] = path
    data = {name: paths[name] for name in DATA} | {
        f"cnn_{name}": models / name for name in record.bins
    }
    settings = YAML(typ="safe").load(params_file)
    facts = {
        "format": CNN_RELEASE_FORMAT,
        "scale": scale,
        "model_version": record.model_version,
        "made_with": record.made_with,
        **code_facts(),
        "data_md5": data_md5("release", data),
        "test_metrics": {name: _test_metrics(paths["cnn_metrics"], name) for name in record.bins},
        "settings": {name: settings[name] for name in SECTIONS},
    }
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / ARCHIVE_FILE
    _write_archive(archive, files)
    facts |= {"archive_bytes": archive.stat().st_size, "archive_sha256": sha256(archive)}
    (folder / FACTS_FILE).write_text(json.dumps(facts, indent=1) + "\n")
    return facts


def write_record_release(
    folder: Path, *, scale: str, params_file: Path, paths: Mapping[str, Path]
) -> dict[str, Any]:
    """Copies the record of weighing into the package, with its provenance and the gate's result.

    Args:
        folder: to write in; what was there is replaced.
        scale: that the record was trained at.
        params_file: with its settings.
        paths: of the record, the gate's verdict and their data.

    Returns:
        The content of the file beside the record.

    Raises:
        GateError: the gate has not passed, or judged another record.
        RecordError: the record cannot be read.
    """
    path, verdict = paths["weighing_record"], paths["weighing_verdict"]
    record = Record.read(path)
    require_passed_gate(verdict, path)
    require_passed_gate(paths["weighing_microwave_verdict"])
    checks = json.loads(verdict.read_text(encoding="utf-8"))["checks"]
    settings = YAML(typ="safe").load(params_file)
    facts = {
        "format": RELEASE_FORMAT,
        "szmass_version": szmass.__version__,
        "scale": scale,
        "model_version": record.facts.model_version,
        "made_with": record.facts.made_with,
        **code_facts(),
        "data_md5": data_md5("release", {name: paths[name] for name in WEIGHING_DATA}),
        "gate": {
            "success": True,
            "checks": len(checks),
            "clusters": max(check["clusters"] for check in checks),
            "verdict_sha256": sha256(verdict),
        },
        "settings": {name: settings[name] for name in WEIGHING_SECTIONS},
        "record_bytes": path.stat().st_size,
        "record_sha256": sha256(path),
    }
    folder.mkdir(parents=True, exist_ok=True)
    with replacing_file(folder / RECORD_FILE) as unfinished:
        unfinished.write_bytes(path.read_bytes())
    (folder / RECORD_FACTS_FILE).write_text(json.dumps(facts, indent=1) + "\n")
    return facts


def write_example(folder: Path, planck_store: Path) -> None:
    """Writes the map that `szmass predict --example` weighs: the first such test cluster.

    Args:
        folder: to write in; what was there is replaced.
        planck_store: simulated maps with Planck's noise.

    Raises:
        ReleaseError: there is no test cluster within `EXAMPLE_REDSHIFTS` and `EXAMPLE_1E14`.
    """
    from szmass.compton.maps.stores import open_planck_store

    store = open_planck_store(planck_store)
    redshift, mass = store.read("redshift"), store.read("m500c_msun") / MASS_UNIT_MSUN
    wanted = store.read("partition") == PARTITIONS.index("test")
    for values, (low, high) in ((redshift, EXAMPLE_REDSHIFTS), (mass, EXAMPLE_1E14)):
        wanted &= (values >= low) & (values <= high)
    if not wanted.any():
        raise ReleaseError(
            f"{planck_store}: no test cluster with a redshift in {EXAMPLE_REDSHIFTS} and a mass in "
            f"{EXAMPLE_1E14} 1e14 Msun, which the example of `szmass predict` needs"
        )
    row = int(np.argmax(wanted))
    side_deg = float(np.diff(store.read("x")[:2])[0]) / 60.0
    header = {
        "OBJECT": ("example", "simulated cluster with Planck's noise"),
        "REDSHIFT": round(float(redshift[row]), 4),
        TRUE_MASS_KEY: (round(float(mass[row]), 3), "[1e14 Msun] true M500c"),
        "BUNIT": ("y", "Compton y"),
        "CDELT1": -side_deg,
        "CDELT2": side_deg,
    }
    write_image(folder / EXAMPLE_FILE, store.read("compton_y", np.array([row]))[0], header)


def _test_metrics(path: Path, bin_name: str) -> dict[str, float]:
    """The metrics of a redshift bin's test clusters."""
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))["planck"][bin_name]
        return {
            name: round(metrics[f"{name}_{method}"], 6)
            for method, names in TEST_METRICS.items()
            for name in names
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReleaseError(f"{path}: {error!r}; make it (dvc repro evaluate_cnn)") from error


def _write_archive(archive: Path, files: Mapping[str, Path]) -> None:
    """Writes files by their names in the archive; the old one stays until the new one is whole."""
    with replacing_file(archive) as unfinished, ZipFile(unfinished, "w") as content:
        for name, path in files.items():
            content.writestr(ZipInfo(name, NO_DATE), path.read_bytes(), ZIP_DEFLATED, 9)
