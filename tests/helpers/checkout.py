"""A checkout of szmass in a folder of its own, for tests that run the pipeline as a user does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Self

from helpers import ROOT
from helpers.committed import SETTINGS

CLEARED = ("DVC_", "MLFLOW_", "GIT_", "PYTHONPATH")


@dataclass(frozen=True)
class Checkout:
    """A copy of the code and of params.yaml."""

    path: Path

    @classmethod
    def create(cls, path: Path) -> Self:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "src" / "szmass", path / "src" / "szmass", ignore=ignored)
        shutil.copytree(ROOT / "data" / "reference", path / "data" / "reference")
        shutil.copy(SETTINGS, path)
        return cls(path)

    @classmethod
    def of_working_tree(cls, path: Path) -> Self:
        """The files that git knows or would take, in a repository of their own."""
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        for name in listed.rstrip("\0").split("\0"):
            if (ROOT / name).is_file():
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, path / name)
        checkout = cls(path)
        checkout.start_git()
        checkout.commit("A clone")
        return checkout

    def write_stage(self, name: str, source: str) -> None:
        """Puts a stage of the test's own beside the real ones."""
        file = self.path / "src" / "szmass" / "stages" / f"{name}.py"
        file.write_text("from pathlib import Path\n" + dedent(source))

    def environment(self, **variables: str) -> dict[str, str]:
        """This process' environment, with this Python first and nothing of an outer pipeline."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(CLEARED)}
        folder = str(Path(sys.executable).parent)
        return kept | {"PATH": folder + os.pathsep + kept["PATH"]} | variables

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs a command here."""
        return subprocess.run(
            command,
            cwd=self.path,
            env=self.environment(**variables),
            capture_output=True,
            text=True,
            check=False,
        )

    def succeed(self, *command: str, **variables: str) -> str:
        """Runs a command that must succeed, and returns what it printed."""
        done = self.run(*command, **variables)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def start_git(self) -> None:
        """Makes this folder a git repository, with nothing committed."""
        self.succeed("git", "init", "--quiet")
        self.succeed("git", "config", "user.name", "A Tester")
        self.succeed("git", "config", "user.email", "tester@example.org")

    def commit(self, message: str) -> None:
        """Commits everything that git does not ignore."""
        self.succeed("git", "add", ".")
        self.succeed("git", "commit", "--quiet", "--message", message)

    def run_stage(self, name: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs a stage as dvc.yaml does."""
        return self.run("python", "-m", "szmass", name, PYTHONPATH="src", **variables)

    def start_stage(self, name: str, **variables: str) -> subprocess.Popen[str]:
        """Starts a stage; its standard output is a pipe."""
        return subprocess.Popen(
            ["python", "-m", "szmass", name],
            cwd=self.path,
            text=True,
            env=self.environment(PYTHONPATH="src", **variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
