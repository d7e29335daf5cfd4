"""updown.io: checks that go down and come up, and certificates that are not valid."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from bot.model import Alert
from handlers.intake import facts
from handlers.intake.fields import Body, Malformed, Text, Time, host_of, to_list
from handlers.intake.sender import Delivery, Sender, as_, each

# What an event is about, and whether that fires. What others tell of (a certificate that will expire) never ends.
EVENTS = {
    "check.down": ("down", True),
    "check.still_down": ("down", True),
    "check.up": ("down", False),
    "check.ssl_invalid": ("certificate", True),
    "check.ssl_valid": ("certificate", False),
}
TITLES = {"down": "is down", "certificate": "has an invalid certificate"}


class _Check(Body):
    token: Text = Field(min_length=1)
    alias: Text = ""
    url: Text = ""


class _Downtime(Body):
    started_at: Time = None
    ended_at: Time = None


class _Event(Body):
    event: Text = Field(min_length=1)
    time: Time = None


class _Checked(_Event):
    check_: _Check = Field(alias="check")
    downtime: _Downtime | None = None


def parse(delivery: Delivery) -> list[Alert]:
    """Several events come as a list."""
    content = to_list(delivery.content)
    if not content:
        raise Malformed("this is not a webhook of updown.io: it has no event")
    return each(delivery, content, lambda event: _alerts(event, delivery), "")


def _alerts(content: Any, delivery: Delivery) -> list[Alert]:
    if as_(_Event, content, "an event of updown.io").event not in EVENTS:
        return []
    event = as_(_Checked, content, "an event of updown.io")
    what, firing = EVENTS[event.event]
    check, downtime = event.check_, event.downtime or _Downtime()
    url = check.url if check.url.startswith(("http://", "https://")) else None
    return [
        facts.alert(
            "updown",
            f"{check.token}/{what}",
            f"{check.alias or check.url or 'A check'} {TITLES[what]}",
            firing=firing,
            now=delivery.now,
            severity="critical",
            service=check.alias or host_of(url),
            starts_at=downtime.started_at or event.time,
            ends_at=downtime.ended_at or event.time,
        )
    ]


SENDER = Sender(title="updown.io: checks", parse=parse, auth="url")
