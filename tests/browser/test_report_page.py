"""The report as a person sees it, on a laptop and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from helpers.report_inputs import picture, write_inputs
from szmass.cli import main
from szmass.report.page import PARTS

LAPTOP, PHONE = (1280, 800), (390, 844)
MOST_SECONDS = 5.0


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with pictures as large as real ones."""
    folder = tmp_path_factory.mktemp("report")
    write_inputs(folder)
    for number, path in enumerate(sorted(folder.rglob("*.png"))):
        path.write_bytes(picture(*((1768, 468), (845, 910))[number % 2]))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        main(["report"])
    return folder / "report.html"


@pytest.fixture(params=[LAPTOP, PHONE], ids=["laptop", "phone"])
def page(browser: Browser, report: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page, open; what it asks of a network or says of an error fails the test."""
    width, height = request.param
    context = browser.new_context(viewport={"width": width, "height": height})
    page = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto(report.as_uri(), timeout=1000 * MOST_SECONDS)
    yield page
    assert [url for url in asked if not url.startswith("data:")] == [report.as_uri()]
    assert said == []
    context.close()


def test_nothing_sticks_out_of_the_window(page: Page) -> None:
    width = page.evaluate("document.documentElement.clientWidth")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    outside = page.locator("article > *, nav *, header *").evaluate_all(
        "(all, width) => all.filter(one => one.getBoundingClientRect().right > width + 1)"
        ".map(one => one.innerText)",
        width,
    )
    assert outside == []


def test_pictures_are_there_and_tables_scroll_within_their_card(page: Page) -> None:
    for image in page.locator("img").all():  # without scrolling there
        assert image.evaluate("image => image.complete && image.naturalWidth") > 0
    broad = page.locator("#da2022-supp-table-2 table").first
    inside, whole = (
        broad.evaluate(f"table => table.{name}") for name in ("clientWidth", "scrollWidth")
    )
    assert inside < whole
    broad.evaluate("table => table.scrollLeft = table.scrollWidth")
    assert broad.evaluate("table => table.scrollLeft") == pytest.approx(whole - inside, abs=1)


def test_the_list_leads_to_the_place(page: Page) -> None:
    compton = PARTS[1]
    exhibit = compton.exhibits[-1]
    page.locator("nav").get_by_role("link", name=exhibit.title).first.click()
    place = page.locator(f"#{compton.anchor(exhibit)}")
    place.get_by_role("heading", name=exhibit.names[0]).wait_for()
    page.wait_for_function(
        "id => { const y = document.getElementById(id).getBoundingClientRect().top;"
        " return y >= 0 && y < window.innerHeight; }",
        arg=compton.anchor(exhibit),
    )


def test_letters_are_large_enough_to_read(page: Page) -> None:
    sizes = page.locator("p, td, li, figcaption, h3").evaluate_all(
        "all => all.map(one => parseFloat(getComputedStyle(one).fontSize))"
    )
    assert min(sizes) >= 12
