"""A stage's digest changes with what its code does, and with nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers import ROOT
from helpers.source_tree import PACKAGE
from szmass.code_digests import CodeDigests, DigestError
from szmass.stages.digests import digest_lines

PYTHONS = ("python3.11", "python3.12", "python3.13")
TRAININGS = {"train_cnn", "train_mresunet"}
STUDY_TRAININGS = {path.name for path in (ROOT / "digests").glob("*_train")}


@pytest.fixture
def changed(tmp_path: Path) -> Callable[[str, str, str], set[str]]:
    """Which stages' digests another text in a file of the package changes."""
    package = tmp_path / "szmass"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    before = digest_lines(package)

    def change(file: str, old: str, new: str) -> set[str]:
        text = (package / file).read_text()
        assert old in text
        (package / file).write_text(text.replace(old, new, 1))
        after = digest_lines(package)
        return {name for name in before if before[name] != after[name]}

    return change


def test_the_committed_digests_are_those_of_the_code() -> None:
    committed = {path.name: path.read_text() for path in (ROOT / "digests").iterdir()}
    of_code = {name: f"{digest}\n" for name, digest in digest_lines(PACKAGE).items()}
    assert committed == of_code, "type `dvc repro digests` and commit what it changes"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""Draws observed maps', '"""Draws, as ever, observed maps'),
        ("import numpy as np\n", "import numpy as np  # a comment\n\n\n"),
        (
            "        self.grid = PixelGrid.of(microwave)",
            "        self.grid = (PixelGrid.of(microwave))",
        ),
    ],
)
def test_words_and_layout_are_no_code(
    changed: Callable[[str, str, str], set[str]], old: str, new: str
) -> None:
    assert changed("microwave/maps/sky.py", old, new) == set()


def test_a_modules_name_is_no_code(tmp_path: Path) -> None:
    package = tmp_path / "szmass"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "sky" / "clusters" / "haloes.py").rename(package / "sky" / "a_halo.py")
    for path in package.rglob("*.py"):
        text = path.read_text()
        path.write_text(text.replace("szmass.sky.clusters.haloes", "szmass.sky.a_halo"))
    assert digest_lines(package) == digest_lines(PACKAGE)


def test_a_line_of_the_sky_reruns_what_uses_it(
    changed: Callable[[str, str, str], set[str]],
) -> None:
    stages = changed("sky/clusters/haloes.py", "REDSHIFT_CELLS = 96", "REDSHIFT_CELLS = 97")
    assert stages == {"simulate_hydro", "evaluate_hydro", "train_survey"}


def test_a_line_of_a_chart_trains_nothing(changed: Callable[[str, str, str], set[str]]) -> None:
    stages = changed("microwave/results/figures.py", "sharex=True", "sharex=False")
    assert stages == {"evaluate_mresunet"}
    stages = changed("compton/results/mass_figures.py", "RANK_BINS = 20", "RANK_BINS = 21")
    assert {"evaluate_mresunet", "evaluate_cnn", "infer_psz2"} <= stages
    assert not stages & (TRAININGS | STUDY_TRAININGS)


def test_a_line_of_the_matched_filter_trains_nothing(
    changed: Callable[[str, str, str], set[str]],
) -> None:
    stages = changed("compton/masses/matched_filter.py", "* templates, axis=1", "* templates, 1")
    assert stages == {"evaluate_cnn", "study_shapes_judge"}


def test_a_line_of_the_cnn_trains_it_again(changed: Callable[[str, str, str], set[str]]) -> None:
    stages = changed("compton/network/cnn.py", "LAST_NEURONS = (100, 20)", "LAST_NEURONS = (9,)")
    assert "train_cnn" in stages
    assert not stages & {"train_mresunet", "simulate_clusters", "validate_compton"}


def test_a_stream_is_code_of_what_draws_from_it(
    changed: Callable[[str, str, str], set[str]],
) -> None:
    """A module of constants alone grows without making a stage stale."""
    assert changed("streams.py", "HYDRO_SKIES = 30", "NEW = 50\nHYDRO_SKIES = 30") == set()
    stages = changed("streams.py", "TRAINING_SIZE_CLUSTERS = 60", "TRAINING_SIZE_CLUSTERS = 65")
    assert stages == {"study_training_size_train"}


def test_a_template_is_code_of_its_stage(changed: Callable[[str, str, str], set[str]]) -> None:
    assert changed("report/page.html.jinja", "<body", "<body ") == {"report"}


def test_digests_are_the_same_on_every_python_of_this_machine() -> None:
    script = (
        "from pathlib import Path; from szmass.stages.digests import digest_lines; "
        f"print(digest_lines(Path({str(PACKAGE)!r})))"
    )
    found = [
        subprocess.run(
            [python, "-c", script],
            env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
            check=False,
            capture_output=True,
            text=True,
        )
        for python in filter(shutil.which, PYTHONS)
    ]
    printed = {done.stdout.strip() for done in found if done.returncode == 0}
    assert printed == {str(digest_lines(PACKAGE))}


def write_package(folder: Path, **modules: str) -> CodeDigests:
    for name, text in {"__init__": "", **modules}.items():
        (folder / f"{name}.py").write_text(text)
    return CodeDigests(folder)


def test_order_of_imports_and_their_lines_do_not_count(tmp_path: Path) -> None:
    names = {"a": "A = 1\nB = 2\n", "b": "C = 3\n"}
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
    first = write_package(one, **names, c="from szmass.a import A, B\nfrom szmass.b import C\n")
    text = "from szmass.b import C\nfrom szmass.a import B\nfrom szmass.a import A\n"
    assert first.digest("szmass.c") == write_package(other, **names, c=text).digest("szmass.c")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "import importlib\nimportlib.import_module('x')\n",
            "a.py, line 2: import_module: expected",
        ),
        ("exec('import x')\n", "a.py, line 1: exec: expected imports by name"),
        ("from szmass.a import b\n", "szmass.a: imports itself: szmass.a -> szmass.a"),
    ],
)
def test_code_that_cannot_be_seen_is_refused(tmp_path: Path, text: str, message: str) -> None:
    code = write_package(tmp_path, a=text)
    with pytest.raises(DigestError, match=message):
        code.digest("szmass.a")
