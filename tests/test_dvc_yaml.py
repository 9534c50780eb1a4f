"""A stage's signature is its contract, and dvc.yaml and params.yaml say the same."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from inspect import formatannotation
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from ruamel.yaml import YAML

import szmass
from helpers import ROOT
from helpers.source_tree import modules, tree
from szmass.params import Params

PARAMS: dict[str, Any] = YAML(typ="safe").load(ROOT / "params.yaml")
STAGES: dict[str, Any] = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
STAGE_MODULES = {
    path.stem: name
    for name, path in modules().items()
    if name.startswith("szmass.stages.") and path.stem != "__init__"
}
GIVEN_BY_THE_RUNNER = {"resources", "run", "item"}
PATH = re.compile(r"\$\{paths\.(\w+)\}")

stages = pytest.mark.parametrize("name", sorted(set(STAGES) & set(STAGE_MODULES)))


def entries(stage: dict[str, Any], *kinds: str) -> Iterator[str]:
    """The paths of a stage's lists, options left away."""
    for kind in kinds:
        for entry in stage.get(kind, []):
            yield from [entry] if isinstance(entry, str) else entry


def signature(name: str) -> tuple[dict[str, str], dict[str, str]]:
    """A stage function's positional and keyword-only arguments with their annotations."""
    functions = {
        node.name: node.args
        for node in tree(STAGE_MODULES[name]).body
        if isinstance(node, ast.FunctionDef)
    }
    arguments = functions[name]
    positional, keyword_only = (
        {argument.arg: ast.unparse(argument.annotation or ast.Constant(None)) for argument in group}
        for group in (arguments.args, arguments.kwonlyargs)
    )
    return positional, keyword_only


def test_every_stage_has_its_module_and_every_module_its_stage() -> None:
    assert sorted(STAGES) == sorted(STAGE_MODULES)


@stages
def test_a_stage_runs_the_code_of_its_own_folder(name: str) -> None:
    items = [f" ${{item.{key}}}" for key in STAGES[name].get("matrix", {})]
    assert STAGES[name]["cmd"] == f"PYTHONPATH=src python -m szmass {name}{''.join(items)}"
    assert ("item" in signature(name)[1]) == bool(items)


@stages
def test_positional_arguments_are_the_declared_params(name: str) -> None:
    declared = [key.split(".")[0] for key in STAGES[name].get("params", [])]
    positional, _ = signature(name)
    assert list(positional) == list(dict.fromkeys(declared))
    types = get_type_hints(Params)
    without_modules = {
        key: re.sub(r"(\w+\.)+", "", formatannotation(types[key])) for key in positional
    }
    assert positional == without_modules


@stages
def test_declared_params_exist(name: str) -> None:
    for key in STAGES[name].get("params", []):
        branch: Any = PARAMS
        for part in re.sub(r"\.?\$\{.*", "", key).split("."):
            assert part in branch, f"{name}: params.yaml has no {key}"
            branch = branch[part]


@stages
def test_keyword_arguments_are_the_declared_paths(name: str) -> None:
    _, keyword_only = signature(name)
    paths = {key for key in keyword_only if key not in GIVEN_BY_THE_RUNNER}
    assert all(keyword_only[key] == "Path" for key in paths)
    declared = set(
        PATH.findall(" ".join(entries(STAGES[name], "deps", "outs", "metrics", "plots")))
    )
    # documents for reading are no output: they differ from run to run
    written = {key for key in paths if not key.endswith("_docs")}
    assert written == (declared if name == "digests" else declared - {"digests"})


@stages
def test_paths_come_from_params_yaml_alone(name: str) -> None:
    for entry in entries(STAGES[name], "deps", "outs", "metrics", "plots"):
        assert PATH.match(entry) or (name, entry) == ("digests", "src/szmass"), entry


@stages
def test_a_stage_depends_on_its_line_of_the_digests(name: str) -> None:
    own = f"${{paths.digests}}/{name}"
    of_code = [entry for entry in STAGES[name]["deps"] if "src/" in entry or "digests" in entry]
    assert of_code == (["src/szmass"] if name == "digests" else [own])


