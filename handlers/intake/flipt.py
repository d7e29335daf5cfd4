"""Flipt: flags and what belongs to them, from its audit events."""

from __future__ import annotations

from pydantic import Field

from bot.model import Change, ChangeKind, ChangeStatus
from handlers.intake import facts
from handlers.intake.fields import Body, Malformed, Text, Texts, Time
from handlers.intake.sender import Delivery, Sender

# What changes what a flag answers; namespaces and tokens do not.
TYPES = frozenset({"flag", "variant", "rule", "distribution", "rollout", "segment", "constraint"})


class _Metadata(Body):
    actor: Texts = {}


class _Event(Body):
    type: Text = Field(min_length=1)
    action: Text
    status: Text = ""
    metadata: _Metadata = _Metadata()
    payload: Texts = {}
    timestamp: Time = None


def parse(delivery: Delivery) -> list[Change]:
    """Without an id: what was done to which flag, and when, is the change."""
    event = delivery.as_(_Event, "an audit event of Flipt")
    if event.type not in TYPES or event.status not in ("", "success"):
        return []
    payload, actor = event.payload, event.metadata.actor
    flag = payload.get("flag_key") or payload.get("segment_key") or payload.get("key", "")
    if not flag:
        raise Malformed("payload names no flag: key, flag_key and segment_key are missing")
    space = payload.get("namespace_key", "default")
    on = {"True": ", on", "False": ", off"}.get(payload.get("enabled", ""), "") if event.type == "flag" else ""
    when = event.timestamp.isoformat() if event.timestamp else payload.get("id", "")
    return [
        facts.change(
            "flipt",
            f"{event.type}/{space}/{flag}/{event.action}/{when}",
            ChangeStatus.SUCCEEDED,
            now=delivery.now,
            service=space,
            version=flag,
            place=payload.get("environment_key", ""),
            kind=ChangeKind.FLAG,
            at=event.timestamp,
            title=f"{flag}: {event.type} {event.action}{on}",
            actor=actor.get("email") or actor.get("name", ""),
        )
    ]


SENDER = Sender(title="Flipt: feature flags", parse=parse, auth="flipt")
