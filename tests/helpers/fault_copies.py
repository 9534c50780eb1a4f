"""The pipeline at scale smoke as it should be, and copies of it that faults are tried on."""

from __future__ import annotations

import json
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep

import psutil
from ruamel.yaml import YAML

from helpers import ROOT
from helpers.shared_project import Project
from szmass.doctor import code
from szmass.doctor.finding import State
from szmass.files import REPLACED, TRAINING, UNFINISHED, WRITER

BESIDE = (UNFINISHED, REPLACED, TRAINING, WRITER, ".partial")
MOST_SECONDS, MOST_SECONDS_TO_END = 240.0, 20.0
REFERENCE = "reference.json"


NOT_RUN_S = 2.0
"""Of a stage that the reference did not have to run, as `digests` where the clone is up to date."""


def stages() -> list[str]:
    """The stages of dvc.yaml; of a matrix the first, if it has one."""
    pipeline = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
    settings = YAML(typ="safe").load(ROOT / "params.yaml")
    found = []
    for name, stage in pipeline.items():
        if "matrix" not in stage:
            found.append(name)
            continue
        (of_matrix,) = stage["matrix"].values()
        found += [f"{name}@{item}" for item in list(settings[of_matrix.strip("${}")])[:1]]
    return found


class FaultCopy(Project):
    """A project in a place of its own, with its remote, its log and its temporary files."""

    @property
    def place(self) -> Path:
        """The folder that holds all of it."""
        return self.path.parent

    @property
    def log(self) -> Path:
        """What its last command printed."""
        return self.place / "log"

    def environment(self, **variables: str) -> dict[str, str]:
        own = {"TMPDIR": self.place / "tmp", "DVC_SITE_CACHE_DIR": self.place / "site"}
        return super().environment(**{name: str(path) for name, path in own.items()}, **variables)

    @classmethod
    def reference(cls, place: Path) -> FaultCopy:
        """Runs the pipeline at scale smoke, and pushes it."""
        made = cls.of_working_tree(place / "szmass")
        (place / "tmp").mkdir()
        made.succeed("szmass", "scale", "smoke", PYTHONPATH="src")
        seconds: dict[str, float] = {}
        with made.log.open("w") as log, subprocess.Popen(
            ["dvc", "repro"], cwd=made.path, env=made.environment(), text=True,
            stdout=subprocess.PIPE, stderr=log,
        ) as repro:  # fmt: skip
            assert repro.stdout is not None
            stage, begun = "", monotonic()
            for line in repro.stdout:
                if line.startswith("Running stage '"):
                    seconds[stage] = monotonic() - begun
                    stage, begun = line.split("'")[1], monotonic()
        seconds[stage] = monotonic() - begun
        assert repro.returncode == 0, made.log.read_text()
        made.succeed("dvc", "push", "dvc.yaml")
        (made.path / "mlflow.db").unlink()  # it names the place of its files
        facts = {"seconds": seconds, "outputs": made.outputs()}
        (place / REFERENCE).write_text(json.dumps(facts))
        return made

    def copy(self, place: Path) -> FaultCopy:
        """A copy in another place; files of it share their content as those of this one do."""
        subprocess.run(["cp", "-a", "--reflink=auto", self.place, place], check=True)
        return FaultCopy(place / "szmass")

    @property
    def seconds(self) -> dict[str, float]:
        """What each stage took in the reference."""
        measured = json.loads((self.place / REFERENCE).read_text())["seconds"]
        return dict.fromkeys(stages(), NOT_RUN_S) | measured

    def outputs_of(self, *names: str) -> list[str]:
        """The paths that stages, or all of them, write."""
        locked = YAML(typ="safe").load(self.path / "dvc.lock")["stages"]
        return [
            out["path"] for name in names or locked for out in locked.get(name, {}).get("outs", [])
        ]

    def outputs(self) -> dict[str, str]:
        """The hash of every file of every output."""
        return self.hashes(*self.outputs_of())

    def beside(self) -> list[str]:
        """What writers have left beside outputs."""
        tops = [self.path / name for name in ("data", "models", "metrics")]
        found = [*self.path.iterdir(), *(path for top in tops for path in top.rglob("*"))]
        return sorted(
            str(path.relative_to(self.path)) for path in found if path.name.endswith(BESIDE)
        )

    def running(self) -> list[psutil.Process]:
        """The processes that work here."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if Path(process.cwd()).is_relative_to(self.place):
                    found.append(process)
        return found

    def require_quiet(self) -> None:
        """Requires that soon nothing runs here any more."""
        end = monotonic() + MOST_SECONDS_TO_END
        while (left := self.running()) and monotonic() < end:
            sleep(0.05)
        commands = []
        for process in left:
            with suppress(psutil.Error):
                commands.append(" ".join(process.cmdline()))
                process.kill()
        assert not commands, f"left running: {commands}"

    def require_reference(self, *, kept: tuple[str, ...] = ()) -> None:
        """Requires that every output is the reference's, and that nothing is beside or runs.

        Args:
            kept: endings of what may lie beside an output.
        """
        self.require_quiet()
        expected = json.loads((self.place / REFERENCE).read_text())["outputs"]
        found = self.outputs()
        differ = [name for name in expected | found if expected.get(name) != found.get(name)]
        assert not differ, f"not the reference's: {differ}\n{self.log_text()}"
        beside = [name for name in self.beside() if not name.endswith(kept)]
        assert not beside, f"left beside outputs: {beside}"

    def log_text(self) -> str:
        """The end of what the last command printed."""
        return self.log.read_text(errors="replace")[-3000:]

    def start(self, *command: str, **variables: str) -> psutil.Popen:
        """Starts a command in a session of its own."""
        with self.log.open("w") as log:
            return psutil.Popen(
                command, cwd=self.path, env=self.environment(**variables), stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip

    def repro(self, *options: str, kept: tuple[str, ...] = ()) -> None:
        """Has DVC make what is not the reference's, which must mend whatever has happened."""
        assert self.start("dvc", "repro", *options).wait(MOST_SECONDS) == 0, self.log_text()
        self.require_reference(kept=kept)

    def mend_dvc(self) -> list[str]:
        """Does what `szmass doctor` says of DVC's own files that a kill has cut; names these."""
        mended = []
        if code.lock(self.path).state is not State.OK:
            self.succeed("git", "restore", "dvc.lock")
            mended.append("dvc.lock cut short, restored by git")
        if code.rwlock(self.path).state is not State.OK:
            (self.path / ".dvc" / "tmp" / "rwlock").unlink()
            mended.append("DVC's rwlock cut short, removed")
        return mended

    def forget(self, stage: str) -> None:
        """Makes a stage one that never ran: without its outputs, and DVC without its runs."""
        for name in self.outputs_of(stage):
            path = self.path / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        shutil.rmtree(self.path / ".dvc" / "cache" / "runs", ignore_errors=True)
