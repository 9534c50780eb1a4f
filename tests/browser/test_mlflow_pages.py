"""MLflow's pages as a person sees them, on the local store and on the group's server."""

from __future__ import annotations

import io
import shlex
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from helpers.mlflow_servers import group_server, local_server, needs_postgres, open_folder
from szmass.cli import main

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import mlflow

    from helpers.mlflow_runs import free_port
    from helpers.trainings import EPOCHS, FIGURE, FIGURE_SIZE, SCATTER, WIDTHS, write_trainings
    from szmass.tracking.pages.addresses import LOCAL_ADDRESS

WINDOW = (1600, 1000)
MOST_SECONDS = 60.0
pytestmark = [
    pytest.mark.filterwarnings("ignore::Warning:mlflow.*", "ignore::FutureWarning"),
    pytest.mark.slow,
]


@dataclass(frozen=True)
class Project:
    """Three trainings, their judgement and an ensemble, on a server."""

    address: str
    printed: dict[str, str]
    """What `szmass compare` says of the trainings, by the words before it."""

    def run_page(self, name: str) -> str:
        """The page of the run whose name begins so."""
        client = mlflow.MlflowClient(self.address)
        ids = [experiment.experiment_id for experiment in client.search_experiments()]
        (run,) = client.search_runs(ids, f"attributes.run_name LIKE '{name}%'")
        return f"{self.address}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"


def compare() -> dict[str, str]:
    """Compares the trainings in the current folder."""
    with redirect_stdout(io.StringIO()) as printed:
        main(["compare", "train_mresunet", *WIDTHS])
    runs, below = printed.getvalue().split("\n\n")
    assert [line.split()[-1] for line in runs.splitlines()] == [*WIDTHS]
    return {line[:12].strip(): line[13:] for line in below.splitlines()}


@pytest.fixture(scope="module", params=["local", pytest.param("group", marks=needs_postgres)])
def project(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    root, port = tmp_path_factory.mktemp("project"), free_port()
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        if request.param == "group":
            folder = stack.enter_context(open_folder())
            address = stack.enter_context(group_server(folder, port))
            patch.setenv("MLFLOW_TRACKING_URI", address)
        write_trainings(root)
        patch.chdir(root)
        printed = compare()
        if request.param == "local":
            command = shlex.split(printed.pop("first"))
            address = stack.enter_context(local_server(command, root, port))
        addresses = {key: text.replace(LOCAL_ADDRESS, address) for key, text in printed.items()}
        yield Project(address, addresses)


@pytest.fixture(scope="module")
def visitor(browser: Browser, project: Project) -> Iterator[BrowserContext]:
    """Somebody who has not been there before."""
    width, height = WINDOW
    visitor = browser.new_context(viewport={"width": width, "height": height})
    visitor.set_default_timeout(1000 * MOST_SECONDS)
    yield visitor
    visitor.close()


@pytest.fixture
def page(visitor: BrowserContext, tmp_path: Path) -> Iterator[Page]:
    """A page; what it shows at the end lies in `page.png`."""
    page = visitor.new_page()
    yield page
    page.screenshot(path=tmp_path / "page.png")
    page.close()


def test_every_line_of_work_is_listed(project: Project, page: Page) -> None:
    page.goto(f"{project.address}/#/experiments")
    for name in ("mresunet", "cnn-ensemble"):
        page.get_by_role("link", name=name, exact=True).wait_for()


def test_all_runs_of_the_line_of_work_are_listed(project: Project, page: Page) -> None:
    page.goto(project.printed["all runs"])
    for name, width in WIDTHS.items():
        page.get_by_role("link", name=f"train_mresunet width={width} {name}").wait_for()


def test_the_curves_of_three_trainings_are_drawn(project: Project, page: Page) -> None:
    page.goto(project.printed["curves"])
    for name, width in WIDTHS.items():
        for metric in ("loss", "validation_loss"):
            page.get_by_text(f"train_mresunet width={width} {name} ({metric})").wait_for()
    lines = page.locator(".js-plotly-plot .scatterlayer path.js-line")
    lines.nth(2 * len(WIDTHS) - 1).wait_for(state="attached")
    shapes = {line.get_attribute("d") or "" for line in lines.all()}
    assert len(shapes) == 2 * len(WIDTHS)
    for shape in shapes:
        heights = [float(point.split(",")[1]) for point in shape[1:].split("L")]
        assert len(heights) > EPOCHS / 2  # it leaves out what lies on a straight line
        assert heights == sorted(heights)  # down the page, as the losses


def test_the_differences_of_three_trainings_are_told(project: Project, page: Page) -> None:
    page.goto(project.printed["differences"])
    page.get_by_text("Show diff only").first.click()
    page.get_by_text("microwave.redshift", exact=True).wait_for(state="detached")
    cells = ["mresunet.width", *map(str, WIDTHS.values())]
    page.get_by_role("row", name=" ".join(cells), exact=True).wait_for()


def test_a_run_page_says_what_made_it_and_what_came_out(project: Project, page: Page) -> None:
    page.goto(project.run_page("train_mresunet width=32"))
    page.get_by_role("heading", name="train_mresunet width=32 wide-net", level=2).wait_for()
    page.get_by_role("link", name="evaluate_mresunet width=32 wide-net").wait_for()
    page.get_by_text("150 GHz maps").first.wait_for()
    for tag in ("dvc.exp_name", "git.rev", "hardware.cpu", "data.microwave_"):
        page.get_by_text(tag).first.wait_for()
    page.get_by_role("link", name="mresunet", exact=True).last.wait_for()
    page.get_by_placeholder("Search metrics").fill(SCATTER)
    page.get_by_role("link", name=SCATTER, exact=True).wait_for()
    page.get_by_placeholder("Search parameters").fill("mresunet.width")
    page.get_by_text("mresunet.width", exact=True).wait_for()


def test_members_of_an_ensemble_are_told_apart(project: Project, page: Page) -> None:
    page.goto(project.run_page("train_cnn z1"))
    for data_set in ("clean_m500c", "planck_m500c"):
        page.get_by_role("link", name=f"{data_set} z1").wait_for()
    page.goto(project.run_page("planck_m500c z1"))
    page.get_by_role("link", name="member_000 planck_m500c z1").wait_for()


def test_a_figure_is_shown(project: Project, page: Page) -> None:
    page.goto(f"{project.run_page('train_mresunet width=32')}/artifacts/figures/{FIGURE}")
    figure = page.get_by_role("img", name=FIGURE)
    figure.wait_for()
    assert (
        figure.evaluate("figure => figure.decode().then(() => figure.naturalWidth)")
        == FIGURE_SIZE[0]
    )


def test_the_best_model_has_its_alias(project: Project, page: Page) -> None:
    page.goto(f"{project.address}/#/models/mresunet")
    page.get_by_role("row").filter(has_text="Version 1").get_by_text("best").wait_for()
