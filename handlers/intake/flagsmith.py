"""Flagsmith: features updated or deleted."""

from __future__ import annotations

from pydantic import Field

from bot.model import Change, ChangeKind, ChangeStatus
from handlers.intake import facts
from handlers.intake.fields import Body, Malformed, Text, Time
from handlers.intake.sender import Delivery, Sender


class _Event(Body):
    type: Text = Field(alias="event_type", min_length=1)


class _Project(Body):
    name: Text = ""


class _Feature(Body):
    name: Text = Field(min_length=1)
    project: _Project | None = None


class _Named(Body):
    name: Text = ""


class _State(Body):
    enabled: bool
    environment: _Named | None = None
    feature: _Feature


class _Data(Body):
    by: Text = Field(default="", alias="changed_by")
    at: Time = Field(default=None, alias="timestamp")
    new: _State | None = Field(default=None, alias="new_state")
    old: _State | None = Field(default=None, alias="previous_state")


class _Flag(_Event):
    data: _Data


def parse(delivery: Delivery) -> list[Change]:
    """Without an id: a feature's state and its time are the change."""
    kind = delivery.as_(_Event, "a Flagsmith webhook").type
    if kind not in ("FLAG_UPDATED", "FLAG_DELETED"):
        return []
    data = delivery.as_(_Flag, "a flag of Flagsmith").data
    state = data.new or data.old
    if state is None:
        raise Malformed("this is not a flag of Flagsmith: data.new_state: field required")
    done = "deleted" if kind == "FLAG_DELETED" else "on" if state.enabled else "off"
    project = state.feature.project.name if state.feature.project else ""
    place = state.environment.name if state.environment else ""
    when = data.at.isoformat() if data.at else done
    return [
        facts.change(
            "flagsmith",
            f"flag/{project}/{place}/{state.feature.name}/{when}",
            ChangeStatus.SUCCEEDED,
            now=delivery.now,
            service=project,
            version=done,
            place=place,
            kind=ChangeKind.FLAG,
            at=data.at,
            title=f"{state.feature.name}: {done}",
            actor=data.by,
        )
    ]


SENDER = Sender(title="Flagsmith: feature flags", parse=parse, auth="flagsmith")
