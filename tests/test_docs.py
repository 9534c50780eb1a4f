"""What the documentation names exists, and what it says of data is what the code writes."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from helpers import ROOT, pages
from helpers.committed import in_git
from helpers.pages import PAGES, PARAMS, STAGES
from szmass.compton.maps.stores import ORIGINALS_GRID, clean_spec, originals_spec, planck_spec
from szmass.microwave.hydro.maps import hydro_spec
from szmass.microwave.maps.samples import SETS, store_spec
from szmass.planck.files import PUBLIC_NAMES
from szmass.planck.stores import PARTITIONS, noise_spec, psz2_spec
from szmass.sky.grid import PixelGrid
from szmass.storage.store import FORMAT, FORMAT_VERSION, StoreSpec
from szmass.validation.expectations import Result
from szmass.weighing.training.clusters import store_spec as weighing_spec
from test_dvc_yaml import PATH, entries, files_of

README = (ROOT / "README.md").read_text()
FORMATS, EXTEND, YOUR_DATA, CLUSTER, BEWARE = (
    (ROOT / "docs" / f"{name}.md").read_text()
    for name in ("formats", "extend", "your_data", "cluster", "beware")
)
FIRST_SCREEN, MOST_LINES = 30, 150
"""Lines of the README that a reader sees at once, and of all of it."""
EXTERNAL = re.compile(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=\"(?:https?:)?//[^\"]*")
TO_BE_WRITTEN = {  # what docs/extend.md tells the reader to add
    "src/szmass/stages/measure_noise.py",
    "tests/stages/test_measure_noise.py",
    "metrics/noise.json",
    "python -m szmass measure_noise",
    "dvc repro measure_noise",
    "paths.noise_metrics",
    "cnn.batch_norm",
}
METRICS = sorted((ROOT / "metrics").glob("*.json"))
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
    text += "[there](docs/index.md#words) [not](docs/index.md#wordes) [nor](#here)\n"
    assert pages.broken_links(ROOT / "README.md", text) == [
        "none.md",
        "docs/index.md#wordes",
        "#here",
    ]
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


@pytest.mark.parametrize("page", [YOUR_DATA, CLUSTER], ids=["your_data", "cluster"])
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
        for store, spec in {
            **{store: spec for store, (spec, _) in specs().items()},
            "data/weighing_clusters.zarr": weighing_spec(1, 1),
        }.items()
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
    assert stores == {*specs(), "data/weighing_clusters.zarr"}
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


def flat(tree: dict[str, Any], prefix: str = "") -> dict[str, float]:
    """The numbers at the ends of a nested file, by their dotted names."""
    numbers: dict[str, float] = {}
    for name, value in tree.items():
        inner = isinstance(value, dict)
        numbers |= flat(value, f"{prefix}{name}.") if inner else {f"{prefix}{name}": value}
    return numbers


@pytest.mark.parametrize("number", range(6))
def test_metrics_have_the_names_that_are_documented(number: int) -> None:
    file, wanted = list(patterns().items())[number]
    (path,) = (path for path in METRICS if re.fullmatch(file, pages.name_of(path)))
    found = set(flat(json.loads(path.read_text())))
    known = {
        name: {key for key in found if re.fullmatch(_with_paper(name), key)} for name in wanted
    }
    assert found - set().union(*known.values()) == set()
    assert [name for name, keys in known.items() if not keys] == []


def _with_paper(expression: str) -> str:
    """A name, or the paper's number or the error of it; the last part of a name says so."""
    *groups, last = expression.split(r"\.")
    return r"\.".join([*groups, f"(?:paper_)?{last}(?:_err)?"])


def test_every_file_of_metrics_is_documented() -> None:
    named = [re.compile(file) for file in (*patterns(), re.escape("metrics/summary.json"))]
    assert [
        pages.name_of(path)
        for path in METRICS
        if not any(file.fullmatch(pages.name_of(path)) for file in named)
    ] == []
    assert "`metrics/summary.json`" in FORMATS


def test_a_verdict_has_the_fields_that_are_documented() -> None:
    *_, paragraph = FORMATS.strip().split("\n\n")
    _, listed = paragraph.split("each with")
    assert pages.spans(listed) == [field.name for field in fields(Result)]


def test_planck_files_are_those_that_are_read() -> None:
    ((_, *rows), *_) = pages.tables(YOUR_DATA)["Which files, and where"]
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
    (paragraph,) = [text for text in YOUR_DATA.split("\n\n") if "run again" in text]
    assert set(pages.spans(paragraph)) & set(STAGES) == downstream("planck_files")


