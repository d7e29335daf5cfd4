"""Pingdom: uptime and transaction checks, from its webhook integration."""

from __future__ import annotations

from pydantic import Field

from bot.model import Alert
from handlers.intake import facts
from handlers.intake.fields import Body, Tags, Text, Time
from handlers.intake.sender import Delivery, Sender

FIRING, OVER = frozenset({"DOWN", "FAILING"}), frozenset({"UP", "SUCCESS"})
QUIET = frozenset({"UNKNOWN", "PAUSED", "UNCONFIRMED", "UNCONFIRMED_DOWN"})
IMPORTANCE = {"HIGH": "critical", "LOW": "warning"}


class _Parameters(Body):
    hostname: Text = ""


class _Check(Body):
    id: Text = Field(alias="check_id", min_length=1)
    name: Text = Field(default="", alias="check_name")
    parameters: _Parameters = Field(default=_Parameters(), alias="check_params")
    state: Text = Field(alias="current_state")
    importance: Text = Field(default="", alias="importance_level")
    at: Time = Field(default=None, alias="state_changed_timestamp")
    tags: Tags = {}


def parse(delivery: Delivery) -> list[Alert]:
    check = delivery.as_(_Check, "a webhook of Pingdom")
    firing = facts.firing(check.state.upper(), OVER, FIRING, QUIET)
    if firing is None:
        return []
    return [
        facts.alert(
            "pingdom",
            check.id,
            f"{check.name or check.parameters.hostname or 'A check'} is down",
            firing=firing,
            now=delivery.now,
            labels=check.tags,
            severity=IMPORTANCE.get(check.importance.upper(), check.importance) or "critical",
            service=check.tags.get("service") or check.parameters.hostname,
            starts_at=check.at,
            ends_at=check.at,
        )
    ]


SENDER = Sender(title="Pingdom: uptime and transaction checks", parse=parse, auth="url")
