"""Buildkite: builds that run or ended."""

from __future__ import annotations

from pydantic import Field

from bot.model import Change, ChangeKind, ChangeStatus
from handlers.intake import facts
from handlers.intake.fields import Body, Text, Time, Url
from handlers.intake.sender import Delivery, Sender

STATES = {
    "running": ChangeStatus.STARTED,
    "passed": ChangeStatus.SUCCEEDED,
    "failed": ChangeStatus.FAILED,
    "canceled": ChangeStatus.CANCELLED,
}
WAITING = "creating, scheduled, blocked, failing, canceling, skipped, not_run, waiting, waiting_failed"
NOTHING = frozenset(WAITING.split(", "))


class _Event(Body):
    event: Text = Field(min_length=1)


class _Build(Body):
    id: Text = Field(min_length=1)
    state: Text
    web_url: Url = None
    commit: Text = ""
    branch: Text = ""
    started_at: Time = None
    finished_at: Time = None


class _Named(Body):
    slug: Text = ""
    name: Text = ""


class _Built(_Event):
    build: _Build
    pipeline: _Named
    sender: _Named | None = None


def parse(delivery: Delivery) -> list[Change]:
    if not delivery.as_(_Event, "a Buildkite webhook").event.startswith("build."):
        return []
    told = delivery.as_(_Built, "a build of Buildkite")
    build = told.build
    status = facts.state(build.state, STATES, NOTHING)
    if status is None:
        return []
    return [
        facts.change(
            "buildkite",
            f"build/{build.id}",
            status,
            now=delivery.now,
            service=told.pipeline.slug or told.pipeline.name,
            version=build.commit or build.branch,
            kind=ChangeKind.JOB,
            at=build.started_at if status is ChangeStatus.STARTED else build.finished_at,
            url=build.web_url,
            actor=told.sender.name if told.sender else "",
        )
    ]


SENDER = Sender(title="Buildkite: builds", parse=parse, auth="buildkite")