def test_the_example_of_a_stage_is_one() -> None:
    blocks = dict(reversed(pages.FENCED.findall(EXTEND)))
    module = ast.parse(blocks["python"])
    (stage,) = YAML(typ="safe").load(blocks["yaml"]).values()
    (function,) = (node for node in module.body if isinstance(node, ast.FunctionDef))
    paths = {argument.arg for argument in function.args.kwonlyargs} - {"run"}
    declared = set(PATH.findall(" ".join(entries(stage, "deps", "outs"))))
    assert declared == paths | {"digests"}
    assert stage["deps"][0] == f"${{paths.digests}}/{function.name}"
    assert stage["cmd"] == f"PYTHONPATH=src python -m szmass {function.name}"


def reached(edges: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """All pairs of which one leads to the other, on however many ways."""
    while True:
        longer = {(a, d) for a, b in edges for c, d in edges if b == c}
        if longer <= edges:
            return edges
        edges |= longer


def test_the_readme_draws_the_pipeline_as_it_is() -> None:
    (picture,) = (block for language, block in pages.FENCED.findall(README) if language == "text")
    drawn = set()
    for line in picture.splitlines():
        names = re.findall(r"[a-z]\w*_\w+|summarise|report", line)
        drawn |= set(pairwise(names))
    written = {name: files_of(stage, "outs", "metrics", "plots") for name, stage in STAGES.items()}
    edges = {
        (first, then)
        for first, outs in written.items()
        for then, stage in STAGES.items()
        if first not in ("digests", then)
        and any(reads(dep, outs) for dep in files_of(stage, "deps"))
    }
    assert reached(drawn) == reached(edges)


def reads(dependency: str, outputs: set[str]) -> bool:
    """Whether a path is an output, one of its files, or a folder around it."""
    return any(
        out == dependency or out.startswith(f"{dependency}/") or dependency.startswith(f"{out}/")
        for out in outputs
    )


def test_the_first_screen_of_the_readme_says_what_a_newcomer_needs() -> None:
    lines = README.splitlines()
    assert len(lines) <= MOST_LINES
    screen = "\n".join(lines[:FIRST_SCREEN])
    for needed in ("make repro", "make test", "szmass predict cutout.fits --redshift 0.31"):
        assert f"    {needed}" in screen
    (picture,) = re.findall(r"^!\[[^]]+\]\((docs/images/[\w.]+)\)$", screen, re.MULTILINE)
    assert (ROOT / picture).read_bytes().startswith(b"\x89PNG")
    assert f"({picture.removeprefix('docs/')})" in (ROOT / "docs" / "index.md").read_text()


def test_scale_paper_is_what_the_page_says() -> None:
    of_scale = YAML(typ="safe").load(ROOT / "scales" / "paper.yaml")["cnn"]
    networks = of_scale["members"] + of_scale["m200_members"]
    assert len(PARAMS["bins"]) == 4
    assert (
        f"four redshift bins x two data sets x {networks} networks x {of_scale['epochs']} epochs"
    ) in " ".join(CLUSTER.split())
    (comment, _) = (ROOT / "scales" / "paper.yaml").read_text().split("\n", 1)
    (maps,) = re.findall(r"[\d ]+ maps", comment.partition(",")[0])
    assert f"It is{maps}." in CLUSTER


def test_what_the_warnings_say_of_the_intervals_was_measured() -> None:
    numbers = flat(json.loads(in_git("metrics/psz2.json")))
    said = " ".join(BEWARE.split())
    for level in ("68", "95"):
        share = round(100 * numbers[f"all.coverage_{level}_true"])
        assert re.search(rf"{level} % intervals(?: hold)? {share} %", said), share
    of_tests = [n for name, n in numbers.items() if name.endswith("out_of_range_share_test")]
    assert of_tests
    assert max(of_tests) < 0.02
    assert "of simulated test clusters, below 2 %" in said


def test_the_site_is_built_of_all_pages_and_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", tmp_path],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    for page in (ROOT / "docs").glob("*.md"):
        html = (tmp_path / f"{page.stem}.html").read_text()
        assert EXTERNAL.findall(html) == []
        assert 'class="mermaid"' not in html, "it would be drawn by a script from elsewhere"
    assert EXTERNAL.search('<link rel="stylesheet" href="https://fonts.example.org/css">')
