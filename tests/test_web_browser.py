"""The teaching page in a real browser, the machine's own Chromium: played to the debrief, and nothing leaves the machine."""

from __future__ import annotations

import json
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from titranc.sim import session_files

from .web_server import Served, served

pytestmark = pytest.mark.e2e

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
TABS = ("You are the clinician", "Watch the guideline", "Compare policies", "What if", "Data", "About")


@pytest.fixture(scope="module")
def page_served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("served")) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    assert path is not None, "no Chromium on this machine: install the distribution's package"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(params=[1280, 400])
def page(request: pytest.FixtureRequest, browser: Browser, page_served: Served) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": request.param, "height": 900}, accept_downloads=True)
    opened = context.new_page()
    asked: list[str] = []
    opened.on("request", lambda one: asked.append(one.url))
    opened.goto(page_served.address)
    opened.get_by_role("button", name="Begin").wait_for(timeout=60_000)
    yield opened
    context.close()
    hosts = {urlsplit(one).hostname for one in asked if one.startswith(("http", "ws"))}
    assert hosts == {"127.0.0.1"}


def day(page: Page) -> str:
    return page.locator("[data-testid=stMetric]", has_text="day").nth(1).inner_text()


def order(page: Page) -> float:
    """Press Order and return the seconds until the next visit stands on the page."""
    before = day(page)
    begun = time.perf_counter()
    page.get_by_role("button", name="Order", exact=True).click()
    page.wait_for_function(
        "before => { const all = [...document.querySelectorAll('[data-testid=stMetric]')]"
        ".filter(one => one.innerText.includes('day')); return all.length > 1 && all[1].innerText !== before; }",
        arg=before,
    )
    return time.perf_counter() - begun


def test_a_patient_is_played_to_the_debrief_and_taken_along(
    page: Page, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page.get_by_role("button", name="Begin").click()
    page.get_by_role("button", name="Order", exact=True).wait_for()
    page.get_by_text("One step up").click()
    seconds = [order(page) for _ in range(6)]
    with capsys.disabled():
        width = page.viewport_size["width"] if page.viewport_size else 0
        print(f"\n{width} px: seconds from click to answer: {', '.join(f'{one:.2f}' for one in seconds)}")
    page.get_by_role("button", name="Debrief").click()
    page.get_by_text("Where you and the guideline parted").wait_for()
    assert "The true count was 1 to 5" in page.inner_text("body")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download the session").click()
    waiting.value.save_as(tmp_path / "session.json")
    session = session_files.load(tmp_path / "session.json")
    assert len(session.visits()) == 6
    assert json.loads((tmp_path / "session.json").read_text())["acts"][0]["dose_ug_per_kg_day"] == 2.5


def test_every_figure_has_words_and_nothing_is_wider_than_the_page(page: Page) -> None:
    for tab in (*TABS, "play", TABS[0]):
        if tab == "play":
            page.get_by_role("tab", name=TABS[0]).click()
            page.get_by_role("button", name="Begin").click()
            page.get_by_role("button", name="Order", exact=True).wait_for()
            continue
        page.get_by_role("tab", name=tab).click()
        page.wait_for_timeout(1500)
        charts = page.locator("[data-testid=stVegaLiteChart]:visible")
        for place in range(charts.count()):
            chart = charts.nth(place)
            chart.locator("canvas, svg").first.wait_for()
            assert chart.locator("[aria-label]").count() > 0
        assert page.locator("[data-testid=stVegaLiteChart]:visible").count() == page.locator("p.spoken:visible").count()
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1"), tab
        assert page.locator("[data-testid=stException]").count() == 0


def test_the_keyboard_is_enough(page: Page) -> None:
    page.get_by_role("button", name="Begin").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Order", exact=True).wait_for()
    radio = page.get_by_role("radio", name="Keep the dose")
    radio.focus()
    page.keyboard.press("ArrowDown")
    reached = False
    for _ in range(12):
        page.keyboard.press("Tab")
        reached = page.evaluate("document.activeElement.innerText.trim() === 'Order'")
        if reached:
            break
    assert reached
    before = day(page)
    page.keyboard.press("Enter")
    page.wait_for_timeout(1500)
    assert day(page) != before
    assert "2.5" in page.locator("[data-testid=stMetric]", has_text="dose").first.inner_text()


def test_a_comparison_shows_progress_and_can_be_stopped(page: Page) -> None:
    page.get_by_role("tab", name="Compare policies").click()
    slider = page.get_by_role("slider", name="Children")
    slider.focus()
    for _ in range(9):
        page.keyboard.press("ArrowRight")
    page.wait_for_timeout(800)
    page.get_by_role("button", name="Compare", exact=True).click()
    page.get_by_text("children", exact=False).filter(has_text="% of 100").wait_for(timeout=60_000)
    page.get_by_role("button", name="Stop", exact=True).click()
    page.wait_for_timeout(3000)
    assert page.get_by_text("100 children, 2 years").count() == 0
    # Its turn is free again.
    page.get_by_role("button", name="Compare", exact=True).click()
    page.get_by_text("100 children, 2 years").wait_for(timeout=120_000)
    assert page.locator("[data-testid=stImage] img[alt]").count() == 2


def test_markup_in_a_link_and_in_a_scenario_stays_text(page: Page, page_served: Served) -> None:
    spoken: list[str] = []
    page.on("dialog", lambda dialog: (spoken.append(dialog.message), dialog.dismiss()))
    page.goto(page_served.address + "?card=<img src=x onerror=alert(1)>&luck=-1")
    page.get_by_text("Part of this link cannot be used").wait_for()
    page.get_by_text("Go on with a saved session, or bring a scenario").click()
    box = page.get_by_label("A scenario (YAML)")
    box.fill("extends: scn_adult\nhorizon_years: 1\ntitle: '<img src=x onerror=alert(2)>'\n")
    box.press("Tab")
    page.wait_for_timeout(800)
    page.get_by_role("button", name="Open the scenario").click()
    page.get_by_text("<img src=x onerror=alert(2)>").first.wait_for()
    assert spoken == []
    assert page.locator("img[src='x']").count() == 0


def test_nothing_is_written_where_the_page_is_served(page_served: Served) -> None:
    folder = Path(f"/proc/{page_served.process.pid}/cwd").resolve()
    assert list(folder.iterdir()) == []


def test_the_page_listens_at_this_machines_own_address_only(page_served: Served) -> None:
    with socket.create_connection(("127.0.0.1", page_served.port), timeout=5):
        pass
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", page_served.port), timeout=5)
