"""The harness itself: a browser test that cannot fail would be worse than none."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PHONE, Pages
from tests.required import missing

SHOUTING = "data:text/html,<script>console.error('cannot read undefined')</script>"
BROKEN = "data:text/html,<script>throw new Error('half a page')</script>"
STYLED = (
    "data:text/html,<style>@media (prefers-color-scheme: dark) { h1 { color: rgb(1, 2, 3) } }</style><h1>Night</h1>"
)


def test_the_errors_of_a_page_are_heard(pages: Pages) -> None:
    pages.open(SHOUTING)
    pages.open(BROKEN)
    assert pages.expected() == ["console: cannot read undefined", "error: half a page"]


def test_a_page_has_the_size_and_scheme_asked_for(pages: Pages) -> None:
    page = pages.open(STYLED, size=PHONE, dark=True)
    assert page.evaluate("innerWidth") == PHONE[0]
    expect(page.get_by_role("heading")).to_have_css("color", "rgb(1, 2, 3)")


def test_what_is_required_fails_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHKEEPER_REQUIRE", "postgresql,chromium")
    with pytest.raises(pytest.fail.Exception, match="required here"):
        missing("chromium", "There is none.")


def test_what_is_not_required_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHKEEPER_REQUIRE", "postgresql")
    with pytest.raises(pytest.skip.Exception, match="There is none"):
        missing("chromium", "There is none.")
