"""The status page in a browser, from a disk: whatever is down, it says itself when it is too old to be believed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from handlers import status_files
from handlers.providers.places import Folder
from tests.bot.status_values import eventful
from tests.browser.conftest import DESKTOP, PHONE, Pages
from tests.values import NOON

Read = Callable[..., Page]


@pytest.fixture
def read(pages: Pages, tmp_path: Path) -> Read:
    """Opens a copy of the page, made at noon, as somebody reads it later."""
    Folder(str(tmp_path)).put(status_files.files(eventful()))

    def open_(at: datetime, name: str = "index.html", size: tuple[int, int] = DESKTOP, *, dark: bool = False) -> Page:
        page = pages.open("about:blank", size=size, dark=dark)
        page.clock.install(time=at)
        page.goto((tmp_path / name).as_uri())
        return page

    return open_


def test_a_fresh_copy_says_nothing_and_the_same_page_says_so_once_it_is_old(read: Read) -> None:
    page = read(NOON + timedelta(minutes=9))
    expect(page.get_by_role("alert")).to_be_hidden()
    page.clock.run_for(2 * 60 * 1000)
    expect(page.get_by_role("alert")).to_contain_text("This page was last confirmed 11 minutes ago.")


def test_a_copy_that_nobody_renewed_says_how_old_it_is(read: Read) -> None:
    page = read(NOON + timedelta(hours=26), size=PHONE, dark=True)
    expect(page.get_by_role("alert")).to_contain_text("last confirmed 1 day ago. What it says may no longer be true.")


def test_what_is_over_never_grows_stale(read: Read, tmp_path: Path) -> None:
    eventful_page = eventful()
    over, going = eventful_page.past[0], eventful_page.open[0]
    later = NOON + timedelta(days=3)
    expect(read(later, status_files.incident_file(over.id)).get_by_role("alert")).to_have_count(0)
    expect(read(later, status_files.incident_file(going.id)).get_by_role("alert")).to_be_visible()


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_it_reads_well_everywhere(read: Read, size: tuple[int, int]) -> None:
    page = read(NOON, size=size)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it does not scroll sideways"
    expect(page.get_by_role("main")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("Partial outage")
    expect(page.get_by_role("img", name="Trouble on 2 of 41 days")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_text("To the content")).to_be_focused()
    page.get_by_role("link", name="Some payments fail").click()
    expect(page.get_by_role("heading", name="Some payments fail")).to_be_visible()
    page.get_by_role("link", name="← All of Shop status").click()
    expect(page.get_by_role("heading", name="Maintenance")).to_be_visible()
