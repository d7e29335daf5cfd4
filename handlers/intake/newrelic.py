"""New Relic: issues, through a workflow whose payload stands in docs/senders.md."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from bot.model import Alert
from handlers.intake import facts
from handlers.intake.fields import Body, Text, Time, Url, to_text
from handlers.intake.sender import Delivery, Sender

FIRING, OVER, QUIET = frozenset({"CREATED", "ACTIVATED"}), frozenset({"CLOSED"}), frozenset({"DEACTIVATED"})
PRIORITY = {"CRITICAL": "critical", "HIGH": "error", "MEDIUM": "warning", "LOW": "info"}


class _Issue(Body):
    id: Text = Field(min_length=1)
    title: Text = ""
    state: Text
    priority: Text = ""
    entities: Any = Field(default=None, alias="impactedEntities")
    created_at: Time = Field(default=None, alias="createdAt")
    closed_at: Time = Field(default=None, alias="closedAt")
    url: Url = Field(default=None, alias="issueUrl")

    @property
    def entity(self) -> str:
        """An issue may concern several; the first one stands for it."""
        first = self.entities[0] if isinstance(self.entities, list) and self.entities else self.entities
        return "" if isinstance(first, dict | list) else to_text(first)


def parse(delivery: Delivery) -> list[Alert]:
    issue = delivery.as_(_Issue, "an issue of New Relic in our payload")
    firing = facts.firing(issue.state.upper(), OVER, FIRING, QUIET)
    if firing is None:
        return []
    return [
        facts.alert(
            "newrelic",
            issue.id,
            issue.title,
            firing=firing,
            now=delivery.now,
            severity=PRIORITY.get(issue.priority.upper(), issue.priority),
            service=issue.entity,
            starts_at=issue.created_at,
            ends_at=issue.closed_at,
            url=issue.url,
        )
    ]


SENDER = Sender(title="New Relic: issues, in our payload", parse=parse)
