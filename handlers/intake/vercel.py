"""Vercel: deployments."""

from __future__ import annotations

from pydantic import Field

from bot.model import Change, ChangeStatus
from handlers.intake import facts
from handlers.intake.fields import Body, Text, Time, Url
from handlers.intake.sender import Delivery, Sender, inside

STATES = {
    "deployment.created": ChangeStatus.STARTED,
    "deployment.succeeded": ChangeStatus.SUCCEEDED,
    "deployment.ready": ChangeStatus.SUCCEEDED,
    "deployment.error": ChangeStatus.FAILED,
    "deployment.canceled": ChangeStatus.CANCELLED,
}


class _Event(Body):
    type: Text = Field(min_length=1)


class _Meta(Body):
    commit: Text = Field(default="", alias="githubCommitSha")
    gitlab_commit: Text = Field(default="", alias="gitlabCommitSha")


class _Deployment(Body):
    id: Text = Field(min_length=1)
    name: Text = ""
    meta: _Meta | None = None


class _Project(Body):
    name: Text = ""


class _Links(Body):
    deployment: Url = None


class _Payload(Body):
    deployment: _Deployment
    project: _Project | None = None
    target: Text = ""
    links: _Links | None = None


class _Deployed(_Event):
    created_at: Time = Field(default=None, alias="createdAt")
    payload: _Payload


def parse(delivery: Delivery) -> list[Change]:
    status = STATES.get(delivery.as_(_Event, "a Vercel webhook").type)
    if status is None:
        return []
    event = delivery.as_(_Deployed, "a deployment of Vercel")
    told, meta = event.payload, event.payload.deployment.meta or _Meta()
    return [
        facts.change(
            "vercel",
            f"deployment/{told.deployment.id}",
            status,
            now=delivery.now,
            service=(told.project.name if told.project else "") or told.deployment.name,
            version=meta.commit or meta.gitlab_commit,
            place=told.target or "preview",  # no target is what Vercel calls a preview
            at=event.created_at,
            url=told.links.deployment if told.links else None,
        )
    ]


SENDER = Sender(title="Vercel: deployments", parse=parse, auth="vercel", delivery=inside("id"))
