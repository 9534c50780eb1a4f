"""What the documentation names exists, and what it says of data is what the code writes."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable
from dataclasses import fields
from itertools import chain
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from helpers import ROOT, pages
from helpers.pages import PAGES, PARAMS, STAGES
from szmass.compton.maps.stores import ORIGINALS_GRID, clean_spec, originals_spec, planck_spec
from szmass.microwave.hydro.maps import hydro_spec
from szmass.microwave.maps.samples import SETS, store_spec
from szmass.planck.files import PUBLIC_NAMES
from szmass.planck.stores import PARTITIONS, noise_spec, psz2_spec
from szmass.sky.grid import PixelGrid
from szmass.storage.store import FORMAT, FORMAT_VERSION, StoreSpec
from szmass.validation.expectations import Result
from test_dvc_yaml import PATH, code_of, entries

FORMATS, EXTENDING, PLANCK, CLUSTER = (
    (ROOT / "docs" / f"{name}.md").read_text()
    for name in ("formats", "extending", "planck", "cluster")
)
TO_BE_WRITTEN = {  # what docs/extending.md tells the reader to add
    "src/szmass/stages/measure_noise.py",
    "tests/stages/test_measure_noise.py",
    "metrics/noise.json",
    "python -m szmass measure_noise",
    "paths.noise_metrics",
    "cnn.batch_norm",
}
each_page = pytest.mark.parametrize("page", PAGES, ids=pages.name_of)


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    assert pages.broken_links(page, page.read_text()) == []


@each_page
@pytest.mark.parametrize(
    "find",
    [
        pages.missing_files,
        pages.unknown_commands,
        pages.unknown_settings,
        pages.unknown_names,
    ],
)
def test_what_a_page_names_exists(page: Path, find: Callable[[str], list[str]]) -> None:
    assert set(find(page.read_text())) <= TO_BE_WRITTEN


def test_what_does_not_exist_is_found() -> None:
    text = """
See `docs/none.md`, `src/szmass/sky/grids.py`, `data/compton/dirty.zarr`, [here](none.md).

    szmass weigh maps.fits
    szmass predict --redshifts 0.3    # an option that is none
    szmass study leakige && make reproduce
    dvc exp run -S cnn.filter=3 train_cnns
    PYTHONPATH=src python -m szmass train

`GridError` of `szmass.sky.grid.Grid`, `tests/test_docs.py::test_nothing`

```python
from szmass.params import loads
```
"""
    assert pages.broken_links(ROOT / "README.md", text) == ["none.md"]
    assert pages.missing_files(text) == [
        "data/compton/dirty.zarr",
        "docs/none.md",
        "src/szmass/sky/grids.py",
    ]
    assert pages.unknown_commands(text) == [
        "szmass weigh",
        "szmass predict --redshifts",
        "szmass study leakige",
        "make reproduce",
        "python -m szmass train",
        "dvc repro train_cnns",
    ]
    assert pages.unknown_settings(text) == ["cnn.filter"]
    assert pages.unknown_names(text) == [
        "GridError",
        "szmass.params.loads",
        "szmass.sky.grid.Grid",
        "tests/test_docs.py::test_nothing",
    ]


@pytest.mark.parametrize("page", [PLANCK, CLUSTER], ids=["planck", "cluster"])
def test_messages_are_those_of_the_code(page: str) -> None:
    rows = next(
        rows for found in pages.tables(page).values() for rows in found if rows[0][0] == "message"
    )
    messages = [message for row in rows for message in pages.spans(row[0])]
    assert messages
    for message in messages:
        assert all(piece in pages.our_text() for piece in message.split("...")), message
    assert "the dask scheduler is lost" not in pages.our_text()


def specs() -> dict[str, tuple[StoreSpec, PixelGrid]]:
    """The contract of every store, at the committed settings."""
    microwave, compton, hydro = (PARAMS[name] for name in ("microwave", "compton", "hydro"))
    cutout = PixelGrid(microwave["pixels"], microwave["pixel_arcmin"])
    y_map = PixelGrid(compton["pixels"], compton["pixel_arcmin"])
    models = list(PARAMS["baryon_models"])
    return {
        "data/microwave.zarr": (store_spec(1, cutout), cutout),
        "data/hydro.zarr": (hydro_spec(1, hydro["realisations"], cutout), cutout),
        "data/compton/clean.zarr": (clean_spec(1, y_map, models), y_map),
        "data/compton/planck.zarr": (planck_spec(1, y_map, models), y_map),
        "data/compton/originals.zarr": (originals_spec(1, ORIGINALS_GRID, models), ORIGINALS_GRID),
        "data/compton/noise.zarr": (noise_spec(1, y_map), y_map),
        "data/compton/psz2.zarr": (psz2_spec(1, y_map), y_map),
    }


def documented_arrays() -> dict[str, dict[str, tuple[str, ...]]]:
    """Dimensions, type, units and long_name of every array, by store.

    A second store in a heading is the one whose arrays the first has too.
    """
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for heading, (rows, *_) in pages.tables(FORMATS).items():
        if rows[0][0] == "array":
            store, *base = pages.spans(heading)
            own = {pages.spans(row[0])[0]: tuple(row[1:]) for row in rows[1:]}
            found[store] = {**(found[base[0]] if base else {}), **own}
    return found


def test_arrays_are_those_of_the_stores() -> None:
    assert documented_arrays() == {
        store: {
            name: (", ".join(array.dims), array.dtype, array.units, array.long_name)
            for name, array in spec.arrays.items()
        }
        for store, (spec, _) in specs().items()
    }


def test_stores_are_as_large_as_they_are_said_to_be() -> None:
    rows = pages.tables(FORMATS)["Stores of maps"][0][1:]
    assert {pages.spans(store)[0]: (title, size, shard) for store, title, size, shard in rows} == {
        store: (
            spec.title,
            f"{grid.pixels} x {grid.pixels} of {grid.pixel_arcmin:.3g}'",
            str(spec.shard_rows),
        )
        for store, (spec, grid) in specs().items()
    }
    stores = {path for path in PARAMS["paths"].values() if path.endswith(".zarr")}
    assert stores == set(specs())
    assert f"`format`\n(`{FORMAT}`), `format_version` ({FORMAT_VERSION})" in FORMATS
    flat = " ".join(FORMATS.split())
    for names in (SETS, PARTITIONS):
        assert ", ".join(f"`{name}`" for name in names) in flat


def patterns() -> dict[str, list[str]]:
    """Regular expressions of the metrics' names, by that of the file."""
    names, placeholders = pages.tables(FORMATS)["Metrics"]
    alternatives = {
        pages.spans(name)[0]: "|".join(pages.spans(meaning)) for name, meaning in placeholders[1:]
    }

    def expression(text: str) -> str:
        for name, options in alternatives.items():
            text = text.replace(name, f"(?:{options})")
        text = re.sub(r"\[([^]]*)\]", r"(?:\1)?", text)
        return re.sub(r"\d+", r"\\d+", text.replace(".", r"\."))

    return {
        expression(pages.spans(file)[0]): [expression(span) for span in pages.spans(cell)]
        for file, cell in names[1:]
    }


