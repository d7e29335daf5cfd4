"""A headless Chromium for tests: the machine's own, driven by Playwright; its complaints fail the test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.required import missing

HERE = Path(__file__).parent
SCREENSHOTS = HERE.parent.parent / "out" / "browser"
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DESKTOP, PHONE = (1280, 800), (390, 844)
FAILED = pytest.StashKey[bool]()
PATIENCE = 30_000  # milliseconds: long, since the machine may be busy; only a test that fails waits for so long

expect.set_options(timeout=PATIENCE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.browser)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Lets the fixture that owns the pages know how the test went, while they are still open."""
    report = yield
    if call.when == "call":
        item.stash[FAILED] = report.failed
    return report


def chromium() -> str | None:
    """CHROMIUM names one; otherwise the one on the PATH."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="module")  # Playwright keeps an event loop in this thread: not for other modules
def browser() -> Iterator[Browser]:
    path = chromium()
    if path is None:
        missing(
            "chromium", "There is no Chromium here (apt-get install chromium-headless-shell, or CHROMIUM=/path/to/it)."
        )
    with sync_playwright() as playwright:
        # --disable-dev-shm-usage: containers often have a tiny /dev/shm.
        browser = playwright.chromium.launch(executable_path=path, args=["--disable-dev-shm-usage"])
        yield browser
        browser.close()


class Pages:
    """Opens pages, each in a context of its own, and listens to what they complain of."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.opened: list[Page] = []
        self.complaints: list[str] = []

    def open(self, url: str, *, size: tuple[int, int] = DESKTOP, dark: bool = False) -> Page:
        context = self.browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            timezone_id="UTC",
            locale="en-GB",
        )
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", self.heard)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.goto(url)
        self.opened.append(page)
        return page

    def heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(f"console: {message.text}")

    def expected(self) -> list[str]:
        """The complaints so far, which then no longer fail the test: it provoked them."""
        heard, self.complaints = self.complaints, []
        return heard

    def photograph(self, name: str) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        for number, page in enumerate(self.opened, 1):
            page.screenshot(path=SCREENSHOTS / f"{name}-{number}.png")

    def close(self) -> None:
        for page in self.opened:
            page.context.close()


@pytest.fixture
def pages(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Pages]:
    """`pages.open(url, size=PHONE, dark=True)`. An error in a page's console fails the test; a failing test leaves
    screenshots in out/browser/.
    """
    pages = Pages(browser)
    yield pages
    if request.node.stash.get(FAILED, True) or pages.complaints:
        pages.photograph(request.node.name)
    pages.close()
    assert pages.complaints == []
