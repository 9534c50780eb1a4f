"""Figures of `dvc plots` as a person sees them, in a browser that reaches no network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from helpers import ROOT
from helpers.checkout import Checkout
from helpers.package_index import skip_without_index

RATES = {"slow-rate": 1, "fast-rate": 4}
"""How fast the loss falls, by the name of the DVC experiment."""
EPOCHS = 5
PIPELINE = """
stages:
  train:
    cmd: python train.py
    params: [rate]
    deps: [train.py]
    outs: [{history.csv: {cache: false}}]
plots:
  - loss of the network:
      x: epoch
      y: {history.csv: [loss]}
"""
TRAIN = f"""
import re
from pathlib import Path

rate = int(re.search(r"rate: (\\d+)", Path("params.yaml").read_text())[1])
losses = [f"{{epoch}},{{1 / (rate * epoch)}}" for epoch in range(1, {EPOCHS + 1})]
Path("history.csv").write_text("\\n".join(["epoch,loss", *losses]) + "\\n")
"""
MOST_SECONDS = 20.0
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of two experiments, by the page that `make plots` has written."""
    root = tmp_path_factory.mktemp("project")
    checkout = Checkout(root)
    for name, text in (
        ("params.yaml", "rate: 2\n"),
        ("dvc.yaml", PIPELINE),
        ("train.py", TRAIN),
    ):
        (root / name).write_text(text)
    checkout.start_git()
    checkout.succeed("dvc", "init", "--quiet")
    checkout.succeed("dvc", "config", "core.analytics", "false")
    (root / ".dvc" / "plots").mkdir()
    shutil.copy(ROOT / ".dvc" / "plots" / "offline_page.py", root / ".dvc" / "plots")
    shutil.copy(ROOT / "Makefile", root)
    (root / ".venv").symlink_to(ROOT / ".venv")
    (root / ".gitignore").write_text(".venv\nMakefile\n/.dvc/plots/\n")
    made = checkout.run("make", "plots", "--assume-old=setup")
    skip_without_index(made)
    checkout.commit("A pipeline")
    for name, rate in RATES.items():
        checkout.succeed("dvc", "exp", "run", "--temp", "--name", name, "-S", f"rate={rate}")
    checkout.succeed("dvc", "plots", "diff", *RATES)
    return root / "dvc_plots" / "index.html"


@pytest.fixture
def page(browser: Browser, figures: Path, tmp_path: Path) -> Iterator[Page]:
    """The page, open; what it asks of a network or says of an error fails the test."""
    context = browser.new_context(offline=True, viewport={"width": 1000, "height": 800})
    page = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(figures.as_uri(), timeout=1000 * MOST_SECONDS)
    yield page
    page.screenshot(path=tmp_path / "page.png")
    assert asked == [figures.as_uri()]
    assert said == []
    context.close()


def test_the_curves_of_two_experiments_are_in_one_figure(page: Page) -> None:
    figure = page.locator(".vega-embed svg.marks")
    figure.wait_for(timeout=1000 * MOST_SECONDS)
    assert figure.count() == 1
    for name in RATES:
        figure.get_by_text(name, exact=True).wait_for()
    curves = figure.locator("path[aria-roledescription='line mark']").all()
    shapes = {(curve.get_attribute("stroke"), curve.get_attribute("d") or "") for curve in curves}
    assert len(shapes) == len({colour for colour, _ in shapes}) == len(RATES)
    assert {shape.count("L") for _, shape in shapes} == {EPOCHS - 1}
