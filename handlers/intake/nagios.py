"""Nagios and Icinga: notifications of hosts and services, from a command that stands in docs/senders.md."""

from __future__ import annotations

from pydantic import Field

from bot.model import Alert
from handlers.intake import facts
from handlers.intake.fields import Body, Text, Time, Url
from handlers.intake.sender import Delivery, Sender, as_, form

FIRING, OVER = frozenset({"PROBLEM"}), frozenset({"RECOVERY"})
# What people do about a problem, and a state that is too restless to be told of.
QUIET = frozenset(
    {
        "ACKNOWLEDGEMENT",
        "CUSTOM",
        "DOWNTIMESTART",
        "DOWNTIMEEND",
        "DOWNTIMECANCELLED",
        "DOWNTIMEREMOVED",
        "FLAPPINGSTART",
        "FLAPPINGSTOP",
        "FLAPPINGEND",
        "FLAPPINGDISABLED",
    }
)
SEVERITY = {"CRITICAL": "critical", "DOWN": "critical", "UNREACHABLE": "error", "WARNING": "warning"}


class _Notification(Body):
    type: Text
    host: Text = Field(min_length=1)
    check_: Text = Field(default="", alias="check")
    state: Text = ""
    output: Text = ""
    service: Text = ""
    environment: Text = ""
    at: Time = None
    url: Url = None


def parse(delivery: Delivery) -> list[Alert]:
    """A form rather than JSON, since nothing escapes the quotes in what a plugin says; JSON is read too."""
    is_json = delivery.data.lstrip().startswith(b"{")
    content = delivery.content if is_json else form(delivery.data)
    told = as_(_Notification, content, "a notification of Nagios")
    firing = facts.firing(told.type.upper(), OVER, FIRING, QUIET)
    if firing is None:
        return []
    return [
        facts.alert(
            "nagios",
            f"{told.host}/{told.check_}" if told.check_ else told.host,
            f"{told.host} {told.check_}: {told.output or told.state}" if told.check_ else f"{told.host} is down",
            firing=firing,
            now=delivery.now,
            severity=SEVERITY.get(told.state.upper(), "warning"),
            service=told.service or told.host,
            place=told.environment,
            starts_at=told.at,
            ends_at=told.at,
            url=told.url,
        )
    ]


SENDER = Sender(title="Nagios and Icinga: hosts and services", parse=parse)
