"""The runner: what a stage gets, and what a user sees when it does not end well."""

from __future__ import annotations

import ast
import re
import resource
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from helpers.checkout import Checkout
from helpers.source_tree import modules, tree
from szmass.__main__ import StageError, bind, find_stage, is_expected
from szmass.errors import message
from szmass.params import Params, Resources, Spectra, load


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return Checkout.create(tmp_path_factory.mktemp("checkout"))


def seed_of(checkout: Checkout) -> int:
    return load(checkout.path / "params.yaml").seed


def test_a_stage_gets_what_its_signature_asks_for(params: Params):
    def stage(
        seed: int, spectra: Spectra, *, spectra_table: Path, resources: Resources, run: object
    ) -> None: ...

    sections, keywords = bind(stage, params)

    assert sections == {"seed": params.seed, "spectra": params.spectra}
    assert keywords == {
        "spectra_table": params.paths["spectra_table"],
        "resources": params.resources,
    }


def test_a_stage_that_asks_for_more_is_refused(params: Params):
    def wants_section(galaxies: object) -> None: ...
    def wants_paths(paths: object) -> None: ...
    def wants_path(*, galaxy_store: Path) -> None: ...

    for stage, name in [(wants_section, "galaxies"), (wants_paths, "paths")]:
        with pytest.raises(StageError, match=f"argument {name}: expected a section"):
            bind(stage, params)
    with pytest.raises(StageError, match=r"params.yaml: paths.galaxy_store: missing"):
        bind(wants_path, params)


def test_every_stage_can_be_bound(params: Params):
    for name in ("tabulate_spectra", "simulate_microwave"):
        sections, keywords = bind(find_stage(name), params)
        assert sections
        assert keywords


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (StageError("ours"), True),
        (OSError(28, "No space left on device"), True),
        (FileNotFoundError(2, "No such file or directory"), False),
        (ValueError("operands could not be broadcast together"), False),
    ],
)
def test_only_errors_of_ours_and_of_the_machine_are_expected(error: Exception, expected: bool):
    assert is_expected(error) is expected


