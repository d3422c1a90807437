"""Take the README's pictures of the teaching page: `python -m tests.screenshots`, with the machine's Chromium."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, sync_playwright

from .web_server import served

FOLDER = Path(__file__).parents[1] / "notebooks"
WIDTH, HEIGHT, SETTLE_MS = 1180, 1000, 2500


def shot(page: Page, name: str, height: int = HEIGHT) -> None:
    """Keep what the page shows, once it stands still."""
    page.set_viewport_size({"width": WIDTH, "height": height})
    page.wait_for_timeout(SETTLE_MS)
    page.mouse.move(2, 2)
    page.evaluate("document.querySelector('[data-testid=stMain]').scrollTo(0, 0)")
    page.screenshot(path=FOLDER / f"web_{name}.png")


def play(page: Page) -> None:
    """Play a child for some visits, and look back."""
    page.get_by_role("button", name="Begin").click()
    page.get_by_role("button", name="Order", exact=True).wait_for()
    for choice in ("One step up", "Keep the dose", "One step up", "Keep the dose", "Keep the dose", "One step up"):
        page.get_by_text(choice, exact=True).click()
        page.get_by_role("button", name="Order", exact=True).click()
        page.wait_for_timeout(900)
    page.get_by_role("button", name="Let the guideline go on").click()
    page.wait_for_timeout(900)
    shot(page, "clinician")
    page.get_by_role("button", name="Debrief").click()
    page.get_by_text("Where you and the guideline parted").wait_for()
    shot(page, "debrief", 1250)


def tour(page: Page) -> None:
    """Go through the other tabs."""
    page.get_by_role("tab", name="Watch the guideline").click()
    for _ in range(2):
        page.get_by_role("button", name="Next change").click()
        page.wait_for_timeout(900)
    shot(page, "watch", 900)
    page.get_by_role("tab", name="Compare policies").click()
    page.get_by_role("button", name="Compare", exact=True).click()
    page.get_by_text("30 children, 2 years").wait_for(timeout=120_000)
    shot(page, "compare", 1250)
    page.get_by_role("tab", name="What if").click()
    page.get_by_role("slider", name="Doses taken, %").focus()
    for _ in range(25):
        page.keyboard.press("ArrowLeft")
    shot(page, "what_if", 900)
    page.get_by_role("tab", name="Data").click()
    shot(page, "data", 900)
    page.get_by_role("tab", name="About").click()
    shot(page, "about", 750)


def main() -> None:
    """Serve the page, play, and keep a picture of each tab."""
    path = next(found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name)))
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        (Path(folder) / "served").mkdir()
        with served(Path(folder) / "served") as server:
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
            page.goto(server.address)
            page.get_by_role("button", name="Begin").wait_for(timeout=60_000)
            shot(page, "cards")
            play(page)
            tour(page)
            browser.close()


if __name__ == "__main__":
    main()
