"""Zabbix: problems, through a media type whose script stands in docs/senders.md."""

from __future__ import annotations

from pydantic import Field

from bot.model import Alert
from handlers.intake import facts
from handlers.intake.fields import Body, Malformed, Tags, Text, Url
from handlers.intake.sender import Delivery, Sender

FIRING, OVER = frozenset({"PROBLEM", "1"}), frozenset({"OK", "RESOLVED", "0"})
SEVERITY = {
    "disaster": "critical",
    "high": "error",
    "average": "warning",
    "warning": "warning",
    "information": "info",
    "not classified": "info",
}


class _Problem(Body):
    event: Text = ""
    trigger: Text = ""
    name: Text = ""
    status: Text
    severity: Text = ""
    host: Text = ""
    tags: Tags = {}
    url: Url = Field(default=None, alias="link")


def parse(delivery: Delivery) -> list[Alert]:
    """{EVENT.ID} is the problem's, in the message of its recovery too."""
    problem = delivery.as_(_Problem, "a problem of Zabbix in our payload")
    firing = facts.firing(problem.status.upper(), OVER, FIRING)
    if firing is None:
        return []
    if not (problem.event or problem.trigger):
        raise Malformed("event and trigger are missing: one of them tells which problem it is")
    return [
        facts.alert(
            "zabbix",
            f"event/{problem.event}" if problem.event else f"trigger/{problem.trigger}",
            problem.name,
            firing=firing,
            now=delivery.now,
            labels=problem.tags,
            severity=SEVERITY.get(problem.severity.lower(), problem.severity),
            service=problem.tags.get("service") or problem.host,
            url=problem.url,
        )
    ]


SENDER = Sender(title="Zabbix: problems, in our payload", parse=parse)
