"""What a contributor's machine and a public forge run are commands of this project."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from helpers import ROOT
from helpers.pages import MAKEFILE

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
HOOKS = ROOT / ".pre-commit-config.yaml"
PREPARATION = ("apt-get ", "git config ")
CI_RUN = ROOT / ".ci" / "run"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_is_a_thin_call_of_make(path: Path) -> None:
    (job,) = YAML(typ="safe").load(path)["jobs"].values()
    runs = [step["run"] for step in job["steps"] if "run" in step]
    (command,) = (line for line in runs if not line.startswith(PREPARATION))
    if command.split()[0] == ".ci/run":
        assert CI_RUN.stat().st_mode & 0o100
        command = CI_RUN.read_text().splitlines()[-1]
    program, target, *settings = command.split()
    assert program == "make"
    assert re.search(rf"^{target}: ", MAKEFILE, re.MULTILINE), command
    assert all(f"\n{setting.partition('=')[0]} ?=" in MAKEFILE for setting in settings)


def test_lint_tests_and_documentation_have_a_workflow() -> None:
    assert [path.stem for path in WORKFLOWS] == ["docs", "lint", "tests"]


def test_hooks_are_local_and_their_programs_installed_by_make_setup() -> None:
    installed = Path(sys.executable).parent
    for repository in YAML(typ="safe").load(HOOKS)["repos"]:
        assert repository["repo"] == "local"
        for hook in repository["hooks"]:
            words = shlex.split(hook["entry"])
            if words[:2] == ["bash", "-c"]:
                path, *words = words[2].split()
                assert path == "PATH=.venv/bin:$PATH"
            assert (installed / Path(words[0]).name).exists(), hook["entry"]
            assert hook["language"] == "system"
