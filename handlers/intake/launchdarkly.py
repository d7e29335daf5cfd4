"""LaunchDarkly: what was done to flags, from its audit log."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

from bot.model import Change, ChangeKind, ChangeStatus
from handlers.intake import facts
from handlers.intake.fields import Body, Text, Time, to_objects
from handlers.intake.sender import Delivery, Sender, inside

RESOURCE = re.compile(r"proj/([^:;]+)[^:]*:env/([^:;]+)[^:]*:flag/([^:;]+)")


class _Kind(Body):
    kind: Text = Field(min_length=1)


class _Access(Body):
    resource: Text = ""


class _Member(Body):
    email: Text = ""


class _Entry(_Kind):
    id: Text = Field(alias="_id", min_length=1)
    date: Time = None
    accesses: Annotated[list[_Access], BeforeValidator(to_objects)] = []
    name: Text = ""
    verb: Text = Field(default="", alias="titleVerb")
    member: _Member | None = None


def parse(delivery: Delivery) -> list[Change]:
    """Every entry is a change of its own; they may come in another order than they were made."""
    if delivery.as_(_Kind, "an audit entry of LaunchDarkly").kind != "flag":
        return []
    entry = delivery.as_(_Entry, "an audit entry of LaunchDarkly")
    found = next(filter(None, (RESOURCE.search(access.resource) for access in entry.accesses)), None)
    project, place, flag = found.groups() if found else ("", "", "")
    return [
        facts.change(
            "launchdarkly",
            f"flag/{entry.id}",
            ChangeStatus.SUCCEEDED,
            now=delivery.now,
            service=project,
            version=flag or entry.name,
            place="" if place == "*" else place,
            kind=ChangeKind.FLAG,
            at=entry.date,
            title=f"{entry.name or flag}: {entry.verb or 'changed'}",
            actor=entry.member.email if entry.member else "",
        )
    ]


SENDER = Sender(title="LaunchDarkly: flags", parse=parse, auth="launchdarkly", delivery=inside("_id"))
