"""Unleash: feature toggles and their strategies, from its webhook addon."""

from __future__ import annotations

from pydantic import Field

from bot.model import Change, ChangeKind, ChangeStatus
from handlers.intake import facts
from handlers.intake.fields import Body, Text, Time
from handlers.intake.sender import Delivery, Sender

DONE = {
    "feature-environment-enabled": "on",
    "feature-environment-disabled": "off",
    "feature-environment-variants-updated": "variants updated",
    "feature-strategy-add": "strategy added",
    "feature-strategy-update": "strategy updated",
    "feature-strategy-remove": "strategy removed",
    "feature-archived": "archived",
    "feature-revived": "revived",
}


class _Event(Body):
    type: Text = Field(min_length=1)
    id: Text = ""
    feature: Text = Field(default="", alias="featureName")
    project: Text = ""
    environment: Text = ""
    by: Text = Field(default="", alias="createdBy")
    at: Time = Field(default=None, alias="createdAt")


def parse(delivery: Delivery) -> list[Change]:
    event = delivery.as_(_Event, "an event of Unleash")
    done = DONE.get(event.type)
    if done is None:
        return []
    return [
        facts.change(
            "unleash",
            f"flag/{event.project}/{event.feature}/{event.environment}/{event.id or done}",
            ChangeStatus.SUCCEEDED,
            now=delivery.now,
            service=event.project,
            version=done,
            place=event.environment,
            kind=ChangeKind.FLAG,
            at=event.at,
            title=f"{event.feature}: {done}",
            actor=event.by,
        )
    ]


SENDER = Sender(title="Unleash: feature flags", parse=parse, auth="verbatim")
