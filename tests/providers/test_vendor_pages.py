"""A vendor's status page: asked with the ETag of last time, and read as its components say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from bot.errors import ProviderError
from bot.model import VendorState
from bot.policy import Vendor
from handlers import vendors
from handlers.providers.vendor_pages import LARGEST, VendorSites
from tests.story import Story
from tests.values import NOON

URL = "https://status.example"


@pytest.fixture
def pages() -> Iterator[VendorSites]:
    made = VendorSites()
    yield made
    made.close()


def paybridge(story: Story) -> Vendor:
    return Vendor(name="paybridge", page=f"{story.served.url}/statuspage", used_by=("checkout",))


def test_a_page_is_read_as_its_components_say_and_not_as_it_says_of_itself(story: Story, pages: VendorSites) -> None:
    story.shop.vendor(down=True)
    read = vendors.read(pages, paybridge(story), "", NOON)
    assert (read.page, read.title) == ("pbr1dg3st4tu5", "Paybridge")
    assert read.statuses is not None
    cards, payouts = read.statuses
    assert (cards.component, cards.status) == ("Card payments", VendorState.MAJOR_OUTAGE)
    assert (cards.title, cards.url) == ("Elevated card payment errors", "https://stspg.example/paybridge")
    assert cards.at == NOON, "a time with an offset is a moment"
    assert (payouts.component, payouts.status, payouts.title) == ("Payouts", VendorState.OPERATIONAL, "Payouts")
    assert cards.key == "statuspage/pbr1dg3st4tu5/c4rdp4ym3nt5", "the key that its webhooks have"


def test_without_news_nothing_is_sent_and_with_news_it_is(story: Story, pages: VendorSites) -> None:
    vendor = paybridge(story)
    first = vendors.read(pages, vendor, "", NOON)
    assert vendors.read(pages, vendor, first.etag, NOON).statuses is None
    story.shop.vendor(down=True)
    second = vendors.read(pages, vendor, first.etag, NOON)
    assert second.statuses
    assert second.etag != first.etag


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (httpx.Response(503), "HTTP 503"),
        (httpx.Response(200, content=b"<html>"), "not JSON"),
        (httpx.Response(200, json={"page": {}}), "not a summary of Statuspage"),
        (httpx.Response(200, json=[]), "not a summary of Statuspage"),
        (httpx.Response(200, content=b" " * (LARGEST + 1)), "too large"),
    ],
)
def test_what_is_no_such_page_is_the_worlds_turn(answer: httpx.Response, words: str) -> None:
    pages = VendorSites(httpx.MockTransport(lambda request: answer))
    with pytest.raises(ProviderError, match=words):
        vendors.read(pages, Vendor(name="a", page=URL), "", NOON)
    pages.close()


def test_nobody_there_is_the_worlds_turn(pages: VendorSites) -> None:
    with pytest.raises(ProviderError, match="no answer"):
        pages.summary("http://127.0.0.1:1", "")


def test_a_status_that_nobody_knows_is_left_out() -> None:
    content = {
        "page": {"id": "p1"},
        "components": [
            {"id": "a", "name": "A", "status": "on_fire"},
            {"id": "b", "name": "B", "status": "major_outage", "updated_at": None},
        ],
    }
    pages = VendorSites(httpx.MockTransport(lambda request: httpx.Response(200, json=content)))
    (known,) = vendors.read(pages, Vendor(name="a", page=URL), "", NOON).statuses or ()
    assert (known.component, known.at) == ("B", NOON)
    pages.close()


# ---------------------------------------------------------------- feeds

FEED = b"""<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom"><title>Cloud status</title><link href="https://status.cloud.example/"/>
<entry><id>i1</id><title>Object storage: increased errors</title><updated>2026-03-05T11:58:00Z</updated>
<content type="html">&lt;b&gt;Investigating&lt;/b&gt; - We look into it.</content></entry>
<entry><id>i2</id><title>Mail is slow</title><updated>2026-03-05T11:00:00Z</updated>
<content>Identified</content></entry>
</feed>"""
CLOUD = Vendor(name="cloud", page="https://status.cloud.example/atom", feed=True, used_by=("checkout",))


def feeds(content: bytes = FEED) -> Iterator[VendorSites]:
    def answer(request: httpx.Request) -> httpx.Response:
        assert str(request.url) == CLOUD.page
        if request.headers.get("if-none-match") == "e1":
            return httpx.Response(304)
        return httpx.Response(200, content=content, headers={"etag": "e1"})

    made = VendorSites(httpx.MockTransport(answer))
    yield made
    made.close()


def test_a_feed_is_read_with_its_etag_and_each_entry_is_a_component() -> None:
    for pages in feeds():
        read = vendors.read(pages, CLOUD, "", NOON)
        assert (read.page, read.etag) == ("feed/cloud", "e1")
        assert [(said.key, said.component, said.status) for said in read.statuses or ()] == [
            ("feed/cloud/i1", "Object storage: increased errors", VendorState.DEGRADED),
            ("feed/cloud/i2", "Mail is slow", VendorState.DEGRADED),
        ]
        assert vendors.read(pages, CLOUD, "e1", NOON).statuses is None


def test_of_a_feed_only_the_entries_count_that_name_a_component_that_is_used() -> None:
    for pages in feeds():
        read = vendors.read(pages, replace(CLOUD, components=("Object Storage", "ail")), "", NOON)
        assert [said.component for said in read.statuses or ()] == ["Object Storage"]


def test_what_is_no_feed_is_an_error() -> None:
    for pages in feeds(b"<html></html>"):
        with pytest.raises(ProviderError, match="neither Atom nor RSS"):
            vendors.read(pages, CLOUD, "", NOON)
