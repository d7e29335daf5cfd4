"""Splunk: searches that found something, from the webhook alert action."""

from __future__ import annotations

from pydantic import Field

from bot.model import Alert
from handlers.intake import facts
from handlers.intake.fields import Body, Malformed, Text, Texts, Url, first, to_time
from handlers.intake.sender import Delivery, Sender


class _Search(Body):
    name: Text = Field(default="", alias="search_name")
    sid: Text = ""
    app: Text = ""
    url: Url = Field(default=None, alias="results_link")
    result: Texts = {}


def parse(delivery: Delivery) -> list[Alert]:
    """It comes with the first row alone, and never says that it is over. A search that is not saved has no name."""
    search = delivery.as_(_Search, "a webhook of Splunk")
    if not (search.name or search.sid):
        raise Malformed("this is not a webhook of Splunk: search_name and sid are both missing")
    row = search.result
    service = first(row, facts.SERVICE) or row.get("host", "")
    return [
        facts.alert(
            "splunk",
            f"{search.app}/{search.name}/{service}" if search.name else f"sid/{search.sid}",
            search.name or "A search found something",
            firing=True,
            now=delivery.now,
            labels=row,
            service=service,
            starts_at=to_time(row.get("_time")),
            url=search.url,
        )
    ]


SENDER = Sender(title="Splunk: searches that found something", parse=parse, auth="url")