def test_every_path_is_one_stage_output_or_a_reference_file() -> None:
    produced: dict[str, list[str]] = {key: [] for key in PARAMS["paths"]}
    for name, stage in STAGES.items():
        for key in set(PATH.findall(" ".join(entries(stage, "outs", "metrics", "plots")))):
            produced[key].append(name)
        for key in signature(name)[1]:
            if key.endswith("_docs"):
                produced[key].append(name)
    for key, path in PARAMS["paths"].items():
        if path.startswith("data/reference/"):
            assert not produced[key], f"{key} lies among the inputs, but {produced[key]} writes it"
            assert (ROOT / path).exists()
        elif any(other.startswith(f"{path}/") for other in PARAMS["paths"].values()):
            assert not produced[key], f"{key} is a folder of outputs, but {produced[key]} writes it"
        else:
            assert len(produced[key]) == 1, f"paths.{key} is written by {produced[key]}"


def files_of(stage: dict[str, Any], *kinds: str) -> set[str]:
    """Paths of a stage, as params.yaml has them."""
    return {PARAMS["paths"][key] for key in PATH.findall(" ".join(entries(stage, *kinds)))}


def reruns(section: str) -> set[str]:
    """The stages that run again when a section of params.yaml changes."""
    stale: set[str] = set()
    while True:
        changed = {
            parent
            for name in stale
            for file in files_of(STAGES[name], "outs", "metrics", "plots")
            for parent in (file, *map(str, Path(file).parents))
        }
        begun = {
            name
            for name, stage in STAGES.items()
            if any(key.split(".")[0] == section for key in stage.get("params", []))
            or changed & files_of(stage, "deps")
        }
        if begun == stale:
            return stale
        stale = begun


MICROWAVE_RESULTS = {"evaluate_mresunet", "evaluate_hydro", "summarise", "report"}
COMPTON_RESULTS = {
    "evaluate_cnn",
    "infer_psz2",
    "evaluate_weighing",
    "weigh_psz2",
    "summarise",
    "report",
}
WEIGHING = {"simulate_training_clusters", "train_weighing", "evaluate_weighing", "weigh_psz2"}
OF_150_GHZ = {"weigh_microwave", "weigh_psz2"}
COMPTON_MAPS = {"add_planck_noise", "cut_psz2", "validate_compton", "train_cnn"}
CHANGES = {
    "mresunet": {"train_mresunet", *MICROWAVE_RESULTS},
    "cnn": {"train_cnn", *COMPTON_RESULTS},
    "evaluation": MICROWAVE_RESULTS | OF_150_GHZ | COMPTON_RESULTS - {"infer_psz2"},
    "posterior": COMPTON_RESULTS,
    "hydro": {"simulate_hydro", "evaluate_hydro", "summarise", "report"},
    "microwave_sets": {
        *("simulate_microwave", "validate_microwave", "train_mresunet"),
        *MICROWAVE_RESULTS,
        *OF_150_GHZ,
    },
    "weighing": {*WEIGHING, "train_survey", "weigh_microwave", "summarise", "report"},
    "weighing_microwave": {*OF_150_GHZ, "summarise", "report"},
    "planck_sky": {"make_planck_sky", *COMPTON_MAPS, *WEIGHING, *COMPTON_RESULTS},
    "compton": {
        *("simulate_clusters", "make_planck_sky", "train_survey"),
        *COMPTON_MAPS,
        *WEIGHING,
        *COMPTON_RESULTS,
    },
}


@pytest.mark.parametrize("section", CHANGES)
def test_a_variant_runs_what_depends_on_it_and_no_more(section: str) -> None:
    assert reruns(section) == CHANGES[section]


def test_paths_are_used_and_distinct() -> None:
    used = {key for name in STAGES for key in signature(name)[1]} - GIVEN_BY_THE_RUNNER
    assert used == set(PARAMS["paths"])
    assert len(set(PARAMS["paths"].values())) == len(PARAMS["paths"])


def test_the_package_itself_is_its_version_and_what_is_asked_for_by_name() -> None:
    """Whatever imports a part of szmass imports this module, which must stay light."""
    _, *statements = tree("szmass").body
    assert [ast.unparse(node).partition("\n")[0] for node in statements] == [
        "from __future__ import annotations",
        "from typing import Any",
        "__all__ = ['__version__', 'weigh']",
        f"__version__ = '{szmass.__version__}'",
        "def __getattr__(name: str) -> Any:",
    ]


def test_the_pipeline_names_no_redshift_bin() -> None:
    """The bins are those of params.yaml, however many."""
    words = set(re.findall(r"\w+", (ROOT / "dvc.yaml").read_text()))
    assert not words & set(PARAMS["bins"])


def test_one_file_of_few_numbers_is_a_metric_for_dvc() -> None:
    metrics = {name: list(entries(stage, "metrics")) for name, stage in STAGES.items()}
    assert {name: files for name, files in metrics.items() if files} == {
        "summarise": ["${paths.summary}"]
    }
