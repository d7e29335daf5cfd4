"""Feeds: hostile ones are refused, and what a page once wrote is not taken for its state of today."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.model import VendorState
from handlers.intake import feed
from handlers.intake.fields import Malformed

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
BOMB = '<!DOCTYPE lol [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE rss [<!ENTITY file SYSTEM "file:///etc/hostname">]>'


def rss(title: str, text: str = "", at: str = "Sat, 21 Nov 2026 01:20:11 GMT") -> str:
    item = f"<item><guid>7</guid><title>{title}</title><description>{text}</description><pubDate>{at}</pubDate></item>"
    return f"<rss><channel><link>https://status.example/</link>{item}</channel></rss>"


def states(body: str | bytes) -> list[VendorState]:
    data = body if isinstance(body, bytes) else body.encode()
    return [status.status for status in feed.statuses(data, NOW)]


@pytest.mark.parametrize("before", ["", "\ufeff", '<?xml version="1.0"?>\n', "<!-- <rss> -->", "<?a b?> <!-- --> "])
@pytest.mark.parametrize("type_", [BOMB, OUTSIDE, "<!DOCTYPE rss>"])
def test_no_document_type_gets_in_whatever_stands_before_it(before: str, type_: str) -> None:
    assert states(before + rss("&#76;ate: investigating")) == [VendorState.DEGRADED]
    with pytest.raises(Malformed, match="document type"):
        states(before + type_ + rss("investigating &b;"))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-7", "utf-32", "punycode"])
def test_no_document_type_hides_in_an_encoding(encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?>{BOMB}{rss("&b;")}'
    for data in (text.encode(), text.encode(encoding, "replace")):
        with pytest.raises(Malformed):
            states(data)


def test_a_page_that_shows_markup_is_no_document_type() -> None:
    assert states(rss("Investigating", "<![CDATA[<!DOCTYPE html><p>x]]>")) == [VendorState.DEGRADED]


def test_a_huge_feed_is_not_read() -> None:
    with pytest.raises(Malformed, match="larger than 2 MiB"):
        states(b"<a>" * 2**20)


@pytest.mark.parametrize("data", [b"", b"<rss", b"<html/>", b"<rss>&b;</rss>", b"\xff\xfe<rss/>", b"{}"])
def test_what_is_no_feed_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(Malformed):
        states(data)


@pytest.mark.parametrize(
    ("title", "text", "state"),
    [
        ("Uploads fail", "&lt;b&gt;Resolved&lt;/b&gt; - fine. Investigating - no", VendorState.OPERATIONAL),
        ("Uploads fail", "&lt;b&gt;Monitoring&lt;/b&gt; - will be resolved soon", VendorState.DEGRADED),
        ("[RESOLVED] Slow starts", "We are investigating", VendorState.OPERATIONAL),
        ("Upgrade", "Scheduled - it will be in progress on Monday", None),
        ("Upgrade", "In progress - Scheduled maintenance", VendorState.MAINTENANCE),
        ("A new office", "Come and see us", None),
    ],
)
def test_the_newest_word_for_a_state_decides(title: str, text: str, state: VendorState | None) -> None:
    assert states(rss(title, text)) == ([state] if state else [])


def test_what_nobody_closed_long_ago_says_nothing_of_now() -> None:
    """Feeds go back for years, and an old incident may have ended without a word."""
    at = NOW - feed.RECENT
    stamps = [f"{moment:%a, %d %b %Y %H:%M:%S} GMT" for moment in (at, at - timedelta(seconds=1))]
    assert [len(states(rss("Monitoring", at=stamp))) for stamp in (*stamps, "some day")] == [1, 0, 0]


def test_whoever_fetches_a_feed_may_say_whose_it_is() -> None:
    [status] = feed.statuses(rss("Investigating").encode(), NOW, "payments")
    assert (status.vendor, status.key) == ("payments", "feed/payments/7")
