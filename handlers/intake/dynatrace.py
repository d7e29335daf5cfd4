"""Dynatrace: problems, through a custom integration whose payload stands in docs/senders.md."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from bot.model import Alert
from handlers.intake import facts
from handlers.intake.fields import Body, Malformed, Tags, Text, Url, to_text
from handlers.intake.sender import Delivery, Sender

# A problem that is merged goes on as another one, which tells of itself.
FIRING, OVER = frozenset({"OPEN"}), frozenset({"RESOLVED", "MERGED"})
SEVERITY = {
    "AVAILABILITY": "critical",
    "ERROR": "error",
    "PERFORMANCE": "warning",
    "RESOURCE_CONTENTION": "warning",
    "CUSTOM_ALERT": "warning",
}


class _Problem(Body):
    id: Text = Field(default="", alias="PID")
    number: Text = Field(default="", alias="ProblemID")
    title: Text = Field(default="", alias="ProblemTitle")
    state: Text = Field(alias="State")
    severity: Text = Field(default="", alias="ProblemSeverity")
    entities: Any = Field(default=None, alias="ImpactedEntities")
    tags: Tags = Field(default={}, alias="Tags")
    url: Url = Field(default=None, alias="ProblemURL")

    @property
    def entity(self) -> str:
        first = self.entities[0] if isinstance(self.entities, list) and self.entities else None
        return to_text(first.get("name")) if isinstance(first, dict) else ""


def parse(delivery: Delivery) -> list[Alert]:
    problem = delivery.as_(_Problem, "a problem of Dynatrace in our payload")
    firing = facts.firing(problem.state.upper(), OVER, FIRING)
    if firing is None:
        return []
    if not (problem.id or problem.number):
        raise Malformed("PID and ProblemID are missing: one of them tells which problem it is")
    return [
        facts.alert(
            "dynatrace",
            problem.id or problem.number,
            problem.title,
            firing=firing,
            now=delivery.now,
            labels=problem.tags,
            severity=SEVERITY.get(problem.severity.upper(), problem.severity),
            service=problem.tags.get("service") or problem.entity,
            url=problem.url,
        )
    ]


SENDER = Sender(title="Dynatrace: problems, in our payload", parse=parse)
