"""Netlify: deploys of sites."""

from __future__ import annotations

from pydantic import Field

from bot.model import Change, ChangeStatus
from handlers.intake import facts
from handlers.intake.fields import Body, Text, Time, Url
from handlers.intake.sender import Delivery, Sender

STATES = {
    "building": ChangeStatus.STARTED,
    "ready": ChangeStatus.SUCCEEDED,
    "error": ChangeStatus.FAILED,
}


class _Deploy(Body):
    id: Text = Field(min_length=1)
    name: Text = Field(min_length=1)
    state: Text
    context: Text = ""
    commit: Text = Field(default="", alias="commit_ref")
    branch: Text = ""
    created_at: Time = None
    updated_at: Time = None
    url: Url = Field(default=None, alias="admin_url")
    committer: Text = ""


def parse(delivery: Delivery) -> list[Change]:
    """What is queued, uploaded or processed has neither begun to run nor ended: such states say nothing."""
    deploy = delivery.as_(_Deploy, "a deploy of Netlify")
    status = STATES.get(deploy.state)
    if status is None:
        return []
    return [
        facts.change(
            "netlify",
            f"deploy/{deploy.id}",
            status,
            now=delivery.now,
            service=deploy.name,
            version=deploy.commit or deploy.branch,
            place=deploy.context,
            at=deploy.created_at if status is ChangeStatus.STARTED else deploy.updated_at,
            url=deploy.url,
            actor=deploy.committer,
        )
    ]


SENDER = Sender(title="Netlify: deploys", parse=parse, auth="netlify")
