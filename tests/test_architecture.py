"""Which part may import which, and what an import may cost."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import ROOT
from helpers.source_tree import PACKAGE, imports, modules, tree

NETWORKS = (
    "szmass.networks",
    "szmass.compton.network",
    "szmass.microwave.network",
    "szmass.weighing.training.network",
)
OWNERS = {
    "astropy": (
        "szmass.comparison.matching",
        "szmass.planck.files",
        "szmass.predict.catalogues",
        "szmass.predict.files.centres",
        "szmass.predict.files.fits_images",
        "szmass.predict.files.headers",
        "szmass.predict.files.sky_maps",
        "szmass.predict.masses",
        "szmass.predict.objects",
        "szmass.storage.mass_tables",
        "szmass.surveys.counts",
        "szmass.tracking.models",
    ),
    "camb": ("szmass.sky.spectra",),
    "colossus": ("szmass.sky.cosmology",),
    "dask": ("szmass.storage.batch",),
    "distributed": ("szmass.storage.batch",),
    "great_expectations": ("szmass.validation.expectations",),
    "healpy": ("szmass.sky.healpix",),
    "jax": NETWORKS,
    "jinja2": ("szmass.report.page",),
    "keras": NETWORKS,
    "markdown_it": ("szmass.report.page",),
    "matplotlib": (
        "szmass.comparison.figure",
        "szmass.evaluation.charts",
        "szmass.evaluation.pictures",
        "szmass.microwave.results.figures",
        "szmass.microwave.hydro.figures",
        "szmass.compton.results.mass_figures",
        "szmass.compton.results.map_figures",
        "szmass.compton.psz2.figures",
        "szmass.predict.picture",
        "szmass.weighing.judgement.results",
        "szmass.studies.figures",
        "szmass.studies.saliency.figures",
        "szmass.surveys.page",
    ),
    "mlflow": (
        "szmass.tracking",
        "szmass.predict.served.cnn",
        "szmass.predict.served.mresunet",
        "szmass.predict.served.request",
        "szmass.predict.served.weighing",
    ),
    "PIL": ("szmass.report.results",),
    "pydantic": ("szmass.params", "szmass.studies"),
    "tensorflow": NETWORKS,
    "zarr": ("szmass.storage.store",),
}
HEAVY = {*OWNERS, "numpy", "scipy", "pandas", "h5py", "dvc"}
MOST_SECONDS = 0.2
# calls that a library asks for while a module of its owner is imported
CALLS_ON_IMPORT = {
    "szmass.evaluation.charts": "mpl.use(|plt.style.use(",
    "szmass.evaluation.pictures": "mpl.use(|plt.style.use(",
    "szmass.predict.served.cnn": "set_model(",
    "szmass.predict.served.mresunet": "set_model(",
    "szmass.predict.served.weighing": "set_model(",
    "szmass.tracking": "os.environ.setdefault('MLFLOW_",
    "szmass.tracking.datasets": "register_dataset_source(",
}

each_module = pytest.mark.parametrize("module", sorted(modules()))


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    """Checks the import contracts of pyproject.toml."""
    return subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=root,
        env={"PYTHONPATH": str(root / "src"), "PATH": "/usr/bin:/bin"},
        check=False,
        capture_output=True,
        text=True,
    )


def test_imports_follow_the_contracts() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout


def test_an_import_between_the_papers_breaks_the_contracts(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "src" / "szmass")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "src" / "szmass" / "microwave" / "maps" / "sky.py").open("a") as file:
        file.write("from szmass.compton.maps.stores import clean_spec\n")
    done = lint_imports(tmp_path)
    assert done.returncode != 0
    assert "szmass.microwave.maps.sky -> szmass.compton.maps.stores" in done.stdout


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
        entries = "if __name__ == '__main__'", "if TYPE_CHECKING:"
        is_entry = isinstance(node, ast.If) and text.startswith(entries)
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