@pytest.mark.parametrize("number", range(4))
def test_metrics_have_the_names_that_are_documented(number: int) -> None:
    file, wanted = list(patterns().items())[number]
    files = sorted((ROOT / "metrics").glob("*.json"))
    own = [path for path in files if re.fullmatch(file, pages.name_of(path))]
    assert all(any(re.fullmatch(f, pages.name_of(path)) for f in patterns()) for path in files)
    found = set(chain.from_iterable(json.loads(path.read_text()) for path in own))
    known = {
        name: {key for key in found if re.fullmatch(f"(?:paper_)?{name}(?:_err)?", key)}
        for name in wanted
    }
    assert found - set().union(*known.values()) == set()
    assert [name for name, keys in known.items() if not keys] == []


def test_a_verdict_has_the_fields_that_are_documented() -> None:
    *_, paragraph = FORMATS.strip().split("\n\n")
    _, listed = paragraph.split("each with")
    assert pages.spans(listed) == [field.name for field in fields(Result)]


def test_planck_files_are_those_that_are_read() -> None:
    ((_, *rows), *_) = pages.tables(PLANCK)["Which files, and where"]
    named = [set(pages.spans(row[0])) for row in rows]
    public = [{name.format(product="milca") for name in names} for names in PUBLIC_NAMES.values()]
    assert all(any(names <= known for known in public) for names in named)
    assert len(named) == len(public)


def downstream(*beginnings: str) -> set[str]:
    """The stages that run again if something at these paths changes."""
    reached: set[str] = set()
    changed = set(beginnings)
    while True:
        more = {
            name
            for name, stage in STAGES.items()
            if set(PATH.findall(" ".join(entries(stage, "deps")))) & changed
        }
        if more <= reached:
            return reached
        reached |= more
        outs = (entries(STAGES[name], "outs", "metrics", "plots") for name in reached)
        changed |= set(PATH.findall(" ".join(chain.from_iterable(outs))))
        if any(name.endswith(("_metrics", "_table")) for name in changed):
            changed.add("results")


def test_planck_files_make_the_stages_run_that_are_named() -> None:
    (paragraph,) = [text for text in PLANCK.split("\n\n") if "run again" in text]
    assert set(pages.spans(paragraph)) & set(STAGES) == downstream("planck_files")


def test_the_example_of_a_stage_is_one() -> None:
    blocks = dict(reversed(pages.FENCED.findall(EXTENDING)))
    module = ast.parse(blocks["python"])
    (stage,) = YAML(typ="safe").load(blocks["yaml"]).values()
    (function,) = (node for node in module.body if isinstance(node, ast.FunctionDef))
    paths = {argument.arg for argument in function.args.kwonlyargs} - {"run"}
    assert set(PATH.findall(" ".join(entries(stage, "deps", "metrics")))) == paths
    assert stage["cmd"].endswith(f" {function.name}")
    imported = [str(node.module) for node in module.body if isinstance(node, ast.ImportFrom)]
    ours = [name for name in imported if name.startswith("szmass.") and name != "szmass.reporting"]
    files = {path.relative_to(ROOT).as_posix() for name in ours for path in code_of(name)}
    declared = {entry for entry in entries(stage, "deps") if entry.startswith("src/")}
    assert declared == files | {f"src/szmass/stages/{function.name}.py"}