def test_a_stage_without_room_for_temporary_files_says_where(checkout: Checkout):
    done = subprocess.run(
        ["python", "-m", "szmass", "tabulate_spectra"], cwd=checkout.path,
        env=checkout.environment(PYTHONPATH="src", TMPDIR="/nowhere"), capture_output=True,
        text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)),  # as a full disk
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("szmass tabulate_spectra: error: ")
    assert f"make room in /nowhere (TMPDIR) and in {checkout.path}" in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_error_without_a_file_says_where_room_may_lack(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TMPDIR", "/scratch")
    assert "make room in /scratch (TMPDIR) and in " in message(OSError(28, "No space left"))
    assert message(OSError(28, "No space left", "maps")).endswith("No space left: 'maps'")


def test_each_error_is_one_of_ours():
    nodes = [node for module in modules() for node in ast.walk(tree(module))]
    raised = [ast.unparse(node.exc) for node in nodes if isinstance(node, ast.Raise) and node.exc]
    assert not [text for text in raised if text.startswith(("ValueError(", "RuntimeError("))]
    errors = [node for node in nodes if isinstance(node, ast.ClassDef) and "Error" in node.name]
    bases = {node.name: [ast.unparse(base) for base in node.bases] for node in errors}
    assert bases.pop("SzmassError") == ["ValueError"]
    assert bases.pop("RequestError") == ["MlflowException"]  # which MLflow's server answers with
    assert all(of_class == ["SzmassError"] for of_class in bases.values()), bases


def test_an_unknown_stage_is_answered_with_the_near_name(checkout: Checkout):
    done = checkout.run_stage("tabulate_spectrum")

    assert done.returncode == 1
    assert done.stderr.startswith("szmass tabulate_spectrum: error: 'tabulate_spectrum': no stage")
    assert "did you mean tabulate_spectra?" in done.stderr
    assert "simulate_microwave" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_stage_of_a_matrix_gets_its_item_and_no_other_stage_one(checkout: Checkout):
    checkout.write_stage(
        "matrix_toy",
        """
        def matrix_toy(seed: int, *, microwave_verdict: Path, item: str) -> None:
            microwave_verdict.write_text(item)
        """,
    )

    done = checkout.run("python", "-m", "szmass", "matrix_toy", "z3", PYTHONPATH="src")
    bare = checkout.run_stage("matrix_toy")
    other = checkout.run("python", "-m", "szmass", "tabulate_spectra", "z3", PYTHONPATH="src")

    assert (done.returncode, done.stderr) == (0, "")
    assert (checkout.path / "data" / "microwave_verdict.json").read_text() == "z3"
    assert "matrix_toy: expected 1 words after its name, got []" in bare.stderr
    assert "tabulate_spectra: expected 0 words after its name, got ['z3']" in other.stderr


def test_code_of_another_folder_is_refused(checkout: Checkout, tmp_path: Path):
    other = Checkout.create(tmp_path)

    done = checkout.run(
        "python", "-m", "szmass", "tabulate_spectra", PYTHONPATH=str(other.path / "src")
    )

    assert done.returncode == 1
    assert f"lies in {other.path / 'src' / 'szmass'}: expected {checkout.path}" in done.stderr


def test_a_stage_without_run_runs_without_mlflow(checkout: Checkout):
    checkout.write_stage(
        "plain_toy",
        """
        import sys

        def plain_toy(seed: int, *, microwave_verdict: Path) -> None:
            heavy = {"mlflow", "numpy", "keras", "dask"} & set(sys.modules)
            microwave_verdict.write_text(f"{seed} {sorted(heavy)}")
        """,
    )

    done = checkout.run_stage("plain_toy")

    assert (done.returncode, done.stderr) == (0, "")
    verdict = re.escape("data/microwave_verdict.json")
    line = rf"plain_toy: done in 0:00:0\d, wrote {verdict} \(0\.0 MB\)\n"
    assert re.fullmatch(line, done.stdout)
    assert (
        checkout.path / "data" / "microwave_verdict.json"
    ).read_text() == f"{seed_of(checkout)} []"


def test_an_error_of_ours_is_one_line(checkout: Checkout):
    checkout.write_stage(
        "refusing_toy",
        """
        from szmass.errors import SzmassError

        def refusing_toy(seed: int) -> None:
            raise SzmassError(
                f"seed = {seed}: expected another"
            )
        """,
    )

    done = checkout.run_stage("refusing_toy")

    assert done.returncode == 1
    expected = f"szmass refusing_toy: error: seed = {seed_of(checkout)}: expected another\n"
    assert done.stderr == expected


def test_a_bug_keeps_its_traceback(checkout: Checkout):
    checkout.write_stage(
        "broken_toy",
        """
        import numpy as np

        def broken_toy(seed: int) -> None:
            np.ones(2) + np.ones(3)
        """,
    )

    done = checkout.run_stage("broken_toy")

    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "ValueError: operands could not be broadcast" in done.stderr


def test_a_full_disk_is_one_line(checkout: Checkout):
    checkout.write_stage(
        "full_toy", "def full_toy(seed: int) -> None:\n    Path('/dev/full').write_text('x')\n"
    )

    done = checkout.run_stage("full_toy")

    assert done.returncode == 1
    assert done.stderr.startswith("szmass full_toy: error: [Errno 28] No space left on device: ")
    assert done.stderr.endswith(f" and in {checkout.path}\n")


def test_a_wrong_setting_is_one_line(tmp_path: Path):
    checkout = Checkout.create(tmp_path)
    text = (checkout.path / "params.yaml").read_text()
    (checkout.path / "params.yaml").write_text(text.replace("\nseed: ", "\nsead: "))

    done = checkout.run_stage("tabulate_spectra")

    assert done.returncode == 1
    assert done.stderr == (
        "szmass tabulate_spectra: error: params.yaml: sead: unknown key; did you mean seed?\n"
    )


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interrupted_stage_says_so_in_one_line(checkout: Checkout, name: str):
    checkout.write_stage(
        "long_toy",
        """
        import time

        def long_toy(seed: int) -> None:
            print("started", flush=True)
            time.sleep(60)
        """,
    )
    process = checkout.start_stage("long_toy")
    assert process.stdout is not None
    process.stdout.readline()

    process.send_signal(signal.Signals[name])

    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 130
    assert stderr == "szmass long_toy: interrupted\n"


def test_a_tracking_server_that_is_away_ends_the_stage_before_it_computes(checkout: Checkout):
    (checkout.path / ".dvc").mkdir()
    checkout.write_stage(
        "train_toy",
        """
        def train_toy(seed: int, *, mresunet_history: Path, run) -> None:
            Path("computed").touch()
        """,
    )

    done = checkout.run_stage("train_toy", MLFLOW_TRACKING_URI="http://127.0.0.1:9")

    assert done.returncode == 1
    assert "szmass train_toy: error: MLflow at http://127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (checkout.path / "computed").exists()


def test_a_stage_ends_with_the_dvc_that_started_it(tmp_path: Path):
    checkout = Checkout.create(tmp_path / "checkout")
    checkout.write_stage(
        "waiting_toy",
        """
        import os, time
        from szmass.files import replacing_file

        def waiting_toy(seed: int, *, microwave_verdict: Path) -> None:
            with replacing_file(microwave_verdict) as unfinished:
                unfinished.write_text("half")
                Path("pid").write_text(str(os.getpid()))
                time.sleep(60)
        """,
    )
    command = "PYTHONPATH=src python -m szmass waiting_toy"
    (checkout.path / "dvc.yaml").write_text(f"stages: {{waiting_toy: {{cmd: {command}}}}}")
    checkout.succeed("dvc", "init", "--no-scm", "--quiet")
    dvc = psutil.Popen(
        # this shell stays between DVC and the stage
        ["dvc", "repro"], cwd=checkout.path, env=checkout.environment(SHELL="/bin/sh"),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    pid = checkout.path / "pid"
    while not (pid.is_file() and pid.read_text()):
        assert dvc.poll() is None
        time.sleep(0.05)
    stage = psutil.Process(int(pid.read_text()))
    dvc.kill()
    stage.wait(10)
    dvc.wait()
    assert [path.name for path in (checkout.path / "data").iterdir()] == ["reference"]
