"""What `szmass predict` costs from its start to its last line: all PSZ2 cutouts, all members.

PYTHONPATH=src python benchmarks/predict.py

Needs the trained ensembles and the cutouts: `dvc repro infer_psz2`, or `dvc pull`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter

from measured import keep, row

ROUNDS = 3
COMMAND = "from szmass.cli import main; main()"


def seconds(*arguments: str) -> tuple[float, str]:
    """Seconds that the command takes, and what it prints."""
    started = perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments], check=True, capture_output=True, text=True
    )
    return perf_counter() - started, done.stdout


def main() -> None:
    """Weighs all cutouts, and one; the first round fills the disk's cache."""
    from szmass.params import load

    store = str(load(Path("params.yaml")).paths["psz2_store"])
    one, many = [], []
    for _ in range(ROUNDS + 1):
        many.append(seconds("predict", store, "--json"))
        one.append(seconds("predict", "--help"))
    answer = json.loads(many[-1][1])
    clusters = len(answer["clusters"])
    results = {
        "predict_seconds": median(taken for taken, _ in many[1:]),
        "help_seconds": median(taken for taken, _ in one[1:]),
        "clusters": clusters,
        "made_with": answer["made_with"],
    }
    what = f"`szmass predict`, {clusters} cutouts, {answer['made_with'].partition(',')[0]}"
    measured = f"{results['predict_seconds']:.1f} s"
    against = f"`szmass predict --help` {results['help_seconds']:.1f} s"
    keep("predict", results, [row(what, measured, against, "15 s")])


if __name__ == "__main__":
    main()
