"""Which part may import which, and what an import may cost."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest
from source_tree import PACKAGE, imports, modules, own_imports, tree

LIBRARY = {"files", "units", "params", "reporting", "sky", "simulation", "learning", "inference"}
MAY_IMPORT: dict[str, set[str]] = {
    "": set(),
    "units": set(),
    "params": set(),
    "reporting": set(),
    "files": set(),
    "scales": {"files", "params"},
    "sky": {"units"},
    "evaluation": {"files", "units"},
    "simulation": {"files", "quiet", "units", "sky", "params"},
    "learning": {"files", "units", "sky", "simulation", "params", "reporting"},
    "inference": {"files", "units", "sky", "simulation", "learning", "params"},
    "report": {"files", "provenance", "scales"},
    "stages": LIBRARY | {"evaluation", "report"},
    "variant": {"provenance", "scales"},
    "tracking": {"reporting", "delivery", "provenance", "variant"},
    "delivery": set(),
    "provenance": set(),
    "quiet": set(),
    "release": {"inference", "provenance", "quiet"},
    "sharing": set(),
    "served_cnn": {"inference"},
    "served_mresunet": {"learning"},
    "predicting": LIBRARY | {"quiet", "release", "tracking"},
    "studies": LIBRARY | {"evaluation", "stages", "__main__", "quiet", "tracking"},
    "server": set(),
    "cli": LIBRARY
    | {"evaluation", "predicting", "release", "report", "scales", "server", "sharing"}
    | {"studies", "tracking"},
    "__main__": LIBRARY | {"quiet", "stages", "tracking"},
}
OWNERS = {
    "astropy": (
        "szmass.simulation.planck_files",
        "szmass.simulation.imports",
        "szmass.simulation.exports",
    ),
    "camb": ("szmass.sky.spectra",),
    "colossus": ("szmass.sky.cosmology",),
    "dask": ("szmass.simulation.batch",),
    "distributed": ("szmass.simulation.batch",),
    "great_expectations": ("szmass.simulation.checks",),
    "healpy": ("szmass.sky.healpix",),
    "jax": ("szmass.learning",),
    "jinja2": ("szmass.report.page",),
    "keras": ("szmass.learning",),
    "markdown_it": ("szmass.report.page",),
    "matplotlib": (
        "szmass.evaluation.figures",
        "szmass.evaluation.compton_figures",
        "szmass.evaluation.compton_map_figures",
        "szmass.evaluation.hydro_figures",
        "szmass.evaluation.psz2_figures",
        "szmass.evaluation.saliency_figures",
        "szmass.evaluation.study_figures",
    ),
    "mlflow": ("szmass.tracking", "szmass.served_cnn", "szmass.served_mresunet"),
    "PIL": ("szmass.report.results",),
    "tensorflow": ("szmass.learning",),
    "zarr": ("szmass.simulation.store",),
}
HEAVY = {*OWNERS, "numpy", "scipy", "pandas", "h5py", "dvc"}
MOST_SECONDS = 0.2
# calls that a library asks for while a module of its owner is imported
CALLS_ON_IMPORT = {
    "szmass.evaluation.figures": "mpl.use(",
    "szmass.served_cnn": "set_model(",
    "szmass.served_mresunet": "set_model(",
    "szmass.tracking": "os.environ.setdefault('MLFLOW_",
    "szmass.tracking.datasets": "register_dataset_source(",
}

each_module = pytest.mark.parametrize("module", sorted(modules()))


def part(module: str) -> str:
    """The part of the package that a module belongs to; the package itself is ''."""
    return module.partition(".")[2].partition(".")[0]


@each_module
def test_imports_follow_the_arrows(module: str) -> None:
    # every module may know the package, which has its version
    parts = {part(name) for name in own_imports(module)} - {"", part(module)}
    assert parts <= MAY_IMPORT[part(module)], f"{module} imports {parts}"


@each_module
def test_each_heavy_library_has_one_owner(module: str) -> None:
    for library in {name.split(".")[0] for name in imports(module)} & set(OWNERS):
        owners = OWNERS[library]
        assert any(f"{module}.".startswith(f"{owner}.") for owner in owners), (
            f"{module} imports {library}, which belongs to {owners}"
        )


def test_the_named_modules_exist() -> None:
    assert {owner for owners in OWNERS.values() for owner in owners} <= set(modules())
    assert set(CALLS_ON_IMPORT) <= set(modules())
    assert set(MAY_IMPORT) == {part(module) for module in modules()}


@each_module
def test_importing_does_nothing(module: str) -> None:
    """A module defines names; calls for their effect belong in functions."""
    defines = (
        ast.Import | ast.ImportFrom | ast.Assign | ast.AnnAssign | ast.FunctionDef | ast.ClassDef
    )
    wanted = tuple(CALLS_ON_IMPORT[module].split("|")) if module in CALLS_ON_IMPORT else ()
    for node in tree(module).body:
        text = ast.unparse(node)
        is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        is_entry = isinstance(node, ast.If) and text.startswith("if __name__ == '__main__'")
        is_wanted = bool(wanted) and text.startswith(wanted)
        assert isinstance(node, defines) or is_docstring or is_entry or is_wanted, text
        if isinstance(node, ast.Assign):
            others = ast.Subscript | ast.Attribute
            assert not any(isinstance(target, others) for target in node.targets), text


@pytest.mark.parametrize("module", ["szmass", "szmass.cli"])
def test_import_is_fast_and_light(module: str) -> None:
    code = (
        "import sys, time; before = time.process_time(); "
        f"import {module}; print(time.process_time() - before, *sys.modules)"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONPATH": str(PACKAGE.parent)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
        for _ in range(3)
    ]
    assert not {name.split(".")[0] for name in runs[0][1:]} & HEAVY
    assert min(float(run[0]) for run in runs) <= MOST_SECONDS
