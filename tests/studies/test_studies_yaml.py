"""A step's signature is its contract, and studies/*/dvc.yaml and params.yaml say the same."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from helpers import ROOT
from helpers.source_tree import tree
from szmass.params import load_as
from szmass.studies.__main__ import find_step, run_step
from szmass.studies.listing import StudyError, description, study_folder, study_names
from test_dvc_yaml import GIVEN_BY_THE_RUNNER, PARAMS, entries

STUDIES = ROOT / "studies"
NAMES = study_names(STUDIES)
COMMAND = re.compile(r"PYTHONPATH=src python -m szmass\.studies (\w+) (\w+)")
PATH = re.compile(r"\$\{paths\.(\w+)\}")


def pipeline(study: str) -> dict[str, Any]:
    stages: dict[str, Any] = YAML(typ="safe").load(STUDIES / study / "dvc.yaml")["stages"]
    return stages


def settings(study: str, file: str = "params.yaml") -> dict[str, Any]:
    values: dict[str, Any] = YAML(typ="safe").load(STUDIES / study / file)
    return values


def declared_params(study: str, stage: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Keys of the pipeline's params.yaml, and of the study's own."""
    of_pipeline: list[str] = []
    own: list[str] = []
    for entry in stage.get("params", []):
        if isinstance(entry, str):
            of_pipeline.append(entry)
        else:
            ((file, keys),) = entry.items()
            assert file == f"studies/{study}/params.yaml"
            own += keys or list(settings(study))
    return of_pipeline, own


def arguments(study: str, step: str) -> tuple[list[str], list[str]]:
    (function,) = (
        node
        for node in tree(f"szmass.studies.{study}.{step}").body
        if isinstance(node, ast.FunctionDef) and node.name == step
    )
    names = (
        [argument.arg for argument in kind]
        for kind in (function.args.args, function.args.kwonlyargs)
    )
    positional, keyword_only = names
    return positional, keyword_only


def all_steps() -> Iterator[tuple[str, str]]:
    for study in NAMES:
        yield from ((study, step) for step in pipeline(study))


steps = pytest.mark.parametrize(("study", "step"), list(all_steps()))
studies = pytest.mark.parametrize("study", NAMES)


def exists(key: str, tree_of_values: Any) -> bool:
    for part in re.sub(r"\.?\$\{.*", "", key).split("."):
        if part not in tree_of_values:
            return False
        tree_of_values = tree_of_values[part]
    return True


@steps
def test_a_stage_runs_its_step_at_the_root(study: str, step: str) -> None:
    stage = pipeline(study)[step]
    found = COMMAND.fullmatch(stage["cmd"])
    assert found is not None
    assert found.groups() == (study, step)
    assert callable(find_step(study, step))
    assert stage["wdir"] == "../.."
    assert "matrix" not in stage


@steps
def test_arguments_are_what_the_stage_declares(study: str, step: str) -> None:
    stage = pipeline(study)[step]
    of_pipeline, own = declared_params(study, stage)
    assert all(exists(key, PARAMS) for key in of_pipeline)
    assert all(exists(key, settings(study)) for key in own)
    sections = list(dict.fromkeys(key.partition(".")[0] for key in of_pipeline))
    positional, keyword_only = arguments(study, step)
    assert positional == sections + (["study"] if own else [])
    paths = set(keyword_only) - GIVEN_BY_THE_RUNNER - {"here"}
    assert paths == set(PATH.findall(" ".join(entries(stage, "deps")))) - {"digests"}


@steps
def test_results_lie_in_the_studys_folder(study: str, step: str) -> None:
    stage = pipeline(study)[step]
    outs = list(entries(stage, "outs", "plots"))
    assert outs
    assert "metrics" not in stage  # the pipeline's summary is the one that DVC shows
    assert all(out.startswith(f"studies/{study}/") for out in outs)
    shown = {f"studies/{study}/{name}" for name in ("table.md", "metrics.json", "figures")}
    assert (set(outs) == shown) == (step == "report")


@steps
def test_items_that_are_finished_outlive_a_run_of_their_step(study: str, step: str) -> None:
    """DVC removes an output before its stage runs, unless it is told that it persists."""
    if step in {"train", "judge"}:
        (out,) = pipeline(study)[step]["outs"]
        ((path, options),) = out.items()
        assert path.startswith(f"studies/{study}/items")
        assert options == {"persist": True}


@steps
def test_a_stage_depends_on_its_line_of_the_digests(study: str, step: str) -> None:
    declared = [entry for entry in entries(pipeline(study)[step], "deps") if "digests" in entry]
    assert declared == [f"${{paths.digests}}/study_{study}_{step}"]


@studies
def test_a_small_run_changes_settings_that_exist(study: str) -> None:
    small = settings(study, "smoke.yaml")
    assert exists_all(small, settings(study))


def exists_all(small: dict[str, Any], whole: dict[str, Any]) -> bool:
    return all(
        key in whole and (not isinstance(value, dict) or exists_all(value, whole[key]))
        for key, value in small.items()
    )


@studies
def test_settings_are_understood_and_wrong_ones_named(study: str, tmp_path: Path) -> None:
    wanted = find_step(
        study, "simulate" if "simulate" in pipeline(study) else next(iter(pipeline(study)))
    )
    kind = wanted.__globals__[wanted.__annotations__["study"]]
    load_as(kind, STUDIES / study / "params.yaml")
    text = (STUDIES / study / "params.yaml").read_text() + "unheard_of: 1\n"
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(ValueError, match="unheard_of: unknown key"):
        load_as(kind, tmp_path / "params.yaml")


@studies
def test_a_study_says_what_it_asks(study: str) -> None:
    assert description(STUDIES / study).endswith(("?", ")"))
    assert f"szmass study {study}" in (ROOT / "docs" / "rebuild.md").read_text()


def test_words_after_a_step_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(StudyError, match="leakage train: expected nothing after the step, got x y"):
        run_step("leakage", "train", "x", "y")


def test_an_unknown_study_or_step_is_answered_with_those_that_exist() -> None:
    with pytest.raises(StudyError, match="'leakige': no study among .*; did you mean leakage"):
        study_folder(STUDIES, "leakige")
    with pytest.raises(StudyError, match=", ".join(NAMES)):
        study_folder(STUDIES, "x")
    with pytest.raises(StudyError, match="its steps are report, simulate, train"):
        find_step("leakage", "tran")
