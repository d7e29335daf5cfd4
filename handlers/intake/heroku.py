"""Heroku: releases of apps."""

from __future__ import annotations

from pydantic import Field

from bot.model import Change, ChangeStatus
from handlers.intake import facts
from handlers.intake.fields import Body, Text, Time
from handlers.intake.sender import Delivery, Sender, inside

STATES = {
    "pending": ChangeStatus.STARTED,
    "succeeded": ChangeStatus.SUCCEEDED,
    "failed": ChangeStatus.FAILED,
    "expired": ChangeStatus.FAILED,
}


class _Event(Body):
    resource: Text = Field(min_length=1)


class _App(Body):
    name: Text


class _Slug(Body):
    commit: Text = ""


class _Person(Body):
    email: Text = ""


class _Data(Body):
    id: Text = Field(min_length=1)
    app: _App
    status: Text
    version: Text = ""
    description: Text = ""
    slug: _Slug | None = None
    user: _Person | None = None
    created_at: Time = None
    updated_at: Time = None


class _Release(_Event):
    data: _Data


def parse(delivery: Delivery) -> list[Change]:
    if delivery.as_(_Event, "a Heroku webhook").resource != "release":
        return []
    release = delivery.as_(_Release, "a release of Heroku").data
    status = facts.state(release.status, STATES)
    if status is None:
        return []
    return [
        facts.change(
            "heroku",
            f"release/{release.id}",
            status,
            now=delivery.now,
            service=release.app.name,
            version=(release.slug.commit if release.slug else "") or (release.version and f"v{release.version}"),
            at=release.created_at if status is ChangeStatus.STARTED else release.updated_at,
            title=release.description,
            actor=release.user.email if release.user else "",
        )
    ]


SENDER = Sender(
    title="Heroku: releases", parse=parse, auth="heroku", delivery=inside("webhook_metadata", "delivery", "id")
)
